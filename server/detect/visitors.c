/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/visitors.h"

#include "server/detect/address.h"
#include "server/detect/attacks.h"

#include <stdlib.h>

struct visitors {
	struct {
		uint64_t id, time_us; /* attack_source() */
	} of[VISITORS_PLACES];
};

/* 0: of no machine of the outside. */
static uint64_t
id_of(const uint8_t *address, unsigned size)
{
	uint8_t whole[16];

	return address_is_private(address, size) ? 0 : attack_source(address, size, whole);
}

static unsigned
place_of(uint64_t id)
{
	return (unsigned)(id * 0x9e3779b97f4a7c15ull >> 56) % VISITORS_PLACES;
}

void
visitors_note(struct visitors **v, const uint8_t *address, unsigned size, uint64_t time_us)
{
	uint64_t id = id_of(address, size);

	if (id == 0)
		return;
	if (*v == NULL)
		*v = calloc(1, sizeof(**v));
	if (*v == NULL)
		return;
	(*v)->of[place_of(id)].id = id;
	(*v)->of[place_of(id)].time_us = time_us;
}

bool
visitors_has(const struct visitors *v, const uint8_t *address, unsigned size, uint64_t time_us)
{
	uint64_t id = id_of(address, size);
	uint64_t then = v != NULL ? v->of[place_of(id)].time_us : 0;

	/* Events of one batch need not be in order: the visit may seem to come a moment later. */
	return id != 0 && v != NULL && v->of[place_of(id)].id == id &&
	       time_us + VISITORS_US / 60 >= then && time_us < then + VISITORS_US;
}
