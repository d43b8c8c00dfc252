/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon - what is watched on this host: which processes belong to which daemon, under which name.
 *
 * This file is the table and [general] monitor_daemons; who belongs where is daemon_find.c's.
 */
#include "agent/guard/daemon.h"

#include "agent/guard/cgroup.h"
#include "agent/guard/container.h"
#include "agent/guard/daemon_table.h"
#include "agent/guard/emit.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"
#include "lib/map.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX 256u

static struct daemon *table[DAEMON_TABLE_MAX + 1]; /* by number; [0] is not used */
static uint32_t count;
static uint64_t refused;
static struct ds_map *by_name;
static char *items[ITEMS_MAX]; /* of monitor_daemons, without auto */
static size_t item_count;
static bool is_auto;

static void
items_free(void)
{
	for (size_t i = 0; i < item_count; i++)
		free(items[i]);
	item_count = 0;
	is_auto = false;
}

static int
items_take(const struct ds_conf_list *monitor)
{
	items_free();
	is_auto = monitor == NULL || monitor->len == 0;
	for (size_t i = 0; monitor != NULL && i < monitor->len && item_count < ITEMS_MAX; i++) {
		if (strcmp(monitor->items[i], "auto") == 0) {
			is_auto = true;
			continue;
		}
		items[item_count] = strdup(monitor->items[i]);
		if (items[item_count] == NULL)
			return -ENOMEM;
		item_count++;
	}
	return 0;
}

/* The name without the role after '/', the ".service" and what stands after '@'. */
static void
plain_name(const char *name, char *ret, size_t size)
{
	char *cut;

	(void)snprintf(ret, size, "%s", name);
	cut = strrchr(ret, '.');
	if (cut != NULL && strcmp(cut, ".service") == 0)
		*cut = '\0';
	cut = strpbrk(ret, strncmp(ret, "user/", 5) == 0 ? "@" : "@/");
	if (cut != NULL)
		*cut = '\0';
}

static bool
item_names_container(const char *item, const struct daemon *d)
{
	static const char prefix[] = "container:";

	if (d->role != DAEMON_CONTAINER || strncmp(item, prefix, sizeof(prefix) - 1) != 0)
		return false;
	item += sizeof(prefix) - 1;
	return fnmatch(item, d->name + sizeof(prefix) - 1, 0) == 0 ||
	       (strlen(item) >= 12 && strncmp(item, d->container, strlen(item)) == 0);
}

static bool
item_names_daemon(const char *item, const struct daemon *d)
{
	char plain[sizeof(d->name)];

	if (item_names_container(item, d) || fnmatch(item, d->name, 0) == 0 ||
	    (d->unit[0] != '\0' && fnmatch(item, d->unit, 0) == 0))
		return true;
	plain_name(d->name, plain, sizeof(plain));
	return d->role != DAEMON_CONTAINER && program_same_daemon(item, plain);
}

