/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream - what the daemons of one simulated host do, event after event.
 *
 * Seeded and repeatable: the same seed, host number and start give the same events.  Five
 * daemons (web, database, mail, ssh, cron) with their children, a resource sample of each every 10
 * s, more by day than by night.  As from a real guard, what is seen for the first time carries
 * DS_FLAG_FIRST and repeats come folded.
 */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "lib/event.h"

enum sim_daemon { SIM_WEB, SIM_DATABASE, SIM_MAIL, SIM_SSH, SIM_CRON, SIM_DAEMONS };

#define SIM_ACTIVITIES 32 /* rows of the table in stream.c at most */

struct sim_stream {
	uint64_t random;     /* state of the generator */
	unsigned weights;    /* sum of all activities' */
	uint32_t host;       /* number of the host, from 0 */
	double events_per_s; /* by day; a third of it by night */
	uint64_t now_us;     /* of the event given last */
	uint64_t next_sample_us;
	unsigned next_sample;          /* daemon whose resource sample is next */
	unsigned greeted;              /* first events already given */
	uint64_t seen[SIM_ACTIVITIES]; /* by activity: which variants were seen */
	uint32_t pid[SIM_DAEMONS];     /* main process */
	uint64_t start_us[SIM_DAEMONS];
	uint32_t next_pid; /* of a process to be started */
	uint64_t serial;   /* for names that are used once */
	char text[4][256]; /* strings of the event given last */
	uint8_t address[2][16];
};

/* events_per_s: average by day. */
void sim_stream_init(
    struct sim_stream *s, uint64_t seed, uint32_t host, uint64_t start_us, double events_per_s);
/* The next event, never before the last one; its strings are valid until the next call. */
void sim_stream_next(struct sim_stream *s, struct ds_event *ret);
uint64_t sim_random(uint64_t *state);
/* A number below n. */
uint32_t sim_below(uint64_t *state, uint32_t n);

#endif
