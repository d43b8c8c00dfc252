/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told to whom, and that nothing another machine says becomes markup, a header or an
 * address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/notify/channel.h"
#include "server/notify/clean.h"
#include "server/notify/message.h"
#include "server/notify/private_address.h"
#include "server/notify/route.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_US 3600000000ull

static char web[] = "web", eu[] = "eu-*", ops[] = "ops@example.org";
static char *webs[] = { web, eu };
static char *everybody[] = { ops };

static struct channel_config
config(void)
{
	return (struct channel_config){ .enabled = true,
		.min_severity = 1,
		.per_hour = 2,
		.url = (char *)(uintptr_t) "https://example.org/hook",
		.server = (char *)(uintptr_t) "smtp://example.org",
		.from = (char *)(uintptr_t) "ds@example.org",
		.user = (char *)(uintptr_t) "",
		.quiet = (char *)(uintptr_t) "",
		.to = { everybody, 1 } };
}

static struct route_alert
alert(void)
{
	return (struct route_alert){ "new_child", "high", "nginx", "open", "web, eu-1", 1 };
}

static void
a_channel_is_for_its_severities_daemons_and_labels(void **state)
{
	struct channel_config cfg = config();
	struct route_alert a = alert();

	(void)state;
	assert_true(route_matches(&cfg, &a));
	a.severity = "low";
	assert_false(route_matches(&cfg, &a));
	a = alert();
	cfg.labels = (struct ds_conf_list){ webs, 2 };
	assert_true(route_matches(&cfg, &a));
	a.labels = "database,eu-2";
	assert_true(route_matches(&cfg, &a));
	a.labels = "database";
	assert_false(route_matches(&cfg, &a));
	cfg.labels = (struct ds_conf_list){ 0 };
	cfg.daemons = (struct ds_conf_list){ webs, 1 };
	assert_false(route_matches(&cfg, &a));
	a.daemon = "web.service"; /* a unit is called without its suffix */
	assert_true(route_matches(&cfg, &a));
	cfg = config();
	cfg.enabled = false;
	assert_false(route_matches(&cfg, &a));
}

static void
an_alert_is_told_when_new_worse_ten_times_as_often_and_closed(void **state)
{
	struct channel_config cfg = config();
	struct route_alert a = alert();
	struct route_told told = { "new", "high", 1 };

	(void)state;
	assert_string_equal(route_event(&cfg, &a, NULL), "new");
	assert_null(route_event(&cfg, &a, &told));
	a.count = 9;
	assert_null(route_event(&cfg, &a, &told));
	a.count = 10;
	assert_string_equal(route_event(&cfg, &a, &told), "grown");
	a.severity = "critical";
	assert_string_equal(route_event(&cfg, &a, &told), "worse");
	a = alert();
	a.count = 100000;
	a.status = "acknowledged";
	assert_null(route_event(&cfg, &a, &told));
	a.status = "closed";
	assert_null(route_event(&cfg, &a, &told));
	assert_null(route_event(&cfg, &a, NULL));
	cfg.closed = true;
	assert_string_equal(route_event(&cfg, &a, &told), "closed");
	snprintf(told.event, sizeof(told.event), "closed");
	assert_null(route_event(&cfg, &a, &told));
}

static void
an_hour_has_so_many_messages_and_a_clock_that_goes_back_locks_nobody_out(void **state)
{
	struct route_rate *r = calloc(1, sizeof(*r));
	uint64_t now = 1000 * HOUR_US;

	(void)state;
	assert_true(route_rate_take(r, 2, now));
	assert_true(route_rate_take(r, 2, now + 1));
	assert_false(route_rate_take(r, 2, now + 2));
	assert_false(route_rate_take(r, 2, now + HOUR_US - 1));
	assert_true(route_rate_take(r, 2, now + HOUR_US));
	assert_true(route_rate_take(r, 2, now - HOUR_US));
	free(r);
}

/* ---- hostile texts */

static json_t *
hostile(void)
{
	struct alert_row row = { .id = "alr_1",
		.kind = "new_child",
		.status = "open",
		.severity = "high",
		.title = "x started <img src=x onerror=alert(1)>\r\nBcc: everybody@example.org",
		.reason = "a & b *bold* <@channel> \xe2\x80\xae",
		.daemon = "nginx",
		.count = 3,
		.json = "{\"explanation\":[{\"feature\":\"child\",\"baseline\":\"none\","
			"\"observed\":\"<b>\"}],\"peers\":{\"seen\":0,\"of\":312}}" };

	return message_of_alert("new", &row, "web1\nTo: other@example.org");
}

