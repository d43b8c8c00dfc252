/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/spool.h"
#include "agent/uplink/spool_state.h"
#include "lib/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct spool_file *
spool_newest(const struct lane *l)
{
	return TAILQ_LAST(&l->files, spool_files);
}

static void
stop_reading(struct lane *l)
{
	if (l->read_fd >= 0)
		(void)close(l->read_fd); /* only read from */
	l->read_fd = -1;
	l->reading = NULL;
}

void
spool_note_error(struct spool *s, int r)
{
	s->stats.last_error = r;
}

static void
sync_lane(struct spool *s, struct lane *l)
{
	if (!l->dirty || l->fd < 0)
		return;
	if (fdatasync(l->fd) < 0) {
		s->stats.sync_errors++;
		spool_note_error(s, -errno);
	}
	l->dirty = false;
}

void
spool_remove_file(struct spool *s, struct lane *l, struct spool_file *f)
{
	if (f == l->reading)
		stop_reading(l);
	if (f == spool_newest(l) && l->fd >= 0) {
		(void)close(l->fd); /* it is going away */
		l->fd = -1;
	}
	if (unlinkat(s->dir_fd, f->name, 0) < 0 && errno != ENOENT)
		spool_note_error(s, -errno);
	s->stats.bytes -= DS_MIN(f->size, s->stats.bytes);
	TAILQ_REMOVE(&l->files, f, link);
	free(f);
}

/* How many batches of a file are not confirmed. */
static uint64_t
unconfirmed(const struct lane *l, const struct spool_file *f)
{
	uint64_t from = DS_MAX(l->acked, f->first_seq - 1);

	return f->last_seq > from ? f->last_seq - from : 0;
}

/* The oldest file of a lane goes, with what is in it. */
static void
drop_file(struct spool *s, struct lane *l)
{
	struct spool_file *f = TAILQ_FIRST(&l->files);
	uint64_t lost = unconfirmed(l, f), had = f->last_seq - f->first_seq + 1;
	/* Events are known by file; where part of it is confirmed, its share is near enough. */
	uint64_t events = had > 0 ? f->events * lost / had : 0;

	s->stats.dropped_batches += lost;
	s->stats.dropped_events += events;
	s->untold += events;
	l->batches -= DS_MIN(lost, l->batches);
	spool_remove_file(s, l, f);
}

int
spool_start_file(struct spool *s, enum ds_lane lane)
{
	struct lane *l = &s->lanes[lane];
	struct spool_file *f = calloc(1, sizeof(*f));
	int fd, r;

	if (f == NULL)
		return -ENOMEM;
	if (spool_newest(l) != NULL && spool_newest(l)->last_seq < spool_newest(l)->first_seq)
		spool_remove_file(s, l,
		    spool_newest(l)); /* empty, of a former run: it would have the same name */
	*f = (struct spool_file){ .lane = lane,
		.epoch = s->epoch,
		.mark = l->mark,
		.first_seq =
		    TAILQ_EMPTY(&l->waiting) ? l->next_seq : TAILQ_FIRST(&l->waiting)->seq };
	spool_file_name(lane, f->first_seq, f->name);
	fd = openat(s->dir_fd, f->name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = -errno;
		goto fail;
	}
	r = spool_file_begin(fd, f);
	if (r < 0)
		goto fail_file;
	sync_lane(s, l);
	if (l->fd >= 0)
		(void)close(l->fd); /* synced */
	l->fd = fd;
	l->dirty = true;
	TAILQ_INSERT_TAIL(&l->files, f, link);
	s->stats.bytes += f->size;
	return fsync(s->dir_fd) < 0 ? -errno : 0;
fail_file:
	(void)unlinkat(s->dir_fd, f->name, 0); /* nothing in it */
	(void)close(fd);
fail:
	free(f);
	return r;
}

static uint64_t
file_limit(const struct spool *s)
{
	return DS_MIN(DS_MAX(s->max_size / 16, FILE_MIN), FILE_MAX);
}

/* The oldest bulk file, then the oldest urgent one; the file being written to only when alone. */
static bool
make_room(struct spool *s)
{
	struct lane *bulk = &s->lanes[DS_LANE_BULK], *urgent = &s->lanes[DS_LANE_URGENT];

	if (!TAILQ_EMPTY(&bulk->files))
		drop_file(s, bulk);
	else if (!TAILQ_EMPTY(&urgent->files))
		drop_file(s, urgent);
	else
		return false;
	return true;
}

