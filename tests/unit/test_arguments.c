/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shape of the arguments with which known programs are started. */
#include "server/detect/arguments.h"
#include "server/detect/attacks.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define EXE "/usr/sbin/nginx"
#define SH  "/usr/bin/dash"

/* As once a second: what is learnt becomes ready. */
static void
tick(struct fixture *f)
{
	struct verdict v;

	assert_int_equal(detect_tick(f->detect, f->now_us, &v), 0);
	verdict_done(&v);
}

/* Each second another. */
static uint64_t
pid_of(const struct fixture *f)
{
	return 2000 + f->now_us / S % 10000;
}

/* What a shell is given. */
static size_t
runs(struct fixture *f, const char *line)
{
	struct ds_event ev = fixture_exec(f, NGINX, SH, EXE, NULL);
	char args[200] = "sh\0-c";
	size_t len = strlen(line);

	assert_true(len < sizeof(args) - 6);
	memcpy(args + 6, line, len);
	ds_event_set_str(&ev, DS_STR_ARGS, args, 6 + len);
	ev.num[DS_NUM_PID] = pid_of(f);
	fixture_add(f, &ev);
	f->now_us += S;
	return fixture_send(f);
}

/* A daemon that has started a shell so many times, in one way. */
static void
learnt(struct fixture *f, unsigned times)
{
	fixture_declare(f, NGINX, "service", EXE, "1", 1);
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(runs(f, "convert -resize 100x100 /srv/a /srv/b"), 0);
	fixture_watch(f, NGINX, 3 * 3600);
	tick(f);
}

static const struct profile_row *
shape_row(const struct fixture *f)
{
	for (size_t i = 0; i < f->verdict.profiles_len; i++)
		if (f->verdict.profiles[i].key[0] == KEY_SHAPE)
			return &f->verdict.profiles[i];
	return NULL;
}

static void
a_shape_is_what_stays_the_same(void **state)
{
	/* | between arguments, as none of them has one. */
	static const struct {
		const char *exe, *args, *shape;
	} all[] = {
		{ "/usr/bin/gzip", "gzip|-9|/var/log/a.1", "/usr/bin/gzip -# /var/" },
		{ "/usr/bin/gzip", "gzip", "/usr/bin/gzip" },
		{ "/usr/bin/python3.11", "python3|-m|app|--port=8080|8080",
		    "/usr/bin/python# -m w --port= #" },
		{ "/usr/bin/curl", "curl|-s|https://example.org/a?b=1",
		    "/usr/bin/curl -s https://" },
		{ SH, "sh|-c|id; cat /etc/passwd&&/usr/bin/nc 10.0.0.1 4444",
		    SH " -c {id;cat;nc}" },
		{ SH, "sh|-c|echo $(whoami) >/tmp/x", SH " -c {echo;whoami}" },
		{ "/bin/tar", "tar|cf|a|b|c|d", "/bin/tar w" },
		{ "/bin/x", "x|-a|b|-c|d|-e|f|-g|h|-i|j", "/bin/x -a w -c {d} -e w -g w ..." },
		{ "/bin/x", "x||", "/bin/x w" },
	};

	(void)state;
	for (size_t i = 0; i < DS_LEN(all); i++) {
		char args[200], shown[600];
		struct key key;

		snprintf(args, sizeof(args), "%s", all[i].args);
		for (char *c = args; *c != '\0'; c++)
			if (*c == '|')
				*c = '\0';
		arguments_shape((struct ds_str){ all[i].exe, (uint32_t)strlen(all[i].exe) },
		    (struct ds_str){ args, (uint32_t)strlen(all[i].args) }, &key);
		assert_int_equal(key.data[0], KEY_SHAPE);
		snprintf(shown, sizeof(shown), "%.*s", (int)key.size - 1, (char *)key.data + 1);
		assert_string_equal(shown, all[i].shape);
	}
}

static void
a_long_line_is_cut(void **state)
{
	static char line[65536], exe[4096];
	struct key key;

	(void)state;
	memset(line, ';', sizeof(line));
	for (size_t i = 0; i + 30 <= sizeof(line); i += 40)
		memset(line + i, 'x', 30);
	memcpy(line, "sh", 3);
	memset(exe, 'y', sizeof(exe));
	exe[0] = '/';
	arguments_shape(
	    (struct ds_str){ exe, sizeof(exe) }, (struct ds_str){ line, sizeof(line) }, &key);
	assert_true(key.size <= KEY_MAX);
	arguments_shape((struct ds_str){ NULL, 0 }, (struct ds_str){ line, sizeof(line) }, &key);
	assert_true(key.size > 1 && key.size < 200);
}

static void
a_new_shape_is_no_alert_by_itself_and_waits(void **state)
{
	struct fixture *f = *state;

	learnt(f, 100);
	assert_int_equal(runs(f, "id; cat /etc/passwd"), 0);
	assert_non_null(shape_row(f));
	assert_true(shape_row(f)->waits && !shape_row(f)->learnt);
	/* Known ones are nothing new. */
	assert_int_equal(runs(f, "convert -resize 9x9 /srv/c /srv/d"), 0);
	assert_null(shape_row(f));
}

static void
where_every_start_is_another_it_is_learnt(void **state)
{
	struct fixture *f = *state;
	char line[40];

	fixture_declare(f, NGINX, "service", EXE, "1", 1);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(line, sizeof(line), "tool%c%c x", 'a' + (int)i / 6, 'a' + (int)i % 6);
		assert_int_equal(runs(f, line), 0);
	}
	fixture_watch(f, NGINX, 100);
	tick(f);
	assert_int_equal(runs(f, "id; cat /etc/passwd"), 0);
	assert_true(shape_row(f) != NULL && shape_row(f)->learnt);
}

