/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reactions - the verbs about what is done: reactions (look, do, take back, stop everything) and
 * protect (how much automation may do).
 */
#include "ctl/client.h"
#include "ctl/lists.h"
#include "lib/compiler.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1000u

static void
append(char *buf, size_t size, const char *word)
{
	size_t len = strlen(buf);

	if (word[0] != '\0')
		snprintf(buf + len, size - len, "%s%s", len > 0 ? " " : "", word);
}

/* A process is told by its number and program: when exactly it began is for machines; of an answer,
 * which one it was; of a plugin, which one it is, if that is not its target. */
static void
format_what(const json_t *value, const json_t *item, char *buf, size_t size)
{
	static const char *const answers[] = { "", "allow", "kill" };
	const json_t *said = print_lookup(item, "args.answer");
	size_t answer = said != NULL ? (size_t)json_integer_value(said) : 0;
	char text[300], target[300];

	(void)value;
	buf[0] = '\0';
	append(buf, size, print_text(item, "kind", text, sizeof(text)));
	append(buf, size, answers[answer < DS_LEN(answers) ? answer : 0]);
	(void)print_text(item, "target", target, sizeof(target));
	if (strncmp(target, "process:", strlen("process:")) == 0)
		target[strcspn(target, "@")] = '\0';
	if (strncmp(target, "plugin:", strlen("plugin:")) != 0)
		append(buf, size, print_text(item, "args.data", text, 60));
	append(buf, size, target);
	append(buf, size, print_text(item, "args.exe", text, sizeof(text)));
}

/* What went wrong, or is waited for, before what it was for. */
static void
format_why(const json_t *value, const json_t *item, char *buf, size_t size)
{
	char status[32], text[400];

	if (strcmp(print_text(item, "status", status, sizeof(status)), "failed") == 0)
		snprintf(buf, size, "%s", print_text(item, "result.text", text, sizeof(text)));
	else if (strcmp(status, "pending") == 0 &&
		 json_is_true(print_lookup(item, "result.needs_approval")))
		snprintf(buf, size, "waits for a second operator: reactions approve");
	else
		snprintf(buf, size, "%s", json_is_string(value) ? json_string_value(value) : "");
}

/* What waits for a second operator lasts from then on; of what failed or was taken back there is
 * nothing that would last. */
static void
format_until(const json_t *value, const json_t *item, char *buf, size_t size)
{
	char status[32];

	print_text(item, "status", status, sizeof(status));
	buf[0] = '\0';
	if (strcmp(status, "failed") != 0 && strcmp(status, "undone") != 0 &&
	    (strcmp(status, "pending") != 0 ||
		!json_is_true(print_lookup(item, "result.needs_approval"))))
		format_time(value, item, buf, size);
}

static const struct column reaction_columns[] = {
	{ "REACTION", "id", NULL },
	{ "TIME", "created", format_time },
	{ "HOST", "host.name", NULL },
	{ "WHAT", "kind", format_what },
	{ "STATUS", "status", NULL },
	{ "UNTIL", "expires", format_until },
	{ "BY", "rule|by", NULL },
	{ "WHY", "reason", format_why },
	{ NULL, NULL, NULL },
};

static const struct column simulation_columns[] = {
	{ "TIME", "time", format_time },
	{ "HOST", "host.name", NULL },
	{ "WHAT", "kind", format_what },
	{ "RULE", "rule", NULL },
	{ "ALERT", "title", NULL },
	{ "VERDICT", "verdict", NULL },
	{ "NOT DONE", "refused", NULL },
	{ NULL, NULL, NULL },
};

static const struct column total_columns[] = {
	{ "RULE", "rule", NULL },
	{ "REACTION", "kind", NULL },
	{ "WOULD", "would", format_count },
	{ "WRONGLY", "wrongly", format_count },
	{ "NOT DONE", "refused", format_count },
	{ NULL, NULL, NULL },
};

static const struct column undo_columns[] = {
	{ "REACTION", "id", NULL },
	{ "RESULT", "result", NULL },
	{ NULL, NULL, NULL },
};

static void
format_daemon(const json_t *value, const json_t *item, char *buf, size_t size)
{
	char host[64], label[128];
	bool is_fleet = !print_text(item, "host.name", host, sizeof(host))[0] &&
			!print_text(item, "label", label, sizeof(label))[0];

	snprintf(buf, size, "%s",
	    json_is_string(value) ? json_string_value(value)
	    : is_fleet            ? "everything"
				  : "");
}

static const struct column mode_columns[] = {
	{ "MODE", "mode", NULL },
	{ "HOST", "host.name", NULL },
	{ "LABEL", "label", NULL },
	{ "DAEMON", "daemon", format_daemon },
	{ "BY", "by", NULL },
	{ "SINCE", "set", format_time },
	{ NULL, NULL, NULL },
};

/* ---- looking */

