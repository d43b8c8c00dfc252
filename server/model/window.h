/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * window - what a daemon does in a minute, as one vector; and the minutes of all daemons of hosts.
 *
 * Pure. The ingest worker and the trainer make windows from batches by the same code: what is
 * learnt is what is scored. A window is closed when its host's bulk lane is two minutes on (the
 * urgent lane runs ahead, and may by far after a host was offline). Windows of a daemon come out in
 * order, also those in which it did nothing; after a longer hole they begin anew. A window in which
 * something was lost is blind. Fifteen windows make a long one.
 *
 * Bounded: WINDOWS_TRACKS_MAX daemons, about 2 KiB each; distinct values are counted in bitmaps.
 */
#ifndef SERVER_MODEL_WINDOW_H
#define SERVER_MODEL_WINDOW_H

#include "lib/batch.h"
#include "server/model/scale.h"

#include <stdbool.h>

#define WINDOW_US          (60 * 1000000ull)
#define WINDOW_LONG        15u /* windows */
#define WINDOWS_TRACKS_MAX 131072u

/* What is counted; windows_feature[] names them. */
enum window_count {
	WINDOW_EXEC,
	WINDOW_FORK,
	WINDOW_EXIT,
	WINDOW_EXIT_BAD, /* by a signal, or not 0 */
	WINDOW_CONNECT,
	WINDOW_ACCEPT,
	WINDOW_LISTEN,
	WINDOW_SEND,
	WINDOW_WRITE,
	WINDOW_CREATE,
	WINDOW_RENAME,
	WINDOW_UNLINK,
	WINDOW_MODE, /* chmod, chown */
	WINDOW_READ, /* credential files */
	WINDOW_PRIVILEGE,
	WINDOW_KERNEL, /* ptrace, modules, bpf, mounts, namespaces, memory */
	WINDOW_LOGIN,
	WINDOW_LOGIN_BAD,
	WINDOW_LOG_BAD,
	WINDOW_COUNTS
};

enum window_sketch_kind {
	WINDOW_PROGRAMS,
	WINDOW_PEERS,
	WINDOW_PATHS,
	WINDOW_SOURCES,
	WINDOW_SKETCHES
};

enum window_usage {
	WINDOW_CPU,
	WINDOW_IO_READ,
	WINDOW_IO_WRITE,
	WINDOW_RSS,
	WINDOW_THREADS,
	WINDOW_FDS,
	WINDOW_SOCKETS,
	WINDOW_PROCESSES,
	WINDOW_USAGES
};

/* Counts (log), distinct values (log) and their entropy for each sketch, usage (log). */
#define WINDOW_DIM (WINDOW_COUNTS + 2 * WINDOW_SKETCHES + WINDOW_USAGES)

/* Different values: linear counting; and in how many parts how much: entropy. */
struct window_sketch {
	uint64_t bits[4];
	uint32_t part[16];
};

struct window {
	uint64_t index; /* time / WINDOW_US */
	uint32_t events;
	uint32_t minutes; /* in it: 1, or up to WINDOW_LONG */
	uint32_t count[WINDOW_COUNTS];
	struct window_sketch sketch[WINDOW_SKETCHES];
	double usage[WINDOW_USAGES]; /* sums of cpu and I/O, the largest of the others */
	uint32_t samples;            /* of usage; 0: unknown */
	bool blind;                  /* something was lost */
	bool first;                  /* nothing is known of what came just before */
};

/* For people: "programs started", and how a value of it is written. */
struct window_feature {
	const char *name;
	bool is_log; /* log(1 + n) of the number that people know */
};
extern const struct window_feature window_features[WINDOW_DIM];

void window_vector(const struct window *w, double ret[WINDOW_DIM]);
/* Joins the next window to a longer one. */
void window_join(struct window *to, const struct window *w);

/* A closed window; the texts borrow. */
struct window_closed {
	uint32_t host;
	const char *daemon;
	const struct window *window;
	bool is_long;
};
typedef void (*window_call)(const struct window_closed *w, void *ctx);

struct windows;
/* Windows are closed `lag` behind: WINDOWS_LAG for what comes in order, more for what is stored. */
#define WINDOWS_LAG 2u
struct windows *windows_new(unsigned lag);
void windows_free(struct windows *ws);
/* Takes a decoded batch in; closed windows go to call. received_us: the server's clock, no event is
 * later. -ENOMEM. */
DS_MUST_CHECK int windows_feed(struct windows *ws, uint32_t host, bool bulk, struct ds_batch *b,
    uint64_t received_us, window_call call, void *ctx);
/* Events of a host within [from, to) are left out from now on: at most WINDOWS_HOLES_MAX; -ENOSPC.
 * Host 0: of all. */
#define WINDOWS_HOLES_MAX 256u
DS_MUST_CHECK int windows_leave_out(
    struct windows *ws, uint32_t host, uint64_t from_us, uint64_t to_us);
/* Closes what windows with the least lag would have closed by now: at the end of what is stored. */
void windows_flush(struct windows *ws, uint32_t host, window_call call, void *ctx);
/* A host's windows that are open are dropped. */
void windows_forget(struct windows *ws, uint32_t host);

struct windows_stats {
	uint64_t tracks, closed, late, refused;
};
void windows_stats(const struct windows *ws, struct windows_stats *ret);

#endif
