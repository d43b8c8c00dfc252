/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a SIEM is told: nothing that a host says becomes another message, field or header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/notify/siem_address.h"
#include "server/notify/siem_form.h"
#include "server/notify/siem_place.h"
#include "server/notify/siem_record.h"
#include "server/notify/siem_told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct siem_origin from = { "id-1", "web]1\"", "console host",
	"https://ds.example.org/" };

static struct alert_row
alert(void)
{
	return (struct alert_row){ .id = "alr_1",
		.key = "k",
		.daemon = "nginx",
		.kind = "new_child",
		.status = "open",
		.severity = "high",
		.title = "nginx started a|b=c\\d\nCEF:0|forged",
		.reason = "it never did\xc2\x9b"
			  "31m",
		.score = 90,
		.created_us = 1000000,
		.updated_us = 1000000,
		.first_us = 1000000,
		.last_us = 2000000,
		.count = 1,
		.json =
		    "{\"process\":{\"pid\":7,\"executable\":\"/bin/sh\",\"command_line\":\"sh -c x=1\",\"user\":\"www\"},"
		    "\"source\":{\"ip\":\"192.0.2.1\"},\"peers\":{\"seen\":0,\"of\":3},"
		    "\"threat\":[{\"id\":\"T1059.004\",\"name\":\"Unix Shell\"}]}" };
}

static char *
written(const char *form_name, bool is_syslog)
{
	const struct siem_form *form = &siem_forms[1];
	struct alert_row row = alert();
	json_t *record = siem_record_alert(&from, "new", &row);
	struct ds_buf out;
	char *text;

	while (strcmp(form->name, form_name) != 0)
		form++;
	ds_buf_init(&out, 65536);
	assert_int_equal(
	    is_syslog ? siem_syslog(&out, form, record, 42) : form->write(&out, record), 0);
	text = strndup((const char *)out.data, out.len);
	ds_buf_done(&out);
	json_decref(record);
	return text;
}

static void
a_syslog_message_is_one_line_with_escaped_structured_data(void **state)
{
	char *text = written("rfc5424", true);

	(void)state;
	assert_ptr_equal(
	    strstr(text, "<83>1 1970-01-01T00:00:02.000000Z console-host daemonsec 42 new_child "
			 "[daemonsec@32473 id=\"alr_1\" event=\"new\" kind=\"new_child\""),
	    text);
	assert_non_null(strstr(text, " host=\"web\\]1\\\"\" daemon=\"nginx\""));
	assert_non_null(strstr(text, " score=\"90\""));
	assert_non_null(
	    strstr(text, " src=\"192.0.2.1\" url=\"https://ds.example.org/alerts/alr_1\"] nginx"));
	assert_null(strchr(text, '\n'));
	assert_non_null(strstr(text, ": it never did 31m")); /* was CSI of C1 */
	free(text);
}

static void
cef_escapes_bars_in_its_header_and_equal_signs_behind_it(void **state)
{
	char *text = written("cef", false);

	(void)state;
	assert_ptr_equal(
	    strstr(text, "CEF:0|DaemonSec|daemonsec-server|" PACKAGE_VERSION
			 "|new_child|nginx started a\\|b=c\\\\d CEF:0\\|forged|8|rt=2000 "),
	    text);
	assert_non_null(strstr(text, " spid=7 suser=www src=192.0.2.1 "));
	assert_non_null(strstr(text, " cs3Label=CommandLine cs3=sh -c x\\=1 "));
	assert_null(strchr(text, '\n'));
	free(text);
}

