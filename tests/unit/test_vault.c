/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/replace.h"
#include "agent/guard/vault.h"
#include "tests/unit/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_BYTES (64u << 10)

static char root[64];
static char why[256];

static const char *
at(const char *path)
{
	static char full[4][512];
	static unsigned next;
	char *ret = full[next++ % 4];

	(void)snprintf(ret, sizeof(full[0]), "%s%s", root, path);
	return ret;
}

static void
make_file(const char *path, const char *text)
{
	FILE *f = fopen(at(path), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
make_big(const char *path, size_t size, int fill)
{
	FILE *f = fopen(at(path), "w");

	assert_non_null(f);
	for (size_t i = 0; i < size; i++)
		assert_true(fputc(fill, f) != EOF);
	assert_int_equal(fclose(f), 0);
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/test_vault.XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	why[0] = '\0';
	return vault_open(at("/vault"), MAX_BYTES);
}

static int
tear_down(void **state)
{
	(void)state;
	vault_close();
	return tree_remove(root);
}

static int
put(const char *path, enum vault_kind kind, uint8_t sha256[HASH_SIZE])
{
	int fd = open(at(path), O_RDONLY | O_CLOEXEC), r;

	assert_true(fd >= 0);
	r = vault_put(fd, kind, sha256);
	assert_int_equal(close(fd), 0);
	return r;
}

static unsigned
count(const char *path)
{
	DIR *d = opendir(at(path));
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.' || strncmp(e->d_name, ".new", 4) == 0;
	(void)closedir(d);
	return n;
}

/* What the path is now, its contents in the vault. */
static struct file_meta *
take(const char *path, bool trusted)
{
	struct file_meta *m = calloc(1, sizeof(*m));
	int fd = file_open_path(AT_FDCWD, at(path));

	assert_non_null(m);
	assert_int_equal(file_meta_read(fd, m), 0);
	if (m->type == FILE_REGULAR) {
		assert_int_equal(put(path, VAULT_OBJECT, m->sha256), 0);
		m->hashed = true;
	}
	m->trusted = trusted;
	if (fd >= 0)
		(void)close(fd);
	return m;
}

static void
check_text(const char *path, const char *text)
{
	char have[64] = "";
	FILE *f = fopen(at(path), "r");

	assert_non_null(f);
	(void)!fread(have, 1, sizeof(have) - 1, f);
	(void)fclose(f);
	assert_string_equal(have, text);
}

static void
the_same_contents_are_kept_once(void **state)
{
	uint8_t one[HASH_SIZE], two[HASH_SIZE];

	(void)state;
	make_file("/a", "text");
	make_file("/b", "text");
	assert_int_equal(put("/a", VAULT_OBJECT, one), 0);
	assert_int_equal(put("/b", VAULT_OBJECT, two), 0);
	assert_memory_equal(one, two, HASH_SIZE);
	assert_int_equal(put("/b", VAULT_EVIDENCE, two), 0); /* is there already */
	assert_int_equal(count("/vault/objects"), 1);
	assert_int_equal(count("/vault/evidence"), 0);
	assert_int_equal(vault_size(), 4);
	assert_true(vault_has(one));
}

static void
a_vault_of_others_is_refused(void **state)
{
	(void)state;
	vault_close();
	assert_int_equal(chmod(at("/vault"), 0755), 0);
	assert_int_equal(vault_open(at("/vault"), MAX_BYTES), -EPERM);
	assert_false(vault_is_open());
	assert_int_equal(chmod(at("/vault"), 0700), 0);
	assert_int_equal(symlink("vault", at("/link")), 0);
	assert_int_equal(vault_open(at("/link"), MAX_BYTES), -ENOTDIR);
	assert_int_equal(vault_open(at("/vault"), MAX_BYTES), 0);
}

static void
what_is_left_of_a_crash_goes(void **state)
{
	(void)state;
	make_file("/vault/objects/.new", "half");
	make_file("/vault/objects/nonsense", "half");
	vault_close();
	assert_int_equal(vault_open(at("/vault"), MAX_BYTES), 0);
	assert_int_equal(count("/vault/objects"), 0);
	assert_int_equal(vault_size(), 0);
}

static void
old_evidence_makes_room_for_new(void **state)
{
	uint8_t hash[3][HASH_SIZE];

	(void)state;
	for (int i = 0; i < 3; i++) { /* a quarter has room for two */
		struct timespec times[2] = { { .tv_sec = 100 + i }, { .tv_sec = 100 + i } };
		char hex[96] = "/vault/evidence/";

		make_big("/f", 7u << 10, 'a' + i);
		assert_int_equal(put("/f", VAULT_EVIDENCE, hash[i]), 0);
		for (size_t k = 0; k < HASH_SIZE; k++)
			(void)snprintf(hex + strlen(hex), 3, "%02x", hash[i][k]);
		assert_int_equal(utimensat(AT_FDCWD, at(hex), times, 0), 0);
	}
	assert_false(vault_has(hash[0]));
	assert_true(vault_has(hash[1]) && vault_has(hash[2]));
}

static void
a_full_vault_refuses_and_counts(void **state)
{
	struct file_meta *m;
	uint8_t hash[HASH_SIZE];

	(void)state;
	make_big("/used", 20u << 10, 'u');
	m = take("/used", true);
	assert_int_equal(vault_remember("/used", m), 0);
	free(m);
	make_big("/unused", 20u << 10, 'x');
	assert_int_equal(put("/unused", VAULT_OBJECT, hash), 0);
	make_big("/new", 20u << 10, 'n');
	assert_int_equal(put("/new", VAULT_OBJECT, hash), 0); /* in the place of the unused one */
	assert_int_equal(count("/vault/objects"), 2);
	make_big("/big", 40u << 10, 'b');
	assert_int_equal(put("/big", VAULT_OBJECT, hash), -ENOSPC);
	assert_int_equal(vault_refused(), 1);
	assert_int_equal(count("/vault/objects"), 1); /* what a path refers to stays */
}

static void
states_of_a_path_come_back_latest_first(void **state)
{
	struct vault_history *h;
	struct file_meta *m;

	(void)state;
	assert_int_equal(vault_history("/x", &h), -ENOENT);
	make_file("/f", "one");
	m = take("/f", true);
	assert_int_equal(vault_remember("/x", m), 0);
	free(m);
	for (int i = 0; i < 12; i++) {
		char text[8];

		(void)snprintf(text, sizeof(text), "n%d", i);
		make_file("/f", text);
		m = take("/f", false);
		assert_int_equal(vault_remember("/x", m), 0);
		free(m);
	}
	assert_int_equal(vault_history("/x", &h), 0);
	assert_int_equal(h->len, VAULT_VERSIONS_MAX);
	assert_int_equal(h->version[0].size, 3);                 /* n11 */
	assert_true(h->version[VAULT_VERSIONS_MAX - 1].trusted); /* outlives the others */
	free(h);
}

static void
a_damaged_history_is_not_believed(void **state)
{
	struct file_meta *m;
	struct vault_history *h;
	char name[600], path[300] = "";
	DIR *d;
	struct dirent *e;
	FILE *f;

	(void)state;
	make_file("/f", "one");
	m = take("/f", true);
	assert_int_equal(vault_remember("/x", m), 0);
	d = opendir(at("/vault/paths"));
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)snprintf(path, sizeof(path), "%s", e->d_name);
	(void)closedir(d);
	(void)snprintf(name, sizeof(name), "%s/%s", at("/vault/paths"), path);
	f = fopen(name, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, 20, SEEK_SET), 0);
	assert_true(fputc('!', f) != EOF);
	(void)fclose(f);
	assert_int_equal(vault_history("/x", &h), -EBADMSG);
	assert_int_equal(vault_remember("/x", m), 0); /* begun anew */
	assert_int_equal(vault_history("/x", &h), 0);
	free(h);
	free(m);
}

