/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group - the control groups (version 2) of daemons, or their networks, for blocks that are for one
 * daemon only.
 *
 * A block knows a daemon's sockets by the kernel's number of its group; those of a container, or
 * another daemon that has a network namespace of its own, by that: its rules are in there.  A
 * daemon that is started anew gets a group of the same path with another number, or another
 * network, see group_look().
 */
#ifndef AGENT_GUARD_REACTIONS_GROUP_H
#define AGENT_GUARD_REACTIONS_GROUP_H

#include "agent/guard/reaction.h"

#define GROUP_PATH_MAX  1024u
#define GROUPS_MAX      256u
#define GROUP_LEVEL_MAX 16u

struct group {
	char path[GROUP_PATH_MAX]; /* below the mount: "/system.slice/nginx.service"; or the network
				      of a daemon: "net:container:web" */
	uint64_t id;               /* the kernel's number; 0: nothing runs in it now */
	unsigned level;            /* how deep it is: 2; 0: a network */
	unsigned blocks;           /* for it; with none its number may become another's */
	bool is_shared;            /* a network in which others are, too, as far as is known */
	unsigned late;             /* changes that its network did not take in time, in a row */
	uint64_t rest_ms;          /* until then none is tried */
};

/* The path of the daemon's own group.  0; 1: it is a network that others share; -ESRCH nothing of
 * it runs; -EOPNOTSUPP with a sentence: it has none of its own. */
DS_MUST_CHECK int group_find(
    struct reaction_call *call, const char *daemon, char *ret, size_t size);
/* The number (>= 1) under which the group of a path is known, as long as it is kept, and until
 * another is asked for; -ENOSPC, -EINVAL. */
DS_MUST_CHECK int group_number(const char *path);
/* One more block is for it, or one less; 0: the whole host. */
void group_keep(unsigned number);
void group_let_go(unsigned number);
const struct group *group_get(unsigned number);
bool group_is_network(unsigned number);
/* Whether something runs in it now, as far as is known at once. */
bool group_is_alive(unsigned number);
/* The network namespace; an fd, or -ESRCH: nothing runs in it now. */
DS_MUST_CHECK int group_open_network(unsigned number);
/* Whether something runs in that network, looked for among all processes. */
bool group_runs(unsigned number);
/* Looks among all processes whether another daemon is in that network by now: 1: since now, 0. */
DS_MUST_CHECK int group_look_shared(unsigned number);
void group_set_shared(unsigned number);
/* How deep a path is. */
unsigned group_level(const char *path);
/* Looks whether it is still the same: 1: it has another id now (group_get()), 0. */
DS_MUST_CHECK int group_look(unsigned number);
/* Whether changes in that network wait: it did not take the last one in time, or more than one. */
bool group_rests(unsigned number);
/* It took a change in time, or not. */
void group_took(unsigned number, bool in_time);
/* What has to follow could not: the next look says 1 again. */
void group_forget(unsigned number);

#endif
