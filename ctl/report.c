/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report - one daemon on one page: what is normal, what happened, what was done.
 *
 * The page is HTML without scripts and without anything from elsewhere, so that it can be mailed
 * and kept. Every text in it may come from another host and is escaped.
 */
#include "ctl/client.h"
#include "ctl/lists.h"
#include "ctl/print.h"
#include "ctl/report_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALERTS_MAX    200u
#define REACTIONS_MAX 1000u
#define HOURS         "168"

struct report {
	json_t *profile, *alerts, *hours, *reactions;
};

static void
report_done(struct report *r)
{
	json_decref(r->profile);
	json_decref(r->alerts);
	json_decref(r->hours);
	json_decref(r->reactions);
}

/* Of a value in the query language, between quotes. */
static void
put_quoted(char *buf, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + 3 < size; text++) {
		if (*text == '"' || *text == '\\')
			buf[used++] = '\\';
		buf[used++] = *text;
	}
	buf[used] = '\0';
}

static void
make_query(const json_t *profile, char *ret, size_t size)
{
	char host[512], daemon[600], text[300];

	put_quoted(host, sizeof(host), print_text(profile, "daemon.host.name", text, sizeof(text)));
	put_quoted(daemon, sizeof(daemon), print_text(profile, "daemon.name", text, sizeof(text)));
	snprintf(ret, size, "host.name:\"%s\" and service.name:\"%s\"", host, daemon);
}

static int
read_hours(struct ctl *c, const char *query, json_t **ret)
{
	char *url = client_path(
	    "events/histogram", "q", query, "since", "now-" HOURS "h", "buckets", HOURS, NULL);
	int r = client_get(c, url, ret);

	free(url);
	return r;
}

static int
read_profile(struct ctl *c, const char *daemon, const char *host, json_t **ret)
{
	char *path = client_path_of("daemons", daemon, "profile"),
	     *url = client_path(path, "host", host, "limit", "1000", NULL);
	int r = client_get(c, url, ret);

	free(path);
	free(url);
	return r;
}

static int
read_all(struct ctl *c, const char *daemon, const char *host, struct report *ret)
{
	char query[1200];
	int r = read_profile(c, daemon, host, &ret->profile);

	if (r != 0)
		return r;
	make_query(ret->profile, query, sizeof(query));
	r = list_all(c, "alerts", query, ALERTS_MAX, &ret->alerts);
	if (r == 0)
		r = read_hours(c, query, &ret->hours);
	if (r == 0)
		r = list_all(c, "reactions", NULL, REACTIONS_MAX, &ret->reactions);
	return r;
}

static int
write_page(const char *file, const struct report *report)
{
	FILE *out = file != NULL ? fopen(file, "we") : stdout;
	int failed;

	if (out == NULL)
		return ctl_file_error(file, -errno);
	report_page(out, report->profile, report->alerts, report->hours, report->reactions);
	failed = ferror(out);
	if (file != NULL && fclose(out) != 0)
		failed = 1;
	if (failed)
		fprintf(stderr, "daemonsec-ctl: cannot write %s\n", file ? file : "the page");
	return failed ? EXIT_PARTLY : EXIT_OK;
}

int
verb_report(struct ctl *c)
{
	const char *daemon = ctl_option(c, "daemon"), *host = ctl_option(c, "host"),
		   *file = ctl_option(c, "file");
	struct report report = { 0 };
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (daemon == NULL || c->argc != 1)
		return ctl_usage(c);
	r = read_all(c, daemon, host, &report);
	if (r == 0)
		r = write_page(file, &report);
	report_done(&report);
	return r;
}
