/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensor - one way of watching one topic.  Instances are const, one per file, listed in sensor.c.
 *
 * First choices are the eBPF sensors; a sensor with `replaces` stands in when the one it names
 * cannot open, or when [general] sensors = fallback.  All calls come from the guard's only thread.
 */
#ifndef AGENT_GUARD_SENSOR_H
#define AGENT_GUARD_SENSOR_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sensor {
	const char *name;     /* "exec", "exec_netlink" */
	const char *replaces; /* the sensor it stands in for; NULL: a first choice */
	bool plain;           /* needs no BPF: a first choice also with sensors = fallback */
	uint64_t kinds;       /* bit k: can report events of kind k (enum ds_event_kind) */
	const char *blind; /* what it cannot see: "blind to ..." in `status`; NULL: nothing known */
	int (*open)(void); /* an fd to poll for reading, or -errno: it cannot run here */
	int (*drain)(void);            /* reads what is there, emits events; how many, or -errno */
	void (*tick)(uint64_t now_ms); /* about once a second: flush counted repeats; may be NULL */
	uint64_t (*lost)(void);        /* samples lost since open, in total */
	void (*close)(void);
	const char *(*missing)(
	    void); /* what of it could not be attached here; NULL or "": nothing */
};

extern const struct sensor *const sensor_table[]; /* NULL-terminated */

/* Opens all that can run here; with `fallback` only those that stand in.  The number of them. */
unsigned sensors_open(bool fallback);
void sensors_close(void);
/* Adds their descriptors to an epoll set, each once, with data.u32 = tag.  0 or -errno. */
DS_MUST_CHECK int sensors_watch(int epoll_fd, uint32_t tag);
/* Reads from all; how many samples. */
unsigned sensors_drain(void);
/* About once a second: ticks, and gaps for what was lost. */
void sensors_tick(uint64_t now_ms);
/* Which sensors run and what they cannot see, for people. */
void sensors_text(char *ret, size_t size);

#endif
