/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/detect_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NGINX "nginx.service"

static size_t
send_exec(struct fixture *f, const char *exe, const char *parent, const char *args)
{
	struct ds_event ev = fixture_exec(f, NGINX, exe, parent, args);

	fixture_add(f, &ev);
	return fixture_send(f);
}

static void
it_is_silent_while_learning(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1.22.1-9", 1);
	fixture_send(f);
	fixture_watch(f, NGINX, 40);
	assert_int_equal(send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id"), 0);
	/* The program, and how it was started. */
	assert_int_equal(f->verdict.profiles_len, 2);
	assert_true(f->verdict.profiles[0].learnt && f->verdict.profiles[1].learnt);
	assert_memory_equal(f->verdict.profiles[0].key, "a/usr/bin/dash -c {id}", 22);
	assert_memory_equal(f->verdict.profiles[1].key, "c/usr/bin/dash", 14);
	fixture_watch(f, NGINX, 60);
	assert_int_equal(send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id"), 0);
}

static void
a_ready_daemon_that_starts_a_shell_is_one_finding_that_says_why(void **state)
{
	struct fixture *f = *state;
	const struct finding *found;
	json_t *doc, *process;

	fixture_ready_nginx(f);
	assert_int_equal(send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id"), 1);
	found = &f->verdict.findings[0];
	assert_string_equal(found->kind, "new_child");
	assert_string_equal(found->severity, "high");
	assert_string_equal(found->title, "nginx started /bin/sh");
	assert_string_equal(found->daemon, NGINX);
	assert_true(found->score > 80 && found->score <= 100);
	assert_non_null(strstr(found->reason, "has never started a program"));
	assert_non_null(strstr(found->reason, "web1"));
	assert_non_null(strstr(found->reason, "process 812 (uid 33) ran sh -c id"));
	doc = json_loads(found->json, 0, NULL);
	assert_non_null(doc);
	process = json_object_get(doc, "process");
	assert_int_equal(json_integer_value(json_object_get(process, "pid")), 812);
	assert_string_equal(
	    json_string_value(json_object_get(process, "executable")), "/usr/bin/dash");
	assert_string_equal(
	    json_string_value(json_object_get(process, "command_line")), "sh -c id");
	assert_int_equal(json_array_size(json_object_get(process, "parents")), 1);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(doc, "threat"), 0), "id")),
	    "T1059.004");
	assert_true(json_array_size(json_object_get(doc, "explanation")) >= 3);
	assert_int_equal(json_array_size(json_object_get(doc, "events")), 1);
	assert_true(json_is_object(json_object_get(doc, "record")));
	json_decref(doc);
	assert_false(f->verdict.profiles[0].learnt);
}

