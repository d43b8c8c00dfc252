/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/dial.h"
#include "agent/uplink/resolve.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dial {
	struct event_base *base;
	struct ds_tls *tls;
	const struct ds_conn_limits *limits;
	void (*done)(struct ds_conn *conn, const char *why, void *ctx);
	void *ctx;
	struct resolve *resolve;
	struct ds_conn *conn; /* being tried */
	struct resolve_answer answer;
	size_t next; /* address to try */
	char why[400];
};

static void
finish(struct dial *d, struct ds_conn *conn)
{
	void (*done)(struct ds_conn *, const char *, void *) = d->done;
	void *ctx = d->ctx;
	char why[sizeof(d->why)];

	memcpy(why, d->why, sizeof(why));
	d->conn = NULL;
	dial_cancel(d);
	done(conn, why, ctx);
}

static int
on_ready(struct ds_conn *c, void *ctx)
{
	ds_conn_detach(c);
	finish(ctx, c);
	return 0;
}

static int
on_frame(struct ds_conn *c, const struct ds_frame *f, void *ctx)
{
	(void)c;
	(void)f;
	(void)ctx;
	return -EPROTO; /* cannot be: ready has handed the connection over */
}

static void try_next(struct dial *d);

static void
on_closed(struct ds_conn *c, const struct ds_conn_end *end, void *ctx)
{
	struct dial *d = ctx;

	snprintf(d->why, sizeof(d->why), "%s%s%s", ds_conn_peer_name(c),
	    ds_conn_peer_name(c)[0] ? ": " : "", end->text);
	ds_conn_free(c);
	d->conn = NULL;
	try_next(d);
}

static const struct ds_conn_ops ops = { on_ready, on_frame, NULL, on_closed };

/* Starts to connect: a descriptor, or -errno. */
static int
connect_to(const struct sockaddr_storage *sa, socklen_t size)
{
	int fd = socket(sa->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sa, size) == 0 || errno == EINPROGRESS)
		return fd;
	saved = errno;
	close(fd);
	return -saved;
}

static void
try_next(struct dial *d)
{
	while (d->conn == NULL && d->next < d->answer.len) {
		size_t i = d->next++;
		int fd = connect_to(&d->answer.addresses[i].sa, d->answer.addresses[i].size);

		if (fd < 0)
			snprintf(d->why, sizeof(d->why), "%s", strerror(-fd));
		else
			d->conn = ds_conn_new(d->base, d->tls, false, fd, &ops, d->limits, d);
	}
	if (d->conn == NULL)
		finish(d, NULL);
}

static void
on_resolved(const struct resolve_answer *answer, void *ctx)
{
	struct dial *d = ctx;

	d->resolve = NULL;
	d->answer = *answer;
	memcpy(d->why, answer->why, sizeof(answer->why));
	try_next(d);
}

struct dial *
dial_start(struct event_base *base, const char *list, struct ds_tls *tls,
    const struct ds_conn_limits *limits,
    void (*done)(struct ds_conn *conn, const char *why, void *ctx), void *ctx)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	*d = (struct dial){ .base = base, .tls = tls, .limits = limits, .done = done, .ctx = ctx };
	d->resolve = resolve_start(base, list, on_resolved, d);
	if (d->resolve == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

void
dial_cancel(struct dial *d)
{
	if (d == NULL)
		return;
	resolve_cancel(d->resolve);
	ds_conn_free(d->conn);
	free(d);
}
