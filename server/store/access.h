/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * access - users, sessions and the audit log: the store's functions for them, a part of struct
 * store_backend.
 */
#ifndef SERVER_STORE_ACCESS_H
#define SERVER_STORE_ACCESS_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct reader;

#define ACCESS_HASH_SIZE 32u
#define ACCESS_TOTP_SIZE 20u

struct user_row {
	const char *name, *role;
	const char *password; /* crypt(5) */
	uint8_t totp[ACCESS_TOTP_SIZE];
	bool has_totp;
	uint64_t totp_step; /* last time step taken */
	uint64_t created_us, login_us;
	bool disabled, must_change;
};

struct session_row {
	uint8_t hash[ACCESS_HASH_SIZE];
	const char *user;
	uint64_t created_us, expires_us, confirmed_us;
};

struct audit_row {
	uint64_t number; /* given by audit_add */
	uint64_t time_us;
	const char *actor, *action, *subject, *detail;
	uint8_t hash[ACCESS_HASH_SIZE]; /* given by audit_add */
};

/* A change that was asked for under a key. */
struct request_row {
	uint8_t key[ACCESS_HASH_SIZE];  /* of who asked and the key */
	uint8_t hash[ACCESS_HASH_SIZE]; /* of what was asked */
	uint64_t created_us;
};

/* The row's hash; `before` is the hash of the row before it, or zeroes. */
typedef void audit_chain(const uint8_t before[ACCESS_HASH_SIZE], const struct audit_row *row,
    uint8_t ret[ACCESS_HASH_SIZE]);

struct access_store {
	/* ---- writer's thread */
	int (*user_put)(struct store *s, const struct user_row *row); /* by name */
	/* A user signed in: when, and the time step of the code (0: none).  1, or 0: there is no
	 * such user any more, it is disabled, or the step was taken already. */
	int (*user_login)(struct store *s, const char *name, uint64_t login_us, uint64_t step);
	int (*user_delete)(struct store *s, const char *name);              /* with its sessions */
	int (*session_put)(struct store *s, const struct session_row *row); /* by hash */
	int (*session_delete)(struct store *s, const uint8_t hash[ACCESS_HASH_SIZE]);
	/* Those of a user but the one with the hash `but` (NULL: all); user NULL: those that
	 * expired before `now_us`. */
	int (*sessions_delete)(
	    struct store *s, const char *user, const uint8_t *but, uint64_t now_us);
	/* Appends behind the newest row that was ever written, also when that is not there any
	 * more; fills in number and hash, by `chain` from the hash before.  See audit_append(). */
	int (*audit_add)(struct store *s, struct audit_row *row, audit_chain *chain);
	/* Keeps that a change was asked for under a key (Idempotency-Key), and forgets what is
	 * older than `before_us`. */
	int (*request_put)(struct store *s, const struct request_row *row, uint64_t before_us);

	/* ---- readers; calls until it returns other than 0, which is returned */
	int (*each_user)(
	    struct reader *r, int (*call)(const struct user_row *row, void *ctx), void *ctx);
	int (*each_session)(
	    struct reader *r, int (*call)(const struct session_row *row, void *ctx), void *ctx);
	/* newest_first: rows before `from` (0: the newest); else rows after it. */
	int (*each_audit)(struct reader *r, bool newest_first, uint64_t from, unsigned limit,
	    int (*call)(const struct audit_row *row, void *ctx), void *ctx);
	/* 1, and number and hash of the newest row that was ever written; or 0: there was none. */
	int (*audit_head)(struct reader *r, struct audit_row *ret);
	/* 1 and the row (by row->key), or 0. */
	int (*request_get)(struct reader *r, struct request_row *row);
};

extern const struct access_store access_null, access_sqlite;

#endif