static int
restore(const char *path, const struct file_meta *m)
{
	return replace_file(at(path), m, "aside", why, sizeof(why));
}

static void
contents_mode_times_and_attributes_come_back(void **state)
{
	struct timespec times[2] = { { .tv_sec = 1000, .tv_nsec = 5 },
		{ .tv_sec = 2000, .tv_nsec = 7 } };
	bool has_xattrs, has_label; /* not every file system, and nobody but root */
	char value[8] = "";
	struct file_meta *m;
	struct stat st;

	(void)state;
	make_file("/f", "good");
	assert_int_equal(chmod(at("/f"), 04751), 0);
	has_xattrs = setxattr(at("/f"), "user.x", "v", 1, 0) == 0;
	has_label = setxattr(at("/f"), "security.selinux", "a:b", 4, 0) == 0;
	assert_int_equal(utimensat(AT_FDCWD, at("/f"), times, 0), 0);
	m = take("/f", true);
	make_file("/f", "evil");
	assert_int_equal(chmod(at("/f"), 0600), 0);
	if (has_xattrs)
		assert_int_equal(removexattr(at("/f"), "user.x"), 0);
	if (has_label)
		assert_int_equal(setxattr(at("/f"), "security.selinux", "a:c", 4, 0), 0);
	assert_int_equal(replace_is(at("/f"), m), 0);
	assert_int_equal(restore("/f", m), 0);
	assert_int_equal(replace_is(at("/f"), m), 1);
	check_text("/f", "good");
	assert_int_equal(stat(at("/f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 04751);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 7);
	if (has_xattrs)
		assert_int_equal(getxattr(at("/f"), "user.x", value, sizeof(value)), 1);
	if (has_label) {
		assert_int_equal(getxattr(at("/f"), "security.selinux", value, sizeof(value)), 4);
		assert_string_equal(value, "a:b");
	}
	assert_int_equal(count(""), 2); /* the vault and the file: nothing beside */
	free(m);
}

static void
links_and_fifos_in_its_place_are_replaced_and_not_followed(void **state)
{
	struct file_meta *m;

	(void)state;
	make_file("/f", "good");
	m = take("/f", true);
	make_file("/victim", "victim");
	assert_int_equal(unlink(at("/f")), 0);
	assert_int_equal(symlink("victim", at("/f")), 0);
	assert_int_equal(restore("/f", m), 0);
	check_text("/f", "good");
	check_text("/victim", "victim");
	assert_int_equal(unlink(at("/f")), 0);
	assert_int_equal(link(at("/victim"), at("/f")), 0);
	assert_int_equal(restore("/f", m), 0);
	check_text("/victim", "victim"); /* by another name, untouched */
	assert_int_equal(unlink(at("/f")), 0);
	assert_int_equal(mkfifo(at("/f"), 0600), 0);
	assert_int_equal(restore("/f", m), 0);
	check_text("/f", "good");
	free(m);
}

static void
a_directory_in_its_place_stays_aside_and_can_come_back(void **state)
{
	struct file_meta *m;
	struct stat st;

	(void)state;
	make_file("/f", "good");
	m = take("/f", true);
	assert_int_equal(unlink(at("/f")), 0);
	assert_int_equal(mkdir(at("/f"), 0700), 0);
	make_file("/f/inside", "evidence");
	assert_int_equal(restore("/f", m), 0);
	check_text("/f", "good");
	check_text("/aside/inside", "evidence");
	assert_int_equal(replace_back(at("/f"), "aside"), 0);
	check_text("/f/inside", "evidence");
	assert_int_equal(stat(at("/aside"), &st), -1);
	free(m);
}

static void
a_link_and_an_absence_come_back_too(void **state)
{
	struct file_meta *nothing, *link_meta;
	char target[16] = "";

	(void)state;
	nothing = take("/f", true);
	assert_int_equal(symlink("there", at("/f")), 0);
	link_meta = take("/f", true);
	assert_int_equal(restore("/f", nothing), 0);
	assert_int_equal(replace_is(at("/f"), nothing), 1);
	assert_int_equal(restore("/f", link_meta), 0);
	assert_int_equal(readlink(at("/f"), target, sizeof(target) - 1), 5);
	assert_string_equal(target, "there");
	free(nothing);
	free(link_meta);
}

static void
what_cannot_be_done_leaves_everything_as_it_was(void **state)
{
	char sub[600];
	struct file_meta *m;

	(void)state;
	make_file("/f", "good");
	m = take("/f", true);
	make_file("/f", "evil");
	m->sha256[0] ^= 1; /* not in the vault */
	assert_int_equal(restore("/f", m), -ENOENT);
	assert_true(why[0] != '\0');
	check_text("/f", "evil");
	assert_int_equal(count(""), 2);
	assert_int_equal(symlink(".", at("/dir")), 0); /* a directory on the way became a link */
	m->sha256[0] ^= 1;
	(void)snprintf(sub, sizeof(sub), "%s/f", at("/dir"));
	assert_int_equal(replace_file(sub, m, "aside", why, sizeof(why)), -ELOOP);
	check_text("/f", "evil");
	free(m);
}

static void
a_damaged_copy_is_not_put_back(void **state)
{
	struct file_meta *m;
	char hex[96] = "/vault/objects/";

	(void)state;
	make_file("/f", "good");
	m = take("/f", true);
	for (size_t k = 0; k < HASH_SIZE; k++)
		(void)snprintf(hex + strlen(hex), 3, "%02x", m->sha256[k]);
	assert_int_equal(chmod(at(hex), 0600), 0);
	make_file(hex, "evil");
	make_file("/f", "other");
	assert_int_equal(restore("/f", m), -EBADMSG);
	check_text("/f", "other");
	free(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_contents_are_kept_once),
		TEST(a_vault_of_others_is_refused),
		TEST(what_is_left_of_a_crash_goes),
		TEST(old_evidence_makes_room_for_new),
		TEST(a_full_vault_refuses_and_counts),
		TEST(states_of_a_path_come_back_latest_first),
		TEST(a_damaged_history_is_not_believed),
		TEST(contents_mode_times_and_attributes_come_back),
		TEST(links_and_fifos_in_its_place_are_replaced_and_not_followed),
		TEST(a_directory_in_its_place_stays_aside_and_can_come_back),
		TEST(a_link_and_an_absence_come_back_too),
		TEST(what_cannot_be_done_leaves_everything_as_it_was),
		TEST(a_damaged_copy_is_not_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
