/* SPDX-License-Identifier: GPL-2.0-or-later */
/* access - see access.h. */
#include "server/api/access.h"

#include "lib/snapshot.h"
#include "lib/tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
	uint8_t hash[ACCESS_HASH_SIZE];
	unsigned user; /* index */
	uint64_t expires_us, confirmed_us;
};

struct people {
	size_t users_len, sessions_len;
	struct access_user users[ACCESS_USERS_MAX];
	struct session sessions[ACCESS_SESSIONS_MAX];
};

struct access {
	struct ds_snapshot *people;
};

struct access *
access_new(void)
{
	struct access *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->people = ds_snapshot_new(free);
	if (a->people == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void
access_free(struct access *a)
{
	if (a == NULL)
		return;
	ds_snapshot_free(a->people);
	free(a);
}

/* ---- from the store */

static int
add_user(const struct user_row *row, void *ctx)
{
	struct people *p = ctx;
	struct access_user *u = &p->users[p->users_len];

	if (p->users_len == ACCESS_USERS_MAX || strlen(row->name) >= sizeof(u->name) ||
	    strlen(row->password) >= sizeof(u->password) || role_find(row->role) == NULL)
		return 0; /* nobody that this version lets in */
	*u = (struct access_user){ .role = role_find(row->role),
		.has_totp = row->has_totp,
		.totp_step = row->totp_step,
		.created_us = row->created_us,
		.login_us = row->login_us,
		.disabled = row->disabled,
		.must_change = row->must_change };
	snprintf(u->name, sizeof(u->name), "%s", row->name);
	snprintf(u->password, sizeof(u->password), "%s", row->password);
	memcpy(u->totp, row->totp, sizeof(u->totp));
	p->users_len++;
	return 0;
}

static int
add_session(const struct session_row *row, void *ctx)
{
	struct people *p = ctx;

	for (unsigned i = 0; i < p->users_len && p->sessions_len < ACCESS_SESSIONS_MAX; i++) {
		struct session *s = &p->sessions[p->sessions_len];

		if (strcmp(p->users[i].name, row->user) != 0)
			continue;
		*s = (struct session){
			.user = i, .expires_us = row->expires_us, .confirmed_us = row->confirmed_us
		};
		memcpy(s->hash, row->hash, sizeof(s->hash));
		p->sessions_len++;
		return 0;
	}
	return 0;
}

int
access_read(struct access *a, const struct store_backend *backend, struct reader *reader)
{
	struct people *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	if (p != NULL)
		r = backend->access->each_user(reader, add_user, p);
	if (r == 0)
		r = backend->access->each_session(reader, add_session, p);
	if (r == 0)
		r = ds_snapshot_publish(a->people, p);
	if (r < 0)
		free(p);
	return r;
}

/* ---- questions */

static int
find_session(const struct people *p, const uint8_t hash[ACCESS_HASH_SIZE], uint64_t now_us,
    struct caller *ret)
{
	const struct session *s = NULL;
	const struct access_user *u;

	for (size_t i = 0; i < p->sessions_len; i++)
		if (CRYPTO_memcmp(p->sessions[i].hash, hash, ACCESS_HASH_SIZE) == 0)
			s = &p->sessions[i];
	if (s == NULL || now_us >= s->expires_us || p->users[s->user].disabled)
		return -EACCES;
	u = &p->users[s->user];
	*ret = (struct caller){ .kind = CALLER_SESSION,
		.must_change = u->must_change,
		.confirmed_us = s->confirmed_us,
		.expires_us = s->expires_us };
	snprintf(ret->name, sizeof(ret->name), "%s", u->name);
	snprintf(ret->principal, sizeof(ret->principal), "%s", u->name);
	memcpy(ret->session, s->hash, sizeof(ret->session));
	caller_take_role(ret, u->role);
	return 0;
}

static int
session_of(
    struct access *a, const uint8_t hash[ACCESS_HASH_SIZE], uint64_t now_us, struct caller *ret)
{
	struct ds_version *v = ds_snapshot_acquire(a->people);
	int r;

	if (v == NULL)
		return -EACCES;
	r = find_session(ds_version_value(v), hash, now_us, ret);
	ds_version_release(v);
	return r;
}

int
access_session(struct access *a, const char *secret, uint64_t now_us, struct caller *ret)
{
	uint8_t hash[ACCESS_HASH_SIZE];

	if (secret == NULL || strlen(secret) != ACCESS_SECRET_TEXT - 1)
		return -EACCES;
	SHA256((const unsigned char *)secret, ACCESS_SECRET_TEXT - 1, hash);
	return session_of(a, hash, now_us, ret);
}

int
access_again(struct access *a, const struct caller *caller, uint64_t now_us, struct caller *ret)
{
	return session_of(a, caller->session, now_us, ret);
}

bool
access_user(struct access *a, const char *name, struct access_user *ret)
{
	struct ds_version *v = ds_snapshot_acquire(a->people);
	const struct people *p = v != NULL ? ds_version_value(v) : NULL;
	bool found = false;

	for (size_t i = 0; p != NULL && i < p->users_len; i++) {
		if (strcmp(p->users[i].name, name) != 0)
			continue;
		*ret = p->users[i];
		found = true;
	}
	ds_version_release(v);
	return found;
}

unsigned
access_admins(struct access *a)
{
	struct ds_version *v = ds_snapshot_acquire(a->people);
	const struct people *p = v != NULL ? ds_version_value(v) : NULL;
	unsigned n = 0;

	for (size_t i = 0; p != NULL && i < p->users_len; i++)
		n += !p->users[i].disabled && strcmp(p->users[i].role->name, "admin") == 0;
	ds_version_release(v);
	return n;
}

/* ---- secrets */

static void
to_hex(const uint8_t *in, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++)
		snprintf(ret + 2 * i, 3, "%02x", in[i]);
}

int
access_make(char secret[ACCESS_SECRET_TEXT], uint8_t hash[ACCESS_HASH_SIZE])
{
	uint8_t raw[32];
	int r = ds_random(raw, sizeof(raw));

	if (r < 0)
		return r;
	to_hex(raw, sizeof(raw), secret);
	explicit_bzero(raw, sizeof(raw));
	SHA256((const unsigned char *)secret, ACCESS_SECRET_TEXT - 1, hash);
	return 0;
}

void
access_csrf(const char *secret, char ret[ACCESS_CSRF_TEXT])
{
	static const char what[] = "daemonsec csrf ";
	char text[sizeof(what) + ACCESS_SECRET_TEXT];
	uint8_t hash[ACCESS_HASH_SIZE];

	snprintf(text, sizeof(text), "%s%s", what, secret);
	SHA256((const unsigned char *)text, strlen(text), hash);
	to_hex(hash, (ACCESS_CSRF_TEXT - 1) / 2, ret);
	explicit_bzero(text, sizeof(text));
}

struct user_row
access_row(const struct access_user *u)
{
	struct user_row row = { .name = u->name,
		.role = u->role->name,
		.password = u->password,
		.has_totp = u->has_totp,
		.totp_step = u->totp_step,
		.created_us = u->created_us,
		.login_us = u->login_us,
		.disabled = u->disabled,
		.must_change = u->must_change };

	memcpy(row.totp, u->totp, sizeof(row.totp));
	return row;
}
