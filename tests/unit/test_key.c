/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/key.h"
#include "server/detect/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static const char *
canonical(const char *path)
{
	static char out[KEY_MAX];

	key_path((struct ds_str){ path, (uint32_t)strlen(path) }, out, sizeof(out));
	return out;
}

static void
versions_do_not_matter_and_names_do(void **state)
{
	(void)state;
	assert_string_equal(canonical("/usr/bin/python3.11"), "/usr/bin/python#");
	assert_string_equal(
	    canonical("/usr/lib/postgresql/15/bin/postgres"), "/usr/lib/postgresql/#/bin/postgres");
	assert_string_equal(canonical("/usr/sbin/php-fpm8.2"), "/usr/sbin/php-fpm#");
	assert_string_equal(canonical("/opt/app/v2.4.1/run"), "/opt/app/#/run");
	assert_string_equal(canonical("/work/strange001"), "/work/strange001");
	assert_string_equal(canonical("/usr/bin/7z"), "/usr/bin/7z");
	assert_string_equal(canonical("relative"), "relative");
	assert_string_equal(canonical("/"), "/");
}

static void
temporary_names_are_one_only_where_they_are_made(void **state)
{
	(void)state;
	assert_string_equal(canonical("/tmp/tmp.Ab12CdEf34/x"), "/tmp/tmp*/x");
	assert_string_equal(canonical("/var/tmp/tmpf8s7d6f"), "/var/tmp/tmp*");
	assert_string_equal(canonical("/tmp/implant"), "/tmp/implant");
	assert_string_equal(canonical("/usr/bin/tmpfiles123"), "/usr/bin/tmpfiles123");
}

static void
a_long_path_is_cut(void **state)
{
	char path[4096], out[KEY_MAX];
	struct key key;

	(void)state;
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 10 == 0 ? '/' : 'a';
	assert_int_equal(
	    key_path((struct ds_str){ path, sizeof(path) }, out, sizeof(out)), KEY_MAX - 1);
	key_of_program((struct ds_str){ path, sizeof(path) }, KEY_CHILD, &key);
	assert_true(key.size <= KEY_MAX);
}

static void
events_have_keys_that_people_can_read(void **state)
{
	struct ds_event ev = { .kind = DS_EVENT_CONNECT };
	char text[200];
	struct key key;

	(void)state;
	ev.num[DS_NUM_DPORT] = 5432;
	ev.num[DS_NUM_PROTO] = 6;
	ds_event_set_str(&ev, DS_STR_DADDR, "\x0a\x01\x02\x03", 4);
	key_of_event(&ev, &key);
	key_text(ev.kind, key.data, key.size, text, sizeof(text));
	assert_string_equal(text, "tcp 10.1.2.0/24 port 5432");
	ds_event_set_str(
	    &ev, DS_STR_DADDR, "\x20\x01\x0d\xb8\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff", 16);
	key_of_event(&ev, &key);
	key_text(ev.kind, key.data, key.size, text, sizeof(text));
	assert_string_equal(text, "tcp 2001:db8:0:1::/64 port 5432");
	ev.kind = DS_EVENT_LISTEN;
	key_of_event(&ev, &key);
	key_text(ev.kind, key.data, key.size, text, sizeof(text));
	assert_string_equal(text, "tcp port 5432");
	ev.kind = DS_EVENT_FILE_WRITE;
	ds_event_set_str(&ev, DS_STR_PATH, "/var/lib/app/1/2/3/file", 23);
	key_of_event(&ev, &key);
	key_text(ev.kind, key.data, key.size, text, sizeof(text));
	assert_string_equal(text, "/var/lib/app/#/");
	key_of_program((struct ds_str){ "/bin/x", 6 }, KEY_CONTROL, &key);
	key_text(DS_EVENT_EXEC, key.data, key.size, text, sizeof(text));
	assert_string_equal(text, "/bin/x (by the service manager)");
}

static const char *
class_of(const char *name, const char *image)
{
	static char out[CLASS_MAX];

	key_class(name, image, out, sizeof(out));
	return out;
}

static void
a_class_has_no_instance_and_no_host_in_it(void **state)
{
	(void)state;
	assert_string_equal(class_of("nginx.service", ""), "nginx");
	assert_string_equal(class_of("nginx", ""), "nginx");
	assert_string_equal(class_of("postgresql@15-main.service", ""), "postgresql");
	assert_string_equal(class_of("container:web-1", "docker.io/library/nginx:1.25"),
	    "container:docker.io/library/nginx");
	assert_string_equal(
	    class_of("container:web-1", "reg:5000/nginx@sha256:ab"), "container:reg:5000/nginx");
	assert_string_equal(class_of("container:web-1", "sha256:ab"), "container:sha256:ab");
	assert_string_equal(class_of("cron/job", ""), "cron/job");
}

static void
programs_are_known_by_their_names(void **state)
{
	(void)state;
	assert_int_equal(program_info("/usr/bin/dash").sort, PROGRAM_SHELL);
	assert_string_equal(program_info("/usr/bin/python#").technique, "T1059.006");
	assert_int_equal(program_info("/usr/bin/dashboard").sort, PROGRAM_OTHER);
	assert_string_equal(program_technique_name("T1059.004"), "Unix Shell");
	assert_string_equal(program_technique_name("T0"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_do_not_matter_and_names_do),
		cmocka_unit_test(temporary_names_are_one_only_where_they_are_made),
		cmocka_unit_test(a_long_path_is_cut),
		cmocka_unit_test(events_have_keys_that_people_can_read),
		cmocka_unit_test(a_class_has_no_instance_and_no_host_in_it),
		cmocka_unit_test(programs_are_known_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
