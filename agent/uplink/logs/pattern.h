/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern - an expression of PCRE2 over text that strangers write: bounded in steps, depth and
 * memory.
 *
 * Whatever the expression and the text are, a match costs so much and no more; one that ran away is
 * no match and is counted.  Text is UTF-8.  Pure; not for sharing between threads.
 */
#ifndef AGENT_UPLINK_LOGS_PATTERN_H
#define AGENT_UPLINK_LOGS_PATTERN_H

#include "lib/compiler.h"
#include "lib/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_STEPS    200000u
#define PATTERN_DEPTH    50000u
#define PATTERN_HEAP_KIB 1024u
#define PATTERN_LEN_MAX  (64u << 10) /* bytes of an expression */
#define PATTERN_SKIPPED  4u

/* Groups with a meaning, by their names; "alt_user", "alt_user_1" count where "user" is empty. */
enum pattern_group {
	PATTERN_IP4,
	PATTERN_IP6,
	PATTERN_DNS,
	PATTERN_ID, /* fid: what failed, where it is no host */
	PATTERN_USER,
	PATTERN_CONNECTION, /* mlfid: lines with the same one belong together */
	PATTERN_NOFAIL,     /* only sets the scene */
	PATTERN_FORGET,     /* mlfforget: the connection ends */
	PATTERN_GAINED,     /* mlfgained: somebody came in */
	PATTERN_CONTENT,    /* what the expressions behind a prefix look at */
	PATTERN_GROUPS
};

struct pattern;

/* Limits and scratch memory for any number of patterns. */
struct pattern_engine;

struct pattern_match {
	size_t from, to; /* of the whole */
	struct ds_str first;
	struct ds_str group[PATTERN_GROUPS];    /* empty for none; borrow from the text */
	struct ds_str skipped[PATTERN_SKIPPED]; /* skiplines0, ...: lines between */
};

struct pattern_engine *pattern_engine_new(void);
void pattern_engine_free(struct pattern_engine *e);
/* Matches that ran away, since the start. */
uint64_t pattern_engine_runaways(const struct pattern_engine *e);

/* is_multiline: ^ and $ are at every line.  NULL and a sentence when it is no expression. */
struct pattern *pattern_new(
    const char *text, size_t len, bool is_multiline, char *ret_why, size_t why_size);
void pattern_free(struct pattern *p);
/* ret may be NULL.  The text must be valid UTF-8. */
bool pattern_match(struct pattern_engine *e, const struct pattern *p, const char *text, size_t len,
    struct pattern_match *ret);

#endif
