/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/detect_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->cfg =
	    (struct detect_config){ .learn_min_us = 60 * S, .unseen_max = 0.01, .keys_max = 4096 };
	f->detect = detect_new(&f->cfg);
	f->builder = ds_batch_builder_new();
	f->batch = ds_batch_new();
	ds_buf_init(&f->packed, 16u << 20);
	f->from = (struct batch_origin){ .host = 7, .host_name = "web1", .epoch = 1 };
	f->now_us = BASE_US;
	*state = f;
	return f->detect && f->builder && f->batch ? 0 : -1;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	verdict_done(&f->verdict);
	detect_free(f->detect);
	ds_batch_builder_free(f->builder);
	ds_batch_free(f->batch);
	ds_buf_done(&f->packed);
	free(f);
	return 0;
}

struct ds_event
fixture_event(const struct fixture *f, uint8_t kind, const char *daemon)
{
	struct ds_event ev = { .kind = kind, .time_us = f->now_us, .count = 1 };

	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	return ev;
}

void
fixture_add(struct fixture *f, const struct ds_event *ev)
{
	assert_int_equal(ds_batch_add(f->builder, ev), 0);
}

size_t
fixture_told(const struct verdict *v)
{
	size_t told = 0;

	for (size_t i = 0; i < v->findings_len; i++)
		told += !v->findings[i].joins;
	return told;
}

size_t
fixture_send(struct fixture *f)
{
	ds_buf_clear(&f->packed);
	assert_int_equal(ds_batch_pack(f->builder, 1, &f->packed), 0);
	ds_batch_builder_clear(f->builder);
	assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
	f->from.seq++;
	f->from.received_us = f->now_us + 1000;
	verdict_done(&f->verdict);
	assert_int_equal(detect_batch(f->detect, &f->from, f->batch, &f->verdict), 0);
	return fixture_told(&f->verdict);
}

static void
set(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	ds_event_set_str(ev, field, text, strlen(text));
}

void
fixture_declare(struct fixture *f, const char *daemon, const char *role, const char *exe,
    const char *version, uint8_t hash)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_DAEMON, daemon);
	uint8_t sha[32];

	for (size_t i = 0; i < sizeof(sha); i++)
		sha[i] = hash;
	set(&ev, DS_STR_ROLE, role);
	set(&ev, DS_STR_EXE, exe);
	set(&ev, DS_STR_PACKAGE_VERSION, version);
	ds_event_set_str(&ev, DS_STR_SHA256, sha, sizeof(sha));
	ev.num[DS_NUM_PID] = 100;
	fixture_add(f, &ev);
}

struct ds_event
fixture_exec(const struct fixture *f, const char *daemon, const char *exe, const char *parent,
    const char *args)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_EXEC, daemon);
	static char argv[8][256];
	static unsigned turn;
	char *copy = argv[turn++ % 8];

	ev.flags = DS_FLAG_FIRST;
	ev.num[DS_NUM_PID] = 812;
	ev.num[DS_NUM_PPID] = 101;
	ev.num[DS_NUM_UID] = 33;
	set(&ev, DS_STR_EXE, exe);
	if (parent != NULL) {
		set(&ev, DS_STR_PARENT_EXE, parent);
		set(&ev, DS_STR_ANCESTORS, parent);
	}
	if (args != NULL) {
		size_t len = strlen(args);

		assert_true(len < 256);
		for (size_t i = 0; i < len; i++)
			copy[i] = args[i] == ' ' ? '\0' : args[i];
		ds_event_set_str(&ev, DS_STR_ARGS, copy, len);
	}
	return ev;
}

void
fixture_watch(struct fixture *f, const char *daemon, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i += 10) {
		struct ds_event ev;

		f->now_us += 10 * S;
		ev = fixture_event(f, DS_EVENT_RESOURCE, daemon);
		fixture_add(f, &ev);
		assert_int_equal(fixture_send(f), 0);
	}
}

void
fixture_ready_nginx(struct fixture *f)
{
	fixture_declare(f, "nginx.service", "service", "/usr/sbin/nginx", "1.22.1-9", 1);
	assert_int_equal(fixture_send(f), 0);
	fixture_watch(f, "nginx.service", 70);
}

const struct daemon_row *
fixture_row(const struct fixture *f, const char *daemon)
{
	for (size_t i = f->verdict.daemons_len; i > 0; i--)
		if (strcmp(f->verdict.daemons[i - 1].name, daemon) == 0)
			return &f->verdict.daemons[i - 1];
	return NULL;
}
