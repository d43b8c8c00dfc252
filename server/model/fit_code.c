/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fit_code - a window model as bytes.
 *
 * "DSWM", u32 order mark, u16 version, u64 size of the rest, u64 checksum of the rest; then the
 * class and its fits. Numbers are big-endian, reals are IEEE 754 bits. Everything is bounded and
 * checked: a file from outside is hostile.
 */
#include "server/model/fit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC   0x4453574du
#define ORDER   0x01020304u
#define SWAPPED 0x04030201u
#define FORMAT  1u

static uint64_t
checksum(const uint8_t *data, size_t size)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * 0x100000001b3ull;
	return h ^ h >> 31;
}

/* ---- writing: the first error sticks */

struct out {
	struct ds_buf *buf;
	int error;
};

static void
put_u32(struct out *o, uint32_t v)
{
	if (o->error == 0)
		o->error = ds_buf_put_u32(o->buf, v);
}

static void
put_u64(struct out *o, uint64_t v)
{
	if (o->error == 0)
		o->error = ds_buf_put_u64(o->buf, v);
}

static void
put_reals(struct out *o, const double *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t bits;

		memcpy(&bits, &at[i], sizeof(bits));
		put_u64(o, bits);
	}
}

static void
put_conformal(struct out *o, const struct conformal *c)
{
	put_u64(o, c->n);
	for (size_t i = 0; i < CONFORMAL_LEVELS; i++) {
		put_u64(o, c->level[i].n);
		put_u32(o, c->level[i].len);
		for (uint32_t k = 0; k < c->level[i].len; k++) {
			uint32_t bits;

			memcpy(&bits, &c->level[i].top[k], sizeof(bits));
			put_u32(o, bits);
		}
	}
}

static void
put_dense(struct out *o, const struct window_fit *f)
{
	const struct dbscan *d = &f->dense;

	put_u32(o, d->len);
	put_u32(o, d->clusters);
	put_u64(o, d->core_len);
	put_u64(o, d->fitted);
	put_reals(o, &d->eps, 1);
	put_reals(o, d->points, (size_t)d->len * WINDOW_DIM);
	for (uint32_t i = 0; i < d->len; i++) {
		put_u32(o, d->cluster[i]);
		put_u32(o, f->ref[i].host);
		put_u32(o, f->ref[i].index);
	}
}

static void
put_change(struct out *o, const struct changes *c)
{
	put_u32(o, c->dim > 0 ? c->models : 0);
	for (size_t i = 0; i < (size_t)c->models * c->dim; i++) {
		put_reals(o, c->at[i].centers[0], (size_t)CHANGE_K * CHANGE_LAGS);
		put_reals(o, &c->at[i].limit, 1);
	}
}

static void
put_centers(struct out *o, const struct kmeans *m)
{
	put_u32(o, m->k);
	for (uint32_t c = 0; c < m->k; c++) {
		put_u64(o, m->len[c]);
		put_reals(o, &m->radius[c], 1);
		put_reals(o, m->centers[c], WINDOW_DIM);
	}
}

static void
put_fit(struct out *o, const struct window_fit *f)
{
	put_u32(o, f->host);
	put_u32(o, f->is_long);
	put_u32(o, f->windows);
	put_u32(o, f->hosts);
	put_reals(o, &f->scale.clip, 1);
	put_reals(o, f->scale.middle, WINDOW_DIM);
	put_reals(o, f->scale.spread, WINDOW_DIM);
	if (f->is_long) {
		put_centers(o, &f->centers);
	} else {
		put_dense(o, f);
		put_change(o, &f->change);
	}
	put_conformal(o, &f->level);
	put_conformal(o, &f->moved);
}

int
window_model_put(const struct window_model *m, struct ds_buf *out)
{
	struct ds_buf body;
	struct out o = { .buf = &body };

	ds_buf_init(&body, FIT_BYTES_MAX);
	put_u32(&o, WINDOW_DIM);
	if (o.error == 0)
		o.error = ds_buf_put_str(&body, m->class);
	put_u32(&o, (uint32_t)m->len);
	for (size_t i = 0; i < m->len; i++)
		put_fit(&o, &m->fits[i]);
	o.buf = out;
	put_u32(&o, MAGIC);
	put_u32(&o, ORDER);
	put_u32(&o, FORMAT);
	put_u64(&o, body.len);
	put_u64(&o, checksum(body.data, body.len));
	if (o.error == 0)
		o.error = ds_buf_put(out, body.data, body.len);
	ds_buf_done(&body);
	return o.error;
}