/* To disk, in order: whatever waits in memory goes first. */
static int
write_record(struct spool *s, enum ds_lane lane, uint64_t seq, struct spool_mark mark,
    uint32_t events, const void *packed, uint32_t size)
{
	struct lane *l = &s->lanes[lane];
	struct spool_file *f = spool_newest(l);
	uint64_t before;
	int r;

	if (l->fd < 0 || f == NULL || (f->size >= file_limit(s) && f->last_seq >= f->first_seq)) {
		r = spool_start_file(s, lane);
		if (r < 0)
			return r;
		f = spool_newest(l);
	}
	before = f->size;
	r = spool_file_append(l->fd, f, seq, mark, events, packed, size);
	if (r < 0)
		return r;
	s->stats.bytes += f->size - before;
	l->dirty = true;
	while (s->stats.bytes > s->max_size) {
		bool only = TAILQ_FIRST(&s->lanes[DS_LANE_BULK].files) == NULL &&
			    TAILQ_FIRST(&l->files) == spool_newest(l) && lane == DS_LANE_URGENT;

		if (only || !make_room(s))
			break;
	}
	return 0;
}

/* Writes what waits in memory; stops at the first refusal. */
static int
drain_waiting(struct spool *s, enum ds_lane lane)
{
	struct lane *l = &s->lanes[lane];
	struct waiting *w;

	while ((w = TAILQ_FIRST(&l->waiting)) != NULL) {
		int r = write_record(s, lane, w->seq, w->mark, w->events, w->packed, w->size);

		if (r < 0)
			return r;
		TAILQ_REMOVE(&l->waiting, w, link);
		s->stats.memory_bytes -= w->size;
		free(w);
	}
	return 0;
}

static void
forget_waiting(struct spool *s, struct lane *l)
{
	struct waiting *w = TAILQ_FIRST(&l->waiting);

	TAILQ_REMOVE(&l->waiting, w, link);
	s->stats.memory_bytes -= w->size;
	s->stats.dropped_events += w->events;
	s->stats.dropped_batches++;
	s->untold += w->events;
	l->batches -= DS_MIN(1u, l->batches);
	free(w);
}

static int
keep_in_memory(struct spool *s, enum ds_lane lane, uint64_t seq, struct spool_mark mark,
    uint32_t events, const void *packed, uint32_t size)
{
	struct lane *bulk = &s->lanes[DS_LANE_BULK], *urgent = &s->lanes[DS_LANE_URGENT];
	struct waiting *w = malloc(sizeof(*w) + size);

	if (w == NULL)
		return -ENOMEM;
	w->seq = seq;
	w->mark = mark;
	w->events = events;
	w->size = size;
	memcpy(w->packed, packed, size);
	TAILQ_INSERT_TAIL(&s->lanes[lane].waiting, w, link);
	s->stats.memory_bytes += size;
	while (s->stats.memory_bytes > SPOOL_MEMORY_MAX) {
		if (!TAILQ_EMPTY(&bulk->waiting))
			forget_waiting(s, bulk);
		else
			forget_waiting(s, urgent);
	}
	return 0;
}

int
spool_append(
    struct spool *s, enum ds_lane lane, const void *packed, size_t size, struct spool_mark mark)
{
	struct lane *l = &s->lanes[lane];
	struct ds_batch_header header;
	uint64_t seq = l->next_seq;
	int r = ds_batch_peek(packed, size, &header);

	if (r < 0)
		return -EINVAL;
	r = drain_waiting(s, lane);
	if (r == 0)
		r = write_record(s, lane, seq, mark, header.len, packed, (uint32_t)size);
	/* A full disk: memory takes what it can; then our own oldest telemetry makes room. */
	if ((r == -ENOSPC || r == -EDQUOT) && s->stats.memory_bytes + size > SPOOL_MEMORY_MAX &&
	    !TAILQ_EMPTY(&s->lanes[DS_LANE_BULK].files)) {
		drop_file(s, &s->lanes[DS_LANE_BULK]);
		r = drain_waiting(s, lane);
		if (r == 0)
			r = write_record(s, lane, seq, mark, header.len, packed, (uint32_t)size);
	}
	spool_note_error(s, r);
	if (r < 0) {
		r = keep_in_memory(s, lane, seq, mark, header.len, packed, (uint32_t)size);
		if (r < 0)
			return r;
	}
	l->next_seq++;
	l->batches++;
	l->mark = mark;
	return 0;
}

