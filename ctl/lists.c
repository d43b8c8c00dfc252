/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lists - the verbs that show collections and change their members: status, hosts, daemons, tokens,
 * reactions.
 */
#include "ctl/lists.h"
#include "ctl/client.h"
#include "ctl/print.h"
#include "lib/conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
list_all(struct ctl *c, const char *path, const char *query, unsigned limit, json_t **ret)
{
	json_t *items = json_array();
	char *cursor = NULL;
	int r;

	do {
		char page[16];
		json_t *doc = NULL;
		char *url;

		snprintf(page, sizeof(page), "%u",
		    DS_MIN(limit - (unsigned)json_array_size(items), 500u));
		url = client_path(path, "q", query, "limit", page, "cursor", cursor, NULL);
		r = client_get(c, url, &doc);
		free(url);
		free(cursor);
		cursor = NULL;
		if (r != 0)
			break;
		json_array_extend(items, json_object_get(doc, "items"));
		if (json_is_string(json_object_get(doc, "next_cursor")))
			cursor = strdup(json_string_value(json_object_get(doc, "next_cursor")));
		json_decref(doc);
	} while (cursor != NULL && json_array_size(items) < limit);
	free(cursor);
	if (r != 0) {
		json_decref(items);
		return r;
	}
	*ret = items;
	return 0;
}

int
list_print(struct ctl *c, const char *path, const char *query, unsigned limit,
    const struct column *columns, const char *empty)
{
	json_t *items;
	int r = list_all(c, path, query, limit, &items);

	if (r != 0)
		return r;
	print_items(c, items, columns, empty);
	json_decref(items);
	return EXIT_OK;
}

int
list_post(struct ctl *c, const char *method, const char *collection, const char *id,
    const char *action, json_t *body, const char *said)
{
	json_t *doc = NULL;
	int r = client_call(c, method, collection, id, action, body, &doc);

	json_decref(body);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE)
		printf("%s %s\n", id, said);
	else
		print_document(c, doc);
	json_decref(doc);
	return EXIT_OK;
}

int
list_show(struct ctl *c, const char *collection, const char *id)
{
	json_t *doc;
	int r = client_call(c, "GET", collection, id, NULL, NULL, &doc);

	if (r != 0)
		return r;
	print_document(c, doc);
	json_decref(doc);
	return EXIT_OK;
}

/* ---- hosts */

static const struct column host_columns[] = {
	{ "HOST", "name", NULL },
	{ "STATE", "state|status", NULL },
	{ "CONNECTED", "connected", format_yes },
	{ "LAST SEEN", "last_seen", format_age },
	{ "OS", "os|os.name", NULL },
	{ "AGENT", "agent_version|agent.version", NULL },
	{ "LABELS", "labels", NULL },
	{ "COPY OF", "copy_of.name", NULL },
	{ "ID", "id", NULL },
	{ NULL, NULL, NULL },
};

/* A host by its id, or by its name when only one has it: a machine that was set up anew has the
 * name of the revoked one that it was. */
static int
find_host(struct ctl *c, const char *what, char ret_id[64])
{
	json_t *items, *item;
	size_t i, found[2] = { 0, 0 }; /* in the fleet, and revoked */
	char name[256], id[64], state[32], ids[2][64] = { "", "" };
	int r = list_all(c, "hosts", NULL, 100000, &items), which;

	if (r != 0)
		return r;
	json_array_foreach(items, i, item)
	{
		bool is_id = strcmp(print_text(item, "id", id, sizeof(id)), what) == 0;

		if (!is_id && strcmp(print_text(item, "name", name, sizeof(name)), what) != 0)
			continue;
		print_text(item, "state|status", state, sizeof(state));
		which = !is_id && strcmp(state, "revoked") == 0;
		snprintf(ids[which], sizeof(ids[0]), "%s", id);
		found[which]++;
	}
	json_decref(items);
	which = found[0] == 0;
	if (found[which] == 1) {
		snprintf(ret_id, 64, "%s", ids[which]);
		return 0;
	}
	if (found[which] == 0) {
		fprintf(stderr, "daemonsec-ctl: there is no host %s\n", what);
		return EXIT_NOT_FOUND;
	}
	fprintf(stderr,
	    "daemonsec-ctl: several hosts are called %s: take an ID that daemonsec-ctl hosts shows\n",
	    what);
	return EXIT_CONFLICT;
}

