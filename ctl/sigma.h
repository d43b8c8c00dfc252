/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sigma - a Sigma rule as the server takes it (server/detect/rule.h): YAML to JSON in postfix
 * order.
 *
 * What of Sigma the Linux rules use: selections that are maps, lists of maps or keywords; contains,
 * startswith, endswith, all, re, cidr; conditions with and, or, not, parentheses, 1 of and all of.
 * Anything else is refused with a sentence: a rule that cannot fit must not look as if it could.
 */
#ifndef CTL_SIGMA_H
#define CTL_SIGMA_H

#include <jansson.h>
#include <stddef.h>

/* The rule, or NULL and a sentence. */
json_t *sigma_compile(const char *text, size_t len, char *ret_why, size_t size);
/* For sigma.c: the condition over selections (name -> program) into one program; NULL. */
json_t *sigma_condition(const char *text, json_t *selections, char *ret_why, size_t size);

#endif
