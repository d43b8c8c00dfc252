/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe - the kernel side: loads the eBPF programs, attaches them to their tracepoints, reads the
 * ring.
 *
 * One object for all sensors (they share maps); opened by the first of them, closed by the last.
 * A program that this kernel refuses is left out and remembered, and so is a tracepoint that does
 * not exist.
 */
#ifndef AGENT_GUARD_PROBE_H
#define AGENT_GUARD_PROBE_H

#include "agent/guard/sensors/sample.h"
#include "lib/compiler.h"
#include "lib/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A tracepoint and the program that goes to it. */
struct probe_point {
	const char *program;
	const char *point; /* of syscalls: "sys_exit_openat"; NULL: the program says where */
	uint64_t cookie;   /* CALL() */
	bool optional;     /* this architecture or this kernel may not have it */
	bool needed;       /* without it the topic does not run, and what stands in for it does */
};

/* A checked sample: its strings lie within it. */
struct probe_sample {
	const struct sample *s;
	struct ds_str str[SAMPLE_STRINGS];
};

/* A topic of the kernel side; const, one per sensor. */
struct probe_topic {
	const char *name;
	enum sample_sensor sensor;
	const struct probe_point *points; /* ends with a NULL program */
	/* Fills an event's fields from a sample of this topic; false: it is none. `ev` has what all
	 * have. */
	bool (*fill)(const struct probe_sample *sample, struct ds_event *ev);
};

/* What is done with every sample, set by attribute before the first open. */
void probe_set_handler(void (*handler)(const struct probe_sample *sample));
/* scope_all: not only this pid namespace. */
void probe_set_scope(bool all);

/* Attaches a topic; the fd to poll, or -errno. */
DS_MUST_CHECK int probe_open(const struct probe_topic *topic);
void probe_close(const struct probe_topic *topic);
/* Reads what is in the ring; how many samples, or -errno. */
DS_MUST_CHECK int probe_drain(void);
uint64_t probe_lost(const struct probe_topic *topic);
/* What could not be attached, "name, name", for the text about a sensor; "" for nothing. */
const char *probe_missing(const struct probe_topic *topic);
const struct probe_topic *probe_topic_of(uint8_t sensor);

/* Makes all tasks wait for a decision, and calls for each process of this host. */
DS_MUST_CHECK int probe_iterate(void (*call)(const struct seed *seed));
/* Decisions made before are void from now on. */
void probe_new_epoch(void);
/* The guard's decision about a key. */
void probe_decide(uint64_t key, uint32_t daemon, bool watched);
/* 1: there is one, 0: there is none (any more). */
int probe_decision(uint64_t key, uint32_t *ret_daemon, bool *ret_watched);

/* The map of repeats: total count of a key, or -errno. */
DS_MUST_CHECK int probe_repeat_get(uint64_t key, uint64_t *ret_count);
/* Begins to count; 0 or -errno. */
DS_MUST_CHECK int probe_repeat_add(uint64_t key);
/* Stops counting; *ret_count is the last total, 0 when there was none. */
void probe_repeat_remove(uint64_t key, uint64_t *ret_count);
/* Calls for each key that was counted. */
DS_MUST_CHECK int probe_repeat_each(void (*call)(uint64_t key, uint64_t count));
/* ---- holding, see hold.c */
/* Attaches or detaches the program that holds.  0; -EOPNOTSUPP: this kernel cannot. */
DS_MUST_CHECK int probe_hold(bool on);
/* Whether the new programs of a daemon are held. */
DS_MUST_CHECK int probe_hold_daemon(uint32_t daemon, bool on);
/* The key of a program in `known`. */
uint64_t probe_hold_key(uint32_t daemon, uint64_t device, uint64_t inode);
/* It is not held (any more); a full map makes it wait for the guard. */
void probe_hold_know(uint64_t key, bool known);
/* The process may go on, or is gone: before it is let go.  True: it had gone on already, and the
 * kernel has killed it for that. */
bool probe_hold_forget(uint32_t pid);
/* What is held and goes on without an answer is killed from now on; 0 or -errno. */
DS_MUST_CHECK int probe_escape_open(void);
void probe_escape_close(void);
/* Something is held, or may be again soon; cheap when it is on already. */
void probe_escape_watch(bool on);
/* fd of the map of who is held; -1: none. */
int probe_hold_fd(void);

/* ---- holding connections, see hold_net.c */
/* Attaches or detaches; 0; -EOPNOTSUPP: no cgroup of version 2, or this kernel cannot. */
DS_MUST_CHECK int probe_net(bool on);
DS_MUST_CHECK int probe_net_daemon(uint32_t daemon, bool on);
/* The key of a destination in `net_verdicts`. */
uint64_t probe_net_key(uint32_t daemon, const uint8_t address[16], uint16_t port, uint8_t protocol);
/* for_ms 0: for ever. */
void probe_net_verdict(uint64_t key, bool allow, uint64_t for_ms);
/* We are here, and answer within so long: without this for five seconds everything passes. */
void probe_net_alive(uint64_t answer_ms);

/* A file whose reading is told. */
void probe_secret_add(const struct file_id *id);
/* A file name whose reading is told, wherever the file is. */
void probe_secret_name(const char *name);

/* A sensor of the kernel side; `topic` and its open function are in the same file. */
#define PROBE_SENSOR(id, open_it, tick_it, its_kinds, its_blind) \
	static uint64_t id##_lost(void)                          \
	{                                                        \
		return probe_lost(&topic);                       \
	}                                                        \
	static void id##_close(void)                             \
	{                                                        \
		probe_close(&topic);                             \
	}                                                        \
	static const char *id##_missing(void)                    \
	{                                                        \
		return probe_missing(&topic);                    \
	}                                                        \
	const struct sensor sensor_##id = { .name = #id,         \
		.kinds = (its_kinds),                            \
		.blind = (its_blind),                            \
		.open = (open_it),                               \
		.drain = probe_drain,                            \
		.tick = (tick_it),                               \
		.lost = id##_lost,                               \
		.close = id##_close,                             \
		.missing = id##_missing }

#endif
