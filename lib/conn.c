/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/conn.h"
#include "lib/clock.h"
#include "lib/conn_turn.h"
#include "lib/tls.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

const struct ds_conn_limits ds_conn_default_limits = {
	.handshake_ms = 10000,
	.idle_ms = 90000,
	.stuck_ms = 30000,
	.frame_ms = 60000,
	.frame_max = DS_FRAME_PAYLOAD_MAX,
	.out_max = 8u << 20,
};

static void
set_timer(struct ds_conn *c, uint64_t at_ms)
{
	uint64_t now = ds_clock_monotonic_ms(), ms = at_ms > now ? at_ms - now : 0;
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	c->timer_ms = at_ms;
	(void)event_add(c->timer, &tv); /* no memory: the next turn tries again */
}

/* What the loop shall wake us for.  A timer that comes early costs a turn; moving it at each read
 * would cost more. */
static void
arm(struct ds_conn *c)
{
	const char *what;
	uint64_t at = ds_conn_deadline(c, &what);

	if (ds_conn_wants_read(c))
		(void)event_add(c->on_read, NULL);
	else
		(void)event_del(c->on_read);
	if (c->wants_write)
		(void)event_add(c->on_write, NULL);
	else
		(void)event_del(c->on_write);
	if (at > 0 && (c->timer_ms == 0 || at < c->timer_ms))
		set_timer(c, at);
}

static void
release(struct ds_conn *c)
{
	if (c->on_read != NULL)
		event_free(c->on_read);
	if (c->on_write != NULL)
		event_free(c->on_write);
	if (c->timer != NULL)
		event_free(c->timer);
	c->on_read = c->on_write = c->timer = NULL;
	c->timer_ms = 0;
	c->base = NULL;
}

/* Everything but the struct and its numbers goes. */
static void
shut(struct ds_conn *c)
{
	release(c);
	SSL_free(c->ssl);
	SSL_CTX_free(c->context);
	if (c->fd >= 0)
		close(c->fd);
	ds_buf_done(&c->in);
	ds_buf_done(&c->out);
	free(c->end);
	c->ssl = NULL;
	c->context = NULL;
	c->fd = -1;
	c->end = NULL;
	c->state = CONN_CLOSED;
}

