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
	const char *more;                /* our additions to its filters */
	struct ds_buf out, value, regex; /* the file of filters; scratch */
	char never[4000];                /* ignoreip, with commas */
	unsigned filters, taken, left;
	unsigned lines; /* of the filter, looked at together */
	bool names;     /* hosts may be names */
	bool prefix_has_host;
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

/* The expanded value, the caller's; NULL when there is no memory, "" for none. */
static char *
expanded(struct import *m, const json_t *conf, const char *section, const char *key)
{
	const char *raw = fail2ban_get(conf, section, key);
	int r = raw != NULL ? fail2ban_expand(conf, section, raw, &m->value) : 0;

	if (r < 0)
		leave(m, section, key,
		    r == -ELOOP ? "values that lead to each other without end" : strerror(-r));
	if (raw == NULL || r < 0 || ds_buf_put(&m->value, "", 1) < 0)
		return strdup("");
	return strdup((const char *)m->value.data);
}

static int
put(struct import *m, const char *word, const void *text, size_t len)
{
	int r = ds_buf_put(&m->out, word, strlen(word));

	if (r == 0 && len > 0)
		r = ds_buf_put(&m->out, " ", 1);
	if (r == 0)
		r = ds_buf_put(&m->out, text, len);
	return r == 0 ? ds_buf_put(&m->out, "\n", 1) : r;
}

/* Whether the agent will read the line that was put last; else it is taken back, and said. */
static int
check_last(struct import *m, const char *filter, const char *key, size_t start)
{
	char head[60], why[240];
	struct filters *tried = NULL;
	int r;

	snprintf(head, sizeof(head), "filter x\nlines %u\n", m->lines);
	ds_buf_clear(&m->value);
	r = ds_buf_put(&m->value, head, strlen(head));
	if (r == 0)
		r = ds_buf_put(&m->value, m->out.data + start, m->out.len - start);
	if (r == 0)
		r = filters_parse(
		    (const char *)m->value.data, m->value.len, &tried, why, sizeof(why));
	filters_free(tried);
	if (r == 0)
		m->taken++;
	else {
		char line[200];

		snprintf(line, sizeof(line), "%s \"%.*s\"", key,
		    (int)DS_MIN(m->out.len - start - 1, (size_t)80),
		    (const char *)m->out.data + start);
		m->out.len = start;
		leave(m, filter, line, why);
	}
	return r == -EINVAL ? 0 : r;
}

/* Whether an expression says who failed, or of which connection it is. */
static bool
has_host(const struct ds_buf *regex)
{
	static const char *const groups[] = { "(?<ip4>", "(?<ip6>", "(?<dns>", "(?<fid>",
		"(?<mlfid>", "(?<alt_" };

	for (size_t i = 0; i < DS_LEN(groups); i++)
		if (memmem(regex->data, regex->len, groups[i], strlen(groups[i])) != NULL)
			return true;
	return false;
}

/* One word and the lines of a value; each is tried as the agent will read it. */
static int
put_lines(
    struct import *m, const char *filter, const char *word, const json_t *conf, const char *key)
{
	char *all = expanded(m, conf, "Definition", key);
	bool is_regex = strcmp(word, "date") != 0;
	size_t len;
	int r = all != NULL ? 0 : -ENOMEM;

	each_line(p, len, all != NULL ? all : "")
	{
		size_t start = m->out.len;

		if (r < 0 || len == 0)
			continue;
		if (is_regex)
			r = fail2ban_regex(p, len, m->names, &m->regex);
		if (r == -EINVAL || r == -ENOBUFS) {
			leave(m, filter, key, "no expression, or one too long");
			r = 0;
			continue;
		}
		if (r == 0 && strcmp(word, "prefix") == 0)
			m->prefix_has_host = has_host(&m->regex);
		if (r == 0 && strcmp(word, "fail") == 0 && !m->prefix_has_host &&
		    !has_host(&m->regex)) {
			leave(m, filter, key, "an expression that says nothing of a host");
			continue;
		}
		if (r == 0)
			r = is_regex ? put(m, word, m->regex.data, m->regex.len)
				     : put(m, word, p, len);
		if (r == 0)
			r = check_last(m, filter, key, start);
	}
	free(all);
	return r;
}

