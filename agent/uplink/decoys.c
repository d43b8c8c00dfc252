/* SPDX-License-Identifier: GPL-2.0-or-later */
/* decoys - see decoys.h; called by main.c. */
#include "agent/uplink/decoys.h"
#include "agent/uplink/decoy_talk.h"
#include "agent/uplink/exporter.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VISIT_MS 15000u
#define OUT_MAX  2048u

#define DECOY_NAME_MAX 32u /* "postgresql/decoy" */

struct listener {
	struct decoys *decoys;
	const struct decoy_service *service;
	unsigned port;
	int fd;
	struct event *readable;
};

struct visit {
	struct listener *at; /* NULL: free */
	int fd;
	struct event *readable;
	uint64_t until_ms;
	uint8_t address[16], address_size;
	unsigned port;
	struct decoy_talk talk;
};

struct decoys {
	struct listener listeners[DECOYS_LISTEN_MAX];
	size_t len;
	struct visit visits[DECOYS_OPEN_MAX];
	struct event *tick;
	uint64_t second, events; /* told within this second */
	uint64_t turned_away;
	void (*event)(const struct ds_event *ev, void *ctx);
	void (*lost)(uint64_t visitors, void *ctx);
	void *ctx;
};

int
decoys_parse(const char *text, const struct decoy_service **ret, unsigned *ret_port)
{
	size_t len = strcspn(text, ":");
	char *end = NULL;
	unsigned long port;

	*ret = decoy_service_find(text, len);
	if (*ret == NULL)
		return -EINVAL;
	if (text[len] == '\0') {
		*ret_port = decoy_service_port(*ret);
		return 0;
	}
	port = strtoul(text + len + 1, &end, 10);
	if (end == text + len + 1 || *end != '\0' || port == 0 || port > 65535)
		return -EINVAL;
	*ret_port = (unsigned)port;
	return 0;
}

static void
open_one(struct decoys *d, const char *address, const char *text)
{
	struct listener *l = &d->listeners[d->len];
	char names[120];

	if (d->len == DECOYS_LISTEN_MAX || decoys_parse(text, &l->service, &l->port) < 0) {
		decoy_service_names(names, sizeof(names));
		ds_log(ERROR, "this decoy is left out: say SERVICE or SERVICE:PORT",
		    "decoy=\"%s\" services=\"%s\" most=%u", text, names, DECOYS_LISTEN_MAX);
		return;
	}
	l->fd = exporter_listen(address, l->port);
	if (l->fd < 0) {
		ds_log(ERROR, "this decoy is left out: its port cannot be listened on",
		    "decoy=\"%s\" address=%s port=%u error=\"%s\"", text, address, l->port,
		    strerror(-l->fd));
		return;
	}
	l->decoys = d;
	d->len++;
}

struct decoys *
decoys_open(const struct agent_config *cfg)
{
	struct decoys *d = cfg->decoys.len > 0 ? calloc(1, sizeof(*d)) : NULL;

	if (d == NULL)
		return NULL;
	for (size_t i = 0; i < DECOYS_OPEN_MAX; i++)
		d->visits[i].fd = -1;
	for (size_t i = 0; i < cfg->decoys.len; i++)
		open_one(d, cfg->decoys_address, cfg->decoys.items[i]);
	if (d->len > 0)
		return d;
	decoys_free(d);
	return NULL;
}

/* ---- what is told */

static void
set_text(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	if (text[0] != '\0')
		ds_event_set_str(ev, field, text, strlen(text));
}

/* False: there are too many; what is not told is counted. */
static bool
tell(struct decoys *d, struct visit *v)
{
	struct ds_event ev = { .kind = DS_EVENT_DECOY, .time_us = ds_clock_wall_us(), .count = 1 };
	uint64_t second = ds_clock_monotonic_ms() / 1000;
	char name[DECOY_NAME_MAX];

	if (second != d->second)
		d->events = 0;
	d->second = second;
	if (++d->events > DECOYS_EVENTS_MAX) {
		d->turned_away++;
		return false;
	}
	ev.daemon = (struct ds_str){ name, (uint32_t)snprintf(name, sizeof(name), "%s/decoy",
					       decoy_service_name(v->at->service)) };
	ev.num[DS_NUM_SPORT] = v->port;
	ev.num[DS_NUM_DPORT] = v->at->port;
	ev.num[DS_NUM_PROTO] = IPPROTO_TCP;
	ds_event_set_str(&ev, DS_STR_SADDR, v->address, v->address_size);
	set_text(&ev, DS_STR_METHOD, decoy_service_name(v->at->service));
	set_text(&ev, DS_STR_USER, v->talk.user);
	set_text(&ev, DS_STR_MESSAGE, v->talk.said);
	d->event(&ev, d->ctx);
	decoy_talk_told(&v->talk);
	return true;
}

/* ---- visits */

