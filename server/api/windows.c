/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * windows - a daemon's minutes of the last day, as points, clusters and bands: for people who want
 * to see what is usual.  It is counted from the stored events and judges nothing.
 *
 * On the pool's threads; owns nothing between calls.
 */
#include "lib/clock.h"
#include "server/api/daemons.h"
#include "server/api/plane.h"
#include "server/api/routes.h"
#include "server/model/dbscan.h"
#include "server/model/exact.h"
#include "server/model/kmeans.h"
#include "server/model/window.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US      (UINT64_C(24) * 3600 * 1000000)
#define MINUTES_MAX 1440u
#define MINUTES_MIN 20u         /* fewer have no shape */
#define PACKED_MAX  (64u << 20) /* bytes of segments that are read */
#define STORED_LAG  90u         /* minutes: an hour may be merged into one segment */
#define CENTERS     4u
#define SPREAD_MIN  0.1 /* of a feature: smaller changes mean nothing */
#define CLIP        8.0

struct packed {
	uint64_t time_us;
	void *bytes;
	size_t size;
};

struct work {
	struct call *c;
	uint32_t host;
	char daemon[DS_DAEMON_MAX + 1];
	uint64_t since_us;
	struct packed *segments;
	size_t segments_len, segments_room, bytes;
	bool cut; /* there was more than PACKED_MAX */
	uint64_t minute[MINUTES_MAX];
	double *rows; /* MINUTES_MAX x WINDOW_DIM */
	size_t len;
	int feature;                /* whose course is told; -1: none's */
	double course[MINUTES_MAX]; /* of it, as it was counted */
	unsigned blind;
};

/* ---- the minutes */

static int
keep_segment(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	struct work *w = ctx;
	struct packed *p = w->segments;

	(void)at;
	if (w->bytes + row->packed_size > PACKED_MAX || w->c->is_gone(w->c->request)) {
		w->cut = true;
		return 1;
	}
	if (w->segments_len == w->segments_room) {
		w->segments_room = w->segments_room ? w->segments_room * 2 : 256;
		p = realloc(p, w->segments_room * sizeof(*p));
		if (p == NULL)
			return -ENOMEM;
		w->segments = p;
	}
	p += w->segments_len;
	*p = (struct packed){ row->time_min_us, malloc(row->packed_size), row->packed_size };
	if (p->bytes == NULL)
		return -ENOMEM;
	memcpy(p->bytes, row->packed, row->packed_size);
	w->segments_len++;
	w->bytes += row->packed_size;
	return 0;
}

static int
by_time(const void *a, const void *b)
{
	const struct packed *x = a, *y = b;

	return x->time_us < y->time_us ? -1 : x->time_us > y->time_us;
}

static void
see_window(const struct window_closed *closed, void *ctx)
{
	struct work *w = ctx;

	if (closed->is_long || strcmp(closed->daemon, w->daemon) != 0 ||
	    closed->window->index * WINDOW_US < w->since_us)
		return;
	if (closed->window->blind) {
		w->blind++;
		return;
	}
	if (w->len == MINUTES_MAX)
		return;
	w->minute[w->len] = closed->window->index;
	window_vector(closed->window, w->rows + w->len * WINDOW_DIM);
	w->len++;
}

/* In the order of time: compaction stores an hour after what came behind it. */
static int
make_minutes(struct work *w)
{
	struct windows *windows = windows_new(STORED_LAG);
	struct ds_batch *batch = ds_batch_new();
	uint64_t now_us = ds_clock_wall_us();
	int r = windows != NULL && batch != NULL ? 0 : -ENOMEM;

	if (w->segments_len > 1)
		qsort(w->segments, w->segments_len, sizeof(*w->segments), by_time);
	for (size_t i = 0; i < w->segments_len && r == 0; i++) {
		const struct packed *p = &w->segments[i];

		/* One that is damaged leaves a hole. */
		if (ds_batch_decode(batch, p->bytes, p->size) == 0)
			r = windows_feed(windows, w->host, true, batch, now_us, see_window, w);
	}
	if (r == 0)
		windows_flush(windows, w->host, see_window, w);
	ds_batch_free(batch);
	windows_free(windows);
	return r;
}

