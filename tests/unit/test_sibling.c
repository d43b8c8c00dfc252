/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon under another name goes on from its sibling's profile. */
#include "server/detect/profile.h"
#include "server/detect/sibling.h"
#include "server/store/profile_versions.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define EXE "/usr/local/bin/shop"
#define OLD "container:quirky_newton"
#define NEW "container:happy_darwin"

static size_t
declares(struct fixture *f, const char *daemon, const char *role, const char *exe,
    const char *image, uint8_t hash)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_DAEMON, daemon);
	uint8_t sha[32];

	memset(sha, hash, sizeof(sha));
	set(&ev, DS_STR_ROLE, role);
	set(&ev, DS_STR_EXE, exe);
	set(&ev, DS_STR_IMAGE, image);
	ds_event_set_str(&ev, DS_STR_SHA256, sha, sizeof(sha));
	ev.num[DS_NUM_PID] = 100;
	fixture_add(f, &ev);
	f->now_us += S;
	return fixture_send(f);
}

static size_t
starts(struct fixture *f, const char *daemon, const char *exe)
{
	struct ds_event ev = fixture_exec(f, daemon, exe, EXE, exe);

	fixture_add(f, &ev);
	f->now_us += S;
	return fixture_send(f);
}

/* As once a second: what is learnt becomes ready. */
static void
tick(struct fixture *f)
{
	struct verdict v;

	assert_int_equal(detect_tick(f->detect, f->now_us, &v), 0);
	verdict_done(&v);
}

/* One that is learnt and starts a helper. */
static void
learnt(struct fixture *f, const char *daemon, const char *role, const char *exe, const char *image)
{
	assert_int_equal(declares(f, daemon, role, exe, image, 1), 0);
	assert_int_equal(starts(f, daemon, "/usr/bin/gzip"), 0);
	fixture_watch(f, daemon, 60);
	assert_int_equal(starts(f, daemon, "/usr/bin/gzip"), 0);
	fixture_watch(f, daemon, 140);
	tick(f);
}

static void
a_container_with_another_name_is_judged_by_what_its_sibling_learnt(void **state)
{
	struct fixture *f = *state;
	const struct profile_version_row *v;

	learnt(f, OLD, "container", EXE, "shop:3");
	assert_int_equal(declares(f, NEW, "container", EXE, "shop:3", 1), 0);
	assert_string_equal(fixture_row(f, NEW)->state, "ready");
	assert_int_equal(f->verdict.versions_len, 1);
	v = &f->verdict.versions[0];
	assert_string_equal(v->reason, "sibling");
	assert_string_equal(v->daemon, NEW);
	assert_int_equal(v->number, 1);
	assert_int_equal(v->inherited, 1);
	/* What it took over is stored as its own. */
	assert_int_equal(f->verdict.profiles_len, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(f->verdict.profiles[i].daemon, NEW);
		assert_int_equal(f->verdict.profiles[i].count, 2);
		assert_true(f->verdict.profiles[i].learnt);
	}
	assert_int_equal(starts(f, NEW, "/usr/bin/gzip"), 0);
	assert_int_equal(starts(f, NEW, "/usr/bin/dash"), 1);
}

static void
another_tag_of_the_image_is_another_version_of_it(void **state)
{
	struct fixture *f = *state;

	learnt(f, OLD, "container", EXE, "shop:3");
	assert_int_equal(declares(f, NEW, "container", EXE, "shop:4", 2), 1);
	assert_true(f->verdict.findings[0].notice);
	assert_string_equal(f->verdict.versions[0].reason, "image");
	assert_int_equal(f->verdict.versions[0].number, 2);
	assert_int_equal(f->verdict.versions[0].inherited, 1);
	assert_int_equal(starts(f, NEW, "/usr/bin/dash"), 1);
}

