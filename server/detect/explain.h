/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain - says why a finding is one: the document of the alert (CONTRACT 4, DETECTION's record)
 * and one plain sentence.
 */
#ifndef SERVER_DETECT_EXPLAIN_H
#define SERVER_DETECT_EXPLAIN_H

#include "lib/json.h"
#include "server/detect/program.h"
#include "server/detect/turn.h"

#define EXPLAIN_MAX   (64u << 10) /* bytes of a document */
#define EXPLAIN_MODEL "novelty-2"

/* What a new program means, put together once for title, reason and document. */
struct explained_program {
	const char *path;  /* canonical, of the key */
	char shown[300];   /* "/bin/sh" when dash was started under that name */
	char command[220]; /* for the sentence */
	struct program_info info;
	struct fleet_peers peers;
	uint32_t peers_of;
	uint64_t known; /* programs that the daemon is known to start */
	bool repeated;  /* told before: counts, adds nothing to the document */
};

/* Three digits, and no exponent: 0.123, 15.5, 2820. */
#define EXPLAIN_NUMBER 24
const char *explain_number(double value, char ret[EXPLAIN_NUMBER]);
/* A process's arguments as a line: NUL becomes a space, what cannot be shown '?'. */
void explain_command(struct ds_str args, char *ret, size_t size);
/* Who ran it: the account, or "uid 33". */
void explain_user(const struct ds_event *ev, char *ret, size_t size);
/* Members of the open object: who ran what, below whom. */
struct ds_json;
void explain_process(struct ds_json *j, const struct ds_event *ev);
/* "3 days", "5 hours", "12 minutes", "40 s" */
void explain_duration(uint64_t us, char *ret, size_t size);
/* The document of a new program; malloc, NULL when there is no memory. */
char *explain_program(struct turn *t, const struct sighting *s, const struct explained_program *p);

/* ---- parts of a document, for those who write one */
void explain_put_feature(struct ds_json *j, const char *feature, const char *baseline,
    const char *observed, double weight);
/* What else is known about a feature, as a row by that name: an alert may tell of several. */
void explain_put_about(struct ds_json *j, const char *feature, const char *about,
    const char *baseline, const char *observed);
/* An element of "threat". */
void explain_put_technique(struct ds_json *j, const char *id);
/* What a verdict would make normal: alerts.c reads it. */
void explain_put_behaviours(struct ds_json *j, const struct sighting *s);
/* A member "starter": what the daemon's starter model says of it, when it has one. */
void explain_put_starter(struct ds_json *j, const struct sighting *s);
void explain_put_events(struct ds_json *j, const struct sighting *s);
/* Ends the object; the text that is in `buf`, malloc, or NULL. */
char *explain_finish(struct ds_json *j, struct ds_buf *buf);

#endif
