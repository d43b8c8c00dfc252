/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * users - people and their roles: list, make, change, remove; and the first of them.
 *
 * On the first pool thread (writes run one after another), but users_first(), which main's thread
 * calls before anybody is answered.
 */
#include "server/api/users.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "server/api/routes.h"
#include "server/api/signin.h"
#include "server/api/state.h"
#include "server/store/audit.h"
#include "server/store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
put_user(struct ds_json *j, const struct user_row *row)
{
	ds_json_put_string(j, "name", row->name);
	ds_json_put_string(j, "role", row->role);
	ds_json_put_bool(j, "totp", row->has_totp);
	ds_json_put_bool(j, "disabled", row->disabled);
	ds_json_put_bool(j, "must_change", row->must_change);
	ds_json_put_time(j, "created", row->created_us);
	if (row->login_us != 0)
		ds_json_put_time(j, "last_login", row->login_us);
}

static int
list_user(const struct user_row *row, void *ctx)
{
	struct call *c = ctx;

	if (!call_page_has(c, row->name))
		return 0;
	ds_json_object(&c->json);
	put_user(&c->json, row);
	ds_json_end(&c->json);
	return 0;
}

void
users_list(struct call *c)
{
	int r;

	if (!call_begin_page(c))
		return;
	r = c->cfg->backend->access->each_user(c->worker->reader, list_user, c);
	if (r < 0)
		call_error(c, r, "cannot read the users");
	else
		call_end_page(c);
}

static int
run_put(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->access->user_put(store, ctx);
}

static int
run_disable(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct user_row *row = ctx;
	int r = backend->access->user_put(store, row);

	return r < 0 ? r : backend->access->sessions_delete(store, row->name, NULL, 0);
}

static int
run_delete(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->access->user_delete(store, ctx);
}

static bool
apply(struct call *c,
    int (*run)(const struct store_backend *backend, struct store *store, void *ctx), void *ctx)
{
	int r = call_write(c, run, ctx);

	if (r >= 0)
		r = access_read(api_access(c->worker->api), c->cfg->backend, c->worker->reader);
	if (r < 0)
		call_error(c, r, "nothing was changed");
	return r >= 0;
}

static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < CALLER_NAME_MAX && name[0] != '-' && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") ==
		   len;
}

/* ?role= of the body; NULL and a problem. */
static const struct role *
read_role(struct call *c, const char *fallback)
{
	const struct role *role;
	const char *name;

	if (!call_text(c, "role", fallback, 32, &name))
		return NULL;
	role = role_find(name);
	if (role == NULL)
		call_problem(c, 400, "body", "role: expected viewer, analyst, operator or admin");
	return role;
}

/* The password of the body, or one that is made (then in `made` too); false: a problem. */
static bool
take_password(struct call *c, struct access_user *u, char made[PASSWORD_MADE])
{
	const char *given, *flaw;
	int r = 0;

	made[0] = '\0';
	if (!call_text(c, "password", NULL, PASSWORD_MAX, &given))
		return false;
	flaw = given != NULL ? password_flaw(given, u->name) : NULL;
	if (flaw != NULL) {
		call_problem(c, 400, "body", "password: this one will not do: %s", flaw);
		return false;
	}
	if (given == NULL) {
		r = password_make(made);
		given = made;
		u->must_change = true;
	}
	if (r == 0)
		r = password_hash(given, u->password);
	if (r < 0)
		call_error(c, r, "no password was made");
	return r == 0;
}

static void
answer(struct call *c, const struct user_row *row, const char *made)
{
	ds_json_object(&c->json);
	put_user(&c->json, row);
	if (*made)
		ds_json_put_string(&c->json, "password", made);
	ds_json_end(&c->json);
}

void
users_create(struct call *c)
{
	struct access_user user = { .created_us = ds_clock_wall_us() }, other;
	struct user_row row;
	char made[PASSWORD_MADE];
	const char *name;

	if (!call_text(c, "name", "", CALLER_NAME_MAX, &name))
		return;
	if (!is_name(name)) {
		call_problem(c, 400, "body", "name: expected letters, digits and ._@-");
		return;
	}
	if (access_user(api_access(c->worker->api), name, &other)) {
		call_problem(c, 409, "conflict", "there is a user \"%s\" already", name);
		return;
	}
	user.role = read_role(c, "viewer");
	snprintf(user.name, sizeof(user.name), "%s", name);
	if (user.role == NULL || !take_password(c, &user, made))
		return;
	row = access_row(&user);
	c->subject = name;
	if (apply(c, run_put, &row)) {
		c->status = 201;
		answer(c, &row, made);
	}
	explicit_bzero(made, sizeof(made));
}

