/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pace - see pace.h; called by gate.c on the listeners' threads. */
#include "server/api/pace.h"

#include "lib/map.h"

#include <string.h>

uint64_t
pace_take(struct pace *p, const char *who, unsigned per_second, uint64_t now_us)
{
	_Atomic uint64_t *slot = &p->due_us[ds_hash(who, strlen(who)) % PACE_SLOTS];
	uint64_t step, was = *slot, next, ahead;

	if (per_second == 0)
		return 0;
	step = UINT64_C(1000000) / per_second;
	do {
		next = (was > now_us ? was : now_us) + step;
		ahead = next - now_us;
		if (ahead > PACE_BURST_S * UINT64_C(1000000))
			return ahead - PACE_BURST_S * UINT64_C(1000000);
	} while (!atomic_compare_exchange_weak(slot, &was, next));
	return 0;
}
