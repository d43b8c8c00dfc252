/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sequence - what the known behaviours of a daemon amount to: whose they look like, in which order
 * they come, how many there are.
 *
 * Models which judge what novelty lets pass, each by the daemon's class over the hosts of a
 * worker:
 *   llr        the mixture of behaviours in a block (100 events or 5 minutes) is more like that of
 *              other hosts' daemons than of this one (server/model/llr.h)
 *   markov-3,  the steps of a process and its children, their order (server/model/chain.h); repeats
 *   stide-5    that the agent only counted have none and are left out
 *   share      more processes of five minutes did something in an order never seen before than
 *              usually do (server/model/share.h)
 *   burst      a destination of a daemon is suddenly busier than it ever was (server/model/burst.h)
 *
 * They hand evidence to the fusion (evidence.h) and learn what that finds usual; what is unusual
 * waits a day and is learnt when nothing was told of the daemon since.  Blocks and chains that a
 * gap cuts through are neither learnt nor scored.  On the worker's thread; bounded.
 */
#ifndef SERVER_DETECT_SEQUENCE_H
#define SERVER_DETECT_SEQUENCE_H

#include "server/detect/turn.h"

#define SEQUENCE_GRAMS_MAX   (1u << 19) /* a worker */
#define SEQUENCE_CHAINS      16384u     /* processes followed at once, a power of two */
#define SEQUENCE_FRESH       4096u      /* sequences that are new in these five minutes */
#define SEQUENCE_CLASSES_MAX 4096u
#define SEQUENCE_BLOCK_MAX   100 /* events of a block */
#define SEQUENCE_HELD_MAX    8u  /* blocks of a daemon that wait to be learnt */
#define SEQUENCE_HELD_US     (24 * 3600 * 1000000ull)

struct sequence;
struct daemon_models;

struct sequence *sequence_new(void); /* NULL: no memory */
void sequence_free(struct sequence *s);
/* A behaviour that was seen; the hot path. -ENOMEM. */
DS_MUST_CHECK int sequence_see(struct turn *t, const struct sighting *s, uint64_t pid);
/* The lineage of a process that is followed; 0: not followed, or the daemon as a whole. */
uint64_t sequence_root(struct turn *t, uint64_t pid);
/* Ends blocks of daemons that have fallen silent. */
DS_MUST_CHECK int sequence_tick(struct detect *d, uint64_t now_us, struct verdict *v);
/* What the worker's daemons learnt together, as rows; and back, or of one daemon. */
DS_MUST_CHECK int sequence_save(struct sequence *s, struct verdict *v);
DS_MUST_CHECK int sequence_restore(
    struct detect *d, uint32_t host, const char *name, const void *data, size_t size);
/* Of daemons that learnt something since, a bounded number. */
DS_MUST_CHECK int sequence_save_due(struct sequence *s, uint64_t now_us, struct verdict *v);
/* A daemon begins with the mixture of another. -ENOMEM. */
DS_MUST_CHECK int sequence_adopt(
    struct detect *d, struct daemon_profile *daemon, const struct daemon_profile *from);
/* With the daemon. */
void sequence_forget(struct daemon_models *m);

#endif
