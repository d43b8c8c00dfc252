/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/tally.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_MIN 8u

void
tally_init(struct tally *t, uint32_t max)
{
	*t = (struct tally){ .max = max };
}

void
tally_done(struct tally *t)
{
	free(t->slots);
	*t = (struct tally){ .max = t->max };
}

static uint32_t
slot_of(const struct tally_slot *slots, uint32_t size, uint64_t key)
{
	uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (size - 1);

	while (slots[at].key != 0 && slots[at].key != key)
		at = (at + 1) & (size - 1);
	return at;
}

static uint64_t
used(uint64_t key)
{
	return key != 0 ? key : 1;
}

static int
grow(struct tally *t)
{
	uint32_t size = t->size == 0 ? SIZE_MIN : t->size * 2;
	struct tally_slot *slots = calloc(size, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->size; i++)
		if (t->slots[i].key != 0)
			slots[slot_of(slots, size, t->slots[i].key)] = t->slots[i];
	free(t->slots);
	t->slots = slots;
	t->size = size;
	return 0;
}

int
tally_add(struct tally *t, uint64_t key, double weight)
{
	struct tally_slot *s = NULL;

	key = used(key);
	if (t->size > 0)
		s = &t->slots[slot_of(t->slots, t->size, key)];
	if (s == NULL || s->key == 0) {
		if (t->len >= t->max) {
			t->refused++;
			t->total += weight;
			return 0;
		}
		if ((t->len + 1) * 4 > t->size * 3) {
			int r = grow(t);

			if (r < 0)
				return r;
		}
		s = &t->slots[slot_of(t->slots, t->size, key)];
		s->key = key;
		t->len++;
	}
	s->count += weight;
	t->total += weight;
	return 0;
}

double
tally_get(const struct tally *t, uint64_t key)
{
	if (t->size == 0)
		return 0;
	/* A free slot counts 0. */
	return t->slots[slot_of(t->slots, t->size, used(key))].count;
}

void
tally_scale(struct tally *t, double factor, double least)
{
	struct tally_slot *old = t->slots;
	uint32_t size = t->size;
	double others = t->total;

	for (uint32_t i = 0; i < size; i++)
		others -= old[i].count;
	t->slots = calloc(size, sizeof(*old));
	if (size == 0 || t->slots == NULL) {
		/* No memory to tidy up: the counts are all that matters. */
		free(t->slots);
		t->slots = old;
		for (uint32_t i = 0; i < size; i++)
			old[i].count *= factor;
		t->total *= factor;
		return;
	}
	t->len = 0;
	t->total = others * factor;
	for (uint32_t i = 0; i < size; i++) {
		double count = old[i].count * factor;

		if (old[i].key == 0 || count < least)
			continue;
		t->slots[slot_of(t->slots, size, old[i].key)] =
		    (struct tally_slot){ old[i].key, count };
		t->len++;
		t->total += count;
	}
	free(old);
}
