/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_read - the reading half of the spool: peeks at records, tells its state.
 *
 * Used by link and health on the uplink's only thread.
 */
#include "agent/uplink/spool_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BODY_KEPT (256u << 10) /* bytes of the buffer that are not given back */

void
spool_reader_close(struct spool_reader *r)
{
	if (r->file != NULL)
		close(r->walk.fd);
	*r = (struct spool_reader){ 0 };
}

static int
reader_open(struct spool *s, struct spool_reader *r, struct spool_file *f)
{
	char name[64];
	int fd;

	spool_reader_close(r);
	spool_file_name(f, name, sizeof(name));
	fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r->file = f;
	r->walk = (struct spool_walk){ .fd = fd, .lane = f->lane, .epoch = s->epoch };
	return 0;
}

/* Puts the reader where records above `after` begin, or before that: 0, -ENOENT, -errno. */
static int
reader_seek(struct spool *s, struct spool_lane *l, uint64_t after)
{
	struct spool_reader *r = &l->reader;
	struct spool_file *f;

	if (r->file != NULL && (r->after == after || r->after_2 == after)) {
		r->walk.next = r->after_2 == after ? r->at_2 : r->at;
		r->walk.seq = after;
		return 0;
	}
	STAILQ_FOREACH(f, &l->files, next)
	if (f->last_seq > after)
		return reader_open(s, r, f);
	return -ENOENT;
}

static void
found_damage(struct spool *s, struct spool_file *f, uint64_t events)
{
	if (f->is_damaged)
		return; /* told when it was found first */
	f->is_damaged = true;
	s->damaged++;
	spool_tell_lost(s, "spool", events, "records in the spool were damaged");
}

/* The next whole record above `after` in the reader's file: 1, 0 at its end, -errno. */
static int
reader_next(struct spool *s, struct spool_reader *r, uint64_t after, struct spool_header *h)
{
	for (;;) {
		unsigned damaged = r->walk.damaged;
		int n;

		r->walk.end = r->file->bytes;
		n = spool_walk_header(&r->walk, h);
		if (r->walk.damaged > damaged)
			found_damage(s, r->file, 1);
		if (n <= 0)
			return n;
		if (h->seq <= after)
			continue;
		n = spool_walk_body(&r->walk, h, &s->body);
		if (n == 0)
			return 1;
		if (n != -EBADMSG)
			return n;
		found_damage(s, r->file, h->events);
	}
}

static int
peek_memory(struct spool *s, uint8_t lane, uint64_t after, struct spool_record *ret)
{
	struct spool_memory *m;

	STAILQ_FOREACH(m, &s->memory, next)
	if (m->header.lane == lane && m->header.seq > after) {
		*ret = (struct spool_record){ .seq = m->header.seq,
			.events = m->header.events,
			.packed = m->body,
			.size = m->header.size };
		return 0;
	}
	return -ENOENT;
}

/* The next record on disk: 1, 0 for none, -errno. */
static int
peek_files(struct spool *s, struct spool_lane *l, uint64_t after, struct spool_header *h)
{
	struct spool_reader *r = &l->reader;
	struct spool_file *f;
	int n = reader_seek(s, l, after);

	while (n == 0) {
		n = reader_next(s, r, after, h);
		if (n != 0)
			return n;
		f = STAILQ_NEXT(r->file, next);
		if (f == NULL)
			return 0;
		n = reader_open(s, r, f);
	}
	return n == -ENOENT ? 0 : n;
}

int
spool_peek(struct spool *s, uint8_t lane, uint64_t after, struct spool_record *ret)
{
	struct spool_lane *l = &s->lanes[lane < DS_LANES ? lane : 0];
	struct spool_header h;
	int n;

	if (lane >= DS_LANES)
		return -EINVAL;
	if (s->body.cap > BODY_KEPT)
		ds_buf_done(&s->body);
	after = DS_MAX(after, l->acked);
	n = peek_files(s, l, after, &h);
	if (n < 0)
		return n;
	if (n == 0)
		return peek_memory(s, lane, after, ret);
	l->reader.after = after;
	l->reader.at = l->reader.walk.offset;
	l->reader.after_2 = h.seq;
	l->reader.at_2 = l->reader.walk.next;
	*ret = (struct spool_record){
		.seq = h.seq, .events = h.events, .packed = s->body.data, .size = h.size
	};
	return 0;
}

void
spool_get_status(const struct spool *s, struct spool_status *ret)
{
	*ret = (struct spool_status){ .bytes = s->bytes,
		.memory = s->memory_bytes,
		.dropped = s->dropped,
		.damaged = s->damaged,
		.write_errors = s->write_errors,
		.last_error = s->last_error };
}

/* Counts what is not acknowledged in a file, and finds when the first of it was written. */
static void
add_part(const struct spool *s, const struct spool_lane *l, const struct spool_file *f,
    struct spool_backlog *ret, uint64_t *ret_oldest_us)
{
	struct spool_walk w = { .end = f->bytes, .lane = f->lane, .epoch = s->epoch };
	struct spool_header h;
	char name[64];

	spool_file_name(f, name, sizeof(name));
	w.fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (w.fd < 0)
		return;
	while (spool_walk_header(&w, &h) == 1) {
		if (h.seq <= l->acked)
			continue;
		if (*ret_oldest_us == 0)
			*ret_oldest_us = h.time_us;
		ret->records[f->lane]++;
		if (l->acked < f->first_seq) {
			ret->records[f->lane] += f->records - 1;
			break;
		}
	}
	close(w.fd);
}

void
spool_get_backlog(const struct spool *s, struct spool_backlog *ret)
{
	const struct spool_memory *m = STAILQ_FIRST(&s->memory);
	const struct spool_file *f;

	*ret = (struct spool_backlog){ .records = { s->lanes[0].waits, s->lanes[1].waits } };
	for (unsigned i = 0; i < DS_LANES; i++) {
		const struct spool_lane *l = &s->lanes[i];
		uint64_t oldest_us = 0;

		STAILQ_FOREACH(f, &l->files, next)
		if (f->last_seq > l->acked && oldest_us == 0)
			add_part(s, l, f, ret, &oldest_us);
		else if (f->last_seq > l->acked)
			ret->records[i] += f->records;
		if (oldest_us != 0 && (ret->oldest_us == 0 || oldest_us < ret->oldest_us))
			ret->oldest_us = oldest_us;
	}
	if (m != NULL && ret->oldest_us == 0)
		ret->oldest_us = m->header.time_us;
}