static int
put_encoding(struct import *m, const char *filter, const char *name)
{
	static const struct {
		const char *python, *is;
	} names[] = { { "utf-16", "utf-16" }, { "utf16", "utf-16" }, { "iso-8859", "latin1" },
		{ "latin", "latin1" }, { "cp125", "latin1" }, { "utf-8", NULL }, { "utf8", NULL },
		{ "auto", NULL }, { "ascii", NULL }, { "us-ascii", NULL } };

	for (size_t i = 0; *name != '\0' && i < DS_LEN(names); i++)
		if (strncasecmp(name, names[i].python, strlen(names[i].python)) == 0)
			return names[i].is != NULL
				   ? put(m, "encoding", names[i].is, strlen(names[i].is))
				   : 0;
	if (*name != '\0')
		leave(m, filter, "logencoding", name);
	return 0;
}

/* "_SYSTEMD_UNIT=sshd.service + _COMM=sshd": each alternative is a line. */
static int
put_journal(struct import *m, const char *matches)
{
	int r = *matches == '\0' ? put(m, "journal", "", 0) : 0;

	while (r == 0 && *matches != '\0') {
		const char *end = strstr(matches, " + ");
		size_t line = strcspn(matches, "\n"), len;

		if (end != NULL && (size_t)(end - matches) > line)
			end = NULL; /* of a later line */
		len = end != NULL ? (size_t)(end - matches) : line;

		while (len > 0 && (*matches == ' ' || *matches == '\n')) {
			matches++;
			len--;
		}
		if (len > 0)
			r = put(m, "journal", matches, len);
		matches += len + (end != NULL ? 3 : matches[len] == '\n');
	}
	return r;
}

static int
put_logs(struct import *m, const char *logs)
{
	size_t n;
	int r = 0;

	each_line(p, n, logs)
	{
		if (r == 0 && p[0] == '/')
			r = put(m, "log", p, strcspn(p, " \n"));
	}
	return r;
}

static int
put_lines_max(struct import *m, const char *filter, const json_t *conf)
{
	char *text = expanded(m, conf, "Definition", "maxlines"), number[20];
	unsigned long n = text != NULL ? strtoul(text, NULL, 10) : 0;

	free(text);
	if (n > FILTER_LINES_MAX)
		leave(m, filter, "maxlines", "so many lines are not looked at together");
	m->lines = n < 1 ? 1 : n > FILTER_LINES_MAX ? FILTER_LINES_MAX : (unsigned)n;
	snprintf(number, sizeof(number), "%u", m->lines);
	return m->lines > 1 ? put(m, "lines", number, strlen(number)) : 0;
}

static bool
is_journal_type(struct import *m, const json_t *conf)
{
	char *text = expanded(m, conf, "Definition", "logtype");
	bool is = text != NULL && strcmp(text, "journal") == 0;

	free(text);
	return is;
}

/* All that a filter says; where its lines come from is put already. */
static int
put_definition(struct import *m, const char *name, const json_t *conf)
{
	static const struct {
		const char *word, *key;
	} rows[] = { { "date", "datepattern" }, { "ignore", "ignoreregex" },
		{ "prefix", "prefregex" }, { "fail", "failregex" } };
	int r = put_lines_max(m, name, conf);

	for (size_t i = 0; r == 0 && i < DS_LEN(rows); i++)
		r = put_lines(m, name, rows[i].word, conf, rows[i].key);
	return r;
}

/* What a jail says about its filter. */
struct jail_says {
	const char *logs, *encoding;
	bool is_journal;
	const char *journal; /* its own journalmatch, or "" */
	const json_t *jails; /* NULL: there is no jail */
	const char *name;
};

/* What a jail sets itself goes before what its filter says. */
static int
set_own(struct import *m, const struct jail_says *jail, json_t *conf)
{
	static const char *const keys[] = { "datepattern", "maxlines", "failregex", "ignoreregex",
		"prefregex" };
	const json_t *own = json_object_get(jail->jails, jail->name);

	for (size_t i = 0; own != NULL && i < DS_LEN(keys); i++) {
		char *text;

		if (json_object_get(own, keys[i]) == NULL)
			continue;
		text = expanded(m, jail->jails, jail->name, keys[i]);
		if (text == NULL)
			return -ENOMEM;
		if (*text != '\0')
			fail2ban_set(conf, keys[i], text);
		free(text);
	}
	return 0;
}

