/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/train/collect.h"

#include "lib/label.h"
#include "lib/map.h"
#include "server/detect/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAINT_US   (300 * 1000000ull) /* beside an alert */
#define ALERTS_MAX 10000u
#define DAY        1440u /* minutes */
#define STORED_LAG 90u   /* minutes: segments of an hour may be merged into one */
#define PLACES_MAX (1u << 22)
#define BYTES_MAX  (1ull << 31) /* of the segments of a host */

struct taint {
	uint32_t host;
	char daemon[256];
	char alert_id[40];
	uint64_t from, to; /* minutes */
	bool attack;
};

struct trained_host {
	uint32_t number;
	bool is_honeypot; /* what happens there is an attack, and no measure of what is normal */
};

struct hosts {
	struct trained_host *at; /* by number */
	size_t len;
};

/* What one call of collect() knows. */
struct job {
	const struct collect_config *cfg;
	struct collection *out;
	struct windows *windows;
	struct ds_batch *batch;
	struct ds_map *daemons; /* host and name -> index of class + 1, as a pointer */
	struct ds_map *classes; /* name -> index + 1 */
	struct taint *taints;
	size_t taints_len;
	struct hosts hosts;
	int error;
};

/* ---- daemons and their classes */

static size_t
daemon_key(uint32_t host, const char *name, char ret[4 + DS_DAEMON_MAX + 1])
{
	size_t len = strnlen(name, DS_DAEMON_MAX);

	memcpy(ret, &host, sizeof(host));
	memcpy(ret + 4, name, len);
	return 4 + len;
}

static void *
number_of(size_t i)
{
	return (void *)(uintptr_t)(i + 1);
}