/* ---- reading: the first error sticks; what is read after it is 0 */

struct in {
	struct ds_buf buf;
	int error;
};

static uint32_t
get_u32(struct in *in)
{
	uint32_t v = 0;

	if (in->error == 0)
		in->error = ds_buf_get_u32(&in->buf, &v);
	return v;
}

static uint64_t
get_u64(struct in *in)
{
	uint64_t v = 0;

	if (in->error == 0)
		in->error = ds_buf_get_u64(&in->buf, &v);
	return v;
}

/* A count that must not be above max. */
static uint32_t
get_len(struct in *in, uint32_t max)
{
	uint32_t v = get_u32(in);

	if (v > max && in->error == 0)
		in->error = -EFBIG;
	return in->error == 0 ? v : 0;
}

/* Finite ones only. */
static void
get_reals(struct in *in, double *ret, size_t len)
{
	for (size_t i = 0; i < len && in->error == 0; i++) {
		uint64_t bits = get_u64(in);

		memcpy(&ret[i], &bits, sizeof(bits));
		if (!isfinite(ret[i]))
			in->error = -EBADMSG;
	}
}

static void
get_conformal(struct in *in, struct conformal *c)
{
	c->n = get_u64(in);
	for (size_t i = 0; i < CONFORMAL_LEVELS; i++) {
		c->level[i].n = get_u64(in);
		c->level[i].len = get_len(in, CONFORMAL_TOP);
		for (uint32_t k = 0; k < c->level[i].len; k++) {
			uint32_t bits = get_u32(in);

			memcpy(&c->level[i].top[k], &bits, sizeof(bits));
		}
	}
	if (in->error == 0)
		in->error = conformal_check(c);
}

static void
get_dense(struct in *in, struct window_fit *f)
{
	struct dbscan *d = &f->dense;

	d->dim = WINDOW_DIM;
	d->len = get_len(in, DBSCAN_CORE_MAX);
	d->clusters = get_u32(in);
	d->core_len = get_u64(in);
	d->fitted = get_u64(in);
	get_reals(in, &d->eps, 1);
	d->points = calloc((size_t)d->len * WINDOW_DIM + 1, sizeof(double));
	d->row = calloc(d->len + 1, sizeof(*d->row));
	d->cluster = calloc(d->len + 1, sizeof(*d->cluster));
	if (d->points == NULL || d->row == NULL || d->cluster == NULL) {
		in->error = in->error < 0 ? in->error : -ENOMEM;
		return;
	}
	get_reals(in, d->points, (size_t)d->len * WINDOW_DIM);
	for (uint32_t i = 0; i < d->len; i++) {
		d->cluster[i] = get_u32(in);
		f->ref[i] = (struct fit_ref){ get_u32(in), 0 };
		f->ref[i].index = get_u32(in);
	}
	if (in->error == 0 && (d->len == 0 || !(d->eps > 0)))
		in->error = -EBADMSG;
}

static void
get_change(struct in *in, struct changes *c)
{
	c->models = get_len(in, CHANGE_MODELS_MAX);
	if (c->models == 0)
		return;
	c->at = calloc((size_t)c->models * WINDOW_DIM, sizeof(*c->at));
	if (c->at == NULL) {
		in->error = in->error < 0 ? in->error : -ENOMEM;
		return;
	}
	c->dim = WINDOW_DIM;
	for (size_t i = 0; i < (size_t)c->models * WINDOW_DIM; i++) {
		get_reals(in, c->at[i].centers[0], (size_t)CHANGE_K * CHANGE_LAGS);
		get_reals(in, &c->at[i].limit, 1);
	}
}

static void
get_centers(struct in *in, struct kmeans *m)
{
	m->dim = WINDOW_DIM;
	m->k = get_len(in, KMEANS_MAX);
	for (uint32_t c = 0; c < m->k; c++) {
		m->len[c] = get_u64(in);
		get_reals(in, &m->radius[c], 1);
		get_reals(in, m->centers[c], WINDOW_DIM);
	}
	if (in->error == 0 && m->k == 0)
		in->error = -EBADMSG;
}

