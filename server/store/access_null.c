/* SPDX-License-Identifier: GPL-2.0-or-later */
/* access_null - the backend that keeps no users: takes everything, has nothing. */
#include "server/store/access.h"

static int
null_user_put(struct store *s, const struct user_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static int
null_user_login(struct store *s, const char *name, uint64_t login_us, uint64_t step)
{
	(void)s;
	(void)name;
	(void)login_us;
	(void)step;
	return 0;
}

static int
null_user_delete(struct store *s, const char *name)
{
	(void)s;
	(void)name;
	return 0;
}

static int
null_session_put(struct store *s, const struct session_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static int
null_session_delete(struct store *s, const uint8_t hash[ACCESS_HASH_SIZE])
{
	(void)s;
	(void)hash;
	return 0;
}

static int
null_sessions_delete(struct store *s, const char *user, const uint8_t *but, uint64_t now_us)
{
	(void)s;
	(void)user;
	(void)but;
	(void)now_us;
	return 0;
}

static int
null_audit_add(struct store *s, struct audit_row *row, audit_chain *chain)
{
	static const uint8_t none[ACCESS_HASH_SIZE];

	(void)s;
	row->number = 1;
	chain(none, row, row->hash);
	return 0;
}

static int
null_request_put(struct store *s, const struct request_row *row, uint64_t before_us)
{
	(void)s;
	(void)row;
	(void)before_us;
	return 0;
}

static int
null_request_get(struct reader *r, struct request_row *row)
{
	(void)r;
	(void)row;
	return 0;
}

static int
null_each_user(struct reader *r, int (*call)(const struct user_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_session(
    struct reader *r, int (*call)(const struct session_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_audit(struct reader *r, bool newest_first, uint64_t from, unsigned limit,
    int (*call)(const struct audit_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)newest_first;
	(void)from;
	(void)limit;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_audit_head(struct reader *r, struct audit_row *ret)
{
	(void)r;
	(void)ret;
	return 0;
}

const struct access_store access_null = {
	.user_put = null_user_put,
	.user_login = null_user_login,
	.user_delete = null_user_delete,
	.session_put = null_session_put,
	.session_delete = null_session_delete,
	.sessions_delete = null_sessions_delete,
	.audit_add = null_audit_add,
	.request_put = null_request_put,
	.request_get = null_request_get,
	.each_user = null_each_user,
	.each_session = null_each_session,
	.each_audit = null_each_audit,
	.audit_head = null_audit_head,
};