/* Takes doc. */
static int
build_of(const struct channel_kind *kind, json_t *doc, struct channel_request *ret)
{
	struct channel_config cfg = config();
	struct channel_message m = { "c", 7, 1000000, "new", doc, "secret",
		"https://ds.example.org/", "alr_1" };
	int r;

	*ret = (struct channel_request){ .is_mail = false };
	ds_buf_init(&ret->body, CHANNEL_TEXT_MAX);
	r = kind->build(&cfg, &m, ret);
	json_decref(doc);
	if (r == 0)
		assert_int_equal(ds_buf_put_u8(&ret->body, 0), 0);
	return r;
}

static int
build(const struct channel_kind *kind, struct channel_request *ret)
{
	return build_of(kind, hostile(), ret);
}

static void
no_header_of_a_mail_comes_from_another_machine(void **state)
{
	struct channel_request r;
	const char *text, *end;

	(void)state;
	assert_int_equal(build(&channel_email, &r), 0);
	text = (const char *)r.body.data;
	end = strstr(text, "\r\n\r\n");
	assert_non_null(end);
	assert_null(strstr(text, "Bcc"));
	assert_null(strstr(text, "other@"));
	assert_non_null(strstr(text, "Subject: =?UTF-8?B?"));
	assert_non_null(strstr(text, "Message-ID: <alr_1.c@example.org>\r\n"));
	assert_int_equal(r.to_len, 1);
	/* No line is longer than RFC 5322 allows, and none ends in a bare newline. */
	for (const char *p = text; *p;) {
		const char *eol = strchr(p, '\n');

		assert_non_null(eol);
		assert_true(eol > p && eol[-1] == '\r' && eol - p < 998);
		/* One with an encoded word has 76 at the most (RFC 2047). */
		assert_true(memmem(p, (size_t)(eol - p), "=?", 2) == NULL || eol - p <= 77);
		p = eol + 1;
	}
	ds_buf_done(&r.body);
}

static void
markup_of_chats_is_escaped(void **state)
{
	struct channel_request r;
	json_t *doc;

	(void)state;
	assert_int_equal(build(&channel_slack, &r), 0);
	assert_non_null(strstr((const char *)r.body.data, "&lt;@channel&gt;"));
	assert_null(strstr((const char *)r.body.data, "<@channel>"));
	/* Also beside the blocks; their header is no markup. */
	doc = json_loads((const char *)r.body.data, 0, NULL);
	assert_non_null(strstr(json_string_value(json_object_get(doc, "text")), "&lt;img"));
	json_decref(doc);
	ds_buf_done(&r.body);
	assert_int_equal(build(&channel_telegram, &r), 0);
	assert_non_null(strstr((const char *)r.body.data, "&lt;img src=x"));
	assert_null(strstr((const char *)r.body.data, "<img"));
	/* As code: else Telegram itself makes links, mentions and commands of it. */
	assert_non_null(strstr((const char *)r.body.data, "<b>[HIGH]</b> <code>"));
	assert_non_null(strstr((const char *)r.body.data, "</code>\\n<code>"));
	assert_non_null(strstr(r.url, "/botsecret/sendMessage"));
	ds_buf_done(&r.body);
}

