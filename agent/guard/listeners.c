/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listeners - who listens already when the guard starts.
 *
 * From /proc/net/tcp and tcp6, once: the table of connections is read to its end, which takes a
 * moment where there are very many.
 */
#include "agent/guard/listeners.h"

#include "agent/guard/daemon.h"
#include "agent/guard/sensors/net_owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 1024u
#define STATE_LISTEN  0x0au

/* sl local_address rem_address st tx:rx tr:when retransmits uid timeout inode */
static int
parse(const char *line, uint32_t *ret_inode)
{
	unsigned state;
	unsigned long inode;

	if (sscanf(line, "%*d: %*64s %*64s %x %*s %*s %*s %*u %*u %lu", &state, &inode) != 2)
		return -EBADMSG;
	if (state != STATE_LISTEN || inode == 0)
		return -ENOENT;
	*ret_inode = (uint32_t)inode;
	return 0;
}

static size_t
read_table(const char *path, struct net_socket *sockets, size_t len)
{
	FILE *f = fopen(path, "re");
	char line[512];

	if (f == NULL)
		return len;
	while (len < LISTENERS_MAX && fgets(line, sizeof(line), f) != NULL) {
		sockets[len] = (struct net_socket){ .listens = true };
		if (parse(line, &sockets[len].inode) == 0)
			len++;
	}
	(void)fclose(f);
	return len;
}

int
listeners_adopt(void)
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
			(void)daemon_of_listener(sockets[i].pid, NULL); /* kept there */
	free(sockets);
	return (int)found;
}