static int
list(struct ctl *c, const char *status, const char *host, const char *alert, const char *since)
{
	char *path = client_path(
	    "reactions", "status", status, "host", host, "alert", alert, "since", since, NULL);
	bool is_all = status == NULL && host == NULL && alert == NULL && since == NULL;
	int r = list_print(c, path, NULL, LIST_MAX, reaction_columns,
	    is_all ? "no reactions; daemonsec-ctl protect says how much automation may do"
		   : "no such reactions");

	free(path);
	return r;
}

static void
say_simulated(const json_t *doc)
{
	long long left = json_integer_value(json_object_get(doc, "items_left_out"));
	char since[40];

	format_time(json_object_get(doc, "since"), doc, since, sizeof(since));
	printf("\nby the rules in use, whatever the mode: %lld reactions to %lld alerts since %s\n",
	    (long long)json_integer_value(json_object_get(doc, "would")),
	    (long long)json_integer_value(json_object_get(doc, "alerts")), since);
	if (left > 0)
		printf("%lld more are not listed\n", left);
}

static int
simulate(struct ctl *c, const char *since)
{
	char *url = client_path("reactions/simulate", "since", since, NULL);
	json_t *doc;
	int r = client_get(c, url, &doc);

	free(url);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE) {
		print_items(c, json_object_get(doc, "items"), simulation_columns,
		    "no alert since then would have led to a reaction");
		if (json_array_size(json_object_get(doc, "totals")) > 0) {
			putchar('\n');
			print_items(c, json_object_get(doc, "totals"), total_columns, "");
		}
		say_simulated(doc);
	} else {
		print_document(c, doc);
	}
	json_decref(doc);
	return EXIT_OK;
}

/* ---- doing */

/* Takes the document; the exit code. */
static int
answered(struct ctl *c, json_t *doc, const char *said)
{
	char id[64], status[32];

	if (c->output != OUTPUT_TABLE)
		print_document(c, doc);
	else if (json_object_get(doc, "items") != NULL)
		print_items(c, json_object_get(doc, "items"), reaction_columns, "");
	else
		printf("%s %s%s\n", print_text(doc, "id", id, sizeof(id)), said,
		    strcmp(print_text(doc, "status", status, sizeof(status)), "pending") == 0 &&
			    json_is_true(
				json_object_get(json_object_get(doc, "result"), "needs_approval"))
			? ": waits for a second operator (reactions approve)"
			: "");
	json_decref(doc);
	return EXIT_OK;
}

static int
apply(struct ctl *c)
{
	static const char *const texts[] = { "host", "label", "address", "path", "unit", "data",
		"ttl", "reason", "daemon", "alert", "protocol", "reach" };
	struct {
		const char *option, *key;
		int64_t max, value;
	} numbers[] = { { "pid", "pid", INT32_MAX, 0 }, { "start", "start_us", INT64_MAX, 0 },
		{ "port", "port", UINT16_MAX, 0 } };
	json_t *body = json_object(), *doc;
	bool is_good = true;
	int r;

	for (size_t i = 0; i < DS_LEN(texts); i++) {
		const char *text = ctl_option(c, texts[i]);

		if (text != NULL)
			json_object_set_new(body, texts[i], json_string(text));
	}
	for (size_t i = 0; i < DS_LEN(numbers) && is_good; i++) {
		is_good = ctl_number(c, numbers[i].option, numbers[i].max, &numbers[i].value);
		if (numbers[i].value > 0)
			json_object_set_new(body, numbers[i].key, json_integer(numbers[i].value));
	}
	is_good = is_good && ctl_options_known(c);
	if (!is_good || c->argc != 3) {
		json_decref(body);
		return is_good ? ctl_usage(c) : EXIT_USAGE;
	}
	json_object_set_new(body, "kind", json_string(c->argv[2]));
	r = client_request(c, "POST", "reactions", body, &doc);
	json_decref(body);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE)
		fprintf(stderr, "daemonsec-ctl reactions show says what the host made of it\n");
	return answered(c, doc, "ordered");
}

/* Of what could not be taken back: whether any of it was there. */
static int
undo_exit_code(const json_t *doc)
{
	json_t *one;
	size_t i;

	if (json_integer_value(json_object_get(doc, "failed")) == 0)
		return EXIT_OK;
	if (json_integer_value(json_object_get(doc, "undone")) > 0)
		return EXIT_PARTLY;
	json_array_foreach(json_object_get(doc, "items"), i, one)
	{
		const char *result = json_string_value(json_object_get(one, "result"));

		if (result == NULL || strcmp(result, "not found") != 0)
			return EXIT_CONFLICT;
	}
	return EXIT_NOT_FOUND;
}

