/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_report - the gate's verdict for people and for pipelines: text, JSON, JUnit XML,
 * SARIF 2.1.0. */
#include "ctl/gate.h"
#include "ctl/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1200

/* The rules of SARIF and the cases of JUnit: kinds of departures and of alerts. */
static const struct {
	const char *id, *help;
} rules[] = {
	{ "new_child", "starts a program that the fleet's never starts" },
	{ "new_file", "changes or reads a file that the fleet's never does" },
	{ "new_destination", "connects to where the fleet's never connects" },
	{ "new_listener", "listens or accepts where the fleet's never does" },
	{ "privilege", "changes identity or privileges as the fleet's never does" },
	{ "window_outlier", "does what is known in a mixture or order that is not" },
	{ "rate_burst", "does what is known more often than ever" },
	{ "integrity", "its files change" },
	{ "login", "logins to it are strange" },
	{ "fleet_wave", "several hosts do the same for the first time" },
	{ "blind", "was not seen all the time" },
};

static int
rank_of(const json_t *one)
{
	char severity[16];

	print_text(one, "severity", severity, sizeof(severity));
	for (int i = 0; i < 4; i++)
		if (strcmp(severity, gate_severities[i]) == 0)
			return i;
	return 0;
}

/* Calls for all that is grave enough, departures first. */
static size_t
each(const struct gate *g, const json_t *verdict, const char *kind,
    void (*call)(const json_t *one, void *ctx), void *ctx)
{
	static const char *const lists[] = { "departures", "alerts" };
	json_t *one;
	size_t i, n = 0;
	char text[40];

	for (size_t l = 0; l < DS_LEN(lists); l++)
		json_array_foreach(json_object_get(verdict, lists[l]), i, one)
		{
			print_text(one, "kind", text, sizeof(text));
			if (rank_of(one) < g->fail_on || (kind != NULL && strcmp(text, kind) != 0))
				continue;
			n++;
			if (call != NULL)
				call(one, ctx);
		}
	return n;
}

size_t
gate_count(const struct gate *g, const json_t *verdict)
{
	return each(g, verdict, NULL, NULL, NULL);
}

/* ---- text */

static void
print_one(const json_t *one, void *ctx)
{
	char severity[16], reason[TEXT_MAX], baseline[TEXT_MAX];
	const json_t *why = json_array_get(json_object_get(one, "explanation"), 0);

	(void)ctx;
	print_text(one, "severity", severity, sizeof(severity));
	printf("  %-8s  %s\n", severity, print_text(one, "reason", reason, sizeof(reason)));
	if (why != NULL)
		printf("            normal here: %s\n",
		    print_text(why, "baseline", baseline, sizeof(baseline)));
}

static void
print_plain(const struct gate *g, const json_t *verdict)
{
	size_t n = gate_count(g, verdict);
	json_int_t peers = json_integer_value(json_object_get(verdict, "peers"));
	json_int_t seen = json_integer_value(json_object_get(verdict, "behaviours"));

	printf("%s: %s, %zu departure%s from %lld host%s (%lld behaviours compared)\n",
	    n > 0 ? "failed" : "passed", g->daemon, n, n == 1 ? "" : "s", (long long)peers,
	    peers == 1 ? "" : "s", (long long)seen);
	each(g, verdict, NULL, print_one, NULL);
	if (n > 0)
		printf(
		    "What of this is meant to be: declare it (daemonsec-ctl deploy begin --daemon %s) "
		    "when it goes to the fleet.\n",
		    g->daemon);
}

static void
print_json(const struct gate *g, const json_t *verdict)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)verdict);

	json_object_set_new(
	    copy, "result", json_string(gate_count(g, verdict) > 0 ? "failed" : "passed"));
	json_object_set_new(copy, "fail_on", json_string(gate_severities[g->fail_on]));
	json_dumpf(copy, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(copy);
}

/* The text is on stderr already. */
static void
print_plain_nothing(const struct gate *g, const char *why)
{
	(void)g;
	(void)why;
}

