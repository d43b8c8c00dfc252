/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * models - what the store keeps of models, jobs and what is to be forgotten: the sub-table of a
 * backend.
 *
 * As in store.h: the first group on the writer's thread within its transaction, the second on any
 * thread with a reader of its own; texts given to `call` are valid during the call.
 */
#ifndef SERVER_STORE_MODELS_H
#define SERVER_STORE_MODELS_H

#include <stddef.h>
#include <stdint.h>

struct store;
struct reader;

#define MODEL_ID_SIZE 32 /* mdl_ or job_, a ULID and a NUL */

struct model_row {
	const char *id, *daemon, *state; /* active, retired, refused */
	uint64_t version;                /* of the daemon, from 1 */
	uint64_t created_us, data_from_us, data_to_us;
	uint64_t windows, hosts;
	double coverage;
	const char *checksum,
	    *chain; /* SHA-256, hex: of bytes; of the chain before, and checksum */
	const char *job, *note;
	const void *bytes; /* NULL in lists */
	size_t size;
};

struct job_row {
	const char *id, *kind, *state; /* running, done, failed, interrupted */
	uint64_t created_us, updated_us;
	uint64_t done, total;
	const char *message, *result; /* result: a JSON object */
	const char *by;
};

struct forgotten_row {
	uint32_t host;
	uint64_t from_us, to_us, at_us;
	const char *by;
};

struct attack_row {
	const char *daemon, *alert_id;
	uint32_t host;
	uint64_t minute;
	const void *vector;
	size_t size;
};

typedef int (*model_call)(const struct model_row *row, void *ctx);
typedef int (*job_call)(const struct job_row *row, void *ctx);
typedef int (*forgotten_call)(const struct forgotten_row *row, void *ctx);
typedef int (*attack_call)(const struct attack_row *row, void *ctx);

struct store_models {
	/* ---- writer's thread */
	/* The version before, within the transaction: its number and chain; 0 and "" when none. */
	int (*last)(struct store *s, const char *daemon, uint64_t *ret_version, char *ret_chain,
	    size_t size);
	int (*put)(struct store *s, const struct model_row *row); /* new, by id; complete */
	/* The only active one of its daemon from now on; -ENOENT. */
	int (*activate)(struct store *s, const char *id);
	/* Keeps the newest `keep` of a daemon, and the active one. */
	int (*prune)(struct store *s, const char *daemon, unsigned keep);
	/* Everything made from what is to be forgotten goes at once: versions whose data overlap.
	 */
	int (*drop)(struct store *s, const char *daemon /* NULL: all */);
	int (*job_put)(struct store *s, const struct job_row *row); /* by id */
	int (*jobs_interrupted)(struct store *s, uint64_t now_us);  /* those still running */
	int (*forget)(struct store *s, const struct forgotten_row *row);
	/* Keys of profiles that were seen in the stretch only. */
	int (*forget_keys)(struct store *s, uint32_t host, uint64_t from_us, uint64_t to_us);
	int (*attack_put)(struct store *s, const struct attack_row *row);

	/* ---- any thread, one reader each */
	/* Of a daemon (NULL: all), newest first, without their bytes. */
	int (*each)(struct reader *r, const char *daemon, model_call call, void *ctx);
	int (*each_active)(struct reader *r, model_call call, void *ctx);         /* with bytes */
	int (*get)(struct reader *r, const char *id, model_call call, void *ctx); /* 1, 0; bytes */
	int (*each_job)(struct reader *r, job_call call, void *ctx); /* newest first, a hundred */
	int (*job_get)(struct reader *r, const char *id, job_call call, void *ctx); /* 1, 0 */
	int (*each_forgotten)(struct reader *r, forgotten_call call, void *ctx);
	int (*each_attack)(struct reader *r, const char *daemon, attack_call call, void *ctx);
};

#endif
