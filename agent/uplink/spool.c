/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool - keeps packed batches on disk until the server has committed them: appends, drops, syncs.
 *
 * Used by batcher, link and main on the uplink's only thread.  Owns the files in its directory.
 * spool_read.c has the reading half, spool_open.c finds again what is there.
 */
#include "agent/uplink/spool_impl.h"

#include "lib/clock.h"
#include "lib/zip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

void
spool_file_name(const struct spool_file *f, char *ret, size_t size)
{
	snprintf(ret, size, "%s-%020llu", f->lane == DS_LANE_URGENT ? "urgent" : "bulk",
	    (unsigned long long)f->first_seq);
}

struct spool_mark
spool_later(struct spool_mark a, struct spool_mark b)
{
	return a.number > b.number || (a.number == b.number && a.part > b.part) ? a : b;
}

void
spool_tell_lost(struct spool *s, const char *source, uint64_t events, const char *message)
{
	if (s->cfg.lost != NULL)
		s->cfg.lost(source, events, message, s->cfg.ctx);
}

void
spool_lane_close(struct spool *s, struct spool_lane *l)
{
	if (l->fd < 0)
		return;
	if (l->is_dirty && fdatasync(l->fd) < 0) {
		s->last_error = -errno;
		s->write_errors++;
	}
	close(l->fd);
	l->fd = -1;
	l->is_dirty = false;
	l->current = NULL;
}

/* The first file of the lane goes, whatever is in it. */
static void
remove_head(struct spool *s, struct spool_lane *l)
{
	struct spool_file *f = STAILQ_FIRST(&l->files);
	char name[64];

	if (l->reader.file == f)
		spool_reader_close(&l->reader);
	if (l->current == f) {
		close(l->fd);
		l->fd = -1;
		l->is_dirty = false;
		l->current = NULL;
	}
	STAILQ_REMOVE_HEAD(&l->files, next);
	spool_file_name(f, name, sizeof(name));
	(void)unlinkat(s->dir_fd, name, 0); /* one that stays is found and dropped at next start */
	s->bytes -= f->bytes;
	s->cursor_is_stale = true;
	free(f);
}

/* Events of the file that the server has not confirmed. */
static uint64_t
events_left(struct spool *s, const struct spool_lane *l, const struct spool_file *f)
{
	struct spool_walk w = { .end = f->bytes, .lane = f->lane, .epoch = s->epoch };
	struct spool_header h;
	uint64_t events = 0;
	char name[64];

	if (l->acked < f->first_seq)
		return f->events;
	spool_file_name(f, name, sizeof(name));
	w.fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (w.fd < 0)
		return f->events;
	while (spool_walk_header(&w, &h) == 1)
		events += h.seq > l->acked ? h.events : 0;
	close(w.fd);
	return events;
}

static bool
drop_oldest(struct spool *s, struct spool_lane *l)
{
	struct spool_file *f = STAILQ_FIRST(&l->files);
	uint64_t events;

	if (f == NULL)
		return false;
	events = events_left(s, l, f);
	remove_head(s, l);
	if (events > 0) {
		s->dropped += events;
		spool_tell_lost(
		    s, "spool", events, "the spool was full, the oldest events were dropped");
	}
	return true;
}

static void
make_room(struct spool *s, uint64_t need)
{
	while (s->bytes + need > s->cfg.max_size)
		if (!drop_oldest(s, &s->lanes[DS_LANE_BULK]) &&
		    !drop_oldest(s, &s->lanes[DS_LANE_URGENT]))
			return;
}

static int
open_current(struct spool *s, struct spool_lane *l, uint64_t seq)
{
	struct spool_file *f = calloc(1, sizeof(*f));
	char name[64];

	if (f == NULL)
		return -ENOMEM;
	f->lane = (uint8_t)(l - s->lanes);
	f->first_seq = seq;
	spool_file_name(f, name, sizeof(name));
	l->fd = openat(s->dir_fd, name,
	    O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd < 0) {
		int r = -errno;

		free(f);
		return r;
	}
	STAILQ_INSERT_TAIL(&l->files, f, next);
	l->current = f;
	s->dir_is_dirty = true;
	return 0;
}

/* A torn end that cannot be cut off: nothing may come behind it.  Recovery passes over it. */
static void
abandon_current(struct spool *s, struct spool_lane *l)
{
	struct spool_file *f = l->current;

	spool_lane_close(s, l);
	if (f->records > 0)
		return;
	STAILQ_REMOVE(&l->files, f, spool_file, next);
	free(f); /* its name is taken again by the next try */
}

/* All or nothing: what was written of a record that did not fit is cut off again. */
static int
write_whole(struct spool *s, struct spool_lane *l, struct iovec v[3], size_t whole)
{
	ssize_t n;
	int r;

	do
		n = writev(l->fd, v, 3);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)whole)
		return 0;
	r = n < 0 ? -errno : -ENOSPC;
	if (n > 0 && ftruncate(l->fd, (off_t)l->current->bytes) < 0)
		abandon_current(s, l);
	return r;
}