static void
every_channel_that_posts_makes_one_json_document(void **state)
{
	const struct channel_kind *const kinds[] = { &channel_slack, &channel_telegram,
		&channel_webhook, &channel_pagerduty, &channel_alertmanager };

	(void)state;
	for (size_t i = 0; i < DS_LEN(kinds); i++) {
		struct channel_request r;
		json_t *doc;

		assert_int_equal(build(kinds[i], &r), 0);
		doc = json_loads((const char *)r.body.data, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(doc);
		json_decref(doc);
		for (unsigned h = 0; h < r.headers_len; h++)
			assert_null(strpbrk(r.headers[h], "\r\n"));
		ds_buf_done(&r.body);
	}
}

/* Whoever chooses the name of a file must not choose who is told. */
static void
a_title_of_any_bytes_is_told_by_every_channel(void **state)
{
	const struct channel_kind *const kinds[] = { &channel_slack, &channel_telegram,
		&channel_webhook, &channel_pagerduty, &channel_alertmanager, &channel_email };
	struct alert_row row = { .id = "alr_1",
		.kind = "new_child",
		.status = "open",
		.severity = "high",
		.reason = "\xff",
		.daemon = "x\xc3",
		.json = "{}" };
	char title[200];

	(void)state;
	row.title = title;
	for (size_t len = 0; len < sizeof(title); len++) {
		memcpy(title, "x\xff ", 3);
		for (size_t i = 3; i < len; i++)
			title[i] = i % 2 ? '\xc3' : '\xa9';
		title[DS_MAX(len, (size_t)3)] = '\0';
		for (size_t i = 0; i < DS_LEN(kinds); i++) {
			json_t *doc = message_of_alert("new", &row, "w\xe9");
			struct channel_request r;

			assert_non_null(doc);
			assert_int_equal(build_of(kinds[i], doc, &r), 0);
			ds_buf_done(&r.body);
		}
	}
}

static void
a_text_is_cut_between_characters(void **state)
{
	(void)state;
	assert_int_equal(clean_fit("abc", 5), 3);
	assert_int_equal(clean_fit("abc", 2), 2);
	assert_int_equal(clean_fit("a\xc3\xa9z", 2), 1);
	assert_int_equal(clean_fit("a\xc3\xa9z", 3), 3);
	assert_int_equal(clean_fit("\xf0\x9f\x98\x80", 3), 0);
}

/* Takes what is to be said about it. */
static json_t *
found_on(const char *host, const char *severity, const char *title)
{
	struct alert_row row = { .id = "alr_1",
		.kind = "new_child",
		.status = "open",
		.severity = severity,
		.title = title,
		.reason = "it never did",
		.daemon = "nginx",
		.count = 1,
		.json = "{}" };

	return message_of_alert("new", &row, host);
}

static void
add_some(json_t *digest, unsigned hosts, const char *severity, const char *title)
{
	for (unsigned i = 0; i < hosts; i++) {
		char host[16];
		json_t *doc;

		snprintf(host, sizeof(host), "web%u", i);
		doc = found_on(host, severity, title);
		message_digest_add(digest, doc);
		json_decref(doc);
	}
}

static const char *
line_of(const json_t *doc, size_t i)
{
	return json_string_value(
	    json_array_get(json_array_get(json_object_get(doc, "lines"), i), 1));
}

static void
a_digest_has_what_is_alike_together_and_the_worst_first(void **state)
{
	json_t *digest = message_digest(), *items;
	char title[40];

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		snprintf(title, sizeof(title), "nginx opened /tmp/%u", i);
		add_some(digest, 1, "medium", title);
	}
	add_some(digest, 400, "medium", "nginx started /bin/sh");
	add_some(digest, 1, "critical", "sshd was replaced");
	assert_int_equal(message_digest_end(digest, "why"), 0);
	items = json_object_get(digest, "items");
	assert_int_equal(json_integer_value(json_object_get(digest, "total")), 431);
	assert_string_equal(message_text(digest, "severity"), "critical");
	assert_string_equal(
	    message_text(digest, "title"), "431 alerts, the worst: sshd was replaced");
	assert_string_equal(line_of(digest, 0), "1 critical, 430 medium");
	assert_string_equal(line_of(digest, 1), "sshd was replaced (web0)");
	assert_string_equal(
	    line_of(digest, 2), "nginx started /bin/sh (400 on 400 hosts: web0, web1, web2, ...)");
	assert_string_equal(
	    line_of(digest, MESSAGE_ITEMS_MAX + 1), "12 more, in the list of alerts");
	assert_int_equal(json_array_size(items), MESSAGE_ITEMS_MAX);
	assert_int_equal(
	    json_integer_value(json_object_get(json_array_get(items, 1), "hosts")), 400);
	json_decref(digest);
}

