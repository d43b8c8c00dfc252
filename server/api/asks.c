/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/asks.h"

#include "server/api/caller.h"

#include <stdio.h>
#include <string.h>

#define ABOVE_MAX 64u

struct process {
	int ppid, session, tty;
};

static bool
read_process(pid_t pid, struct process *ret)
{
	char path[32], text[512];
	const char *after;
	FILE *f;
	bool is_read;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	is_read = fgets(text, sizeof(text), f) != NULL;
	(void)fclose(f);
	after = is_read ? strrchr(text, ')') : NULL; /* a name may have blanks and brackets */
	return after != NULL &&
	       sscanf(after + 1, " %*c %d %*d %d %d", &ret->ppid, &ret->session, &ret->tty) == 3;
}

pid_t
asks_session(pid_t pid)
{
	struct process asked, at;
	pid_t top = pid;

	if (!read_process(pid, &asked))
		return pid;
	/* What has a terminal is of it, too: sudo makes another session within. */
	at = asked;
	for (unsigned i = 0; i < ABOVE_MAX && at.ppid > 1; i++) {
		pid_t above = at.ppid;

		if (!read_process(above, &at) || (at.session != asked.session && at.tty == 0))
			break;
		top = above;
	}
	return top;
}

/* Whether the host is the machine that this server runs on. */
static bool
is_here(const struct host_row *row)
{
	char boot_id[64] = "";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (f == NULL)
		return false;
	if (fgets(boot_id, sizeof(boot_id), f) != NULL)
		boot_id[strcspn(boot_id, "\n")] = '\0';
	(void)fclose(f);
	return boot_id[0] != '\0' && row->boot_id != NULL && strcmp(boot_id, row->boot_id) == 0;
}

void
asks_put(const struct call *c, const struct host_row *row, struct react_args *args)
{
	static const char *const hosts_own[] = { "127.0.0.0/8", "::1" };

	/* True for what is no address, as that of the unix socket. */
	if (!react_address_listed(c->peer, hosts_own, DS_LEN(hosts_own)))
		snprintf(args->session, sizeof(args->session), "%s", c->peer);
	if (c->caller->pid > 0 && is_here(row))
		args->session_pid = (uint32_t)asks_session(c->caller->pid);
}
