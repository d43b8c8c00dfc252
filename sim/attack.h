/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attack - what an intruder does on a simulated host: scripts of a few events each, for the demo
 * and for tests of detectors.
 */
#ifndef SIM_ATTACK_H
#define SIM_ATTACK_H

#include "lib/event.h"

struct attack_step {
	uint32_t after_ms; /* the step before */
	uint32_t repeat;   /* so many more times, each after_ms later */
	uint8_t kind;
	const char *daemon;
	uint64_t pid, ppid, uid;
	const char *exe, *parent;
	const char *args; /* arguments separated by '\n' */
	const char *path;
	const char *user; /* of logins */
	uint8_t outcome;
	uint8_t address[4]; /* the other side; 0.0.0.0: none */
	uint16_t port;      /* the accepting side's */
};

struct attack {
	const char *name;
	const char *help;
	const struct attack_step *steps;
	unsigned len;
	bool is_wave; /* the demo does it to several hosts at once */
};

extern const struct attack attack_table[];
extern const unsigned attack_table_len;

/* Where an attack on a host is. */
struct attack_run {
	const struct attack *attack; /* NULL: none */
	unsigned step, repeated;
	uint64_t next_us;
	char args[256];
	uint8_t hash[32];
};

void attack_begin(struct attack_run *run, const struct attack *attack, uint64_t now_us);
/* The next event if it is due by `until_us`; its strings are valid until the next call. */
bool attack_next(struct attack_run *run, uint64_t until_us, struct ds_event *ret);
const struct attack *attack_find(const char *name);

#endif
