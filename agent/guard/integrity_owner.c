/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_owner - which packages own the watched files: one pass over dpkg's lists for all of
 * them, in slices.
 */
#include "agent/guard/integrity_owner.h"

#include "agent/guard/integrity_judge.h"
#include "agent/guard/package_file.h"
#include "agent/guard/package_owner.h"
#include "lib/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OWNER_LISTS 24u /* lists of packages read in a slice */

static struct owner_job owner;
static bool wanted;
static bool asks_rpm;   /* dpkg's lists are read, rpm is asked for the rest */
static size_t asked_to; /* of the table, by rpm */

static void
on_owner(void *ctx, const char *path, const char *package)
{
	struct watched_file *f = integrity_get(0, path);
	char twin[4096];

	(void)ctx;
	if (f == NULL && strncmp(path, "/usr/", 5) != 0 && strlen(path) < sizeof(twin) - 8) {
		(void)snprintf(twin, sizeof(twin), "/usr%s", path);
		f = integrity_get(0, twin);
	}
	if (f == NULL || !f->owner_asked)
		return;
	free(f->package);
	f->package = strdup(package);
}

/* Once all that was found has been looked at. */
static void
say_known(void)
{
	static size_t said;

	if (integrity_len() == said)
		return;
	said = integrity_len();
	ds_log(INFO, "files of daemons are known", "files=%zu", said);
}

/* A pass answers for those that were there when it began. */
static void
ask_all(void)
{
	for (size_t i = 0; i < integrity_len(); i++) {
		struct watched_file *f = integrity_at(i);

		f->owner_asked = f->known && !f->owner_known && f->dir->root == 0;
	}
}

/* One file that dpkg does not know; false: that was the last. */
static bool
ask_rpm(void)
{
	struct rpm_file found;

	while (asked_to < integrity_len()) {
		struct watched_file *f = integrity_at(asked_to++);

		if (!f->owner_asked || f->package != NULL || f->now.type != FILE_REGULAR)
			continue;
		if (package_file_ask(f->path, &found) == 0)
			f->package = strdup(found.package);
		return true;
	}
	return false;
}

/* The pass over the lists has ended: who has no owner by now has none. */
static void
owners_found(void)
{
	wanted = false;
	for (size_t i = 0; i < integrity_len(); i++) {
		struct watched_file *f = integrity_at(i);
		int path_fd, fd;

		wanted |= f->known && !f->owner_known && !f->owner_asked && f->dir->root == 0;
		if (!f->owner_asked)
			continue;
		f->owner_asked = false;
		f->owner_known = true;
		if (f->package == NULL || f->now.type != FILE_REGULAR || f->was_absent)
			continue;
		path_fd = file_open_path(AT_FDCWD, f->path);
		fd = path_fd >= 0 ? file_reopen(path_fd) : -1;
		integrity_ask_package(f, fd);
		if (fd >= 0)
			(void)close(fd);
		if (path_fd >= 0)
			(void)close(path_fd);
	}
	if (!wanted)
		say_known();
}

static void
lists_are_read(void)
{
	asks_rpm = package_file_is_known_to_rpm();
	asked_to = 0;
	if (!asks_rpm)
		owners_found();
}

void
integrity_owner_slice(void)
{
	if (asks_rpm) {
		asks_rpm = ask_rpm();
		if (!asks_rpm)
			owners_found();
		return;
	}
	if (owner.dir == NULL) {
		ask_all();
		if (owner_begin(&owner, "") < 0) {
			lists_are_read();
			return;
		}
	}
	if (owner_step(&owner, OWNER_LISTS, on_owner, NULL) == 1)
		lists_are_read();
}

void
integrity_owner_want(void)
{
	wanted = true;
}

bool
integrity_owner_is_wanted(void)
{
	return wanted;
}

void
integrity_owner_end(void)
{
	owner_end(&owner);
	wanted = asks_rpm = false;
}
