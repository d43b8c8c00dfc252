/* SPDX-License-Identifier: GPL-2.0-or-later */
/* novelty_fixture - see novelty_fixture.h. */
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

void
set(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	ds_event_set_str(ev, field, text, strlen(text));
}

size_t
file(struct fixture *f, const char *daemon, uint8_t kind, const char *exe, const char *path,
    uint64_t value)
{
	struct ds_event ev = fixture_event(f, kind, daemon);

	ev.flags = DS_FLAG_FIRST;
	ev.num[DS_NUM_PID] = 4242;
	ev.num[kind == DS_EVENT_FILE_CHMOD ? DS_NUM_MODE : DS_NUM_OPEN_FLAGS] = value;
	set(&ev, DS_STR_EXE, exe);
	set(&ev, DS_STR_PATH, path);
	fixture_add(f, &ev);
	return fixture_send(f);
}

size_t
wrote(struct fixture *f, const char *daemon, const char *exe, const char *path)
{
	return file(f, daemon, DS_EVENT_FILE_WRITE, exe, path, O_WRONLY | O_CREAT);
}

size_t
net(struct fixture *f, const char *daemon, uint8_t kind, const char *exe, const char *address,
    unsigned port)
{
	struct ds_event ev = fixture_event(f, kind, daemon);
	uint8_t raw[4];

	assert_int_equal(inet_pton(AF_INET, address, raw), 1);
	ev.num[DS_NUM_PID] = 4242;
	ev.num[DS_NUM_PROTO] = 6;
	ev.num[DS_NUM_DPORT] = port;
	set(&ev, DS_STR_EXE, exe);
	ds_event_set_str(&ev, DS_STR_DADDR, raw, 4);
	fixture_add(f, &ev);
	return fixture_send(f);
}

size_t
did(struct fixture *f, const char *daemon, uint8_t kind, const char *exe, enum ds_num_field field,
    uint64_t value)
{
	struct ds_event ev = fixture_event(f, kind, daemon);

	ev.num[DS_NUM_PID] = 4242;
	ev.num[field] = value;
	set(&ev, DS_STR_EXE, exe);
	fixture_add(f, &ev);
	return fixture_send(f);
}

void
ready(struct fixture *f, const char *daemon, const char *exe)
{
	fixture_declare(f, daemon, "service", exe, "1", 1);
	assert_int_equal(fixture_send(f), 0);
	fixture_watch(f, daemon, 100);
}

const struct finding *
only(const struct fixture *f, const char *kind, const char *severity)
{
	const struct finding *found = &f->verdict.findings[0];

	assert_int_equal(f->verdict.findings_len, 1);
	assert_string_equal(found->kind, kind);
	assert_string_equal(found->severity, severity);
	assert_non_null(found->json);
	return found;
}
