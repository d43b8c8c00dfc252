/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes that may wait for ever, by children that need not be waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/reactions/apart.h"
#include "agent/guard/reactions/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned
group_of(const char *network)
{
	int number = group_number(network);

	assert_true(number > 0);
	return (unsigned)number;
}

static int
answer(void *ctx)
{
	return *(int *)ctx;
}

static int
wait_for_ever(void *ctx)
{
	while (ctx == NULL)
		(void)pause();
	return 0;
}

static int
end(void *ctx)
{
	(void)ctx;
	_exit(0);
}

static int
ask_from_within(void *ctx)
{
	return apart_do(1, answer, ctx);
}

/* Says by a pipe that it was begun. */
static int
begin(void *ctx)
{
	return write(*(int *)ctx, "x", 1) == 1 ? 0 : -EIO;
}

static int
count_files(void *ctx)
{
	int n = 0;

	(void)ctx;
	for (int fd = 3; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
what_the_work_returns_comes_back(void **state)
{
	unsigned group = group_of("net:a");
	int value = 7;

	(void)state;
	assert_int_equal(apart_do(group, answer, &value), 7);
	value = -ENOENT;
	assert_int_equal(apart_do(group, answer, &value), -ENOENT);
	assert_int_equal(apart_do(group, ask_from_within, &value), -ENOENT);
}

static void
one_that_ends_without_a_word_is_a_failure(void **state)
{
	(void)state;
	assert_int_equal(apart_do(group_of("net:a"), end, NULL), -ECHILD);
}

static void
it_has_none_of_our_files_but_its_answer(void **state)
{
	(void)state;
	assert_int_equal(apart_do(group_of("net:a"), count_files, NULL), 1);
}

static void
who_holds_up_a_change_is_not_waited_for_and_the_next_is_not_begun(void **state)
{
	unsigned group = group_of("net:b");
	int pair[2];
	char c;

	(void)state;
	group_keep(group);
	assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(apart_do(group, wait_for_ever, NULL), -ETIMEDOUT);
	assert_true(group_rests(group));
	assert_int_equal(apart_do(group, begin, &pair[1]), -ETIMEDOUT);
	assert_int_equal(read(pair[0], &c, 1), -1);
	/* Others are not held up by that. */
	c = 0;
	assert_int_equal(apart_do(group_of("net:c"), answer, &(int){ 3 }), 3);
	/* What was given up has been ended. */
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	assert_int_equal(errno, ECHILD);
	group_took(group, true);
	assert_int_equal(apart_do(group, answer, &(int){ 3 }), 3);
	group_let_go(group);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

struct question {
	int fd;
	char text[4];
};

static int
read_file(void *ctx)
{
	struct question *q = ctx;

	return read(q->fd, q->text, sizeof(q->text)) == (ssize_t)sizeof(q->text) ? 0 : -EIO;
}

static void
what_is_read_of_a_file_comes_back(void **state)
{
	struct question q = { .fd = APART_FD };
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	assert_int_equal(fputs("abcd", f), 1);
	rewind(f);
	assert_int_equal(apart_read(fileno(f), read_file, &q, sizeof(q)), 0);
	assert_memory_equal(q.text, "abcd", 4);
	assert_int_equal(apart_read(fileno(f), count_files, &q, sizeof(q)), 2);
	(void)fclose(f);
}

static void
who_does_not_answer_is_not_waited_for_and_has_changed_nothing(void **state)
{
	struct question q = { .fd = APART_FD, .text = "old" };
	int pair[2];

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(apart_read(pair[0], read_file, &q, sizeof(q)), -ETIMEDOUT);
	assert_string_equal(q.text, "old");
	(void)close(pair[0]);
	(void)close(pair[1]);
	/* Nor does it keep others from their network. */
	assert_int_equal(apart_do(group_of("net:d"), answer, &(int){ 3 }), 3);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_work_returns_comes_back),
		cmocka_unit_test(one_that_ends_without_a_word_is_a_failure),
		cmocka_unit_test(it_has_none_of_our_files_but_its_answer),
		cmocka_unit_test(who_holds_up_a_change_is_not_waited_for_and_the_next_is_not_begun),
		cmocka_unit_test(what_is_read_of_a_file_comes_back),
		cmocka_unit_test(who_does_not_answer_is_not_waited_for_and_has_changed_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
