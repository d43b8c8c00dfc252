/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another version of a daemon goes on from its parent's profile. */
#include "server/detect/allowance.h"
#include "server/store/profile_versions.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define EXE "/usr/sbin/nginx"

static size_t
starts(struct fixture *f, const char *exe)
{
	struct ds_event ev = fixture_exec(f, NGINX, exe, EXE, exe);

	fixture_add(f, &ev);
	return fixture_send(f);
}

/* nginx that is learnt and starts one helper. */
static void
learnt(struct fixture *f)
{
	fixture_declare(f, NGINX, "service", EXE, "1.22", 1);
	assert_int_equal(fixture_send(f), 0);
	assert_int_equal(starts(f, "/usr/bin/gzip"), 0);
	fixture_watch(f, NGINX, 60);
	assert_int_equal(starts(f, "/usr/bin/gzip"), 0);
	fixture_watch(f, NGINX, 140);
}

/* How many findings came. */
static size_t
becomes(struct fixture *f, const char *version, uint8_t hash)
{
	f->now_us += S;
	fixture_declare(f, NGINX, "service", EXE, version, hash);
	return fixture_send(f);
}

static const struct profile_version_row *
version_of(const struct fixture *f)
{
	assert_int_equal(f->verdict.versions_len, 1);
	assert_string_equal(f->verdict.versions[0].daemon, NGINX);
	return &f->verdict.versions[0];
}

static void
a_new_version_goes_on_from_its_parents_profile(void **state)
{
	struct fixture *f = *state;
	const struct profile_version_row *v;

	fixture_declare(f, NGINX, "service", EXE, "1.22", 1);
	assert_int_equal(fixture_send(f), 0);
	v = version_of(f);
	assert_int_equal(v->number, 1);
	assert_string_equal(v->reason, "first");
	detect_forget(f->detect, 7, NULL);

	learnt(f);
	assert_int_equal(becomes(f, "1.24", 2), 1);
	v = version_of(f);
	assert_int_equal(v->number, 2);
	assert_int_equal(v->parent, 1);
	assert_string_equal(v->reason, "package");
	assert_string_equal(v->package_version, "1.24");
	assert_int_equal(v->sha256[0], 2);
	assert_int_equal(v->inherited, 1);
	assert_true(v->begun_us == f->now_us && v->warm_until_us >= f->now_us + 600 * S);
	/* What the parent knew is known, and the daemon stays learnt. */
	assert_int_equal(starts(f, "/usr/bin/gzip"), 0);
	assert_int_equal(f->verdict.versions_len, 0);
	assert_int_equal(starts(f, "/usr/bin/brotli"), 1);
}

static void
an_explained_version_is_one_notice_whichever_hosts_it_comes_to(void **state)
{
	struct fixture *f = *state;
	char group[200];

	learnt(f);
	assert_int_equal(becomes(f, "1.24", 2), 1);
	assert_true(f->verdict.findings[0].notice);
	assert_string_equal(f->verdict.findings[0].kind, "integrity");
	assert_non_null(
	    strstr(f->verdict.findings[0].title, "nginx was installed in version 1.24"));
	strcpy(group, f->verdict.findings[0].group);
	f->from.host = 8;
	learnt(f);
	assert_int_equal(becomes(f, "1.24", 2), 1);
	assert_string_equal(f->verdict.findings[0].group, group);
	f->from.host = 9;
	learnt(f);
	assert_int_equal(becomes(f, "1.25", 3), 1);
	assert_string_not_equal(f->verdict.findings[0].group, group);
}

static void
what_an_upgrade_explains_is_learnt_and_not_told(void **state)
{
	struct fixture *f = *state;

	learnt(f);
	/* What apt's dpkg has just put there. */
	assert_int_equal(wrote(f, "apt.service", "/usr/bin/dpkg", "/usr/bin/brotli"), 0);
	assert_int_equal(becomes(f, "1.24", 2), 1);
	assert_int_equal(starts(f, "/usr/sbin/nginx-debug"), 0);
	assert_int_equal(version_of(f)->explained, 1);
	assert_true(f->verdict.profiles[0].learnt);
	assert_int_equal(f->verdict.profiles[0].version, 2);
	assert_int_equal(starts(f, "/usr/bin/brotli"), 0);
	assert_int_equal(net(f, NGINX, DS_EVENT_LISTEN, EXE, "0.0.0.0", 8443), 0);
	/* A port like any other, that would wait at other times. */
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, EXE, "198.51.100.7", 443), 0);
	assert_int_equal(version_of(f)->explained, 4);
	assert_int_equal(version_of(f)->told, 0);
	assert_true(f->verdict.profiles[0].learnt);
}