static int
write_record(struct spool *s, const struct spool_header *h, const void *packed, const void *notes)
{
	struct spool_lane *l = &s->lanes[h->lane];
	uint8_t head[SPOOL_HEADER];
	struct iovec v[3] = {
		{ head, SPOOL_HEADER },
		{ (void *)(uintptr_t)packed, h->size },
		{ (void *)(uintptr_t)notes, h->notes_size },
	};
	size_t whole = spool_header_whole(h);
	int r;

	make_room(s, whole);
	if (l->fd >= 0 && l->current->bytes >= s->file_max)
		spool_lane_close(s, l);
	if (l->fd < 0) {
		r = open_current(s, l, h->seq);
		if (r < 0)
			return r;
	}
	spool_header_put(h, head);
	r = write_whole(s, l, v, whole);
	if (r < 0)
		return r;
	l->is_dirty = true;
	l->current->bytes += whole;
	l->current->last_seq = h->seq;
	l->current->events += h->events;
	l->current->records++;
	s->bytes += whole;
	return 0;
}

/* The record is on disk, or committed by the server: what came with it holds from now on. */
static void
settle(struct spool *s, const struct spool_header *h, const void *notes)
{
	for (unsigned i = 0; i < DS_LANES; i++)
		s->marks[i] = spool_later(s->marks[i], h->marks[i]);
	if (h->notes_size > 0) {
		memcpy(s->notes, notes, h->notes_size);
		s->notes_size = h->notes_size;
	}
	s->cursor_is_stale = true;
}

static int
try_write(struct spool *s, const struct spool_header *h, const void *packed, const void *notes)
{
	int r = write_record(s, h, packed, notes);

	s->last_error = r;
	if (r < 0) {
		s->write_errors++;
		return r;
	}
	settle(s, h, notes);
	return 0;
}

static int
remember(struct spool *s, const struct spool_header *h, const void *packed, const void *notes)
{
	size_t size = (size_t)h->size + h->notes_size;
	struct spool_memory *m;

	/* One record always fits, whatever its size. */
	if (s->memory_bytes > 0 && s->memory_bytes + size > SPOOL_MEMORY_MAX)
		return -ENOSPC;
	m = malloc(sizeof(*m) + size);
	if (m == NULL)
		return -ENOMEM;
	m->header = *h;
	memcpy(m->body, packed, h->size);
	if (h->notes_size > 0)
		memcpy(m->body + h->size, notes, h->notes_size);
	STAILQ_INSERT_TAIL(&s->memory, m, next);
	s->memory_bytes += size;
	s->lanes[h->lane].waits++;
	return 0;
}

static void
forget(struct spool *s, struct spool_memory *m)
{
	STAILQ_REMOVE(&s->memory, m, spool_memory, next);
	s->memory_bytes -= (size_t)m->header.size + m->header.notes_size;
	s->lanes[m->header.lane].waits--;
	free(m);
}

static uint32_t
crc_of(const void *packed, size_t size, const void *notes, size_t notes_size, uint8_t *scratch)
{
	if (notes_size == 0)
		return ds_crc32(packed, size);
	memcpy(scratch, packed, size);
	memcpy(scratch + size, notes, notes_size);
	return ds_crc32(scratch, size + notes_size);
}

static int
fill_header(struct spool *s, struct spool_header *h, const void *packed, const void *notes)
{
	uint8_t *scratch = NULL;

	if (h->notes_size > 0) {
		scratch = malloc((size_t)h->size + h->notes_size);
		if (scratch == NULL)
			return -ENOMEM;
	}
	h->epoch = s->epoch;
	h->seq = s->lanes[h->lane].next_seq;
	h->time_us = ds_clock_wall_us();
	h->crc = crc_of(packed, h->size, notes, h->notes_size, scratch);
	free(scratch);
	return 0;
}

int
spool_append(struct spool *s, uint8_t lane, const void *packed, size_t size,
    const struct spool_origin *origin)
{
	struct spool_header h = { .lane = lane,
		.size = (uint32_t)size,
		.notes_size = (uint32_t)origin->notes_size,
		.events = origin->events,
		.marks = { origin->marks[0], origin->marks[1] } };
	int r;

	if (size == 0 || size > DS_BATCH_PACKED_MAX || origin->notes_size > SPOOL_NOTES_MAX ||
	    SPOOL_HEADER + size + origin->notes_size > s->cfg.max_size)
		return -EFBIG;
	r = fill_header(s, &h, packed, origin->notes);
	if (r < 0)
		return r;
	/* What waits goes first, so that records stay in order. */
	r = STAILQ_EMPTY(&s->memory) ? try_write(s, &h, packed, origin->notes) : -ENOSPC;
	if (r < 0)
		r = remember(s, &h, packed, origin->notes);
	if (r < 0)
		return r;
	s->lanes[lane].next_seq++;
	if (s->cfg.wake != NULL)
		s->cfg.wake(s->cfg.ctx);
	return 0;
}

bool
spool_retry(struct spool *s)
{
	struct spool_memory *m;

	while ((m = STAILQ_FIRST(&s->memory)) != NULL) {
		if (try_write(s, &m->header, m->body, m->body + m->header.size) < 0)
			return false;
		forget(s, m);
	}
	return true;
}