/* "web1 approved": by what it was called, not by its id. */
static int
host_post(struct ctl *c, const char *id, const char *action, json_t *body, const char *said)
{
	json_t *doc = NULL;
	int r = client_call(c, "POST", "hosts", id, action, body, &doc);

	json_decref(body);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE)
		printf("%s %s\n", c->argv[2], said);
	else
		print_document(c, doc);
	json_decref(doc);
	return EXIT_OK;
}

/* As the API wants it. */
static const char *
email_of(const char *text)
{
	return strcmp(text, "nobody") == 0 ? "-" : strcmp(text, "agent") == 0 ? "" : text;
}

int
verb_hosts(struct ctl *c)
{
	const char *what;
	char id[64];
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	what = c->argc > 1 ? c->argv[1] : NULL;
	if (what == NULL)
		return list_print(c, "hosts", NULL, 100000, host_columns,
		    "no hosts yet; `daemonsec-ctl tokens create` makes a token that lets one in");
	if (c->argc < 3 || strcmp(c->argv[2], "") == 0)
		return ctl_usage(c);
	r = find_host(c, c->argv[2], id);
	if (r != 0)
		return r;
	if (strcmp(what, "show") == 0 && c->argc == 3)
		return list_show(c, "hosts", id);
	if (strcmp(what, "approve") == 0 && c->argc == 3)
		return host_post(c, id, "approve", json_object(), "approved");
	if (strcmp(what, "revoke") == 0 && c->argc == 3)
		return host_post(c, id, "revoke", json_object(), "revoked: it is cut off now");
	if (strcmp(what, "label") == 0 && c->argc == 4)
		return host_post(
		    c, id, "label", json_pack("{s:s}", "labels", c->argv[3]), "labelled");
	if (strcmp(what, "email") == 0 && c->argc == 4)
		return host_post(c, id, "email", json_pack("{s:s}", "email", email_of(c->argv[3])),
		    "has another address for its alerts");
	return ctl_usage(c);
}

/* ---- daemons */

static const struct column daemon_columns[] = {
	{ "DAEMON", "name", NULL },
	{ "HOST", "host.name", NULL },
	{ "KIND", "role", NULL },
	{ "STATE", "state", NULL },
	{ "LEARNT", "coverage", format_percent },
	{ "EVENTS", "events", format_count },
	{ "LAST SEEN", "last_seen", format_age },
	{ "PACKAGE", "package.name|package", NULL },
	{ "VERSION", "package.version|package_version", NULL },
	{ "PROGRAM", "executable|exe", NULL },
	{ NULL, NULL, NULL },
};

static const struct column behaviour_columns[] = {
	{ "ACTION", "action", NULL },
	{ "TIMES", "count", format_count },
	{ "SINCE", "first_seen", format_time },
	{ "LAST", "last_seen", format_age },
	{ "NORMAL", "learnt", format_yes },
	{ "WHAT", "what", NULL },
	{ NULL, NULL, NULL },
};

static void
show_profile(struct ctl *c, const json_t *doc)
{
	const json_t *daemon = print_lookup(doc, "daemon"),
		     *blockers = print_lookup(daemon, "blockers");
	char a[1024], b[256];

	printf("%s on %s: %s", print_text(daemon, "name", a, sizeof(a)),
	    print_text(daemon, "host.name", b, sizeof(b)),
	    print_text(daemon, "state", a + 512, 512));
	format_percent(print_lookup(daemon, "coverage"), daemon, b, sizeof(b));
	printf(", %s learnt\n", b);
	print_strings(stdout, "  missing: ", blockers);
	if (*print_text(daemon, "starter", a, sizeof(a)) != '\0') {
		format_percent(print_lookup(daemon, "starter_confidence"), daemon, b, sizeof(b));
		printf("starter  %s, confidence %s\n", a, b);
	}
	printf("program  %s", print_text(daemon, "executable", a, sizeof(a)));
	if (*print_text(daemon, "package", b, sizeof(b)) != '\0')
		printf(" (%s %s)", b, print_text(daemon, "package_version", a, sizeof(a)));
	printf("\nsha256   %s\n\nWhat it is known to do\n",
	    print_text(daemon, "sha256", a, sizeof(a)));
	print_items(c, print_lookup(doc, "behaviours"), behaviour_columns, "nothing yet");
}

