/* SPDX-License-Identifier: GPL-2.0-or-later */
/* window - one window as a vector; windows.c makes them. */
#include "server/model/window.h"

#include "server/model/exact.h"

#include <math.h>

#define BITS 256.0

const struct window_feature window_features[WINDOW_DIM] = {
	[WINDOW_EXEC] = { "programs started", true },
	[WINDOW_FORK] = { "forks", true },
	[WINDOW_EXIT] = { "processes ended", true },
	[WINDOW_EXIT_BAD] = { "processes that failed", true },
	[WINDOW_CONNECT] = { "outgoing connections", true },
	[WINDOW_ACCEPT] = { "accepted connections", true },
	[WINDOW_LISTEN] = { "sockets that began to listen", true },
	[WINDOW_SEND] = { "datagrams sent", true },
	[WINDOW_WRITE] = { "files opened for writing", true },
	[WINDOW_CREATE] = { "files created", true },
	[WINDOW_RENAME] = { "files renamed", true },
	[WINDOW_UNLINK] = { "files removed", true },
	[WINDOW_MODE] = { "modes or owners changed", true },
	[WINDOW_READ] = { "credential files read", true },
	[WINDOW_PRIVILEGE] = { "changes of user or capabilities", true },
	[WINDOW_KERNEL] = { "kernel interfaces used", true },
	[WINDOW_LOGIN] = { "logins", true },
	[WINDOW_LOGIN_BAD] = { "failed logins", true },
	[WINDOW_LOG_BAD] = { "failures logged", true },
	[WINDOW_COUNTS + 0] = { "different programs", true },
	[WINDOW_COUNTS + 1] = { "spread over programs", false },
	[WINDOW_COUNTS + 2] = { "different destinations", true },
	[WINDOW_COUNTS + 3] = { "spread over destinations", false },
	[WINDOW_COUNTS + 4] = { "different files", true },
	[WINDOW_COUNTS + 5] = { "spread over files", false },
	[WINDOW_COUNTS + 6] = { "different sources", true },
	[WINDOW_COUNTS + 7] = { "spread over sources", false },
	[WINDOW_COUNTS + 8] = { "CPU time, ms a minute", true },
	[WINDOW_COUNTS + 9] = { "KiB read a minute", true },
	[WINDOW_COUNTS + 10] = { "KiB written a minute", true },
	[WINDOW_COUNTS + 11] = { "MiB of memory", true },
	[WINDOW_COUNTS + 12] = { "threads", true },
	[WINDOW_COUNTS + 13] = { "open files", true },
	[WINDOW_COUNTS + 14] = { "open sockets", true },
	[WINDOW_COUNTS + 15] = { "processes", true },
};

static const double units[WINDOW_USAGES] = { [WINDOW_CPU] = 1e3,
	[WINDOW_IO_READ] = 1024,
	[WINDOW_IO_WRITE] = 1024,
	[WINDOW_RSS] = 1048576,
	[WINDOW_THREADS] = 1,
	[WINDOW_FDS] = 1,
	[WINDOW_SOCKETS] = 1,
	[WINDOW_PROCESSES] = 1 };

static double
distinct(const struct window_sketch *s)
{
	int set = 0;

	for (size_t i = 0; i < DS_LEN(s->bits); i++)
		set += __builtin_popcountll(s->bits[i]);
	return set == BITS ? BITS * 6 : -BITS * exact_log(1 - set / BITS);
}

/* 0: all the same; 1: evenly over all parts. */
static double
entropy(const struct window_sketch *s)
{
	double total = 0, sum = 0;

	for (size_t i = 0; i < DS_LEN(s->part); i++)
		total += s->part[i];
	for (size_t i = 0; i < DS_LEN(s->part); i++)
		if (s->part[i] > 0)
			sum -= s->part[i] / total * exact_log(s->part[i] / total);
	return sum / 2.7725887222397811; /* log(16) */
}

void
window_vector(const struct window *w, double ret[WINDOW_DIM])
{
	double minutes = w->minutes > 0 ? w->minutes : 1;
	size_t at = 0;

	for (size_t i = 0; i < WINDOW_COUNTS; i++)
		ret[at++] = exact_log1p(w->count[i] / minutes);
	for (size_t i = 0; i < WINDOW_SKETCHES; i++) {
		ret[at++] = exact_log1p(distinct(&w->sketch[i]));
		ret[at++] = entropy(&w->sketch[i]);
	}
	for (size_t i = 0; i < WINDOW_USAGES; i++) {
		double value = w->usage[i] / units[i];

		if (i <= WINDOW_IO_WRITE)
			value /= minutes;
		ret[at++] = w->samples > 0 ? exact_log1p(value) : (double)NAN;
	}
}

static uint32_t
add(uint32_t a, uint32_t b)
{
	return a + b < a ? UINT32_MAX : a + b;
}

void
window_join(struct window *to, const struct window *w)
{
	to->events = add(to->events, w->events);
	to->minutes += w->minutes;
	to->blind |= w->blind;
	to->samples = add(to->samples, w->samples);
	for (size_t i = 0; i < WINDOW_COUNTS; i++)
		to->count[i] = add(to->count[i], w->count[i]);
	for (size_t i = 0; i < WINDOW_SKETCHES; i++) {
		for (size_t k = 0; k < DS_LEN(to->sketch[i].bits); k++)
			to->sketch[i].bits[k] |= w->sketch[i].bits[k];
		for (size_t k = 0; k < DS_LEN(to->sketch[i].part); k++)
			to->sketch[i].part[k] = add(to->sketch[i].part[k], w->sketch[i].part[k]);
	}
	for (size_t i = 0; i < WINDOW_USAGES; i++)
		if (i <= WINDOW_IO_WRITE)
			to->usage[i] += w->usage[i];
		else
			to->usage[i] = DS_MAX(to->usage[i], w->usage[i]);
}
