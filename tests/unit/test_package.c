/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/hash.h"
#include "agent/guard/package.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void
make_file(const char *path, const char *text)
{
	tree_make_file(root, path, text);
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/test_package.XXXXXX");
	hash_forget();
	return mkdtemp(root) == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	return tree_remove(root);
}

static void
make_database(void)
{
	make_file(
	    "/var/lib/dpkg/info/nginx-common.list", "/.\n/usr\n/usr/sbin\n/etc/nginx/nginx.conf\n");
	make_file("/var/lib/dpkg/info/nginx-light.list", "/.\n/usr\n/usr/sbin\n/usr/sbin/nginx\n");
	make_file("/var/lib/dpkg/info/cron.list", "/.\n/usr\n/usr/sbin/cron\n/etc/crontab");
	make_file("/var/lib/dpkg/info/bash.list", "/.\n/bin\n/bin/bash\n");
	make_file("/var/lib/dpkg/info/libx:amd64.list", "/usr/lib/x/server\n");
	make_file("/var/lib/dpkg/info/removed.list", "/usr/sbin/removed\n");
	make_file("/var/lib/dpkg/info/a.list", "/usr/bin/tool\n");
	make_file("/var/lib/dpkg/info/b.list", "/usr/bin/tool\n");
	make_file("/var/lib/dpkg/info/cron.md5sums", "/usr/sbin/md5\n");
	make_file("/var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.real\nb\n");
	make_file("/var/lib/dpkg/status",
	    "Package: nginx-light\nStatus: install ok installed\nArchitecture: amd64\n"
	    "Description: x\n Version: 9\nVersion: 1.22.1-9\n\n"
	    "Package: libx\nStatus: install ok installed\nArchitecture: i386\nVersion: 1\n\n"
	    "Package: libx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n\n"
	    "Package: removed\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 3\n\n"
	    "Package: a\nStatus: install ok installed\nVersion: 4\n\n"
	    "Package: b\nStatus: install ok installed\nVersion: 5\n\n"
	    "Package: bash\nStatus: install ok half-configured\nVersion: 6\n\n"
	    "Package: cron\nStatus: install ok installed\nVersion: 3.0pl1\n");
}

static void
check(const char *path, const char *name, const char *version, size_t budget)
{
	struct package_job job;
	unsigned steps = 0;

	assert_int_equal(package_begin(&job, root), 0);
	assert_int_equal(package_add(&job, path), 0);
	while (package_step(&job, budget) == 0)
		assert_true(++steps < 1000);
	assert_string_equal(job.query[0].name, name);
	assert_string_equal(job.query[0].version, version);
	package_end(&job);
}

static void
a_file_belongs_to_the_package_that_lists_it(void **state)
{
	(void)state;
	make_database();
	check("/usr/sbin/nginx", "nginx-light", "1.22.1-9", 1 << 20);
	check("/etc/crontab", "cron", "3.0pl1", 1 << 20); /* no newline at the end */
	check("/usr/lib/x/server", "libx", "2", 1 << 20); /* the right architecture */
	check("/usr/sbin/removed", "removed", "", 1 << 20);
	check("/usr/sbin/nothing", "", "", 1 << 20);
	check("/usr/sbin/md5", "", "", 1 << 20);
	check("/usr/sbin/ngin", "", "", 1 << 20);
}

static void
it_makes_no_difference_how_small_the_slices_are(void **state)
{
	(void)state;
	make_database();
	check("/usr/sbin/nginx", "nginx-light", "1.22.1-9", 1);
}

static void
bin_and_usr_bin_are_the_same(void **state)
{
	(void)state;
	make_database();
	check("/usr/bin/bash", "bash", "6", 1 << 20);
	check("/sbin/nginx", "nginx-light", "1.22.1-9", 1 << 20);
}

static void
a_diverted_file_belongs_to_whom_it_was_diverted_from(void **state)
{
	(void)state;
	make_database();
	check("/usr/bin/tool", "b", "5", 1 << 20);
	check("/usr/bin/tool.real", "a", "4", 1 << 20);
}

