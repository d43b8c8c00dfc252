/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alerts - the verb that people run at 3 a.m.: what is wrong, why we think so, what to look at.
 */
#include "ctl/client.h"
#include "ctl/lists.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
format_title(const json_t *value, const json_t *item, char *buf, size_t size)
{
	char title[400], count[32];

	(void)value;
	print_text(item, "title", title, sizeof(title));
	print_text(item, "count", count, sizeof(count));
	if (strtoul(count, NULL, 10) > 1)
		snprintf(buf, size, "%s (%s times)", title, count);
	else
		snprintf(buf, size, "%s", title);
}

static const struct column alert_columns[] = {
	{ "TIME", "last_seen", format_time },
	{ "SEVERITY", "severity", NULL },
	{ "HOST", "host.name", NULL },
	{ "DAEMON", "daemon.name", NULL },
	{ "WHAT", "title", format_title },
	{ "STATUS", "status", NULL },
	{ "WHO", "assignee", NULL },
	{ "ALERT", "id", NULL },
	{ NULL, NULL, NULL },
};

static void
show_explanation(const json_t *doc)
{
	const json_t *list = json_object_get(doc, "explanation");
	char feature[256], baseline[1024], observed[1024];
	json_t *one;
	size_t i;

	if (json_array_size(list) > 0)
		puts("\nWhy");
	json_array_foreach((json_t *)(uintptr_t)list, i, one)
	{
		print_text(one, "feature", feature, sizeof(feature));
		print_text(one, "baseline", baseline, sizeof(baseline));
		print_text(one, "observed", observed, sizeof(observed));
		printf("  %s\n    normal    %s\n    observed  %s\n", feature, baseline, observed);
	}
}

static void
show_threats(const json_t *doc)
{
	const json_t *list = json_object_get(doc, "threat");
	json_t *one;
	size_t i;
	char id[64], name[128];

	json_array_foreach((json_t *)(uintptr_t)list, i, one)
	{
		print_text(one, "id", id, sizeof(id));
		print_text(one, "name", name, sizeof(name));
		printf("  %-12s %s %s (MITRE ATT&CK)\n", i ? "" : "technique", id, name);
	}
}

static void
show_alert(const json_t *doc)
{
	static const struct {
		const char *name, *path;
	} rows[] = { { "host", "host.name" }, { "daemon", "daemon.name" }, { "status", "status" },
		{ "assigned to", "assignee" }, { "score", "score" }, { "first seen", "first_seen" },
		{ "last seen", "last_seen" }, { "count", "count" }, { "process", "process.pid" },
		{ "program", "process.executable" }, { "command", "process.command_line" },
		{ "user", "process.user" }, { "started by", "process.parents" } };
	char text[4096];
	char severity[32], title[400], reason[2000], seen[32], of[32], id[64];
	const char *colour = print_colour(print_text(doc, "severity", severity, sizeof(severity)));

	printf("%s%s%s  %s\n\n%s\n\n", colour, severity, *colour ? PRINT_PLAIN : "",
	    print_text(doc, "title", title, sizeof(title)),
	    print_text(doc, "reason", reason, sizeof(reason)));
	for (size_t i = 0; i < DS_LEN(rows); i++)
		if (*print_text(doc, rows[i].path, text, sizeof(text)) != '\0')
			printf("  %-12s %s\n", rows[i].name, text);
	if (json_number_value(print_lookup(doc, "peers.of")) > 0)
		printf("  %-12s %s of %s peers have done this\n", "fleet",
		    print_text(doc, "peers.seen", seen, sizeof(seen)),
		    print_text(doc, "peers.of", of, sizeof(of)));
	show_threats(doc);
	show_explanation(doc);
	print_text(doc, "id", id, sizeof(id));
	print_text(doc, "host.name", title, sizeof(title));
	print_text(doc, "daemon.name", reason, sizeof(reason));
	printf("\nWhat now\n  daemonsec-ctl events 'host.name:\"%s\"", title);
	if (*reason != '\0')
		printf(" and service.name:\"%s\"", reason);
	printf("' --since 1h\n  daemonsec-ctl alerts ack %s\n  daemonsec-ctl alerts close %s\n"
	       "  daemonsec-ctl alerts verdict %s benign_expected\n",
	    id, id, id);
}