/* spec: "sshd", "sshd[mode=aggressive]". */
static int
put_filter(struct import *m, const char *spec, const struct jail_says *jail, json_t *conf)
{
	char name[NAME_LEN], dir[600], *text;
	size_t len = strcspn(spec, "[");
	int r;

	snprintf(name, sizeof(name), "%.*s", (int)DS_MIN(len, (size_t)60), spec);
	snprintf(dir, sizeof(dir), "%s/filter.d", m->dir);
	r = fail2ban_read(dir, m->more, name, conf);
	if (r < 0) {
		leave(m, name, "filter", strerror(-r));
		return 0;
	}
	m->filters++;
	m->prefix_has_host = false;
	if (jail->is_journal)
		fail2ban_set(conf, "logtype", "journal");
	if (spec[len] == '[')
		fail2ban_set_all(conf, spec + len + 1);
	r = set_own(m, jail, conf);
	if (r == 0)
		r = put(m, "filter", name, strlen(name));
	if (r == 0)
		r = put_logs(m, jail->logs);
	if (r == 0)
		r = put_encoding(m, name, jail->encoding);
	text = strdup(jail->journal);
	if (text != NULL && *text == '\0') {
		free(text);
		text = expanded(m, conf, "Definition", "journalmatch");
	}
	if (r == 0 && (jail->is_journal || is_journal_type(m, conf)))
		r = text != NULL ? put_journal(m, text) : -ENOMEM;
	free(text);
	return r == 0 ? put_definition(m, name, conf) : r;
}

/* ---- jails */

