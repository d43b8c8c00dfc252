/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_which - which daemons' new programs are held, and the kernel's side of it.
 *
 * Called by hold and the reaction of that name.  Owns the list of names.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/hold.h"
#include "agent/guard/hold_part.h"
#include "agent/guard/hold_watch.h"
#include "agent/guard/probe.h"
#include "agent/guard/process.h"
#include "agent/guard/sensors/exec_track.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAEMONS_MAX 64u

static const struct agent_config *config;
static char wanted[DAEMONS_MAX][256]; /* daemons that are held by order; "": free */
static bool attached, by_perm, net_wanted;
static bool is_on[DAEMON_TABLE_MAX + 1]; /* in the kernel, by daemon number */

void
hold_learn(const char *daemon, const char *exe)
{
	if (!hold_is_on(daemon))
		hold_known_add(daemon, exe);
}

bool
hold_is_on(const char *name)
{
	const struct daemon *d;

	for (size_t i = 0; i < DAEMONS_MAX; i++)
		if (strcmp(wanted[i], name) == 0)
			return true;
	d = config != NULL && config->hold ? daemon_find(name) : NULL;
	return d != NULL && d->watched && d->role != DAEMON_SESSION && d->role != DAEMON_PACKAGE;
}

static int
learn_running(pid_t pid, void *ctx)
{
	const struct daemon *d = ctx;
	char exe[PROCESS_PATH_MAX];

	if (daemon_of_process(pid) == d && process_exe(pid, exe, sizeof(exe), NULL) == 0)
		hold_known_add(d->name, exe);
	return 0;
}

/* What the daemon runs now is known, too: it may start itself again. */
static void
switch_on(const struct daemon *d)
{
	struct daemon copy = *d;

	if (d->number > DAEMON_TABLE_MAX || is_on[d->number] == hold_is_on(d->name))
		return;
	is_on[copy.number] = !is_on[copy.number];
	if (is_on[copy.number]) {
		if (process_each(learn_running, (void *)(uintptr_t)d) < 0)
			return;
		hold_known_push(copy.name);
	}
	if (!hold_perm_is_on() && probe_hold_daemon(copy.number, is_on[copy.number]) < 0)
		ds_log(WARN, "new programs of a daemon are not held", "daemon=\"%s\"", copy.name);
	if (hold_net_daemon(&copy, is_on[copy.number]) < 0)
		ds_log(WARN, "connections of a daemon are not held", "daemon=\"%s\"", copy.name);
}

void
hold_seen(const struct daemon *d)
{
	if (attached)
		switch_on(d);
}

static bool
anybody(void)
{
	for (size_t i = 0; i < DAEMONS_MAX; i++)
		if (wanted[i][0] != '\0')
			return true;
	return config->hold;
}

/* By signal where the kernel can and nobody says otherwise, else by fanotify. */
static int
attach(void)
{
	int r = -EOPNOTSUPP;

	if (config->hold_by != AGENT_HOLD_BY_FANOTIFY) {
		r = probe_hold(true);
		if (r == 0)
			r = hold_watch_start(probe_hold_fd());
		if (r < 0 && probe_hold(false) < 0)
			return r;
	}
	if (r < 0 && config->hold_by != AGENT_HOLD_BY_SIGNAL)
		r = hold_perm_start();
	return r;
}

void
hold_detach(void)
{
	hold_perm_stop();
	hold_watch_stop();
	if (hold_net_attach(false) < 0)
		ds_log(WARN, "connections are held on", "error=\"%s\"", strerror(EBUSY));
	if (probe_hold(false) < 0)
		ds_log(WARN, "new programs are held on", "error=\"%s\"", strerror(EBUSY));
}

/* What keeps holding after one of its parts died. */
static int
keep_attached(void)
{
	if (!attached)
		return 0;
	if (by_perm)
		return hold_perm_start();
	return hold_watch_start(probe_hold_fd());
}

/* Of those whose programs are held already, after a reload of the configuration. */
static void
switch_connections(bool on)
{
	for (uint32_t i = 1; i <= daemon_count() && i <= DAEMON_TABLE_MAX; i++)
		if (is_on[i] && hold_net_daemon(daemon_get(i), on) < 0)
			ds_log(WARN, "connections of a daemon are not held", "daemon=\"%s\"",
			    daemon_get(i)->name);
}

static void
sync_net(void)
{
	if ((attached && config->hold_connections) == net_wanted)
		return;
	net_wanted = !net_wanted;
	if (!net_wanted)
		switch_connections(false);
	if (hold_net_attach(net_wanted) < 0)
		ds_log(
		    WARN, "connections cannot be held here", "error=\"%s\"", strerror(EOPNOTSUPP));
	if (net_wanted)
		switch_connections(true);
}

static int
sync_kernel(void)
{
	int r;

	if (anybody() != attached) {
		r = anybody() ? attach() : 0;
		if (r < 0)
			return r;
		if (!anybody())
			hold_detach();
		attached = anybody();
		by_perm = hold_perm_is_on();
	}
	sync_net();
	for (uint32_t i = 1; i <= daemon_count(); i++)
		if (daemon_get(i) != NULL)
			switch_on(daemon_get(i));
	return 0;
}

int
hold_note(const char *name, bool on)
{
	char *room = NULL;

	for (size_t i = 0; i < DAEMONS_MAX; i++) {
		if (strcmp(wanted[i], name) == 0)
			room = wanted[i];
		else if (wanted[i][0] == '\0' && room == NULL)
			room = wanted[i];
	}
	if (room == NULL)
		return -ENOSPC;
	(void)snprintf(room, sizeof(wanted[0]), "%s", on ? name : "");
	return 0;
}

int
hold_daemon(const char *name, bool on)
{
	int r = hold_note(name, on);

	if (r < 0)
		return r;
	hold_perm_want(name, on);
	r = sync_kernel();
	if (r < 0 && on && hold_note(name, false) < 0)
		return -ENOSPC;
	return r;
}

int
hold_keep(void)
{
	int r = anybody() || attached ? sync_kernel() : 0;

	return r < 0 ? r : keep_attached();
}

void
hold_which_init(const struct agent_config *c)
{
	config = c;
	track_set_listener(hold_learn);
}
