/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emit - takes events from the sensors to the uplink, and remembers them until the uplink has them
 * in its spool.
 *
 * Called by everything in the guard that makes events, and by main and supervise, on the guard's
 * only thread.  Owns the queue; the socket is supervise's.
 */
#include "agent/guard/emit.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/ipc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LANE_SIZE   (DS_IPC_EVENTS_SIZE + 16384u) /* room for the event that makes it full */
#define BULK_AGE_MS 200u
#define GAP_AGE_MS  1000u
#define GAP_SOURCES 24u
#define CONTROL_MAX (64u << 10)

enum lane { LANE_URGENT, LANE_BULK, LANE_COUNT };

/* A closed message of events. */
struct message {
	struct message *next;
	uint64_t number;            /* 0: not sent yet */
	uint64_t lost, duration_us; /* that its gaps tell; lost: and what its repeats count */
	uint32_t events;
	uint32_t size;
	uint8_t lane;
	uint8_t body[]; /* the events */
};

struct queue {
	struct message *head, *tail;
};

struct gap {
	char source[64];
	char message[160];
	uint64_t lost, duration_us;
	uint64_t since_ms;
};

static struct ds_buf open_lanes[LANE_COUNT];
static uint32_t open_events[LANE_COUNT];
static uint64_t open_since_ms[LANE_COUNT];
static uint64_t open_lost[LANE_COUNT];   /* what the events tell beside themselves: see message */
static uint64_t open_duration_us;        /* of the gaps in the urgent lane */
static struct queue waiting[LANE_COUNT]; /* not sent */
static struct queue sent;                /* not confirmed, by number */
static uint64_t unsure_events, unsure_number; /* dropped after they were sent; the newest */
static struct queue again; /* sent to an uplink that is gone: by number, before all others */
static size_t bytes, bytes_max;
static struct gap gaps[GAP_SOURCES];
static size_t gaps_len;
static struct ds_buf out;     /* what the socket has not taken yet */
static struct ds_buf control; /* control messages, before events */
static int socket_fd = -1;
static bool started, socket_full;
static uint64_t next_number = 1;
static bool numbered; /* a START has told where to begin */

static void
queue_push(struct queue *q, struct message *m)
{
	m->next = NULL;
	if (q->tail != NULL)
		q->tail->next = m;
	else
		q->head = m;
	q->tail = m;
}

static struct message *
queue_pop(struct queue *q)
{
	struct message *m = q->head;

	if (m == NULL)
		return NULL;
	q->head = m->next;
	if (q->head == NULL)
		q->tail = NULL;
	return m;
}

/* Takes the oldest of a lane out of the middle. */
static struct message *
queue_take(struct queue *q, enum lane lane)
{
	struct message *before = NULL, *m;

	for (m = q->head; m != NULL && m->lane != lane; m = m->next)
		before = m;
	if (m == NULL)
		return NULL;
	if (before != NULL)
		before->next = m->next;
	else
		q->head = m->next;
	if (q->tail == m)
		q->tail = before;
	return m;
}

static void
message_free(struct message *m)
{
	if (m == NULL)
		return;
	bytes -= sizeof(*m) + m->size;
	free(m);
}

static void
queue_done(struct queue *q)
{
	struct message *m;

	while ((m = queue_pop(q)) != NULL)
		message_free(m);
}

static void
tell_dropped(const struct message *m)
{
	emit_gap("emit", m->events + m->lost, m->duration_us,
	    m->lane == LANE_BULK ? "the queue to the uplink is full: bulk events dropped"
				 : "the queue to the uplink is full: first-seen events dropped");
}

/* Bulk goes before urgent.  What was sent goes first of its lane: it is lost only when the uplink
 * dies before it is stored, and told then. */
static bool
drop_one(void)
{
	struct message *m = NULL;

	for (int lane = LANE_BULK; m == NULL && lane >= LANE_URGENT; lane--) {
		m = queue_take(&sent, (enum lane)lane);
		if (m != NULL) {
			unsure_events += m->events + m->lost;
			unsure_number = DS_MAX(unsure_number, m->number);
			break;
		}
		m = queue_take(&again, (enum lane)lane);
		if (m == NULL)
			m = queue_pop(&waiting[lane]);
		if (m != NULL)
			tell_dropped(m);
	}
	if (m == NULL)
		return false;
	message_free(m);
	return true;
}

static void
make_room(size_t size)
{
	while (bytes + size > bytes_max && drop_one())
		;
}

/* What was dropped after it was sent is stored by now, or never will be. */
static void
settle_unsure(uint64_t stored, bool restarted)
{
	if (unsure_events == 0)
		return;
	if (stored < unsure_number) {
		if (!restarted)
			return;
		emit_gap("emit", unsure_events, 0,
		    "the uplink died while the queue to it was full: events may be lost");
	}
	unsure_events = unsure_number = 0;
}

