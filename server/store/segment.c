/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/store/segment.h"

#include "server/store/bloom.h"

#include <errno.h>

int
segment_maker_init(struct segment_maker *m)
{
	ds_buf_init(&m->packed, DS_BATCH_PACKED_MAX);
	ds_buf_init(&m->bloom, BLOOM_SIZE_MAX);
	ds_buf_init(&m->daemons, DS_BATCH_STRINGS_MAX * 4);
	m->builder = ds_batch_builder_new();
	m->batch = ds_batch_new();
	return m->builder && m->batch ? 0 : -ENOMEM;
}

void
segment_maker_done(struct segment_maker *m)
{
	ds_batch_builder_free(m->builder);
	ds_batch_free(m->batch);
	ds_buf_done(&m->packed);
	ds_buf_done(&m->bloom);
	ds_buf_done(&m->daemons);
}

static int
pack(struct segment_maker *m, int level)
{
	int r;

	ds_buf_clear(&m->packed);
	ds_buf_clear(&m->bloom);
	ds_buf_clear(&m->daemons);
	r = ds_batch_pack(m->builder, level, &m->packed);
	if (r == 0)
		r = ds_batch_decode(m->batch, m->packed.data, m->packed.len);
	if (r == 0)
		r = bloom_build(m->batch, &m->bloom);
	if (r == 0)
		r = bloom_daemons(m->batch, &m->daemons);
	ds_batch_builder_clear(m->builder);
	return r;
}

int
segment_make(struct segment_maker *m, int level, struct segment_row *row)
{
	const struct ds_batch_header *h;
	int r = pack(m, level);

	if (r < 0)
		return r;
	h = ds_batch_header(m->batch);
	row->time_min_us = h->time_min_us;
	row->time_max_us = h->time_max_us;
	row->len = h->len;
	row->kinds = h->kinds;
	row->daemons = m->daemons.data;
	row->daemons_size = m->daemons.len;
	row->bloom = m->bloom.data;
	row->bloom_size = m->bloom.len;
	row->packed = m->packed.data;
	row->packed_size = m->packed.len;
	return 0;
}
