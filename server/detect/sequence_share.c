/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sequence_share - how many of a daemon's processes of five minutes did something in an order never
 * seen before; see sequence.h.
 *
 * One such process is nothing; that all of twenty are such is, however few were learnt.  What one
 * of them did first stays new for the others until the five minutes are over.
 */
#include "server/detect/sequence_state.h"

#include "server/model/exact.h"

#include <stdio.h>

#define LEAST 4.6 /* one in a hundred */
#define MANY  8u  /* processes */

static const struct evidence_model model = { "share", EVIDENCE_SEQUENCE, "window_outlier",
	"has many processes that do things in an order never seen before", LEAST };

static size_t
explain(const void *ctx, struct evidence_feature *ret, size_t max)
{
	const struct daemon_models *m = ctx;

	if (max == 0)
		return 0;
	snprintf(ret->feature, sizeof(ret->feature), "processes with a new order of steps");
	snprintf(ret->baseline, sizeof(ret->baseline), "%.3g %% of %.0f processes of %.60s",
	    100 * m->class->share.marked / m->class->share.all, m->class->share.all,
	    m->daemon->class);
	snprintf(
	    ret->observed, sizeof(ret->observed), "%u of %u in five minutes", m->marked, m->units);
	ret->weight = 1;
	return 1;
}

static bool
is_blind(const struct daemon_models *m)
{
	return m->daemon->host->blind_us != m->slot_blind_us;
}

static int
judge(struct turn *t, struct daemon_models *m, double p)
{
	struct evidence e = sequence_evidence(t, m, &model, -exact_log(p));
	double fused;

	if (is_blind(m) || !stand_is_known(m->daemon) || !(m->class->share.all > 0))
		return 0;
	e.explain = explain;
	e.ctx = m;
	return sequence_hand_in(t, m, &e, &fused);
}

int
sequence_share_step(struct turn *t, struct daemon_models *m, struct followed *f,
    const struct chain_step *step, bool learnt)
{
	struct fresh *at = &m->all->fresh[step->sequence % SEQUENCE_FRESH];

	if (f->slot != m->slot) {
		f->slot = m->slot;
		f->marked = false;
		m->units++;
	}
	if (step->mismatch && learnt)
		*at = (struct fresh){ step->sequence, m->slot };
	if (f->marked || step->sequence == 0 ||
	    !(step->mismatch || (at->sequence == step->sequence && at->slot == m->slot)))
		return 0;
	f->marked = true;
	m->marked++;
	/* News before the five minutes are over when there are twice as many again. */
	if (m->marked < MANY || (m->marked & (m->marked - 1)) != 0)
		return 0;
	return judge(t, m, share_p(&m->class->share, m->marked, m->units));
}

int
sequence_share_end(struct turn *t, struct daemon_models *m)
{
	double p = share_p(&m->class->share, m->marked, m->units);
	int r = m->units > 0 ? judge(t, m, p) : 0;

	if (!is_blind(m) && p > EVIDENCE_LEARN)
		share_learn(&m->class->share, m->marked, m->units);
	m->units = m->marked = 0;
	return r;
}
