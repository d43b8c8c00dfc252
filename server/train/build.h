/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * build - one class's windows become a model, and the gate looks at it. Pure, but for memory.
 */
#ifndef SERVER_TRAIN_BUILD_H
#define SERVER_TRAIN_BUILD_H

#include "server/model/set.h"
#include "server/train/collect.h"

#define GATE_P          0.001 /* an attack is found when its window is less likely than this */
#define GATE_FALSE_WEEK 7.0   /* false episodes a host-week that no model may have */

struct built {
	struct window_model model;
	struct ds_buf bytes;
	uint64_t from_us, to_us;
	uint32_t windows, hosts;
	double coverage;   /* of the minutes between from and to, on its hosts */
	double false_week; /* episodes a host and week among its own windows */
	bool refused;
	char note[256];
};

/* 0; -ENODATA: too few windows, with a sentence; -ENOMEM. `old` may be NULL; attacks: those that
 * the store keeps, besides rows->attacks. */
DS_MUST_CHECK int build_class(const struct class_rows *rows, const struct set_entry *old,
    const struct fit_row *attacks, size_t attacks_len, struct built *ret, char *why,
    size_t why_size);
void built_done(struct built *b);

#endif
