/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * place - what a file is to a host: somewhere from which code is started or which people rely on,
 * or a place like any other.
 *
 * Pure.  A row of the table is a pattern of paths with what may be done there that is worth telling
 * (place.c).  Programs whose work it is (keeper.h) are left alone there.
 */
#ifndef SERVER_DETECT_PLACE_H
#define SERVER_DETECT_PLACE_H

#include "lib/event.h"

/* What is done to a file. */
enum place_op {
	PLACE_WRITE = 1,   /* written, made, renamed to, given away */
	PLACE_REMOVE = 2,  /* removed, or emptied */
	PLACE_READ = 4,    /* read: only credential files are told */
	PLACE_SETUID = 8,  /* made to run as its owner */
	PLACE_EXECUTE = 16 /* made a program */
};

/* Whose doing it is worth telling. */
enum place_reach {
	REACH_DAEMON,  /* of a service, container or process that is learnt */
	REACH_JOB,     /* of jobs as well */
	REACH_ANYBODY, /* of sessions too, learnt or not */
};

struct place {
	const char *pattern; /* '*' stops at no slash; an ending slash means everything below */
	unsigned ops;        /* enum place_op, bits */
	unsigned keepers;    /* enum keeper, bits: whose work it is */
	enum place_reach reach;
	const char *severity;
	double score;
	const char *what;      /* "a list of scheduled jobs" */
	const char *technique; /* ATT&CK id */
};

/* What the event does, and to which file (of a rename the new name): bits. 0: nothing to do with
 * files.
 */
unsigned place_op(const struct ds_event *ev, struct ds_str *ret_path);
/* The row, or NULL: a place like any other. */
const struct place *place_find(struct ds_str path, unsigned op);
/* A place where programs keep what only matters to them: temporary files, run time, logs. */
bool place_is_ordinary(const char *path);
/* Where anybody may write. */
bool place_is_anybodys(struct ds_str path);
/* Below a directory from which web servers usually serve. */
bool place_is_web(struct ds_str path);
/* ".php" and the like, of a file that a web server would run; NULL. */
const char *place_script(struct ds_str path);
/* "written", "removed or emptied", ... */
const char *place_done(unsigned op);

#endif
