/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sequence_keep - what sequence.h learns goes to the store when it is due, and comes back. */
#include "lib/map.h"
#include "server/detect/sequence_state.h"
#include "server/model/pack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROW_MAX      (32u << 20)
#define DUE_US       (600 * 1000000ull) /* a daemon's models are stored no more often */
#define DUE_A_SECOND 200u

/* Names of rows: a word, a tab, whose they are. */
#define NAME_GRAMS "grams"
#define NAME_CLASS "class\t"
#define NAME_SHARE "share\t"
#define NAME_LLR   "llr\t"

void
sequence_mark(struct daemon_models *m)
{
	if (m->is_due)
		return;
	m->is_due = true;
	m->due_prev = NULL;
	m->due = m->all->due;
	if (m->due != NULL)
		m->due->due_prev = m;
	m->all->due = m;
}

void
sequence_unmark(struct daemon_models *m)
{
	if (!m->is_due)
		return;
	m->is_due = false;
	*(m->due_prev != NULL ? &m->due_prev->due : &m->all->due) = m->due;
	if (m->due != NULL)
		m->due->due_prev = m->due_prev;
}

static int
put_row(struct verdict *v, uint32_t host, const char *word, const char *whose, struct ds_buf *data)
{
	char name[DS_DAEMON_MAX + 64];

	snprintf(name, sizeof(name), "%s%s", word, whose);
	return verdict_put_state(v, host, name, data);
}

static int
save_llr(const struct daemon_models *m, struct verdict *v)
{
	struct ds_buf data;
	int r;

	ds_buf_init(&data, ROW_MAX);
	r = pack_version(&data);
	if (r == 0)
		r = pack_llr(&data, &m->llr);
	if (r == 0)
		r = put_row(v, m->daemon->host->number, NAME_LLR, m->daemon->name, &data);
	ds_buf_done(&data);
	return r;
}

int
sequence_save_due(struct sequence *s, uint64_t now_us, struct verdict *v)
{
	unsigned n = 0;
	int r = 0;

	for (struct daemon_models *m = s->due, *next; r == 0 && m != NULL && n < DUE_A_SECOND;
	     m = next) {
		next = m->due;
		if (now_us < m->saved_us + DUE_US)
			continue;
		r = save_llr(m, v);
		m->saved_us = now_us;
		sequence_unmark(m);
		n++;
	}
	return r;
}

static int
save_share(const struct class_models *c, const char *name, struct verdict *v)
{
	struct ds_buf data;
	int r;

	ds_buf_init(&data, ROW_MAX);
	r = pack_version(&data);
	if (r == 0)
		r = pack_double(&data, c->share.marked);
	if (r == 0)
		r = pack_double(&data, c->share.all);
	if (r == 0)
		r = put_row(v, 0, NAME_SHARE, name, &data);
	ds_buf_done(&data);
	return r;
}

static int
save_class(const void *key, size_t len, void *value, void *ctx)
{
	const struct class_models *c = value;
	char name[CLASS_MAX];
	struct ds_buf data;
	int r;

	snprintf(name, sizeof(name), "%.*s", (int)len, (const char *)key);
	ds_buf_init(&data, ROW_MAX);
	r = pack_version(&data);
	if (r == 0)
		r = pack_tally(&data, &c->others);
	if (r == 0)
		r = put_row(ctx, 0, NAME_CLASS, name, &data);
	ds_buf_done(&data);
	return r < 0 ? r : save_share(c, name, ctx);
}

int
sequence_save(struct sequence *s, struct verdict *v)
{
	struct ds_buf data;
	int r;

	ds_buf_init(&data, ROW_MAX);
	r = pack_version(&data);
	if (r == 0)
		r = pack_grams(&data, &s->grams);
	if (r == 0)
		r = put_row(v, 0, NAME_GRAMS, "", &data);
	ds_buf_done(&data);
	return r < 0 ? r : ds_map_each(s->classes, save_class, v);
}

static bool
begins(const char *name, const char *word)
{
	return strncmp(name, word, strlen(word)) == 0;
}

static int
restore_share(struct sequence *s, const char *name, struct ds_buf *data)
{
	struct class_models *c = sequence_class(s, name);
	struct share x = { 0 };
	int r = c != NULL ? unpack_double(data, &x.marked) : -ENOMEM;

	if (r == 0)
		r = unpack_double(data, &x.all);
	if (r == 0 && (x.marked < 0 || x.marked > x.all || x.all > SHARE_MAX))
		r = -EBADMSG;
	if (r == 0)
		c->share = x;
	return r;
}

static int
restore_class(struct sequence *s, const char *name, struct ds_buf *data)
{
	struct class_models *c = sequence_class(s, name);
	struct tally t;
	int r;

	if (c == NULL)
		return -ENOMEM;
	tally_init(&t, c->others.max);
	r = unpack_tally(data, &t);
	if (r < 0)
		return r;
	tally_done(&c->others);
	c->others = t;
	return 0;
}

int
sequence_adopt(struct detect *d, struct daemon_profile *daemon, const struct daemon_profile *from)
{
	struct daemon_models *m =
	    from->models != NULL ? sequence_models(d->sequence, daemon) : NULL;
	struct ds_buf data, view;
	int r;

	if (m == NULL || m->llr.self.len > 0)
		return 0;
	ds_buf_init(&data, ROW_MAX);
	r = pack_llr(&data, &from->models->llr);
	if (r == 0) {
		ds_buf_view(&view, data.data, data.len);
		r = unpack_llr(&view, &m->llr);
	}
	ds_buf_done(&data);
	return r;
}

static int
restore_llr(struct detect *d, uint32_t host, const char *name, struct ds_buf *data)
{
	struct host_profile *h = profiles_host(&d->profiles, host);
	struct daemon_profile *p = h != NULL ? ds_map_get(h->daemons, name, strlen(name)) : NULL;
	struct daemon_models *m = p != NULL ? sequence_models(d->sequence, p) : NULL;

	return m != NULL ? unpack_llr(data, &m->llr) : 0;
}

int
sequence_restore(struct detect *d, uint32_t host, const char *name, const void *bytes, size_t size)
{
	struct sequence *s = d->sequence;
	struct ds_buf data;
	int r;

	ds_buf_view(&data, bytes, size);
	r = unpack_version(&data);
	if (r < 0)
		return r;
	if (host != 0)
		return begins(name, NAME_LLR) ? restore_llr(d, host, name + strlen(NAME_LLR), &data)
					      : 0;
	if (strcmp(name, NAME_GRAMS) == 0)
		return unpack_grams(&data, &s->grams);
	if (begins(name, NAME_SHARE))
		return restore_share(s, name + strlen(NAME_SHARE), &data);
	return begins(name, NAME_CLASS) ? restore_class(s, name + strlen(NAME_CLASS), &data) : 0;
}
