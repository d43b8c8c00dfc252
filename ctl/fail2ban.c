/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fail2ban - the verb import: what fail2ban's users have becomes filters of the agent's log sensor,
 * and addresses that are never blocked.  Says what it took, and what it could not.
 */
#include "agent/uplink/logs/filter.h"
#include "ctl/ctl.h"
#include "ctl/fail2ban_conf.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_LEN 100

struct import {
	const char *dir;
	struct ds_buf out, value, regex; /* the file of filters; scratch */
	char never[4000];                /* ignoreip, with commas */
	unsigned filters, taken, left;
};

/* Every line of a value. */
#define each_line(p, len, text)                                           \
	for (const char *p = (text); *p && ((len = strcspn(p, "\n")), 1); \
	     p += len + (p[len] == '\n'))

static void
leave(struct import *m, const char *filter, const char *what, const char *why)
{
	m->left++;
	fprintf(stderr, "left out  %-20s %s: %s\n", filter, what, why);
}

/* The expanded value, valid until the next call; "" for none. */
static const char *
expanded(struct import *m, const json_t *conf, const char *section, const char *key)
{
	const char *raw = fail2ban_get(conf, section, key);

	if (raw == NULL || fail2ban_expand(conf, section, raw, &m->value) < 0 ||
	    ds_buf_put(&m->value, "", 1) < 0)
		return "";
	return (const char *)m->value.data;
}

static int
put(struct import *m, const char *word, const void *text, size_t len)
{
	int r = ds_buf_put(&m->out, word, strlen(word));

	if (r == 0)
		r = ds_buf_put(&m->out, text, len);
	return r == 0 ? ds_buf_put(&m->out, "\n", 1) : r;
}

/* One word and its expressions, one a line; each is tried as the agent will read it. */
static int
put_regexes(
    struct import *m, const char *filter, const char *word, const json_t *conf, const char *key)
{
	char *all = strdup(expanded(m, conf, "Definition", key)), why[240], line[200];
	size_t len;
	int r = all != NULL ? 0 : -ENOMEM;

	each_line(p, len, all != NULL ? all : "")
	{
		struct filters *tried = NULL;
		size_t start = m->out.len;
		int bad;

		if (r < 0 || len == 0)
			continue;
		snprintf(line, sizeof(line), "%s \"%.*s\"", key, (int)DS_MIN(len, (size_t)80), p);
		bad = fail2ban_regex(p, len, &m->regex);
		if (bad < 0) {
			leave(m, filter, line,
			    bad == -ENOTSUP ? "over several lines" : "no expression");
			continue;
		}
		r = put(m, word, m->regex.data, m->regex.len);
		if (r < 0)
			break;
		m->value.len = 0;
		bad = ds_buf_put(&m->value, "filter x\n", 9);
		if (bad == 0)
			bad = ds_buf_put(&m->value, m->out.data + start, m->out.len - start);
		if (bad == 0)
			bad = filters_parse(
			    (const char *)m->value.data, m->value.len, &tried, why, sizeof(why));
		filters_free(tried);
		if (bad == 0)
			m->taken++;
		else {
			m->out.len = start;
			leave(m, filter, line, why);
		}
	}
	free(all);
	return r;
}

/* "name[key=value, key=\"value\"]": the options become values of the filter. */
static void
take_options(json_t *conf, const char *options)
{
	char key[60], value[400];
	int n;

	json_object_set_new(conf, "Definition",
	    json_object_get(conf, "Definition") != NULL
		? json_incref(json_object_get(conf, "Definition"))
		: json_object());
	while (sscanf(options, " %59[A-Za-z0-9_] = %n", key, &n) == 1) {
		size_t len;
		char quote = options[n] == '"' || options[n] == '\'' ? options[n++] : '\0';

		options += n;
		len = quote ? strcspn(options, quote == '"' ? "\"" : "'") : strcspn(options, ",]");
		snprintf(value, sizeof(value), "%.*s", (int)len, options);
		json_object_set_new(json_object_get(conf, "Definition"), key, json_string(value));
		options += len + (quote && options[len] == quote);
		options += strspn(options, " ,]\n[");
	}
}

