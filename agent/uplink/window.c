/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/window.h"

void
window_reset(struct window *w, uint64_t seq)
{
	*w = (struct window){ .sent = seq };
}

bool
window_is_open(const struct window *w)
{
	return w->len == 0 || (w->len < WINDOW_LEN && w->bytes < WINDOW_BYTES);
}

void
window_push(struct window *w, uint64_t seq, size_t size)
{
	unsigned i = (w->head + w->len++) % WINDOW_LEN;

	w->flying[i].seq = seq;
	w->flying[i].size = size;
	w->bytes += size;
	w->sent = seq;
}

int
window_ack(struct window *w, uint64_t seq)
{
	int n = 0;

	if (seq > w->sent)
		return -1;
	while (w->len > 0 && w->flying[w->head].seq <= seq) {
		w->bytes -= w->flying[w->head].size;
		w->head = (w->head + 1) % WINDOW_LEN;
		w->len--;
		n++;
	}
	return n;
}
