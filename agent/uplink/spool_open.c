/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_open - finds again what an earlier uplink left in the spool, whatever happened to it.
 *
 * Called once, by main.  The cursor file says how far the server had come and which numbers were
 * given out; it may be older than the files, or gone: the files know the same and only the newest
 * word counts.
 */
#include "agent/uplink/spool_impl.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/zip.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CURSOR_MAGIC  0x44534331u /* "DSC1" */
#define CURSOR_MAX    (SPOOL_NOTES_MAX + 256u)
#define CURSOR_NAME   "cursor"
#define UNKNOWN_EPOCH 0u

/* The lowest number that is on disk in no record yet: one that waits in memory may be written after
 * the cursor, and what comes with it must count then. */
static uint64_t
next_unwritten(const struct spool *s, uint8_t lane)
{
	const struct spool_memory *m;

	STAILQ_FOREACH(m, &s->memory, next)
	if (m->header.lane == lane)
		return m->header.seq;
	return s->lanes[lane].next_seq;
}

static int
cursor_put(const struct spool *s, struct ds_buf *b)
{
	int r = ds_buf_put_u32(b, CURSOR_MAGIC);

	if (r == 0)
		r = ds_buf_put_u64(b, s->epoch);
	for (uint8_t i = 0; i < DS_LANES; i++) {
		if (r == 0)
			r = ds_buf_put_u64(b, next_unwritten(s, i));
		if (r == 0)
			r = ds_buf_put_u64(b, s->lanes[i].acked);
		if (r == 0)
			r = ds_buf_put_u64(b, s->marks[i].number);
		if (r == 0)
			r = ds_buf_put_u32(b, s->marks[i].part);
	}
	if (r == 0)
		r = ds_buf_put(b, s->boot_id, sizeof(s->boot_id));
	if (r == 0)
		r = ds_buf_put_bytes(b, s->notes, s->notes_size);
	if (r == 0)
		r = ds_buf_put_u32(b, ds_crc32(b->data, b->len));
	return r;
}

int
spool_save(struct spool *s)
{
	char path[PATH_MAX];
	struct ds_buf b;
	int r;

	if (!s->cursor_is_stale)
		return 0;
	ds_buf_init(&b, CURSOR_MAX);
	snprintf(path, sizeof(path), "%s/" CURSOR_NAME, s->dir);
	r = cursor_put(s, &b);
	if (r == 0)
		r = ds_file_replace(path, b.data, b.len, 0600);
	ds_buf_done(&b);
	if (r == 0)
		s->cursor_is_stale = false;
	return r;
}

static int
cursor_get(struct spool *s, struct ds_buf *b)
{
	struct spool_lane lanes[DS_LANES];
	struct spool_mark marks[DS_LANES];
	const uint8_t *notes, *boot_id;
	uint64_t epoch;
	uint32_t magic;
	size_t size;

	if (ds_buf_get_u32(b, &magic) < 0 || magic != CURSOR_MAGIC ||
	    ds_buf_get_u64(b, &epoch) < 0 || epoch == UNKNOWN_EPOCH)
		return -EBADMSG;
	for (unsigned i = 0; i < DS_LANES; i++)
		if (ds_buf_get_u64(b, &lanes[i].next_seq) < 0 ||
		    ds_buf_get_u64(b, &lanes[i].acked) < 0 ||
		    ds_buf_get_u64(b, &marks[i].number) < 0 ||
		    ds_buf_get_u32(b, &marks[i].part) < 0)
			return -EBADMSG;
	if (ds_buf_get(b, SPOOL_BOOT_ID, &boot_id) < 0 ||
	    ds_buf_get_bytes(b, SPOOL_NOTES_MAX, &notes, &size) < 0)
		return -EBADMSG;
	s->is_same_boot = s->boot_id[0] != 0 && memcmp(boot_id, s->boot_id, SPOOL_BOOT_ID) == 0;
	s->epoch = epoch;
	for (unsigned i = 0; i < DS_LANES; i++) {
		s->lanes[i].next_seq = lanes[i].next_seq;
		s->lanes[i].acked = lanes[i].acked;
		s->marks[i] = marks[i];
	}
	memcpy(s->notes, notes, size);
	s->notes_size = size;
	return 0;
}