/* Whether a list with commas has the word, and not only one that it is part of. */
static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p != '\0';) {
		size_t n = strcspn(p, ",");

		if (n == len && strncmp(p, word, len) == 0)
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

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
		else if (used + 1 + strlen(word) >= sizeof(m->never))
			leave(m, "ignoreip", word, "there are too many");
		else if (len > 0 && !has_word(m->never, word))
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

enum of_jail {
	OF_IGNORE,
	OF_RETRY,
	OF_FIND,
	OF_BAN,
	OF_LOGS,
	OF_FILTER,
	OF_BACKEND,
	OF_MATCH,
	OF_ENCODING,
	OF_DNS,
	OF_LEN
};

static int
put_jail(struct import *m, const json_t *jails, const char *name)
{
	static const char *const keys[OF_LEN] = { "ignoreip", "maxretry", "findtime", "bantime",
		"logpath", "filter", "backend", "journalmatch", "logencoding", "usedns" };
	char *v[OF_LEN];
	json_t *conf = json_object();
	int r = 0;

	for (size_t i = 0; i < OF_LEN; i++) {
		v[i] = expanded(m, jails, name, keys[i]);
		r = v[i] == NULL ? -ENOMEM : r;
	}
	if (r == 0) {
		struct jail_says says = { .logs = v[OF_LOGS],
			.encoding = v[OF_ENCODING],
			.journal = v[OF_MATCH],
			.jails = jails,
			.name = name,
			.is_journal = strncmp(v[OF_BACKEND], "systemd", 7) == 0 };

		if (says.is_journal)
			says.logs = "";
		m->names = strcmp(v[OF_DNS], "no") != 0;
		take_never(m, v[OF_IGNORE]);
		r = put_filter(m, *v[OF_FILTER] != '\0' ? v[OF_FILTER] : name, &says, conf);
		fprintf(stderr,
		    "jail      %-20s how many are too many is learnt here (maxretry \"%s\", findtime \"%s\", bantime \"%s\")\n",
		    name, v[OF_RETRY], v[OF_FIND], v[OF_BAN]);
	}
	for (size_t i = 0; i < OF_LEN; i++)
		free(v[i]);
	json_decref(conf);
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
    int (*call)(struct import *m, const char *name, const char *ending, void *ctx),
    struct import *m, void *ctx)
{
	struct dirent **all;
	int n = scandir(path, &all, NULL, by_name), r = 0;
	size_t end = strlen(ending);

	for (int i = 0; i < n; i++) {
		size_t len = strlen(all[i]->d_name);

		if (r == 0 && len > end && len - end < NAME_LEN &&
		    strcmp(all[i]->d_name + len - end, ending) == 0) {
			all[i]->d_name[len - end] = '\0';
			r = call(m, all[i]->d_name, ending, ctx);
		}
		free(all[i]);
	}
	if (n >= 0)
		free(all);
	return n < 0 ? -errno : r;
}

static int
read_jail_file(struct import *m, const char *name, const char *ending, void *ctx)
{
	char dir[600], file[NAME_LEN + 16];

	snprintf(dir, sizeof(dir), "%s/jail.d", m->dir);
	snprintf(file, sizeof(file), "%s%s", name, ending);
	return fail2ban_read_file(dir, file, ctx);
}

static bool
is_enabled(struct import *m, const json_t *jails, const char *name)
{
	char *text = expanded(m, jails, name, "enabled");
	bool is = text != NULL && is_true(text);

	free(text);
	return is;
}

/* jail.conf, jail.d's, then jail.local and jail.d's: what comes later is what counts. */
static int
put_jails(struct import *m)
{
	json_t *jails = json_object(), *values;
	char dir[600];
	const char *name;
	int r = fail2ban_read_file(m->dir, "jail.conf", jails);

	snprintf(dir, sizeof(dir), "%s/jail.d", m->dir);
	/* The others may not be there. */
	if (r == 0) {
		(void)each_file(dir, ".conf", read_jail_file, m, jails);
		r = fail2ban_read_file(m->dir, "jail.local", jails);
		r = r == -ENOENT ? 0 : r;
		(void)each_file(dir, ".local", read_jail_file, m, jails);
	}
	json_object_foreach(jails, name, values)
	{
		if (r == 0 && strcmp(name, "DEFAULT") != 0 && strcmp(name, "INCLUDES") != 0 &&
		    strcmp(name, "known") != 0 && is_enabled(m, jails, name))
			r = put_jail(m, jails, name);
	}
	json_decref(jails);
	return r;
}

static int
put_alone(struct import *m, const char *spec)
{
	static const struct jail_says nothing = { .logs = "", .encoding = "", .journal = "" };
	json_t *conf = json_object();
	int r = put_filter(m, spec, &nothing, conf);

	json_decref(conf);
	return r;
}

static int
put_any(struct import *m, const char *name, const char *ending, void *ctx)
{
	(void)ctx;
	(void)ending;
	return strstr(name, "common") != NULL ? 0 : put_alone(m, name);
}

/* ---- the verb */

/* Says of each line of stdin which filter takes it for a failure, and of whom. */
static int
try_lines(const struct import *m)
{
	struct filters *f = NULL;
	struct filter_hit hit;
	char *line = NULL, why[240];
	size_t room = 0;
	ssize_t n;

	if (filters_parse((const char *)m->out.data, m->out.len, &f, why, sizeof(why)) < 0) {
		fprintf(stderr, "daemonsec-ctl: %s\n", why);
		return EXIT_CONFLICT;
	}
	while ((n = getline(&line, &room, stdin)) >= 0) {
		size_t len = (size_t)n - (n > 0 && line[n - 1] == '\n');

		if (filters_match(f, NULL, line, len, &hit))
			printf("%s\t%s\t%s\n", hit.filter, hit.host, hit.user);
		else
			puts("-");
	}
	if (filters_runaways(f) > 0)
		fprintf(stderr, "%llu times an expression ran away and was stopped\n",
		    (unsigned long long)filters_runaways(f));
	free(line);
	filters_free(f);
	return m->left > 0 ? EXIT_PARTLY : EXIT_OK;
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
	fprintf(stderr, "For daemonsec.conf:\n[sensors]\nfilters = %s\n",
	    to != NULL ? to : DS_SYSCONFDIR "/filters");
	if (m->never[0] != '\0')
		fprintf(stderr, "[reaction]\nnever_block = %s\n", m->never);
	return m->left > 0 ? EXIT_PARTLY : EXIT_OK;
}

int
verb_import(struct ctl *c)
{
	const char *dir = ctl_option(c, "dir"), *to = ctl_option(c, "out"),
		   *one = ctl_option(c, "filter"), *more = ctl_option(c, "additions");
	bool all = ctl_flag(c, "all"), try = ctl_flag(c, "try");
	struct import m = { .dir = dir != NULL ? dir : "/etc/fail2ban",
		.more = more != NULL ? more : DS_DATADIR "/filter.d",
		.names = true };
	char filters[600];
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc != 2 || strcmp(c->argv[1], "fail2ban") != 0)
		return ctl_usage(c);
	ds_buf_init(&m.out, FILTER_FILE_MAX);
	ds_buf_init(&m.value, 2 * FAIL2BAN_TEXT_MAX);
	ds_buf_init(&m.regex, 2 * FAIL2BAN_TEXT_MAX);
	snprintf(filters, sizeof(filters), "%s/filter.d", m.dir);
	r = one != NULL ? put_alone(&m, one)
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
