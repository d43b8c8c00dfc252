/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaction - what an order can do on this host: one row, one file in reactions/ each.
 *
 * Order of a life: check, prepare, [ledger on disk], apply, read_back; later undo, read_back.  The
 * guard's only thread calls everything; nothing here may block for long but settle and unsettle,
 * which have a process of their own.  All functions return 0 or -errno and put a sentence into
 * call->why on failure.  A reaction whose effect has no inverse (kill) has no undo, and says so in
 * help.
 */
#ifndef AGENT_GUARD_REACTION_H
#define AGENT_GUARD_REACTION_H

#include "agent/config.h"
#include "lib/json.h"
#include "lib/order.h"

#define REACTION_INVERSE_MAX (16u << 10) /* bytes */

/* One order being carried out or undone. */
struct reaction_call {
	const struct ds_order *order; /* also for undo: the one that was applied */
	const struct agent_config *config;
	/* What undo needs, in the reaction's own format: prepare appends, the ledger keeps it,
	 * apply, read_back, undo and restore read it from the front. */
	struct ds_buf inverse;
	struct ds_json *evidence; /* prepare adds keys to the open object; NULL in undo */
	unsigned round;           /* of settle */
	bool is_refused;          /* by apply: it must not be, and nothing was done */
	bool is_undone;           /* read_back comes after undo */
	int kept;                 /* by settled, for a later round or read_back */
	int exe_fd; /* prepare may leave a big program's file here: hashed after the effect */
	uint64_t until_us; /* wall clock: end of the effect's life; 0: none */
	char why[512];     /* a sentence, for result and log */
};

struct reaction {
	const char *name;    /* the order's kind */
	const char *ceiling; /* the word that allows it; NULL: its name */
	const char *help;
	uint64_t lifetime_ms; /* when the order says none; 0: the effect is over at once */
	/* The breaker: automation may do so many a minute for one daemon, four times as many on the
	 * host; 0: 30. */
	unsigned per_minute;
	/* Arguments are there and allowed, the target still is: -EINVAL arguments, -EPERM never on
	 * this host, -ENOENT or -ESRCH the target is gone (told as "nothing"), else a failure. */
	int (*check)(struct reaction_call *call);
	/* Inverse and evidence; no effect yet. */
	int (*prepare)(struct reaction_call *call);
	/* After the ledger's entry is on disk.  Must be safe to call twice.  -ETIMEDOUT: it may be
	 * done later, and is undone at the end of its life. */
	int (*apply)(struct reaction_call *call);
	/* What of it takes long (a daemon's own check, its restart, a plugin): in a child of the
	 * guard, which goes on meanwhile.  What it changes in memory is lost, but for why.  NULL:
	 * nothing does. */
	int (*settle)(struct reaction_call *call);
	/* After settle, in the guard, with what it returned: 0, or -errno when all is undone;
	 * -EAGAIN: settle once more, with call->round 1 higher.  NULL: as it returned. */
	int (*settled)(struct reaction_call *call, int result);
	/* 1: the effect is there, 0: it is not, -errno. */
	int (*read_back)(struct reaction_call *call);
	/* Takes the effect away; 0 also when it is gone already.  NULL: cannot be undone. */
	int (*undo)(struct reaction_call *call);
	/* What of that takes long, after it: as settle; and as settled, before read_back.  Safe to
	 * call twice, as undo is: a guard that ends meanwhile begins again. */
	int (*unsettle)(struct reaction_call *call);
	int (*unsettled)(struct reaction_call *call, int result);
	/* After the guard's start: whether by now it is known what settle and unsettle need.  That
	 * is waited for, not for ever.  NULL: it is. */
	bool (*is_ready)(const struct reaction_call *call);
	/* After the guard's start, for an effect that should be there: puts it back if it is gone
	 * (a reboot).  May be NULL: such an effect ends with a reboot.  1: whom it is about does
	 * not run yet, and it comes with them; -ENOENT, -ESRCH: it cannot be. */
	int (*restore)(struct reaction_call *call);
	/* About once a second while effects of it are active: looks whether they still are.  0; 1:
	 * something happened, why says what; 2: so, and what would be refused now is to be undone;
	 * -ECANCELED: undo them all, why says why.  May be NULL. */
	int (*keep)(struct reaction_call *call);
};

extern const struct reaction *const reactions[]; /* ends with NULL */
const struct reaction *reaction_find(const char *name);

/* undo and all that belongs to it, waiting for it: for a guard without a loop.  0 or -errno. */
DS_MUST_CHECK int reaction_undo(const struct reaction *r, struct reaction_call *call);

/* A sentence into call->why; returns error. */
DS_PRINTF(3, 4) int reaction_fail(struct reaction_call *call, int error, const char *format, ...);

#endif