static void
what_it_does_not_explain_is_told_and_ends_the_warm_up(void **state)
{
	struct fixture *f = *state;

	learnt(f);
	assert_int_equal(becomes(f, "1.24", 2), 1);
	/* Nobody installed that. */
	assert_int_equal(starts(f, "/usr/bin/brotli"), 1);
	only(f, "new_child", "medium");
	assert_int_equal(version_of(f)->told, 1);
	assert_int_equal(version_of(f)->explained, 0);
	f->now_us += S;
	assert_int_equal(starts(f, "/usr/sbin/nginx-debug"), 1);
	assert_int_equal(version_of(f)->told, 2);
}

static void
shells_and_what_reaches_out_come_with_no_package(void **state)
{
	static const char *const programs[] = { "/usr/bin/dash", "/usr/bin/perl", "/usr/bin/curl",
		"/usr/bin/socat", "/usr/sbin/nginx-debug" };
	struct fixture *f = *state;

	for (uint32_t i = 0; i < DS_LEN(programs); i++) {
		f->from.host = 20 + i;
		learnt(f);
		assert_int_equal(wrote(f, "apt.service", "/usr/bin/dpkg", programs[i]), 0);
		assert_int_equal(becomes(f, "1.24", 2), 1);
		assert_int_equal(starts(f, programs[i]), i < 4);
	}
}

static void
what_comes_after_the_warm_up_is_told(void **state)
{
	struct fixture *f = *state;

	learnt(f);
	assert_int_equal(becomes(f, "1.24", 2), 1);
	fixture_watch(f, NGINX, 620);
	assert_int_equal(starts(f, "/usr/sbin/nginx-debug"), 1);
	assert_int_equal(f->verdict.versions_len, 0);
}

static void
another_file_that_nothing_explains_warms_up_nothing(void **state)
{
	struct fixture *f = *state;

	learnt(f);
	assert_int_equal(becomes(f, "1.22", 66), 0);
	assert_string_equal(version_of(f)->reason, "unexplained");
	assert_int_equal(version_of(f)->warm_until_us, 0);
	assert_int_equal(version_of(f)->inherited, 1);
	assert_int_equal(starts(f, "/usr/bin/gzip"), 0);
	assert_int_equal(starts(f, "/usr/sbin/nginx-debug"), 1);
}

static void
going_back_to_what_ran_before_warms_up_nothing(void **state)
{
	struct fixture *f = *state;

	learnt(f);
	assert_int_equal(becomes(f, "1.24", 2), 1);
	assert_int_equal(becomes(f, "1.22", 1), 0);
	assert_string_equal(version_of(f)->reason, "known");
	assert_int_equal(version_of(f)->number, 3);
	assert_int_equal(becomes(f, "1.24", 2), 0);
	assert_string_equal(version_of(f)->reason, "known");
	assert_int_equal(starts(f, "/usr/sbin/nginx-debug"), 1);
}

static void
a_declared_deployment_explains_a_file_of_no_package(void **state)
{
	struct fixture *f = *state;
	struct allowances *a = allowances_new();
	struct ds_snapshot *s = ds_snapshot_new(allowances_free);

	learnt(f);
	assert_int_equal(allowances_deploy(a, 5, "nginx", 0, f->now_us, f->now_us + 1800 * S), 0);
	allowances_sort(a);
	assert_int_equal(ds_snapshot_publish(s, a), 0);
	f->cfg.allowed = s;
	detect_configure(f->detect, &f->cfg);
	assert_int_equal(becomes(f, "1.22", 2), 1);
	assert_string_equal(f->verdict.findings[0].group, "deploy:5");
	assert_string_equal(version_of(f)->reason, "deployment");
	assert_int_equal(starts(f, "/usr/sbin/nginx-debug"), 0);
	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(s);
}

