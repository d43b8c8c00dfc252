/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * access - users and sessions, as a snapshot of what the store has.
 *
 * Asked on the HTTP threads; read again by a pool thread after each change was committed.  A
 * session's secret is in its cookie and nowhere else: the store has its hash.  The token against
 * cross-site requests follows from the secret, so that it needs no place.
 */
#ifndef SERVER_API_ACCESS_H
#define SERVER_API_ACCESS_H

#include "server/api/caller.h"
#include "server/api/password.h"
#include "server/store/store.h"

#define ACCESS_USERS_MAX    512u
#define ACCESS_SESSIONS_MAX 2048u
#define ACCESS_SECRET_TEXT  65u /* 32 bytes in hexadecimal, with the NUL */
#define ACCESS_CSRF_TEXT    33u
#define ACCESS_ADMIN_FILE   "admin-password"              /* in state_dir, until it was changed */
#define ACCESS_CONFIRM_US   (15 * UINT64_C(60) * 1000000) /* a password given counts so long */

struct access;

/* A user as of the snapshot. */
struct access_user {
	char name[CALLER_NAME_MAX];
	const struct role *role;
	char password[PASSWORD_HASH_MAX];
	uint8_t totp[ACCESS_TOTP_SIZE];
	bool has_totp;
	uint64_t totp_step, created_us, login_us;
	bool disabled, must_change;
};

struct access *access_new(void);
void access_free(struct access *a);
DS_MUST_CHECK int access_read(
    struct access *a, const struct store_backend *backend, struct reader *reader);
/* Whose session the cookie's secret is.  0, or -EACCES. */
DS_MUST_CHECK int access_session(
    struct access *a, const char *secret, uint64_t now_us, struct caller *ret);
/* The same for somebody who was let in by it before. */
DS_MUST_CHECK int access_again(
    struct access *a, const struct caller *caller, uint64_t now_us, struct caller *ret);
/* False: no such user. */
bool access_user(struct access *a, const char *name, struct access_user *ret);
/* Users with the role admin that are not disabled. */
unsigned access_admins(struct access *a);
/* A fresh secret, its hash, and what goes into X-CSRF-Token. */
DS_MUST_CHECK int access_make(char secret[ACCESS_SECRET_TEXT], uint8_t hash[ACCESS_HASH_SIZE]);
void access_csrf(const char *secret, char ret[ACCESS_CSRF_TEXT]);
/* What a row of the store has, from a user. */
struct user_row access_row(const struct access_user *u);

#endif