/* Nobody hides an alert by what a command line is made of. */
static void
no_text_is_too_long_or_too_strange_for_slack(void **state)
{
	char bad[3001], row_json[4000];
	struct alert_row row = { .id = "alr_1",
		.kind = "new_child",
		.status = "open",
		.severity = "high",
		.title = "x\n*severity*  low",
		.reason = bad,
		.daemon = "nginx",
		.count = 1,
		.json = row_json };
	struct channel_request r;
	json_t *doc, *blocks;
	const char *text;

	(void)state;
	memset(bad, '&', sizeof(bad) - 1);
	bad[sizeof(bad) - 1] = '\0';
	snprintf(row_json, sizeof(row_json),
	    "{\"process\":{\"command_line\":\"%s\",\"user\":\"`\\n*host*  web9 `\"}}", bad);
	assert_int_equal(build_of(&channel_slack, message_of_alert("new", &row, "web1"), &r), 0);
	doc = json_loads((const char *)r.body.data, 0, NULL);
	blocks = json_object_get(json_array_get(json_object_get(doc, "attachments"), 0), "blocks");
	text = message_text(json_object_get(json_array_get(blocks, 1), "text"), "text");
	assert_true(strlen(text) <= 3000);
	assert_null(strstr(text, "\n*host*  web9"));
	assert_non_null(strstr(text, "`'"));
	json_decref(doc);
	ds_buf_done(&r.body);
}

/* Where a label is another, it is another alert: the old one would go on for a day. */
static void
alertmanager_ends_what_an_alert_was_before_it_was_worse(void **state)
{
	struct channel_config cfg = config();
	struct channel_message m = { "c", 7, 1000000, "worse", NULL, "", "", "alr_1" };
	struct channel_request r = { .is_mail = false };
	json_t *body = found_on("web1", "critical", "x"), *doc;

	(void)state;
	m.body = body;
	ds_buf_init(&r.body, CHANNEL_TEXT_MAX);
	assert_int_equal(channel_alertmanager.build(&cfg, &m, &r), 0);
	assert_int_equal(ds_buf_put_u8(&r.body, 0), 0);
	doc = json_loads((const char *)r.body.data, 0, NULL);
	assert_int_equal(json_array_size(doc), 3); /* medium was the least that it was told */
	for (size_t i = 0; i < 3; i++) {
		const json_t *one = json_array_get(doc, i);
		bool now = strcmp(message_text(json_object_get(one, "labels"), "severity"),
			       "critical") == 0;

		assert_true(now == (strcmp(message_text(one, "endsAt"),
					"1970-01-01T00:00:01.000000Z") != 0));
	}
	json_decref(doc);
	json_decref(body);
	ds_buf_done(&r.body);
}

static void
what_is_told_again_says_why_and_what_was_done(void **state)
{
	json_t *doc = found_on("web1", "high", "nginx started /bin/sh");
	const struct reaction_row row = {
		.kind = "kill", .target = "process:4242@1795889191389489", .status = "verified"
	};
	char text[200];
	json_t *lines = json_object_get(doc, "lines");

	(void)state;
	json_object_set_new(json_object_get(doc, "alert"), "count", json_integer(12));
	message_subject("grown", doc, text, sizeof(text));
	assert_string_equal(text, "[HIGH x12] nginx started /bin/sh on web1");
	message_subject("worse", doc, text, sizeof(text));
	assert_string_equal(text, "[NOW HIGH] nginx started /bin/sh on web1");
	message_add_reaction(doc, &row);
	assert_string_equal(line_of(doc, json_array_size(lines) - 1), "kill of process:4242: done");
	json_decref(doc);
	/* A title that names the host names it once. */
	doc = found_on("web1", "high", "passwords are guessed on web1");
	message_subject("new", doc, text, sizeof(text));
	assert_string_equal(text, "[HIGH] passwords are guessed on web1");
	json_decref(doc);
	doc = found_on("web", "high", "nginx: a web server on web1 starts a shell");
	message_subject("new", doc, text, sizeof(text));
	assert_string_equal(text, "[HIGH] nginx: a web server on web1 starts a shell on web");
	json_decref(doc);
}

static void
a_message_says_each_thing_once(void **state)
{
	struct alert_row row = { .id = "alr_1",
		.kind = "new_child",
		.status = "open",
		.severity = "high",
		.title = "x",
		.reason = "y",
		.daemon = "nginx",
		.count = 1,
		.json = "{\"explanation\":[{\"feature\":\"child\",\"baseline\":\"none\","
			"\"observed\":\"/bin/sh\"},{\"feature\":\"child: seen before\","
			"\"baseline\":\"here\",\"observed\":\"never\"},{\"feature\":"
			"\"child: peers\",\"baseline\":\"0 of 5\",\"observed\":\"0 of 5\"}],"
			"\"peers\":{\"seen\":0,\"of\":5}}" };
	json_t *doc = message_of_alert("new", &row, "web1");
	struct ds_buf text;

	(void)state;
	ds_buf_init(&text, CHANNEL_TEXT_MAX);
	assert_int_equal(message_plain(&text, "new", doc, ""), 0);
	assert_int_equal(ds_buf_put_u8(&text, 0), 0);
	assert_non_null(
	    strstr((const char *)text.data, "  child              /bin/sh (normal: none)\n"
					    "  seen before        never (normal: here)\n"
					    "  peers              0 of 5 did the same\n"));
	ds_buf_done(&text);
	json_decref(doc);
}

