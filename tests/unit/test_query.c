/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/query.h"
#include "server/store/bloom.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_US  (UINT64_C(1750000000) * 1000000)
#define HOUR_US (UINT64_C(3600) * 1000000)

static const struct query_host web1 = { "web1", "0f8fad5b-d9cb-469f-a165-70867728950e" };

struct fixture {
	struct ds_batch *batch;
	struct ds_buf packed;
};

static void
set(struct ds_event *ev, enum ds_str_field f, const char *s)
{
	ds_event_set_str(ev, f, s, strlen(s));
}

static struct ds_event
make(uint8_t kind, const char *daemon, uint64_t time_us)
{
	struct ds_event ev = { .time_us = time_us, .count = 1, .kind = kind };

	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	return ev;
}

/* 0 exec, 1 connect, 2 file write, 3 login failure, 4 exec with odd bytes */
static void
add_events(struct ds_batch_builder *b)
{
	static const char args[] = "sh\0-c\0id --user";
	static const uint8_t v4[4] = { 10, 1, 2, 3 }, v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	struct ds_event ev = make(DS_EVENT_EXEC, "nginx.service", NOW_US - 3 * HOUR_US);

	ev.flags = DS_FLAG_FIRST;
	ev.num[DS_NUM_PID] = 100;
	ev.num[DS_NUM_UID] = 33;
	set(&ev, DS_STR_EXE, "/usr/bin/dash");
	ds_event_set_str(&ev, DS_STR_ARGS, args, sizeof(args) - 1);
	assert_int_equal(ds_batch_add(b, &ev), 0);

	ev = make(DS_EVENT_CONNECT, "nginx.service", NOW_US - 2 * HOUR_US);
	ev.num[DS_NUM_PID] = 101;
	ev.num[DS_NUM_DPORT] = 5432;
	ev.num[DS_NUM_PROTO] = 6;
	ev.count = 7;
	set(&ev, DS_STR_EXE, "/usr/sbin/nginx");
	ds_event_set_str(&ev, DS_STR_SADDR, v6, 16);
	ds_event_set_str(&ev, DS_STR_DADDR, v4, 4);
	assert_int_equal(ds_batch_add(b, &ev), 0);

	ev = make(DS_EVENT_FILE_WRITE, "postgres", NOW_US - HOUR_US);
	set(&ev, DS_STR_PATH, "/var/lib/Postgres/with space");
	set(&ev, DS_STR_EXE, "/usr/lib/postgresql/15/bin/postgres");
	assert_int_equal(ds_batch_add(b, &ev), 0);

	ev = make(DS_EVENT_LOGIN, "ssh.service", NOW_US);
	ev.num[DS_NUM_OUTCOME] = 2;
	set(&ev, DS_STR_USER, "root");
	set(&ev, DS_STR_MESSAGE, "Failed password");
	ds_event_set_str(&ev, DS_STR_SADDR, v4, 4);
	assert_int_equal(ds_batch_add(b, &ev), 0);

	ev = make(DS_EVENT_EXEC, "cron/job", NOW_US);
	set(&ev, DS_STR_EXE, "/tmp/\xff\xfe*star");
	assert_int_equal(ds_batch_add(b, &ev), 0);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct ds_batch_builder *b = ds_batch_builder_new();

	add_events(b);
	ds_buf_init(&f->packed, DS_BATCH_PACKED_MAX);
	assert_int_equal(ds_batch_pack(b, 1, &f->packed), 0);
	ds_batch_builder_free(b);
	f->batch = ds_batch_new();
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	ds_batch_free(f->batch);
	ds_buf_done(&f->packed);
	free(f);
	return 0;
}

static struct query *
parse(const char *text)
{
	struct query_error e;
	struct query *q = query_parse(&query_events, text, strlen(text), NOW_US, &e);

	if (q == NULL)
		print_error("%s: column %u: %s\n", text, e.column, e.text);
	assert_non_null(q);
	return q;
}

