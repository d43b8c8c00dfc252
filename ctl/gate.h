/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate - what the parts of the verb gate share: what is judged, an agent of its own, and reports.
 */
#ifndef CTL_GATE_H
#define CTL_GATE_H

#include "ctl/ctl.h"

#include <stdint.h>
#include <sys/types.h>

#define GATE_DIR_MAX  64
#define GATE_PATH_MAX 128

struct gate {
	struct ctl *ctl;
	const char *daemon;          /* of the fleet */
	const char *as;              /* the candidate's name, or NULL: the same */
	const char *host, *label;    /* where it runs; NULL: by --run, or everywhere */
	const char *since;           /* RFC 3339 or now-...; NULL: ten minutes */
	const char *run, *exercise;  /* commands, or NULL */
	const char *agent, *address; /* program; the server's for agents; or NULL */
	const char *location;        /* of results in SARIF */
	unsigned for_ms;             /* 0: not said */
	int fail_on;                 /* index of gate_severities */
};

/* The agent that belongs to one run. */
struct gate_agent {
	char dir[GATE_DIR_MAX]; /* "": none */
	char label[32];         /* of its host, nobody else's */
	char host[80];          /* its id, once it is connected */
	pid_t pid;
};

extern const char *const gate_severities[4]; /* low to critical */

/* Milliseconds since some time ago. */
uint64_t gate_now_ms(void);
void gate_rest(unsigned ms);
/* Whether the pipeline was cancelled: who waits gives up, and puts away what was begun. */
bool gate_is_cancelled(void);

/* Starts an agent that watches the candidate only, and waits until it is connected and sees.  An
 * exit code, with a sentence on stderr. */
int gate_agent_start(struct gate_agent *a, const struct gate *g);
/* Ends it, and waits until the server has all that it saw.  An exit code. */
int gate_agent_end(struct gate_agent *a, const struct gate *g);
/* Ends it and takes its host out of the fleet; of one that never was, too. */
void gate_agent_stop(struct gate_agent *a, const struct gate *g);
/* Runs the candidate, and what exercises it, within the time; the host has it as a daemon then.
 * Leaves nothing of it behind; agent: ours, or -1.  An exit code. */
int gate_candidate_run(const struct gate *g, const char *host, pid_t agent);
/* What was said last of why there is nothing to judge, or "". */
const char *gate_failure(void);

/* The verdict as text, json, junit or sarif; false: there is no such form. */
bool gate_has_form(const char *form);
void gate_print(const struct gate *g, const char *form, const json_t *verdict);
/* The same where nothing was compared, which is no pass: what reads the form learns why. */
void gate_print_nothing(const struct gate *g, const char *form, const char *why);
/* How many departures and alerts are as grave as is wanted. */
size_t gate_count(const struct gate *g, const json_t *verdict);

#endif
