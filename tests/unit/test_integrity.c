/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/emit.h"
#include "agent/guard/file_state.h"
#include "agent/guard/integrity_find.h"
#include "agent/guard/integrity_table.h"
#include "agent/guard/package_digest.h"
#include "agent/guard/package_owner.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static char found[4096];

void
emit_event(const struct ds_event *ev)
{
	(void)ev;
}

void
emit_gap(const char *source, uint64_t lost, uint64_t duration_us, const char *message)
{
	(void)source;
	(void)lost;
	(void)duration_us;
	(void)message;
}

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
	char full[512];
	FILE *f;

	for (const char *slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		(void)snprintf(full, sizeof(full), "%s%.*s", root, (int)(slash - path), path);
		(void)mkdir(full, 0700);
	}
	f = fopen(at(path), "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/test_integrity.XXXXXX");
	found[0] = '\0';
	return mkdtemp(root) == NULL || integrity_table_init() < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	integrity_table_done();
	return tree_remove(root);
}

static void
note(void *ctx, const char *path, enum file_class class, bool tree)
{
	size_t len = strlen(found);

	(void)ctx;
	(void)class;
	(void)snprintf(found + len, sizeof(found) - len, "%s%s ", path, tree ? "/" : "");
}

static void
libraries_are_what_is_mapped_to_be_run(void **state)
{
	(void)state;
	integrity_find_maps("55-56 r-xp 00000000 fe:00 1    /usr/sbin/nginx\n"
			    "7f-80 r--p 00000000 fe:00 2    /usr/lib/libz.so.1\n"
			    "80-81 r-xp 00001000 fe:00 2    /usr/lib/libz.so.1\n"
			    "81-82 r-xp 00001000 fe:00 3    /usr/lib/lib with blank.so (deleted)\n"
			    "82-83 r-xp 00001000 00:01 3    /memfd:x (deleted)\n"
			    "83-84 r-xp 00000000 00:00 0    [vdso]\n"
			    "84-85 rw-p 00000000 00:00 0    /usr/lib/data\n"
			    "85-86 r-xp",
	    "/usr/sbin/nginx", note, NULL);
	assert_string_equal(found, "/usr/lib/libz.so.1 /usr/lib/lib with blank.so ");
}

static void
files_on_the_command_line_are_configuration(void **state)
{
	const char *plain[] = { "/x/daemon", NULL, NULL, NULL, NULL, NULL };
	char title[600], joined[600], attached[600];

	(void)state;
	make_file("/a.conf", "x");
	make_file("/b.conf", "x");
	make_file("/c.conf", "x");
	make_file("/x.log", "x");
	(void)snprintf(joined, sizeof(joined), "--config=%s", at("/b.conf"));
	(void)snprintf(attached, sizeof(attached), "-f%s", at("/c.conf"));
	plain[1] = at("/a.conf");
	plain[2] = joined;
	plain[3] = attached;
	plain[4] = at("/x.log");
	integrity_find_arguments(getpid(), plain, note, NULL);
	(void)snprintf(
	    title, sizeof(title), "%s %s %s ", at("/a.conf"), at("/b.conf"), at("/c.conf"));
	assert_string_equal(found, title);

	/* A title over the arguments: one text. */
	found[0] = '\0';
	(void)snprintf(title, sizeof(title), "nginx: master process nginx -c %s", at("/a.conf"));
	integrity_find_arguments(getpid(), (const char *[]){ title, NULL }, note, NULL);
	(void)snprintf(title, sizeof(title), "%s ", at("/a.conf"));
	assert_string_equal(found, title);
}

