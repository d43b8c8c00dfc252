/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group - the control groups of daemons, and their networks.
 *
 * Called by block_ip, block_port and blocks.  Owns a table of up to GROUPS_MAX of them.
 */
#include "agent/guard/reactions/group.h"
#include "agent/guard/daemon.h"
#include "agent/guard/identity.h"
#include "agent/guard/process.h"
#include "lib/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REST_MS  1000u /* of a network that did not take a change; twice as long each time */
#define LATE_MAX 8u    /* four minutes */

static struct group *groups[GROUPS_MAX];
static unsigned groups_len;

static const char network[] = "net:";

static bool
is_network(const char *path)
{
	return strncmp(path, network, sizeof(network) - 1) == 0;
}

/* Of the group's directory; 0: there is none. */
static uint64_t
id_of_directory(const char *path)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char file[GROUP_PATH_MAX + 64];
	struct stat st;

	for (size_t i = 0; i < DS_LEN(mounts); i++) {
		/* Only version 2 has this file below its root. */
		(void)snprintf(file, sizeof(file), "%s%s/cgroup.events", mounts[i], path);
		if (access(file, F_OK) < 0)
			continue;
		(void)snprintf(file, sizeof(file), "%s%s", mounts[i], path);
		if (stat(file, &st) == 0)
			return st.st_ino;
	}
	return 0;
}

/* Numbers of namespaces are used again at once: what is told apart is the main process. */
static uint64_t
id_of(const char *path)
{
	const struct daemon *d;
	struct process_stat st;

	if (!is_network(path))
		return id_of_directory(path);
	d = daemon_find(path + sizeof(network) - 1);
	return d != NULL && process_stat(identity_pid(d->number), &st) == 0 && !st.zombie
		   ? st.start_ticks
		   : 0;
}

unsigned
group_level(const char *path)
{
	unsigned n = 0;

	for (; *path != '\0'; path++)
		n += path[0] == '/' && path[1] != '/' && path[1] != '\0';
	return n;
}

/* A new one, or one that nothing is blocked for any more; NULL: there is none. */
static struct group *
find_room(unsigned *ret_number)
{
	for (unsigned i = 0; i < groups_len; i++)
		if (groups[i]->blocks == 0) {
			*ret_number = i + 1;
			return groups[i];
		}
	if (groups_len == GROUPS_MAX)
		return NULL;
	groups[groups_len] = calloc(1, sizeof(*groups[0]));
	*ret_number = groups_len + 1;
	return groups[groups_len] != NULL ? groups[groups_len++] : NULL;
}

int
group_number(const char *path)
{
	struct group *g;
	unsigned number;

	for (unsigned i = 0; i < groups_len; i++)
		if (strcmp(groups[i]->path, path) == 0)
			return (int)i + 1;
	if (strlen(path) >= GROUP_PATH_MAX ||
	    (!is_network(path) &&
		(path[0] != '/' || group_level(path) == 0 || group_level(path) > GROUP_LEVEL_MAX ||
		    strstr(path, "/..") != NULL)))
		return -EINVAL;
	g = find_room(&number);
	if (g == NULL)
		return groups_len == GROUPS_MAX ? -ENOSPC : -ENOMEM;
	*g = (struct group){ .id = id_of(path), .level = is_network(path) ? 0 : group_level(path) };
	memcpy(g->path, path, strlen(path) + 1);
	return (int)number;
}

void
group_keep(unsigned number)
{
	if (number >= 1 && number <= groups_len)
		groups[number - 1]->blocks++;
}

void
group_let_go(unsigned number)
{
	if (number >= 1 && number <= groups_len)
		groups[number - 1]->blocks--;
}

const struct group *
group_get(unsigned number)
{
	return number >= 1 && number <= groups_len ? groups[number - 1] : NULL;
}

int
group_look(unsigned number)
{
	uint64_t id;

	if (number < 1 || number > groups_len || groups[number - 1]->blocks == 0)
		return 0;
	id = id_of(groups[number - 1]->path);
	if (id == 0 || id == groups[number - 1]->id)
		return 0; /* nothing runs: what is kept hurts nobody */
	groups[number - 1]->id = id;
	return 1;
}

bool
group_rests(unsigned number)
{
	const struct group *g = group_get(number);

	return g != NULL && g->rest_ms > ds_clock_monotonic_ms();
}