static void
ecs_and_ocsf_are_documents_with_the_names_of_their_schemas(void **state)
{
	char *ecs = written("ecs", false), *ocsf = written("ocsf", false);
	json_t *e = json_loads(ecs, 0, NULL), *o = json_loads(ocsf, 0, NULL);

	(void)state;
	assert_string_equal(siem_text(e, "event.kind"), "alert");
	assert_int_equal(siem_number(e, "event.risk_score"), 90);
	assert_int_equal(siem_number(e, "process.pid"), 7);
	assert_string_equal(siem_text(e, "user.name"), "www");
	assert_string_equal(siem_text(e, "threat.framework"), "MITRE ATT&CK");
	assert_int_equal(siem_number(e, "daemonsec.peers.of"), 3);
	assert_int_equal(siem_number(o, "class_uid"), 2004);
	assert_int_equal(siem_number(o, "type_uid"), 200401);
	assert_int_equal(siem_number(o, "severity_id"), 4);
	assert_int_equal(siem_number(o, "time"), 2000);
	assert_string_equal(siem_text(o, "finding_info.uid"), "alr_1");
	assert_string_equal(siem_text(o, "activity_name"), "Create");
	assert_int_equal(siem_number(o, "status_id"), 1);
	assert_string_equal(siem_text(o, "status"), "New");
	assert_string_equal(
	    siem_text(json_array_get(json_object_get(o, "evidences"), 0), "process.file.name"),
	    "sh");
	json_decref(e);
	json_decref(o);
	free(ecs);
	free(ocsf);
}

/* Takes the record. */
static json_t *
as_ocsf(json_t *record)
{
	json_t *doc = siem_ocsf(record);

	assert_non_null(doc);
	json_decref(record);
	return doc;
}

static void
ocsf_gets_what_its_classes_require(void **state)
{
	struct reaction_row freeze = { .id = "rct_1",
		.kind = "freeze",
		.status = "verified",
		.target = "process 7",
		.by = "admin",
		.updated_us = 1000000 };
	struct audit_row change = { .number = 3,
		.actor = "admin",
		.action = "POST tokens",
		.subject = "tok_1",
		.time_us = 1000000 };
	json_t *o;

	(void)state;
	o = as_ocsf(siem_record_reaction(&from, &freeze));
	assert_int_equal(siem_number(o, "type_uid"), 700101);
	assert_string_equal(siem_text(o, "activity_name"), "Isolate");
	assert_string_equal(siem_text(o, "command_uid"), "rct_1");
	assert_int_equal(siem_number(o, "status_id"), 1);
	json_decref(o);
	freeze.kind = "plugin";
	freeze.status = "failed";
	o = as_ocsf(siem_record_reaction(&from, &freeze));
	assert_int_equal(siem_number(o, "type_uid"), 700199);
	assert_string_equal(siem_text(o, "activity_name"), "plugin");
	assert_int_equal(siem_number(o, "status_id"), 2);
	json_decref(o);
	o = as_ocsf(siem_record_audit(&from, &change));
	assert_int_equal(siem_number(o, "type_uid"), 600399);
	assert_string_equal(siem_text(o, "api.operation"), "POST tokens");
	assert_string_equal(siem_text(o, "actor.user.name"), "admin");
	assert_string_equal(siem_text(o, "src_endpoint.svc_name"), "daemonsec-server");
	json_decref(o);
}

static void
what_is_not_utf8_becomes_a_document_all_the_same(void **state)
{
	struct alert_row row = alert();
	json_t *record;

	(void)state;
	row.title = "bad \xff\xfe name";
	row.json = "not an object";
	record = siem_record_alert(&from, "new", &row);
	assert_string_equal(siem_text(record, "message"), "bad \xef\xbf\xbd\xef\xbf\xbd name");
	json_decref(record);
}

static void
an_alert_is_told_when_something_about_it_is_news(void **state)
{
	struct siem_told *told = siem_told_new();
	struct alert_row row = alert();

	(void)state;
	assert_string_equal(siem_told_event(told, &row, 500000), "new");
	row.count = 9;
	assert_null(siem_told_event(told, &row, 500000));
	row.count = 10;
	assert_string_equal(siem_told_event(told, &row, 500000), "grown");
	row.severity = "critical";
	assert_string_equal(siem_told_event(told, &row, 500000), "worse");
	row.severity = "low";
	assert_null(siem_told_event(told, &row, 500000));
	row.status = "acknowledged";
	assert_string_equal(siem_told_event(told, &row, 500000), "changed");
	row.verdict = "{}";
	assert_string_equal(siem_told_event(told, &row, 500000), "changed");
	row.status = "closed";
	assert_string_equal(siem_told_event(told, &row, 500000), "closed");
	siem_told_clear(told);
	row.status = "open";
	assert_string_equal(siem_told_event(told, &row, 2000000), "changed");
	siem_told_free(told);
}