/* Something else of these five minutes, by a model of another family. */
static size_t
other_evidence(struct fixture *f, double p)
{
	static const struct evidence_model model = { "order", EVIDENCE_SEQUENCE, "window_outlier",
		"does things in an odd order", 0 };
	const struct evidence e = { .model = &model,
		.host = f->from.host,
		.daemon = NGINX,
		.class = "nginx",
		.time_us = f->now_us,
		.score = 1,
		.p = p };
	struct verdict v = { 0 };
	size_t told;
	double ignored;

	assert_int_equal(evidence_add(f->detect->evidence, &e, &v, &ignored), 0);
	told = fixture_told(&v);
	verdict_done(&v);
	return told;
}

/* An hour's five minutes, in which something is a little odd now and then. */
static size_t
live(struct fixture *f, unsigned slots)
{
	size_t told = 0;

	for (unsigned i = 0; i < slots; i++) {
		uint64_t next_us = (f->now_us / (300 * S) + 1) * 300 * S;

		for (unsigned n = 0; n < 6; n++)
			told += runs(f, "convert -resize 100x100 /srv/a /srv/b");
		tick(f);
		told += other_evidence(f, (i * 37 % 1000 + 1) / 1000.0);
		f->now_us = next_us;
		tick(f);
	}
	return told;
}

static void
beside_something_odd_of_another_sort_it_is_an_alert(void **state)
{
	struct fixture *f = *state;

	f->cfg.alert_budget = 1;
	detect_configure(f->detect, &f->cfg);
	fixture_declare(f, NGINX, "service", EXE, "1", 1);
	assert_true(live(f, 1000) <= 4);
	/* Neither is one by itself. */
	assert_int_equal(runs(f, "uptime"), 0);
	f->now_us += 600 * S;
	tick(f);
	assert_int_equal(other_evidence(f, 0.01), 0);
	f->now_us += 600 * S;
	tick(f);
	assert_int_equal(other_evidence(f, 0.01), 0);
	assert_int_equal(runs(f, "id; cat /etc/passwd"), 1);
	assert_non_null(strstr(f->verdict.findings[0].json, "arguments of a known program"));
	assert_non_null(strstr(f->verdict.findings[0].json, "-c {id;cat}"));
}

/* A shell of a honeypot was given this line. */
static void
a_honeypot_showed(struct fixture *f, const char *line)
{
	struct attack one = { .time_us = f->now_us, .host = 99, .host_name = "hp1" };
	struct attacks *all = attacks_new();
	char args[200] = "sh\0-c";
	struct key key;

	memcpy(args + 6, line, strlen(line));
	arguments_shape((struct ds_str){ SH, (uint32_t)strlen(SH) },
	    (struct ds_str){ args, 6 + (uint32_t)strlen(line) }, &key);
	one.id = attack_behaviour(DS_EVENT_EXEC, key.data, key.size);
	assert_true(attacks_add(all, ATTACK_BEHAVIOUR, &one));
	f->cfg.attacks = ds_snapshot_new(attacks_free);
	assert_int_equal(ds_snapshot_publish(f->cfg.attacks, all), 0);
	detect_configure(f->detect, &f->cfg);
}

static void
what_a_honeypot_showed_weighs_more_and_is_told_with_its_name(void **state)
{
	struct fixture *f = *state;

	f->cfg.alert_budget = 1;
	detect_configure(f->detect, &f->cfg);
	fixture_declare(f, NGINX, "service", EXE, "1", 1);
	assert_true(live(f, 1000) <= 4);
	a_honeypot_showed(f, "id; cat /etc/passwd");
	assert_int_equal(runs(f, "uptime"), 0);
	f->now_us += 600 * S;
	tick(f);
	assert_int_equal(runs(f, "id; cat /etc/passwd"), 1);
	assert_non_null(strstr(
	    f->verdict.findings[0].json, "the honeypot hp1 showed the same after an attack"));
	assert_false(shape_row(f)->learnt);
	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(f->cfg.attacks);
}

static void
a_flood_of_shapes_is_bounded_and_crowds_out_no_program(void **state)
{
	struct fixture *f = *state;
	char line[64];

	fixture_declare(f, NGINX, "service", EXE, "1", 1);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(line, sizeof(line), "%c%c%c%c x", 'a' + (int)(i % 20),
		    'a' + (int)(i / 20 % 20), 'a' + (int)(i / 400 % 20), 'a' + (int)(i / 8000));
		(void)runs(f, line);
	}
	/* A quarter of what is kept, and programs have their own. */
	assert_int_equal(runs(f, "last one; of many"), 0);
	assert_null(shape_row(f));
	fixture_watch(f, NGINX, 100);
	tick(f);
	assert_string_equal(
	    fixture_row(f, NGINX) != NULL ? fixture_row(f, NGINX)->state : "ready", "ready");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shape_is_what_stays_the_same),
		cmocka_unit_test(a_long_line_is_cut),
		TEST(a_new_shape_is_no_alert_by_itself_and_waits),
		TEST(where_every_start_is_another_it_is_learnt),
		TEST(beside_something_odd_of_another_sort_it_is_an_alert),
		TEST(what_a_honeypot_showed_weighs_more_and_is_told_with_its_name),
		TEST(a_flood_of_shapes_is_bounded_and_crowds_out_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
