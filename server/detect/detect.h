/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * detect - scores batches on a worker's thread and keeps what is normal for the daemons of its
 * hosts.
 *
 * One `struct detect` for each worker; a host is pinned to one worker, so nothing here locks.  What
 * other workers' hosts are known to do comes in as an immutable snapshot made by the fleet thread.
 * Pure: no I/O; what must be kept comes out as rows in `struct verdict`, which the writer stores in
 * the transaction of the batch that caused it. Detectors are rows of detector_table (detect.c): a
 * new one is one file and two lines.
 */
#ifndef SERVER_DETECT_DETECT_H
#define SERVER_DETECT_DETECT_H

#include "lib/batch.h"
#include "lib/mailbox.h"
#include "lib/snapshot.h"

struct detect;
struct profile_row;
struct daemon_row;
struct model_state_row;
struct profile_version_row;
struct starters;

struct detect_config {
	uint64_t learn_min_us; /* a daemon learns at least so long */
	unsigned days_min;     /* and has gone through so many: a daily, a weekly cycle; 0: none */
	double unseen_max;   /* ready when the estimated unseen mass (Good-Turing) is below this */
	uint32_t keys_max;   /* keys kept a daemon; more are counted, not kept */
	double alert_budget; /* false alarms accepted a host and week; 0: one */
	struct ds_snapshot *models;      /* struct model_set (server/model/set.h); may be NULL */
	struct ds_snapshot *fleet;       /* struct fleet_knowledge (knowledge.h); may be NULL */
	struct ds_snapshot *allowed;     /* struct allowances (allowance.h); may be NULL */
	struct ds_snapshot *rules;       /* struct rules (rule.h); may be NULL */
	const struct starters *starters; /* starter.h; borrowed, never changes; may be NULL */
	struct ds_snapshot *feedback;    /* struct feedback (feedback.h); may be NULL */
	struct ds_snapshot *logins;      /* struct login_facts (login_told.h); may be NULL */
	struct ds_snapshot *attacks;     /* struct attacks (attacks.h); may be NULL */
	struct ds_mailbox *fleet_mail;   /* takes struct knowledge_news, malloc; may be NULL */
	char plugin_dir[256];            /* of this server, whose plugins are its own; "": none */
	const char *left_out; /* a model that says nothing, to measure what it is worth; or NULL */
};

/* A detector's verdict on events. */
struct finding {
	char id[48];     /* fnd_ + hash of (host, epoch, lane, seq, event index, detector) */
	char group[200]; /* findings of the same group become one alert that grows */
	char daemon[256];
	const char *kind;     /* alert kind, static: "new_child", "blind", ... */
	const char *severity; /* static: low, medium, high, critical */
	char title[200];
	char reason[600];
	uint64_t time_us;
	uint64_t count;
	double score;  /* 0..100 */
	bool notice;   /* explained: kept for those who look, asks nobody to act */
	uint32_t host; /* 0: of the batch */
	bool closes;   /* ends the group's alert instead of growing it; reason is the note */
	bool joins;    /* only grows an alert that is open */
	char *json;    /* explanation, peers, process, threat, events; owned, malloc */
	/* Filled when it is stored: the alert it went into; "": none, it was there already. */
	char alert_id[40];
	bool is_new_alert; /* it began that alert */
};

/* What a batch changed.  Owned by the caller, freed with verdict_done(). */
struct verdict {
	struct finding *findings;
	size_t findings_len;
	struct profile_row
	    *profiles; /* keys that are new or whose counts are due; texts owned by the verdict */
	size_t profiles_len;
	struct daemon_row *daemons; /* daemons declared, changed, or whose readiness changed */
	size_t daemons_len;
	struct model_state_row *states; /* what models learnt, that is due */
	size_t states_len;
	struct profile_version_row *versions; /* of profiles, new or whose counts changed */
	size_t versions_len;
	void *memory; /* what the rows' texts and the arrays are in */
};

void verdict_done(struct verdict *v);
/* Room for one more finding, to be filled in; NULL when there is no memory. */
struct finding *verdict_put_finding(struct verdict *v);

/* Where a batch comes from. */
struct batch_origin {
	uint32_t host;
	const char *host_name;
	uint8_t lane;
	uint64_t epoch, seq;
	uint64_t received_us;
	uint64_t enrolled_us; /* of the host; 0: not known */
	uint32_t shard;       /* the worker's number */
	bool is_ephemeral;    /* the host comes and goes, which is no news */
};

#define DETECT_FAMILIES 5 /* of evidence; evidence.h */

/* How the alert budget is kept. */
struct detect_state {
	double budget_per_host_week;
	double threshold;               /* the p-value below which something is told */
	double host_weeks;              /* watched so far */
	uint64_t tests;                 /* five minutes of a daemon that were judged */
	uint64_t alarms;                /* told within the budget, an hour of a daemon once */
	uint64_t decisive;              /* told whatever the budget */
	uint64_t calibrated;            /* tests in the second calibration */
	uint64_t buckets, refused;      /* open now; ended early for lack of room */
	uint64_t right, wrong;          /* of the alarms, as people said */
	double factor;                  /* of the threshold, by what they said */
	uint64_t labels;                /* the weights were learnt from; 0: they are all 1 */
	double weight[DETECT_FAMILIES]; /* of the families of evidence */
};
/* Adds what another worker's detection says. */
void detect_state_add(struct detect_state *s, const struct detect_state *other);
/* The bounds, at 95 % each, on the false alarms a host and week: not fewer than people called
 * wrong, not more than they did not call right. */
double detect_state_upper(const struct detect_state *s);
double detect_state_lower(const struct detect_state *s);
const char *detect_family_name(int family);

struct detect *detect_new(const struct detect_config *cfg);
void detect_free(struct detect *d);
/* A changed configuration (SIGHUP). */
void detect_configure(struct detect *d, const struct detect_config *cfg);
/* At start, and when a host comes to this worker: what was learnt before. */
DS_MUST_CHECK int detect_restore_profile(struct detect *d, const struct profile_row *row);
DS_MUST_CHECK int detect_restore_daemon(struct detect *d, const struct daemon_row *row);
/* The newest version of a daemon's profile, and those before it, in their order. */
DS_MUST_CHECK int detect_restore_version(struct detect *d, const struct profile_version_row *row);
/* Scores a decoded batch. -ENOMEM. */
DS_MUST_CHECK int detect_batch(
    struct detect *d, const struct batch_origin *from, struct ds_batch *b, struct verdict *ret);
/* Once in a while (1 s): readiness, and counts that are due to be kept. */
DS_MUST_CHECK int detect_tick(struct detect *d, uint64_t now_us, struct verdict *ret);
/* After `count` profile changes by an operator: forget and reload a daemon (alerts verdict,
 * forget). */
void detect_forget(struct detect *d, uint32_t host, const char *daemon);
/* What streaming models learnt: rows of detect_tick, of this worker (host 0) or of a host; the
 * shard is the caller's.  Rows that cannot be used are -EBADMSG or -EPROTONOSUPPORT and change
 * nothing. */
DS_MUST_CHECK int detect_restore_state(struct detect *d, const struct model_state_row *row);
void detect_get_state(const struct detect *d, struct detect_state *ret);

#endif
