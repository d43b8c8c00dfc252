/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_match - one comparison of a rule: a field of the event with some values. */
#ifndef SERVER_DETECT_RULE_MATCH_H
#define SERVER_DETECT_RULE_MATCH_H

#include "server/detect/rule.h"

#include <jansson.h>
#include <stdbool.h>

#define RULE_DEPTH_MAX 64u

enum rule_field {
	RULE_IMAGE,
	RULE_COMMAND_LINE,
	RULE_PARENT_IMAGE,
	RULE_USER,
	RULE_TARGET_FILE,
	RULE_SOURCE_IP,
	RULE_DESTINATION_IP,
	RULE_DESTINATION_PORT,
	RULE_DAEMON,
	RULE_ANY_TEXT, /* keywords: any of the above */
	RULE_FIELDS
};

enum rule_compare { RULE_EQUALS, RULE_STARTS, RULE_ENDS, RULE_CONTAINS, RULE_REGEX, RULE_CIDR };

struct rule_value {
	char *text; /* in small letters */
	size_t len;
	void *regex;         /* pcre2_code, or NULL */
	uint8_t network[16]; /* of a CIDR */
	uint8_t network_size, bits;
};

struct rule_match {
	enum rule_field field;
	enum rule_compare compare;
	bool all; /* every value must fit, not any */
	struct rule_value *values;
	size_t len;
};

enum rule_op { RULE_MATCH, RULE_AND, RULE_OR, RULE_NOT };

struct rule_step {
	enum rule_op op;
	unsigned count; /* of answers taken */
	struct rule_match match;
};

/* The texts of an event in small letters, made when asked for. */
struct rule_texts {
	const struct ds_event *event;
	unsigned made; /* bits */
	size_t len[RULE_FIELDS];
	char text[RULE_FIELDS][RULE_TEXT_MAX];
};

DS_MUST_CHECK int rule_match_read(
    const json_t *doc, struct rule_match *ret, char *ret_why, size_t size);
void rule_match_done(struct rule_match *m);
void rule_texts_begin(struct rule_texts *t, const struct ds_event *ev);
bool rule_match_fits(const struct rule_match *m, struct rule_texts *t);

#endif
