/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notify - the verb about telling people: which channels there are, and whether one works. */
#include "ctl/client.h"
#include "ctl/lists.h"
#include "lib/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 30000u
#define ASK_MS  200

static const struct column channel_columns[] = {
	{ "CHANNEL", "name", NULL },
	{ "TYPE", "type", NULL },
	{ "FROM", "min_severity", NULL },
	{ "SENT", "sent", format_count },
	{ "WAITING", "waiting", format_count },
	{ "HELD", "held", format_count },
	{ "DEAD", "dead", format_count },
	{ "LAST SENT", "last_sent", format_age },
	{ "ERROR", "error", NULL },
	{ NULL, NULL, NULL },
};

static const struct column message_columns[] = {
	{ "NUMBER", "number", NULL },
	{ "TIME", "created", format_time },
	{ "CHANNEL", "channel", NULL },
	{ "WHY", "event", NULL },
	{ "WHAT", "body.title", NULL },
	{ "STATUS", "status", NULL },
	{ "TRIES", "tries", NULL },
	{ "ERROR", "error", NULL },
	{ NULL, NULL, NULL },
};

/* The newest test among messages, of which alerts make others. */
static json_t *
find_test(const json_t *doc)
{
	json_t *m;
	size_t i;

	json_array_foreach(json_object_get(doc, "items"), i, m)
	{
		const char *event = json_string_value(json_object_get(m, "event"));

		if (event != NULL && strcmp(event, "test") == 0)
			return json_incref(m);
	}
	return NULL;
}

/* The newest test of the channel, once it is sent, dead, or failed; the caller's. */
static int
outcome(struct ctl *c, const char *channel, json_t **ret)
{
	uint64_t end_ms = ds_clock_monotonic_ms() + WAIT_MS;
	char *path = client_path("messages", "channel", channel, "limit", "100", NULL);
	int r;

	for (;;) {
		json_t *doc = NULL, *m;
		const char *status;

		r = client_get(c, path, &doc);
		m = find_test(doc);
		json_decref(doc);
		status = json_string_value(json_object_get(m, "status"));
		if (r != EXIT_OK || (status != NULL && strcmp(status, "waiting") != 0) ||
		    json_integer_value(json_object_get(m, "tries")) > 0 ||
		    ds_clock_monotonic_ms() > end_ms) {
			*ret = m;
			break;
		}
		json_decref(m);
		(void)poll(NULL, 0, ASK_MS); /* the server has no way to call us back */
	}
	free(path);
	return r;
}

static int
try_one(struct ctl *c, const char *channel)
{
	json_t *doc = NULL, *message = NULL;
	const char *status, *error;
	int r = client_call(c, "POST", "channels", channel, "test", NULL, &doc);

	json_decref(doc);
	if (r == EXIT_OK)
		r = outcome(c, channel, &message);
	if (r != EXIT_OK)
		return r;
	status = json_string_value(json_object_get(message, "status"));
	error = json_string_value(json_object_get(message, "error"));
	if (c->output != OUTPUT_TABLE)
		print_document(c, message);
	else if (status != NULL && strcmp(status, "sent") == 0)
		printf("%s: sent\n", channel);
	else
		fprintf(stderr, "%s: not sent: %s\n", channel,
		    error != NULL ? error : "it still waits");
	r = status != NULL && strcmp(status, "sent") == 0 ? EXIT_OK : EXIT_FOUND;
	json_decref(message);
	return r;
}

/* All dead letters of a channel whose receiver is well again. */
static int
retry_channel(struct ctl *c, const char *channel)
{
	char *path = client_path("messages", "channel", channel, "status", "dead", NULL);
	json_t *items = NULL, *m;
	size_t i;
	int r = list_all(c, path, NULL, 100000, &items);

	free(path);
	if (r != EXIT_OK)
		return r;
	json_array_foreach(items, i, m)
	{
		char number[24];

		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		    json_integer_value(json_object_get(m, "number")));
		r = list_post(c, "POST", "messages", number, "retry", NULL, "is tried again");
		if (r != EXIT_OK)
			break;
	}
	if (json_array_size(items) == 0)
		fprintf(stderr, "%s: no dead letters\n", channel);
	json_decref(items);
	return r;
}

int
verb_notify(struct ctl *c)
{
	const char *status = ctl_option(c, "status");

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 1)
		return list_print(c, "channels", NULL, 1000, channel_columns,
		    "no channels: nobody is told; add a section [notify.NAME] to server.conf");
	if (c->argc == 3 && strcmp(c->argv[1], "test") == 0)
		return try_one(c, c->argv[2]);
	if (c->argc == 3 && strcmp(c->argv[1], "retry") == 0)
		return c->argv[2][strspn(c->argv[2], "0123456789")] == '\0'
			   ? list_post(
				 c, "POST", "messages", c->argv[2], "retry", NULL, "is tried again")
			   : retry_channel(c, c->argv[2]);
	if (c->argc == 2 && strcmp(c->argv[1], "messages") == 0) {
		char *path = client_path("messages", "status", status, NULL);
		int r = list_print(c, path, NULL, 200, message_columns, "no messages");

		free(path);
		return r;
	}
	return ctl_usage(c);
}
