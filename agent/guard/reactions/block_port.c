/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block_port - nobody new gets to a port of this host but those who are never cut off; connections
 * that are open stay.
 *
 * The port by which people log in is blocked only when somebody may still come in.  Taken back
 * unless the server is heard afterwards.
 */
#include "agent/guard/process.h"
#include "agent/guard/program.h"
#include "agent/guard/reactions/allow.h"
#include "agent/guard/reactions/blocks.h"
#include "agent/guard/reactions/confirm.h"
#include "agent/guard/reactions/group.h"
#include "agent/guard/reactions/reach.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/reactions/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static struct confirm confirm;

static struct nft_element
element_of(const struct ds_order *o)
{
	return (struct nft_element){ .protocol = o->protocol != 0 ? o->protocol : IPPROTO_TCP,
		.port = (uint16_t)o->port };
}

struct listener {
	uint16_t port;
	uint32_t inode;
};

static int
find_listener(const struct connection *c, void *ctx)
{
	struct listener *l = ctx;

	if (c->local_port != l->port)
		return 0;
	l->inode = c->inode;
	return 1;
}

static int
is_login(pid_t pid, void *ctx)
{
	const struct listener *l = ctx;
	char exe[PROCESS_PATH_MAX];
	uint32_t inodes[64];
	size_t n;

	if (process_exe(pid, exe, sizeof(exe), NULL) < 0 || program_class_of(exe) != PROGRAM_LOGIN)
		return 0;
	n = sockets_of(pid, inodes, DS_LEN(inodes));
	for (size_t i = 0; i < n; i++)
		if (inodes[i] == l->inode)
			return 1;
	return 0;
}

/* Whether people log in by this port. */
static bool
is_login_port(uint16_t port)
{
	struct listener l = { .port = port };

	if (sockets_each(SOCKETS_HERE, true, find_listener, &l) != 1)
		return false;
	return port == 22 || process_each(is_login, &l) == 1;
}

static int
is_server_here(const struct connection *c, void *ctx)
{
	const struct listener *l = ctx;

	/* Our own connection to a server on this host, or through a tunnel that ends here. */
	return c->remote_port == l->port && network_overlaps(&c->local, &c->remote);
}

static int
check_port(struct reaction_call *call)
{
	struct nft_element e = element_of(call->order);
	struct listener l = { .port = e.port };

	if (e.port == 0 || (e.protocol != IPPROTO_TCP && e.protocol != IPPROTO_UDP))
		return reaction_fail(call, -EINVAL, "the order says not which port");
	if (e.protocol == IPPROTO_UDP && (e.port == 68 || e.port == 546))
		return reaction_fail(call, -EPERM, "port %u keeps this host's address", e.port);
	if (e.protocol != IPPROTO_TCP || reach_is_apart(call))
		return 0;
	if (is_login_port(e.port) && !allow_lets_people_in(call))
		return reaction_fail(call, -EPERM,
		    "port %u is how people log in, and nobody could any more", e.port);
	if (sockets_each(SOCKETS_HERE, false, is_server_here, &l) == 1 && confirm_is_possible())
		return reaction_fail(call, -EPERM, "port %u has connections of this host", e.port);
	return 0;
}

static int
check(struct reaction_call *call)
{
	struct nft_element e = element_of(call->order);
	int r = check_port(call);

	return r < 0 ? r : reach_check(call, &e);
}

static int
prepare(struct reaction_call *call)
{
	struct nft_element e = element_of(call->order);

	ds_json_put_uint(call->evidence, "port", e.port);
	ds_json_put_string(call->evidence, "protocol", e.protocol == IPPROTO_UDP ? "udp" : "tcp");
	return reach_put(call, &e);
}

static int
apply(struct reaction_call *call)
{
	struct nft_element e = element_of(call->order);
	bool heard = confirm_is_possible();
	int r = reach_get(call, &e);

	if (r == 0)
		r = allow_fill(call, group_is_network(e.group) ? e.group : 0);
	if (r == 0)
		r = blocks_add(call, &e);
	if (r == 0)
		reach_say(call);
	if (r == 0 && heard)
		confirm_begin(&confirm);
	return r;
}

static int
read_back(struct reaction_call *call)
{
	struct nft_element e = element_of(call->order);
	int r = reach_get(call, &e);

	return r < 0 ? r : blocks_has(call, &e);
}

static int
undo(struct reaction_call *call)
{
	struct nft_element e = element_of(call->order);
	int r = reach_get(call, &e);

	return r < 0 ? r : blocks_remove(call, &e);
}

/* Nobody is cut off again who is not heard: it was confirmed before the restart, or will be. */
static int
restore(struct reaction_call *call)
{
	struct nft_element e = element_of(call->order);
	int r = reach_get(call, &e);

	if (r == 0 && !group_is_network(e.group))
		r = check_port(call);
	if (r == 0)
		r = blocks_await(call, &e);
	return r != 0 ? r : apply(call);
}

static int
keep(struct reaction_call *call)
{
	if (confirm_look(&confirm) == -ETIMEDOUT)
		return reaction_fail(
		    call, -ECANCELED, "taken back: the server was not heard afterwards");
	return blocks_keep(call);
}

const struct reaction reaction_block_port = {
	.name = "block_port",
	.help = "let nobody new connect to a port but those who are never cut off",
	.lifetime_ms = 600000,
	.check = check,
	.prepare = prepare,
	.apply = apply,
	.read_back = read_back,
	.undo = undo,
	.restore = restore,
	.keep = keep,
};
