/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_keep - watched files and the vault: what a path was when the guard last ran, and copies
 * of what it is.
 */
#include "agent/guard/integrity_keep.h"

#include "agent/guard/vault.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t wanted; /* files with `keep` */
static size_t next;

bool
integrity_recall(const struct watched_file *f, struct file_state *ret)
{
	struct vault_history *h;

	if (f->dir->root != 0 || vault_history(f->path, &h) < 0)
		return false;
	if (h->len > 0)
		file_meta_state(&h->version[0], ret);
	if (h->len == 0) {
		free(h);
		return false;
	}
	free(h);
	return true;
}

/* That there was nothing is worth remembering only once there is something. */
static void
remember_absence(const struct watched_file *f)
{
	struct vault_history *h;
	struct file_meta nothing = { .type = FILE_ABSENT, .trusted = true };

	if (vault_history(f->path, &h) == 0)
		free(h);
	else if (vault_remember(f->path, &nothing) < 0)
		ds_log(DEBUG, "a state is not kept", "path=\"%s\"", f->path);
}

void
integrity_want(struct watched_file *f, const struct file_state *before, bool trusted)
{
	if (!vault_is_open() || f->dir->root != 0)
		return;
	if (before != NULL && before->type == FILE_ABSENT)
		remember_absence(f);
	if (before == NULL && f->now.type != FILE_REGULAR && f->now.type != FILE_LINK)
		return;
	wanted += !f->keep;
	f->keep = true;
	f->keep_trusted = trusted;
}

static int
keep_contents(const struct watched_file *f, int path_fd, struct file_meta *m)
{
	int fd, r;

	if (m->type != FILE_REGULAR)
		return 0;
	memcpy(m->sha256, f->now.sha256, HASH_SIZE);
	m->hashed = f->now.hashed;
	if (vault_has(m->sha256))
		return m->trusted ? vault_promote(m->sha256) : 0;
	fd = file_reopen(path_fd);
	if (fd < 0)
		return fd;
	r = vault_put(fd, m->trusted ? VAULT_OBJECT : VAULT_EVIDENCE, m->sha256);
	(void)close(fd);
	/* Changed again meanwhile: that will be looked at, and kept, on its own. */
	return r == 0 && memcmp(m->sha256, f->now.sha256, HASH_SIZE) != 0 ? -EAGAIN : r;
}

static void
keep(const struct watched_file *f)
{
	struct file_meta *m = calloc(1, sizeof(*m));
	int fd = file_open_path(AT_FDCWD, f->path), r = -ENOMEM;

	if (m != NULL)
		r = file_meta_read(fd, m);
	if (r == 0) {
		m->trusted = f->keep_trusted;
		r = keep_contents(f, fd, m);
	}
	if (r == 0)
		r = vault_remember(f->path, m);
	if (fd >= 0)
		(void)close(fd);
	free(m);
	if (r < 0 && r != -EAGAIN && r != -ENOENT)
		ds_log(WARN, "a file is not in the vault", "path=\"%s\" error=\"%s\"", f->path,
		    strerror(-r));
}

bool
integrity_keep_one(void)
{
	for (size_t n = 0; wanted > 0 && n < integrity_len(); n++) {
		struct watched_file *f = integrity_at(next++ % integrity_len());

		if (!f->keep)
			continue;
		f->keep = false;
		wanted--;
		keep(f);
		return true;
	}
	wanted = 0; /* the rest left the table */
	return false;
}