static int
undo_many(struct ctl *c, const char *alert, const char *host, const char *kind, bool all)
{
	json_t *body = json_object(), *doc, *ids = NULL;
	int r;

	if (alert != NULL)
		json_object_set_new(body, "alert", json_string(alert));
	if (host != NULL)
		json_object_set_new(body, "host", json_string(host));
	if (kind != NULL)
		json_object_set_new(body, "kind", json_string(kind));
	if (all)
		json_object_set_new(body, "all", json_true());
	for (int i = 2; i < c->argc; i++) {
		if (ids == NULL) {
			ids = json_array();
			json_object_set_new(body, "ids", ids);
		}
		json_array_append_new(ids, json_string(c->argv[i]));
	}
	r = client_request(c, "POST", "reactions/undo", body, &doc);
	json_decref(body);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE)
		print_items(c, json_object_get(doc, "items"), undo_columns, "nothing to take back");
	else
		print_document(c, doc);
	r = undo_exit_code(doc);
	json_decref(doc);
	return r;
}

static int
undo(struct ctl *c)
{
	const char *alert = ctl_option(c, "alert"), *host = ctl_option(c, "host"),
		   *kind = ctl_option(c, "kind");
	bool all = ctl_flag(c, "all");
	json_t *doc;
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if ((c->argc > 2) == (alert != NULL || host != NULL || kind != NULL || all))
		return ctl_usage(c);
	if (c->argc != 3)
		return undo_many(c, alert, host, kind, all);
	r = client_call(c, "POST", "reactions", c->argv[2], "undo", NULL, &doc);
	return r != 0 ? r : answered(c, doc, "is being taken back");
}

static int
approve(struct ctl *c)
{
	int r = EXIT_OK, q;
	json_t *doc;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc < 3)
		return ctl_usage(c);
	for (int i = 2; i < c->argc; i++) {
		q = client_call(c, "POST", "reactions", c->argv[i], "approve", NULL, &doc);
		if (q == 0)
			q = answered(c, doc, "approved");
		if (q != 0)
			r = c->argc == 3 ? q : EXIT_PARTLY;
	}
	return r;
}

static int
set_pause(struct ctl *c, const char *what)
{
	json_t *doc;
	int r = client_call(c, "POST", "reactions", what, NULL, NULL, &doc);

	if (r != 0)
		return r;
	if (c->output != OUTPUT_TABLE)
		print_document(c, doc);
	else
		puts(strcmp(what, "pause") == 0
			 ? "all automation is paused; orders of people still go out"
			 : "automation goes on");
	json_decref(doc);
	return EXIT_OK;
}

int
verb_reactions(struct ctl *c)
{
	const char *what = c->argc > 1 && c->argv[1][0] != '-' ? c->argv[1] : "";
	const char *status, *host, *alert, *since;
	char since_text[CTL_TIME_SIZE];

	if (strcmp(what, "apply") == 0)
		return apply(c);
	if (strcmp(what, "undo") == 0)
		return undo(c);
	if (strcmp(what, "approve") == 0)
		return approve(c);
	if (!ctl_time(c, "since", since_text, &since))
		return EXIT_USAGE;
	status = ctl_option(c, "status");
	host = ctl_option(c, "host");
	alert = ctl_option(c, "alert");
	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (strcmp(what, "simulate") == 0 && c->argc == 2)
		return simulate(c, since);
	if (strcmp(what, "show") == 0 && c->argc == 3)
		return list_show(c, "reactions", c->argv[2]);
	if ((strcmp(what, "pause") == 0 || strcmp(what, "resume") == 0) && c->argc == 2)
		return set_pause(c, what);
	return c->argc == 1 ? list(c, status, host, alert, since) : ctl_usage(c);
}

/* ---- protect */

static void
say_overridden(const json_t *doc)
{
	const json_t *list = json_object_get(doc, "overridden");

	if (json_array_size(list) > 0)
		puts("overridden:");
	print_strings(stdout, "  - ", list);
}

int
verb_protect(struct ctl *c)
{
	const char *mode = ctl_option(c, "mode"), *daemon = ctl_option(c, "daemon"),
		   *host = ctl_option(c, "host"), *label = ctl_option(c, "label");
	bool force = ctl_flag(c, "force");
	char name[256];
	json_t *body, *doc;
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc != 1 || (host != NULL && label != NULL))
		return ctl_usage(c);
	if (mode == NULL)
		return list_print(c, "modes", NULL, 100000, mode_columns,
		    "monitor everywhere: what would be done is recorded, nothing is done");
	body = json_pack("{s:s, s:s*, s:s*, s:s*, s:b}", "mode", mode, "daemon", daemon, "host",
	    host, "label", label, "force", force);
	r = client_request(c, "POST", "modes", body, &doc);
	json_decref(body);
	if (r == EXIT_CONFLICT && !force)
		fprintf(stderr,
		    "Nothing has changed. `daemonsec-ctl daemons` shows how far each daemon is; --force does "
		    "it all the same.\n");
	if (r != 0)
		return r;
	if (c->output != OUTPUT_TABLE) {
		print_document(c, doc);
	} else {
		print_text(doc, "daemon", name, sizeof(name));
		printf("%s: %s%s%s%s%s\n", mode, daemon ? name : "everything", host ? " on " : "",
		    host ? host : "", label ? " on hosts labelled " : "", label ? label : "");
		say_overridden(doc);
	}
	json_decref(doc);
	return EXIT_OK;
}
