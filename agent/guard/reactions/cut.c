/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cut - ends established TCP connections: with an address, at a local port, or of a process.
 *
 * What an order names together must be true together.  In a container they are those of its own
 * network.  There is no way back: who was cut off connects again.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/evidence.h"
#include "agent/guard/identity.h"
#include "agent/guard/reactions/inside.h"
#include "agent/guard/reactions/never.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/reactions/sockets.h"
#include "agent/guard/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CUT_MAX     4096u
#define SOCKETS_MAX 1024u

struct wanted {
	struct reaction_call *call;
	int place;              /* the network namespace, or SOCKETS_HERE */
	struct network network; /* bits 0: any */
	uint16_t port;          /* 0: any */
	bool of_process;
	uint32_t inodes[SOCKETS_MAX];
	size_t inodes_len;
	struct connection *found;
	size_t len;
	bool spared; /* somebody who is never cut off */
};

static int
want(struct reaction_call *call, struct wanted *ret)
{
	const struct ds_order *o = call->order;

	*ret = (struct wanted){ .call = call,
		.place = SOCKETS_HERE,
		.port = (uint16_t)o->port,
		.of_process = o->pid != 0 };
	if (o->address[0] == '\0' && o->port == 0 && o->pid == 0)
		return reaction_fail(call, -EINVAL, "the order says not which connections");
	if (o->address[0] != '\0' && network_parse(o->address, &ret->network) < 0)
		return reaction_fail(call, -EINVAL, "\"%s\" is no address", o->address);
	if (ret->of_process)
		ret->inodes_len = sockets_of((pid_t)o->pid, ret->inodes, SOCKETS_MAX);
	return 0;
}

/* Of the process, or of the daemon that the order is about. */
static int
place_of(const struct ds_order *o)
{
	const struct daemon *d = o->pid == 0 ? daemon_find(o->daemon) : NULL;
	int fd = inside_open(d != NULL ? identity_pid(d->number) : (pid_t)o->pid);

	return fd >= 0 ? fd : SOCKETS_HERE;
}

static void
wanted_done(struct wanted *w)
{
	free(w->found);
	if (w->place != SOCKETS_HERE)
		(void)close(w->place);
}

static bool
has_inode(const struct wanted *w, uint32_t inode)
{
	for (size_t i = 0; i < w->inodes_len; i++)
		if (w->inodes[i] == inode)
			return true;
	return false;
}

static int
take(const struct connection *c, void *ctx)
{
	struct wanted *w = ctx;

	if ((w->network.bits != 0 && !network_overlaps(&w->network, &c->remote)) ||
	    (w->port != 0 && c->local_port != w->port) ||
	    (w->of_process && !has_inode(w, c->inode)))
		return 0;
	w->found[w->len++] = *c;
	return w->len == CUT_MAX;
}

/* The connections that are meant, without those that are never cut; how many, or -errno. */
static int
find(struct reaction_call *call, struct wanted *w)
{
	size_t kept = 0;
	int r = want(call, w);

	if (r < 0)
		return r;
	w->place = place_of(call->order);
	w->found = calloc(CUT_MAX, sizeof(*w->found));
	if (w->found == NULL)
		return reaction_fail(call, -ENOMEM, "no memory");
	r = sockets_each(w->place, false, take, w);
	for (size_t i = 0; i < w->len; i++) {
		if (never_check(call, &w->found[i].remote) < 0)
			w->spared = true;
		else
			w->found[kept++] = w->found[i];
	}
	w->len = kept;
	if (r == -EPERM && w->place != SOCKETS_HERE)
		return reaction_fail(call, -EOPNOTSUPP,
		    "the connections are in a network of its own, which the agent's unit does not let "
		    "it enter (RestrictNamespaces=)");
	return r < 0 ? reaction_fail(call, r, "sock_diag: %s", strerror(-r)) : (int)kept;
}

static int
check(struct reaction_call *call)
{
	static struct wanted w;
	int r;

	if (call->order->pid != 0) {
		r = target_check(call);
		if (r < 0)
			return r;
	}
	r = find(call, &w);
	wanted_done(&w);
	if (r != 0)
		return r < 0 ? r : 0;
	if (w.spared)
		return -EPERM; /* never_check() has said why */
	return reaction_fail(call, -ENOENT, "there is no such connection");
}

static int
prepare(struct reaction_call *call)
{
	static struct wanted w;
	char text[64];
	int r = find(call, &w);

	ds_json_key(call->evidence, "connections");
	ds_json_array(call->evidence);
	for (size_t i = 0; r > 0 && i < w.len && i < 32; i++) {
		network_format(&w.found[i].remote, text, sizeof(text));
		ds_json_object(call->evidence);
		ds_json_put_string(call->evidence, "remote", text);
		ds_json_put_uint(call->evidence, "remote_port", w.found[i].remote_port);
		ds_json_put_uint(call->evidence, "local_port", w.found[i].local_port);
		ds_json_end(call->evidence);
	}
	ds_json_end(call->evidence);
	wanted_done(&w);
	return r < 0 ? r : 0;
}

static int
apply(struct reaction_call *call)
{
	static struct wanted w;
	int r = find(call, &w), failed = 0;
	bool is_inside = w.place != SOCKETS_HERE;
	size_t done = 0;

	for (size_t i = 0; r > 0 && i < w.len; i++) {
		int e = sockets_destroy(w.place, &w.found[i]);

		if (e == 0)
			done++;
		else if (e != -ENOENT)
			failed = e;
	}
	wanted_done(&w);
	if (r < 0)
		return r;
	if (failed < 0)
		return reaction_fail(
		    call, failed, "%zu connections were cut, not all: %s", done, strerror(-failed));
	(void)reaction_fail(call, 0, "cut %zu connection%s%s", done, done == 1 ? "" : "s",
	    is_inside ? " in a network of its own" : "");
	return 0;
}

static int
read_back(struct reaction_call *call)
{
	static struct wanted w;
	char why[sizeof(call->why)];
	int r;

	memcpy(why, call->why, sizeof(why));
	r = find(call, &w);
	wanted_done(&w);
	memcpy(call->why, why, sizeof(why));
	return r < 0 ? r : r == 0;
}

const struct reaction reaction_cut = {
	.name = "cut",
	.help = "end established connections of an address, a port or a process",
	.per_minute = 600,
	.check = check,
	.prepare = prepare,
	.apply = apply,
	.read_back = read_back,
};