static void
peers_that_had_it_explained_explain_it(void **state)
{
	struct fixture *f = *state;
	struct knowledge *k = knowledge_new();
	struct ds_snapshot *s = ds_snapshot_new(fleet_knowledge_free);
	uint8_t hash[32];
	uint64_t fact;

	memset(hash, 2, sizeof(hash));
	fact = knowledge_fact("nginx", DS_EVENT_DAEMON, hash, sizeof(hash));
	learnt(f);
	assert_true(knowledge_add(k, fact, 20, true) == 1 && knowledge_add(k, fact, 21, true) == 1);
	assert_true(knowledge_add(k, fact, 22, false) == 1);
	assert_int_equal(ds_snapshot_publish(s, knowledge_publish(k, NULL)), 0);
	f->cfg.fleet = s;
	detect_configure(f->detect, &f->cfg);
	assert_int_equal(becomes(f, "1.22", 2), 1);
	assert_string_equal(version_of(f)->reason, "peers");
	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(s);
	knowledge_free(k);
}

static void
sessions_and_jobs_have_no_versions(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, SESSION, "session", "/usr/bin/bash", "5", 1);
	assert_int_equal(fixture_send(f), 0);
	f->now_us += S;
	fixture_declare(f, SESSION, "session", "/usr/bin/dash", "6", 2);
	assert_int_equal(fixture_send(f), 0);
	assert_int_equal(f->verdict.versions_len, 0);
}

static void
versions_are_restored_with_what_ran_before(void **state)
{
	struct fixture *f = *state;
	struct daemon_row daemon = { .host = 9,
		.name = NGINX,
		.role = "service",
		.exe = EXE,
		.package_version = "1.24",
		.first_seen_us = BASE_US,
		.last_seen_us = BASE_US,
		.state = "ready" };
	struct profile_version_row row = { .host = 9,
		.daemon = NGINX,
		.number = 4,
		.parent = 3,
		.reason = "first",
		.exe = EXE,
		.package = "",
		.package_version = "1.22",
		.image = "",
		.begun_us = BASE_US - 2 * S };

	memset(daemon.sha256, 2, sizeof(daemon.sha256));
	assert_int_equal(detect_restore_daemon(f->detect, &daemon), 0);
	memset(row.sha256, 1, sizeof(row.sha256));
	assert_int_equal(detect_restore_version(f->detect, &row), 0);
	memset(row.sha256, 2, sizeof(row.sha256));
	row.number = 5;
	row.parent = 4;
	row.package_version = "1.24";
	row.reason = "package";
	row.begun_us = BASE_US - S;
	row.warm_until_us = BASE_US + 600 * S;
	row.explained = 7;
	assert_int_equal(detect_restore_version(f->detect, &row), 0);
	f->from.host = 9;
	/* Still warm, and counting on. */
	f->now_us += S;
	assert_int_equal(starts(f, "/usr/sbin/nginx-debug"), 0);
	assert_int_equal(version_of(f)->number, 5);
	assert_int_equal(version_of(f)->explained, 8);
	assert_string_equal(version_of(f)->reason, "package");
	assert_int_equal(becomes(f, "1.22", 1), 0);
	assert_int_equal(version_of(f)->number, 6);
	assert_string_equal(version_of(f)->reason, "known");
	/* Of no daemon: nothing. */
	row.daemon = "none";
	assert_int_equal(detect_restore_version(f->detect, &row), 0);
}

static void
a_clock_that_goes_back_is_not_warm(void **state)
{
	struct fixture *f = *state;

	learnt(f);
	assert_int_equal(becomes(f, "1.24", 2), 1);
	f->now_us -= 100 * S;
	assert_int_equal(starts(f, "/usr/sbin/nginx-debug"), 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_new_version_goes_on_from_its_parents_profile),
		TEST(an_explained_version_is_one_notice_whichever_hosts_it_comes_to),
		TEST(what_an_upgrade_explains_is_learnt_and_not_told),
		TEST(what_it_does_not_explain_is_told_and_ends_the_warm_up),
		TEST(shells_and_what_reaches_out_come_with_no_package),
		TEST(what_comes_after_the_warm_up_is_told),
		TEST(another_file_that_nothing_explains_warms_up_nothing),
		TEST(going_back_to_what_ran_before_warms_up_nothing),
		TEST(a_declared_deployment_explains_a_file_of_no_package),
		TEST(peers_that_had_it_explained_explain_it),
		TEST(sessions_and_jobs_have_no_versions),
		TEST(versions_are_restored_with_what_ran_before),
		TEST(a_clock_that_goes_back_is_not_warm),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