static bool
item_names_program(const char *item, const char *exe)
{
	if (item[0] == '/')
		return fnmatch(item, exe, 0) == 0;
	/* Also by the program's own name: php-fpm8.2 is the daemon php-fpm. */
	return !program_is_temporary(exe) && (program_same_daemon(item, program_daemon_name(exe)) ||
						 strcmp(item, program_base(exe)) == 0);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* Who mounts has done so and ends; no daemon is found there before a file system in user space,
 * such as sshfs, runs. */
static bool
only_mounts(const struct daemon *d)
{
	return ends_with(d->unit, ".mount") || ends_with(d->unit, ".swap");
}

static bool
is_mounter(const char *exe)
{
	static const char *const names[] = { "mount", "umount", "mount.*", "umount.*", "swapon",
		"swapoff", "fusermount*", "systemd", "systemd-executor", "sh", "dash", "bash" };

	for (size_t i = 0; i < DS_LEN(names); i++)
		if (fnmatch(names[i], program_base(exe), 0) == 0)
			return true;
	return false;
}

static bool
is_watched(const struct daemon *d)
{
	if (is_auto && !only_mounts(d))
		return true;
	for (size_t i = 0; i < item_count; i++)
		if (item_names_daemon(items[i], d))
			return true;
	return false;
}

bool
daemon_configured_name(const char *exe, const char *const *argv, char *ret, size_t size)
{
	const char *script = program_script(exe, argv);

	for (size_t i = 0; i < item_count; i++) {
		if (script != NULL && item_names_program(items[i], script)) {
			program_name(exe, argv, ret, size);
			return true;
		}
		if (item_names_program(items[i], exe)) {
			(void)snprintf(ret, size, "%s", program_daemon_name(exe));
			return true;
		}
	}
	return false;
}

int
daemon_init(const struct ds_conf_list *monitor)
{
	int r = items_take(monitor);

	if (r < 0)
		return r;
	if (by_name == NULL)
		by_name = ds_map_new(DAEMON_TABLE_MAX);
	if (by_name == NULL)
		return -ENOMEM;
	daemon_read_root();
	for (uint32_t i = 1; i <= count; i++)
		table[i]->watched = is_watched(table[i]);
	return 0;
}

void
daemon_done(void)
{
	for (uint32_t i = 1; i <= count; i++)
		free(table[i]);
	count = 0;
	refused = 0;
	ds_map_free(by_name, NULL);
	by_name = NULL;
	items_free();
}

bool
daemon_is_auto(void)
{
	return is_auto;
}

const char *
daemon_role_name(enum daemon_role role)
{
	static const char *const names[] = { [DAEMON_SERVICE] = "service",
		[DAEMON_CONTAINER] = "container",
		[DAEMON_SESSION] = "session",
		[DAEMON_JOB] = "job",
		[DAEMON_TRANSIENT] = "transient",
		[DAEMON_PACKAGE] = "package",
		[DAEMON_PROCESS] = "process" };

	return names[role];
}

const struct daemon *
daemon_get(uint32_t number)
{
	return number >= 1 && number <= count ? table[number] : NULL;
}

const struct daemon *
daemon_find(const char *name)
{
	return by_name != NULL ? ds_map_get(by_name, name, strlen(name)) : NULL;
}

uint32_t
daemon_count(void)
{
	return count;
}

uint64_t
daemon_refused(void)
{
	return refused;
}

struct daemon *
daemon_make(enum daemon_role role, const char *name, bool *ret_new)
{
	struct daemon *d;

	if (by_name == NULL)
		return NULL;
	*ret_new = false;
	d = ds_map_get(by_name, name, strlen(name));
	if (d != NULL)
		return d;
	d = count < DAEMON_TABLE_MAX ? calloc(1, sizeof(*d)) : NULL;
	if (d == NULL || ds_map_put(by_name, name, strlen(name), d, NULL) < 0) {
		free(d);
		refused++;
		emit_gap("daemon", 1, 0, "the table of daemons is full");
		return NULL;
	}
	d->role = role;
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
	d->number = ++count;
	table[count] = d;
	*ret_new = true;
	return d;
}

void
daemon_decide_watched(struct daemon *d)
{
	d->watched = d->watched || is_watched(d);
}

void
daemon_watch(uint32_t number)
{
	if (number >= 1 && number <= count)
		table[number]->watched = true;
}

void
daemon_lose_container(uint32_t number)
{
	if (number >= 1 && number <= count)
		table[number]->container[0] = '\0';
}

void
daemon_set_executable(uint32_t number, const char *exe)
{
	if (number < 1 || number > count || table[number]->watched)
		return;
	if (is_auto && only_mounts(table[number]) && !is_mounter(exe))
		daemon_watch(number);
	for (size_t i = 0; i < item_count; i++)
		if (item_names_program(items[i], exe))
			daemon_watch(number);
}