static void
ack_memory(struct spool *s, uint8_t lane)
{
	struct spool_memory *m, *next;

	for (m = STAILQ_FIRST(&s->memory); m != NULL; m = next) {
		next = STAILQ_NEXT(m, next);
		if (m->header.lane != lane || m->header.seq > s->lanes[lane].acked)
			continue;
		/* The other lane's number may be that of a record which still waits. */
		if (s->lanes[!lane].waits > 0)
			m->header.marks[!lane] = (struct spool_mark){ 0 };
		settle(s, &m->header, m->body + m->header.size);
		forget(s, m);
	}
}

void
spool_ack(struct spool *s, uint8_t lane, uint64_t epoch, uint64_t seq)
{
	struct spool_lane *l = &s->lanes[lane < DS_LANES ? lane : 0];
	struct spool_file *f;

	if (lane >= DS_LANES || epoch != s->epoch || seq <= l->acked || seq > INT64_MAX)
		return;
	/* Of a spool that has forgotten, the server knows more: go on behind that. */
	if (seq >= l->next_seq)
		l->next_seq = seq + 1;
	l->acked = seq;
	s->cursor_is_stale = true;
	ack_memory(s, lane);
	f = STAILQ_FIRST(&l->files);
	if (f == NULL || f->last_seq > seq || (f == l->current && f->bytes < s->file_max / 2))
		return;
	/* Numbers and notes that only these files know go to the cursor first; a disk too full for
	 * that gets its space and is asked again. */
	(void)spool_save(s);
	while ((f = STAILQ_FIRST(&l->files)) != NULL && f->last_seq <= seq &&
	       (f != l->current || f->bytes >= s->file_max / 2))
		remove_head(s, l);
	(void)spool_save(s);
}

bool
spool_is_dirty(const struct spool *s)
{
	return s->dir_is_dirty || s->lanes[0].is_dirty || s->lanes[1].is_dirty;
}

int
spool_sync(struct spool *s)
{
	for (unsigned i = 0; i < DS_LANES; i++) {
		struct spool_lane *l = &s->lanes[i];

		if (!l->is_dirty)
			continue;
		if (fdatasync(l->fd) < 0)
			goto fail;
		l->is_dirty = false;
	}
	if (s->dir_is_dirty && fsync(s->dir_fd) < 0)
		goto fail;
	s->dir_is_dirty = false;
	return 0;
fail:
	s->last_error = -errno;
	s->write_errors++;
	return s->last_error;
}

size_t
spool_waits(const struct spool *s)
{
	return s->lanes[0].waits + s->lanes[1].waits;
}

uint64_t
spool_unsafe_after(const struct spool *s, uint8_t lane)
{
	return s->lanes[lane].waits > 0 ? s->marks[lane].number : UINT64_MAX;
}

struct spool_mark
spool_mark(const struct spool *s, uint8_t lane)
{
	return s->marks[lane];
}

const void *
spool_notes(const struct spool *s, size_t *ret_size)
{
	*ret_size = s->notes_size;
	return s->notes;
}

void
spool_set_notes(struct spool *s, const void *notes, size_t size)
{
	if (size > SPOOL_NOTES_MAX || spool_waits(s) > 0 ||
	    (size == s->notes_size && (size == 0 || memcmp(notes, s->notes, size) == 0)))
		return;
	if (size > 0)
		memcpy(s->notes, notes, size);
	s->notes_size = size;
	s->cursor_is_stale = true;
}

void
spool_set_mark(struct spool *s, uint8_t lane, struct spool_mark mark)
{
	struct spool_mark old = s->marks[lane];

	if (s->lanes[lane].waits > 0)
		return;
	s->marks[lane] = spool_later(old, mark);
	if (s->marks[lane].number != old.number || s->marks[lane].part != old.part)
		s->cursor_is_stale = true;
}

void
spool_set_max_size(struct spool *s, uint64_t max_size)
{
	s->cfg.max_size = max_size;
	s->file_max = DS_MIN(DS_MAX(max_size / 16, UINT64_C(64) << 10), UINT64_C(4) << 20);
}

uint64_t
spool_epoch(const struct spool *s)
{
	return s->epoch;
}

void
spool_free(struct spool *s)
{
	struct spool_file *f;

	if (s == NULL)
		return;
	(void)spool_retry(s); /* what still waits is lost now, and the guard will send it again */
	(void)spool_sync(s);
	(void)spool_save(s);
	for (unsigned i = 0; i < DS_LANES; i++) {
		struct spool_lane *l = &s->lanes[i];

		spool_reader_close(&l->reader);
		spool_lane_close(s, l);
		while ((f = STAILQ_FIRST(&l->files)) != NULL) {
			STAILQ_REMOVE_HEAD(&l->files, next);
			free(f);
		}
	}
	while (!STAILQ_EMPTY(&s->memory))
		forget(s, STAILQ_FIRST(&s->memory));
	if (s->dir_fd >= 0)
		close(s->dir_fd); /* and with it the lock */
	ds_buf_done(&s->body);
	free(s);
}