static void
what_a_daemon_writes_is_no_configuration(void **state)
{
	char option[600];
	int fd;

	(void)state;
	make_file("/out", "x");
	fd = open(at("/out"), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	(void)snprintf(option, sizeof(option), "-E%s", at("/out"));
	integrity_find_arguments(getpid(), (const char *[]){ "d", option, NULL }, note, NULL);
	assert_string_equal(found, "");
	assert_int_equal(close(fd), 0);
}

static void
configuration_is_known_by_the_daemons_name(void **state)
{
	(void)state;
	integrity_find_known("sshd", note, NULL);
	assert_non_null(strstr(found, "/etc/ssh/ "));
	assert_non_null(strstr(found, "/etc/pam.d/sshd "));
	found[0] = '\0';
	integrity_find_known("nobody-knows-it", note, NULL);
	assert_string_equal(found, "");
}

static void
editors_passing_names_are_left_out(void **state)
{
	(void)state;
	assert_true(integrity_is_passing("nginx.conf~", 11));
	assert_true(integrity_is_passing(".nginx.conf.swp", 15));
	assert_true(integrity_is_passing("x.dpkg-new", 10));
	assert_true(integrity_is_passing("4913", 4));
	assert_false(integrity_is_passing("evil.conf", 9));
	assert_false(integrity_is_passing("", 0));
}

static unsigned
change_of(const struct file_state *before, const char *path)
{
	struct file_state now;

	assert_int_equal(file_state_whole(at(path), &now), 0);
	return file_state_compare(before, &now);
}

static void
every_kind_of_change_has_its_bit(void **state)
{
	struct file_state before;

	(void)state;
	make_file("/f", "text");
	assert_int_equal(chmod(at("/f"), 0644), 0);
	assert_int_equal(file_state_whole(at("/f"), &before), 0);
	assert_int_equal(change_of(&before, "/f"), 0);
	assert_int_equal(chmod(at("/f"), 0666), 0);
	assert_int_equal(change_of(&before, "/f"), FILE_CHANGED_MODE);
	assert_int_equal(chmod(at("/f"), 0644), 0);
	make_file("/f", "tent");
	assert_int_equal(change_of(&before, "/f"), FILE_CHANGED_CONTENT);
	make_file("/f", "text");
	assert_int_equal(change_of(&before, "/f"), 0); /* only its times differ */
	assert_int_equal(link(at("/f"), at("/g")), 0);
	assert_int_equal(change_of(&before, "/f"), FILE_CHANGED_LINKS);
	assert_int_equal(unlink(at("/f")), 0);
	assert_int_equal(change_of(&before, "/f"), FILE_CHANGED_TYPE);
	assert_int_equal(symlink("g", at("/f")), 0);
	assert_int_equal(change_of(&before, "/f"), FILE_CHANGED_TYPE | FILE_CHANGED_CONTENT);
	assert_int_equal(unlink(at("/f")), 0);
	assert_int_equal(mkdir(at("/f"), 0700), 0);
	assert_int_equal(change_of(&before, "/f"), FILE_CHANGED_TYPE | FILE_CHANGED_CONTENT);
	assert_int_equal(rmdir(at("/f")), 0);
	assert_int_equal(mkfifo(at("/f"), 0600), 0); /* opening it would wait for a writer */
	assert_int_equal(change_of(&before, "/f"), FILE_CHANGED_TYPE | FILE_CHANGED_CONTENT);
}

static void
where_a_link_leads_is_its_contents(void **state)
{
	struct file_state before;

	(void)state;
	assert_int_equal(symlink("one", at("/l")), 0);
	assert_int_equal(file_state_whole(at("/l"), &before), 0);
	assert_int_equal(unlink(at("/l")), 0);
	assert_int_equal(symlink("two", at("/l")), 0);
	assert_int_equal(change_of(&before, "/l"), FILE_CHANGED_CONTENT);
}

static void
make_database(void)
{
	/* md5 of "text": 1cb251ec0d568de6a929b520c4aed8d1 */
	make_file("/var/lib/dpkg/info/one.md5sums",
	    "short\n1cb251ec0d568de6a929b520c4aed8d1  lib/one.so\n"
	    "00000000000000000000000000000000  usr/sbin/one\nzz");
	make_file("/var/lib/dpkg/info/lib:amd64.md5sums",
	    "1cb251ec0d568de6a929b520c4aed8d1  usr/lib/two.so\n");
	make_file("/var/lib/dpkg/info/one.list", "/.\n/etc/one.conf\n/lib/one.so");
	make_file("/var/lib/dpkg/info/lib:amd64.list", "/usr/lib/two.so\n");
	make_file("/var/lib/dpkg/status",
	    "Package: none\nStatus: install ok installed\nVersion: 1\n\n"
	    "Package: one\nStatus: install ok installed\nVersion: 2:3-4\n"
	    "Conffiles:\n /etc/one.conf 1cb251ec0d568de6a929b520c4aed8d1\n"
	    " /etc/old.conf 1cb251ec0d568de6a929b520c4aed8d1 obsolete\n /etc/bad.conf nothing\n"
	    "Description: x\n /etc/no.conf 1cb251ec0d568de6a929b520c4aed8d1\n\n");
}

static enum package_word
verify(const char *package, const char *path)
{
	int fd = open(at("/file"), O_RDONLY | O_CLOEXEC);
	enum package_word word;

	assert_true(fd >= 0);
	word = package_verify(root, package, path, fd);
	assert_int_equal(close(fd), 0);
	return word;
}

static void
the_package_database_has_its_word(void **state)
{
	char version[32];

	(void)state;
	make_database();
	make_file("/file", "text");
	assert_int_equal(verify("one", "/usr/lib/one.so"), PACKAGE_AGREES); /* merged /usr */
	assert_int_equal(verify("one", "/usr/sbin/one"), PACKAGE_DIFFERS);
	assert_int_equal(verify("one", "/etc/one.conf"), PACKAGE_AGREES);
	assert_int_equal(verify("one", "/etc/old.conf"), PACKAGE_UNKNOWN);
	assert_int_equal(verify("one", "/etc/no.conf"), PACKAGE_UNKNOWN);
	assert_int_equal(verify("lib", "/usr/lib/two.so"), PACKAGE_AGREES); /* one.. :amd64 */
	assert_int_equal(verify("none", "/usr/sbin/one"), PACKAGE_UNKNOWN);
	assert_int_equal(verify("../one", "/usr/sbin/one"), PACKAGE_UNKNOWN);
	assert_int_equal(package_version(root, "one", version, sizeof(version)), 0);
	assert_string_equal(version, "2:3-4");
	assert_int_equal(package_version(root, "two", version, sizeof(version)), -ENOENT);
}

static void
note_owner(void *ctx, const char *path, const char *package)
{
	(void)ctx;
	if (strcmp(path, "/usr/lib/two.so") == 0 || strcmp(path, "/lib/one.so") == 0)
		note(NULL, package, FILE_CONFIG, false);
}

static void
one_pass_names_all_owners(void **state)
{
	struct owner_job job;
	unsigned steps = 0;

	(void)state;
	make_database();
	assert_int_equal(owner_begin(&job, root), 0);
	while (owner_step(&job, 1, note_owner, NULL) == 0)
		assert_true(++steps < 10);
	assert_true(strcmp(found, "one lib ") == 0 || strcmp(found, "lib one ") == 0);
	owner_end(&job);
	assert_int_equal(owner_begin(&job, "/nowhere"), -ENOENT);
}

static void
a_daemon_cannot_fill_the_table(void **state)
{
	char path[64];
	bool is_new;

	(void)state;
	for (unsigned i = 0; i < INTEGRITY_DAEMON_MAX + 10; i++) {
		(void)snprintf(path, sizeof(path), "/d/%u", i);
		(void)integrity_add(0, path, FILE_CONFIG, false, 1, &is_new);
	}
	assert_int_equal(integrity_len(), INTEGRITY_DAEMON_MAX);
	assert_int_equal(integrity_refused(), 10);
	assert_non_null(integrity_add(0, "/d/x", FILE_CONFIG, false, 2, &is_new));
	assert_true(is_new);
}

static void
a_file_of_two_daemons_goes_with_the_last(void **state)
{
	struct watched_file *f;
	bool is_new;

	(void)state;
	f = integrity_add(0, "/lib/x.so", FILE_LIBRARY, false, 1, &is_new);
	assert_ptr_equal(integrity_add(0, "/lib/x.so", FILE_LIBRARY, false, 2, &is_new), f);
	assert_false(is_new);
	assert_null(integrity_get(17, "/lib/x.so")); /* the same path elsewhere */
	integrity_drop(f, 1);
	assert_true(integrity_uses(f, 2));
	assert_false(integrity_uses(f, 1));
	integrity_drop(f, 2);
	assert_null(integrity_get(0, "/lib/x.so"));
	assert_int_equal(integrity_len(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(libraries_are_what_is_mapped_to_be_run),
		TEST(files_on_the_command_line_are_configuration),
		TEST(what_a_daemon_writes_is_no_configuration),
		TEST(configuration_is_known_by_the_daemons_name),
		TEST(editors_passing_names_are_left_out),
		TEST(every_kind_of_change_has_its_bit),
		TEST(where_a_link_leads_is_its_contents),
		TEST(the_package_database_has_its_word),
		TEST(one_pass_names_all_owners),
		TEST(a_daemon_cannot_fill_the_table),
		TEST(a_file_of_two_daemons_goes_with_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