static void
what_was_alerted_is_not_learnt_until_it_is_accepted(void **state)
{
	struct fixture *f = *state;
	char group[200];

	fixture_ready_nginx(f);
	send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id");
	snprintf(group, sizeof(group), "%s", f->verdict.findings[0].group);
	for (int i = 0; i < 14; i++) {
		fixture_watch(f, NGINX, 60);
		assert_int_equal(send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id"), 1);
		assert_string_equal(f->verdict.findings[0].group, group);
	}
	assert_null(strstr(f->verdict.findings[0].json, "\"events\""));
}

static void
a_lineage_is_one_group(void **state)
{
	struct fixture *f = *state;
	struct ds_event sh, id, in_place;

	fixture_ready_nginx(f);
	sh = fixture_exec(f, NGINX, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id");
	id = fixture_exec(f, NGINX, "/usr/bin/id", "/usr/bin/dash", "id");
	id.num[DS_NUM_PID] = 813;
	id.num[DS_NUM_PPID] = 812;
	/* sh -c without a fork: same process, and the kernel's parent is nginx. */
	in_place = fixture_exec(f, NGINX, "/usr/bin/whoami", "/usr/sbin/nginx", "whoami");
	fixture_add(f, &sh);
	fixture_add(f, &id);
	fixture_add(f, &in_place);
	assert_int_equal(fixture_send(f), 3);
	assert_string_equal(f->verdict.findings[0].group, f->verdict.findings[1].group);
	assert_string_equal(f->verdict.findings[0].group, f->verdict.findings[2].group);
}

static void
repeats_in_a_batch_are_counted_in_one_finding(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_ready_nginx(f);
	ev = fixture_exec(f, NGINX, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id");
	fixture_add(f, &ev);
	ev.flags = DS_FLAG_REPEAT;
	ev.count = 41;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	assert_int_equal(f->verdict.findings[0].count, 42);
}

static void
the_same_batch_makes_the_same_ids(void **state)
{
	struct fixture *f = *state;
	char id[48];

	fixture_ready_nginx(f);
	send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id");
	snprintf(id, sizeof(id), "%s", f->verdict.findings[0].id);
	verdict_done(&f->verdict);
	assert_int_equal(detect_batch(f->detect, &f->from, f->batch, &f->verdict), 0);
	assert_int_equal(f->verdict.findings_len, 1);
	assert_string_equal(f->verdict.findings[0].id, id);
}

static void
reloads_rotation_and_upgrades_are_normal(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_ready_nginx(f);
	/* ExecReload, from the service manager */
	ev = fixture_exec(f, NGINX, "/usr/bin/kill", "/usr/lib/systemd/systemd", "kill -HUP 100");
	ev.num[DS_NUM_PPID] = 1;
	fixture_add(f, &ev);
	/* a start helper of it that starts another */
	ev = fixture_exec(f, NGINX, "/usr/bin/perl", "/usr/lib/systemd/systemd", "perl ctl");
	ev.num[DS_NUM_PPID] = 1;
	fixture_add(f, &ev);
	ev = fixture_exec(f, NGINX, "/usr/bin/install", "/usr/bin/perl", "install -d /run/x");
	ds_event_set_str(&ev, DS_STR_ANCESTORS, "/usr/bin/perl\0/usr/lib/systemd/systemd", 38);
	fixture_add(f, &ev);
	/* the binary upgrade: nginx starts itself */
	ev = fixture_exec(f, NGINX, "/usr/sbin/nginx", "/usr/sbin/nginx", "nginx -g daemon");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	/* a new version of it */
	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1.24.0-1", 2);
	fixture_send(f);
	ev = fixture_exec(f, NGINX, "/usr/sbin/nginx-debug", "/usr/sbin/nginx", "nginx-debug");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	/* a shell is no upgrade */
	assert_int_equal(send_exec(f, "/usr/bin/bash", "/usr/sbin/nginx", "bash -i"), 1);
}

/* What runs is the code, not the interpreter. */
static void
an_interpreter_that_starts_itself_with_code_is_not_only_itself_again(void **state)
{
	static const char python[] = "/usr/bin/python3.11";
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_declare(f, "api.service", "service", python, "1", 1);
	fixture_send(f);
	fixture_watch(f, "api.service", 100);
	ev = fixture_exec(f, "api.service", python, python, "python3 -u /srv/api.py --worker -c");
	fixture_add(f, &ev);
	ev = fixture_exec(f, "api.service", python, python, "python3 -m gunicorn api");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	/* In the same batch as one that is. */
	ev = fixture_exec(f, "api.service", python, python, "python3 /srv/api.py");
	fixture_add(f, &ev);
	ev = fixture_exec(f, "api.service", python, python, "python3 -Ic import_os");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	assert_string_equal(f->verdict.findings[0].kind, "new_child");
}

static void
a_part_of_its_own_package_is_normal_whenever_it_is_needed(void **state)
{
	static const char master[] = "/usr/lib/postfix/sbin/master";
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_declare(f, "postfix@-.service", "service", master, "3.7", 1);
	fixture_send(f);
	fixture_watch(f, "postfix@-.service", 100);
	ev = fixture_exec(f, "postfix@-.service", "/usr/lib/postfix/sbin/bounce", master, "bounce");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	ev = fixture_exec(f, "postfix@-.service", "/usr/lib/postfix/sbin/perl", master, "perl");
	fixture_add(f, &ev);
	ev = fixture_exec(f, "postfix@-.service", "/usr/lib/evil/bounce", master, "bounce");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 2);
}

static void
the_main_process_turning_into_a_shell_is_found(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_ready_nginx(f);
	ev = fixture_exec(f, NGINX, "/usr/bin/dash", "/usr/lib/systemd/systemd", "sh");
	ev.num[DS_NUM_PID] = 100;
	ev.num[DS_NUM_PPID] = 1;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
}

static void
sessions_jobs_and_package_scripts_start_what_they_like(void **state)
{
	static const char *const names[] = { "sshd/session", "cron/job", "dpkg/script" };
	struct fixture *f = *state;

	for (size_t i = 0; i < DS_LEN(names); i++) {
		struct ds_event ev;

		fixture_watch(f, names[i], 100);
		ev = fixture_exec(f, names[i], "/usr/bin/strange", "/usr/bin/bash", "strange");
		fixture_add(f, &ev);
		assert_int_equal(fixture_send(f), 0);
		assert_true(f->verdict.profiles[0].learnt);
	}
}

static void
a_program_from_memory_is_critical(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_ready_nginx(f);
	ev = fixture_exec(f, NGINX, "/memfd:x", "/usr/sbin/nginx", "x");
	ev.kind = DS_EVENT_EXEC_MEMORY;
	ds_event_set_str(&ev, DS_STR_ANCESTORS, NULL, 0);
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	assert_string_equal(f->verdict.findings[0].kind, "privilege");
	assert_string_equal(f->verdict.findings[0].severity, "critical");
}

static void
what_was_there_when_the_agent_started_is_learnt(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_ready_nginx(f);
	ev = fixture_exec(f, NGINX, "/usr/bin/helper", "/usr/sbin/nginx", NULL);
	ev.flags = DS_FLAG_INITIAL;
	ev.time_us = BASE_US - 86400 * S;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	assert_int_equal(send_exec(f, "/usr/bin/helper", "/usr/sbin/nginx", NULL), 0);
}

static void
coverage_is_what_good_and_turing_say(void **state)
{
	struct fixture *f = *state;
	const struct daemon_row *row;
	struct ds_event ev;
	char path[32];

	f->cfg.learn_min_us = 60 * S;
	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1", 1);
	/* 30 starts of one program, 10 of programs that were seen once: n1 / n = 10 / 40. */
	ev = fixture_exec(f, NGINX, "/usr/bin/known", "/usr/sbin/nginx", NULL);
	ev.count = 30;
	fixture_add(f, &ev);
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "/usr/bin/once%c", 'a' + i);
		ev = fixture_exec(f, NGINX, path, "/usr/sbin/nginx", NULL);
		fixture_add(f, &ev);
	}
	fixture_send(f);
	f->now_us += 40 * S;
	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1", 1);
	fixture_send(f);
	row = fixture_row(f, NGINX);
	assert_non_null(row);
	assert_true(row->coverage > 0.7499 && row->coverage < 0.7501);
	assert_string_equal(row->state, "learning");
	assert_non_null(strstr(row->blockers, "has been watched for 40 s of 60 s"));
	assert_non_null(strstr(row->blockers, "1 in 4 observations was new; needs 1 in 100"));
	/* Each of them once more, much later: nothing is single any more. */
	f->now_us += 40 * S;
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "/usr/bin/once%c", 'a' + i);
		ev = fixture_exec(f, NGINX, path, "/usr/sbin/nginx", NULL);
		fixture_add(f, &ev);
	}
	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1", 1);
	fixture_send(f);
	verdict_done(&f->verdict);
	assert_int_equal(detect_tick(f->detect, f->now_us + S, &f->verdict), 0);
	row = fixture_row(f, NGINX);
	assert_non_null(row);
	assert_string_equal(row->state, "ready");
	assert_true(row->coverage > 0.999);
	assert_string_equal(row->blockers, "[]");
}

