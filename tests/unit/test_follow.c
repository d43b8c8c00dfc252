/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/logs/follow.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[64], path[128], rotated[128];
static char got[65536]; /* every line given, each with a newline */
static unsigned lost;
static struct follow f;

static void
on_line(const char *text, size_t len, void *ctx)
{
	size_t used = strlen(got);

	(void)ctx;
	snprintf(got + used, sizeof(got) - used, "%.*s\n", (int)DS_MIN(len, 60u), text);
}

static void
on_lost(const char *why, void *ctx)
{
	(void)why;
	(void)ctx;
	lost++;
}

static const struct follow_ops ops = { .line = on_line, .lost = on_lost };

static void
write_to(const char *name, int flags, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
add(const char *text)
{
	write_to(path, O_APPEND, text);
}

static void
expect(const char *lines)
{
	int r;

	got[0] = '\0';
	do
		r = follow_read(&f, 1u << 20, &ops);
	while (r == 1);
	assert_int_equal(r, 0);
	assert_string_equal(got, lines);
}

static void
begin(void)
{
	assert_int_equal(follow_init(&f, path), 0);
	assert_int_equal(follow_begin(&f), 0);
}

/* The uplink dies and comes again: only the place is left of it. */
static void
restart(void)
{
	struct follow place;
	struct ds_buf b;

	ds_buf_init(&b, 4096);
	assert_int_equal(follow_put(&f, &b), 0);
	follow_done(&f);
	assert_int_equal(follow_get(&b, &place), 0);
	assert_string_equal(place.path, path);
	assert_int_equal(follow_init(&f, path), 0);
	follow_take_place(&f, &place);
	ds_buf_done(&b);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_follow.XXXXXX");
	lost = 0;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/auth.log", dir);
	snprintf(rotated, sizeof(rotated), "%s/auth.log.1", dir);
	return 0;
}

static int
teardown(void **state)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	(void)state;
	follow_done(&f);
	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	return rmdir(dir);
}

static void
copy_to(const char *name)
{
	static char data[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, data, sizeof(data) - 1);

	assert_true(n >= 0);
	data[n] = '\0';
	close(fd);
	write_to(name, O_TRUNC, data);
}

static void
only_what_is_new_and_whole_is_given(void **state)
{
	(void)state;
	add("old\nhalf a li");
	begin();
	expect("");
	add("ne\nnew one\nnew");
	expect("new one\n");
	add(" two\n");
	expect("new two\n");
	expect("");
}

static void
a_log_that_appears_later_is_read_from_its_beginning(void **state)
{
	(void)state;
	begin();
	expect("");
	restart();
	add("first\n");
	expect("first\n");
}

static void
rotation_by_renaming_loses_and_repeats_nothing(void **state)
{
	(void)state;
	add("a\n");
	begin();
	add("b\n");
	expect("b\n");
	add("c\n");
	assert_int_equal(rename(path, rotated), 0);
	expect("c\n");
	/* The writer has not been told yet. */
	write_to(rotated, O_APPEND, "d\n");
	write_to(path, O_TRUNC, "");
	expect("d\n");
	write_to(rotated, O_APPEND, "e\n");
	add("f\n");
	expect("e\nf\n");
	add("g\n");
	expect("g\n");
	assert_int_equal(lost, 0);
}

static void
copytruncate_loses_and_repeats_nothing(void **state)
{
	(void)state;
	add("the first line\n");
	begin();
	add("b\nc\n");
	expect("b\nc\n");
	add("d\n");
	copy_to(rotated);
	assert_int_equal(truncate(path, 0), 0);
	expect("d\n");
	add("e\n");
	expect("e\n");
	/* Grown past the old place before we look. */
	copy_to(rotated);
	write_to(path, O_TRUNC, "another line that is longer than all that was there before it\n");
	expect("another line that is longer than all that was there before i\n");
	assert_int_equal(lost, 0);
}

static void
a_restart_goes_on_where_it_was(void **state)
{
	(void)state;
	add("a\n");
	begin();
	add("b\n");
	expect("b\n");
	restart();
	expect("");
	add("c\n");
	restart();
	expect("c\n");
	restart();
	restart();
	add("d\n");
	expect("d\n");
}

static void
rotation_while_away_is_made_up_for(void **state)
{
	(void)state;
	add("a\n");
	begin();
	add("b\n");
	expect("b\n");
	add("c\n");
	assert_int_equal(rename(path, rotated), 0);
	write_to(path, O_TRUNC, "d\n");
	restart();
	expect("c\nd\n");
	/* And the same by copytruncate. */
	add("e\n");
	copy_to(rotated);
	write_to(path, O_TRUNC, "f\n");
	restart();
	expect("e\nf\n");
	assert_int_equal(lost, 0);
}