void
spool_load(struct spool *s)
{
	char path[PATH_MAX], *data;
	struct ds_buf b, tail;
	uint32_t crc;
	size_t size;

	snprintf(path, sizeof(path), "%s/" CURSOR_NAME, s->dir);
	if (ds_file_read(path, CURSOR_MAX, &data, &size) < 0)
		return;
	if (size > 4) {
		ds_buf_view(&b, data, size - 4);
		ds_buf_view(&tail, data + size - 4, 4);
		if (ds_buf_get_u32(&tail, &crc) == 0 && crc == ds_crc32(data, size - 4))
			(void)cursor_get(s, &b); /* the files know it too */
	}
	free(data);
}

static void
learn(struct spool *s, struct spool_file *f, const struct spool_header *h)
{
	struct spool_lane *l = &s->lanes[f->lane];

	s->epoch = DS_MAX(s->epoch, h->epoch);
	l->next_seq = DS_MAX(l->next_seq, h->seq + 1);
	for (unsigned i = 0; i < DS_LANES; i++)
		s->marks[i] = spool_later(s->marks[i], h->marks[i]);
	f->last_seq = h->seq;
	f->records++;
	f->events += h->events;
}

/* Of all records with notes the one written last has those that count; only urgent ones have any,
 * and they are read in order. */
static void
learn_notes(struct spool *s, const struct spool_header *h, const uint8_t *notes)
{
	if (h->notes_size == 0)
		return;
	memcpy(s->notes, notes, h->notes_size);
	s->notes_size = h->notes_size;
}

/* Walks through one file; what is whole in it can be read later. */
static int
scan_file(struct spool *s, struct spool_file *f, int fd)
{
	struct spool_walk w = { .fd = fd, .lane = f->lane, .epoch = s->epoch };
	struct spool_lane *l = &s->lanes[f->lane];
	uint64_t end = 0, cursor_seq = l->next_seq;
	struct spool_header h;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	w.end = (uint64_t)st.st_size;
	while ((r = spool_walk_header(&w, &h)) == 1) {
		r = spool_walk_body(&w, &h, &s->body);
		if (r == -EBADMSG) {
			s->damaged++;
			f->is_damaged = true;
			spool_tell_lost(s, "spool", h.seq > l->acked ? h.events : 0,
			    "records in the spool were damaged");
			continue;
		}
		if (r < 0)
			return r;
		learn(s, f, &h);
		/* The cursor was written after all records below its next number. */
		if (h.seq >= cursor_seq)
			learn_notes(s, &h, s->body.data + h.size);
		end = w.next;
	}
	if (w.damaged > 0) {
		s->damaged += w.damaged;
		f->is_damaged = true;
		spool_tell_lost(s, "spool", w.damaged, "pages of the spool were damaged");
	}
	f->bytes = end;
	return r;
}

static void
add_file(struct spool *s, const char *name, uint8_t lane)
{
	int fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct spool_file *f = calloc(1, sizeof(*f));
	int r;

	if (fd < 0 || f == NULL) {
		free(f);
		if (fd >= 0)
			close(fd);
		spool_tell_lost(s, "spool", 1, "a file of the spool could not be read");
		return;
	}
	f->lane = lane;
	f->first_seq = strtoull(strchr(name, '-') + 1, NULL, 10);
	r = scan_file(s, f, fd);
	if (r < 0) {
		s->last_error = r;
		spool_tell_lost(s, "spool", 1, "a file of the spool could not be read to its end");
	}
	close(fd);
	if (f->records == 0 || f->last_seq <= s->lanes[lane].acked) {
		(void)unlinkat(s->dir_fd, name, 0); /* nothing in it is wanted */
		s->cursor_is_stale = true;
		free(f);
		return;
	}
	STAILQ_INSERT_TAIL(&s->lanes[lane].files, f, next);
	s->bytes += f->bytes;
}

