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
#include "server/notify/route.h"
#include "server/notify/sender.h"

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

static void
quiet_hours_may_go_over_midnight(void **state)
{
	struct channel_config cfg = config();

	(void)state;
	assert_false(route_is_quiet(&cfg, 0));
	cfg.quiet = (char *)(uintptr_t) "22:00-07:00";
	assert_true(route_is_quiet(&cfg, 23 * HOUR_US));
	assert_true(route_is_quiet(&cfg, 6 * HOUR_US));
	assert_false(route_is_quiet(&cfg, 7 * HOUR_US));
	cfg.quiet = (char *)(uintptr_t) "08:30-09:00";
	assert_true(route_is_quiet(&cfg, 8 * HOUR_US + HOUR_US / 2));
	assert_false(route_is_quiet(&cfg, 9 * HOUR_US));
	cfg.quiet = (char *)(uintptr_t) "25:00-09:00";
	assert_false(route_is_quiet(&cfg, 1));
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
	assert_non_null(strstr(text, "Message-ID: <alr_1.c@daemonsec>\r\n"));
	assert_int_equal(r.to_len, 1);
	/* No line is longer than RFC 5322 allows, and none ends in a bare newline. */
	for (const char *p = text; *p;) {
		const char *eol = strchr(p, '\n');

		assert_non_null(eol);
		assert_true(eol > p && eol[-1] == '\r' && eol - p < 998);
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

static void
a_digest_counts_all_and_names_the_first(void **state)
{
	json_t *digest = message_digest();
	struct ds_buf text;

	(void)state;
	for (int i = 0; i < 50; i++) {
		json_t *doc = hostile();

		message_digest_add(digest, doc);
		json_decref(doc);
	}
	assert_int_equal(message_digest_end(digest, "why"), 0);
	assert_string_equal(message_text(digest, "title"), "50 messages in a digest");
	assert_string_equal(message_text(digest, "severity"), "high");
	ds_buf_init(&text, CHANNEL_TEXT_MAX);
	assert_int_equal(message_plain(&text, "digest", digest, ""), 0);
	assert_int_equal(ds_buf_put_u8(&text, 0), 0);
	assert_non_null(strstr((const char *)text.data, "30 more"));
	ds_buf_done(&text);
	json_decref(digest);
}

static void
addresses_that_only_this_machine_reaches_are_known(void **state)
{
	static const char *const private[] = { "::ffff:127.0.0.1", "::ffff:10.1.2.3",
		"::ffff:172.31.0.1", "::ffff:192.168.1.1", "::ffff:169.254.169.254",
		"::ffff:0.0.0.0", "::ffff:100.64.0.1", "::1", "::", "fe80::1", "fd00::1",
		"ff02::1" },
				 *const open[] = { "::ffff:192.0.2.1", "::ffff:172.32.0.1",
					 "::ffff:8.8.8.8", "2001:db8::1" };
	uint8_t a[16];

	(void)state;
	for (size_t i = 0; i < DS_LEN(private); i++) {
		assert_int_equal(inet_pton(AF_INET6, private[i], a), 1);
		assert_true(sender_is_private(a));
	}
	for (size_t i = 0; i < DS_LEN(open); i++) {
		assert_int_equal(inet_pton(AF_INET6, open[i], a), 1);
		assert_false(sender_is_private(a));
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
		cmocka_unit_test(quiet_hours_may_go_over_midnight),
		cmocka_unit_test(no_header_of_a_mail_comes_from_another_machine),
		cmocka_unit_test(markup_of_chats_is_escaped),
		cmocka_unit_test(every_channel_that_posts_makes_one_json_document),
		cmocka_unit_test(a_title_of_any_bytes_is_told_by_every_channel),
		cmocka_unit_test(a_text_is_cut_between_characters),
		cmocka_unit_test(a_digest_counts_all_and_names_the_first),
		cmocka_unit_test(addresses_that_only_this_machine_reaches_are_known),
		cmocka_unit_test(what_is_no_mail_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