static int
daemon_show(struct ctl *c, const char *what, const char *host)
{
	char *path = client_path("daemons", "daemon", what, "host", host, NULL), text[256];
	json_t *items, *item, *doc;
	size_t i, found = 0;
	int r = list_all(c, path, NULL, 100000, &items);

	free(path);
	if (r != 0)
		return r;
	json_array_foreach(items, i, item)
	{
		r = client_call(c, "GET", "daemons", print_text(item, "id", text, sizeof(text)),
		    "profile", NULL, &doc);
		if (r != 0)
			break;
		if (found++ > 0 && c->output == OUTPUT_TABLE)
			putchar('\n');
		if (c->output == OUTPUT_TABLE)
			show_profile(c, doc);
		else
			print_document(c, doc);
		json_decref(doc);
	}
	json_decref(items);
	if (r == 0 && found == 0)
		fprintf(stderr,
		    "daemonsec-ctl: there is no daemon %s; daemonsec-ctl daemons lists them\n",
		    what);
	return r != 0 ? r : found ? EXIT_OK : EXIT_NOT_FOUND;
}

int
verb_daemons(struct ctl *c)
{
	const char *host = ctl_option(c, "host");
	char query[300], id[64];
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 3 && strcmp(c->argv[1], "show") == 0)
		return daemon_show(c, c->argv[2], host);
	if (c->argc == 3 && strcmp(c->argv[1], "versions") == 0)
		return versions_list(c, c->argv[2], host);
	if (c->argc == 4 && strcmp(c->argv[1], "rollback") == 0)
		return versions_rollback(c, c->argv[2], c->argv[3], host);
	if (c->argc != 1)
		return ctl_usage(c);
	if (host == NULL)
		return list_print(c, "daemons", NULL, 100000, daemon_columns,
		    "no daemons yet; they appear within seconds of an agent's start");
	r = find_host(c, host, id);
	if (r != 0)
		return r;
	snprintf(query, sizeof(query), "host.id:\"%s\"", id);
	return list_print(c, "daemons", query, 100000, daemon_columns,
	    "no daemons there yet; they appear within seconds of its agent's start");
}

/* ---- tokens */

static const struct column token_columns[] = {
	{ "TOKEN", "id", NULL },
	{ "LABEL", "label|name", NULL },
	{ "USES", "uses", NULL },
	{ "OF", "uses_max|max_uses", NULL },
	{ "FROM", "cidr", NULL },
	{ "CREATED", "created", format_time },
	{ "EXPIRES", "expires", format_time },
	{ "STATE", "state|status", NULL },
	{ NULL, NULL, NULL },
};

static const struct column api_token_columns[] = {
	{ "TOKEN", "id", NULL },
	{ "NAME", "name", NULL },
	{ "SCOPES", "scopes", NULL },
	{ "CREATED", "created", format_time },
	{ "EXPIRES", "expires", format_time },
	{ NULL, NULL, NULL },
};

/* Posts and prints a new token; alone on stdout in a table, so that a script can take it from
 * there. */
static int
create_token(struct ctl *c, const char *path, json_t *body, const char *hint)
{
	json_t *doc;
	char text[1024];
	int r = client_request(c, "POST", path, body, &doc);

	json_decref(body);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE) {
		printf("%s\n", print_text(doc, "token", text, sizeof(text)));
		fprintf(stderr, "%s\n", hint);
	} else {
		print_document(c, doc);
	}
	json_decref(doc);
	return EXIT_OK;
}