static int
alert_show(struct ctl *c, const char *id)
{
	json_t *doc;
	int r = client_call(c, "GET", "alerts", id, NULL, NULL, &doc);

	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE)
		show_alert(doc);
	else
		print_document(c, doc);
	json_decref(doc);
	return EXIT_OK;
}

/* What the verdict would have hidden. */
static int
alert_preview(struct ctl *c, const char *id, json_t *body)
{
	char text[64], more[64];
	json_t *doc = NULL, *one;
	size_t i;
	int r = client_call(c, "POST", "alerts", id, "verdict", body, &doc);

	json_decref(body);
	if (r != EXIT_OK)
		return r;
	if (c->output != OUTPUT_TABLE) {
		print_document(c, doc);
	} else {
		printf("would have hidden %s alerts of the last 30 days, %s of recorded attacks\n",
		    print_text(doc, "would_have_hidden", text, sizeof(text)),
		    print_text(doc, "recorded_attacks", more, sizeof(more)));
		json_array_foreach(json_object_get(doc, "alerts"), i, one)
		{
			char title[256];

			printf("  %s  %s\n", print_text(one, "id", text, sizeof(text)),
			    print_text(one, "title", title, sizeof(title)));
		}
	}
	json_decref(doc);
	return EXIT_OK;
}

static int
alert_verdict(struct ctl *c, const char *id, const char *verdict, const char *scope,
    const char *label, const char *expires, bool preview)
{
	json_t *body = json_pack("{s:s}", "verdict", verdict);

	if (label != NULL)
		json_object_set_new(body, "label", json_string(label));
	if (scope != NULL)
		json_object_set_new(body, "scope", json_string(scope));
	if (expires != NULL)
		json_object_set_new(body, "expires", json_string(expires));
	if (preview) {
		json_object_set_new(body, "preview", json_true());
		return alert_preview(c, id, body);
	}
	return list_post(c, "POST", "alerts", id, "verdict", body, verdict);
}

/* "-" is nobody. */
static int
alert_assign(struct ctl *c, const char *id, const char *user)
{
	bool nobody = strcmp(user, "-") == 0;

	return list_post(c, "POST", "alerts", id, "assign",
	    json_pack("{s:s?}", "assignee", nobody ? NULL : user),
	    nobody ? "is nobody's" : "assigned");
}

int
verb_alerts(struct ctl *c)
{
	const char *status = ctl_option(c, "status");
	const char *scope = ctl_option(c, "scope"), *expires = ctl_option(c, "expires");
	const char *label = ctl_option(c, "label");
	bool preview = ctl_flag(c, "preview");
	int64_t limit = 100;
	int r;

	if (!ctl_number(c, "limit", LIMIT_MAX, &limit) || !ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 1) {
		char *path = client_path("alerts", "status", status, NULL);

		r = list_print(c, path, NULL, (unsigned)limit, alert_columns,
		    status == NULL ? "no alerts: nothing has departed from normal"
				   : "no such alerts");
		free(path);
		return r;
	}
	if (c->argc < 3)
		return ctl_usage(c);
	if (strcmp(c->argv[1], "show") == 0 && c->argc == 3)
		return alert_show(c, c->argv[2]);
	if (strcmp(c->argv[1], "ack") == 0 && c->argc == 3)
		return list_post(
		    c, "POST", "alerts", c->argv[2], "ack", json_object(), "acknowledged");
	if (strcmp(c->argv[1], "close") == 0 && c->argc == 3)
		return list_post(c, "POST", "alerts", c->argv[2], "close", json_object(), "closed");
	if (strcmp(c->argv[1], "assign") == 0 && c->argc == 4)
		return alert_assign(c, c->argv[2], c->argv[3]);
	if (strcmp(c->argv[1], "note") == 0 && c->argc == 4)
		return list_post(c, "POST", "alerts", c->argv[2], "note",
		    json_pack("{s:s}", "note", c->argv[3]), "noted");
	if (strcmp(c->argv[1], "verdict") == 0 && c->argc == 4)
		return alert_verdict(c, c->argv[2], c->argv[3], scope, label, expires, preview);
	return ctl_usage(c);
}