/* Which events match, as digits: "02". */
static const char *
found(struct fixture *f, const char *text)
{
	static char ret[16];
	struct query *q = parse(text);
	struct query_matcher *m = query_matcher_new(q);
	const uint8_t *hits;
	bool may_match;
	size_t n = 0;
	int r;

	assert_int_equal(ds_batch_open(f->batch, f->packed.data, f->packed.len), 0);
	r = query_matcher_open(m, f->batch, &web1);
	assert_true(r >= 0);
	if (r == 1) {
		assert_int_equal(ds_batch_inflate(f->batch), 0);
		may_match = query_matcher_inflated(m, f->batch);
		assert_int_equal(ds_batch_load(f->batch), 0);
		r = query_matcher_run(m, f->batch, &hits);
		assert_true(may_match || r == 0);
		for (size_t i = 0; i < ds_batch_len(f->batch); i++)
			if (hits[i])
				ret[n++] = (char)('0' + i);
		assert_int_equal(r, n);
	}
	ret[n] = '\0';
	query_matcher_free(m);
	query_free(q);
	return ret;
}

#define FINDS(text, expected) assert_string_equal(found(*state, text), expected)

/* Whether the columns have to be looked at, by what they begin with. */
static bool
is_worth_loading(struct fixture *f, const char *text)
{
	struct query *q = parse(text);
	struct query_matcher *m = query_matcher_new(q);
	bool r;

	assert_int_equal(ds_batch_open(f->batch, f->packed.data, f->packed.len), 0);
	assert_int_equal(query_matcher_open(m, f->batch, &web1), 1);
	assert_int_equal(ds_batch_inflate(f->batch), 0);
	r = query_matcher_inflated(m, f->batch);
	query_matcher_free(m);
	query_free(q);
	return r;
}

static void
a_number_outside_of_its_column_needs_no_column(void **state)
{
	struct fixture *f = *state;

	assert_true(is_worth_loading(f, "destination.port:5432"));
	assert_false(is_worth_loading(f, "destination.port:1"));
	assert_false(is_worth_loading(f, "destination.port>5432"));
	assert_false(is_worth_loading(f, "destination.port:1 and process.pid:101"));
	assert_false(is_worth_loading(f, "destination.port:1 or process.pid>100000"));
	assert_true(is_worth_loading(f, "destination.port:1 or process.pid:101"));
	assert_true(is_worth_loading(f, "not destination.port:1"));
	assert_true(is_worth_loading(f, "destination.port<10"));
}

static void
what_nothing_fulfils_is_joined_right(void **state)
{
	FINDS("process.pid:101 and process.pid:100 and service.name:nginx", "");
	FINDS("process.pid:101 and process.pid:100 or service.name:cron*", "4");
	FINDS("process.pid:101 and process.pid:100 and not service.name:nginx", "");
	FINDS("(process.pid:101 and process.pid:100) or (event.action:exec and process.pid:100)",
	    "0");
	FINDS("not (process.pid:101 and process.pid:100 and event.action:exec)", "01234");
}

static void
an_empty_query_matches_everything(void **state)
{
	FINDS("", "01234");
	FINDS("   ", "01234");
}

static void
a_value_is_compared_whole_and_with_case(void **state)
{
	FINDS("process.executable:/usr/bin/dash", "0");
	FINDS("process.executable:/usr/bin/das", "");
	FINDS("file.path:/var/lib/postgres/*", "");
	FINDS("file.path:/var/lib/Postgres/*", "2");
	FINDS("event.action:EXEC", "04");
	FINDS("host.name:WEB1", "01234");
	FINDS("host.name:web2", "");
	FINDS("host.id:0f8fad5b*", "01234");
}

static void
stars_stand_for_any_bytes(void **state)
{
	FINDS("process.executable:/usr/*n/*", "012");
	FINDS("process.executable:*nginx", "1");
	FINDS("process.executable:*post*gres*", "2");
	FINDS("process.executable:/usr/bin/dash*", "0");
	FINDS("process.executable:/usr/bin/*dash", "0");
	FINDS("process.executable:/usr/bin/dash*dash", "");
	FINDS("service.name:nginx*", "01");
	FINDS("process.executable:*\\*star", "4");
	FINDS("process.executable:\"/usr/bin/*\"", "");
}

static void
quotes_and_backslashes_make_characters_plain(void **state)
{
	FINDS("file.path:\"/var/lib/Postgres/with space\"", "2");
	FINDS("file.path:/var/lib/Postgres/with\\ space", "2");
	FINDS("\"with space\"", "2");
}

static void
a_daemon_is_found_without_its_unit_suffix(void **state)
{
	FINDS("service.name:nginx", "01");
	FINDS("service.name:nginx.service", "01");
	FINDS("service.name:ngin", "");
	FINDS("daemon:cron/job", "4");
}

