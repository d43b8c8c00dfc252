/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon that is not learnt, under the protection of a starter model. */
#include "server/detect/stand.h"
#include "server/detect/starter.h"
#include "tests/unit/detect_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NGINX "nginx.service"
#define HEAD                                                                                        \
	"{\"format\": 1, \"name\": \"nginx\", \"source\": \"Debian 12\", \"package\": \"nginx\","   \
	" \"version\": \"1.22\", \"executables\": [\"/usr/sbin/nginx\"], \"classes\": [\"nginx\"]," \
	" \"runs\": 4, \"incidences\": 99, \"behaviours\": ["
#define BEHAVIOUR(key, runs, from) \
	"{\"action\": \"exec\", \"key\": \"" key "\", \"runs\": " #runs ", \"from\": \"" from "\"}"

static const char nginx_model[] = HEAD BEHAVIOUR("m/usr/sbin/nginx", 4, "recorded") "," BEHAVIOUR(
    "c/usr/bin/gzip", 2, "recorded") "," BEHAVIOUR("c/usr/lib/nginx/helper", 0, "package") "]}";

static int
add(struct starters *s, const char *json)
{
	char why[200] = "";
	int r = starters_add(s, json, strlen(json), why, sizeof(why));

	assert_true(r == 0 || why[0] != '\0');
	return r;
}

static int
setup(void **state)
{
	struct starters *s = starters_new();
	struct fixture *f;

	if (s == NULL || fixture_setup(state) < 0 || add(s, nginx_model) < 0)
		return -1;
	f = *state;
	f->cfg.starters = s;
	detect_configure(f->detect, &f->cfg);
	return 0;
}

static int
teardown(void **state)
{
	struct starters *s = (struct starters *)(uintptr_t)((struct fixture *)*state)->cfg.starters;
	int r = fixture_teardown(state);

	starters_free(s);
	return r;
}

/* The first seconds of a new host. */
static size_t
starts(struct fixture *f, const char *exe)
{
	struct ds_event ev = fixture_exec(f, NGINX, exe, "/usr/sbin/nginx", exe);

	f->now_us += S;
	ev.time_us = f->now_us;
	fixture_add(f, &ev);
	return fixture_send(f);
}

static void
a_shell_in_the_first_second_is_told_with_what_it_rests_on(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1.22", 1);
	assert_int_equal(starts(f, "/usr/bin/dash"), 1);
	assert_string_equal(f->verdict.findings[0].kind, "new_child");
	assert_non_null(strstr(f->verdict.findings[0].reason,
	    "(learning: starter model of nginx from Debian 12 (nginx 1.22), confidence 99 %)"));
	assert_non_null(
	    strstr(f->verdict.findings[0].json, "\"prevalence\":\"0 of 20 pseudo-hosts\""));
}

static void
without_a_model_of_its_program_it_is_learnt(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, NGINX, "service", "/opt/nginx", "1.22", 1);
	assert_int_equal(starts(f, "/usr/bin/dash"), 0);
}

static void
what_the_model_knows_is_normal(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1.22", 1);
	assert_int_equal(starts(f, "/usr/bin/gzip"), 0);
	assert_int_equal(starts(f, "/usr/lib/nginx/helper"), 0);
}

static void
also_of_a_daemon_that_is_learnt(void **state)
{
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	assert_int_equal(starts(f, "/usr/bin/gzip"), 0);
	assert_int_equal(starts(f, "/usr/bin/xz"), 1);
	assert_null(strstr(f->verdict.findings[0].reason, "starter"));
}

static void
a_script_that_starts_it_is_known_by_the_class(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_declare(f, NGINX, "service", "/usr/bin/perl", "1.22", 1);
	ev = fixture_exec(f, NGINX, "/usr/bin/xz", "/usr/bin/perl", "xz");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
}

static void
a_container_is_not_what_a_package_is(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, NGINX, "container", "/usr/sbin/nginx", "1.22", 1);
	assert_int_equal(starts(f, "/usr/bin/dash"), 0);
}

