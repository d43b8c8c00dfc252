/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/ecs.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct ecs_context context = { "id1", "web1", 1750000001000000 };

static json_t *
document(const struct ds_event *ev)
{
	struct ds_buf out;
	struct ds_json j;
	json_t *doc;

	ds_buf_init(&out, 1 << 20);
	ds_json_init(&j, &out);
	ecs_write(&j, ev, &context);
	assert_int_equal(ds_json_done(&j), 0);
	doc = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	ds_buf_done(&out);
	return doc;
}

/* The member at a dotted name. */
static json_t *
at(json_t *doc, const char *path)
{
	char key[64];

	for (; doc != NULL && *path; path += *path == '.') {
		size_t len = strcspn(path, ".");

		memcpy(key, path, len);
		key[len] = '\0';
		doc = json_object_get(doc, key);
		path += len;
	}
	return doc;
}

#define TEXT_AT(doc, path, expected) assert_string_equal(json_string_value(at(doc, path)), expected)

static struct ds_event
an_exec(void)
{
	static const char args[] = "sh\0-c\0id";
	struct ds_event ev = { .time_us = 1750000000000000, .count = 2, .kind = DS_EVENT_EXEC };

	ev.flags = DS_FLAG_FIRST | DS_FLAG_PARTIAL;
	ev.daemon = (struct ds_str){ "nginx.service", 13 };
	ev.num[DS_NUM_PID] = 7;
	ev.num[DS_NUM_PPID] = 6;
	ds_event_set_str(&ev, DS_STR_EXE, "/bin/sh", 7);
	ds_event_set_str(&ev, DS_STR_PARENT_EXE, "/usr/sbin/nginx", 15);
	ds_event_set_str(&ev, DS_STR_ARGS, args, sizeof(args) - 1);
	return ev;
}

static void
an_exec_is_an_ecs_document(void **state)
{
	struct ds_event ev = an_exec();
	json_t *doc = document(&ev);

	(void)state;
	TEXT_AT(doc, "@timestamp", "2025-06-15T15:06:40.000000Z");
	TEXT_AT(doc, "ecs.version", ECS_VERSION);
	TEXT_AT(doc, "event.action", "exec");
	TEXT_AT(doc, "event.kind", "event");
	assert_string_equal(json_string_value(json_array_get(at(doc, "event.type"), 0)), "start");
	assert_string_equal(
	    json_string_value(json_array_get(at(doc, "event.category"), 0)), "process");
	TEXT_AT(doc, "host.name", "web1");
	TEXT_AT(doc, "host.id", "id1");
	TEXT_AT(doc, "service.name", "nginx.service");
	TEXT_AT(doc, "process.executable", "/bin/sh");
	TEXT_AT(doc, "process.name", "sh");
	TEXT_AT(doc, "process.command_line", "sh -c id");
	TEXT_AT(doc, "process.parent.executable", "/usr/sbin/nginx");
	assert_int_equal(json_integer_value(at(doc, "process.parent.pid")), 6);
	assert_int_equal(json_array_size(at(doc, "process.args")), 3);
	assert_int_equal(json_integer_value(at(doc, "daemonsec.count")), 2);
	assert_int_equal(json_array_size(at(doc, "daemonsec.flags")), 2);
	TEXT_AT(doc, "user.id", "0");
	assert_null(at(doc, "process.start"));
	assert_null(at(doc, "file.inode"));
	json_decref(doc);
}

static void
addresses_modes_and_hashes_are_text(void **state)
{
	static const uint8_t v4[4] = { 192, 0, 2, 1 }, hash[32] = { 0xab, 0xcd };
	struct ds_event ev = { .count = 1, .kind = DS_EVENT_INTEGRITY };
	json_t *doc;

	(void)state;
	ev.num[DS_NUM_MODE] = 0755;
	ev.num[DS_NUM_OUTCOME] = 1;
	ds_event_set_str(&ev, DS_STR_SHA256, hash, sizeof(hash));
	ds_event_set_str(&ev, DS_STR_SADDR, v4, sizeof(v4));
	doc = document(&ev);
	TEXT_AT(doc, "file.mode", "0755");
	TEXT_AT(doc, "event.outcome", "success");
	TEXT_AT(doc, "source.ip", "192.0.2.1");
	assert_memory_equal(json_string_value(at(doc, "file.hash.sha256")), "abcd00", 6);
	json_decref(doc);
}

static void
bytes_that_are_no_text_are_replaced(void **state)
{
	struct ds_event ev = an_exec();
	json_t *doc;

	(void)state;
	ds_event_set_str(&ev, DS_STR_EXE, "/tmp/\xff\n\"x", 9);
	doc = document(&ev);
	TEXT_AT(doc, "process.executable", "/tmp/\xef\xbf\xbd\n\"x");
	json_decref(doc);
}

static void
every_kind_makes_a_document(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < DS_EVENT_MAX; kind++) {
		struct ds_event ev = { .count = 1, .kind = (uint8_t)kind };

		if (ds_kind_table[kind].symbol == NULL)
			continue;
		for (unsigned f = 1; f < DS_NUM_MAX; f++)
			ev.num[f] = ds_field_table[f].symbol ? UINT64_MAX : 0;
		for (unsigned f = DS_STR_FIRST; f < DS_STR_END; f++)
			if (ds_field_table[f].symbol != NULL)
				ds_event_set_str(&ev, f, "abcd", 4);
		json_decref(document(&ev));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exec_is_an_ecs_document),
		cmocka_unit_test(addresses_modes_and_hashes_are_text),
		cmocka_unit_test(bytes_that_are_no_text_are_replaced),
		cmocka_unit_test(every_kind_makes_a_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