/* What gaps tell goes with their message; when that is dropped, it is told by the next gap. */
static void
take_gaps(struct message *m, enum lane lane)
{
	if (m != NULL)
		m->lost = open_lost[lane];
	open_lost[lane] = 0;
	if (lane != LANE_URGENT)
		return;
	if (m != NULL)
		m->duration_us = open_duration_us;
	open_duration_us = 0;
}

static void
lane_close(enum lane lane)
{
	struct ds_buf *b = &open_lanes[lane];
	struct message *m;

	if (open_events[lane] == 0)
		return;
	make_room(sizeof(*m) + b->len);
	m = malloc(sizeof(*m) + b->len);
	if (m == NULL) {
		emit_gap("emit", open_events[lane] + open_lost[lane], 0, "no memory for events");
	} else {
		*m = (struct message){
			.events = open_events[lane], .size = (uint32_t)b->len, .lane = (uint8_t)lane
		};
		memcpy(m->body, b->data, b->len);
		bytes += sizeof(*m) + m->size;
		queue_push(&waiting[lane], m);
	}
	take_gaps(m, lane);
	open_events[lane] = 0;
	ds_buf_clear(b);
}

void
emit_event(const struct ds_event *ev)
{
	enum lane lane = ds_event_is_urgent(ev) ? LANE_URGENT : LANE_BULK;
	struct ds_buf *b = &open_lanes[lane];

	if (open_events[lane] == 0)
		open_since_ms[lane] = ds_clock_monotonic_ms();
	if (ds_ipc_put_event(b, ev) < 0) {
		if (ev->kind != DS_EVENT_GAP)
			emit_gap("emit", 1, 0, "an event could not be written");
		return;
	}
	open_events[lane]++;
	open_lost[lane] += ev->count - 1;
	if (ev->kind == DS_EVENT_GAP) {
		open_lost[lane] += ev->num[DS_NUM_LOST];
		open_duration_us = DS_MAX(open_duration_us, ev->num[DS_NUM_DURATION_US]);
	}
	if (b->len >= DS_IPC_EVENTS_SIZE)
		lane_close(lane);
}

static struct gap *
gap_find(const char *source, const char *message)
{
	struct gap *g;

	for (size_t i = 0; i < gaps_len; i++)
		if (strcmp(gaps[i].source, source) == 0 &&
		    strncmp(gaps[i].message, message, sizeof(gaps[i].message) - 1) == 0)
			return &gaps[i];
	if (gaps_len == GAP_SOURCES)
		return &gaps[GAP_SOURCES - 1];
	g = &gaps[gaps_len++];
	*g = (struct gap){ .since_ms = ds_clock_monotonic_ms() };
	(void)snprintf(g->source, sizeof(g->source), "%s", source);
	(void)snprintf(g->message, sizeof(g->message), "%s", message);
	return g;
}

void
emit_gap(const char *source, uint64_t lost, uint64_t duration_us, const char *message)
{
	struct gap *g = gap_find(source, message != NULL ? message : "");

	g->lost += lost;
	if (duration_us > g->duration_us)
		g->duration_us = duration_us;
}

static void
gap_send(const struct gap *g)
{
	struct ds_event ev = { .time_us = ds_clock_wall_us(), .count = 1, .kind = DS_EVENT_GAP };

	ev.num[DS_NUM_LOST] = g->lost;
	ev.num[DS_NUM_DURATION_US] = g->duration_us;
	ds_event_set_str(&ev, DS_STR_SOURCE, g->source, strlen(g->source));
	ds_event_set_str(&ev, DS_STR_MESSAGE, g->message, strlen(g->message));
	emit_event(&ev);
}

static void
gaps_flush(uint64_t now_ms, bool all)
{
	struct gap due[GAP_SOURCES];
	size_t len = 0, kept = 0;

	for (size_t i = 0; i < gaps_len; i++)
		if (all || now_ms - gaps[i].since_ms >= GAP_AGE_MS)
			due[len++] = gaps[i];
		else
			gaps[kept++] = gaps[i];
	gaps_len = kept;
	for (size_t i = 0; i < len; i++)
		gap_send(&due[i]);
}

int
emit_init(size_t max_bytes)
{
	bytes_max = max_bytes;
	for (int i = 0; i < LANE_COUNT; i++)
		ds_buf_init(&open_lanes[i], LANE_SIZE);
	ds_buf_init(&out, DS_IPC_MESSAGE_MAX);
	ds_buf_init(&control, CONTROL_MAX);
	return ds_buf_reserve(&out, LANE_SIZE + 16);
}

void
emit_done(void)
{
	for (int i = 0; i < LANE_COUNT; i++) {
		ds_buf_done(&open_lanes[i]);
		queue_done(&waiting[i]);
		open_events[i] = 0;
	}
	queue_done(&sent);
	queue_done(&again);
	ds_buf_done(&out);
	ds_buf_done(&control);
	socket_fd = -1;
	gaps_len = 0;
	open_lost[LANE_URGENT] = open_lost[LANE_BULK] = open_duration_us = 0;
	unsure_events = unsure_number = 0;
	next_number = 1;
	numbered = started = socket_full = false;
}