static void
addresses_have_a_transport_a_host_and_a_port(void **state)
{
	static const struct {
		const char *text, *host, *port;
		enum siem_transport transport;
	} good[] = {
		{ "tls://siem.example.org:10514", "siem.example.org", "10514", SIEM_TLS },
		{ "tls://siem.example.org", "siem.example.org", "6514", SIEM_TLS },
		{ "tcp://192.0.2.1", "192.0.2.1", "601", SIEM_TCP },
		{ "udp://[2001:db8::1]:5140", "2001:db8::1", "5140", SIEM_UDP },
		{ "udp://[::1]", "::1", "514", SIEM_UDP },
	};
	static const char *const bad[] = { "", "siem.example.org:514", "http://x", "tls://",
		"tls://:1", "tcp://host/path", "tcp://host:", "tcp://host:70x", "tcp://host:123456",
		"udp://[::1", "udp://[::1]x" };
	enum siem_transport transport;
	char host[256], port[8];

	(void)state;
	for (size_t i = 0; i < DS_LEN(good); i++) {
		assert_true(siem_address(good[i].text, &transport, host, port));
		assert_string_equal(host, good[i].host);
		assert_string_equal(port, good[i].port);
		assert_int_equal(transport, good[i].transport);
	}
	for (size_t i = 0; i < DS_LEN(bad); i++)
		assert_false(siem_address(bad[i], &transport, host, port));
}

static void
a_place_is_read_as_it_was_written_and_nothing_else(void **state)
{
	struct siem_place in = { 5, 6, 7, UINT64_MAX, 8, "connect: Connection refused" }, out;
	char text[SIEM_PLACE_MAX];

	(void)state;
	siem_place_format(&in, text);
	assert_int_equal(siem_place_parse(text, &out), 0);
	assert_true(
	    out.change == 5 && out.audit == 6 && out.time_us == 7 && out.sent == UINT64_MAX);
	assert_true(out.sent_us == 8);
	assert_string_equal(out.error, in.error);
	/* Of before it was kept when the last record was sent. */
	assert_int_equal(siem_place_parse("1 2 3 4 connect: refused", &out), 0);
	assert_true(out.sent == 4 && out.sent_us == 0);
	assert_string_equal(out.error, "connect: refused");
	assert_int_equal(siem_place_parse("1 2 3 4 ", &out), 0);
	assert_true(out.sent == 4 && out.sent_us == 0 && out.error[0] == '\0');
	assert_true(siem_place_parse("1 2 3", &out) < 0);
	assert_true(siem_place_parse("", &out) < 0);
	assert_true(siem_place_parse("a b c d ", &out) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syslog_message_is_one_line_with_escaped_structured_data),
		cmocka_unit_test(cef_escapes_bars_in_its_header_and_equal_signs_behind_it),
		cmocka_unit_test(ecs_and_ocsf_are_documents_with_the_names_of_their_schemas),
		cmocka_unit_test(ocsf_gets_what_its_classes_require),
		cmocka_unit_test(what_is_not_utf8_becomes_a_document_all_the_same),
		cmocka_unit_test(an_alert_is_told_when_something_about_it_is_news),
		cmocka_unit_test(addresses_have_a_transport_a_host_and_a_port),
		cmocka_unit_test(a_place_is_read_as_it_was_written_and_nothing_else),
	};

	return cmocka_run_group_tests_name("siem", tests, NULL, NULL);
}
