/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/pack.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PACK_VERSION 1

int
pack_version(struct ds_buf *to)
{
	return ds_buf_put_u8(to, PACK_VERSION);
}

int
unpack_version(struct ds_buf *from)
{
	uint8_t version;
	int r = ds_buf_get_u8(from, &version);

	if (r < 0)
		return r;
	return version == PACK_VERSION ? 0 : version > PACK_VERSION ? -EPROTONOSUPPORT : -EBADMSG;
}

int
pack_double(struct ds_buf *to, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return ds_buf_put_u64(to, bits);
}

int
unpack_double(struct ds_buf *from, double *ret)
{
	uint64_t bits;
	double v;
	int r = ds_buf_get_u64(from, &bits);

	if (r < 0)
		return r;
	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v))
		return -EBADMSG;
	*ret = v;
	return 0;
}

static int
pack_float(struct ds_buf *to, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return ds_buf_put_u32(to, bits);
}

static int
unpack_float(struct ds_buf *from, float *ret)
{
	uint32_t bits;
	float v;
	int r = ds_buf_get_u32(from, &bits);

	if (r < 0)
		return r;
	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v))
		return -EBADMSG;
	*ret = v;
	return 0;
}

/* A number that is not above `max`. */
static int
unpack_count(struct ds_buf *from, uint64_t max, uint64_t *ret)
{
	uint64_t v;
	int r = ds_buf_get_varint(from, &v);

	if (r < 0)
		return r;
	if (v > max)
		return -EBADMSG;
	*ret = v;
	return 0;
}

/* ---- conformal */

int
pack_conformal(struct ds_buf *to, const struct conformal *c)
{
	int r = ds_buf_put_varint(to, c->n);

	for (unsigned i = 0; i < CONFORMAL_LEVELS && r == 0; i++) {
		r = ds_buf_put_varint(to, c->level[i].n);
		for (uint32_t k = 0; k < c->level[i].len && r == 0; k++)
			r = pack_float(to, c->level[i].top[k]);
	}
	return r;
}

int
unpack_conformal(struct ds_buf *from, struct conformal *ret)
{
	struct conformal c = { 0 };
	int r = unpack_count(from, UINT64_MAX, &c.n);

	for (unsigned i = 0; i < CONFORMAL_LEVELS && r == 0; i++) {
		struct conformal_level *l = &c.level[i];

		r = unpack_count(from, UINT64_MAX, &l->n);
		if (r < 0)
			break;
		l->len = l->n < CONFORMAL_TOP ? (uint32_t)l->n : CONFORMAL_TOP;
		for (uint32_t k = 0; k < l->len && r == 0; k++)
			r = unpack_float(from, &l->top[k]);
	}
	if (r == 0)
		r = conformal_check(&c);
	if (r == 0)
		*ret = c;
	return r;
}

/* ---- tally */

int
pack_tally(struct ds_buf *to, const struct tally *t)
{
	int r = ds_buf_put_varint(to, t->len);

	if (r == 0)
		r = pack_double(to, t->total);
	for (uint32_t i = 0; i < t->size && r == 0; i++) {
		if (t->slots[i].key == 0)
			continue;
		r = ds_buf_put_u64(to, t->slots[i].key);
		if (r == 0)
			r = pack_double(to, t->slots[i].count);
	}
	return r;
}

int
unpack_tally(struct ds_buf *from, struct tally *ret)
{
	uint64_t len, key;
	double total, count;
	int r = unpack_count(from, ret->max, &len);

	if (r == 0)
		r = unpack_double(from, &total);
	if (r == 0 && (total < 0 || len > ds_buf_left(from) / 16))
		r = -EBADMSG;
	for (uint64_t i = 0; r == 0 && i < len; i++) {
		r = ds_buf_get_u64(from, &key);
		if (r == 0)
			r = unpack_double(from, &count);
		if (r == 0 && (key == 0 || count < 0))
			r = -EBADMSG;
		if (r == 0)
			r = tally_add(ret, key, count);
	}
	if (r < 0)
		tally_done(ret);
	else
		ret->total = total;
	return r;
}