static void
blind_time_is_not_learning_time(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1", 1);
	fixture_send(f);
	fixture_watch(f, NGINX, 50);
	ev = fixture_event(f, DS_EVENT_GAP, "");
	ev.num[DS_NUM_LOST] = 1000;
	ev.num[DS_NUM_DURATION_US] = 50 * S;
	ds_event_set_str(&ev, DS_STR_SOURCE, "exec", 4);
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	assert_string_equal(f->verdict.findings[0].kind, "blind");
	assert_string_equal(f->verdict.findings[0].severity, "low");
	fixture_watch(f, NGINX, 40);
	assert_int_equal(send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh"), 0);
}

static void
what_was_learnt_comes_back(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;
	struct daemon_row daemon = { .host = 7,
		.name = NGINX,
		.role = "service",
		.exe = "/usr/sbin/nginx",
		.state = "ready",
		.first_seen_us = BASE_US - 86400 * S,
		.last_seen_us = BASE_US - S };
	struct profile_row known = { .host = 7,
		.daemon = NGINX,
		.kind = DS_EVENT_EXEC,
		.key = (const uint8_t *)"c/usr/bin/helper",
		.key_size = 16,
		.count = 3,
		.first_us = BASE_US - 86400 * S,
		.last_us = BASE_US - S,
		.learnt = true };
	struct profile_row refused = known;

	refused.key = (const uint8_t *)"c/usr/bin/dash";
	refused.key_size = 14;
	refused.learnt = false;
	assert_int_equal(detect_restore_daemon(f->detect, &daemon), 0);
	assert_int_equal(detect_restore_profile(f->detect, &known), 0);
	assert_int_equal(detect_restore_profile(f->detect, &refused), 0);
	assert_int_equal(detect_tick(f->detect, BASE_US, &f->verdict), 0);
	assert_int_equal(f->verdict.profiles_len, 0);
	assert_int_equal(send_exec(f, "/usr/bin/helper", "/usr/sbin/nginx", NULL), 0);
	assert_int_equal(send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh"), 1);
	assert_non_null(strstr(f->verdict.findings[0].reason, "in 1 day on web1"));
	detect_forget(f->detect, 7, NGINX);
	ev = fixture_exec(f, NGINX, "/usr/bin/dash", "/usr/sbin/nginx", "sh");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0); /* learns anew */
}

static void
a_hundred_thousand_programs_stay_bounded(void **state)
{
	struct fixture *f = *state;
	size_t rows = 0, findings = 0;
	char path[48];

	fixture_ready_nginx(f);
	for (int i = 0; i < 100000; i++) {
		struct ds_event ev;

		snprintf(path, sizeof(path), "/usr/bin/strange%dx", i);
		ev = fixture_exec(f, NGINX, path, "/usr/sbin/nginx", NULL);
		fixture_add(f, &ev);
		if (ds_batch_builder_len(f->builder) == 10000) {
			findings += fixture_send(f);
			rows += f->verdict.profiles_len;
		}
	}
	assert_int_equal(rows, f->cfg.keys_max / 4);
	assert_in_range(findings, f->cfg.keys_max / 4, f->cfg.keys_max / 4 + 10);
}

static void
alerts_of_a_daemon_are_bounded(void **state)
{
	struct fixture *f = *state;
	size_t groups = 0;
	char path[48];

	fixture_ready_nginx(f);
	for (int i = 0; i < 200; i++) {
		struct ds_event ev;

		snprintf(path, sizeof(path), "/usr/bin/strange%dx", i);
		ev = fixture_exec(f, NGINX, path, "/usr/sbin/nginx", NULL);
		ev.num[DS_NUM_PID] = (uint64_t)(2000 + i);
		fixture_add(f, &ev);
	}
	assert_int_equal(fixture_send(f), 200);
	for (size_t i = 0; i < 200; i++) {
		bool again = false;

		for (size_t j = 0; j < i; j++)
			again |=
			    strcmp(f->verdict.findings[i].group, f->verdict.findings[j].group) == 0;
		groups += !again;
	}
	assert_int_equal(groups, 17);
}

static void
a_flood_of_daemon_names_is_bounded(void **state)
{
	struct fixture *f = *state;
	size_t rows = 0;
	char name[48];

	for (int i = 0; i < 50000; i++) {
		struct ds_event ev;

		snprintf(name, sizeof(name), "forged%d", i);
		ev = fixture_event(f, DS_EVENT_RESOURCE, name);
		fixture_add(f, &ev);
		if (ds_batch_builder_len(f->builder) == 10000) {
			fixture_send(f);
			rows += f->verdict.daemons_len;
		}
	}
	assert_int_equal(rows, 1024);
}

static void
what_came_of_an_order_makes_no_daemon_of_a_name_that_was_mistyped(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev = fixture_event(f, DS_EVENT_RESULT, "ngnix");

	ev.flags = DS_FLAG_FIRST;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	assert_null(fixture_row(f, "ngnix"));
}

static void
a_daemon_waits_for_the_cycles_that_were_asked_for_and_says_so(void **state)
{
	struct fixture *f = *state;
	const struct daemon_row *row;
	unsigned daily = 0, weekly = 0;

	f->cfg.days_min = 7;
	detect_configure(f->detect, &f->cfg);
	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1", 1);
	for (unsigned hour = 0; hour < 7 * 24; hour++, f->now_us += 3570 * S) {
		struct verdict v;

		fixture_watch(f, NGINX, 30);
		assert_int_equal(detect_tick(f->detect, f->now_us + 10 * S, &v), 0);
		for (size_t i = 0; i < v.daemons_len; i++) {
			row = &v.daemons[i];
			assert_string_equal(row->state, "learning");
			daily += strstr(row->blockers, "its daily cycle has not been seen") != NULL;
			weekly +=
			    strstr(row->blockers, "its weekly cycle has not been seen") != NULL;
		}
		verdict_done(&v);
	}
	assert_true(daily > 0 && weekly > daily);
	f->now_us += 3600 * S;
	fixture_watch(f, NGINX, 30);
	assert_int_equal(send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh"), 1);
}

static void
what_other_hosts_do_is_not_strange(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *snapshot = ds_snapshot_new(fleet_knowledge_free);
	struct knowledge *k = knowledge_new();
	json_t *doc, *peers;

	for (uint32_t host = 1; host <= 13; host++)
		assert_int_equal(
		    knowledge_add(k, knowledge_fact("nginx", 0, "", 0), host, true), 1);
	for (uint32_t host = 1; host <= 2; host++)
		assert_int_equal(
		    knowledge_add(k, knowledge_fact("nginx", DS_EVENT_EXEC, "c/usr/bin/perl", 14),
			host, true),
		    1);
	assert_int_equal(
	    knowledge_add(k, knowledge_fact("nginx", DS_EVENT_EXEC, "c/usr/bin/curl", 14), 3, true),
	    1);
	assert_int_equal(
	    knowledge_add(k, knowledge_fact("nginx", DS_EVENT_EXEC, "c/usr/bin/id", 12), 2, false),
	    1);
	assert_int_equal(ds_snapshot_publish(snapshot, knowledge_publish(k, NULL)), 0);
	f->cfg.fleet = snapshot;
	detect_configure(f->detect, &f->cfg);
	fixture_ready_nginx(f);
	assert_int_equal(send_exec(f, "/usr/bin/perl", "/usr/sbin/nginx", NULL), 0);
	/* One host could be anybody's. */
	assert_int_equal(send_exec(f, "/usr/bin/curl", "/usr/sbin/nginx", NULL), 1);
	assert_int_equal(send_exec(f, "/usr/bin/dash", "/usr/sbin/nginx", "sh"), 1);
	assert_non_null(strstr(f->verdict.findings[0].reason, "none of 12 peers has"));
	/* Seen on another host, but not accepted there either. */
	assert_int_equal(send_exec(f, "/usr/bin/id", "/usr/sbin/nginx", "id"), 1);
	doc = json_loads(f->verdict.findings[0].json, 0, NULL);
	peers = json_object_get(doc, "peers");
	assert_int_equal(json_integer_value(json_object_get(peers, "seen")), 1);
	assert_int_equal(json_integer_value(json_object_get(peers, "of")), 12);
	json_decref(doc);
	detect_free(f->detect);
	f->detect = NULL;
	knowledge_free(k);
	ds_snapshot_free(snapshot);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_silent_while_learning),
		TEST(a_ready_daemon_that_starts_a_shell_is_one_finding_that_says_why),
		TEST(what_was_alerted_is_not_learnt_until_it_is_accepted),
		TEST(a_lineage_is_one_group),
		TEST(repeats_in_a_batch_are_counted_in_one_finding),
		TEST(the_same_batch_makes_the_same_ids),
		TEST(reloads_rotation_and_upgrades_are_normal),
		TEST(an_interpreter_that_starts_itself_with_code_is_not_only_itself_again),
		TEST(a_part_of_its_own_package_is_normal_whenever_it_is_needed),
		TEST(the_main_process_turning_into_a_shell_is_found),
		TEST(sessions_jobs_and_package_scripts_start_what_they_like),
		TEST(a_program_from_memory_is_critical),
		TEST(what_was_there_when_the_agent_started_is_learnt),
		TEST(coverage_is_what_good_and_turing_say),
		TEST(blind_time_is_not_learning_time),
		TEST(what_was_learnt_comes_back),
		TEST(a_hundred_thousand_programs_stay_bounded),
		TEST(alerts_of_a_daemon_are_bounded),
		TEST(a_flood_of_daemon_names_is_bounded),
		TEST(what_came_of_an_order_makes_no_daemon_of_a_name_that_was_mistyped),
		TEST(a_daemon_waits_for_the_cycles_that_were_asked_for_and_says_so),
		TEST(what_other_hosts_do_is_not_strange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