/* spec: "sshd", "sshd[mode=aggressive]"; logs: lines, or "". */
static int
put_filter(struct import *m, const char *spec, const char *logs)
{
	char name[NAME_LEN], dir[600];
	size_t len = strcspn(spec, "["), n;
	json_t *conf = json_object();
	int r;

	snprintf(name, sizeof(name), "%.*s", (int)DS_MIN(len, (size_t)60), spec);
	snprintf(dir, sizeof(dir), "%s/filter.d", m->dir);
	r = fail2ban_read(dir, name, conf);
	if (r < 0) {
		leave(m, name, "filter", strerror(-r));
		json_decref(conf);
		return 0;
	}
	if (spec[len] == '[')
		take_options(conf, spec + len + 1);
	r = put(m, "filter ", name, strlen(name));
	each_line(p, n, logs)
	{
		if (r == 0 && p[0] == '/')
			r = put(m, "log ", p, strcspn(p, " \n"));
	}
	if (r == 0)
		r = put_regexes(m, name, "ignore ", conf, "ignoreregex");
	if (r == 0)
		r = put_regexes(m, name, "prefix ", conf, "prefregex");
	if (r == 0)
		r = put_regexes(m, name, "fail ", conf, "failregex");
	m->filters++;
	json_decref(conf);
	return r;
}

/* ---- jails */

static void
take_never(struct import *m, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, " ,\n\t"), used = strlen(m->never);
		char word[80];

		snprintf(word, sizeof(word), "%.*s", (int)DS_MIN(len, sizeof(word) - 1), text);
		/* Names would have to be asked for each time. */
		if (len > 0 && strspn(word, "0123456789abcdefABCDEF.:/") != strlen(word))
			leave(m, "ignoreip", word, "a name, not an address");
		else if (len > 0 && strstr(m->never, word) == NULL)
			snprintf(m->never + used, sizeof(m->never) - used, "%s%s", used ? "," : "",
			    word);
		text += len;
		text += strspn(text, " ,\n\t");
	}
}

static bool
is_true(const char *text)
{
	return strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 ||
	       strcasecmp(text, "on") == 0 || strcmp(text, "1") == 0;
}

