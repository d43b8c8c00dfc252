/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listeners - who listens already when the guard starts.
 *
 * From /proc/net/tcp and tcp6, once: the table of connections is read to its end, which takes a
 * moment where there are very many.
 */
#include "agent/guard/listeners.h"

#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/process.h"
#include "agent/guard/sensors/net_owner.h"
#include "lib/clock.h"
#include "lib/event.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 1024u
#define STATE_LISTEN  0x0au

/* "0100007F:1F90", and 32 digits for IPv6: words as the kernel has them in memory. */
static bool
parse_address(const char *text, struct net_socket *ret)
{
	const char *colon = strchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	unsigned port;

	if ((len != 8 && len != 32) || sscanf(colon + 1, "%4x", &port) != 1)
		return false;
	ret->addr_len = (uint8_t)(len / 2);
	ret->sport = (uint16_t)port;
	for (size_t i = 0; i < len / 8; i++) {
		unsigned word;
		uint32_t fixed;

		if (sscanf(text + 8 * i, "%8x", &word) != 1)
			return false;
		fixed = word;
		memcpy(ret->saddr + 4 * i, &fixed, sizeof(fixed));
	}
	return true;
}

/* sl local_address rem_address st tx:rx tr:when retransmits uid timeout inode */
static int
parse(const char *line, struct net_socket *ret)
{
	struct net_socket s = { .listens = true };
	unsigned state;
	unsigned long inode;
	char local[65];

	if (sscanf(line, "%*d: %64s %*64s %x %*s %*s %*s %*u %*u %lu", local, &state, &inode) != 3)
		return -EBADMSG;
	if (state != STATE_LISTEN || inode == 0 || !parse_address(local, &s))
		return -ENOENT;
	s.inode = (uint32_t)inode;
	*ret = s;
	return 0;
}

static size_t
read_table(const char *path, struct net_socket *sockets, size_t len)
{
	FILE *f = fopen(path, "re");
	char line[512];

	if (f == NULL)
		return len;
	while (len < LISTENERS_MAX && fgets(line, sizeof(line), f) != NULL)
		if (parse(line, &sockets[len]) == 0)
			len++;
	(void)fclose(f);
	return len;
}

/* Where a daemon waits already is what it does every day: a later restart of it is no news. */
static void
tell(const struct net_socket *s, const struct daemon *d)
{
	struct ds_event ev = { .kind = DS_EVENT_LISTEN, .count = 1, .flags = DS_FLAG_INITIAL };
	char exe[PROCESS_PATH_MAX];
	uint32_t uid;

	ev.time_us = ds_clock_wall_us();
	ev.daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
	ev.num[DS_NUM_PID] = (uint64_t)s->pid;
	ev.num[DS_NUM_PROTO] = IPPROTO_TCP;
	ev.num[DS_NUM_DPORT] = s->sport;
	if (process_uid(s->pid, &uid) == 0)
		ev.num[DS_NUM_UID] = uid;
	if (process_exe(s->pid, exe, sizeof(exe), NULL) == 0)
		ds_event_set_str(&ev, DS_STR_EXE, exe, strlen(exe));
	ds_event_set_str(&ev, DS_STR_DADDR, s->saddr, s->addr_len);
	emit_event(&ev);
}

/* Calls each for those that have an owner; how many. */
static int
each_owned(void (*each)(const struct net_socket *s))
{
	struct net_socket *sockets = calloc(LISTENERS_MAX, sizeof(*sockets));
	size_t len, found;

	if (sockets == NULL)
		return -ENOMEM;
	len = read_table("/proc/self/net/tcp", sockets, 0);
	len = read_table("/proc/self/net/tcp6", sockets, len);
	found = net_owner_find(sockets, len);
	for (size_t i = 0; i < len; i++)
		if (sockets[i].pid != 0)
			each(&sockets[i]);
	free(sockets);
	return (int)found;
}

static void
adopt(const struct net_socket *s)
{
	(void)daemon_of_listener(s->pid, NULL); /* kept there */
}

static void
tell_watched(const struct net_socket *s)
{
	const struct daemon *d = daemon_of_listener(s->pid, NULL);

	if (d != NULL && d->watched)
		tell(s, d);
}

int
listeners_adopt(void)
{
	return each_owned(adopt);
}

int
listeners_tell(void)
{
	return each_owned(tell_watched);
}
