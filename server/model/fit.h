/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fit - what the windows of a daemon class are like: the model that is trained, kept and published.
 *
 * Pure. A model has a fit for the class, and one for each host that has enough of its own; the
 * host's is asked first. A fit of minutes holds DBSCAN's core points (level) and a consensus on
 * changes; one of quarters of an hour holds K-Means centres. Each knows what its scores are on
 * windows that it was not fitted to, and gives a p-value.
 */
#ifndef SERVER_MODEL_FIT_H
#define SERVER_MODEL_FIT_H

#include "lib/buf.h"
#include "server/model/change.h"
#include "server/model/conformal.h"
#include "server/model/dbscan.h"
#include "server/model/kmeans.h"
#include "server/model/scale.h"
#include "server/model/window.h"

#define FIT_WINDOWS_MIN 120u  /* minutes: less teaches nothing */
#define FIT_LONG_MIN    48u   /* quarters of an hour */
#define FIT_ROWS_MAX    8192u /* that DBSCAN looks at, evenly spread */
#define FIT_HOSTS_MAX   1024u /* fits of hosts in a model */
#define FIT_CLASS_MAX   256u
#define FIT_BYTES_MAX   (64u << 20) /* of an encoded model */
#define FIT_P_MIN       2e-6        /* windows alone are never so sure that no budget holds */

/* A window as the trainer keeps it. */
struct fit_row {
	uint32_t host;
	uint32_t index; /* minute since the epoch */
	bool first;     /* the one before is not known */
	float at[WINDOW_DIM];
};

struct fit_ref {
	uint32_t host, index;
};

struct window_fit {
	uint32_t host; /* 0: the class */
	bool is_long;
	uint32_t windows, hosts; /* it was made from */
	struct scale scale;
	struct dbscan dense;                 /* minutes */
	struct fit_ref ref[DBSCAN_CORE_MAX]; /* which windows the core points were */
	struct changes change;               /* minutes; dim 0: too few */
	struct kmeans centers;               /* quarters of an hour */
	struct conformal level, moved;       /* scores of windows that took no part */
};

struct window_model {
	char class[FIT_CLASS_MAX];
	struct window_fit *fits; /* sorted by (host, is_long): the class first */
	size_t len;
};

/* Rows sorted by (host, index); those of one host, or of all. -EINVAL: too few; -ENOMEM. */
DS_MUST_CHECK int window_fit_make(struct window_fit *ret, const struct fit_row *rows, size_t len,
    uint32_t host, bool is_long, uint64_t seed);
void window_fit_done(struct window_fit *f);

struct fit_score {
	double level, level_p;  /* distance */
	double moved, moved_p;  /* share of features that change strangely; p 1: not known */
	uint32_t nearest;       /* core point or centre */
	double row[WINDOW_DIM]; /* scaled */
	uint64_t votes;         /* features that change strangely */
};
/* `s` goes on from window to window of one daemon; NULL: no changes. */
void window_fit_score(const struct window_fit *f, struct change_state *s,
    const double vector[WINDOW_DIM], struct fit_score *ret);
/* The middle of what is nearest, scaled. */
const double *window_fit_nearest(const struct window_fit *f, const struct fit_score *s);

/* The host's fit, or the class's, or NULL. */
const struct window_fit *window_model_fit(
    const struct window_model *m, uint32_t host, bool is_long);
DS_MUST_CHECK int window_model_add(struct window_model *m, struct window_fit *f); /* takes f */
void window_model_done(struct window_model *m);

/* ---- as bytes (fit_code.c): magic, version, order of bytes, size, checksum */
DS_MUST_CHECK int window_model_put(const struct window_model *m, struct ds_buf *out);
/* -EBADMSG: not a model, damaged or cut short; -EPROTONOSUPPORT: of a newer version; -ENOEXEC: of a
 * machine with another order of bytes; -EFBIG: beyond the bounds; with a sentence. */
DS_MUST_CHECK int window_model_get(
    const void *data, size_t size, struct window_model *ret, char *ret_why, size_t why_size);

#endif
