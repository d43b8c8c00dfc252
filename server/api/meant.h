/* SPDX-License-Identifier: GPL-2.0-or-later */
/* meant - names that somebody typed: whether there is such a one, and else which may be meant. */
#ifndef SERVER_API_MEANT_H
#define SERVER_API_MEANT_H

#include "server/api/call.h"
#include "server/detect/key.h"

struct meant {
	const char *typed; /* borrowed */
	bool found;
	char name[CLASS_MAX]; /* what it is called, or what is nearest; "": nothing is near */
	unsigned distance;    /* of the nearest, in letters */
};

void meant_init(struct meant *m, const char *typed);
/* There is one that is called so. */
void meant_offer(struct meant *m, const char *name);
/* Daemons, by their class: with or without what an instance or .service adds, or as a container is
 * called, which is one of the class of its image.  0 or -errno. */
DS_MUST_CHECK int meant_daemon(struct call *c, const char *typed, struct meant *ret);
/* Answers 404: there is no WHAT that is called so; did you mean the nearest? */
void meant_refuse(struct call *c, const struct meant *m, const char *what);
/* The same for a host that there is not. */
void meant_refuse_host(struct call *c, const char *typed);

#endif
