/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy - from a finding to what is done about it: rules from the configuration, matched in order.
 *
 * Pure: no store, no clock.  Rules are sections [react.NAME] of server.conf; the built-in ones are
 * the text react_builtin_rules.  A policy is immutable once made and may be read by any thread.
 */
#ifndef SERVER_REACT_POLICY_H
#define SERVER_REACT_POLICY_H

#include "lib/conf.h"
#include "server/react/kinds.h"

#define POLICY_ANSWERS_MAX 8u
#define POLICY_NAME_MAX    48u

enum react_scope { REACT_HOST, REACT_GROUP, REACT_FLEET };
enum react_held { REACT_HELD_KILL, REACT_HELD_ALLOW };

/* A section [react.NAME]. */
struct react_rule {
	bool enabled;
	struct ds_conf_list kinds, daemons, labels, reactions;
	int64_t min_severity; /* index of low, medium, high, critical */
	uint64_t ttl_ms, ttl_max_ms;
	int64_t ttl_factor;
	int64_t scope; /* enum react_scope */
	int64_t reach; /* enum ds_reach */
	char *plugin;  /* NAME or NAME ARGUMENT, of the reactions plugin and server_plugin */
};

extern const char react_builtin_rules[];

/* Every reaction named exists: 0, or -EINVAL and a sentence. */
DS_MUST_CHECK int react_rules_check(const struct ds_conf_named *rules, char *ret_why, size_t size);

struct policy;

/* Copies what it needs.  NULL: no memory. */
struct policy *policy_new(
    const struct ds_conf_named *rules, const struct ds_conf_list *never_block);
void policy_free(void *policy);

/* What the policy is asked about. */
struct policy_subject {
	const char *kind, *severity, *daemon;
	const char *labels; /* of the host, comma-separated */
	const struct react_args *args;
};

struct policy_answer {
	const struct react_kind *kind;
	char rule[POLICY_NAME_MAX];
	uint64_t ttl_us, ttl_max_us; /* 0: no lifetime */
	unsigned ttl_factor;
	enum react_scope scope;
	unsigned reach; /* enum ds_reach */
	char plugin[512];
	char refused[200]; /* why it must not be done although a rule says so; "" */
};

/* What would be done, each reaction once, by the first rule that names it: how many. */
size_t policy_ask(const struct policy *p, const struct policy_subject *s,
    struct policy_answer ret[POLICY_ANSWERS_MAX]);
/* Whether an address is on the list of those never blocked, or is none. */
bool policy_spares(const struct policy *p, const char *address);
/* The lifetime after one of last_us (0: it is the first time): the next longer one when that is
 * over, the same while it is not, so that a ban of many hosts is as long on each. */
uint64_t policy_lifetime(const struct policy_answer *a, uint64_t last_us, bool is_over);
/* Whether one of the comma-separated labels is in the list. */
bool policy_label_in(const char *labels, const char *const *list, size_t len);
size_t policy_len(const struct policy *p);

#endif
