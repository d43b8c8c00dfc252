/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_open - reads what a former run of the spool left on disk, whatever state that is in.
 */
#include "agent/uplink/spool_state.h"
#include "lib/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 100000u

static int
compare_files(const void *a, const void *b)
{
	const struct spool_file *const *x = a, *const *y = b;

	if ((*x)->first_seq == (*y)->first_seq)
		return 0;
	return (*x)->first_seq < (*y)->first_seq ? -1 : 1;
}

/* One file of a former run: the good part of it, or NULL after setting it aside. */
static struct spool_file *
recover_file(struct spool *s, const char *name)
{
	struct spool_file *f = calloc(1, sizeof(*f));
	int fd, r;

	if (f == NULL)
		return NULL;
	snprintf(f->name, sizeof(f->name), "%s", name);
	fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : spool_file_recover(fd, f);
	if (fd >= 0)
		(void)close(fd);
	if (r == 0) {
		s->stats.damaged += f->damaged;
		return f;
	}
	/* Not even its header can be trusted: nothing in it can be sent. */
	s->stats.damaged++;
	if (unlinkat(s->dir_fd, name, 0) < 0)
		spool_note_error(s, -errno);
	free(f);
	return NULL;
}

/* Takes the files over in order; those of an older spool (another epoch) are removed. */
static void
adopt_files(struct spool *s, struct spool_file **files, size_t len)
{
	for (size_t i = 0; i < len; i++)
		s->epoch = DS_MAX(s->epoch, files[i]->epoch);
	for (size_t i = 0; i < len; i++) {
		struct spool_file *f = files[i];
		struct lane *l = &s->lanes[f->lane];

		if (f->epoch != s->epoch || f->first_seq < l->next_seq) {
			(void)unlinkat(s->dir_fd, f->name, 0); /* of no use, also if it stays */
			free(f);
			continue;
		}
		if (l->next_seq == 1)
			l->acked = f->first_seq - 1;
		TAILQ_INSERT_TAIL(&l->files, f, link);
		l->next_seq = f->last_seq + 1;
		l->mark = f->mark;
		l->batches += f->last_seq + 1 - f->first_seq;
		s->stats.bytes += f->size;
	}
}

static int
read_directory(struct spool *s)
{
	struct spool_file **files = NULL;
	size_t len = 0, cap = 0;
	int fd = dup(s->dir_fd), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL)
		return -errno;
	while (r == 0 && len < FILES_MAX && (e = readdir(d)) != NULL) {
		enum ds_lane lane;
		uint64_t first;
		struct spool_file *f;

		if (!spool_file_parse_name(e->d_name, &lane, &first))
			continue;
		if (len == cap) {
			struct spool_file **more =
			    realloc(files, (cap + 64) * sizeof(struct spool_file *));

			if (more == NULL) {
				r = -ENOMEM;
				break;
			}
			files = more;
			cap += 64;
		}
		f = recover_file(s, e->d_name);
		if (f != NULL)
			files[len++] = f;
	}
	closedir(d);
	if (r == 0 && len > 0) {
		qsort(files, len, sizeof(struct spool_file *), compare_files);
		adopt_files(s, files, len);
	}
	free(files);
	return r;
}

/* Each lane has a file from the start: its name keeps the lane's place when all else is confirmed.
 * A lane whose files are gone while the spool has a past goes on far above any number it can have
 * used. */
static void
begin_lanes(struct spool *s)
{
	bool has_past = s->epoch != 0;

	if (!has_past)
		s->epoch = ds_clock_wall_us();
	for (unsigned i = 0; i < DS_LANES; i++) {
		struct lane *l = &s->lanes[i];

		if (has_past && TAILQ_EMPTY(&l->files)) {
			l->next_seq = ds_clock_wall_us();
			l->acked = l->next_seq - 1;
		}
		spool_note_error(s, spool_start_file(s, (enum ds_lane)i));
	}
}

int
spool_open(struct spool **ret, const char *dir, uint64_t max_size, char *ret_why, size_t why_size)
{
	struct spool *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->max_size = max_size;
	for (unsigned i = 0; i < DS_LANES; i++) {
		TAILQ_INIT(&s->lanes[i].files);
		TAILQ_INIT(&s->lanes[i].waiting);
		s->lanes[i].fd = s->lanes[i].read_fd = -1;
		s->lanes[i].next_seq = 1;
	}
	s->dir_fd = -1;
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = s->dir_fd < 0 ? -errno : read_directory(s);
	if (r < 0) {
		snprintf(ret_why, why_size, "spool %s: %s", dir, strerror(-r));
		spool_close(s);
		return r;
	}
	begin_lanes(s);
	*ret = s;
	return 0;
}
