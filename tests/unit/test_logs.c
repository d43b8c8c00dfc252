/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/logs/logs.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IP "(?<ip4>(?:\\d{1,3}\\.){3}\\d{1,3})"

struct site {
	char dir[64], filters[100];
	struct agent_config cfg;
	struct event_base *base;
	struct logs *logs;
	char told[2000]; /* user@file of each failure */
};

static const char *
at(const struct site *s, const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	return path;
}

static void
append(const struct site *s, const char *name, const char *user)
{
	FILE *f = fopen(at(s, name), "a");

	assert_non_null(f);
	fprintf(f, "2026-01-31 12:00:01 bad %s from 192.0.2.7\n", user);
	assert_int_equal(fclose(f), 0);
}

static void
move(const struct site *s, const char *from, const char *to)
{
	char path[200];

	snprintf(path, sizeof(path), "%s", at(s, from));
	assert_int_equal(rename(path, at(s, to)), 0);
}

static void
on_event(const struct ds_event *ev, void *ctx)
{
	struct site *s = ctx;
	const struct ds_str user = DS_EVENT_STR(ev, DS_STR_USER);
	const struct ds_str from = DS_EVENT_STR(ev, DS_STR_SOURCE);
	const char *slash = memrchr(from.ptr, '/', from.len);
	size_t used = strlen(s->told);

	assert_int_equal(ev->kind, DS_EVENT_LOGIN);
	snprintf(s->told + used, sizeof(s->told) - used, "%.*s@%.*s ", (int)user.len, user.ptr,
	    (int)(from.ptr + from.len - slash - 1), slash + 1);
}

static void
on_restart(void *ctx)
{
	(void)ctx;
	fail_msg("%s", "root reads everything");
}

/* What has been found since the last time; a second look finds nothing twice. */
static const char *
told(struct site *s)
{
	static char was[sizeof(s->told)];

	for (int i = 0; i < 2; i++) {
		logs_look_again(s->logs);
		event_base_loop(s->base, EVLOOP_NONBLOCK);
	}
	memcpy(was, s->told, sizeof(was));
	s->told[0] = '\0';
	return was;
}

static void
begin(struct site *s)
{
	static const struct logs_ops ops = { .event = on_event, .restart = on_restart };
	FILE *f;

	*s = (struct site){ .dir = "/tmp/test_logs.XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->filters, sizeof(s->filters), "%s/filters", s->dir);
	f = fopen(s->filters, "w");
	assert_non_null(f);
	fprintf(f,
	    "filter app-of-a-test\nlog %s/*access*.log*\nfail ^\\s*bad (?<user>\\S+) from " IP
	    "$\n",
	    s->dir);
	assert_int_equal(fclose(f), 0);
	append(s, "access.log", "before");
	s->cfg.log_filters = s->filters;
	s->base = event_base_new();
	s->logs = logs_new(&s->cfg);
	assert_non_null(s->base);
	assert_non_null(s->logs);
	assert_int_equal(logs_start(s->logs, s->base, NULL, 0, &ops, s), 0);
}

static void
end(struct site *s)
{
	logs_free(s->logs);
	event_base_free(s->base);
	for (int i = 0; i < 40; i++) {
		char name[40];

		snprintf(name, sizeof(name), "%d-access.log", i);
		unlink(at(s, name));
	}
	unlink(at(s, "access.log"));
	unlink(at(s, "access.log.1"));
	unlink(at(s, "old-access.log"));
	unlink(at(s, "shop-access.log"));
	unlink(s->filters);
	assert_int_equal(rmdir(s->dir), 0);
}

static void
a_log_that_comes_later_is_read_from_its_beginning(void **state)
{
	struct site s;

	(void)state;
	begin(&s);
	assert_string_equal(told(&s), "");
	append(&s, "access.log", "eve");
	append(&s, "shop-access.log", "mallory");
	append(&s, "error.log", "nobody");
	assert_string_equal(told(&s), "eve@access.log mallory@shop-access.log ");
	append(&s, "shop-access.log", "trent");
	assert_string_equal(told(&s), "trent@shop-access.log ");
	unlink(at(&s, "error.log"));
	end(&s);
}

static void
what_was_rotated_to_a_name_of_the_pattern_is_not_told_again(void **state)
{
	struct site s;

	(void)state;
	begin(&s);
	append(&s, "access.log", "eve");
	assert_string_equal(told(&s), "eve@access.log ");
	move(&s, "access.log", "access.log.1");
	append(&s, "access.log", "mallory");
	assert_string_equal(told(&s), "mallory@access.log ");
	move(&s, "access.log", "old-access.log");
	append(&s, "access.log", "trent");
	assert_string_equal(told(&s), "trent@access.log ");
	append(&s, "access.log", "peggy");
	assert_string_equal(told(&s), "peggy@access.log ");
	end(&s);
}

static void
where_there_are_too_many_the_oldest_makes_room(void **state)
{
	const struct timespec long_ago[2] = { { 1000, 0 }, { 1000, 0 } };
	struct site s;
	char name[40];

	(void)state;
	begin(&s);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%d-access.log", i);
		append(&s, name, "eve");
		(void)told(&s);
		assert_int_equal(utimensat(AT_FDCWD, at(&s, name), long_ago, 0), 0);
	}
	/* One that had to go, and is written to again, is taken up where it was left. */
	append(&s, "0-access.log", "carol");
	assert_string_equal(told(&s), "carol@0-access.log ");
	append(&s, "39-access.log", "mallory");
	assert_string_equal(told(&s), "mallory@39-access.log ");
	append(&s, "access.log", "trent");
	assert_string_equal(told(&s), "trent@access.log ");
	end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_that_comes_later_is_read_from_its_beginning),
		cmocka_unit_test(what_was_rotated_to_a_name_of_the_pattern_is_not_told_again),
		cmocka_unit_test(where_there_are_too_many_the_oldest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
