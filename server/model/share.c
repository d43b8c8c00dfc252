/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/share.h"

#include "server/model/exact.h"

#define PRIOR   0.5 /* Jeffreys: of either sort */
#define ALL_MAX 4096u

void
share_learn(struct share *s, unsigned marked, unsigned all)
{
	s->marked += marked;
	s->all += all;
	if (s->all > SHARE_MAX) {
		s->marked *= SHARE_MAX / s->all;
		s->all = SHARE_MAX;
	}
}

double
share_p(const struct share *s, unsigned marked, unsigned all)
{
	double a = s->marked + PRIOR, b = s->all - s->marked + PRIOR, log_term = 0, term, sum = 0;
	unsigned n = all < ALL_MAX ? all : ALL_MAX, k = marked < n ? marked : n;

	if (!(s->all > 0) || k == 0)
		return 1;
	/* C(n, k) B(k + a, n - k + b) / B(a, b), factor by factor. */
	for (unsigned i = 0; i < k; i++)
		log_term += exact_log((n - i) / (i + 1.0) * (a + i) / (a + b + i));
	for (unsigned i = 0; i < n - k; i++)
		log_term += exact_log((b + i) / (a + b + k + i));
	term = exact_exp(log_term);
	for (double i = k; i <= n; i++) {
		sum += term;
		term *= (n - i) / (i + 1) * (a + i) / (n - i - 1 + b);
	}
	return sum < 1 ? sum : 1;
}

void
share_frame_add(struct share_frame *f, int marked)
{
	f->marked = (f->marked << 1 | (marked != 0)) & ((1u << SHARE_FRAME) - 1);
	f->len += f->len < SHARE_FRAME;
}

double
share_frame_p(const struct share *s, const struct share_frame *f)
{
	return share_p(s, (unsigned)__builtin_popcount(f->marked), f->len);
}
