/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session - people sign in, give their password again, choose another, add a second factor.
 *
 * On the pool's threads.  A password costs a tenth of a second and 64 MiB to check, so at most two
 * are checked at once, and who fails waits (throttle.h).  A browser keeps the cookie to itself
 * (HttpOnly, SameSite=Strict) and the page gets the token that goes into X-CSRF-Token.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tls.h"
#include "server/api/gate.h"
#include "server/api/routes.h"
#include "server/api/signin.h"
#include "server/api/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SESSION_US (12 * UINT64_C(3600) * 1000000)
#define CHECKS_MAX                                                                     \
	2 /* and one more for those who have a session: strangers do not keep them out \
	   */

struct change {
	const struct access_user *login;   /* signed in, or proved again; NULL: neither */
	const struct user_row *user;       /* to be stored; NULL: none */
	const struct session_row *session; /* NULL: none */
	const uint8_t *ended;              /* hash of the session that ends, or NULL */
	const char *others_of; /* all sessions of this user but `session`'s end, or NULL */
};

static int
run_change(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct access_store *a = backend->access;
	const struct change *x = ctx;
	int r = a->sessions_delete(store, NULL, NULL, ds_clock_wall_us());

	if (r == 0 && x->login != NULL)
		r = a->user_login(store, x->login->name, ds_clock_wall_us(),
			x->login->has_totp ? x->login->totp_step : 0) == 1
			? 0
			: -EACCES;
	if (r == 0 && x->user != NULL)
		r = a->user_put(store, x->user);
	if (r == 0 && x->ended != NULL)
		r = a->session_delete(store, x->ended);
	if (r == 0 && x->others_of != NULL)
		r = a->sessions_delete(
		    store, x->others_of, x->session != NULL ? x->session->hash : NULL, 0);
	if (r == 0 && x->session != NULL)
		r = a->session_put(store, x->session);
	return r;
}

/* False: a problem was written. */
static bool
apply(struct call *c, struct change *x)
{
	struct access *a = api_access(c->worker->api);
	int r = call_write(c, run_change, x);

	if (r >= 0)
		r = access_read(a, c->cfg->backend, c->worker->reader);
	if (r == -EACCES)
		call_problem(
		    c, 401, "password", "this user, or this code, does not count any more");
	else if (r < 0)
		call_error(c, r, "nothing was changed");
	return r >= 0;
}

static void
put_cookie(struct call *c, const char *secret, uint64_t seconds)
{
	snprintf(c->set_cookie, sizeof(c->set_cookie),
	    GATE_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%llu", secret,
	    (unsigned long long)seconds);
}

static void
put_session(struct call *c, const struct caller *who, const char *secret)
{
	static const char *const kinds[] = { "nobody", "local", "token", "session" };
	char csrf[ACCESS_CSRF_TEXT];
	struct access_user user;

	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "kind", kinds[who->kind]);
	ds_json_put_string(&c->json, "user", who->name);
	ds_json_put_string(&c->json, "role", who->role);
	ds_json_key(&c->json, "scopes");
	ds_json_array(&c->json);
	for (unsigned i = 0; i < who->scopes_len; i++)
		ds_json_string(&c->json, who->scopes[i]);
	ds_json_end(&c->json);
	ds_json_put_bool(&c->json, "must_change", who->must_change);
	if (who->kind == CALLER_SESSION) {
		access_csrf(secret, csrf);
		ds_json_put_string(&c->json, "csrf", csrf);
		ds_json_put_time(&c->json, "expires", who->expires_us);
		ds_json_put_time(
		    &c->json, "confirmed_until", who->confirmed_us + ACCESS_CONFIRM_US);
		if (access_user(api_access(c->worker->api), who->name, &user))
			ds_json_put_bool(&c->json, "totp", user.has_totp);
	}
	ds_json_end(&c->json);
}

/* ---- whether a password is right */

/* False: it has to wait for ms, and a problem was written. */
static bool
need_no_wait(struct call *c, uint64_t ms, const char *why)
{
	if (ms == 0)
		return true;
	c->retry_after_s = (unsigned)(ms / 1000 + 1);
	call_problem(c, 429, "too-many", "%s: wait %u s", why, c->retry_after_s);
	return false;
}

static bool
wait_first(struct call *c, struct signin *s, const char *name)
{
	uint64_t now_ms = ds_clock_monotonic_ms();
	uint64_t ms = DS_MAX(throttle_wait(&s->throttle, throttle_key(c->peer, name), now_ms),
	    throttle_wait(&s->throttle, throttle_key(c->peer, NULL), now_ms));
	int max = c->caller->kind == CALLER_SESSION ? CHECKS_MAX + 1 : CHECKS_MAX;

	if (!need_no_wait(c, ms, "too many wrong passwords"))
		return false;
	if (atomic_fetch_add(&s->checks, 1) < max)
		return true;
	atomic_fetch_sub(&s->checks, 1);
	return need_no_wait(c, 1, "others sign in just now");
}

