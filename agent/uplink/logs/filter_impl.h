/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_impl - what filter.c (reading) and filter_match.c (matching) share. */
#ifndef AGENT_UPLINK_LOGS_FILTER_IMPL_H
#define AGENT_UPLINK_LOGS_FILTER_IMPL_H

#include "agent/uplink/logs/filter.h"
#include "agent/uplink/logs/filter_date.h"
#include "agent/uplink/logs/pattern.h"

enum filter_word { FILTER_PREFIX, FILTER_FAIL, FILTER_IGNORE };

enum filter_encoding { FILTER_UTF8, FILTER_LATIN1, FILTER_UTF16 };

struct filter_regex {
	enum filter_word word;
	struct pattern *pattern;
};

/* What lines have said of whom, by enum pattern_group. */
struct filter_facts {
	char text[PATTERN_USER + 1][256];
	uint32_t known; /* bits of what is in text, be it empty */
	bool nofail, gained, forget;
};

/* Lines with the same <F-MLFID>. */
struct filter_connection {
	uint64_t id;   /* hash of what is the same; 0: free */
	uint64_t used; /* by the filter's count of lines: the oldest makes room */
	struct filter_facts facts;
	uint64_t
	    users[4]; /* hashes: somebody who tries several names gains nothing by one of them */
	unsigned users_len;
	bool is_pending; /* failed, and nobody knows yet who */
};

struct filter {
	char name[64];
	char *logs[FILTER_LOGS];
	size_t logs_len;
	char *journals[FILTER_LOGS];
	size_t journals_len;
	struct filter_regex *regexes;
	size_t len;
	struct filter_dates *dates; /* NULL: the usual ones */
	enum filter_encoding encoding;
	unsigned lines_max; /* 1: each line stands alone */
	struct ds_buf lines;
	struct filter_connection *connections; /* NULL until there is one */
	uint64_t used;
};

struct filters {
	struct filter *all[FILTERS_MAX];
	size_t len;
	struct filter_dates *dates; /* the usual ones */
	struct pattern_engine *engine;
};

#endif