static int
read_minutes(struct work *w)
{
	struct segment_filter f = {
		.time_min_us = w->since_us, .hosts = &w->host, .hosts_len = 1, .newest_first = true
	};
	struct scan_stats stats = { 0 };
	int r = w->c->cfg->backend->each_segment(w->c->worker->reader, &f, keep_segment, w, &stats);

	return r < 0 ? r : make_minutes(w);
}

/* ---- what they are like */

struct shape {
	struct scale scale;
	struct dbscan dense;
	struct kmeans centers;
	struct plane plane;
	double last[WINDOW_DIM];    /* the newest minute, as it was counted */
	double band[WINDOW_DIM][3]; /* of nine minutes in ten, and the middle */
};

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
find_bands(const struct work *w, struct shape *s)
{
	static const double part[3] = { 0.05, 0.5, 0.95 };
	double *column = calloc(w->len, sizeof(*column));

	if (column == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < WINDOW_DIM; i++) {
		size_t len = 0;

		/* What was not measured in a minute is not a number, and has no order. */
		for (size_t r = 0; r < w->len; r++)
			if (!isnan(w->rows[r * WINDOW_DIM + i]))
				column[len++] = w->rows[r * WINDOW_DIM + i];
		qsort(column, len, sizeof(*column), by_value);
		for (size_t k = 0; k < DS_LEN(part); k++)
			s->band[i][k] =
			    len ? column[(size_t)(part[k] * (double)(len - 1))] : (double)NAN;
	}
	free(column);
	return 0;
}

static int
fit(struct work *w, struct shape *s)
{
	const struct scale_config scale = { .floor = SPREAD_MIN, .clip = CLIP };
	const struct dbscan_config dense = { 0 };
	const struct kmeans_config centers = { .k = CENTERS, .seed = 1 };
	const struct rows rows = { .len = w->len, .dim = WINDOW_DIM, .at = w->rows };
	int r;

	memcpy(s->last, w->rows + (w->len - 1) * WINDOW_DIM, sizeof(s->last));
	for (size_t i = 0; w->feature >= 0 && i < w->len; i++)
		w->course[i] = w->rows[i * WINDOW_DIM + (size_t)w->feature];
	r = find_bands(w, s);
	if (r == 0)
		r = scale_fit(&s->scale, &scale, w->rows, w->len, WINDOW_DIM);
	if (r < 0)
		return r;
	scale_apply_all(&s->scale, w->rows, w->len);
	r = dbscan_fit(&s->dense, &dense, w->rows, w->len, WINDOW_DIM);
	if (r == 0)
		r = kmeans_fit(&s->centers, &centers, &rows);
	if (r == 0)
		r = plane_fit(&s->plane, w->rows, w->len, WINDOW_DIM);
	return r;
}

/* The feature that is farthest from usual. */
static size_t
oddest(const double *row)
{
	size_t best = 0;

	for (size_t i = 1; i < WINDOW_DIM; i++)
		if (fabs(row[i]) > fabs(row[best]))
			best = i;
	return best;
}

static double
human(size_t feature, double value)
{
	return window_features[feature].is_log ? exact_exp(value) - 1 : value;
}

static void
put_point(struct ds_json *j, const struct work *w, const struct shape *s, size_t i)
{
	const double *row = w->rows + i * WINDOW_DIM;
	uint32_t core = 0, center = 0;
	double distance = dbscan_distance(&s->dense, row, &core), at[2];
	bool inside = distance <= 1 && core < s->dense.len;

	plane_point(&s->plane, row, at);
	ds_json_object(j);
	ds_json_put_time(j, "time", w->minute[i] * WINDOW_US);
	ds_json_put_double(j, "x", at[0]);
	ds_json_put_double(j, "y", at[1]);
	ds_json_put_int(j, "cluster", inside ? (int64_t)s->dense.cluster[core] : -1);
	(void)kmeans_distance(&s->centers, row, &center);
	ds_json_put_uint(j, "center", center);
	if (!inside)
		ds_json_put_string(j, "why", window_features[oddest(row)].name);
	ds_json_end(j);
}

