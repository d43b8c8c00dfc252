/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/compiler.h"
#include "server/api/hook.h"
#include "server/config.h"

#include <stdio.h>
#include <string.h>

#define HELLO    "Hello, World!"
#define SECRET   "It's a Secret to Everybody"
#define HELLO_S  "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define NUMBER   "{\"test\": 2432232314}"
#define WHSEC    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define NUMBER_S "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define NUMBER_T 1614265330u

static bool
is_signed(enum hook_type type, const char *secret, const struct hook_headers *h, const char *body,
    uint64_t now_s)
{
	uint8_t digest[HOOK_DIGEST_SIZE];

	return hook_is_signed(type, secret, h, body, strlen(body), now_s, digest);
}

static void
the_example_of_github_is_believed_and_nothing_near_it(void **state)
{
	struct hook_headers h = { .delivery = "1", .signature = HELLO_S };

	(void)state;
	assert_true(is_signed(HOOK_GITHUB, SECRET, &h, HELLO, 0));
	assert_false(is_signed(HOOK_GITHUB, SECRET, &h, HELLO "!", 0));
	assert_false(is_signed(HOOK_GITHUB, SECRET "s", &h, HELLO, 0));
	h.signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1";
	assert_false(is_signed(HOOK_GITHUB, SECRET, &h, HELLO, 0));
	h.signature = "sha256=";
	assert_false(is_signed(HOOK_GITHUB, SECRET, &h, HELLO, 0));
	h = (struct hook_headers){ .signature = HELLO_S };
	assert_false(is_signed(HOOK_GITHUB, SECRET, &h, HELLO, 0));
}

static void
the_example_of_standard_webhooks_is_believed_for_five_minutes(void **state)
{
	struct hook_headers h = { .delivery = "msg_p5jXN8AQM9LWM0D4loKWxJek",
		.signature = "v1,AAAA v2,what " NUMBER_S,
		.timestamp = "1614265330" };

	(void)state;
	assert_true(is_signed(HOOK_GITLAB, WHSEC, &h, NUMBER, NUMBER_T));
	assert_true(is_signed(HOOK_GITLAB, WHSEC, &h, NUMBER, NUMBER_T + HOOK_LATE_S));
	assert_false(is_signed(HOOK_GITLAB, WHSEC, &h, NUMBER, NUMBER_T + HOOK_LATE_S + 1));
	assert_false(is_signed(HOOK_GITLAB, WHSEC, &h, NUMBER, NUMBER_T - HOOK_LATE_S - 1));
	assert_false(is_signed(HOOK_GITLAB, WHSEC, &h, NUMBER " ", NUMBER_T));
	h.timestamp = "1614265331";
	assert_false(is_signed(HOOK_GITLAB, WHSEC, &h, NUMBER, NUMBER_T));
	h.timestamp = "yesterday";
	assert_false(is_signed(HOOK_GITLAB, WHSEC, &h, NUMBER, NUMBER_T));
	/* The secret of a signing token is none to be shown. */
	h = (struct hook_headers){ .delivery = "x", .token = WHSEC };
	assert_false(is_signed(HOOK_GITLAB, WHSEC, &h, NUMBER, NUMBER_T));
}

static void
a_plain_token_is_compared_whole(void **state)
{
	struct hook_headers h = { .delivery = "d", .token = "0123456789abcdef" };

	(void)state;
	assert_true(is_signed(HOOK_GITLAB, "0123456789abcdef", &h, NUMBER, 0));
	h.token = "0123456789abcde";
	assert_false(is_signed(HOOK_GITLAB, "0123456789abcdef", &h, NUMBER, 0));
	h.token = "";
	assert_false(is_signed(HOOK_GITLAB, "0123456789abcdef", &h, NUMBER, 0));
	h.token = NULL;
	assert_false(is_signed(HOOK_GITLAB, "0123456789abcdef", &h, NUMBER, 0));
}

static void
a_copy_under_another_id_has_the_same_digest(void **state)
{
	struct hook_headers h = { .delivery = "1", .signature = HELLO_S };
	uint8_t one[HOOK_DIGEST_SIZE], two[HOOK_DIGEST_SIZE];

	(void)state;
	assert_true(hook_is_signed(HOOK_GITHUB, SECRET, &h, HELLO, strlen(HELLO), 0, one));
	h.delivery = "2";
	assert_true(hook_is_signed(HOOK_GITHUB, SECRET, &h, HELLO, strlen(HELLO), 0, two));
	assert_memory_equal(one, two, sizeof(one));
}

static struct hook_event
read_text(enum hook_type type, const char *event, const char *text)
{
	json_t *body = json_loads(text, 0, NULL);
	struct hook_event e;

	assert_non_null(body);
	hook_read(type, event, body, &e);
	json_decref(body);
	return e;
}