/* Also when one of the image before was heard of last. */
static void
of_two_siblings_the_one_of_the_same_image_is_taken(void **state)
{
	struct fixture *f = *state;

	learnt(f, OLD, "container", EXE, "shop:3");
	assert_int_equal(declares(f, "container:web", "container", EXE, "shop:4", 2), 1);
	assert_int_equal(starts(f, OLD, "/usr/bin/gzip"), 0);
	assert_int_equal(declares(f, NEW, "container", EXE, "shop:4", 2), 0);
	assert_string_equal(f->verdict.versions[0].reason, "sibling");
	assert_int_equal(f->verdict.versions[0].number, 1);
}

static void
another_program_or_image_or_role_learns_for_itself(void **state)
{
	struct fixture *f = *state;

	learnt(f, OLD, "container", EXE, "shop:3");
	assert_int_equal(declares(f, NEW, "container", "/usr/bin/other", "shop:3", 1), 0);
	assert_string_equal(fixture_row(f, NEW)->state, "learning");
	assert_int_equal(declares(f, "container:x", "container", EXE, "mail:3", 1), 0);
	assert_string_equal(fixture_row(f, "container:x")->state, "learning");
	assert_int_equal(declares(f, "shop.service", "service", EXE, "", 1), 0);
	assert_string_equal(fixture_row(f, "shop.service")->state, "learning");
	f->from.host = 8;
	assert_int_equal(declares(f, NEW, "container", EXE, "shop:3", 1), 0);
	assert_string_equal(fixture_row(f, NEW)->state, "learning");
}

static void
a_sibling_that_is_not_learnt_hands_on_how_far_it_came(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(declares(f, OLD, "container", EXE, "shop:3", 1), 0);
	assert_int_equal(starts(f, OLD, "/usr/bin/gzip"), 0);
	fixture_watch(f, OLD, 40);
	assert_int_equal(declares(f, NEW, "container", EXE, "shop:3", 1), 0);
	assert_string_equal(fixture_row(f, NEW)->state, "learning");
	assert_int_equal(starts(f, NEW, "/usr/bin/gzip"), 0);
	fixture_watch(f, NEW, 140);
	assert_int_equal(starts(f, NEW, "/usr/bin/gzip"), 0);
	assert_int_equal(starts(f, NEW, "/usr/bin/dash"), 1);
}

static void
what_was_told_of_one_is_told_of_the_other(void **state)
{
	struct fixture *f = *state;

	learnt(f, OLD, "container", EXE, "shop:3");
	assert_int_equal(starts(f, OLD, "/usr/bin/dash"), 1);
	assert_int_equal(declares(f, NEW, "container", EXE, "shop:3", 1), 0);
	assert_int_equal(f->verdict.versions[0].inherited, 1);
	assert_int_equal(starts(f, NEW, "/usr/bin/dash"), 1);
	/* For a day nothing new is learnt at once, whatever the name. */
	assert_int_equal(wrote(f, NEW, EXE, "/srv/shop/a"), 0);
	assert_false(f->verdict.profiles[0].learnt);
}

static void
units_that_are_numbered_are_siblings_unless_an_interpreter_runs(void **state)
{
	struct fixture *f = *state;

	learnt(f, "run-u17.service", "service", EXE, "");
	assert_int_equal(declares(f, "run-u18.service", "service", EXE, "", 1), 0);
	assert_string_equal(fixture_row(f, "run-u18.service")->state, "ready");
	f->from.host = 8;
	learnt(f, "run-u17.service", "service", "/usr/bin/python3.11", "");
	assert_int_equal(
	    declares(f, "run-u18.service", "service", "/usr/bin/python3.11", "", 1), 0);
	assert_string_equal(fixture_row(f, "run-u18.service")->state, "learning");
}

static size_t
goes(struct fixture *f, const char *daemon)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_DAEMON_GONE, daemon);

	fixture_add(f, &ev);
	f->now_us += S;
	return fixture_send(f);
}

static unsigned
retired(const struct fixture *f, const char *like)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->verdict.daemons_len; i++)
		n += f->verdict.daemons[i].is_retired &&
		     strncmp(f->verdict.daemons[i].name, like, strlen(like)) == 0;
	return n;
}

