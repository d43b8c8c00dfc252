/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * login_told - what the fleet's login model told lately, for the fusion on the workers.
 *
 * The login model sees all hosts at once, on the fleet's thread; the fusion judges a daemon on its
 * host's worker.  The newest facts are published (lib/snapshot), each worker takes those of its
 * hosts, each once.
 */
#ifndef SERVER_DETECT_LOGIN_TOLD_H
#define SERVER_DETECT_LOGIN_TOLD_H

#include "server/detect/detect.h"

#define LOGIN_TOLD_MAX 128u /* between two looks of a worker, a second */

struct login_fact {
	uint64_t number; /* of all facts, from 1 */
	uint32_t host;
	uint64_t time_us;
	bool success; /* somebody came in; else a source only tries */
	char daemon[256], group[200], feature[64], observed[200];
};

struct login_facts {
	uint64_t newest;                      /* number */
	struct login_fact at[LOGIN_TOLD_MAX]; /* by number, modulo */
};

/* Hands what is new of this worker's hosts to the fusion. -ENOMEM. */
DS_MUST_CHECK int login_told_take(struct detect *d, struct verdict *v);

#endif