static void
and_binds_tighter_than_or_and_not_tighter_than_both(void **state)
{
	FINDS("event.action:exec or event.action:connect and service.name:postgres", "04");
	FINDS("(event.action:exec or event.action:connect) and service.name:nginx", "01");
	FINDS("(event.action:exec or event.action:connect) service.name:nginx", "01");
	FINDS("not event.action:exec", "123");
	FINDS("not not event.action:exec", "04");
	FINDS("not event.action:exec and service.name:nginx", "1");
	FINDS("not (event.action:exec or event.action:login)", "12");
	FINDS("NOT event.action:exec AND service.name:nginx OR pid:100", "01");
}

static void
a_group_of_values_shares_its_field(void **state)
{
	FINDS("event.action:(exec or login)", "034");
	FINDS("event.action:(exec login)", "");
	FINDS("service.name:(nginx or ssh) and not event.action:(connect or login)", "0");
	FINDS("process.pid:(100 or >100)", "01");
}

static void
numbers_are_compared(void **state)
{
	FINDS("process.pid:100", "0");
	FINDS("process.pid>100", "1");
	FINDS("process.pid>=100", "01");
	FINDS("process.pid:>=100", "01");
	FINDS("process.pid<=100 process.pid>0", "0");
	FINDS("process.pid:100..101", "01");
	FINDS("destination.port:1024..65535", "1");
	FINDS("daemonsec.count>5", "1");
	FINDS("event.outcome:failure", "3");
	FINDS("network.transport:tcp", "1");
	FINDS("user.id:0x21", "0");
}

static void
a_number_that_an_event_does_not_have_is_not_zero(void **state)
{
	FINDS("destination.port:0", "");
	FINDS("destination.port<10", "");
	FINDS("user.id:0", "124");
	FINDS("not destination.port:5432", "0234");
}

static void
a_star_alone_means_that_the_event_has_it(void **state)
{
	FINDS("file.path:*", "2");
	FINDS("source.ip:*", "13");
	FINDS("destination.port:*", "1");
	FINDS("not process.args:*", "1234");
}

static void
networks_match_by_their_prefix(void **state)
{
	FINDS("destination.ip:10.0.0.0/8", "1");
	FINDS("destination.ip:10.1.2.3", "1");
	FINDS("destination.ip:10.1.2.2/31", "1");
	FINDS("destination.ip:10.1.2.4/30", "");
	FINDS("source.ip:2001:db8::/32", "1");
	FINDS("source.ip:2001:db8::1", "1");
	FINDS("source.ip:0.0.0.0/0", "3");
	FINDS("related.ip:10.1.2.3", "13");
	FINDS("destination.ip:10.1.*", "1");
}

static void
a_bare_word_searches_paths_arguments_and_addresses(void **state)
{
	FINDS("nginx", "1");
	FINDS("postgres", "2");
	FINDS("POSTGRES", "");
	FINDS("Postgres", "2");
	FINDS("--user", "0");
	FINDS("\"-c id --user\"", "0");
	FINDS("10.1.2.3", "13");
	FINDS("10.1.0.0/16", "13");
	FINDS("2001:db8::1", "1");
	FINDS("/usr/*/nginx", "1");
	FINDS("Failed", "");
}

static void
arguments_match_one_by_one_and_joined(void **state)
{
	FINDS("process.args:-c", "0");
	FINDS("process.args:id", "");
	FINDS("process.args:id*", "0");
	FINDS("process.command_line:\"sh -c id --user\"", "0");
	FINDS("process.command_line:sh*user", "0");
	FINDS("process.name:dash", "0");
	FINDS("file.name:with*", "2");
}

static void
times_are_absolute_or_before_now(void **state)
{
	FINDS("@timestamp>=now-90m", "234");
	FINDS("@timestamp>now-1h", "34");
	FINDS("@timestamp:now-3h..now-2h", "01");
	FINDS("@timestamp<2025-06-15T12:30:00Z", "0");
}

static void
flags_have_names(void **state)
{
	FINDS("daemonsec.flags:first", "0");
	FINDS("daemonsec.flags:repeat", "");
	FINDS("daemonsec.flags:*", "0");
}

static void
kinds_are_found_by_category_and_type(void **state)
{
	FINDS("event.category:network", "1");
	FINDS("event.type:start", "034");
	FINDS("event.kind:event", "01234");
	FINDS("event.kind:metric", "");
}

