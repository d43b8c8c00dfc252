/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter - failures that daemons log, found by regular expressions as fail2ban's users have them.
 *
 * A file of filters is text, made by `daemonsec-ctl import fail2ban`; each line is a word and the
 * rest:
 *	filter NAME	begins one
 *	log PATH	where the daemon writes; any number
 *	prefix REGEX	must match first; its group F_CONTENT is what the others look at
 *	fail REGEX	a failure; groups ip4, ip6, dns, user; one with nofail only sets the scene
 *	ignore REGEX	none, whatever else matches
 * Expressions are PCRE2's, bounded in steps, depth and memory: one that runs away matches
 * nothing and is counted: a line costs so much and no more, and nobody can end a filter.  Pure but
 *for filters_load().
 */
#ifndef AGENT_UPLINK_LOGS_FILTER_H
#define AGENT_UPLINK_LOGS_FILTER_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_FILE_MAX (1u << 20) /* bytes */
#define FILTERS_MAX     128u
#define FILTER_REGEXES  128u /* of one filter */
#define FILTER_LOGS     16u
#define FILTER_STEPS    200000u
#define FILTER_HEAP_KIB 1024u
#define FILTER_LINE_MAX 4096u /* bytes of a line that are looked at */

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
/* The logs of all filters, each once, until call returns other than 0. */
int filters_each_log(const struct filters *f, int (*call)(const char *path, void *ctx), void *ctx);
/* Whether a line of the log (NULL: of any) tells of a failure; the first filter that says so. */
bool filters_match(
    struct filters *f, const char *log, const char *line, size_t len, struct filter_hit *ret);
/* Expressions that ran away, since the start. */
uint64_t filters_runaways(const struct filters *f);

#endif
