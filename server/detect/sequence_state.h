/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sequence_state - what sequence.c and mixture.c share; for them only. */
#ifndef SERVER_DETECT_SEQUENCE_STATE_H
#define SERVER_DETECT_SEQUENCE_STATE_H

#include "server/detect/sequence.h"
#include "server/model/burst.h"
#include "server/model/chain.h"
#include "server/model/llr.h"
#include "server/model/share.h"

/* Daemons of one class over the worker's hosts. */
struct class_models {
	uint64_t scope; /* of its chains */
	struct tally others;
	struct share share; /* of processes with a sequence never seen before */
	uint32_t daemons;
};

struct followed {
	uint64_t key;  /* host, process, blind time; 0: none */
	uint64_t root; /* of its lineage: the first process below the daemon's own; 0: that one */
	struct chain chain;
	uint64_t slot; /* five minutes in which it was counted last ... */
	bool marked;   /* ... as one that did something new */
};

/* A sequence that was new in these five minutes. */
struct fresh {
	uint64_t sequence, slot;
};

struct sequence {
	struct ds_map *classes; /* name -> struct class_models */
	struct grams grams;
	struct followed *chains;
	struct burst burst;
	struct fresh fresh[SEQUENCE_FRESH];
	struct daemon_models *due;          /* learnt something since they were stored */
	struct daemon_models *first, *last; /* with open blocks, oldest first */
};

/* A score that is handed in when it has grown, at most a few times in five minutes. */
struct peak {
	double top, sent;
	uint64_t root; /* the lineage it was of */
};

struct held_block {
	uint64_t time_us;
	uint32_t len;
	struct llr_item items[];
};

struct daemon_models {
	struct sequence *all;
	struct daemon_profile *daemon;
	struct daemon_models *prev, *next; /* of those with open blocks */
	struct class_models *class;
	struct daemon_models *due, *due_prev; /* of those that are to be stored */
	bool is_open, is_due;
	uint64_t saved_us;       /* the server's clock */
	uint64_t opened_us;      /* the server's clock */
	uint64_t slot;           /* five minutes of the host's clock */
	uint64_t blind_us;       /* the host's, at the block's start */
	uint64_t slot_blind_us;  /* at the start of the five minutes */
	struct behaviour *block; /* seen in it */
	float weight;
	uint32_t units,
	    marked; /* processes of the five minutes, and those that did something new */
	struct peak surprise, mismatches, burst;
	struct llr llr;
	struct held_block *held[SEQUENCE_HELD_MAX]; /* oldest first */
	uint32_t held_len;
};

/* What is common to a daemon's evidence. */
struct evidence sequence_evidence(struct turn *t, const struct daemon_models *m,
    const struct evidence_model *model, double score);
/* Hands it to the fusion; the daemon remembers that something was told. */
DS_MUST_CHECK int sequence_hand_in(
    struct turn *t, struct daemon_models *m, const struct evidence *e, double *ret_p);
/* A step of a process that is followed. */
DS_MUST_CHECK int sequence_share_step(struct turn *t, struct daemon_models *m, struct followed *f,
    const struct chain_step *step, bool learnt);
/* Scores the five minutes and begins others. */
DS_MUST_CHECK int sequence_share_end(struct turn *t, struct daemon_models *m);
/* Scores the block and begins another. */
DS_MUST_CHECK int mixture_end(struct turn *t, struct daemon_models *m);
/* To be stored when it is time; or not any more. */
void sequence_mark(struct daemon_models *m);
void sequence_unmark(struct daemon_models *m);
/* Made when new; NULL: no room for its class, or no memory. */
struct daemon_models *sequence_models(struct sequence *s, struct daemon_profile *d);
struct class_models *sequence_class(struct sequence *s, const char *name);
/* A behaviour joins the block. */
void mixture_see(struct daemon_models *m, struct behaviour *b, uint64_t count);

#endif
