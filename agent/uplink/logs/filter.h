/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter - failures that daemons log, found by regular expressions as fail2ban's users have them.
 *
 * A file of filters is text, made by `daemonsec-ctl import fail2ban`; each line is a word and the
 * rest:
 *	filter NAME	begins one
 *	log PATH	where the daemon writes, a pattern of names too; any number
 *	journal MATCH	or in the journal; MATCH as of journalctl, or nothing; any number
 *	encoding NAME	of the log: utf-8, latin1 or utf-16
 *	date PATTERN	how its times look (filter_date.h); any number, or else the usual ones
 *	lines N		so many lines are looked at together
 *	prefix REGEX	must match first; its group content is what the others look at
 *	fail REGEX	a failure; groups ip4, ip6, dns, fid, user; with nofail it only sets the
 *			scene for lines of the same connection (mlfid)
 *	ignore REGEX	none, whatever else matches
 * Expressions are bounded (pattern.h): one that runs away matches nothing and is counted: a line
 * costs so much and no more, and nobody can end a filter.  Pure but for filters_load().
 */
#ifndef AGENT_UPLINK_LOGS_FILTER_H
#define AGENT_UPLINK_LOGS_FILTER_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_FILE_MAX        (2u << 20) /* bytes */
#define FILTERS_MAX            256u
#define FILTER_REGEXES         128u /* of one filter */
#define FILTER_LOGS            16u
#define FILTER_LINE_MAX        4096u /* bytes of a line that are looked at */
#define FILTER_LINES_MAX       50u   /* that are looked at together */
#define FILTER_LINES_SIZE      (32u << 10)
#define FILTER_CONNECTIONS_MAX 256u /* of one filter that are remembered */

struct filters;

struct filter_hit {
	const char *filter; /* its name */
	char host[256];     /* an address, or a name */
	char user[128];     /* "" when the line has none */
};

/* From text; on -EINVAL a sentence with the line's number.  -ENOSYS: built without PCRE2. */
DS_MUST_CHECK int filters_parse(
    const char *text, size_t size, struct filters **ret, char *ret_why, size_t why_size);
DS_MUST_CHECK int filters_load(
    const char *path, struct filters **ret, char *ret_why, size_t why_size);
void filters_free(struct filters *f);
size_t filters_len(const struct filters *f);
/* The logs of all filters, until call returns other than 0. */
int filters_each_log(const struct filters *f, int (*call)(const char *path, void *ctx), void *ctx);
/* The same for the journal's matches, "" for none. */
int filters_each_journal(
    const struct filters *f, int (*call)(const char *match, void *ctx), void *ctx);
/* An entry of the journal, by what is asked of its fields: "_COMM=nginx". */
struct filter_entry {
	bool (*has)(const char *match, size_t len, void *ctx);
	void *ctx;
	bool by_person; /* an ordinary account wrote it: only for filters that ask for its unit,
			   program or account, and not for what it calls itself */
};

/* Whether a line of the log (NULL: of any) tells of a failure; the first filter that says so.
 * Lines of one connection, and those that are looked at together, are remembered. */
bool filters_match(
    struct filters *f, const char *log, const char *line, size_t len, struct filter_hit *ret);
/* The same for a line made of an entry: of the filters whose matches it meets. */
bool filters_match_entry(struct filters *f, const struct filter_entry *entry, const char *line,
    size_t len, struct filter_hit *ret);
/* Expressions that ran away, since the start. */
uint64_t filters_runaways(const struct filters *f);

#endif
