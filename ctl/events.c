/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events - the verb that asks what daemons did; a line an event that can be read in the night.
 */
#include "ctl/client.h"
#include "ctl/lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100u

/* address:port, or what there is of it. */
static size_t
put_address(const json_t *item, const char *side, char *buf, size_t size)
{
	char path[64], ip[64], port[16];

	snprintf(path, sizeof(path), "%s.ip", side);
	print_text(item, path, ip, sizeof(ip));
	snprintf(path, sizeof(path), "%s.port", side);
	print_text(item, path, port, sizeof(port));
	if (ip[0] == '\0' && port[0] == '\0')
		return 0;
	return (size_t)snprintf(
	    buf, size, strchr(ip, ':') ? "[%s]%s%s" : "%s%s%s", ip, port[0] ? ":" : "", port);
}

static size_t
put(char *buf, size_t size, size_t n, const char *text)
{
	if (*text != '\0' && n < size)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", text);
	return DS_MIN(n, size - 1);
}

/* What the event is about: command line, path, addresses, user, message, counts. */
static void
format_what(const json_t *value, const json_t *item, char *buf, size_t size)
{
	static const char *const paths[] = { "process.command_line", "file.path",
		"file.target_path", "user.name", "message", "package.name", "package.version",
		"daemonsec.source", "daemonsec.lost" };
	char text[2048], count[32];
	size_t n = 0;

	(void)value;
	buf[0] = '\0';
	if (put_address(item, "source", text, sizeof(text)) > 0)
		n = put(buf, size, n, text);
	if (put_address(item, "destination", text, sizeof(text)) > 0) {
		n = put(buf, size, n, "->");
		n = put(buf, size, n, text);
	}
	for (size_t i = 0; i < DS_LEN(paths); i++) {
		const char *t = print_text(item, paths[i], text, sizeof(text));

		if (strcmp(paths[i], "daemonsec.lost") == 0 && *t != '\0')
			n = put(buf, size, n, "lost:");
		if (strcmp(paths[i], "user.name") == 0 && *t != '\0' && n > 0)
			n = put(buf, size, n, "as");
		n = put(buf, size, n, t);
	}
	if (n == 0)
		n = put(buf, size, n, print_text(item, "process.executable", text, sizeof(text)));
	print_text(item, "daemonsec.count", count, sizeof(count));
	if (strtoull(count, NULL, 10) > 1) {
		snprintf(text, sizeof(text), "(%s times)", count);
		(void)put(buf, size, n, text);
	}
}

static void
format_outcome(const json_t *value, const json_t *item, char *buf, size_t size)
{
	char outcome[32];

	print_text(item, "event.outcome", outcome, sizeof(outcome));
	snprintf(buf, size, "%s%s", json_is_string(value) ? json_string_value(value) : "",
	    strcmp(outcome, "failure") == 0 ? " FAILED" : "");
}

static const struct column event_columns[] = {
	{ "TIME", "@timestamp", format_time },
	{ "HOST", "host.name", NULL },
	{ "DAEMON", "service.name", NULL },
	{ "ACTION", "event.action", format_outcome },
	{ "PID", "process.pid", NULL },
	{ "WHAT", NULL, format_what },
	{ NULL, NULL, NULL },
};

static int
follow_line(const char *text, size_t len, void *ctx)
{
	json_t *item = json_loadb(text, len, JSON_ALLOW_NUL, NULL);

	if (json_is_object(item) && json_object_size(item) > 0)
		print_item(ctx, item, event_columns);
	json_decref(item);
	return 0;
}

/* The API gives newest first; people read downwards. */
static json_t *
reversed(json_t *items)
{
	json_t *out = json_array();

	for (size_t i = json_array_size(items); i > 0; i--)
		json_array_append(out, json_array_get(items, i - 1));
	json_decref(items);
	return out;
}

static int
show_events(struct ctl *c, const char *query, const char *since, const char *until, unsigned limit)
{
	char *path = client_path("events", "since", since, "until", until, NULL);
	json_t *items;
	int r = list_all(c, path, query, limit, &items);

	free(path);
	if (r != 0)
		return r;
	items = reversed(items);
	print_items(c, items, event_columns, "no such events");
	if (json_array_size(items) == limit && c->output == OUTPUT_TABLE)
		fprintf(stderr, "the newest %u; --limit N shows more\n", limit);
	json_decref(items);
	return EXIT_OK;
}

int
verb_events(struct ctl *c)
{
	bool follow = ctl_flag(c, "follow");
	char since_text[CTL_TIME_SIZE], until_text[CTL_TIME_SIZE], *path;
	const char *since, *until, *query;
	int64_t limit = LIMIT_DEFAULT;
	int r;

	if (!ctl_time(c, "since", since_text, &since) ||
	    !ctl_time(c, "until", until_text, &until) ||
	    !ctl_number(c, "limit", LIMIT_MAX, &limit) || !ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc > 2) {
		fprintf(stderr, "daemonsec-ctl: the query is one argument: put it into quotes\n");
		return ctl_usage(c);
	}
	query = c->argc > 1 ? c->argv[1] : NULL;
	if (!follow)
		return show_events(c, query, since, until, (unsigned)limit);
	path = client_path("events", "follow", "1", "q", query, "since", since, NULL);
	r = client_stream(c, path, follow_line, c);
	free(path);
	return r;
}
