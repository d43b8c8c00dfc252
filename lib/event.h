/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event - one normalised fact about a daemon, and the tables that describe every kind.
 *
 * The lists come from schema/events.def.  A ds_event is a view: its strings borrow from whoever
 * filled it (a sample, an ipc message, a batch) and are valid only as long as that is.
 */
#ifndef LIB_EVENT_H
#define LIB_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Field numbers as on the wire: 1..63 numbers, 64..127 strings. */
enum ds_num_field {
#define DS_NUM_FIELD(id, symbol, ecs, help) DS_NUM_##symbol = (id),
#include "schema/events.def"
	DS_NUM_MAX = 64
};

enum ds_str_field {
#define DS_STR_FIELD(id, symbol, ecs, type, help) DS_STR_##symbol = (id),
#include "schema/events.def"
	DS_STR_FIRST = 64,
	DS_STR_END = 128
};

enum ds_event_kind {
#define DS_KIND(id, symbol, category, action, nums, strs, help) DS_EVENT_##symbol = (id),
#include "schema/events.def"
	DS_EVENT_MAX = 64
};

enum ds_str_type { DS_TYPE_TEXT, DS_TYPE_PATH, DS_TYPE_ARGV, DS_TYPE_ADDR, DS_TYPE_HASH };

/* Flags of an event, on the wire. */
#define DS_FLAG_FIRST \
	0x01u /* the agent saw this behaviour (daemon, kind, key) for the first time */
#define DS_FLAG_REPEAT                                                             \
	0x02u /* `count` more of something already sent in full; pids may be stale \
	       */
#define DS_FLAG_TRUNCATED 0x04u /* a string was longer than its bound and was cut */
#define DS_FLAG_PARTIAL   0x08u /* something could not be read (a path, an argument list) */
#define DS_FLAG_INITIAL   0x10u /* found when the agent started, not seen happening */
#define DS_FLAG_SOON      0x40u /* again something that is new here: leaves at once, too */
#define DS_FLAG_FALLBACK  0x20u /* from a fallback sensor: coarser, see agent_start's message */

/* Bounds that every producer keeps and every decoder checks, bytes. */
#define DS_PATH_MAX   4096u
#define DS_ARGS_MAX   4096u
#define DS_STRING_MAX 8192u
#define DS_DAEMON_MAX 255u

struct ds_str {
	const char *ptr; /* not terminated; NULL when len is 0 */
	uint32_t len;    /* bytes */
};

struct ds_event {
	uint64_t time_us; /* since the epoch, the agent's clock */
	uint64_t count;   /* how many times it happened, >= 1 */
	uint8_t kind;     /* enum ds_event_kind */
	uint8_t flags;    /* DS_FLAG_* */
	struct ds_str daemon;
	uint64_t num[DS_NUM_MAX];                     /* by enum ds_num_field; 0 when absent */
	struct ds_str str[DS_STR_END - DS_STR_FIRST]; /* by enum ds_str_field - DS_STR_FIRST */
};

struct ds_kind_info {
	const char *symbol; /* "EXEC"; NULL: no such kind */
	const char *category;
	const char *action; /* the ECS event.action, also the kind's name for people */
	uint64_t nums;      /* bit i: has number field i */
	uint64_t strs;      /* bit i: has string field DS_STR_FIRST + i */
	const char *help;
};

struct ds_field_info {
	const char *symbol; /* NULL: no such field */
	const char *ecs;
	enum ds_str_type type; /* of string fields */
	const char *help;
};

extern const struct ds_kind_info ds_kind_table[DS_EVENT_MAX];
extern const struct ds_field_info ds_field_table[DS_STR_END]; /* numbers and strings, by id */

/* The string field `f` (enum ds_str_field) of an event. */
#define DS_EVENT_STR(ev, f) ((ev)->str[(f)-DS_STR_FIRST])

/* Sets a string field; the bytes are borrowed. */
void ds_event_set_str(struct ds_event *ev, enum ds_str_field field, const void *ptr, size_t len);

/* Whether the strings are the same bytes. */
bool ds_str_equal(struct ds_str a, struct ds_str b);

/* True for kinds that people wait for: first-seen behaviour, logins, integrity, agent and daemon
 * news; they take the urgent lane and are dropped last. */
bool ds_event_is_urgent(const struct ds_event *ev);
/* What an agent says of itself, in whatever name: no life of a daemon, so nothing to be learnt. */
bool ds_event_is_of_agent(uint8_t kind);

#endif