static void
get_scale(struct in *in, struct scale *s)
{
	s->dim = WINDOW_DIM;
	get_reals(in, &s->clip, 1);
	get_reals(in, s->middle, WINDOW_DIM);
	get_reals(in, s->spread, WINDOW_DIM);
	for (size_t i = 0; i < WINDOW_DIM; i++)
		if (in->error == 0 && !(s->spread[i] > 0))
			in->error = -EBADMSG;
	if (in->error == 0 && !(s->clip > 0))
		in->error = -EBADMSG;
}

static void
get_fit(struct in *in, struct window_fit *f)
{
	f->host = get_u32(in);
	f->is_long = get_len(in, 1) != 0;
	f->windows = get_u32(in);
	f->hosts = get_u32(in);
	get_scale(in, &f->scale);
	if (f->is_long) {
		get_centers(in, &f->centers);
	} else {
		get_dense(in, f);
		get_change(in, &f->change);
	}
	get_conformal(in, &f->level);
	get_conformal(in, &f->moved);
}

static int
get_fits(struct in *in, struct window_model *m, uint32_t len)
{
	for (uint32_t i = 0; i < len && in->error == 0; i++) {
		struct window_fit *f = calloc(1, sizeof(*f));

		if (f == NULL)
			return -ENOMEM;
		get_fit(in, f);
		if (in->error == 0 && m->len > 0 && m->fits[m->len - 1].host > f->host)
			in->error = -EBADMSG;
		if (in->error == 0)
			in->error = window_model_add(m, f);
		if (in->error < 0)
			window_fit_done(f);
		free(f);
	}
	return in->error;
}

static int
get_class(struct in *in, struct window_model *m)
{
	const uint8_t *name;
	size_t len;
	uint32_t dim = get_u32(in);

	if (in->error == 0 && dim != WINDOW_DIM)
		in->error = -EPROTONOSUPPORT;
	if (in->error == 0)
		in->error = ds_buf_get_bytes(&in->buf, FIT_CLASS_MAX - 1, &name, &len);
	if (in->error < 0)
		return in->error;
	if (memchr(name, 0, len) != NULL)
		return -EBADMSG;
	memcpy(m->class, name, len);
	return 0;
}

static int
get_header(struct in *in)
{
	uint32_t magic = get_u32(in), order = get_u32(in), version = get_u32(in);
	uint64_t size = get_u64(in), sum = get_u64(in);

	if (in->error < 0)
		return in->error;
	if (order == SWAPPED)
		return -ENOEXEC;
	if (magic != MAGIC || order != ORDER)
		return -EBADMSG;
	if (version > FORMAT)
		return -EPROTONOSUPPORT;
	if (size > FIT_BYTES_MAX)
		return -EFBIG;
	if (version == 0 || size != ds_buf_left(&in->buf) ||
	    sum != checksum(in->buf.data + in->buf.pos, (size_t)size))
		return -EBADMSG;
	return 0;
}

static const char *
sentence(int error)
{
	switch (error) {
	case -ENOEXEC:
		return "the model was written with another order of bytes";
	case -EPROTONOSUPPORT:
		return "the model is of a newer version than this server";
	case -EFBIG:
		return "the model is larger than any of ours";
	case -ENOMEM:
		return "no memory";
	default:
		return "this is no model, or it is damaged or cut short";
	}
}

int
window_model_get(
    const void *data, size_t size, struct window_model *ret, char *why, size_t why_size)
{
	struct in in = { .error = 0 };
	struct window_model m = { .len = 0 };
	int r;

	ds_buf_view(&in.buf, data, size);
	r = get_header(&in);
	if (r == 0)
		r = get_class(&in, &m);
	if (r == 0)
		r = get_fits(&in, &m, get_len(&in, 2 * FIT_HOSTS_MAX));
	if (r == 0 && in.error == 0 && ds_buf_left(&in.buf) > 0)
		in.error = -EBADMSG;
	r = r < 0 ? r : in.error;
	if (r < 0) {
		window_model_done(&m);
		snprintf(why, why_size, "%s", sentence(r));
		return r;
	}
	*ret = m;
	return 0;
}