static void
many_questions_take_one_pass(void **state)
{
	struct package_job job;

	(void)state;
	make_database();
	assert_int_equal(package_begin(&job, root), 0);
	for (int i = 0; i < (int)PACKAGE_QUERIES_MAX; i++)
		assert_int_equal(package_add(&job, i % 2 ? "/usr/sbin/cron" : "/bin/bash"), i);
	assert_int_equal(package_add(&job, "/bin/sh"), -ENOSPC);
	while (package_step(&job, 1 << 20) == 0)
		;
	assert_string_equal(job.query[30].name, "bash");
	assert_string_equal(job.query[31].version, "3.0pl1");
	package_end(&job);
	assert_int_equal(package_begin(&job, root), 0);
	assert_int_equal(package_add(&job, "relative"), -EINVAL);
	package_end(&job);
}

static void
no_database_and_a_hostile_one_answer_nothing(void **state)
{
	char path[128];

	(void)state;
	check("/usr/sbin/nginx", "", "", 1 << 20);
	/* A link out of the root, a FIFO that would block, a line without end. */
	make_file("/var/lib/dpkg/info/x.list", "/x\n");
	(void)snprintf(path, sizeof(path), "%s/var/lib/dpkg/info/link.list", root);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	(void)snprintf(path, sizeof(path), "%s/var/lib/dpkg/info/fifo.list", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)snprintf(path, sizeof(path), "%s/var/lib/dpkg/status", root);
	assert_int_equal(symlink("../../../../../../etc/passwd", path), 0);
	check("/usr/sbin/nginx", "", "", 1 << 20);
}

static void
a_line_longer_than_any_path_is_skipped(void **state)
{
	static char text[20000];

	(void)state;
	for (size_t i = 0; i < 10000; i++)
		text[i] = 'a';
	(void)snprintf(text + 10000, sizeof(text) - 10000, "\n/usr/sbin/nginx\n");
	make_file("/var/lib/dpkg/info/long.list", text);
	check("/usr/sbin/nginx", "long", "", 1 << 20);
}

static int
hash_file(const char *name, size_t budget, uint8_t ret[HASH_SIZE], unsigned *ret_steps)
{
	char path[128];
	struct hash_job job;
	int r;

	(void)snprintf(path, sizeof(path), "%s%s", root, name);
	r = hash_begin(&job, open(path, O_RDONLY | O_CLOEXEC));
	*ret_steps = 0;
	while (r == 0) {
		r = hash_step(&job, budget, ret);
		++*ret_steps;
	}
	return r;
}

static void
a_hash_is_made_in_slices_and_remembered(void **state)
{
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
		0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
		0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	uint8_t hash[HASH_SIZE];
	unsigned steps;

	(void)state;
	make_file("/file", "abc");
	assert_int_equal(hash_file("/file", 1, hash, &steps), 1);
	assert_memory_equal(hash, abc, HASH_SIZE);
	assert_int_equal(steps, 2);
	assert_int_equal(hash_file("/file", 1, hash, &steps), 1);
	assert_int_equal(steps, 1);
	assert_memory_equal(hash, abc, HASH_SIZE);
	assert_int_equal(hash_file("", 1, hash, &steps), -EINVAL); /* a directory */
}

static void
a_file_that_changes_meanwhile_has_no_hash(void **state)
{
	uint8_t hash[HASH_SIZE];
	struct hash_job job;
	char path[128];
	int r = 0;

	(void)state;
	make_file("/file", "abc");
	(void)snprintf(path, sizeof(path), "%s/file", root);
	assert_int_equal(hash_begin(&job, open(path, O_RDONLY | O_CLOEXEC)), 0);
	assert_int_equal(hash_step(&job, 1, hash), 0);
	make_file("/file", "abcdef");
	while (r == 0)
		r = hash_step(&job, 1, hash);
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(job.fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_belongs_to_the_package_that_lists_it),
		cmocka_unit_test(it_makes_no_difference_how_small_the_slices_are),
		cmocka_unit_test(bin_and_usr_bin_are_the_same),
		cmocka_unit_test(a_diverted_file_belongs_to_whom_it_was_diverted_from),
		cmocka_unit_test(many_questions_take_one_pass),
		cmocka_unit_test(no_database_and_a_hostile_one_answer_nothing),
		cmocka_unit_test(a_line_longer_than_any_path_is_skipped),
		cmocka_unit_test(a_hash_is_made_in_slices_and_remembered),
		cmocka_unit_test(a_file_that_changes_meanwhile_has_no_hash),
	};
	struct CMUnitTest with[DS_LEN(tests)];

	for (size_t i = 0; i < DS_LEN(tests); i++) {
		with[i] = tests[i];
		with[i].setup_func = set_up;
		with[i].teardown_func = tear_down;
	}
	return cmocka_run_group_tests(with, NULL, NULL);
}