static void
put_centers(struct ds_json *j, const struct shape *s)
{
	ds_json_key(j, "centers");
	ds_json_array(j);
	for (uint32_t k = 0; k < s->centers.k; k++) {
		double at[2];

		plane_point(&s->plane, s->centers.centers[k], at);
		ds_json_object(j);
		ds_json_put_double(j, "x", at[0]);
		ds_json_put_double(j, "y", at[1]);
		ds_json_put_uint(j, "minutes", s->centers.len[k]);
		ds_json_end(j);
	}
	ds_json_end(j);
}

static void
put_features(struct ds_json *j, const struct shape *s)
{
	ds_json_key(j, "features");
	ds_json_array(j);
	for (size_t i = 0; i < WINDOW_DIM; i++) {
		ds_json_object(j);
		ds_json_put_string(j, "name", window_features[i].name);
		ds_json_put_double(j, "low", human(i, s->band[i][0]));
		ds_json_put_double(j, "middle", human(i, s->band[i][1]));
		ds_json_put_double(j, "high", human(i, s->band[i][2]));
		ds_json_put_double(j, "now", human(i, s->last[i]));
		ds_json_end(j);
	}
	ds_json_end(j);
}

static void
put_course(struct ds_json *j, const struct work *w)
{
	size_t feature = (size_t)w->feature;

	ds_json_key(j, "course");
	ds_json_object(j);
	ds_json_put_string(j, "feature", window_features[feature].name);
	ds_json_key(j, "values");
	ds_json_array(j);
	for (size_t i = 0; i < w->len; i++)
		ds_json_double(j, human(feature, w->course[i]));
	ds_json_end(j);
	ds_json_end(j);
}

static void
put_shape(const struct work *w, const struct shape *s)
{
	struct ds_json *j = &w->c->json;

	ds_json_object(j);
	ds_json_put_time(j, "since", w->since_us);
	ds_json_put_uint(j, "minutes", w->len);
	ds_json_put_uint(j, "needed", MINUTES_MIN);
	ds_json_put_uint(j, "blind", w->blind);
	ds_json_put_bool(j, "complete", !w->cut);
	ds_json_key(j, "points");
	ds_json_array(j);
	for (size_t i = 0; s != NULL && i < w->len; i++)
		put_point(j, w, s, i);
	ds_json_end(j);
	if (s != NULL) {
		ds_json_put_uint(j, "clusters", s->dense.clusters);
		ds_json_put_double(j, "shown", s->plane.share[0] + s->plane.share[1]);
		put_centers(j, s);
		put_features(j, s);
		if (w->feature >= 0)
			put_course(j, w);
	}
	ds_json_end(j);
}

static int
answer(struct work *w)
{
	struct shape *s;
	int r = read_minutes(w);

	if (r < 0)
		return r;
	if (w->len < MINUTES_MIN) {
		put_shape(w, NULL);
		return 0;
	}
	s = calloc(1, sizeof(*s));
	r = s != NULL ? fit(w, s) : -ENOMEM;
	if (r == 0)
		put_shape(w, s);
	if (s != NULL)
		dbscan_done(&s->dense);
	free(s);
	return r;
}

/* ?feature=, by name; false and a problem when it is none. */
static bool
read_feature(struct call *c, int *ret)
{
	const char *name = c->get(c->request, "feature");

	*ret = -1;
	for (size_t i = 0; name != NULL && i < WINDOW_DIM; i++)
		if (strcmp(window_features[i].name, name) == 0)
			*ret = (int)i;
	if (name == NULL || *ret >= 0)
		return true;
	call_problem(c, 400, "parameter", "feature: there is no \"%s\"", name);
	return false;
}

void
daemons_windows(struct call *c)
{
	struct work *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (w != NULL) {
		w->c = c;
		w->since_us = ds_clock_wall_us() - DAY_US;
		w->rows = calloc(MINUTES_MAX, WINDOW_DIM * sizeof(*w->rows));
	}
	if (w != NULL && w->rows != NULL) {
		r = 0;
		if (read_feature(c, &w->feature) && daemons_find(c, &w->host, w->daemon))
			r = answer(w);
	}
	if (r < 0)
		call_error(c, r, "cannot count the daemon's minutes");
	for (size_t i = 0; w != NULL && i < w->segments_len; i++)
		free(w->segments[i].bytes);
	if (w != NULL) {
		free(w->segments);
		free(w->rows);
	}
	free(w);
}
