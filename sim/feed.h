/* SPDX-License-Identifier: GPL-2.0-or-later */
/* feed - what the agents of a fleet send; one row for each kind of load. */
#ifndef SIM_FEED_H
#define SIM_FEED_H

#include "sim/fleet.h"

struct feed {
	const char *name;
	/* The fleet's own part; NULL members are not called.  0 or -errno after a message. */
	int (*open)(struct fleet *f);
	void (*close)(struct fleet *f);
	/* An agent is online for the first time. */
	int (*begin)(struct agent *a);
	void (*end)(struct agent *a);
	/* Once a second while online: events that are due. */
	int (*visit)(struct agent *a);
	/* After WELCOME and after every ACK: fill the lanes. */
	int (*refill)(struct agent *a);
	/* Nothing is left to be sent, ever. */
	bool (*is_done)(const struct fleet *f);
};

extern const struct feed feed_idle; /* connected and silent */

/* Streams in real time. */
struct feed_live_config {
	double events_per_s; /* of all agents together, by day */
	uint64_t history_us; /* begin so long ago, and catch up at once */
	uint64_t flush_ms;   /* how often an agent sends */
	bool has_attacks;    /* attack.h */
	uint64_t attack_ms;  /* mean time between attacks in the fleet */
};
extern const struct feed feed_live;

/* Batches made before, as fast as the server takes them. */
struct feed_max_config {
	uint32_t batch;   /* events in each */
	uint32_t window;  /* batches in flight an agent */
	uint32_t streams; /* different hosts they are made of */
};
extern const struct feed feed_max;

/* Recorded segments, with clocks shifted. */
struct feed_replay_config {
	const char *from;  /* state directory of a server, or a file that holds packed batches */
	double speed;      /* 1: as it was; 0: at once, and then: */
	uint32_t repeat;   /* how many times altogether */
	uint64_t every_ms; /* from one to the next, by the events' clocks; 0: as long as it is */
	uint64_t ago_ms;   /* the newest event happened so long ago */
};
extern const struct feed feed_replay;

#endif
