/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_date - where the time stands in a line of a log, so that it can be cut out.
 *
 * A pattern is an expression with strptime's fields in it, as fail2ban's users write it: "%d/%b/%Y
 * %H:%M", "^[^\[]*\[({DATE})", "{^LN-BEG}", "EPOCH", "{NONE}"; the first capturing group is what
 * is cut, or all of it.  Pure.
 */
#ifndef AGENT_UPLINK_LOGS_FILTER_DATE_H
#define AGENT_UPLINK_LOGS_FILTER_DATE_H

#include "agent/uplink/logs/pattern.h"
#include "lib/buf.h"

#define FILTER_DATE_LEN_MAX 512u /* bytes of a pattern */
#define FILTER_DATES_MAX    16u  /* patterns of one filter */

struct filter_dates;

/* Finds what the usual logs have until a pattern is added. */
struct filter_dates *filter_dates_new(void);
void filter_dates_free(struct filter_dates *d);
/* -EINVAL and a sentence, -ENOSPC. */
DS_MUST_CHECK int filter_dates_add(
    struct filter_dates *d, const char *pattern, size_t len, char *ret_why, size_t why_size);
/* For one log: may be shared by others that have no patterns of their own. */
bool filter_dates_are_usual(const struct filter_dates *d);
bool filter_dates_find(struct filter_dates *d, struct pattern_engine *e, const char *line,
    size_t len, size_t *ret_from, size_t *ret_to);
/* The expression of one pattern without {DATE}, for tests.  -EINVAL. */
DS_MUST_CHECK int filter_date_regex(const char *pattern, size_t len, struct ds_buf *out);

#endif