static void
expect_error(const char *text, unsigned column, const char *part)
{
	struct query_error e;
	struct query *q = query_parse(&query_events, text, strlen(text), NOW_US, &e);

	if (q != NULL || e.column != column || strstr(e.text, part) == NULL)
		print_error("%s: column %u: %s\n", text, e.column, e.text);
	assert_null(q);
	assert_int_equal(e.column, column);
	assert_non_null(strstr(e.text, part));
}

static void
an_error_says_the_column_and_what_was_expected(void **state)
{
	(void)state;
	expect_error("event.action:exec and", 22, "expected a term after \"and\"");
	expect_error("or x", 1, "expected a term before \"or\"");
	expect_error("(a or b", 8, "expected ')'");
	expect_error("a and (", 8, "expected a term, and then ')'");
	expect_error("a )", 3, "has no '('");
	expect_error("a () b", 4, "expected a term before ')'");
	expect_error("file.path:", 11, "file.path: expected a value");
	expect_error("file.path: x", 11, "expected a value");
	expect_error("a file.path:\"x", 13, "not closed");
	expect_error("destination.port:http", 18, "expected a number");
	expect_error("event.outcome:maybe", 15, "success");
	expect_error("destination.ip:10.0.0.0/33", 16, "a network like");
	expect_error("destination.ip:example.org", 16, "expected an address");
	expect_error("@timestamp>yesterday", 12, "now-1h");
	expect_error("process.pid:9..3", 13, "start");
	expect_error("file.path>5", 11, "':' for a field of text");
	expect_error("a and not", 10, "\"not\"");
	expect_error("\xc3\xa4\xc3\xb6 process.pidd:1", 4, "process.pid");
}

static void
an_unknown_field_names_the_nearest(void **state)
{
	(void)state;
	expect_error("process.exeutable:/bin/sh", 1, "did you mean process.executable?");
	expect_error("x executable:/bin/sh", 3, "did you mean process.executable?");
	expect_error("zzzzzzzzz:1", 1, "there is no field \"zzzzzzzzz\"; quote it");
}

static void
depth_length_and_terms_are_bounded(void **state)
{
	char text[QUERY_LEN_MAX + 2];
	struct query_error e;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = '(';
	expect_error("((((((((((((((((( a", 17, "at most 16 parentheses");
	assert_null(query_parse(&query_events, text, sizeof(text), NOW_US, &e));
	for (size_t i = 0; i < 2000; i++)
		text[i] = i % 2 ? ' ' : 'a';
	assert_null(query_parse(&query_events, text, 2000, NOW_US, &e));
	assert_non_null(strstr(e.text, "at most 64 terms"));
	for (size_t i = 0; i + 4 <= 2000; i += 4)
		memcpy(text + i, "not ", 4);
	assert_null(query_parse(&query_events, text, 2000, NOW_US, &e));
	expect_error("file.path:a*b*c*d*e*f*g*h*i*j", 11, "at most 8 stars");
}

static void
hints_follow_from_what_must_be_true(void **state)
{
	struct query *q =
	    parse("service.name:nginx file.path:/etc/passwd destination.ip:10.0.0.0/16 "
		  "@timestamp>=now-1h");
	const struct query_hints *h = query_get_hints(q);
	static const uint8_t net[4] = { 10, 0, 0, 0 };

	(void)state;
	assert_int_equal(h->daemons_len, 2);
	assert_int_equal(h->daemons[0], bloom_daemon_hash("nginx", 5));
	assert_int_equal(h->daemons[1], bloom_daemon_hash("nginx.service", 13));
	assert_int_equal(h->strings_len, 2);
	assert_int_equal(h->strings[0], bloom_hash("/etc/passwd", 11));
	assert_int_equal(h->strings[1], bloom_hash_network(net, 4, 16));
	assert_int_equal(h->time_min_us, NOW_US - HOUR_US);
	assert_int_equal(h->time_max_us, 0);
	assert_true(h->kinds & 1u << DS_EVENT_CONNECT);
	assert_false(h->kinds & 1u << DS_EVENT_FILE_WRITE);
	query_free(q);
}