static void
begin_and_end_of_a_deployment_have_one_id(void **state)
{
	struct hook_event
	    begun = read_text(HOOK_GITHUB, "deployment",
		"{\"action\":\"created\",\"deployment\":{\"id\":42,\"ref\":\"main\",\"sha\":\"abc\","
		"\"environment\":\"production\"},\"repository\":{\"full_name\":\"o/app\"},"
		"\"sender\":{\"login\":\"alice\"}}"),
	    done = read_text(HOOK_GITHUB, "deployment_status",
		"{\"deployment_status\":{\"state\":\"success\"},\"deployment\":{\"id\":42},"
		"\"repository\":{\"full_name\":\"o/app\"}}"),
	    gitlab = read_text(HOOK_GITLAB, NULL,
		"{\"object_kind\":\"deployment\",\"status\":\"running\",\"deployment_id\":7,"
		"\"environment\":\"staging\",\"project\":{\"path_with_namespace\":\"g/app\"},"
		"\"user\":{\"username\":\"bob\"}}");

	(void)state;
	assert_int_equal(begun.phase, HOOK_BEGINS);
	assert_string_equal(begun.environment, "production");
	assert_string_equal(begun.actor, "alice");
	assert_int_equal(done.phase, HOOK_IS_DONE);
	assert_string_equal(begun.id, done.id);
	assert_int_equal(gitlab.phase, HOOK_BEGINS);
	assert_string_equal(gitlab.repository, "g/app");
	assert_string_equal(gitlab.actor, "bob");
}

static void
a_push_to_a_branch_a_tag_and_of_nothing_are_three_things(void **state)
{
	struct hook_event
	    push = read_text(HOOK_GITHUB, "push",
		"{\"ref\":\"refs/heads/main\",\"after\":\"a1\",\"repository\":{\"full_name\":\"o/a\"}}"),
	    tag = read_text(HOOK_GITLAB, NULL,
		"{\"object_kind\":\"tag_push\",\"ref\":\"refs/tags/v1\",\"after\":\"a1\"}"),
	    gone = read_text(HOOK_GITHUB, "push", "{\"ref\":\"refs/heads/x\",\"after\":\"0000\"}"),
	    other = read_text(HOOK_GITHUB, "issues", "{\"action\":\"created\"}");

	(void)state;
	assert_string_equal(push.name, "push");
	assert_string_equal(push.ref, "main");
	assert_int_equal(push.phase, HOOK_BEGINS);
	assert_string_equal(tag.name, "tag");
	assert_string_equal(tag.ref, "v1");
	assert_int_equal(gone.phase, HOOK_NOTHING);
	assert_string_equal(other.name, "");
	assert_int_equal(other.phase, HOOK_NOTHING);
}

static void
texts_of_strangers_are_cut_and_printable(void **state)
{
	struct hook_event e = read_text(HOOK_GITHUB, "push",
	    "{\"ref\":\"refs/heads/a\\nb\\u0007\\u202e\",\"after\":{\"no\":1},\"repository\":[1],\"sender\":\"x\"}");

	(void)state;
	assert_string_equal(e.ref, "a?b????");
	assert_string_equal(e.repository, "");
	assert_int_equal(e.phase, HOOK_NOTHING);
}

static int
load(struct server_config *cfg, const char *text, char *why, size_t size)
{
	struct ds_conf_report report = { 0 };

	assert_int_equal(
	    ds_conf_parse(server_options, cfg, "test", text, strlen(text), &report, NULL), 0);
	return hooks_check(&cfg->hooks, why, size);
}

static void
a_section_wants_what_it_names(void **state)
{
	struct server_config server = { 0 };
	struct hook_event e = {
		.name = "push", .phase = HOOK_BEGINS, .repository = "o/app", .ref = "v1.2"
	};
	const struct hook_config *cfg;
	char why[200];

	(void)state;
	assert_int_equal(
	    load(&server,
		"[hook.web]\nsecret_file = /s\ndaemons = nginx\nevents = deployment,push\n"
		"repositories = o/*\nrefs = main,v*\nenvironments = prod*\n",
		why, sizeof(why)),
	    0);
	cfg = server.hooks.items[0].value;
	assert_true(hook_wants(cfg, &e));
	e.name = "release";
	assert_false(hook_wants(cfg, &e));
	e.name = "deployment";
	assert_false(hook_wants(cfg, &e));
	memcpy(e.environment, "production", sizeof("production"));
	assert_true(hook_wants(cfg, &e));
	memcpy(e.ref, "next", sizeof("next"));
	assert_false(hook_wants(cfg, &e));
	memcpy(e.ref, "main", sizeof("main"));
	memcpy(e.repository, "p/app", sizeof("p/app"));
	assert_false(hook_wants(cfg, &e));
	ds_conf_free(server_options, &server);
}

static void
a_section_that_lacks_something_says_what(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "secret_file = /s\n", "daemons" },
		{ "secret_file = /s\ndaemons = nginx\nevents = deployment,merge\n", "events" },
		{ "secret_file = /s\ndaemons = a,b,c,d,e,f,g,h,i\nlabels = 1,2,3,4,5,6,7,8\n",
		    "64 windows" },
	};
	char text[200], why[200];

	(void)state;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		struct server_config server = { 0 };

		snprintf(text, sizeof(text), "[hook.web]\n%s", cases[i].text);
		assert_true(load(&server, text, why, sizeof(why)) < 0);
		assert_non_null(strstr(why, "[hook.web]"));
		assert_non_null(strstr(why, cases[i].why));
		ds_conf_free(server_options, &server);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_github_is_believed_and_nothing_near_it),
		cmocka_unit_test(the_example_of_standard_webhooks_is_believed_for_five_minutes),
		cmocka_unit_test(a_plain_token_is_compared_whole),
		cmocka_unit_test(a_copy_under_another_id_has_the_same_digest),
		cmocka_unit_test(begin_and_end_of_a_deployment_have_one_id),
		cmocka_unit_test(a_push_to_a_branch_a_tag_and_of_nothing_are_three_things),
		cmocka_unit_test(texts_of_strangers_are_cut_and_printable),
		cmocka_unit_test(a_section_wants_what_it_names),
		cmocka_unit_test(a_section_that_lacks_something_says_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
