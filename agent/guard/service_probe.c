/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service_probe - whether a daemon is well: it runs, and listens where it did.
 *
 * Looked at again and again until it holds for a moment, because a daemon that reads a bad
 * configuration ends a little later.
 */
#include "agent/guard/service.h"

#include "lib/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PROBE_MS  5000u /* in all */
#define STEADY_MS 100u
#define STEP_MS   5
#define MAPS_MAX  (512u << 10)

struct search {
	const char *exe;       /* NULL: the file below */
	const char *container; /* "": on the host, or anywhere */
	uint64_t device, inode;
	uint64_t since_ticks;
	pid_t best;
	uint64_t best_ticks;
};

/* Whether it was started from that very file, whatever that is called now. */
static bool
runs_file(pid_t pid, uint64_t device, uint64_t inode)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return stat(path, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static bool
is_program(pid_t pid, const struct search *search)
{
	char exe[PROCESS_PATH_MAX];

	if (search->exe == NULL)
		return runs_file(pid, search->device, search->inode);
	return process_exe(pid, exe, sizeof(exe), NULL) == 0 && strcmp(exe, search->exe) == 0;
}

/* Containers have programs of the same path. */
static bool
is_in_container(pid_t pid, const char *container)
{
	const struct daemon *d = container[0] != '\0' ? daemon_of_process(pid) : NULL;

	return container[0] == '\0' || (d != NULL && strcmp(d->container, container) == 0);
}

/* The oldest process of that program is the main one: others are its children. */
static int
look(pid_t pid, void *ctx)
{
	struct search *search = ctx;
	struct process_stat st;

	if (!is_program(pid, search) || !is_in_container(pid, search->container) ||
	    process_stat(pid, &st) < 0 || st.zombie || st.start_ticks < search->since_ticks)
		return 0;
	if (search->best == 0 || st.start_ticks < search->best_ticks ||
	    (st.start_ticks == search->best_ticks && pid < search->best)) {
		search->best = pid;
		search->best_ticks = st.start_ticks;
	}
	return 0;
}

pid_t
service_find(const struct service *s, uint64_t since_ticks)
{
	struct search search = {
		.exe = s->exe, .container = s->container, .since_ticks = since_ticks
	};

	return process_each(look, &search) < 0 ? 0 : search.best;
}

pid_t
service_find_file(uint64_t device, uint64_t inode)
{
	struct search search = { .container = "", .device = device, .inode = inode };

	return process_each(look, &search) < 0 ? 0 : search.best;
}

static bool
has_listener(const struct service *s, const char *address)
{
	for (size_t i = 0; i < s->listeners_len; i++)
		if (strcmp(s->listeners[i], address) == 0)
			return true;
	return false;
}

bool
service_listens(const struct service *s, pid_t pid, bool moved, const char **ret_missing)
{
	struct service *now = calloc(1, sizeof(*now));
	bool found = true;

	*ret_missing = "any address";
	if (now != NULL && s->net_is_ours) {
		now->pid = pid;
		service_find_listeners(now);
		if (moved)
			found =
			    s->listeners_len == 0 || !now->net_is_ours || now->listeners_len > 0;
		for (size_t i = 0; !moved && found && i < s->listeners_len; i++) {
			*ret_missing = s->listeners[i];
			found = has_listener(now, s->listeners[i]);
		}
	}
	free(now);
	return found;
}

int
service_probe(const struct service *s, uint64_t since_ticks, bool moved, char *why, size_t size)
{
	uint64_t end_ms = ds_clock_monotonic_ms() + PROBE_MS, well_ms = 0, now_ms;
	const char *missing = NULL;
	pid_t pid, last = 0;

	do {
		now_ms = ds_clock_monotonic_ms();
		pid = service_find(s, since_ticks);
		if (pid == 0 || pid != last || !service_listens(s, pid, moved, &missing))
			well_ms = now_ms;
		else if (now_ms - well_ms >= STEADY_MS)
			return 1;
		last = pid;
		(void)poll(NULL, 0, STEP_MS);
	} while (now_ms < end_ms);
	if (pid == 0)
		(void)snprintf(why, size, "%.200s does not run", s->name);
	else
		(void)snprintf(why, size, "%.200s does not listen at %s", s->name,
		    missing != NULL ? missing : "?");
	return 0;
}

/* "start-end perms offset major:minor inode path" */
bool
service_maps(pid_t pid, uint64_t device, uint64_t inode)
{
	char *text, *save = NULL;
	bool found;

	if (runs_file(pid, device, inode))
		return true;
	text = malloc(MAPS_MAX);
	found = false;
	if (text != NULL && process_read(pid, "maps", text, MAPS_MAX) > 0)
		for (char *line = strtok_r(text, "\n", &save); line != NULL && !found;
		     line = strtok_r(NULL, "\n", &save)) {
			unsigned long long number;
			unsigned major, minor;

			found =
			    sscanf(line, "%*s %*s %*s %x:%x %llu", &major, &minor, &number) == 3 &&
			    number == inode && makedev(major, minor) == device;
		}
	free(text);
	return found;
}
