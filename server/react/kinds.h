/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kinds - what can be done on a host, what it is done to, and how that is written down.
 *
 * One row a reaction; the agent's side is agent/guard/reactions/.  Pure.
 */
#ifndef SERVER_REACT_KINDS_H
#define SERVER_REACT_KINDS_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REACT_ARGS_JSON_MAX 8192u
#define REACT_TARGET_MAX    600u

/* What a reaction may need to know; "" and 0: not known. */
struct react_args {
	uint32_t pid;
	uint64_t start_us; /* of the process: a pid alone is never enough */
	char exe[1024];
	char address[64];
	uint32_t port;
	uint8_t protocol;
	char path[1024];
	char sha256[65];
	char unit[256];
	char data[512];
	char list[4096];      /* of a profile: lines "+PROGRAM", "-PROGRAM" */
	char question[33];    /* of an answer: id, hex */
	uint8_t answer;       /* enum ds_order_answer */
	uint8_t reach;        /* enum ds_reach: of a block; then unit is the daemon */
	char session[64];     /* address of who asked, "": by no network */
	uint32_t session_pid; /* of who asked, on the host itself */
};

enum react_need {
	REACT_NEEDS_NOTHING,
	REACT_NEEDS_PROCESS, /* pid and start */
	REACT_NEEDS_ADDRESS,
	REACT_NEEDS_PORT,
	REACT_NEEDS_PATH,
	REACT_NEEDS_UNIT,    /* or a process */
	REACT_NEEDS_TRAFFIC, /* address, port or process */
	REACT_NEEDS_DATA,
	REACT_NEEDS_DAEMON, /* as the unit */
	REACT_NEEDS_QUESTION,
};

struct react_kind {
	const char *name;
	enum react_need need;
	bool is_lasting;     /* has a lifetime, and can be undone */
	bool is_destructive; /* a second operator approves it always */
	bool is_repeatable;  /* does its work at once: what happens again is done again, though an
			      * earlier one can still be undone */
	bool is_ours;        /* no rule and no person asks for it: of mode prevent, or of a copy */
	bool is_here;        /* the server does it itself, by a plugin: there is no order */
	const char *help;
};

extern const struct react_kind react_kinds[]; /* ends with a row without a name */

const struct react_kind *react_kind_find(const char *name); /* or NULL */
/* Whether the arguments are there; false and a sentence.  By hand, of one host, a process may be
 * its pid alone: that of whoever was there when the order was given. */
bool react_args_suffice(const struct react_kind *kind, const struct react_args *args, bool by_hand,
    char *ret_why, size_t size);
/* Those that the reaction uses, and the daemon as the unit where it is one. */
void react_args_for(const struct react_kind *kind, const struct react_args *known,
    const char *daemon, struct react_args *ret);
/* A block that is for the daemon only, enum ds_reach; other kinds stay as they are. */
void react_args_reach(
    const struct react_kind *kind, unsigned reach, const char *daemon, struct react_args *args);
/* "ip:192.0.2.1", "process:7@123", ...: the same thing has the same name. */
void react_target(
    const struct react_kind *kind, const struct react_args *args, char ret[REACT_TARGET_MAX]);
/* Whether a finding's arguments have anything that the reaction, by its need, could be done to. */
bool react_args_aim(const struct react_kind *kind, const struct react_args *args);
/* The arguments as a JSON object, and back; 0 or -EINVAL, -ENOMEM. */
DS_MUST_CHECK int react_args_put(const struct react_args *args, char *ret, size_t size);
DS_MUST_CHECK int react_args_get(const char *json, struct react_args *ret);
/* What an alert's document says about process, source, file: as arguments. */
void react_args_of_document(const char *json, struct react_args *ret);

/* Whether two lists of labels, separated by commas, have one in common. */
bool react_labels_meet(const char *a, const char *b);
/* One way to write an address or network, in place: 192.0.2.1 for ::ffff:192.0.2.1.  What is none
 * stays. */
void react_address_plain(char *address, size_t size);
/* Whether an address ("192.0.2.1", "2001:db8::/32", "::ffff:192.0.2.1") lies in, or covers, one of
 * the networks.  An address that is none is never allowed to be blocked: true. */
bool react_address_listed(const char *address, const char *const *networks, size_t len);

#endif
