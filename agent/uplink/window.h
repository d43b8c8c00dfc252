/* SPDX-License-Identifier: GPL-2.0-or-later */
/* window - the batches of a lane that were sent and not confirmed yet; bounded by number and bytes.
 */
#ifndef AGENT_UPLINK_WINDOW_H
#define AGENT_UPLINK_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_LEN   64u
#define WINDOW_BYTES (1u << 20) /* one batch may be larger, alone */

struct window {
	uint64_t sent; /* last sequence number sent or known to be committed */
	struct {
		uint64_t seq;
		size_t size;
	} flying[WINDOW_LEN]; /* a ring, oldest at head */
	unsigned head, len;
	size_t bytes;
};

/* Nothing is on its way; the next batch is the one after seq. */
void window_reset(struct window *w, uint64_t seq);
bool window_is_open(const struct window *w);
/* seq must be above w->sent, the window open. */
void window_push(struct window *w, uint64_t seq, size_t size);
/* Takes out all up to seq: how many; -1 when seq was never sent. */
int window_ack(struct window *w, uint64_t seq);

#endif
