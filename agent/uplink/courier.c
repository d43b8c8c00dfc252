/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/courier.h"
#include "lib/ipc.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_MAX   (1u << 20)   /* bytes waiting for a guard that does not read */
#define TURN_READ (256u << 10) /* bytes taken a turn, so that the network has its own */

struct courier {
	int fd;
	struct event *readable, *writable;
	struct ds_buf in, out;
	struct batcher *batcher;
	const struct courier_ops *ops;
	void *ctx;
	uint64_t confirmed; /* last told */
	bool over;
};

static void
end(struct courier *c, const char *why)
{
	if (c->over)
		return;
	c->over = true;
	(void)event_del(c->readable);
	(void)event_del(c->writable);
	c->ops->closed(why, c->ctx);
}

/* Writes what it can; the rest when the socket takes it. */
static void
write_out(struct courier *c)
{
	while (!c->over && ds_buf_left(&c->out) > 0) {
		ssize_t n = send(c->fd, c->out.data + c->out.pos, ds_buf_left(&c->out),
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			(void)event_add(c->writable, NULL);
			return;
		}
		if (n <= 0) {
			end(c, "the guard is gone");
			return;
		}
		c->out.pos += (size_t)n;
	}
	ds_buf_clear(&c->out);
}

static void
on_writable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	write_out(ctx);
}

int
courier_send(struct courier *c, uint8_t type, const void *data, size_t size)
{
	size_t before, start;
	int r;

	if (c->over)
		return -ENOTCONN;
	ds_buf_compact(&c->out);
	before = c->out.len;
	r = ds_ipc_begin(&c->out, type, &start);
	if (r == 0)
		r = ds_buf_put(&c->out, data, size);
	if (r < 0) {
		c->out.len = before;
		return r == -ENOBUFS ? -EAGAIN : r;
	}
	ds_ipc_end(&c->out, start);
	write_out(c);
	return 0;
}

static int
send_numbers(struct courier *c, uint8_t type, const uint64_t *numbers, size_t len)
{
	struct ds_buf body;
	int r = 0;

	ds_buf_init(&body, 64);
	for (size_t i = 0; r == 0 && i < len; i++)
		r = ds_buf_put_u64(&body, numbers[i]);
	if (r == 0)
		r = courier_send(c, type, body.data, body.len);
	ds_buf_done(&body);
	return r;
}

void
courier_confirm(struct courier *c)
{
	uint64_t number = batcher_confirmed(c->batcher);

	if (c->over)
		return;
	if (!batcher_is_stuck(c->batcher))
		(void)event_add(c->readable, NULL); /* pending already, most times */
	if (number <= c->confirmed)
		return;
	/* A guard that does not read now is told with the next number. */
	if (send_numbers(c, DS_IPC_STORED, &number, 1) == 0)
		c->confirmed = number;
}

static int
take_events(struct courier *c, const uint8_t *body, size_t size)
{
	struct ds_event ev;
	struct ds_buf b;
	uint64_t number;
	uint32_t part = 0;
	int r;

	ds_buf_view(&b, body, size);
	r = ds_buf_get_u64(&b, &number);
	while (r == 0 && ds_buf_left(&b) > 0) {
		r = ds_ipc_get_event(&b, &ev);
		if (r == 0)
			r = batcher_add(c->batcher, &ev, number, part++);
	}
	if (r == 0)
		batcher_end_message(c->batcher, number);
	return r;
}

static int
take_message(struct courier *c, uint8_t type, const uint8_t *body, size_t size)
{
	switch (type) {
	case DS_IPC_EVENTS:
		return take_events(c, body, size);
	case DS_IPC_SENSORS:
		c->ops->sensors((const char *)body, size, c->ctx);
		return 0;
	case DS_IPC_RESULT:
		c->ops->result(body, size, c->ctx);
		return 0;
	case DS_IPC_RELOAD:
		c->ops->reload(c->ctx);
		return 0;
	default:
		return -EBADMSG;
	}
}

static void
take_messages(struct courier *c)
{
	const uint8_t *body;
	uint8_t type;
	size_t size;
	int r;

	while (!c->over) {
		r = ds_ipc_get(&c->in, &type, &body, &size);
		if (r == 0)
			break;
		if (r > 0)
			r = take_message(c, type, body, size);
		if (r < 0) {
			end(c, r == -ENOMEM ? "no memory for the guard's events"
					    : "the guard sent what is not a message");
			return;
		}
	}
	if (c->over)
		return;
	ds_buf_compact(&c->in);
	if (c->in.len == 0 && c->in.cap > (64u << 10))
		ds_buf_done(&c->in);
	courier_confirm(c);
}

/* Bytes taken. */
static size_t
read_turn(struct courier *c)
{
	size_t taken = 0;

	while (!c->over && taken < TURN_READ) {
		ssize_t n;

		if (ds_buf_reserve(&c->in, 16384) < 0) {
			end(c, "the guard sent a message without end");
			break;
		}
		n = recv(c->fd, c->in.data + c->in.len, 16384, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			end(c, "the guard is gone");
			break;
		}
		c->in.len += (size_t)n;
		taken += (size_t)n;
		take_messages(c);
		/* The guard keeps the rest, bounded, until the spool takes more. */
		if (!c->over && batcher_is_stuck(c->batcher)) {
			(void)event_del(c->readable);
			break;
		}
	}
	return taken;
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)read_turn(ctx);
}

void
courier_drain(struct courier *c)
{
	while (!c->over && !batcher_is_stuck(c->batcher) && read_turn(c) > 0)
		;
}

struct courier *
courier_new(struct event_base *base, int fd, struct batcher *batcher, const struct spool *spool,
    const struct courier_ops *ops, void *ctx)
{
	struct courier *c = calloc(1, sizeof(*c));
	uint64_t urgent = spool_mark(spool, DS_LANE_URGENT).number;
	uint64_t bulk = spool_mark(spool, DS_LANE_BULK).number;
	const uint64_t numbers[2] = { DS_MIN(urgent, bulk), DS_MAX(urgent, bulk) + 1 };

	if (c == NULL)
		return NULL;
	*c = (struct courier){ .fd = fd, .batcher = batcher, .ops = ops, .ctx = ctx };
	ds_buf_init(&c->in, DS_IPC_MESSAGE_MAX + (64u << 10));
	ds_buf_init(&c->out, OUT_MAX);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) < 0 ||
	    send_numbers(c, DS_IPC_START, numbers, DS_LEN(numbers)) < 0) {
		courier_free(c);
		return NULL;
	}
	return c;
}

void
courier_free(struct courier *c)
{
	if (c == NULL)
		return;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	ds_buf_done(&c->in);
	ds_buf_done(&c->out);
	(void)close(c->fd);
	free(c);
}
