/* SPDX-License-Identifier: GPL-2.0-or-later */
/* login_state - what the login model remembers of sources and accounts; private to it. */
#ifndef SERVER_DETECT_LOGIN_STATE_H
#define SERVER_DETECT_LOGIN_STATE_H

#include "server/detect/login_model.h"

#define LOGIN_FIRST_US    (10 * UINT64_C(1000000))    /* who goes on is told again after so long */
#define LOGIN_AGAIN_US    (86400 * UINT64_C(1000000)) /* a source is told anew after so long */
#define LOGIN_HOSTILE_US  (86400 * UINT64_C(1000000)) /* so long a source is, after it was last */
#define LOGIN_SOURCES_MAX 65536u
#define LOGIN_USERS_MAX   65536u
#define LOGIN_TARGETS     16u /* accounts or sources remembered of each other */
#define LOGIN_NETWORKS    8u  /* of an account */
#define LOGIN_CONNECTIONS 8u  /* of a source, the newest */

struct ds_map;

/* One of a bounded set: the longest unheard of goes first. */
struct login_node {
	struct login_node *older, *newer;
	char key[LOGIN_NAME_MAX + 24];
	size_t key_len;
};

struct login_set {
	struct ds_map *map;
	struct login_node *oldest, *newest;
	size_t len, max, node_size;
};

/* A few recent different things: hash and when it was last. */
struct login_recent {
	uint64_t id[LOGIN_TARGETS];
	uint64_t time_us[LOGIN_TARGETS];
};

/* A connection that failed: what is said of it besides its tries is no further failure. */
struct login_connection {
	uint32_t host;
	uint16_t port;
	bool remarked; /* what was counted of it so far was a remark */
};

#define LOGIN_TOLD_HOSTS 4u

struct login_source {
	struct login_node node;
	struct login_connection failed[LOGIN_CONNECTIONS];
	unsigned failed_next;
	uint8_t address[16], size;
	double minute, hour, day; /* failures, decayed */
	double rush;              /* failures, each soon after the one before */
	uint64_t failed_us;
	uint64_t decayed_us;
	struct login_recent users, unknown_users;
	uint64_t hostile_until_us, told_us;
	uint64_t again_us; /* who goes on is told again so long after, twice as long each time */
	uint32_t told_at[LOGIN_TOLD_HOSTS]; /* hosts; the first ones */
	uint8_t decoy_rank;  /* what was told of it at decoys: 1 that it came, 2 what it wanted */
	uint64_t pending_us; /* failed for an account that nobody has: told unless it succeeds */
	uint32_t pending_host;
	char pending_host_name[64], pending_daemon[64], pending_user[LOGIN_NAME_MAX + 1];
};

struct login_user {
	struct login_node node;
	struct login_recent sources;        /* that failed and that nobody knows, by network */
	uint8_t address[LOGIN_TARGETS][17]; /* of them: size and bytes */
	uint64_t attacked_until_us;
};

/* An account that has logged in. */
struct login_known {
	struct login_node node;
	uint64_t logins, first_us;
	struct {
		uint64_t id, count, last_us;
	} network[LOGIN_NETWORKS];
	unsigned networks, once; /* different ones ever; those seen once of the kept */
};

struct login_hours {
	double mean[24], spread[24];
	unsigned days[24];
	uint64_t hour; /* since the epoch */
	double count, sum;
};

struct login_model {
	struct login_policy policy;
	struct login_set sources, users, known, networks;
	struct login_recent probing; /* sources that failed for accounts which nobody has */
	uint64_t first_us;
	uint64_t pending; /* sources that wait */
	struct login_hours hours;
};

DS_MUST_CHECK int login_set_init(struct login_set *s, size_t max, size_t node_size);
void login_set_done(struct login_set *s);
/* Found and now the newest, or NULL. */
void *login_set_get(struct login_set *s, const char *key);
/* Found or made; NULL when there is no memory. */
void *login_set_make(struct login_set *s, const char *key);
/* Notes one; how many different ones since. */
unsigned login_recent_add(
    struct login_recent *r, uint64_t id, uint64_t time_us, uint64_t since_us, unsigned *ret_slot);
unsigned login_recent_count(const struct login_recent *r, uint64_t since_us);
/* Whether what a hostile source does is to be told, again or for the first time on one of the first
 * few hosts; then it was. */
bool login_source_is_due(struct login_source *src, uint32_t host, uint64_t time_us);
/* How many failures an event is.  Of one try sshd may say "Invalid user", "Failed password" and
 * "Connection closed": a remark counts where nothing else of its connection did, and not again when
 * the try itself is told. */
double login_failures(struct login_source *src, const struct login_event *ev);

/* The share of its networks that the account was in once only; 1: it has no habits. */
double login_known_unseen(const struct login_known *k);
/* Whether the account came from the network before; NULL: never. */
bool login_known_has(const struct login_known *k, uint64_t network);
/* Ends the hour and learns from it: whether it had far more failures than are usual then. */
bool login_hours_end(struct login_hours *h, uint64_t *ret_usual);

#endif
