/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/random.h"

/* splitmix64: spreads one number over the state. */
static uint64_t
spread(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void
random_seed(struct random *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		r->state[i] = spread(&seed);
}

static uint64_t
turn_left(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

uint64_t
random_next(struct random *r)
{
	uint64_t *s = r->state, result = turn_left(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = turn_left(s[3], 45);
	return result;
}

uint64_t
random_below(struct random *r, uint64_t below)
{
	return (uint64_t)(((unsigned __int128)random_next(r) * below) >> 64);
}

double
random_unit(struct random *r)
{
	return (double)(random_next(r) >> 11) * 0x1p-53;
}
