/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * never - the addresses that are never cut off.
 *
 * Called by block_ip, block_port, cut and isolate.  The rows of `sources` are read again each time;
 * who fills the table wins nothing: when it is full everything is refused.
 */
#include "agent/guard/reactions/never.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"
#include "agent/guard/reactions/sockets.h"
#include "agent/guard/reactions/spared.h"
#include "agent/guard/target.h"
#include "lib/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_MS     250u
#define SOCKETS_MAX  256u
#define PORTS_MAX    64u /* decoys, metrics */
#define SESSIONS_MAX 1024u
#define BELOW_MAX    64u

static struct never list[NEVER_MAX];
static size_t list_len;
static bool overflow;
static uint64_t read_ms;

static void
add(const struct network *n, const char *why)
{
	if (list_len == NEVER_MAX) {
		overflow = true;
		return;
	}
	list[list_len].network = *n;
	(void)snprintf(list[list_len].why, sizeof(list[list_len].why), "%s", why);
	list_len++;
}

static void
add_text(const char *text, const char *why)
{
	struct network n;

	if (network_parse(text, &n) == 0)
		add(&n, why);
}

/* ---- sources */

static void
add_configured(const struct reaction_call *call)
{
	for (size_t i = 0; i < call->config->never_block.len; i++)
		add_text(call->config->never_block.items[i], "in [reaction] never_block");
	if (call->order != NULL)
		add_text(call->order->session_address, "of the session that asked");
}

static void
add_constant(const struct reaction_call *call)
{
	(void)call;
	add_text("127.0.0.0/8", "this host");
	add_text("::1", "this host");
	add_text("0.0.0.0", "no address");
	add_text("::", "no address");
	add_text("224.0.0.0/4", "multicast");
	add_text("ff00::/8", "multicast");
	add_text("255.255.255.255", "broadcast");
	add_text("fe80::/10", "of the link: neighbour discovery");
}

static void
add_own(const struct reaction_call *call)
{
	struct ifaddrs *all, *at;
	struct network n;

	(void)call;
	if (getifaddrs(&all) < 0)
		return;
	for (at = all; at != NULL; at = at->ifa_next) {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		int r = -EINVAL;

		if (at->ifa_addr == NULL)
			continue;
		if (at->ifa_addr->sa_family == AF_INET) {
			memcpy(&v4, at->ifa_addr, sizeof(v4));
			r = network_of(&v4.sin_addr, 4, &n);
		} else if (at->ifa_addr->sa_family == AF_INET6) {
			memcpy(&v6, at->ifa_addr, sizeof(v6));
			r = network_of(&v6.sin6_addr, 16, &n);
		}
		if (r == 0)
			add(&n, "this host's own");
	}
	freeifaddrs(all);
}

/* Addresses of [server] address: host:port[,host:port], [v6]:port; names are left to the uplink's
 * connection. */
static void
add_server(const struct reaction_call *call)
{
	const char *at = call->config->address;

	while (*at != '\0') {
		size_t len = strcspn(at, ",");
		char host[128];

		(void)snprintf(host, sizeof(host), "%.*s", (int)len, at);
		if (strrchr(host, ':') != NULL)
			*strrchr(host, ':') = '\0';
		if (host[0] == '[' && strchr(host, ']') != NULL) {
			*strchr(host, ']') = '\0';
			add_text(host + 1, "the server");
		} else {
			add_text(host, "the server");
		}
		at += len + (at[len] == ',');
	}
}

static void
add_resolvers_of(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[512], address[128];

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "nameserver %127[0-9a-fA-F:.]", address) == 1)
			add_text(address, "a resolver");
	(void)fclose(f);
}

static void
add_resolvers(const struct reaction_call *call)
{
	(void)call;
	add_resolvers_of("/etc/resolv.conf");
	add_resolvers_of("/run/systemd/resolve/resolv.conf");
}

static void
add_gateways(const struct reaction_call *call)
{
	FILE *f = fopen("/proc/net/route", "re");
	char line[512], hex[40], text[INET6_ADDRSTRLEN + 8];
	unsigned gateway, flags;
	struct network n;

	(void)call;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*s %*x %x %x", &gateway, &flags) == 2 &&
		    (flags & RTF_GATEWAY) != 0 && network_of(&gateway, 4, &n) == 0)
			add(&n, "a gateway");
	if (f != NULL)
		(void)fclose(f);
	f = fopen("/proc/net/ipv6_route", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*s %*s %*s %*s %32s %*s %*s %*s %x", hex, &flags) == 2 &&
		    (flags & RTF_GATEWAY) != 0) {
			size_t at = 0;

			for (size_t i = 0; i < 32 && hex[i] != '\0'; i++) {
				text[at++] = hex[i];
				if (i % 4 == 3 && i < 31)
					text[at++] = ':';
			}
			text[at] = '\0';
			add_text(text, "a gateway");
		}
	if (f != NULL)
		(void)fclose(f);
}

/* ---- connections that count: the uplink's, and those of sessions */

struct owners {
	uint32_t inodes[SESSIONS_MAX];
	size_t len;
	const char *why;
	uint32_t within_ms;
	uint16_t ports[PORTS_MAX]; /* who comes in by one of these was not called */
	size_t ports_len;
};

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool
owns(const struct owners *o, uint32_t inode)
{
	return o->len > 0 && bsearch(&inode, o->inodes, o->len, sizeof(inode), by_number) != NULL;
}

