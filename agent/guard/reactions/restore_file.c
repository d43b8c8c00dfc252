/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_file - a file of a daemon becomes what it was.
 *
 * What is there goes to the vault as evidence, the vault's copy takes its place in one step, and
 * the daemon's own check has to accept it before the daemon reads it; when the daemon is not well
 * afterwards, everything goes back.  Left alone: what a package manager is changing, and what the
 * package database has so.
 */
#include "agent/guard/file_state.h"
#include "agent/guard/integrity.h"
#include "agent/guard/package_digest.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/replace.h"
#include "agent/guard/service.h"
#include "agent/guard/vault.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAEMONS_MAX 4u /* that are checked and reloaded */

/* The inverse: what was there, what comes back, and the name of a directory put aside. */
struct plan {
	struct file_meta before, after;
	char aside[300];
	uint64_t device, inode; /* of what was there: who runs it has to be started anew */
};

static void
hex_of(const uint8_t hash[HASH_SIZE], char ret[2 * HASH_SIZE + 1])
{
	for (size_t i = 0; i < HASH_SIZE; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

/* The state to go back to: the one that was asked for, else the latest trusted one.  Of several
 * with the same contents (only the mode was changed), one that it is not already, and a trusted one
 * first. */
static const struct file_meta *
choose(const struct vault_history *h, const char *path, const char *sha256)
{
	const struct file_meta *best = NULL;
	char hex[2 * HASH_SIZE + 1];
	int best_points = -1;

	for (size_t i = 0; i < h->len; i++) {
		const struct file_meta *m = &h->version[i];
		int points;

		hex_of(m->sha256, hex);
		if (sha256[0] == '\0' && m->trusted)
			return m;
		if (sha256[0] == '\0' || !m->hashed || strcasecmp(hex, sha256) != 0)
			continue;
		points = 2 * (replace_is(path, m) != 1) + m->trusted;
		if (points > best_points)
			best = m;
		best_points = DS_MAX(points, best_points);
	}
	return best;
}

/* What the package database has says nothing of a file of which only owner, mode or attributes were
 * changed. */
static int
check_package(struct reaction_call *call, const struct file_meta *want)
{
	const char *path = call->order->path, *package = "";
	struct file_state last;
	int path_fd, fd;
	bool agrees;

	if (call->order->mode == DS_ORDER_OPERATOR || !integrity_last(path, &last, &package))
		return 0; /* a person decides */
	if (package_worker("") != 0)
		return reaction_fail(call, -EBUSY, "a package manager is at work");
	path_fd = file_open_path(AT_FDCWD, path);
	fd = path_fd >= 0 ? file_reopen(path_fd) : -1;
	agrees = fd >= 0 && replace_has_contents(path, want) != 1 &&
		 package_verify("", package, path, fd) == PACKAGE_AGREES;
	if (fd >= 0)
		(void)close(fd);
	if (path_fd >= 0)
		(void)close(path_fd);
	return agrees ? reaction_fail(call, -EPERM, "package %.100s has it so", package) : 0;
}

static int
check(struct reaction_call *call)
{
	const char *path = call->order->path;
	const struct file_meta *m;
	struct vault_history *h;
	int r;

	if (path[0] != '/')
		return reaction_fail(call, -EINVAL, "restore_file needs an absolute path");
	if (strncmp(call->order->daemon, "container:", strlen("container:")) == 0)
		return reaction_fail(call, -EPERM,
		    "%.200s has a root of its own, of which nothing is kept: start it anew from its "
		    "image",
		    call->order->daemon);
	if (vault_history(path, &h) < 0)
		return reaction_fail(
		    call, -EPERM, "nothing is known of %.300s: it is no file of a daemon", path);
	m = choose(h, path, call->order->sha256);
	if (m == NULL)
		r = reaction_fail(call, -EPERM, "the vault has no such state of %.300s", path);
	else if (replace_is(path, m) == 1)
		r = reaction_fail(call, -ENOENT, "%.300s is as it was", path);
	else if (m->type == FILE_REGULAR && !vault_has(m->sha256))
		r = reaction_fail(call, -EPERM, "the vault has no copy of it any more");
	else
		r = check_package(call, m);
	free(h);
	return r;
}

/* What is there now, its contents as evidence. */
static int
take_evidence(struct reaction_call *call, struct plan *p)
{
	int path_fd = file_open_path(AT_FDCWD, call->order->path), fd, r;
	struct file_state st;

	r = file_meta_read(path_fd, &p->before);
	if (r == 0 && file_state_read(path_fd, &st) == 0) {
		p->device = st.key.device;
		p->inode = st.key.inode;
	}
	if (r == 0 && p->before.type == FILE_REGULAR) {
		fd = file_reopen(path_fd);
		r = fd < 0 ? fd : vault_put(fd, VAULT_EVIDENCE, p->before.sha256);
		p->before.hashed = r == 0;
		if (fd >= 0)
			(void)close(fd);
	}
	if (path_fd >= 0)
		(void)close(path_fd);
	return r < 0 ? reaction_fail(
			   call, r, "what is there cannot be kept as evidence: %s", strerror(-r))
		     : 0;
}

static void
tell_state(struct ds_json *j, const char *key, const struct file_meta *m)
{
	static const char *const types[] = { "unknown", "absent", "file", "link", "directory",
		"other" };
	char hex[2 * HASH_SIZE + 1], mode[8];

	ds_json_key(j, key);
	ds_json_object(j);
	ds_json_put_string(j, "type", types[m->type]);
	if (m->hashed) {
		hex_of(m->sha256, hex);
		ds_json_put_string(j, "sha256", hex);
	}
	if (m->type == FILE_LINK)
		ds_json_put_string(j, "target", m->target);
	if (m->type != FILE_ABSENT) {
		ds_json_put_uint(j, "size", m->size);
		(void)snprintf(mode, sizeof(mode), "%04o", m->mode & 07777);
		ds_json_put_string(j, "mode", mode);
		ds_json_put_uint(j, "uid", m->uid);
		ds_json_put_uint(j, "gid", m->gid);
		ds_json_put_time(j, "modified", (uint64_t)m->mtime_ns / 1000);
	}
	ds_json_end(j);
}

static const char *
package_text(const char *path, const struct file_meta *m)
{
	static const char *const texts[] = { [PACKAGE_UNKNOWN] = "unknown",
		[PACKAGE_AGREES] = "agrees",
		[PACKAGE_DIFFERS] = "differs" };
	enum package_word word = PACKAGE_UNKNOWN;
	const char *package = "";
	struct file_state last;
	int fd = m->type == FILE_REGULAR ? vault_get(m->sha256) : -1;

	if (fd >= 0 && integrity_last(path, &last, &package))
		word = package_verify("", package, path, fd);
	if (fd >= 0)
		(void)close(fd);
	return texts[word];
}

static int
put_plan(struct reaction_call *call, const struct plan *p)
{
	int r = file_meta_put(&call->inverse, &p->before);

	if (r == 0)
		r = file_meta_put(&call->inverse, &p->after);
	if (r == 0)
		r = ds_buf_put_str(&call->inverse, p->aside);
	if (r == 0)
		r = ds_buf_put_u64(&call->inverse, p->device);
	return r < 0 ? r : ds_buf_put_u64(&call->inverse, p->inode);
}

static int
get_plan(struct reaction_call *call, struct plan *ret)
{
	const uint8_t *aside;
	size_t len;
	int r = file_meta_get(&call->inverse, &ret->before);

	if (r == 0)
		r = file_meta_get(&call->inverse, &ret->after);
	if (r == 0)
		r = ds_buf_get_bytes(&call->inverse, sizeof(ret->aside) - 1, &aside, &len);
	if (r == 0) {
		memcpy(ret->aside, aside, len);
		ret->aside[len] = '\0';
		r = ds_buf_get_u64(&call->inverse, &ret->device);
	}
	if (r == 0)
		r = ds_buf_get_u64(&call->inverse, &ret->inode);
	return r < 0 ? reaction_fail(call, r, "the ledger's entry is damaged") : 0;
}

/* What all that comes after prepare has in common. */
static int
with_plan(struct reaction_call *call, int (*step)(struct reaction_call *call, const struct plan *p))
{
	struct plan *p = calloc(1, sizeof(*p));
	int r = p == NULL ? -ENOMEM : get_plan(call, p);

	if (r == 0)
		r = step(call, p);
	free(p);
	return r;
}

static int
prepare(struct reaction_call *call)
{
	const char *path = call->order->path;
	const struct file_meta *m;
	struct vault_history *h;
	struct plan *p;
	char id[33];
	int r = vault_history(path, &h);

	if (r < 0)
		return reaction_fail(call, r, "nothing is known of %.300s", path);
	m = choose(h, path, call->order->sha256);
	p = calloc(1, sizeof(*p));
	if (m == NULL || p == NULL) {
		free(h);
		free(p);
		return m == NULL ? reaction_fail(call, -ESRCH, "it is as it was") : -ENOMEM;
	}
	p->after = *m;
	free(h);
	ds_order_id_format(call->order->id, id);
	(void)snprintf(
	    p->aside, sizeof(p->aside), "%.200s.daemonsec-%.12s", strrchr(path, '/') + 1, id);
	r = take_evidence(call, p);
	if (r == 0) {
		tell_state(call->evidence, "replaced", &p->before);
		tell_state(call->evidence, "restored", &p->after);
		ds_json_put_string(call->evidence, "package", package_text(path, &p->after));
		r = put_plan(call, p);
	}
	free(p);
	return r;
}

/* ---- the daemons that use it */

struct users {
	struct service service[DAEMONS_MAX];
	bool restart[DAEMONS_MAX]; /* it runs what was there */
	size_t len;
};

/* By the time the file is back, the process runs one without a name. */
static void
set_program(struct service *s, const char *path, uint64_t device, uint64_t inode)
{
	char exe[64];
	struct stat st;

	(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)s->pid);
	if (stat(exe, &st) == 0 && st.st_dev == device && st.st_ino == inode)
		(void)snprintf(s->exe, sizeof(s->exe), "%s", path);
}

static struct users *
users_of(const char *path, uint64_t device, uint64_t inode)
{
	struct users *u = calloc(1, sizeof(*u));
	uint32_t numbers[INTEGRITY_USERS];
	size_t n = integrity_users(path, numbers);

	for (size_t i = 0; u != NULL && i < n && u->len < DAEMONS_MAX; i++) {
		struct service *s = &u->service[u->len];

		/* One that was started from what was there a moment ago may be known by nothing
		 * else; what does not run will read the file when it does. */
		if (service_of(numbers[i], s) < 0 &&
		    (inode == 0 || service_of_file(numbers[i], device, inode, s) < 0))
			continue;
		set_program(s, path, device, inode);
		u->restart[u->len++] = inode != 0 && service_maps(s->pid, device, inode);
	}
	return u;
}

/* The daemon's own check, then whatever makes it use the file, then whether it is well. */
static int
bring_in(struct reaction_call *call, const struct users *u, bool is_config)
{
	int r = 0;

	for (size_t i = 0; i < u->len && is_config; i++) {
		r = service_check(&u->service[i], call->why, sizeof(call->why));
		if (r == 0)
			return -EBADMSG;
		if (r < 0 && r != -ENOENT)
			return r;
	}
	for (size_t i = 0; i < u->len; i++) {
		const struct service *s = &u->service[i];

		if (u->restart[i])
			r = service_restart(s, call->why, sizeof(call->why));
		else if (is_config)
			r = service_reload(s, call->why, sizeof(call->why));
		else
			continue; /* it runs the file from before */
		if (r < 0)
			return r;
		if (service_probe(s, u->restart[i] ? s->start_ticks + 1 : 0, is_config, call->why,
			sizeof(call->why)) == 0)
			return -EIO;
	}
	return 0;
}

static int
put_back(struct reaction_call *call, const struct file_meta *want, const char *aside)
{
	const char *path = call->order->path;
	char why[256] = "";
	int r = want->type == FILE_DIRECTORY ? replace_back(path, aside)
					     : replace_file(path, want, aside, why, sizeof(why));

	integrity_reacted(path);
	return r < 0 ? reaction_fail(call, r, "%.300s: %s", path, why) : 0;
}

static int
apply_plan(struct reaction_call *call, const struct plan *p)
{
	/* After a crash it may be there already. */
	if (replace_is(call->order->path, &p->after) == 1)
		return 0;
	return put_back(call, &p->after, p->aside);
}

static int
apply(struct reaction_call *call)
{
	return with_plan(call, apply_plan);
}

/* They read what is there now; what they say to it does not matter any more. */
static void
reload(struct reaction_call *call, const struct users *u)
{
	char why[sizeof(call->why)];

	for (size_t i = 0; i < u->len; i++)
		if (service_reload(&u->service[i], why, sizeof(why)) < 0)
			continue;
}

static bool
has_same_contents(const struct plan *p)
{
	return p->before.type == FILE_REGULAR && p->after.type == FILE_REGULAR &&
	       p->before.hashed && p->after.hashed &&
	       memcmp(p->before.sha256, p->after.sha256, HASH_SIZE) == 0;
}

static int
settle_plan(struct reaction_call *call, const struct plan *p)
{
	const char *path = call->order->path;
	struct users *u = NULL;
	int r = 0;

	if (has_same_contents(p))
		return 0; /* whoever has read it has nothing new to read */
	u = users_of(path, p->device, p->inode);
	if (u == NULL)
		r = -ENOMEM;
	else if (call->round > 0)
		reload(call, u);
	else
		r = bring_in(call, u, integrity_is_config(path));
	free(u);
	return r;
}

static int
settle(struct reaction_call *call)
{
	return with_plan(call, settle_plan);
}

/* It does not do (call->kept says why): everything as it was, and the daemon is told so. */
static int
go_back(struct reaction_call *call, const struct plan *p)
{
	int error = call->kept;
	char first[256];

	(void)snprintf(first, sizeof(first), "%.255s", call->why);
	if (put_back(call, &p->before, p->aside) < 0)
		return reaction_fail(call, error,
		    "%s; and what was there cannot be brought back: it is in the vault", first);
	call->kept = reaction_fail(call, error, "gone back: %s", first);
	return integrity_is_config(call->order->path) && error != -EBADMSG ? -EAGAIN : error;
}

static void
remember(const char *path, const struct file_meta *m)
{
	if (vault_remember(path, m) < 0)
		ds_log(WARN, "what was put back is not remembered", "path=\"%s\"", path);
}

static int
keep_plan(struct reaction_call *call, const struct plan *p)
{
	remember(call->order->path, &p->after);
	return reaction_fail(
	    call, 0, "%.300s is as it was; what was there is in the vault", call->order->path);
}

static int
settled(struct reaction_call *call, int result)
{
	if (call->round > 0)
		return call->kept;
	call->kept = result;
	return with_plan(call, result < 0 ? go_back : keep_plan);
}

static int
read_plan(struct reaction_call *call, const struct plan *p)
{
	return replace_is(call->order->path, &p->after);
}

static int
read_back(struct reaction_call *call)
{
	return with_plan(call, read_plan);
}

/* Which daemons use it. */
static bool
is_ready(const struct reaction_call *call)
{
	uint32_t numbers[INTEGRITY_USERS];

	return integrity_users(call->order->path, numbers) > 0;
}

/* After a crash what was there may be back already. */
static int
undo_plan(struct reaction_call *call, const struct plan *p)
{
	const char *path = call->order->path;
	int r = 0;

	if (replace_is(path, &p->after) == 1)
		r = put_back(call, &p->before, p->aside);
	else if (replace_is(path, &p->before) != 1)
		(void)reaction_fail(
		    call, 0, "%.300s was changed since, and is left as it is", path);
	if (r == 0 && call->why[0] == '\0')
		remember(path, &p->before);
	return r;
}

static int
undo(struct reaction_call *call)
{
	return with_plan(call, undo_plan);
}

/* Whoever reads it reads what was asked for; what they say to that does not matter. */
static int
unsettle_plan(struct reaction_call *call, const struct plan *p)
{
	const char *path = call->order->path;
	struct users *u = NULL;

	if (integrity_is_config(path) && replace_is(path, &p->before) == 1)
		u = users_of(path, 0, 0);
	if (u != NULL)
		reload(call, u);
	free(u);
	return 0;
}

static int
unsettle(struct reaction_call *call)
{
	return with_plan(call, unsettle_plan);
}

const struct reaction reaction_restore_file = {
	.name = "restore_file",
	.help = "a file of a daemon becomes what it was; undo brings back what was there instead",
	.check = check,
	.prepare = prepare,
	.apply = apply,
	.settle = settle,
	.settled = settled,
	.read_back = read_back,
	.undo = undo,
	.unsettle = unsettle,
	.is_ready = is_ready,
};