/* Puts peek in front of the first record with seq > after. */
static int
seek_to(struct spool *s, struct lane *l, uint64_t after)
{
	struct spool_file *f;

	if (l->reading != NULL && after >= l->read_seq && after < l->reading->last_seq &&
	    after + 1 >= l->reading->first_seq) {
		l->read_seq = after;
		return 0;
	}
	TAILQ_FOREACH(f, &l->files, link)
		if (f->last_seq > after && f->last_seq >= f->first_seq)
			break;
	if (f == NULL)
		return -ENOENT;
	if (f != l->reading) {
		stop_reading(l);
		l->read_fd = openat(s->dir_fd, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (l->read_fd < 0)
			return -errno;
		l->reading = f;
	}
	l->offset = SPOOL_FILE_HEADER;
	l->read_seq = after;
	return 0;
}

static int
read_packed(struct lane *l, const struct spool_record *rec)
{
	size_t done = 0;

	if (rec->size > l->packed_cap) {
		uint8_t *p = realloc(l->packed, rec->size);

		if (p == NULL)
			return -ENOMEM;
		l->packed = p;
		l->packed_cap = rec->size;
	}
	while (done < rec->size) {
		ssize_t n =
		    pread(l->read_fd, l->packed + done, rec->size - done, (off_t)(rec->at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int
peek_files(struct spool *s, struct lane *l, uint64_t after, struct spool_batch *ret)
{
	struct spool_record rec;
	int r = seek_to(s, l, after);

	while (r == 0) {
		r = spool_file_next(l->read_fd, l->reading, l->offset, &rec);
		if (r == 0)
			return -ENOENT;
		if (r < 0)
			return r;
		if (rec.seq > after)
			break;
		l->offset = rec.at + rec.size;
		r = 0;
	}
	if (r < 0)
		return r;
	r = read_packed(l, &rec);
	if (r < 0)
		return r;
	*ret = (struct spool_batch){ rec.seq, l->packed, rec.size };
	return 0;
}

int
spool_peek(struct spool *s, enum ds_lane lane, uint64_t after, struct spool_batch *ret)
{
	struct lane *l = &s->lanes[lane];
	const struct waiting *w;
	int r;

	after = DS_MAX(after, l->acked);
	r = peek_files(s, l, after, ret);
	if (r != -ENOENT)
		return r;
	TAILQ_FOREACH(w, &l->waiting, link) {
		if (w->seq > after) {
			*ret = (struct spool_batch){ w->seq, w->packed, w->size };
			return 0;
		}
	}
	return -ENOENT;
}

void
spool_ack(struct spool *s, enum ds_lane lane, uint64_t seq)
{
	struct lane *l = &s->lanes[lane];
	struct spool_file *f;
	struct waiting *w;

	if (seq <= l->acked || seq >= l->next_seq)
		return; /* old news, or an answer to what was never sent */
	l->batches -= DS_MIN(seq - l->acked, l->batches);
	l->acked = seq;
	while ((w = TAILQ_FIRST(&l->waiting)) != NULL && w->seq <= seq) {
		TAILQ_REMOVE(&l->waiting, w, link);
		s->stats.memory_bytes -= w->size;
		free(w);
	}
	while ((f = TAILQ_FIRST(&l->files)) != NULL && f->last_seq <= seq && f != spool_newest(l))
		spool_remove_file(s, l, f);
	/* All of the newest is confirmed too: begin a fresh one, whose header keeps number and
	 * mark. */
	if (f != NULL && f == spool_newest(l) && f->last_seq <= seq && f->size > FILE_MIN &&
	    TAILQ_EMPTY(&l->waiting) && spool_start_file(s, lane) == 0)
		spool_remove_file(s, l, f);
	if (l->batches == 0 && l->packed_cap > FILE_MIN) {
		free(l->packed);
		l->packed = NULL;
		l->packed_cap = 0;
	}
}

void
spool_tick(struct spool *s)
{
	for (unsigned i = 0; i < DS_LANES; i++) {
		if (!TAILQ_EMPTY(&s->lanes[i].waiting))
			spool_note_error(s, drain_waiting(s, (enum ds_lane)i));
		sync_lane(s, &s->lanes[i]);
	}
}

uint64_t
spool_take_dropped(struct spool *s)
{
	uint64_t n = s->untold;

	s->untold = 0;
	return n;
}

void
spool_set_max(struct spool *s, uint64_t max_size)
{
	s->max_size = max_size;
}

uint64_t
spool_epoch(const struct spool *s)
{
	return s->epoch;
}

struct spool_mark
spool_mark(const struct spool *s, enum ds_lane lane)
{
	return s->lanes[lane].mark;
}

void
spool_get_stats(const struct spool *s, struct spool_stats *ret)
{
	*ret = s->stats;
	for (unsigned i = 0; i < DS_LANES; i++)
		ret->batches += s->lanes[i].batches;
}

void
spool_close(struct spool *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < DS_LANES; i++) {
		struct lane *l = &s->lanes[i];
		struct spool_file *f;
		struct waiting *w;

		sync_lane(s, l);
		stop_reading(l);
		if (l->fd >= 0)
			(void)close(l->fd); /* synced */
		while ((f = TAILQ_FIRST(&l->files)) != NULL) {
			TAILQ_REMOVE(&l->files, f, link);
			free(f);
		}
		while ((w = TAILQ_FIRST(&l->waiting)) != NULL) {
			TAILQ_REMOVE(&l->waiting, w, link);
			free(w);
		}
		free(l->packed);
	}
	if (s->dir_fd >= 0)
		(void)close(s->dir_fd);
	free(s);
}