static void
a_host_that_is_otherwise_is_left_to_learning(void **state)
{
	struct fixture *f = *state;
	char exe[40];

	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1.22", 1);
	/* What ran when the agent came is how this host is: the model knows nothing of it. */
	for (int i = 0; i < 6; i++) {
		struct ds_event ev;

		snprintf(exe, sizeof(exe), "/srv/app/bin%c", 'a' + i);
		ev = fixture_exec(f, NGINX, exe, "/usr/sbin/nginx", exe);
		ev.flags = DS_FLAG_INITIAL;
		fixture_add(f, &ev);
	}
	assert_int_equal(fixture_send(f), 0);
	assert_int_equal(starts(f, "/usr/bin/dash"), 0);
}

static void
the_row_names_model_and_confidence(void **state)
{
	struct fixture *f = *state;
	const struct daemon_row *row;

	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1.22", 1);
	(void)fixture_send(f);
	row = fixture_row(f, NGINX);
	assert_non_null(row);
	assert_string_equal(row->starter, "nginx from Debian 12 (nginx 1.22)");
	assert_true(row->starter_confidence > 0.98 && row->starter_confidence < 1);
}

static void
a_model_that_is_not_one_is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *json;
		int is;
	} bad[] = {
		{ "", -EINVAL },
		{ "[]", -EINVAL },
		{ "{\"format\": 2}", -EPROTONOSUPPORT },
		{ HEAD "]}", -EINVAL }, /* a second one of the same program */
		{ HEAD BEHAVIOUR("c/x", 5, "recorded") "]}", -EINVAL },
		{ HEAD BEHAVIOUR("", 1, "recorded") "]}", -EINVAL },
		{ HEAD BEHAVIOUR("c/x", 1, "hearsay") "]}", -EINVAL },
		{ HEAD "{\"action\": \"dance\", \"key\": \"c/x\", \"runs\": 1}]}", -EINVAL },
		{ "{\"format\": 1, \"name\": \"a\", \"source\": \"b\", \"executables\": [\"x\"], \"classes\": [],"
		  " \"runs\": 1, \"behaviours\": []}",
		    -EINVAL },
		{ "{\"format\": 1, \"name\": \"a\", \"source\": \"b\", \"executables\": [], \"classes\": [],"
		  " \"runs\": 1, \"behaviours\": []}",
		    -EINVAL },
		{ "{\"format\": 1, \"name\": \"a\", \"source\": \"b\", \"executables\": [\"/x\"], \"classes\": [],"
		  " \"runs\": 0, \"behaviours\": []}",
		    -EINVAL },
	};
	struct starters *s = starters_new();

	(void)state;
	assert_int_equal(add(s, nginx_model), 0);
	for (size_t i = 0; i < DS_LEN(bad); i++)
		assert_int_equal(add(s, bad[i].json), bad[i].is);
	assert_int_equal(starters_len(s), 1);
	assert_non_null(starters_find(s, "/usr/sbin/nginx", 15));
	assert_null(starters_find(s, "/x", 2));
	starters_free(s);
}

static void
the_models_that_are_shipped_can_be_read(void **state)
{
	const char *top = getenv("top_srcdir");
	char dir[4096], why[300];
	struct starters *s;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/schema/starter", top != NULL ? top : ".");
	s = starters_open(dir, why, sizeof(why));
	assert_string_equal(why, "");
	assert_true(starters_len(s) >= 10);
	assert_true(starter_coverage(starters_find(s, "/usr/sbin/nginx", 15)) > STAND_SURE);
	starters_free(s);
	s = starters_open("/nowhere/at/all", why, sizeof(why));
	assert_non_null(strstr(why, "/nowhere/at/all"));
	assert_int_equal(starters_len(s), 0);
	starters_free(s);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_shell_in_the_first_second_is_told_with_what_it_rests_on),
		T(without_a_model_of_its_program_it_is_learnt),
		T(what_the_model_knows_is_normal),
		T(also_of_a_daemon_that_is_learnt),
		T(a_script_that_starts_it_is_known_by_the_class),
		T(a_container_is_not_what_a_package_is),
		T(a_host_that_is_otherwise_is_left_to_learning),
		T(the_row_names_model_and_confidence),
		cmocka_unit_test(a_model_that_is_not_one_is_refused_with_a_sentence),
		cmocka_unit_test(the_models_that_are_shipped_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