void
group_took(unsigned number, bool in_time)
{
	struct group *g = number >= 1 && number <= groups_len ? groups[number - 1] : NULL;

	if (g == NULL)
		return;
	g->late = in_time ? 0 : DS_MIN(g->late + 1, LATE_MAX);
	g->rest_ms = in_time ? 0 : ds_clock_monotonic_ms() + (REST_MS << g->late);
}

void
group_forget(unsigned number)
{
	if (number >= 1 && number <= groups_len)
		groups[number - 1]->id = 0;
}

/* ---- whose group it is */

struct search {
	const char *name;
	const struct daemon *daemon; /* of that name; NULL: nothing of it was seen yet */
	char path[GROUP_PATH_MAX];   /* what the groups of its processes have in common */
	pid_t pid;                   /* one of them; 0: none yet */
	bool is_shared;
};

static bool
path_of(pid_t pid, char *ret, size_t size)
{
	char text[16384];
	const char *at;

	if (process_read(pid, "cgroup", text, sizeof(text)) <= 0)
		return false;
	at = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	if (at == NULL)
		return false;
	at = strchr(at, '/');
	return (size_t)snprintf(ret, size, "%.*s", (int)strcspn(at, "\n"), at) < size;
}

/* Cuts a path behind the part that names what the daemon is: processes below are its own, too. */
static void
cut_behind(char *path, const char *name)
{
	char *at = name[0] != '\0' ? strstr(path, name) : NULL;

	if (at != NULL)
		at[strcspn(at, "/")] = '\0';
}

static bool
is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int
see_member(pid_t pid, void *ctx)
{
	const struct daemon *d = daemon_of_process(pid);
	struct search *s = ctx;
	char path[GROUP_PATH_MAX];

	if (d == NULL || strcmp(d->name, s->name) != 0)
		return 0;
	if (!path_of(pid, path, sizeof(path)))
		path[0] = '\0'; /* only version 1 here */
	s->daemon = d;
	cut_behind(path, s->daemon->unit);
	cut_behind(path, s->daemon->container);
	if (s->pid == 0)
		memcpy(s->path, path, sizeof(path));
	s->pid = pid;
	while (s->path[0] != '\0' && !is_below(path, s->path))
		*strrchr(s->path, '/') = '\0';
	return 0;
}

static int
see_other(pid_t pid, void *ctx)
{
	struct search *s = ctx;
	char path[GROUP_PATH_MAX];

	return path_of(pid, path, sizeof(path)) && is_below(path, s->path) &&
	       daemon_of_process(pid) != s->daemon;
}

static void
namespace_of(const char *process, const char *which, char ret[64])
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/%s", process, which);
	n = readlink(path, ret, 63);
	ret[n > 0 ? n : 0] = '\0';
}

static bool
is_in_our_network(pid_t pid)
{
	char ours[64], theirs[64], process[16];

	(void)snprintf(process, sizeof(process), "%d", pid);
	namespace_of("self", "net", ours);
	namespace_of(process, "net", theirs);
	return ours[0] != '\0' && strcmp(ours, theirs) == 0;
}

/* Somebody else in the network of the daemon. */
static int
see_neighbour(pid_t pid, void *ctx)
{
	struct search *s = ctx;
	char process[16], theirs[64];

	(void)snprintf(process, sizeof(process), "%d", pid);
	namespace_of(process, "net", theirs);
	return theirs[0] != '\0' && strcmp(theirs, s->path) == 0 &&
	       daemon_of_process(pid) != s->daemon;
}

/* Another daemon in there; who looks around in it is none. */
static int
see_other_daemon(pid_t pid, void *ctx)
{
	const struct daemon *d;

	if (see_neighbour(pid, ctx) == 0)
		return 0;
	d = daemon_of_process(pid);
	return d != NULL && d->role != DAEMON_SESSION && d != daemon_of_process(getpid());
}

/* The service manager may have taken that away from us. */
static bool
may_enter_networks(void)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bool may = own >= 0 && setns(own, CLONE_NEWNET) == 0;

	if (own >= 0)
		(void)close(own);
	return may;
}