static void
containers_that_come_and_go_under_new_names_leave_room_for_others(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0, came = 3 * PROFILE_DAEMONS_MAX;
	char name[80];

	/* What is gone, but of which there is no newer one, stays. */
	learnt(f, "backup.service", "service", "/usr/bin/backup", "");
	assert_int_equal(goes(f, "backup.service"), 0);
	learnt(f, "container:first", "container", EXE, "shop:3");
	assert_int_equal(goes(f, "container:first"), 0);
	for (unsigned i = 0; i < came; i++) {
		snprintf(name, sizeof(name), "container:c%04x%04x", i * 7919 & 0xffff, i);
		assert_int_equal(declares(f, name, "container", EXE, "shop:3", 1), 0);
		n += retired(f, "container:");
		assert_int_equal(goes(f, name), 0);
		n += retired(f, "container:");
		assert_int_equal(retired(f, "backup"), 0);
	}
	assert_true(n >= came + 1 - PROFILE_DAEMONS_MAX);
	/* What was learnt first is handed on to the last, and what stays is known. */
	assert_int_equal(declares(f, "container:last", "container", EXE, "shop:3", 1), 0);
	assert_string_equal(fixture_row(f, "container:last")->state, "ready");
	assert_int_equal(starts(f, "container:last", "/usr/bin/gzip"), 0);
	assert_int_equal(starts(f, "container:last", "/usr/bin/dash"), 1);
	assert_int_equal(declares(f, "backup.service", "service", "/usr/bin/backup", "", 1), 0);
	assert_string_equal(fixture_row(f, "backup.service")->state, "ready");
}

static void
one_that_is_learnt_stays_what_it_is(void **state)
{
	struct fixture *f = *state;

	learnt(f, OLD, "container", EXE, "shop:3");
	assert_int_equal(declares(f, NEW, "container", EXE, "shop:3", 1), 0);
	assert_int_equal(starts(f, OLD, "/usr/bin/dash"), 1);
	assert_int_equal(declares(f, NEW, "container", EXE, "shop:3", 1), 0);
	assert_int_equal(f->verdict.versions_len, 0);
	assert_int_equal(f->verdict.profiles_len, 0);
}

static void
only_what_is_made_by_chance_is_left_out_of_a_name(void **state)
{
	static const struct {
		const char *name, *stem;
	} names[] = {
		{ "nginx.service", "nginx.service" },
		{ "php8.2-fpm.service", "php8.2-fpm.service" },
		{ "deadbeef.service", "deadbeef.service" },
		{ "container:3f2a90b1c4d5", "container:*" },
		{ "container:shop-3f2a90b1c4d5-web", "container:shop-*-web" },
		{ "run-u17.service", "run-u*.service" },
		{ "run-r0a1b2c3d.service", "run-r*.service" },
		{ "run-bad.service", "run-bad.service" },
		{ "", "" },
	};
	char stem[DS_DAEMON_MAX + 1], tiny[8];

	(void)state;
	for (size_t i = 0; i < DS_LEN(names); i++) {
		sibling_stem(names[i].name, stem, sizeof(stem));
		assert_string_equal(stem, names[i].stem);
	}
	sibling_stem("container:3f2a90b1c4d5", tiny, sizeof(tiny));
	assert_string_equal(tiny, "contain");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_container_with_another_name_is_judged_by_what_its_sibling_learnt),
		TEST(another_tag_of_the_image_is_another_version_of_it),
		TEST(of_two_siblings_the_one_of_the_same_image_is_taken),
		TEST(another_program_or_image_or_role_learns_for_itself),
		TEST(a_sibling_that_is_not_learnt_hands_on_how_far_it_came),
		TEST(what_was_told_of_one_is_told_of_the_other),
		TEST(units_that_are_numbered_are_siblings_unless_an_interpreter_runs),
		TEST(containers_that_come_and_go_under_new_names_leave_room_for_others),
		TEST(one_that_is_learnt_stays_what_it_is),
		cmocka_unit_test(only_what_is_made_by_chance_is_left_out_of_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