/* --ttl as seconds in `body`; false after a message. */
static bool
put_ttl(json_t *body, const char *ttl)
{
	uint64_t ms;

	if (ttl == NULL)
		return true;
	if (ds_conf_duration(ttl, &ms) < 0) {
		fprintf(stderr,
		    "daemonsec-ctl: --ttl is a time such as 30m, 1h or 7d, not \"%s\"\n", ttl);
		return false;
	}
	json_object_set_new(body, "ttl", json_string(ttl));
	return true;
}

/* One a line, so that a loop over hosts takes one each. */
static int
create_tokens(struct ctl *c, json_t *body, const char *count)
{
	json_t *doc, *item;
	char text[1024];
	size_t i;
	int r;

	json_object_set_new(body, "count", json_integer((json_int_t)strtoll(count, NULL, 10)));
	r = client_request(c, "POST", "enrolment-tokens/batch", body, &doc);
	json_decref(body);
	if (r != 0)
		return r;
	if (c->output != OUTPUT_TABLE)
		print_document(c, doc);
	else
		json_array_foreach(json_object_get(doc, "items"), i, item)
		    printf("%s\n", print_text(item, "token", text, sizeof(text)));
	json_decref(doc);
	return EXIT_OK;
}

static void
put_options(struct ctl *c, json_t *body)
{
	static const char *const texts[] = { "label", "address", "cidr" };
	const char *uses = ctl_option(c, "uses"), *text;

	if (uses != NULL)
		json_object_set_new(
		    body, "uses", json_integer((json_int_t)strtoll(uses, NULL, 10)));
	/* Once: an option that was read is gone. */
	for (size_t i = 0; i < DS_LEN(texts); i++)
		if ((text = ctl_option(c, texts[i])) != NULL)
			json_object_set_new(body, texts[i], json_string(text));
	if (ctl_flag(c, "require-approval"))
		json_object_set_new(body, "require_approval", json_true());
	if (ctl_flag(c, "ephemeral"))
		json_object_set_new(body, "ephemeral", json_true());
}

int
verb_tokens(struct ctl *c)
{
	const char *ttl = ctl_option(c, "ttl"), *count = ctl_option(c, "count");
	json_t *body = json_object();
	bool is_good;

	put_options(c, body);
	is_good = ctl_options_known(c) && put_ttl(body, ttl);
	if (is_good && c->argc == 2 && strcmp(c->argv[1], "create") == 0)
		return count != NULL
			   ? create_tokens(c, body, count)
			   : create_token(c, "enrolment-tokens", body,
				 "on the host: put it into /etc/daemonsec/enrolment-token (or what [server] token_file names), restart daemonsec-agent");
	json_decref(body);
	if (!is_good)
		return EXIT_USAGE;
	if (c->argc == 1)
		return list_print(
		    c, "enrolment-tokens", NULL, 100000, token_columns, "no enrolment tokens");
	if (c->argc == 3 && strcmp(c->argv[1], "revoke") == 0)
		return list_post(
		    c, "DELETE", "enrolment-tokens", c->argv[2], NULL, NULL, "revoked");
	return ctl_usage(c);
}

int
verb_api_tokens(struct ctl *c)
{
	const char *name = ctl_option(c, "name"), *ttl = ctl_option(c, "ttl"),
		   *scopes = ctl_option(c, "scopes");
	json_t *body;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 1)
		return list_print(
		    c, "api-tokens", NULL, 100000, api_token_columns, "no API tokens");
	if (c->argc == 3 && strcmp(c->argv[1], "revoke") == 0)
		return list_post(c, "DELETE", "api-tokens", c->argv[2], NULL, NULL, "revoked");
	if (c->argc != 2 || strcmp(c->argv[1], "create") != 0)
		return ctl_usage(c);
	body = json_object();
	if (name != NULL)
		json_object_set_new(body, "name", json_string(name));
	if (scopes != NULL)
		json_object_set_new(body, "scopes", json_string(scopes));
	if (!put_ttl(body, ttl)) {
		json_decref(body);
		return EXIT_USAGE;
	}
	return create_token(
	    c, "api-tokens", body, "shown this once; send it as Authorization: Bearer");
}
