/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile_versions - daemons versions and daemons rollback: how a profile went on, and going back.
 */
#include "ctl/client.h"
#include "ctl/lists.h"

#include <stdio.h>
#include <stdlib.h>

static const struct column version_columns[] = {
	{ "VERSION", "version", NULL },
	{ "FROM", "parent", NULL },
	{ "EXPLAINED BY", "reason", NULL },
	{ "BEGUN", "begun", format_time },
	{ "WARM UNTIL", "warm_until", format_time },
	{ "PACKAGE", "package", NULL },
	{ "IS", "package_version|image", NULL },
	{ "INHERITED", "inherited", format_count },
	{ "NEW", "explained", format_count },
	{ "TOLD", "told", format_count },
	{ NULL, NULL, NULL },
};

static char *
path_of(const char *daemon, const char *action, const char *host)
{
	char *path = client_path_of("daemons", daemon, action),
	     *ret = client_path(path, "host", host != NULL ? host : "", NULL);

	free(path);
	return ret;
}

int
versions_list(struct ctl *c, const char *daemon, const char *host)
{
	char *path = path_of(daemon, "versions", host);
	int r = list_print(
	    c, path, NULL, 1000, version_columns, "it was not declared since versions are kept");

	free(path);
	return r;
}

int
versions_rollback(struct ctl *c, const char *daemon, const char *number, const char *host)
{
	char *end, *path = path_of(daemon, "rollback", host);
	json_t *body = json_pack("{s:I}", "version", (json_int_t)strtoll(number, &end, 10));
	json_t *doc = NULL;
	int r = *end == '\0' ? client_request(c, "POST", path, body, &doc) : ctl_usage(c);

	free(path);
	json_decref(body);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE)
		printf(
		    "%s: its profile is that of version %s again, with %.0f behaviours; what came later "
		    "is told anew\n",
		    daemon, number, json_number_value(json_object_get(doc, "behaviours")));
	else
		print_document(c, doc);
	json_decref(doc);
	return EXIT_OK;
}