/* Whose second factor is tried: from wherever, since who tries knows the password. */
static uint64_t
factor_key(const char *name)
{
	return throttle_key("second factor", name);
}

static void
refuse(struct call *c, struct signin *s, const char *name, const char *type, const char *why)
{
	static struct ds_log_rate rate;
	uint64_t now_ms = ds_clock_monotonic_ms();

	throttle_failed(&s->throttle, &throttle_user, throttle_key(c->peer, name), now_ms);
	throttle_failed(&s->throttle, &throttle_address, throttle_key(c->peer, NULL), now_ms);
	if (ds_log_pass(&rate, 30))
		ds_log(WARN, "a password or code was refused", "user=\"%s\" peer=%s what=%s", name,
		    c->peer, type);
	call_problem(c, 401, type, "%s", why);
}

/* The second factor of a user whose password is right; false: a problem was written. */
static bool
prove_code(struct call *c, struct signin *s, const char *code, struct access_user *user)
{
	uint64_t key = factor_key(user->name), now_ms = ds_clock_monotonic_ms(), step;

	if (*code == '\0') {
		call_problem(c, 401, "totp", "the code of the second factor is needed");
		return false;
	}
	if (!need_no_wait(c, throttle_wait(&s->throttle, key, now_ms), "too many wrong codes"))
		return false;
	step = totp_check(user->totp, code, ds_clock_wall_us(), user->totp_step);
	if (step == 0) {
		throttle_failed(&s->throttle, &throttle_user, key, now_ms);
		refuse(c, s, user->name, "totp", "the code is wrong, or was used already");
		return false;
	}
	throttle_passed(&s->throttle, key);
	user->totp_step = step;
	return true;
}

/* The password, and the code where the user has a second factor; on success *ret_user has the
 * code's step.  False: a problem was written. */
static bool
prove(struct call *c, const char *name, const char *password, struct access_user *ret_user)
{
	struct signin *s = api_signin(c->worker->api);
	const char *code;
	bool known = access_user(api_access(c->worker->api), name, ret_user), right;

	if (!call_text(c, "totp", "", 16, &code) || !wait_first(c, s, name))
		return false;
	right = password_check(password, known && !ret_user->disabled ? ret_user->password : "");
	atomic_fetch_sub(&s->checks, 1);
	if (!right) {
		refuse(c, s, name, "password", "user or password is wrong");
		return false;
	}
	if (ret_user->has_totp && !prove_code(c, s, code, ret_user))
		return false;
	throttle_passed(&s->throttle, throttle_key(c->peer, name));
	return true;
}

void
session_create(struct call *c)
{
	struct access_user user;
	struct session_row session = { .created_us = ds_clock_wall_us() };
	struct change x = { .login = &user, .session = &session };
	struct caller who = { .kind = CALLER_SESSION };
	char secret[ACCESS_SECRET_TEXT];
	const char *name, *password;

	if (!call_text(c, "user", "", CALLER_NAME_MAX - 1, &name) ||
	    !call_text(c, "password", "", PASSWORD_MAX, &password) ||
	    !prove(c, name, password, &user))
		return;
	if (access_make(secret, session.hash) < 0) {
		call_error(c, -EIO, "no random numbers");
		return;
	}
	session.user = user.name;
	session.expires_us = session.created_us + SESSION_US;
	session.confirmed_us = session.created_us;
	c->actor = c->subject = user.name;
	if (apply(c, &x)) {
		snprintf(who.name, sizeof(who.name), "%s", user.name);
		caller_take_role(&who, user.role);
		who.must_change = user.must_change;
		who.expires_us = session.expires_us;
		who.confirmed_us = session.confirmed_us;
		c->status = 201;
		put_cookie(c, secret, SESSION_US / 1000000);
		put_session(c, &who, secret);
	}
	explicit_bzero(secret, sizeof(secret));
}

void
session_show(struct call *c)
{
	put_session(c, c->caller, c->cookie);
}

/* A person with a session; false: a problem was written. */
static bool
need_session(struct call *c, struct access_user *ret)
{
	if (c->caller->kind == CALLER_SESSION &&
	    access_user(api_access(c->worker->api), c->caller->name, ret))
		return true;
	call_problem(c, 409, "conflict", "this is for people who signed in with a password");
	return false;
}

void
session_delete(struct call *c)
{
	struct access_user user;
	struct change x = { .ended = c->caller->session };

	if (!need_session(c, &user) || !apply(c, &x))
		return;
	put_cookie(c, "", 0);
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "user", user.name);
	ds_json_put_bool(&c->json, "signed_in", false);
	ds_json_end(&c->json);
}

/* The caller's session as it goes on. */
static struct session_row
renewed(const struct call *c)
{
	struct session_row row = { .user = c->caller->name,
		.created_us = c->caller->expires_us - SESSION_US,
		.expires_us = c->caller->expires_us,
		.confirmed_us = ds_clock_wall_us() };

	memcpy(row.hash, c->caller->session, sizeof(row.hash));
	return row;
}

