/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup - what a cgroup path says about the processes in it: unit, instance, session, container.
 *
 * Pure text, no file is read: called by daemon with a path below the guard's own root cgroup.
 */
#ifndef AGENT_GUARD_CGROUP_H
#define AGENT_GUARD_CGROUP_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cgroup_kind {
	CGROUP_NONE,      /* says nothing */
	CGROUP_UNIT,      /* unit, instance */
	CGROUP_USER_UNIT, /* unit of a user's systemd; instance: the uid */
	CGROUP_SESSION,   /* instance: the number of the logind session */
	CGROUP_TRANSIENT, /* unit: run-r....service */
	CGROUP_CONTAINER, /* container; container_named: it is a name, not an id */
};

struct cgroup_name {
	enum cgroup_kind kind;
	bool container_named;
	char unit[256];
	char instance[128];
	char container[80];
	uint32_t uid;  /* of a container below somebody's slice, who made it; else 0 */
	char leaf[80]; /* the last part, when it names nothing by itself: perhaps the id that
			  somebody chose for a container */
};

/* Fills ret; the path begins with '/'. Truncates nothing: what is too long is CGROUP_NONE. */
void cgroup_parse(const char *path, struct cgroup_name *ret);
/* The path of the systemd hierarchy, else of the unified one, in the text of /proc/PID/cgroup, else
 * of any controller below a container; "/" when all are at the root.  0, -ENOENT, -ENAMETOOLONG. */
DS_MUST_CHECK int cgroup_select(char *text, char *ret, size_t size);
/* `path` below `root` ("" for the real root), or NULL when it is not below it. */
const char *cgroup_below(const char *path, const char *root);

#endif