static void
who_a_host_named_is_told_in_a_mail_of_their_own(void **state)
{
	json_t *doc = found_on("web1", "high", "nginx started /bin/sh");
	struct channel_request r;

	(void)state;
	json_object_set_new(doc, "alert_email", json_string("owner@example.org"));
	assert_int_equal(build_of(&channel_email, doc, &r), 0);
	assert_int_equal(r.to_len, 1);
	assert_string_equal(r.to[0], "owner@example.org");
	ds_buf_done(&r.body);
}

static void
addresses_that_only_this_machine_reaches_are_known_in_every_form(void **state)
{
	static const char *const shut[] = { "::ffff:127.0.0.1", "::ffff:10.1.2.3",
		"::ffff:172.31.0.1", "::ffff:192.168.1.1", "::ffff:169.254.169.254",
		"::ffff:0.0.0.0", "::ffff:100.64.0.1", "::ffff:100.100.100.200",
		"::ffff:192.0.0.192", "::ffff:168.63.129.16", "::ffff:255.255.255.255", "::1",
		"::", "fe80::1", "fec0::1", "fd00:ec2::254", "ff02::1", "::127.0.0.1", "::10.0.0.1",
		"::ffff:0:127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8",
		"2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:1:2:3:4:5:6" },
				 *const open[] = { "::ffff:192.0.2.1", "::ffff:172.32.0.1",
					 "::ffff:8.8.8.8", "::ffff:168.63.129.17", "2001:db8::1",
					 "2001:4860:4860::8888", "64:ff9b::8.8.8.8",
					 "2002:808:808::1" };
	uint8_t a[16];

	(void)state;
	for (size_t i = 0; i < DS_LEN(shut); i++) {
		assert_int_equal(inet_pton(AF_INET6, shut[i], a), 1);
		assert_true(private_address(a));
	}
	for (size_t i = 0; i < DS_LEN(open); i++) {
		assert_int_equal(inet_pton(AF_INET6, open[i], a), 1);
		assert_false(private_address(a));
		assert_false(own_address(a));
	}
}

static void
what_is_no_mail_address_is_refused(void **state)
{
	static const char *const bad[] = { "", "ops", "@x", "a@", "a@b@c", "a b@c", "a@b\r\nBcc: c",
		"<a@b>", "a@b,c@d" };

	(void)state;
	assert_true(channel_is_address("ops+x@example.org"));
	for (size_t i = 0; i < DS_LEN(bad); i++)
		assert_false(channel_is_address(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_channel_is_for_its_severities_daemons_and_labels),
		cmocka_unit_test(an_alert_is_told_when_new_worse_ten_times_as_often_and_closed),
		cmocka_unit_test(
		    an_hour_has_so_many_messages_and_a_clock_that_goes_back_locks_nobody_out),
		cmocka_unit_test(no_header_of_a_mail_comes_from_another_machine),
		cmocka_unit_test(markup_of_chats_is_escaped),
		cmocka_unit_test(every_channel_that_posts_makes_one_json_document),
		cmocka_unit_test(a_title_of_any_bytes_is_told_by_every_channel),
		cmocka_unit_test(a_text_is_cut_between_characters),
		cmocka_unit_test(a_digest_has_what_is_alike_together_and_the_worst_first),
		cmocka_unit_test(no_text_is_too_long_or_too_strange_for_slack),
		cmocka_unit_test(alertmanager_ends_what_an_alert_was_before_it_was_worse),
		cmocka_unit_test(what_is_told_again_says_why_and_what_was_done),
		cmocka_unit_test(a_message_says_each_thing_once),
		cmocka_unit_test(who_a_host_named_is_told_in_a_mail_of_their_own),
		cmocka_unit_test(addresses_that_only_this_machine_reaches_are_known_in_every_form),
		cmocka_unit_test(what_is_no_mail_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
