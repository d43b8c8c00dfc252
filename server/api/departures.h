/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * departures - what a candidate's daemons did that the fleet's daemons of the class never do.
 *
 * Behaviours are compared as profiles have them (server/detect/key.h).  Pure over rows of the
 * store: first all rows of the candidates, then those of each peer, host by host.
 */
#ifndef SERVER_API_DEPARTURES_H
#define SERVER_API_DEPARTURES_H

#include "lib/compiler.h"
#include "server/detect/key.h"
#include "server/store/store.h"

#define DEPARTURES_MAX       4096u  /* behaviours of the candidates that are compared */
#define DEPARTURES_KNOWN_MAX 65536u /* of the peers, for the sentence about what is normal */
#define DEPARTURES_NAMED     5u     /* that are named in it */

struct departure {
	uint8_t kind;
	struct key key;
	uint32_t host, hosts; /* of the candidates: where it was seen first, and how many */
	uint64_t count, first_us, last_us;
	uint32_t learnt, seen; /* peers where it is normal, and where it was seen at all */
	uint32_t last_host;    /* that was counted */
};

struct departures {
	struct departure *all; /* also those that are none: learnt > 0 */
	size_t len, cap;
	bool is_full; /* there were more */
	uint64_t old; /* rows of candidates that are no news */
	struct ds_map *index, *known;
	struct normal {
		unsigned len;
		char named[DEPARTURES_NAMED][120];
	} normal[DS_EVENT_MAX]; /* by kind */
};

/* How a behaviour is told. */
struct departure_said {
	const char *kind;     /* of an alert */
	const char *feature;  /* "child program" */
	const char *severity; /* static */
	char what[KEY_MAX + 40];
	char title[KEY_MAX + 200];
};

DS_MUST_CHECK int departures_init(struct departures *d);
void departures_done(struct departures *d);
/* One of a candidate.  What the service manager or the daemon itself starts is no behaviour. */
DS_MUST_CHECK int departures_add(struct departures *d, const struct profile_row *row);
/* One that a candidate did again, but that it did before: it is counted, and never departs. */
void departures_pass(struct departures *d, const struct profile_row *row);
/* How many behaviours are normal for the peers; 0: there is nothing to compare with. */
uint64_t departures_normal(const struct departures *d);
/* One of a peer; the rows of a host stand together. */
DS_MUST_CHECK int departures_compare(struct departures *d, const struct profile_row *row);
/* Whether no peer has it as normal. */
bool departure_is_one(const struct departure *d);
void departure_say(const struct departure *d, const char *class, struct departure_said *ret);

#endif
