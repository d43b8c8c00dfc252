/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fact - one way to tell a strange behaviour that is not the start of a program: finding, sentence
 * and document (explain.h) from a few words of the detector that found it.
 */
#ifndef SERVER_DETECT_FACT_H
#define SERVER_DETECT_FACT_H

#include "server/detect/turn.h"

struct fact {
	const char *kind;     /* of the alert */
	const char *severity; /* static */
	double score;
	const char *feature; /* "file", "destination", ... */
	const char *what;    /* what the thing is: "a list of scheduled jobs" */
	const char *technique[3];
	uint64_t root;      /* facts of the same root become one alert; 0: of this behaviour only */
	char title[200];    /* "nginx wrote /etc/cron.d/x" */
	char never[300];    /* after "nginx has never": "written to /etc/cron.d/x" */
	char did[300];      /* after "process 812 (root)": "opened it for writing" */
	char observed[300]; /* "/etc/cron.d/x" */
	const char *rule;   /* the id of the rule that says so, or NULL */
	bool whoever;       /* strange of any daemon, learnt or not: no "has never" */
};

/* Tells it: a new finding, or one more of what this batch has told.  -ENOMEM. */
DS_MUST_CHECK int fact_tell(struct turn *t, const struct sighting *s, const struct fact *fact);
/* A path or text of an event, made harmless. */
void fact_text(struct ds_str s, char *ret, size_t size);

#endif
