/* SPDX-License-Identifier: GPL-2.0-or-later */
/* learning - the verbs about what is expected: deploy, expectations. */
#include "ctl/client.h"
#include "ctl/lists.h"

#include <stdio.h>
#include <string.h>

static const struct column expectation_columns[] = {
	{ "EXPECTATION", "id", NULL },
	{ "SCOPE", "scope", NULL },
	{ "WHERE", "host.name|label", NULL },
	{ "DAEMON", "daemon", NULL },
	{ "DOES", "action", NULL },
	{ "WHAT", "behaviour", NULL },
	{ "STATUS", "status", NULL },
	{ "UNTIL", "expires", format_time },
	{ "BY", "by", NULL },
	{ NULL, NULL, NULL },
};

static const struct column deployment_columns[] = {
	{ "DEPLOYMENT", "id", NULL },
	{ "DAEMON", "daemon", NULL },
	{ "WHERE", "host.name|label", NULL },
	{ "STATUS", "status", NULL },
	{ "BEGUN", "begun", format_time },
	{ "UNTIL", "until", format_time },
	{ "BY", "by", NULL },
	{ NULL, NULL, NULL },
};

int
verb_expectations(struct ctl *c)
{
	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 1)
		return list_print(c, "expectations", NULL, 1000, expectation_columns,
		    "nothing is expected beyond what was learnt");
	if (c->argc == 3 && strcmp(c->argv[1], "undo") == 0)
		return list_post(
		    c, "POST", "expectations", c->argv[2], "undo", json_object(), "undone");
	return ctl_usage(c);
}

static int
begin(struct ctl *c, const char *daemon, const char *host, const char *label, const char *ttl,
    const char *note)
{
	json_t *body = json_pack("{s:s}", "daemon", daemon), *doc = NULL;
	char id[64], until[40], near[256];
	int r;

	if (host != NULL)
		json_object_set_new(body, "host", json_string(host));
	if (label != NULL)
		json_object_set_new(body, "label", json_string(label));
	if (ttl != NULL)
		json_object_set_new(body, "ttl", json_string(ttl));
	if (note != NULL)
		json_object_set_new(body, "note", json_string(note));
	r = client_request(c, "POST", "deployments", body, &doc);
	json_decref(body);
	if (r != EXIT_OK)
		return r;
	if (json_is_false(json_object_get(doc, "known"))) {
		print_text(doc, "nearest", near, sizeof(near));
		fprintf(stderr, "daemonsec-ctl: no daemon is called %s yet%s%s%s\n", daemon,
		    *near ? "; did you mean " : "", near, *near ? "?" : "");
	}
	if (c->output == OUTPUT_TABLE) {
		printf("%s\n", print_text(doc, "id", id, sizeof(id)));
		fprintf(stderr, "until %s; daemonsec-ctl deploy end %s ends it before\n",
		    print_text(doc, "until", until, sizeof(until)), id);
	} else {
		print_document(c, doc);
	}
	json_decref(doc);
	return EXIT_OK;
}

int
verb_deploy(struct ctl *c)
{
	const char *daemon = ctl_option(c, "daemon"), *host = ctl_option(c, "host");
	const char *label = ctl_option(c, "label"), *ttl = ctl_option(c, "ttl");
	const char *note = ctl_option(c, "note");

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 1)
		return list_print(c, "deployments", NULL, 1000, deployment_columns,
		    "no deployment was ever declared");
	if (c->argc == 2 && strcmp(c->argv[1], "begin") == 0 && daemon != NULL)
		return begin(c, daemon, host, label, ttl, note);
	if (c->argc == 3 && strcmp(c->argv[1], "end") == 0)
		return list_post(
		    c, "POST", "deployments", c->argv[2], "end", json_object(), "ended");
	return ctl_usage(c);
}