/* 0, or 1 when it is not the daemon's alone. */
static int
find_network(struct reaction_call *call, struct search *s, char *ret, size_t size)
{
	char process[16];

	if (!may_enter_networks())
		return reaction_fail(call, -EOPNOTSUPP,
		    "%.200s has a network of its own, which the agent's unit does not let it enter "
		    "(RestrictNamespaces=)",
		    s->daemon->name);

	(void)snprintf(process, sizeof(process), "%d", s->pid);
	namespace_of(process, "net", s->path);
	if ((size_t)snprintf(ret, size, "%s%s", network, s->daemon->name) >= size)
		return -ENAMETOOLONG;
	return process_each(see_neighbour, s) == 1;
}

bool
group_is_alive(unsigned number)
{
	const struct group *g = group_get(number);

	return g != NULL && id_of(g->path) != 0;
}

bool
group_is_network(unsigned number)
{
	const struct group *g = group_get(number);

	return g != NULL && g->level == 0;
}

int
group_open_network(unsigned number)
{
	const struct group *g = group_get(number);
	struct search s = { 0 };
	struct stat ours, theirs;
	const struct daemon *d;
	pid_t pid;
	int fd;

	if (g == NULL || g->level != 0)
		return -EINVAL;
	s.name = g->path + sizeof(network) - 1;
	d = daemon_find(s.name);
	pid = d != NULL ? identity_pid(d->number) : 0;
	/* After a start the main process is known a moment later. */
	if ((pid <= 0 || daemon_of_process(pid) != d) && process_each(see_member, &s) == 0) {
		pid = s.pid;
		d = s.daemon;
	}
	fd = pid > 0 ? process_open(pid, "ns/net") : -ESRCH;
	/* The number may be somebody else's by now; and what is about to become a container is in
	 * our network for a moment. */
	if (fd >= 0 && daemon_of_process(pid) == d && fstat(fd, &theirs) == 0 &&
	    stat("/proc/self/ns/net", &ours) == 0 &&
	    (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev))
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -ESRCH;
}

int
group_look_shared(unsigned number)
{
	int fd = group_open_network(number);
	bool was_shared, is_shared;
	struct search s = { 0 };
	struct stat st;

	if (fd < 0)
		return 0;
	s.daemon = daemon_find(groups[number - 1]->path + sizeof(network) - 1);
	was_shared = groups[number - 1]->is_shared;
	is_shared = was_shared;
	if (fstat(fd, &st) == 0) {
		(void)snprintf(s.path, sizeof(s.path), "net:[%ju]", (uintmax_t)st.st_ino);
		is_shared = process_each(see_other_daemon, &s) == 1;
	}
	(void)close(fd);
	groups[number - 1]->is_shared = is_shared;
	return is_shared && !was_shared;
}

void
group_set_shared(unsigned number)
{
	if (group_is_network(number))
		groups[number - 1]->is_shared = true;
}

bool
group_runs(unsigned number)
{
	int fd = group_open_network(number);

	if (fd >= 0)
		(void)close(fd);
	return fd != -ESRCH;
}

/* Whether groups are as deep here as for the kernel: its first namespace has a fixed number. */
static bool
is_first_namespace(void)
{
	char ours[64];

	namespace_of("self", "cgroup", ours);
	return strcmp(ours, "cgroup:[4026531835]") == 0;
}

int
group_find(struct reaction_call *call, const char *daemon, char *ret, size_t size)
{
	struct search s = { .name = daemon };

	if (daemon[0] == '\0')
		return reaction_fail(call, -EINVAL, "the order says not which daemon");
	if (process_each(see_member, &s) < 0)
		return reaction_fail(call, -EIO, "the processes cannot be read");
	if (s.pid == 0)
		return reaction_fail(call, -ESRCH, "nothing of %.200s runs", daemon);
	if (!is_in_our_network(s.pid))
		return find_network(call, &s, ret, size);
	if (!is_first_namespace())
		return reaction_fail(
		    call, -EOPNOTSUPP, "the agent is in a namespace of control groups");
	if (s.daemon->unit[0] == '\0' && s.daemon->container[0] == '\0' && s.path[0] != '\0')
		s.is_shared = process_each(see_other, &s) != 0;
	if (s.path[0] == '\0' || strcmp(s.path, "/") == 0 || s.is_shared || id_of(s.path) == 0 ||
	    group_level(s.path) > GROUP_LEVEL_MAX || strlen(s.path) >= size)
		return reaction_fail(
		    call, -EOPNOTSUPP, "%.200s has no control group of its own", daemon);
	memcpy(ret, s.path, strlen(s.path) + 1);
	return 0;
}