static void
leave(struct visit *v)
{
	if (v->readable != NULL)
		event_free(v->readable);
	decoy_talk_done(&v->talk);
	if (v->fd >= 0)
		(void)close(v->fd); /* nothing is owed to a visitor */
	v->readable = NULL;
	v->fd = -1;
	v->at = NULL;
}

/* What does not fit into the socket's buffer is not said: a visitor who does not read gets less. */
static void
say(const struct visit *v, const struct ds_buf *out)
{
	if (out->len > 0 && send(v->fd, out->data, out->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		errno = 0; /* he has gone: reading says so */
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct visit *v = ctx;
	struct decoys *d = v->at->decoys;
	uint8_t data[DECOY_IN_MAX];
	struct ds_buf out;
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
	int r;

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		leave(v);
		return;
	}
	ds_buf_init(&out, OUT_MAX);
	r = decoy_talk_take(&v->talk, data, (size_t)n, &out);
	say(v, &out);
	ds_buf_done(&out);
	if (v->talk.has_news && !tell(d, v))
		v->talk.is_over = true;
	if (r < 0 || v->talk.is_over)
		leave(v);
}

/* An address of version 4 that came through a socket of version 6 is one of version 4. */
static void
take_address(struct visit *v, const struct sockaddr_storage *from)
{
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;
	const uint8_t *bytes = (const uint8_t *)&in->sin_addr;

	v->address_size = 4;
	v->port = ntohs(in->sin_port);
	if (from->ss_family == AF_INET6) {
		v->port = ntohs(in6->sin6_port);
		bytes = in6->sin6_addr.s6_addr;
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			bytes += 12;
		else
			v->address_size = 16;
	}
	memcpy(v->address, bytes, v->address_size);
}

static int
receive(struct visit *v, struct event_base *base)
{
	struct ds_buf out;
	int r;

	ds_buf_init(&out, OUT_MAX);
	r = decoy_talk_begin(&v->talk, v->at->service, &out);
	say(v, &out);
	ds_buf_done(&out);
	v->until_ms = ds_clock_monotonic_ms() + VISIT_MS;
	v->readable = event_new(base, v->fd, EV_READ | EV_PERSIST, on_readable, v);
	if (r < 0 || v->readable == NULL || event_add(v->readable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static void
on_visitor(evutil_socket_t fd, short what, void *ctx)
{
	struct listener *l = ctx;
	struct decoys *d = l->decoys;
	struct sockaddr_storage from = { 0 };
	socklen_t size = sizeof(from);
	struct visit *v = NULL;
	int s = accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (s < 0)
		return; /* he has gone, or there are no descriptors: the next one is told */
	for (size_t i = 0; i < DECOYS_OPEN_MAX && v == NULL; i++)
		if (d->visits[i].at == NULL)
			v = &d->visits[i];
	if (v == NULL) {
		d->turned_away++;
		(void)close(s); /* as above */
		return;
	}
	v->at = l;
	v->fd = s;
	take_address(v, &from);
	v->talk = (struct decoy_talk){ 0 };
	if (!tell(d, v) || receive(v, event_get_base(l->readable)) < 0)
		leave(v);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct decoys *d = ctx;
	uint64_t now_ms = ds_clock_monotonic_ms();

	(void)fd;
	(void)what;
	for (size_t i = 0; i < DECOYS_OPEN_MAX; i++)
		if (d->visits[i].at != NULL && now_ms >= d->visits[i].until_ms)
			leave(&d->visits[i]);
	if (d->turned_away > 0)
		d->lost(d->turned_away, d->ctx);
	d->turned_away = 0;
}

int
decoys_start(struct decoys *d, struct event_base *base,
    void (*event)(const struct ds_event *ev, void *ctx), void (*lost)(uint64_t visitors, void *ctx),
    void *ctx)
{
	const struct timeval second = { 1, 0 };

	d->event = event;
	d->lost = lost;
	d->ctx = ctx;
	d->tick = event_new(base, -1, EV_PERSIST, on_tick, d);
	if (d->tick == NULL || event_add(d->tick, &second) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < d->len; i++) {
		struct listener *l = &d->listeners[i];

		l->readable = event_new(base, l->fd, EV_READ | EV_PERSIST, on_visitor, l);
		if (l->readable == NULL || event_add(l->readable, NULL) < 0)
			return -ENOMEM;
		ds_log(INFO, "a decoy listens", "service=%s port=%u",
		    decoy_service_name(l->service), l->port);
	}
	return 0;
}

void
decoys_free(struct decoys *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < DECOYS_OPEN_MAX; i++)
		leave(&d->visits[i]);
	for (size_t i = 0; i < d->len; i++) {
		if (d->listeners[i].readable != NULL)
			event_free(d->listeners[i].readable);
		(void)close(d->listeners[i].fd); /* only listened */
	}
	if (d->tick != NULL)
		event_free(d->tick);
	free(d);
}