void
emit_attach(int fd)
{
	socket_fd = fd;
	started = socket_full = false;
	ds_buf_clear(&out);
	ds_buf_clear(&control);
}

void
emit_detach(void)
{
	emit_attach(-1);
}

static void
forget_until(uint64_t number)
{
	while (sent.head != NULL && sent.head->number <= number)
		message_free(queue_pop(&sent));
}

/* What was sent and is not confirmed is sent again first, under its old numbers: the uplink's spool
 * tells by them what it has already. */
static void
send_again(void)
{
	if (sent.head == NULL)
		return;
	sent.tail->next = again.head;
	if (again.head == NULL)
		again.tail = sent.tail;
	again.head = sent.head;
	sent = (struct queue){ 0 };
}

void
emit_started(uint64_t resend_after, uint64_t last)
{
	if (numbered) {
		send_again();
		while (again.head != NULL && again.head->number <= resend_after)
			message_free(queue_pop(&again));
	}
	settle_unsure(numbered ? resend_after : UINT64_MAX, true);
	next_number = DS_MAX(next_number, last + 1);
	numbered = started = true;
}

int
emit_stored(uint64_t number)
{
	if (!started || number >= next_number)
		return -EBADMSG;
	forget_until(number);
	settle_unsure(number, false);
	return 0;
}

int
emit_control(uint8_t type, const void *body, size_t size)
{
	size_t start;
	int r;

	if (socket_fd < 0)
		return 0;
	r = ds_ipc_begin(&control, type, &start);
	if (r < 0)
		return r;
	r = ds_buf_put(&control, body, size);
	if (r < 0) {
		control.len = start;
		return r;
	}
	ds_ipc_end(&control, start);
	return 0;
}

static int
out_write(void)
{
	ssize_t n;

	while (ds_buf_left(&out) > 0) {
		n = send(
		    socket_fd, out.data + out.pos, ds_buf_left(&out), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			socket_full = errno == EAGAIN || errno == EWOULDBLOCK;
			return socket_full || errno == EINTR ? 0 : -errno;
		}
		out.pos += (size_t)n;
	}
	ds_buf_clear(&out);
	socket_full = false;
	return 0;
}

static int
out_put_message(struct message *m)
{
	uint64_t number = m->number ? m->number : next_number;
	size_t start;
	int r = ds_ipc_begin(&out, DS_IPC_EVENTS, &start);

	if (r == 0)
		r = ds_buf_put_u64(&out, number);
	if (r == 0)
		r = ds_buf_put(&out, m->body, m->size);
	if (r < 0) {
		ds_buf_clear(&out);
		return r;
	}
	ds_ipc_end(&out, start);
	m->number = number;
	next_number = DS_MAX(next_number, number + 1);
	return 0;
}

/* Puts the next thing to send into `out`: 1, 0 when there is nothing, -errno. */
static int
out_fill(void)
{
	struct message *m;
	int r;

	if (control.len > 0) {
		r = ds_buf_put(&out, control.data, control.len);
		ds_buf_clear(&control);
		return r < 0 ? r : 1;
	}
	if (!started)
		return 0;
	for (int i = -1; i < LANE_COUNT; i++) {
		struct queue *q = i < 0 ? &again : &waiting[i];

		m = q->head;
		if (m == NULL)
			continue;
		r = out_put_message(m);
		if (r < 0)
			return r;
		queue_push(&sent, queue_pop(q));
		return 1;
	}
	return 0;
}

int
emit_flush(uint64_t now_ms, bool all)
{
	int r;

	gaps_flush(now_ms, all);
	lane_close(LANE_URGENT);
	if (all || (open_events[LANE_BULK] > 0 && now_ms - open_since_ms[LANE_BULK] >= BULK_AGE_MS))
		lane_close(LANE_BULK);
	if (socket_fd < 0)
		return 0;
	do {
		r = out_write();
		if (r < 0 || socket_full)
			return r;
		r = out_fill();
	} while (r > 0);
	return r;
}

bool
emit_wants_write(void)
{
	return socket_fd >= 0 && socket_full;
}

bool
emit_is_sent(void)
{
	return open_events[LANE_URGENT] == 0 && open_events[LANE_BULK] == 0 &&
	       waiting[LANE_URGENT].head == NULL && waiting[LANE_BULK].head == NULL &&
	       again.head == NULL && gaps_len == 0 && ds_buf_left(&out) == 0;
}

bool
emit_is_empty(void)
{
	return emit_is_sent() && sent.head == NULL;
}

uint64_t
emit_deadline(void)
{
	uint64_t at = UINT64_MAX;

	if (open_events[LANE_URGENT] > 0)
		return 0;
	if (open_events[LANE_BULK] > 0)
		at = open_since_ms[LANE_BULK] + BULK_AGE_MS;
	for (size_t i = 0; i < gaps_len; i++)
		at = DS_MIN(at, gaps[i].since_ms + GAP_AGE_MS);
	return at;
}

size_t
emit_bytes(void)
{
	return bytes;
}