static int
put_jail(struct import *m, const json_t *jails, const char *name)
{
	char *logs, *spec, counts[3][40];
	static const char *const keys[] = { "maxretry", "findtime", "bantime" };
	int r;

	take_never(m, expanded(m, jails, name, "ignoreip"));
	for (size_t i = 0; i < 3; i++)
		snprintf(counts[i], sizeof(counts[i]), "%.39s", expanded(m, jails, name, keys[i]));
	logs = strdup(expanded(m, jails, name, "logpath"));
	spec = strdup(expanded(m, jails, name, "filter"));
	if (spec != NULL && *spec == '\0') {
		free(spec);
		spec = strdup(name);
	}
	r = logs != NULL && spec != NULL ? put_filter(m, spec, logs) : -ENOMEM;
	fprintf(stderr,
	    "jail      %-20s maxretry %s, findtime %s, bantime %s: how many are too many is learnt here\n",
	    name, counts[0], counts[1], counts[2]);
	free(logs);
	free(spec);
	return r;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every file of a directory that ends so. */
static int
each_file(const char *path, const char *ending,
    int (*call)(struct import *m, const char *name, void *ctx), struct import *m, void *ctx)
{
	struct dirent **all;
	int n = scandir(path, &all, NULL, by_name), r = 0;
	size_t end = strlen(ending);

	for (int i = 0; i < n; i++) {
		size_t len = strlen(all[i]->d_name);

		if (r == 0 && len > end && len - end < NAME_LEN &&
		    strcmp(all[i]->d_name + len - end, ending) == 0) {
			all[i]->d_name[len - end] = '\0';
			r = call(m, all[i]->d_name, ctx);
		}
		free(all[i]);
	}
	if (n >= 0)
		free(all);
	return n < 0 ? -errno : r;
}

static int
read_jail_file(struct import *m, const char *name, void *ctx)
{
	char dir[600];

	snprintf(dir, sizeof(dir), "%s/jail.d", m->dir);
	return fail2ban_read(dir, name, ctx);
}

static int
put_jails(struct import *m)
{
	json_t *jails = json_object(), *values;
	char dir[600];
	const char *name;
	int r = fail2ban_read(m->dir, "jail", jails);

	snprintf(dir, sizeof(dir), "%s/jail.d", m->dir);
	/* It may not be there. */
	if (r == 0)
		(void)each_file(dir, ".conf", read_jail_file, m, jails);
	if (r == 0)
		(void)each_file(dir, ".local", read_jail_file, m, jails);
	json_object_foreach(jails, name, values)
	{
		if (r == 0 && strcmp(name, "DEFAULT") != 0 && strcmp(name, "INCLUDES") != 0 &&
		    is_true(expanded(m, jails, name, "enabled")))
			r = put_jail(m, jails, name);
	}
	json_decref(jails);
	return r;
}

static int
put_any(struct import *m, const char *name, void *ctx)
{
	(void)ctx;
	return strstr(name, "common") != NULL ? 0 : put_filter(m, name, "");
}

/* ---- the verb */

/* Says of each line of stdin which filter takes it for a failure, and of whom. */
static int
try_lines(const struct import *m)
{
	struct filters *f = NULL;
	struct filter_hit hit;
	char line[FILTER_LINE_MAX + 2], why[240];

	if (filters_parse((const char *)m->out.data, m->out.len, &f, why, sizeof(why)) < 0) {
		fprintf(stderr, "daemonsec-ctl: %s\n", why);
		return EXIT_CONFLICT;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		size_t len = strcspn(line, "\r\n");

		if (filters_match(f, NULL, line, len, &hit))
			printf("%s\t%s\t%s\n", hit.filter, hit.host, hit.user);
		else
			puts("-");
	}
	if (filters_runaways(f) > 0)
		fprintf(stderr, "%llu times an expression ran away and was stopped\n",
		    (unsigned long long)filters_runaways(f));
	filters_free(f);
	return EXIT_OK;
}

static int
conclude(struct import *m, bool try, const char *to)
{
	FILE *f;

	fprintf(stderr, "%u filters, %u expressions taken, %u things left out\n", m->filters,
	    m->taken, m->left);
	if (try)
		return try_lines(m);
	f = to != NULL ? fopen(to, "we") : stdout;
	if (f == NULL || fwrite(m->out.data, 1, m->out.len, f) != m->out.len ||
	    (to != NULL && fclose(f) != 0)) {
		fprintf(
		    stderr, "daemonsec-ctl: %s: %s\n", to != NULL ? to : "output", strerror(errno));
		return EXIT_USAGE;
	}
	fprintf(stderr,
	    "For daemonsec.conf:\n[sensors]\nfilters = %s\n[reaction]\nnever_block = %s\n",
	    to != NULL ? to : DS_SYSCONFDIR "/filters", m->never);
	return m->left > 0 ? EXIT_PARTLY : EXIT_OK;
}

int
verb_import(struct ctl *c)
{
	const char *dir = ctl_option(c, "dir"), *to = ctl_option(c, "out"),
		   *one = ctl_option(c, "filter");
	bool all = ctl_flag(c, "all"), try = ctl_flag(c, "try");
	struct import m = { .dir = dir != NULL ? dir : "/etc/fail2ban" };
	char filters[600];
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc != 2 || strcmp(c->argv[1], "fail2ban") != 0)
		return ctl_usage(c);
	ds_buf_init(&m.out, FILTER_FILE_MAX);
	ds_buf_init(&m.value, 2 * FAIL2BAN_TEXT_MAX);
	ds_buf_init(&m.regex, FAIL2BAN_TEXT_MAX);
	snprintf(filters, sizeof(filters), "%s/filter.d", m.dir);
	r = one != NULL ? put_filter(&m, one, "")
	    : all       ? each_file(filters, ".conf", put_any, &m, NULL)
			: put_jails(&m);
	if (r < 0)
		fprintf(stderr, "daemonsec-ctl: %s: %s\n", m.dir, strerror(-r));
	r = r < 0 ? EXIT_NOT_FOUND : conclude(&m, try, to);
	ds_buf_done(&m.out);
	ds_buf_done(&m.value);
	ds_buf_done(&m.regex);
	return r;
}