static int
add_class(struct job *j, const char *name, size_t *ret)
{
	struct class_rows *grown;
	size_t found = (size_t)(uintptr_t)ds_map_get(j->classes, name, strlen(name));

	*ret = found - 1;
	if (found > 0)
		return 0;
	if (j->out->len == CLASSES_MAX)
		return -ENOSPC;
	grown = realloc(j->out->classes, (j->out->len + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	j->out->classes = grown;
	grown[j->out->len] = (struct class_rows){ .from_us = UINT64_MAX };
	snprintf(grown[j->out->len].name, FIT_CLASS_MAX, "%s", name);
	*ret = j->out->len++;
	return ds_map_put(j->classes, name, strlen(name), number_of(*ret), NULL);
}

/* People and jobs start what they like: no class of theirs. */
static bool
is_judged(const char *role)
{
	return role[0] == '\0' || strcmp(role, "service") == 0 || strcmp(role, "container") == 0 ||
	       strcmp(role, "process") == 0 || strcmp(role, "package") == 0;
}

static int
see_daemon(const struct daemon_row *row, void *ctx)
{
	struct job *j = ctx;
	char class[CLASS_MAX], key[4 + DS_DAEMON_MAX + 1];
	size_t index;
	int r;

	if (!is_judged(row->role))
		return 0;
	key_class(row->name, row->image, class, sizeof(class));
	if (j->cfg->only[0] != '\0' && strcmp(j->cfg->only, class) != 0)
		return 0;
	r = add_class(j, class, &index);
	if (r == -ENOSPC) {
		j->out->refused++;
		return 0;
	}
	if (r == 0)
		r = ds_map_put(
		    j->daemons, key, daemon_key(row->host, row->name, key), number_of(index), NULL);
	return r;
}

/* ---- what must not be learnt */

static int
note_host(const struct host_row *row, void *ctx)
{
	struct hosts *h = ctx;
	struct trained_host *grown = realloc(h->at, (h->len + 1) * sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	h->at = grown;
	grown[h->len++] =
	    (struct trained_host){ row->number, ds_label_has(row->labels, DS_LABEL_HONEYPOT) };
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const struct trained_host *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int
find_hosts(struct job *j)
{
	int r = j->cfg->backend->each_host(j->cfg->reader, note_host, &j->hosts);

	if (j->hosts.len > 0)
		qsort(j->hosts.at, j->hosts.len, sizeof(*j->hosts.at), by_number);
	return r;
}

static bool
is_honeypot(const struct job *j, uint32_t host)
{
	const struct trained_host key = { host, false };
	const struct trained_host *found =
	    j->hosts.len > 0 ? bsearch(&key, j->hosts.at, j->hosts.len, sizeof(key), by_number)
			     : NULL;

	return found != NULL && found->is_honeypot;
}

static bool
says(const char *verdict, const char *what)
{
	return verdict != NULL && strstr(verdict, what) != NULL;
}

static int
see_alert(const struct alert_row *row, void *ctx)
{
	struct job *j = ctx;
	struct taint *t;

	if (says(row->verdict, "false_positive") || says(row->verdict, "benign_expected") ||
	    strcmp(row->kind, "blind") == 0 || strcmp(row->kind, "agent_silent") == 0)
		return 0;
	t = realloc(j->taints, (j->taints_len + 1) * sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	j->taints = t;
	t += j->taints_len++;
	*t = (struct taint){ .host = row->host,
		.attack = says(row->verdict, "true_positive") || is_honeypot(j, row->host) };
	snprintf(t->daemon, sizeof(t->daemon), "%s", row->daemon);
	snprintf(t->alert_id, sizeof(t->alert_id), "%s", row->id);
	t->from = (row->first_us - DS_MIN(row->first_us, t->attack ? 0 : TAINT_US)) / WINDOW_US;
	t->to = (row->last_us + (t->attack ? 0 : TAINT_US)) / WINDOW_US;
	return 0;
}

static int
see_forgotten(const struct forgotten_row *row, void *ctx)
{
	return windows_leave_out(((struct job *)ctx)->windows, row->host, row->from_us, row->to_us);
}

/* ---- windows */

/* Whether the window's host-day is among those that are kept. */
static bool
is_kept(const struct class_rows *c, uint32_t host, uint64_t minute)
{
	const uint64_t what[2] = { host, minute / DAY };

	return (key_hash(77, what, sizeof(what)) & ((UINT64_C(1) << c->thinned) - 1)) == 0;
}

static size_t
thin_rows(const struct class_rows *c, struct fit_row *rows, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++)
		if (is_kept(c, rows[i].host, rows[i].index))
			rows[kept++] = rows[i];
	return kept;
}

static void
thin(struct job *j, struct class_rows *c)
{
	size_t before = c->minutes_len + c->longs_len;

	c->thinned++;
	c->minutes_len = thin_rows(c, c->minutes, c->minutes_len);
	c->longs_len = thin_rows(c, c->longs, c->longs_len);
	j->out->rows -= before - c->minutes_len - c->longs_len;
}

static int
push(struct fit_row **rows, size_t *len, size_t *room, const struct fit_row *row)
{
	if (*len == *room) {
		size_t more = *room > 0 ? *room * 2 : 64;
		struct fit_row *grown = realloc(*rows, more * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		*rows = grown;
		*room = more;
	}
	(*rows)[(*len)++] = *row;
	return 0;
}

static int
push_attack(struct class_rows *c, const struct fit_row *row, const char *alert_id)
{
	struct attack *grown = realloc(c->attacks, (c->attacks_len + 1) * sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	c->attacks = grown;
	grown[c->attacks_len].row = *row;
	snprintf(grown[c->attacks_len++].alert_id, sizeof(grown->alert_id), "%s", alert_id);
	return 0;
}

/* The alert that a window is part of, or NULL. */
static const struct taint *
taint_of(const struct job *j, const struct window_closed *w, uint64_t from, uint64_t to)
{
	const struct taint *found = NULL;

	for (size_t i = 0; i < j->taints_len; i++) {
		const struct taint *t = &j->taints[i];

		if (t->host == w->host && t->from <= to && t->to >= from &&
		    (t->daemon[0] == '\0' || strcmp(t->daemon, w->daemon) == 0) &&
		    (found == NULL || t->attack))
			found = t;
	}
	return found;
}

static int
take_window(struct job *j, struct class_rows *c, const struct window_closed *w)
{
	struct fit_row row = { w->host, (uint32_t)w->window->index, w->window->first, { 0 } };
	const struct taint *t = taint_of(j, w, w->window->index,
	    w->window->index + (w->window->minutes ? w->window->minutes - 1 : 0));
	double vector[WINDOW_DIM];

	window_vector(w->window, vector);
	for (size_t i = 0; i < WINDOW_DIM; i++)
		row.at[i] = (float)vector[i];
	if (t != NULL)
		return t->attack && !w->is_long ? push_attack(c, &row, t->alert_id) : 0;
	if (is_honeypot(j, w->host) || !is_kept(c, w->host, w->window->index))
		return 0;
	if (c->minutes_len >= CLASS_ROWS_MAX || j->out->rows >= ROWS_MAX)
		thin(j, c);
	c->from_us = DS_MIN(c->from_us, w->window->index * WINDOW_US);
	c->to_us = DS_MAX(c->to_us, (w->window->index + 1) * WINDOW_US);
	j->out->rows++;
	return w->is_long ? push(&c->longs, &c->longs_len, &c->longs_room, &row)
			  : push(&c->minutes, &c->minutes_len, &c->minutes_room, &row);
}

static void
see_window(const struct window_closed *w, void *ctx)
{
	struct job *j = ctx;
	char key[4 + DS_DAEMON_MAX + 1];
	size_t found;

	if (w->window->blind || j->error < 0)
		return;
	found = (size_t)(uintptr_t)ds_map_get(j->daemons, key, daemon_key(w->host, w->daemon, key));
	if (found > 0)
		j->error = take_window(j, &j->out->classes[found - 1], w);
}

/* One segment of a host, copied: they are read in one scan, so that merging them meanwhile changes
 * nothing, and used by time: what was merged is behind what came later. */
struct place {
	uint64_t time_us, day, number, received_us;
	uint32_t len;
	size_t size;
	uint8_t *packed;
};

struct places {
	struct job *job;
	struct place *at;
	size_t len, room, bytes;
};

static int
read_place(struct job *j, uint32_t host, const struct place *p)
{
	/* One that cannot be read any more is no reason to learn nothing. */
	if (ds_batch_decode(j->batch, p->packed, p->size) < 0) {
		j->out->refused++;
		return 0;
	}
	j->out->segments++;
	j->out->events += p->len;
	if (windows_feed(j->windows, host, true, j->batch, p->received_us, see_window, j) < 0)
		return -ENOMEM;
	return j->error;
}

static int
note_segment(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	struct places *p = ctx;
	uint8_t *copy = malloc(row->packed_size + 1);

	if (copy == NULL)
		return -ENOMEM;
	if (p->len == p->room) {
		size_t room = p->room ? p->room * 2 : 1024;
		struct place *grown =
		    room <= PLACES_MAX ? realloc(p->at, room * sizeof(*grown)) : NULL;

		if (grown == NULL) {
			free(copy);
			return -ENOMEM;
		}
		p->at = grown;
		p->room = room;
	}
	memcpy(copy, row->packed, row->packed_size);
	p->bytes += row->packed_size;
	p->at[p->len++] = (struct place){ row->time_min_us, at->day, at->number,
		DS_MAX(row->received_us, row->time_max_us), row->len, row->packed_size, copy };
	if (atomic_load(p->job->cfg->stop))
		return -ECANCELED;
	return p->bytes > BYTES_MAX ? -EFBIG : 0;
}

static int
by_time(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* A host after the other: only one's windows are open at a time. */
static int
read_host(struct job *j, uint32_t host)
{
	const struct segment_filter filter = { .time_min_us = j->cfg->from_us,
		.time_max_us = j->cfg->to_us,
		.hosts = &host,
		.hosts_len = 1 };
	struct places p = { .job = j };
	struct scan_stats stats;
	int r = j->cfg->backend->each_segment(j->cfg->reader, &filter, note_segment, &p, &stats);

	if (p.len > 0)
		qsort(p.at, p.len, sizeof(*p.at), by_time);
	for (size_t i = 0; i < p.len && r == 0; i++)
		r = atomic_load(j->cfg->stop) ? -ECANCELED : read_place(j, host, &p.at[i]);
	if (r == 0) {
		windows_flush(j->windows, host, see_window, j);
		r = j->error;
	}
	windows_forget(j->windows, host);
	for (size_t i = 0; i < p.len; i++)
		free(p.at[i].packed);
	free(p.at);
	return r;
}

static int
read_hosts(struct job *j)
{
	const struct hosts *h = &j->hosts;
	int r = 0;

	for (size_t i = 0; i < h->len && r == 0; i++) {
		if (j->cfg->progress != NULL)
			j->cfg->progress(j->cfg->ctx, i, h->len);
		r = read_host(j, h->at[i].number);
	}
	return r;
}

static int
by_host_and_time(const void *a, const void *b)
{
	const struct fit_row *x = a, *y = b;

	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct class_rows *)a)->name, ((const struct class_rows *)b)->name);
}

static void
sort_all(struct collection *c)
{
	for (size_t i = 0; i < c->len; i++) {
		struct class_rows *k = &c->classes[i];

		if (k->minutes_len > 0)
			qsort(k->minutes, k->minutes_len, sizeof(*k->minutes), by_host_and_time);
		if (k->longs_len > 0)
			qsort(k->longs, k->longs_len, sizeof(*k->longs), by_host_and_time);
	}
	if (c->len > 0)
		qsort(c->classes, c->len, sizeof(*c->classes), by_name);
}

static int
run(struct job *j)
{
	const struct store_backend *b = j->cfg->backend;
	int r = b->each_daemon(j->cfg->reader, 0, see_daemon, j);

	if (r == 0)
		r = find_hosts(j);
	if (r == 0)
		r = b->each_alert(j->cfg->reader, NULL, NULL, ALERTS_MAX, see_alert, j);
	if (r == 0)
		r = b->models->each_forgotten(j->cfg->reader, see_forgotten, j);
	if (r == 0)
		r = read_hosts(j);
	return r;
}

int
collect(const struct collect_config *cfg, struct collection *ret)
{
	struct job j = { .cfg = cfg, .out = ret };
	int r = -ENOMEM;

	*ret = (struct collection){ .len = 0 };
	j.windows = windows_new(STORED_LAG);
	j.batch = ds_batch_new();
	j.daemons = ds_map_new(1u << 22);
	j.classes = ds_map_new(CLASSES_MAX);
	if (j.windows != NULL && j.batch != NULL && j.daemons != NULL && j.classes != NULL)
		r = run(&j);
	if (r == 0)
		sort_all(ret);
	windows_free(j.windows);
	ds_batch_free(j.batch);
	ds_map_free(j.daemons, NULL);
	ds_map_free(j.classes, NULL);
	free(j.hosts.at);
	free(j.taints);
	return r;
}

void
collection_free(struct collection *c)
{
	for (size_t i = 0; i < c->len; i++) {
		free(c->classes[i].minutes);
		free(c->classes[i].longs);
		free(c->classes[i].attacks);
	}
	free(c->classes);
	*c = (struct collection){ .len = 0 };
}
