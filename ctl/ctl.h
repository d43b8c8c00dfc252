/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl - what the parts of daemonsec-ctl share: the options of a call, and one row a verb.
 *
 * A verb is a function and a row of verb_table (verbs.c), from which help and completion come too.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "lib/compiler.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CTL_TIME_SIZE 40

/* Exit codes, for scripts. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FOUND = 1, /* the gate or a check found something */
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_NOT_ALLOWED = 4,
	EXIT_UNREACHABLE = 5,
	EXIT_CONFLICT = 6, /* or not enough data */
	EXIT_PARTLY = 7,
};

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV };

struct client;

struct ctl {
	enum output output;
	const char *server;     /* as given, or NULL: looked for */
	const char *token_file; /* or NULL */
	struct client *client;  /* made at first use */
	int argc;               /* of the verb: argv[0] is the verb */
	char **argv;
	bool no_headers;
};

struct verb {
	const char *name; /* "alerts"; a second word is looked at by the function */
	const char *args; /* "[--status S] | show A | ack A" */
	const char *help;
	const char *words;         /* second words and options, for completion */
	int (*run)(struct ctl *c); /* an exit code */
};

extern const struct verb verb_table[]; /* ends with a row without a name */

int verb_status(struct ctl *c);
int verb_hosts(struct ctl *c);
int verb_daemons(struct ctl *c);
int verb_events(struct ctl *c);
int verb_alerts(struct ctl *c);
int verb_expectations(struct ctl *c);
int verb_deploy(struct ctl *c);
int verb_import(struct ctl *c);
int verb_gate(struct ctl *c);
int verb_hooks(struct ctl *c);
int verb_rules(struct ctl *c);
int verb_tokens(struct ctl *c);
int verb_api_tokens(struct ctl *c);
int verb_ca(struct ctl *c);
int verb_users(struct ctl *c);
int verb_notify(struct ctl *c);
int verb_audit(struct ctl *c);
int verb_reactions(struct ctl *c);
int verb_protect(struct ctl *c);
int verb_train(struct ctl *c);
int verb_models(struct ctl *c);
int verb_config(struct ctl *c);
int verb_doctor(struct ctl *c);
int verb_report(struct ctl *c);
int verb_backup(struct ctl *c);
int verb_support_bundle(struct ctl *c);
int verb_completion(struct ctl *c);

/* What `doctor` finds, as a list; the caller's. */
json_t *doctor_results(struct ctl *c);
const struct verb *verb_find(const char *name); /* or NULL */
/* How it is used, and what for. */
void verb_help(const struct verb *v, FILE *out);

/* What is wrong with the verb's arguments, and how they go, on stderr; EXIT_USAGE. */
int ctl_usage(const struct ctl *c);
/* The value of --NAME VALUE or --NAME=VALUE among the verb's arguments, from which it goes; NULL:
 * not there. One dash will do. */
const char *ctl_option(struct ctl *c, const char *name);
/* The same for an option without a value. */
bool ctl_flag(struct ctl *c, const char *name);
/* The same for a number from 1 to max: *value stays where it is not there.  False after a message.
 */
bool ctl_number(struct ctl *c, const char *name, int64_t max, int64_t *value);
/* The same for a time, so long ago, "now" or RFC 3339: *ret is the latter in buf, NULL where it is
 * not there. */
bool ctl_time(struct ctl *c, const char *name, char buf[CTL_TIME_SIZE], const char **ret);
/* False, with a message, when an argument that begins with - is left: nobody knows it. */
bool ctl_options_known(struct ctl *c);
/* Of a negative errno: a message about a file, and the exit code. */
int ctl_file_error(const char *file, int r);
int ctl_exit_code(int r);

#endif