static void
hints_of_alternatives_and_negations_stay_open(void **state)
{
	struct query *q = parse("service.name:nginx or file.path:/etc/passwd");
	const struct query_hints *h = query_get_hints(q);

	(void)state;
	assert_int_equal(h->daemons_len, 0);
	assert_int_equal(h->strings_len, 0);
	assert_true(h->kinds == UINT64_MAX);
	query_free(q);
	q = parse("not service.name:a.service and not event.action:exec");
	h = query_get_hints(q);
	assert_int_equal(h->daemons_len, 0);
	assert_true(h->kinds == UINT64_MAX);
	query_free(q);
	q = parse("service.name:(a.service or b.service)");
	assert_int_equal(query_get_hints(q)->daemons_len, 2);
	query_free(q);
	q = parse("process.executable:/usr/bin/d*");
	assert_int_equal(query_get_hints(q)->strings[0], bloom_hash_prefix("/usr/bin/", 9));
	query_free(q);
}

static void
hosts_that_cannot_match_are_left_out(void **state)
{
	static const struct query_host db = { "db1", "1111" };
	struct query *q = parse("host.name:web* and service.name:nginx or host.name:mail");

	(void)state;
	assert_true(query_may_match_host(q, &web1));
	assert_false(query_may_match_host(q, &db));
	query_free(q);
	q = parse("service.name:nginx or host.name:mail");
	assert_true(query_may_match_host(q, &db));
	query_free(q);
	q = parse("not host.name:db1");
	assert_false(query_may_match_host(q, &db));
	query_free(q);
}

static bool
get_alert(void *ctx, const char *field, struct query_datum *ret)
{
	(void)ctx;
	if (strcmp(field, "title") == 0)
		ret->text = (struct ds_str){ "nginx started /bin/sh", 21 };
	else if (strcmp(field, "severity") == 0)
		ret->text = (struct ds_str){ "high", 4 };
	else if (strcmp(field, "score") == 0)
		*ret = (struct query_datum){ .is_number = true, .number = 97 };
	else
		return false;
	return true;
}

static bool
alert_matches(const char *text)
{
	struct query_error e;
	struct query *q = query_parse(&query_alerts, text, strlen(text), NOW_US, &e);
	bool is;

	assert_non_null(q);
	is = query_match(q, get_alert, NULL);
	query_free(q);
	return is;
}

static void
alerts_are_asked_in_the_same_language(void **state)
{
	(void)state;
	assert_true(alert_matches("severity:HIGH and score>=90"));
	assert_false(alert_matches("severity:(low or medium)"));
	assert_true(alert_matches("/bin/SH"));
	assert_true(alert_matches("not status:*"));
	assert_false(alert_matches("score<97"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_query_matches_everything),
		cmocka_unit_test(a_number_outside_of_its_column_needs_no_column),
		cmocka_unit_test(what_nothing_fulfils_is_joined_right),
		cmocka_unit_test(a_value_is_compared_whole_and_with_case),
		cmocka_unit_test(stars_stand_for_any_bytes),
		cmocka_unit_test(quotes_and_backslashes_make_characters_plain),
		cmocka_unit_test(a_daemon_is_found_without_its_unit_suffix),
		cmocka_unit_test(and_binds_tighter_than_or_and_not_tighter_than_both),
		cmocka_unit_test(a_group_of_values_shares_its_field),
		cmocka_unit_test(numbers_are_compared),
		cmocka_unit_test(a_number_that_an_event_does_not_have_is_not_zero),
		cmocka_unit_test(a_star_alone_means_that_the_event_has_it),
		cmocka_unit_test(networks_match_by_their_prefix),
		cmocka_unit_test(a_bare_word_searches_paths_arguments_and_addresses),
		cmocka_unit_test(arguments_match_one_by_one_and_joined),
		cmocka_unit_test(times_are_absolute_or_before_now),
		cmocka_unit_test(flags_have_names),
		cmocka_unit_test(kinds_are_found_by_category_and_type),
		cmocka_unit_test(an_error_says_the_column_and_what_was_expected),
		cmocka_unit_test(an_unknown_field_names_the_nearest),
		cmocka_unit_test(depth_length_and_terms_are_bounded),
		cmocka_unit_test(hints_follow_from_what_must_be_true),
		cmocka_unit_test(hints_of_alternatives_and_negations_stay_open),
		cmocka_unit_test(hosts_that_cannot_match_are_left_out),
		cmocka_unit_test(alerts_are_asked_in_the_same_language),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
