/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * send - samples into the ring: who has room in it, who is woken, what is lost.
 */
#ifndef AGENT_GUARD_SENSORS_SEND_BPF_H
#define AGENT_GUARD_SENSORS_SEND_BPF_H

#include "agent/guard/sensors/maps.bpf.h"

#define WAKE_NS   1000000u /* wake-ups are at least this far apart: the guard looks again until the ring is empty */
#define WAKE_BURST 8u       /* but for so many at once */
#define WAKE_FILL (SAMPLE_RING / 4)

static __always_inline void
count_lost(__u32 sensor)
{
	__sync_fetch_and_add(&lost[sensor & 7], 1);
}

static __always_inline __u32
data_len(const struct sample *s)
{
	return (__u32)s->len[0] + s->len[1] + s->len[2] + s->len[3];
}

/* So often in the long run, and a few times at once: the end of one program must not delay the start of the next. */
static __always_inline bool
may_wake(__u64 now)
{
	__u64 paid = woken_ns > now ? woken_ns : now;

	if (paid - now > WAKE_BURST * WAKE_NS)
		return false;
	woken_ns = paid + WAKE_NS;
	return true;
}

/* What a daemon can make without end: files by their names, peers by their addresses. */
static __always_inline bool
is_endless(const struct sample *s)
{
	return s->sensor == SENSOR_FILE || s->kind == DS_EVENT_CONNECT || s->kind == DS_EVENT_ACCEPT ||
	       s->kind == DS_EVENT_SEND;
}

/* Such samples leave the reserve to the others: who floods does not hide what is started meanwhile. */
static __always_inline bool
has_room(const struct sample *s, __u32 size)
{
	return !is_endless(s) || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) + size < SAMPLE_RING - SAMPLE_RESERVE;
}

/* Sends it with its real size.  What did not fit into the ring is counted, and forgotten by the repeats, so that the
 * next one is sent in full. */
static __always_inline bool
sample_send(struct scratch *c, bool urgent)
{
	struct sample *s = &c->s;
	__u32 size = sizeof(*s) + data_len(s);
	__u64 now = s->time_ns, key = s->key, flags = BPF_RB_NO_WAKEUP;

	if (size > sizeof(*s) + SAMPLE_DATA_MAX)
		size = sizeof(*s) + SAMPLE_DATA_MAX;
	if ((urgent || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > WAKE_FILL) && may_wake(now)) {
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (has_room(s, size) && bpf_ringbuf_output(&ring, s, size, flags) == 0)
		return true;
	count_lost(s->sensor);
	if (s->flags & SAMPLE_FIRST)
		bpf_map_delete_elem(&repeats, &key);
	return false;
}

/* Whether somebody waits for such a sample. */
static __always_inline bool
is_urgent(const struct sample *s)
{
	return s->flags & (SAMPLE_FIRST | SAMPLE_WAITS);
}

#endif