static void
put_renewed(struct call *c, const struct session_row *session, bool must_change, const char *secret)
{
	struct caller who = *c->caller;

	who.confirmed_us = session->confirmed_us;
	who.must_change = must_change;
	put_session(c, &who, secret);
}

void
session_confirm(struct call *c)
{
	struct access_user user;
	struct session_row session;
	struct change x = { .login = &user, .session = &session };
	const char *password;

	if (!need_session(c, &user) || !call_text(c, "password", "", PASSWORD_MAX, &password) ||
	    !prove(c, c->caller->name, password, &user))
		return;
	session = renewed(c);
	if (apply(c, &x))
		put_renewed(c, &session, user.must_change, c->cookie);
}

/* The session goes on by another secret, so whoever knows the one that it had is out, as are the
 * user's other sessions.  False: a problem was written. */
static bool
change_password(struct call *c, const struct user_row *user)
{
	struct session_row session = renewed(c);
	struct change x = { .user = user, .session = &session, .others_of = c->caller->name };
	char secret[ACCESS_SECRET_TEXT];
	bool ret = false;

	if (access_make(secret, session.hash) < 0) {
		call_error(c, -EIO, "no random numbers");
	} else if (apply(c, &x)) {
		put_cookie(c, secret,
		    session.expires_us > session.confirmed_us
			? (session.expires_us - session.confirmed_us) / 1000000
			: 0);
		put_renewed(c, &session, false, secret);
		ret = true;
	}
	explicit_bzero(secret, sizeof(secret));
	return ret;
}

void
session_password(struct call *c)
{
	struct access_user user;
	struct user_row row;
	const char *current, *fresh, *flaw;
	char file[4096];

	if (!need_session(c, &user) || !call_text(c, "current", "", PASSWORD_MAX, &current) ||
	    !call_text(c, "new", "", PASSWORD_MAX, &fresh))
		return;
	flaw = password_flaw(fresh, c->caller->name);
	if (flaw == NULL && strcmp(current, fresh) == 0)
		flaw = "it is the one that it replaces";
	if (flaw != NULL) {
		call_problem(c, 400, "body", "new: this password will not do: %s", flaw);
		return;
	}
	if (!prove(c, c->caller->name, current, &user))
		return;
	if (password_hash(fresh, user.password) < 0) {
		call_error(c, -ENOMEM, "the password was not changed");
		return;
	}
	user.must_change = false;
	row = access_row(&user);
	if (!change_password(c, &row))
		return;
	/* What the first start wrote down for the first administrator has served. */
	snprintf(file, sizeof(file), "%s/" ACCESS_ADMIN_FILE, c->cfg->store->dir);
	if (strcmp(user.name, "admin") == 0)
		(void)unlink(file); /* usually gone */
}

/* ---- second factor: first a secret is offered, then it comes back with a code that proves it */

static bool
read_base32(const char *text, uint8_t ret[ACCESS_TOTP_SIZE])
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (; *text; text++) {
		unsigned v = *text >= 'A' && *text <= 'Z'   ? (unsigned)(*text - 'A')
			     : *text >= '2' && *text <= '7' ? (unsigned)(*text - '2' + 26)
							    : 32;

		if (v == 32)
			return false;
		bits = bits << 5 | v;
		have += 5;
		if (have < 8)
			continue;
		have -= 8;
		if (n == ACCESS_TOTP_SIZE)
			return false;
		ret[n++] = (uint8_t)(bits >> have);
	}
	return n == ACCESS_TOTP_SIZE && have == 0;
}

static void
offer(struct call *c)
{
	uint8_t secret[ACCESS_TOTP_SIZE];
	char text[TOTP_TEXT], uri[256];

	if (ds_random(secret, sizeof(secret)) < 0) {
		call_error(c, -EIO, "no random numbers");
		return;
	}
	totp_text(secret, text);
	explicit_bzero(secret, sizeof(secret));
	snprintf(uri, sizeof(uri), "otpauth://totp/DaemonSec:%s?secret=%s&issuer=DaemonSec",
	    c->caller->name, text);
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "secret", text);
	ds_json_put_string(&c->json, "uri", uri);
	ds_json_end(&c->json);
}

void
session_totp(struct call *c)
{
	struct access_user user;
	struct user_row row;
	struct change x = { .user = &row };
	const char *secret, *code;
	bool removed;

	if (!need_session(c, &user))
		return;
	if (user.must_change) {
		call_problem(c, 403, "password-change", "choose a password of your own first");
		return;
	}
	if (!call_text(c, "secret", "", 64, &secret) || !call_text(c, "code", "", 16, &code) ||
	    !call_flag(c, "remove", false, &removed))
		return;
	if (!removed && *secret == '\0') {
		offer(c);
		return;
	}
	user.has_totp = !removed;
	if (!removed &&
	    (!read_base32(secret, user.totp) ||
		(user.totp_step = totp_check(user.totp, code, ds_clock_wall_us(), 0)) == 0)) {
		call_problem(c, 400, "totp", "code: not the one that this secret makes now");
		return;
	}
	row = access_row(&user);
	if (apply(c, &x))
		put_session(c, c->caller, c->cookie);
}