/* A connection of theirs that they made; who came in by a port of theirs is somebody else. */
static bool
is_called(const struct owners *o, const struct connection *c)
{
	for (size_t i = 0; i < o->ports_len; i++)
		if (o->ports[i] == c->local_port)
			return false;
	return c->inode != 0 && owns(o, c->inode);
}

static int
add_remote(const struct connection *c, void *ctx)
{
	const struct owners *o = ctx;

	if (is_called(o, c))
		add(&c->remote, o->why);
	return 0;
}

static int
see_listener(const struct connection *c, void *ctx)
{
	struct owners *o = ctx;

	if (c->inode != 0 && o->ports_len < PORTS_MAX && owns(o, c->inode))
		o->ports[o->ports_len++] = c->local_port;
	return 0;
}

/* What the uplink has: the way to the server, by whatever address it is reached, but also decoys
 * and metrics, to which anybody comes. */
static int
find_uplink(struct owners *o)
{
	if (target_uplink() > 0)
		o->len = sockets_of(target_uplink(), o->inodes, SOCKETS_MAX);
	qsort(o->inodes, o->len, sizeof(o->inodes[0]), by_number);
	return o->len > 0 ? sockets_each(SOCKETS_HERE, true, see_listener, o) : 0;
}

static void
add_connections(struct owners *o)
{
	qsort(o->inodes, o->len, sizeof(o->inodes[0]), by_number);
	if (o->len > 0 && sockets_each(SOCKETS_HERE, false, add_remote, o) < 0)
		overflow = true; /* not known: nothing is cut off */
}

static void
add_uplink(const struct reaction_call *call)
{
	static struct owners o;

	(void)call;
	o = (struct owners){ .why = "the server" };
	if (find_uplink(&o) < 0)
		overflow = true;
	add_connections(&o);
}

static bool
is_sshd(pid_t pid)
{
	char exe[PROCESS_PATH_MAX];

	return process_exe(pid, exe, sizeof(exe), NULL) == 0 &&
	       strncmp(program_base(exe), "sshd", 4) == 0;
}

/* A connection of sshd counts once somebody is logged in: below it runs something that is not
 * sshd.  Who still guesses passwords has only sshd. */
static int
add_session(pid_t pid, void *ctx)
{
	static struct target_process tree[BELOW_MAX];
	struct owners *o = ctx;
	struct target_process root;
	uint32_t inodes[16];
	size_t n, sockets;

	if (!is_sshd(pid) || target_of(pid, &root) < 0)
		return 0;
	sockets = sockets_of(pid, inodes, DS_LEN(inodes));
	if (sockets == 0)
		return 0;
	n = target_tree(&root, tree, BELOW_MAX);
	for (size_t i = 1; i < n; i++) {
		if (is_sshd(tree[i].pid))
			continue;
		for (size_t j = 0; j < sockets && o->len < SESSIONS_MAX; j++)
			o->inodes[o->len++] = inodes[j];
		break;
	}
	return 0;
}

static void
add_sessions(const struct reaction_call *call)
{
	static struct owners o;

	(void)call;
	o = (struct owners){ .why = "somebody who is logged in over ssh" };
	if (process_each(add_session, &o) < 0)
		overflow = true;
	add_connections(&o);
}

static void
add_one_spared(const struct network *n, const char *name)
{
	char why[sizeof(list[0].why)];

	(void)snprintf(why, sizeof(why), "%.60s, which the server spares", name);
	add(n, why);
}

/* Load balancers, health checks: what the server said last. */
static void
add_spared(const struct reaction_call *call)
{
	(void)call;
	spared_each(add_one_spared);
}

static void (*const sources[])(const struct reaction_call *call) = {
	add_configured,
	add_spared,
	add_constant,
	add_own,
	add_server,
	add_resolvers,
	add_gateways,
	add_uplink,
	add_sessions,
};

/* ---- */

const struct never *
never_list(const struct reaction_call *call, size_t *ret_len)
{
	/* Who asked is spared by what they asked for, and by nothing else. */
	static char session[sizeof(call->order->session_address)];
	const char *asks = call->order != NULL ? call->order->session_address : "";
	uint64_t now_ms = ds_clock_monotonic_ms();

	if (read_ms == 0 || now_ms - read_ms > FRESH_MS || strcmp(session, asks) != 0) {
		(void)snprintf(session, sizeof(session), "%s", asks);
		list_len = 0;
		overflow = false;
		for (size_t i = 0; i < DS_LEN(sources); i++)
			sources[i](call);
		read_ms = ds_clock_monotonic_ms();
	}
	*ret_len = list_len;
	return list;
}

void
never_forget(void)
{
	read_ms = 0;
}

int
never_check(struct reaction_call *call, const struct network *n)
{
	char text[64];
	size_t len;
	const struct never *all = never_list(call, &len);

	network_format(n, text, sizeof(text));
	if (overflow)
		return reaction_fail(
		    call, -EPERM, "it is not known who must not be cut off: %s stays", text);
	for (size_t i = 0; i < len; i++)
		if (network_overlaps(&all[i].network, n)) {
			char other[64];

			network_format(&all[i].network, other, sizeof(other));
			return reaction_fail(
			    call, -EPERM, "%s is never blocked: %s is %s", text, other, all[i].why);
		}
	return 0;
}

static int
find_answer(const struct connection *c, void *ctx)
{
	const struct owners *o = ctx;

	return is_called(o, c) && c->last_ack_ms <= o->within_ms;
}

bool
never_server_answers(uint32_t within_ms)
{
	static struct owners o;

	o = (struct owners){ .within_ms = within_ms };
	return find_uplink(&o) == 0 && sockets_each(SOCKETS_HERE, false, find_answer, &o) == 1;
}