static bool
find(struct call *c, struct access_user *ret)
{
	if (access_user(api_access(c->worker->api), c->id, ret))
		return true;
	call_problem(c, 404, "not-found", "there is no user \"%s\"", c->id);
	return false;
}

/* Somebody must be left who may let others in. */
static bool
is_last_admin(struct call *c, const struct access_user *u)
{
	if (u->disabled || strcmp(u->role->name, "admin") != 0 ||
	    access_admins(api_access(c->worker->api)) > 1)
		return false;
	call_problem(c, 409, "conflict", "\"%s\" is the only administrator", u->name);
	return true;
}

void
users_change(struct call *c)
{
	struct access_user user, before;
	struct user_row row;
	char made[PASSWORD_MADE] = "";
	bool reset, keeps_totp;

	if (!find(c, &user))
		return;
	before = user;
	user.role = read_role(c, user.role->name);
	if (user.role == NULL || !call_flag(c, "disabled", user.disabled, &user.disabled) ||
	    !call_flag(c, "reset", false, &reset) || !call_flag(c, "totp", true, &keeps_totp))
		return;
	if ((user.disabled || strcmp(user.role->name, "admin") != 0) && is_last_admin(c, &before))
		return;
	if ((reset || json_object_get(c->body, "password") != NULL) &&
	    !take_password(c, &user, made))
		return;
	user.has_totp = user.has_totp && keeps_totp;
	row = access_row(&user);
	/* Whoever is signed in with what was taken away signs in again. */
	if (apply(c, run_disable, &row))
		answer(c, &row, made);
	explicit_bzero(made, sizeof(made));
}

void
users_delete(struct call *c)
{
	struct access_user user;
	struct user_row row;

	if (!find(c, &user) || is_last_admin(c, &user))
		return;
	row = access_row(&user);
	if (apply(c, run_delete, user.name))
		answer(c, &row, "");
}

/* ---- the first start */

static int
run_first(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct user_row *row = ctx;
	struct audit_row audit = { .time_us = row->created_us,
		.actor = "server",
		.action = "first administrator",
		.subject = row->name,
		.detail = "{}" };
	int r = backend->access->user_put(store, row);

	return r < 0 ? r : audit_append(backend, store, &audit);
}

static int
write_first(const struct api_config *cfg, struct access_user *user)
{
	struct user_row row = access_row(user);
	struct ds_mailbox *replies = ds_mailbox_new(1);
	int r = -ENOMEM;

	if (replies != NULL)
		r = writer_run(cfg->writer, replies, run_first, &row);
	ds_mailbox_free(replies);
	return r;
}

static int
write_down(const char *dir, const char *password)
{
	char path[4096];
	size_t len = strlen(password);
	int fd;
	bool done;

	snprintf(path, sizeof(path), "%s/" ACCESS_ADMIN_FILE, dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	done =
	    write(fd, password, len) == (ssize_t)len && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
	if (close(fd) < 0 || !done)
		return -EIO;
	ds_log(INFO, "made the first user \"admin\"; the one-time password is in a file",
	    "path=\"%s\"", path);
	return 0;
}

int
users_first(const struct api_config *cfg, struct access *a)
{
	struct access_user user = { .created_us = ds_clock_wall_us(), .must_change = true };
	char made[PASSWORD_MADE];
	int r;

	if (access_admins(a) > 0)
		return 0;
	snprintf(user.name, sizeof(user.name), "admin");
	user.role = role_find("admin");
	r = password_make(made);
	if (r == 0)
		r = password_hash(made, user.password);
	/* First the paper, then the user: the other way round a crash would lock everybody out. */
	if (r == 0)
		r = write_down(cfg->store->dir, made);
	if (r == 0)
		r = write_first(cfg, &user);
	explicit_bzero(made, sizeof(made));
	return r;
}