static void
print_json_nothing(const struct gate *g, const char *why)
{
	json_t *doc = json_pack(
	    "{s:s, s:s, s:s}", "daemon", g->daemon, "result", "not_compared", "reason", why);

	json_dumpf(doc, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(doc);
}

/* ---- JUnit */

/* XML has no way to say most control characters. */
static void
put_xml(const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", stdout);
			break;
		case '<':
			fputs("&lt;", stdout);
			break;
		case '>':
			fputs("&gt;", stdout);
			break;
		case '"':
			fputs("&quot;", stdout);
			break;
		default:
			putchar((unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
		}
	}
}

static void
put_failure_text(const json_t *one, void *ctx)
{
	char text[TEXT_MAX];

	(void)ctx;
	put_xml(print_text(one, "severity", text, sizeof(text)));
	fputs(": ", stdout);
	put_xml(print_text(one, "reason", text, sizeof(text)));
	putchar('\n');
}

static void
begin_suite(const struct gate *g, size_t tests, size_t failures, size_t errors)
{
	printf(
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"daemonsec "
	    "gate: ");
	put_xml(g->daemon);
	printf("\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" time=\"0\">\n",
	    tests, failures, errors);
}

static void
begin_case(const struct gate *g, const char *name)
{
	fputs("    <testcase classname=\"daemonsec.gate.", stdout);
	put_xml(g->daemon);
	printf("\" name=\"%s\" time=\"0\"", name);
}

static void
print_junit_nothing(const struct gate *g, const char *why)
{
	begin_suite(g, 1, 0, 1);
	begin_case(g, "compared");
	fputs(">\n      <error type=\"not_compared\" message=\"", stdout);
	put_xml(why);
	fputs("\"/>\n    </testcase>\n  </testsuite>\n</testsuites>\n", stdout);
}

static void
print_junit(const struct gate *g, const json_t *verdict)
{
	size_t failures = 0;

	for (size_t i = 0; i < DS_LEN(rules); i++)
		failures += each(g, verdict, rules[i].id, NULL, NULL) > 0;
	begin_suite(g, DS_LEN(rules), failures, 0);
	for (size_t i = 0; i < DS_LEN(rules); i++) {
		size_t n = each(g, verdict, rules[i].id, NULL, NULL);

		begin_case(g, rules[i].id);
		if (n == 0) {
			fputs("/>\n", stdout);
			continue;
		}
		fputs(">\n      <failure type=\"departure\" message=\"", stdout);
		put_xml(g->daemon);
		printf(" %s (%zu)\">", rules[i].help, n);
		each(g, verdict, rules[i].id, put_failure_text, NULL);
		fputs("</failure>\n    </testcase>\n", stdout);
	}
	fputs("  </testsuite>\n</testsuites>\n", stdout);
}

/* ---- SARIF */

struct sarif {
	const struct gate *gate;
	json_t *results;
};

/* A reference as RFC 3986 has it: a name with a colon, as containers have, is no scheme. */
static void
put_uri(const char *path, char *ret, size_t size)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	size_t n = 0;

	for (; *path != '\0' && n + 4 < size; path++)
		n += (size_t)snprintf(ret + n, size - n, strchr(plain, *path) ? "%c" : "%%%02X",
		    (unsigned char)*path);
	ret[n] = '\0';
}

static void
add_result(const json_t *one, void *ctx)
{
	static const char *const levels[4] = { "note", "warning", "error", "error" };
	struct sarif *s = ctx;
	char kind[40], text[TEXT_MAX], id[80], uri[TEXT_MAX];

	put_uri(s->gate->location != NULL ? s->gate->location : s->gate->daemon, uri, sizeof(uri));
	print_text(one, "kind", kind, sizeof(kind));
	print_text(one, "reason", text, sizeof(text));
	print_text(one, "id", id, sizeof(id));
	json_array_append_new(s->results,
	    json_pack("{s:s, s:s, s:{s:s}, s:{s:s}, s:[{s:{s:{s:s}, s:{s:i}}, s:[{s:s, s:s}]}]}",
		"ruleId", kind, "level", levels[rank_of(one)], "message", "text", text,
		"partialFingerprints", "daemonsec/v1", id, "locations", "physicalLocation",
		"artifactLocation", "uri", uri, "region", "startLine", 1, "logicalLocations",
		"name", s->gate->daemon, "kind", "process"));
}

/* results and run are taken; run: what else is in it. */
static void
put_sarif(json_t *results, json_t *run)
{
	json_t *list = json_array(), *doc;

	for (size_t i = 0; i < DS_LEN(rules); i++)
		json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "id", rules[i].id,
						"shortDescription", "text", rules[i].help));
	json_object_set_new(run, "tool",
	    json_pack("{s:{s:s, s:s, s:o}}", "driver", "name", "DaemonSec", "version", VERSION,
		"rules", list));
	json_object_set_new(run, "results", results);
	json_object_set_new(run, "columnKind", json_string("utf16CodeUnits"));
	doc = json_pack("{s:s, s:s, s:[o]}", "$schema",
	    "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", run);
	json_dumpf(doc, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(doc);
}

static void
print_sarif(const struct gate *g, const json_t *verdict)
{
	struct sarif s = { g, json_array() };

	each(g, verdict, NULL, add_result, &s);
	put_sarif(s.results, json_object());
}

static void
print_sarif_nothing(const struct gate *g, const char *why)
{
	(void)g;
	put_sarif(json_array(),
	    json_pack("{s:[{s:b, s:[{s:s, s:{s:s}}]}]}", "invocations", "executionSuccessful", 0,
		"toolExecutionNotifications", "level", "error", "message", "text", why));
}

static const struct {
	const char *name;
	void (*print)(const struct gate *g, const json_t *verdict);
	void (*print_nothing)(const struct gate *g, const char *why);
} forms[] = {
	{ "text", print_plain, print_plain_nothing },
	{ "json", print_json, print_json_nothing },
	{ "junit", print_junit, print_junit_nothing },
	{ "sarif", print_sarif, print_sarif_nothing },
};

bool
gate_has_form(const char *form)
{
	for (size_t i = 0; i < DS_LEN(forms); i++)
		if (strcmp(forms[i].name, form) == 0)
			return true;
	fprintf(stderr, "daemonsec-ctl: --format is text, json, junit or sarif\n");
	return false;
}

void
gate_print(const struct gate *g, const char *form, const json_t *verdict)
{
	for (size_t i = 0; i < DS_LEN(forms); i++)
		if (strcmp(forms[i].name, form) == 0)
			forms[i].print(g, verdict);
}

void
gate_print_nothing(const struct gate *g, const char *form, const char *why)
{
	for (size_t i = 0; i < DS_LEN(forms); i++)
		if (strcmp(forms[i].name, form) == 0)
			forms[i].print_nothing(g, why);
}
