/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/burst.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define FADE      0.5f
#define TICKS_MAX 40u /* after so many empty minutes nothing of now is left */
#define MEAN_LEAST \
	1.0 /* expected: of less, chi-squared says that it is seldom and not that it is much */

int
burst_init(struct burst *b)
{
	*b = (struct burst){ 0 };
	b->now = calloc((size_t)BURST_ROWS * BURST_WIDTH, sizeof(*b->now));
	b->ever = calloc((size_t)BURST_ROWS * BURST_WIDTH, sizeof(*b->ever));
	if (b->now != NULL && b->ever != NULL)
		return 0;
	burst_done(b);
	return -ENOMEM;
}

void
burst_done(struct burst *b)
{
	free(b->now);
	free(b->ever);
	*b = (struct burst){ 0 };
}

static uint32_t
cell(uint64_t edge, unsigned row)
{
	edge = (edge + row * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
	return row * BURST_WIDTH + ((uint32_t)(edge >> 33) & (BURST_WIDTH - 1));
}

static void
go_on(struct burst *b, uint64_t tick)
{
	uint64_t passed = tick - b->tick;
	float left = powf(FADE, (float)(passed < TICKS_MAX ? passed : TICKS_MAX));

	for (uint32_t i = 0; i < BURST_ROWS * BURST_WIDTH; i++)
		b->now[i] *= left;
	b->tick = tick;
	b->ticks += passed;
}

void
burst_look(const struct burst *b, uint64_t edge, double *ret_now, double *ret_mean)
{
	float now = INFINITY, ever = INFINITY;

	for (unsigned row = 0; row < BURST_ROWS; row++) {
		uint32_t at = cell(edge, row);

		now = fminf(now, b->now[at]);
		ever = fminf(ever, b->ever[at]);
	}
	*ret_now = (double)now;
	*ret_mean = (double)ever / (double)(b->ticks > 0 ? b->ticks : 1);
}

double
burst_add(struct burst *b, uint64_t edge, double count, uint64_t time_us)
{
	uint64_t tick = time_us / BURST_TICK_US;
	bool is_late = tick + 1 < b->tick;
	double now, mean, over;

	if (b->tick == 0) {
		b->tick = tick;
		b->ticks = 1;
	}
	if (tick > b->tick)
		go_on(b, tick);
	for (unsigned row = 0; row < BURST_ROWS; row++) {
		uint32_t at = cell(edge, row);

		b->now[at] += is_late ? 0 : (float)count;
		b->ever[at] += (float)count;
	}
	if (is_late)
		return 0;
	burst_look(b, edge, &now, &mean);
	over = now - mean;
	if (over <= 0 || b->ticks < 2)
		return 0;
	/* Of a wide range: a score that is compared wants it narrow. */
	return log1p(over * over / fmax(mean, MEAN_LEAST));
}