/* ---- grams */

int
pack_grams(struct ds_buf *to, const struct grams *g)
{
	int r = 0;

	for (uint32_t i = 0; i < g->size && r == 0; i++) {
		const struct gram *at = &g->slots[i];

		if (at->key == 0 || at->count < 2)
			continue;
		r = ds_buf_put_u64(to, at->key);
		if (r == 0)
			r = ds_buf_put_varint(to, at->count);
		if (r == 0)
			r = ds_buf_put_varint(to, at->types);
	}
	return r;
}

int
unpack_grams(struct ds_buf *from, struct grams *ret)
{
	int r = 0;

	while (r == 0 && ds_buf_left(from) > 0) {
		uint64_t key = 0, count = 0, types = 0;
		struct gram *g;

		r = ds_buf_get_u64(from, &key);
		if (r == 0)
			r = unpack_count(from, UINT32_MAX, &count);
		if (r == 0)
			r = unpack_count(from, count, &types);
		if (r == 0 && key == 0)
			r = -EBADMSG;
		if (r < 0)
			return r;
		g = grams_get(ret, key);
		g->count = (uint32_t)count;
		g->types = (uint32_t)types;
	}
	return r;
}

/* ---- llr */

static int
pack_kept(struct ds_buf *to, const struct llr_kept *k)
{
	int r = ds_buf_put_varint(to, k->len);

	for (uint32_t i = 0; i < k->len && r == 0; i++) {
		r = ds_buf_put_u32(to, k->items[i].category);
		if (r == 0)
			r = pack_float(to, k->items[i].weight);
	}
	return r;
}

int
pack_llr(struct ds_buf *to, const struct llr *m)
{
	int r = ds_buf_put_u8(to, m->ready);

	if (r == 0)
		r = pack_double(to, m->mean);
	if (r == 0)
		r = pack_double(to, m->deviation);
	if (r == 0)
		r = pack_tally(to, &m->self);
	if (r == 0)
		r = ds_buf_put_varint(to, m->kept_len);
	for (uint32_t i = 0; i < m->kept_len && r == 0; i++)
		r = pack_kept(to, m->kept[i]);
	return r;
}

static int
unpack_kept(struct ds_buf *from, struct llr *m)
{
	struct llr_kept *k;
	uint64_t len;
	int r = unpack_count(from, LLR_ITEMS_MAX, &len);

	if (r < 0)
		return r;
	k = malloc(sizeof(*k) + len * sizeof(k->items[0]));
	if (k == NULL)
		return -ENOMEM;
	k->len = (uint32_t)len;
	for (uint64_t i = 0; r == 0 && i < len; i++) {
		r = ds_buf_get_u32(from, &k->items[i].category);
		if (r == 0)
			r = unpack_float(from, &k->items[i].weight);
	}
	if (r < 0)
		free(k);
	else
		m->kept[m->kept_len++] = k;
	return r;
}

int
unpack_llr(struct ds_buf *from, struct llr *ret)
{
	struct llr m;
	uint64_t kept = 0;
	uint8_t ready;
	int r = ds_buf_get_u8(from, &ready);

	llr_init(&m);
	if (r == 0)
		r = unpack_double(from, &m.mean);
	if (r == 0)
		r = unpack_double(from, &m.deviation);
	if (r == 0)
		r = unpack_tally(from, &m.self);
	if (r == 0)
		r = unpack_count(from, LLR_BLOCKS, &kept);
	for (uint64_t i = 0; r == 0 && i < kept; i++)
		r = unpack_kept(from, &m);
	if (r == 0 && (ready > 1 || (ready && (kept > 0 || !(m.deviation > 0)))))
		r = -EBADMSG;
	if (r < 0) {
		llr_done(&m);
		return r;
	}
	m.ready = ready;
	llr_done(ret);
	*ret = m;
	return 0;
}