static void
take_turn(struct ds_conn *c)
{
	struct conn_turn t = { 0 };
	int r = ds_conn_turn(c, &t);

	if (t.gone)
		return;
	if (r == 0) {
		arm(c);
		return;
	}
	shut(c);
	c->ops->closed(c, &t.end, c->ctx);
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take_turn(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ds_conn *c = arg;

	(void)fd;
	(void)what;
	c->timer_ms = 0;
	take_turn(c);
}

static int
bind_to(struct ds_conn *c, struct event_base *base)
{
	c->base = base;
	c->on_read = event_new(base, c->fd, EV_READ | EV_PERSIST, on_io, c);
	c->on_write = event_new(base, c->fd, EV_WRITE | EV_PERSIST, on_io, c);
	c->timer = event_new(base, -1, 0, on_timer, c);
	if (c->on_read == NULL || c->on_write == NULL || c->timer == NULL ||
	    event_add(c->on_read, NULL) < 0) {
		release(c);
		return -ENOMEM;
	}
	return 0;
}

/* A turn from the loop, soon: no op is called from a function of ours. */
static void
wake(struct ds_conn *c)
{
	if (c->turn == NULL && c->base != NULL)
		set_timer(c, 1);
}

struct ds_conn *
ds_conn_new(struct event_base *base, struct ds_tls *tls, bool is_server, int fd,
    const struct ds_conn_ops *ops, const struct ds_conn_limits *limits, void *ctx)
{
	struct ds_conn *c = calloc(1, sizeof(*c));
	const int on = 1;

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	*c = (struct ds_conn){ .ops = ops, .limits = limits, .ctx = ctx, .fd = fd };
	c->is_server = is_server;
	c->start_ms = ds_clock_monotonic_ms();
	c->context = ds_tls_context(tls);
	SSL_CTX_up_ref(c->context);
	ds_buf_init(&c->in, limits->frame_max + DS_FRAME_HEADER + 2u * DS_CONN_RECORD);
	/* Twice: as much as is waiting may have been written and not been compacted away. */
	ds_buf_init(&c->out, 2 * limits->out_max);
	ds_conn_name_peer(c);
	/* We coalesce ourselves. Not TCP: it does not matter. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind_to(c, base) < 0) {
		ds_conn_free(c);
		return NULL;
	}
	if (is_server)
		set_timer(c, c->start_ms + limits->handshake_ms);
	else
		wake(c);
	return c;
}

void
ds_conn_free(struct ds_conn *c)
{
	if (c == NULL)
		return;
	if (c->turn != NULL)
		c->turn->gone = true;
	shut(c);
	free(c);
}

void
ds_conn_detach(struct ds_conn *c)
{
	if (c->turn != NULL)
		c->turn->gone = true;
	c->turn = NULL;
	release(c);
}

int
ds_conn_attach(struct ds_conn *c, struct event_base *base, const struct ds_conn_ops *ops, void *ctx)
{
	int r;

	if (c->state == CONN_CLOSED)
		return -ENOTCONN;
	c->ops = ops;
	c->ctx = ctx;
	r = bind_to(c, base);
	if (r == 0)
		wake(c); /* frames may be waiting in our buffers, and bytes to be written */
	return r;
}

int
ds_conn_send(struct ds_conn *c, uint8_t type, uint8_t flags, const void *payload, size_t size)
{
	size_t pending = ds_conn_pending(c), whole = size + DS_FRAME_HEADER;
	int r;

	if (c->state != CONN_OPEN)
		return -ENOTCONN;
	if (size > DS_FRAME_PAYLOAD_MAX || whole > c->limits->out_max)
		return -EMSGSIZE;
	if (whole > c->limits->out_max - pending) {
		c->refused = true;
		return -EAGAIN;
	}
	if (c->out.pos >= pending)
		ds_buf_compact(&c->out); /* moves less than was written since the last time */
	r = ds_frame_put(&c->out, type, flags, payload, size);
	if (r < 0)
		return r;
	if (pending == 0) {
		c->write_ms = ds_clock_monotonic_ms();
		wake(c);
	}
	return 0;
}

void
ds_conn_finish(struct ds_conn *c)
{
	if (c->state != CONN_HANDSHAKE && c->state != CONN_OPEN)
		return;
	c->state = CONN_FINISHING;
	wake(c);
}

void
ds_conn_pause(struct ds_conn *c)
{
	c->paused = true;
	if (c->on_read != NULL && c->turn == NULL)
		(void)event_del(c->on_read);
}

void
ds_conn_resume(struct ds_conn *c)
{
	if (!c->paused)
		return;
	c->paused = false;
	/* The time of the pause is ours, not the peer's. */
	c->read_ms = ds_clock_monotonic_ms();
	if (c->frame_ms > 0)
		c->frame_ms = c->read_ms;
	wake(c);
}

size_t
ds_conn_pending(const struct ds_conn *c)
{
	return ds_buf_left(&c->out);
}

unsigned char *
ds_conn_peer_cert(const struct ds_conn *c, size_t *ret_size)
{
	X509 *cert = c->ssl ? SSL_get1_peer_certificate(c->ssl) : NULL;
	unsigned char *der = NULL;
	int len = cert ? i2d_X509(cert, &der) : -1;

	X509_free(cert);
	if (len < 0)
		return NULL;
	*ret_size = (size_t)len;
	return der;
}

const char *
ds_conn_peer_name(const struct ds_conn *c)
{
	return c->peer;
}

uint64_t
ds_conn_bytes_in(const struct ds_conn *c)
{
	return c->bytes_in;
}

uint64_t
ds_conn_bytes_out(const struct ds_conn *c)
{
	return c->bytes_out;
}
