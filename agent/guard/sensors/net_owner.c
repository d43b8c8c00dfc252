/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net_owner - which process has a socket, from /proc/PID/fd.
 *
 * One walk for all sockets asked for; it ends when all are found, or after so many descriptors.
 */
#include "agent/guard/sensors/net_owner.h"

#include "agent/guard/process.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 50000u /* read in one walk */

struct walk {
	struct net_socket *sockets; /* sorted by inode */
	size_t len, found, links;
};

static int
by_inode(const void *a, const void *b)
{
	const struct net_socket *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static void
take(struct walk *w, const char *target, pid_t pid)
{
	struct net_socket key = { .inode = (uint32_t)strtoul(target, NULL, 10) }, *s;

	s = bsearch(&key, w->sockets, w->len, sizeof(key), by_inode);
	if (s == NULL || s->pid != 0)
		return;
	s->pid = pid;
	w->found++;
}

static int
visit(pid_t pid, void *ctx)
{
	struct walk *w = ctx;
	int fd = process_open(pid, "fd");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return 0;
	}
	while (w->found < w->len && w->links < LINKS_MAX && (entry = readdir(dir)) != NULL) {
		char target[40];
		ssize_t n;

		if (entry->d_name[0] == '.')
			continue;
		w->links++;
		n = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);
		if (n <= 8 || memcmp(target, "socket:[", 8) != 0)
			continue;
		target[n] = '\0';
		take(w, target + 8, pid);
	}
	(void)closedir(dir);
	return w->found == w->len || w->links >= LINKS_MAX;
}

size_t
net_owner_find(struct net_socket *sockets, size_t len)
{
	struct walk w = { sockets, len, 0, 0 };

	qsort(sockets, len, sizeof(*sockets), by_inode);
	if (process_each(visit, &w) < 0)
		return 0; /* no /proc: nothing was found */
	return w.found;
}
