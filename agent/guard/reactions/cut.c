/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cut - ends established TCP connections: with an address, at a local port, or of a process.
 *
 * What an order names together must be true together.  There is no way back: who was cut off
 * connects again.
 */
#include "agent/guard/evidence.h"
#include "agent/guard/reactions/never.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/reactions/sockets.h"
#include "agent/guard/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CUT_MAX     4096u
#define SOCKETS_MAX 1024u

struct wanted {
	struct reaction_call *call;
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

	*ret =
	    (struct wanted){ .call = call, .port = (uint16_t)o->port, .of_process = o->pid != 0 };
	if (o->address[0] == '\0' && o->port == 0 && o->pid == 0)
		return reaction_fail(call, -EINVAL, "the order says not which connections");
	if (o->address[0] != '\0' && network_parse(o->address, &ret->network) < 0)
		return reaction_fail(call, -EINVAL, "\"%s\" is no address", o->address);
	if (ret->of_process)
		ret->inodes_len = sockets_of((pid_t)o->pid, ret->inodes, SOCKETS_MAX);
	return 0;
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
	w->found = calloc(CUT_MAX, sizeof(*w->found));
	if (w->found == NULL)
		return reaction_fail(call, -ENOMEM, "no memory");
	r = sockets_each(false, take, w);
	for (size_t i = 0; i < w->len; i++) {
		if (never_check(call, &w->found[i].remote) < 0)
			w->spared = true;
		else
			w->found[kept++] = w->found[i];
	}
	w->len = kept;
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
	free(w.found);
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
	free(w.found);
	return r < 0 ? r : 0;
}

static int
apply(struct reaction_call *call)
{
	static struct wanted w;
	int r = find(call, &w), failed = 0;
	size_t done = 0;

	for (size_t i = 0; r > 0 && i < w.len; i++) {
		int e = sockets_destroy(&w.found[i]);

		if (e == 0)
			done++;
		else if (e != -ENOENT)
			failed = e;
	}
	free(w.found);
	if (r < 0)
		return r;
	if (failed < 0)
		return reaction_fail(
		    call, failed, "%zu connections were cut, not all: %s", done, strerror(-failed));
	(void)reaction_fail(call, 0, "cut %zu connection%s", done, done == 1 ? "" : "s");
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
	free(w.found);
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
