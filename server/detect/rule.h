/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rule - conditions on single events that people wrote down: the floor below the models.
 *
 * A rule comes as JSON (compiled from Sigma by daemonsec-ctl, or ours in schema/rules):
 *
 *	{"id": .., "title": .., "level": "high", "techniques": ["T1059.004"],
 *	 "kinds": ["exec"], "program": [
 *		{"match": {"field": "Image", "op": "endswith", "values": ["/nc"], "all": false}},
 *		{"match": {"field": "CommandLine", "op": "contains", "values": [" -e "]}},
 *		{"and": 2}]}
 *
 * `program` is in postfix order: a match pushes whether it fits, and/or take so many, not one.
 * Texts are compared without case.  A set of rules is immutable once made; to ask it costs at most
 * RULE_STEPS_MAX steps a rule, and regular expressions have a limit of their own.
 */
#ifndef SERVER_DETECT_RULE_H
#define SERVER_DETECT_RULE_H

#include "lib/compiler.h"
#include "lib/event.h"

#define RULES_MAX       2048u
#define RULE_STEPS_MAX  128u
#define RULE_VALUES_MAX 256u /* of one match */
#define RULE_ID_MAX     80u
#define RULE_TEXT_MAX   4096u /* bytes of a field that are looked at */

enum rule_level { RULE_INFORMATIONAL, RULE_LOW, RULE_MEDIUM, RULE_HIGH, RULE_CRITICAL };

struct rule {
	char id[RULE_ID_MAX], title[160], technique[3][12];
	enum rule_level level;
	uint64_t kinds; /* of events, bits */
	struct rule_step *steps;
	size_t len;
};

struct rules; /* a set */

extern const char rules_builtin[]; /* JSON, an array; schema/rules/builtin.json */

struct rules *rules_new(void);
void rules_free(void *rules); /* for ds_snapshot_new() */
/* One rule, or an array of them.  0, or -errno and a sentence: then nothing was added.  One of the
 * same id is replaced. */
DS_MUST_CHECK int rules_add(struct rules *r, const char *json, char *ret_why, size_t why_size);
size_t rules_len(const struct rules *r);
const struct rule *rules_get(const struct rules *r, size_t index); /* NULL behind the last */
const char *rule_level_name(enum rule_level level);
uint64_t rules_kinds(const struct rules *r);
/* The next rule that fits the event, from *at on (0: the first), which is moved behind it; NULL.
 * The event's texts are prepared at 0, so ask for one event after the other. */
const struct rule *rules_match(const struct rules *r, const struct ds_event *ev, size_t *at);

#endif
