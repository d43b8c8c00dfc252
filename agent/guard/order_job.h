/* SPDX-License-Identifier: GPL-2.0-or-later */
/* order_job - what the files of order share; nobody else includes it. */
#ifndef AGENT_GUARD_ORDER_JOB_H
#define AGENT_GUARD_ORDER_JOB_H

#include "agent/guard/ledger.h"
#include "agent/guard/reaction.h"

#define ORDER_ENDED_BEFORE "the agent ended before this was done"

/* One order on its way, or the end of its effect. */
struct order_job {
	struct ds_order order;
	const struct reaction *reaction;
	struct reaction_call call;
	struct ds_buf evidence;
	struct ds_json json;
	struct ledger_entry *entry; /* when there is one */
	uint64_t arrived_us;        /* boot clock */
	struct ds_result result;
	/* What of it takes long, in a child; what a reaction changes in memory is lost but for why.
	 */
	int (*work)(struct order_job *job);
	/* In the guard, with what that returned: true: once more; false: the job is gone. */
	bool (*worked)(struct order_job *job, int result);
	/* Of an effect that ends: */
	struct order_job *asked; /* the order that wants it and waits; owned; or NULL */
	char reason[512];        /* why it ends */
};

/* order_do.c */
DS_MUST_CHECK struct order_job *order_job_new(
    const struct agent_config *config, const struct ds_order *order); /* NULL: no memory */
void order_job_free(struct order_job *job);
/* Checks, and writes what is to be done into the ledger, which is not synced yet. */
void order_begin(struct order_job *job);
/* The disk does not take it: then nothing is done. */
void order_give_up(struct order_job *job, int error);
/* Does it, or has it done beside the loop; takes the job. */
void order_carry_out(struct order_job *job);
/* The effect that an undo was about has ended, or not (-errno); takes it. */
void order_undone(struct order_job *asked, int result);

/* order_check.c: 0, or -errno with the refusal in job->call.why. */
void order_check_init(const char *guard_dir);
DS_MUST_CHECK int order_check(struct order_job *job);
bool order_is_paused(void);
/* Pause and ceiling. */
DS_MUST_CHECK int order_check_allowed(struct reaction_call *call);
bool order_ceiling_allows(const struct agent_config *config, const char *kind);

/* order_kind.c: kinds that are not reactions: undo, answer, key; NULL: none of them. */
const struct reaction *order_kind_find(const char *name);
/* The sentence of an undo; returns r. */
int order_kind_say_undone(struct reaction_call *call, int r);

/* order_settle.c: what takes long, one after the other, in a child. */
/* Takes the job, whose `work` and `worked` are set; there must be room. */
void order_settle(struct order_job *job);
/* Whether there is no room for so many more. */
bool order_settle_is_full(size_t more);
/* Whether an order, or the end of its effect, is on its way there. */
bool order_settle_has(const uint8_t id[DS_ORDER_ID_SIZE]);
/* How many have come to their end. */
unsigned order_settle_turn(void);
/* Ends the child; what is not settled is found in the ledger by the next guard. */
void order_settle_end(void);

/* order_recover.c: after the start: what is quick at once, what takes long turn by turn. */
void life_recover(const struct agent_config *config);
void life_turn(const struct agent_config *config);
/* Whether an effect is still to be looked at. */
bool life_waits(const uint8_t id[DS_ORDER_ID_SIZE]);

/* order_life.c: what happens to effects later. */
#define LIFE_ROOM 65u /* jobs that orders may bring to order_settle at once, and one */
/* A job about an effect of the ledger; NULL: it cannot be read, or no memory. */
DS_MUST_CHECK struct order_job *life_job(
    const struct agent_config *config, const struct ledger_entry *e);
bool life_is_due(const struct ledger_entry *e, uint64_t now_us, uint64_t boot_us);
/* Ends what is over, looks whether the rest is there. */
void life_tick(const struct agent_config *config);
/* The configuration has changed: what would be refused now is undone. */
void life_reload(const struct agent_config *config);
/* The server spares others than before: whoever is among them is let in again. */
void life_spare(const struct agent_config *config);
/* Undoes whatever lasts; how many were, and are left. */
size_t life_release(const struct agent_config *config, size_t *ret_left);
/* Undoes one, tells.  asked: the order that wants it, or NULL.  0 or -errno; 1: that takes long,
 * and order_undone() takes `asked` when it is over.  -EAGAIN: not now, and nothing is told. */
DS_MUST_CHECK int life_undo(const struct agent_config *config, struct ledger_entry *e,
    struct order_job *asked, const char *why);
/* How long the effect of an order lasts: wall clock, 0: until undone, or nothing to undo. */
uint64_t life_until(const struct reaction *r, const struct ds_order *order);

/* order_tell.c: the result to the ledger's entry (may be NULL), the uplink, and as an event. */
void order_tell(struct ledger_entry *e, enum ledger_state state, struct ds_result *result,
    const struct ds_order *order);
/* An order that came again: the answer it got. */
void order_tell_again(const struct ledger_entry *e);
/* Something that has no order: a forged one. */
void order_tell_text(const char *kind, const char *text);

/* A call to a reaction about an effect of the ledger; the inverse borrows. */
void order_call_init(struct reaction_call *call, const struct agent_config *config,
    const struct ds_order *order, const struct ledger_entry *e);

#endif
