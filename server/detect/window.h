/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * window - what daemons do in a minute and in a quarter of an hour, against the models that the
 * trainer published.
 *
 * Four models, by the daemon's class, or by the host where it has a fit of its own:
 *   window-dbscan  the minute is far from all dense regions of what was learnt (level)
 *   window-kmeans  the quarter of an hour is far from the centres (level)
 *   rates          how much there is at this hour of the week, and whether that drifts or ends;
 * needs no trained model, learns as it goes and begins anew with the worker (change) window-change
 * several counters move in a way that none of the staggered models knows (change)
 *
 * They hand evidence with p-values to the fusion.  Blind windows are not scored.  On the worker's
 * thread; bounded by server/model/window.h.
 */
#ifndef SERVER_DETECT_WINDOW_H
#define SERVER_DETECT_WINDOW_H

#include "server/detect/turn.h"

struct watch;

struct watch *watch_new(void); /* NULL: no memory */
void watch_free(struct watch *w);
/* After the batch's events were taken: closes windows and scores them. -ENOMEM. */
DS_MUST_CHECK int watch_batch(struct turn *t);
/* What is open of a host is dropped. */
void watch_forget(struct watch *w, uint32_t host);

#endif