static int
is_urgent_file(const struct dirent *e)
{
	return strncmp(e->d_name, "urgent-", 7) == 0 && strlen(e->d_name) == 27;
}

static int
is_bulk_file(const struct dirent *e)
{
	return strncmp(e->d_name, "bulk-", 5) == 0 && strlen(e->d_name) == 25;
}

static int
recover_lane(struct spool *s, uint8_t lane)
{
	struct dirent **names;
	int n = scandirat(s->dir_fd, ".", &names,
	    lane == DS_LANE_URGENT ? is_urgent_file : is_bulk_file, alphasort);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		add_file(s, names[i]->d_name, lane);
		free(names[i]);
	}
	free(names);
	return 0;
}

static void
read_boot_id(struct spool *s)
{
	size_t size;
	char *data;

	if (ds_file_read("/proc/sys/kernel/random/boot_id", 64, &data, &size) < 0)
		return;
	if (size >= SPOOL_BOOT_ID)
		memcpy(s->boot_id, data, SPOOL_BOOT_ID);
	free(data);
}

int
spool_recover(struct spool *s)
{
	bool is_new;
	int r;

	read_boot_id(s);
	spool_load(s);
	r = recover_lane(s, DS_LANE_URGENT);
	if (r == 0)
		r = recover_lane(s, DS_LANE_BULK);
	if (r < 0)
		return r;
	is_new = s->epoch == UNKNOWN_EPOCH;
	if (is_new)
		s->epoch = DS_MAX(ds_clock_wall_us(), UINT64_C(1));
	for (unsigned i = 0; i < DS_LANES; i++) {
		struct spool_lane *l = &s->lanes[i];

		l->next_seq = is_new ? 1 : DS_MAX(l->next_seq, l->acked + 1);
		if (!is_new && !s->is_same_boot)
			l->next_seq += SPOOL_SEQ_SKIP;
	}
	s->cursor_is_stale = true;
	ds_buf_done(&s->body);
	r = spool_save(s);
	/* A full disk is no reason not to start. */
	return r == -ENOSPC || r == -EDQUOT ? 0 : r;
}

static int
open_dir(struct spool *s, const char *dir)
{
	if ((size_t)snprintf(s->dir, sizeof(s->dir), "%s", dir) >= sizeof(s->dir))
		return -ENAMETOOLONG;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return -errno;
	if (flock(s->dir_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

static struct spool *
spool_new(const struct spool_config *cfg)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->cfg = *cfg;
	s->cfg.dir = NULL;
	s->dir_fd = -1;
	spool_set_max_size(s, cfg->max_size);
	STAILQ_INIT(&s->memory);
	ds_buf_init(&s->body, DS_BATCH_PACKED_MAX + SPOOL_NOTES_MAX);
	for (unsigned i = 0; i < DS_LANES; i++) {
		STAILQ_INIT(&s->lanes[i].files);
		s->lanes[i].fd = -1;
	}
	return s;
}

int
spool_open(const struct spool_config *cfg, struct spool **ret, char *ret_why, size_t why_size)
{
	struct spool *s = spool_new(cfg);
	int r;

	if (s == NULL) {
		snprintf(ret_why, why_size, "no memory");
		return -ENOMEM;
	}
	r = open_dir(s, cfg->dir);
	if (r == 0)
		r = spool_recover(s);
	if (r < 0) {
		snprintf(ret_why, why_size, "%s: %s", cfg->dir,
		    r == -EBUSY ? "another process uses it" : strerror(-r));
		/* What is there stays as it is. */
		s->cursor_is_stale = false;
		spool_free(s);
		return r;
	}
	*ret = s;
	return 0;
}
