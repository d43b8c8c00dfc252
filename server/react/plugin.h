/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin - runs the server's own plugins: executables of [plugins] dir, one at a time, on a thread
 * of its own, since they may wait for a network.
 *
 * The same lines of JSON as on the agents (agent/guard/reactions/plugin.c).  Bounded in time,
 * memory, processes and output; as [plugins] user when we may change it, else as we are.
 */
#ifndef SERVER_REACT_PLUGIN_H
#define SERVER_REACT_PLUGIN_H

#include "lib/mailbox.h"
#include "lib/order.h"
#include "server/store/store.h"

#define PLUGIN_INPUT_MAX (32u << 10)

struct plugin_settings {
	char dir[1024];
	char user[64];
	char python[1024]; /* where the module daemonsec_plugin is */
	uint64_t timeout_ms, memory_max;
};

enum plugin_outcome { PLUGIN_DONE, PLUGIN_NOTHING, PLUGIN_FAILED };

struct plugin_job {
	struct ds_mail mail; /* first */
	struct plugin_settings settings;
	char id[REACTION_ID_SIZE];
	uint32_t host;
	char name[65];
	bool is_undo, is_expired; /* its life is over: then nobody asked */
	struct ds_buf input;      /* one line */
	/* what came of it */
	enum plugin_outcome outcome;
	uint64_t took_us;
	char text[300];
};

struct plugin_runner;

/* NULL: no memory. `done` is called on the runner's thread and takes the job. */
struct plugin_runner *plugin_runner_new(void (*done)(struct plugin_job *job, void *ctx), void *ctx);
/* Waits for what runs now; what waits is given back as failed. */
void plugin_runner_free(struct plugin_runner *r);
/* Takes the job.  -EAGAIN: so many wait already; then it is still the caller's. */
DS_MUST_CHECK int plugin_runner_post(struct plugin_runner *r, struct plugin_job *job);

struct plugin_job *plugin_job_new(void);
void plugin_job_free(struct plugin_job *job);
/* "NAME" or "NAME ARGUMENT": the name into the job; false when that is none. */
bool plugin_job_name(struct plugin_job *job, const char *data, const char **ret_argument);
/* Runs it here and now; fills in what came of it. */
void plugin_job_run(struct plugin_job *job);

#endif