/* When a file was written last; the order of those that were rotated away follows from it. */
static void
set_age(const char *name, time_t seconds)
{
	const struct timespec times[2] = { { time(NULL) - seconds, 0 },
		{ time(NULL) - seconds, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
}

static void
in_the_directory(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s/%s", dir, name);
}

static void
several_rotations_while_away_are_made_up_for(void **state)
{
	char oldest[128], older[128], other[128];

	(void)state;
	in_the_directory(oldest, sizeof(oldest), "auth.log.9");
	in_the_directory(older, sizeof(older), "auth.log.2");
	add("a\n");
	begin();
	add("b\n");
	expect("b\n");
	add("c\n");
	assert_int_equal(rename(path, older), 0);
	write_to(oldest, O_TRUNC, "read long ago\n");
	write_to(rotated, O_TRUNC, "d\ne\n");
	set_age(oldest, 400);
	set_age(older, 300);
	set_age(rotated, 200);
	/* Neither a copy of what is read, nor what is not a rotated log, comes in between. */
	in_the_directory(other, sizeof(other), "auth.log.bak");
	write_to(other, O_TRUNC, "not a log\n");
	set_age(other, 250);
	in_the_directory(other, sizeof(other), "auth.log.3");
	write_to(other, O_TRUNC, "a\nb\n");
	set_age(other, 240);
	write_to(path, O_TRUNC, "f\n");
	restart();
	expect("c\nd\ne\nf\n");
	add("g\n");
	expect("g\n");
	assert_int_equal(lost, 0);
}

static void
a_log_of_which_nothing_was_read_may_be_rotated_too(void **state)
{
	(void)state;
	add("");
	begin();
	expect("");
	restart();
	add("a\n");
	assert_int_equal(rename(path, rotated), 0);
	set_age(rotated, 200);
	write_to(path, O_TRUNC, "b\n");
	expect("a\nb\n");
	assert_int_equal(lost, 0);
}

static void
a_log_rotated_away_is_read_before_there_is_a_new_one(void **state)
{
	char older[128];

	(void)state;
	in_the_directory(older, sizeof(older), "auth.log.2");
	add("a\n");
	begin();
	assert_int_equal(rename(path, older), 0);
	write_to(rotated, O_TRUNC, "b\n");
	set_age(older, 300);
	set_age(rotated, 200);
	expect("b\n");
	add("c\n");
	expect("c\n");
	assert_int_equal(lost, 0);
}

static void
what_was_rotated_out_of_sight_is_told(void **state)
{
	(void)state;
	add("a\n");
	begin();
	add("b\n");
	expect("b\n");
	write_to(rotated, O_TRUNC, "x\n"); /* keeps the inode from being used again */
	assert_int_equal(rename(rotated, path), 0);
	restart();
	expect("x\n");
	assert_int_equal(lost, 1);
}

static void
a_line_without_end_is_cut_and_passed_over(void **state)
{
	char big[5000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	begin();
	for (int i = 0; i < 10; i++)
		add(big);
	add("\nafter\n");
	expect("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nafter\n");
}

static void
places_that_are_damaged_are_refused(void **state)
{
	struct follow place;
	struct ds_buf b, v;

	(void)state;
	begin();
	ds_buf_init(&b, 4096);
	assert_int_equal(follow_put(&f, &b), 0);
	for (size_t len = 0; len < b.len; len++) {
		ds_buf_view(&v, b.data, len);
		assert_true(follow_get(&v, &place) < 0);
	}
	ds_buf_done(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_what_is_new_and_whole_is_given),
		TEST(a_log_that_appears_later_is_read_from_its_beginning),
		TEST(rotation_by_renaming_loses_and_repeats_nothing),
		TEST(copytruncate_loses_and_repeats_nothing),
		TEST(a_restart_goes_on_where_it_was),
		TEST(rotation_while_away_is_made_up_for),
		TEST(several_rotations_while_away_are_made_up_for),
		TEST(a_log_of_which_nothing_was_read_may_be_rotated_too),
		TEST(a_log_rotated_away_is_read_before_there_is_a_new_one),
		TEST(what_was_rotated_out_of_sight_is_told),
		TEST(a_line_without_end_is_cut_and_passed_over),
		TEST(places_that_are_damaged_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
