/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listener - accepts connections for a worker, and keeps those that never say who they are from
 * hurting the others.
 *
 * On the worker's thread.  Each worker has a socket of its own on the same port (SO_REUSEPORT).  A
 * connection is pending until its certificate is known (or its enrolment is done); pending ones are
 * limited for each address, so that one address cannot take all places, and in all: then the oldest
 * makes room once it has had its time.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "server/ingest/worker.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG     1024
#define ACCEPT_MAX  64 /* in one turn */
#define DEFER_S     5  /* the kernel keeps connections to itself until they say something */
#define NO_FILES_MS 200

/* "host:port", "[v6]:port" -> host and port texts. */
static int
split_address(const char *address, char *host, size_t host_size, const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t len;

	if (!colon)
		return -EINVAL;
	*ret_port = colon + 1;
	len = (size_t)(colon - address);
	if (len > 1 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	}
	if (len >= host_size)
		return -EINVAL;
	memcpy(host, address, len);
	host[len] = '\0';
	return 0;
}

static int
open_socket(const struct addrinfo *ai, uint16_t port)
{
	struct sockaddr_storage address = { 0 };
	const int on = 1, defer = DEFER_S;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	memcpy(&address, ai->ai_addr, ai->ai_addrlen);
	if (port && ai->ai_family == AF_INET)
		((struct sockaddr_in *)&address)->sin_port = htons(port);
	if (port && ai->ai_family == AF_INET6)
		((struct sockaddr_in6 *)&address)->sin6_port = htons(port);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)&address, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

int
listener_open(
    const char *address, uint16_t port, uint16_t *ret_port, char *ret_why, size_t why_size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	const char *service;
	char host[256];
	int r = split_address(address, host, sizeof(host), &service), fd;

	if (r < 0 || getaddrinfo(host[0] ? host : NULL, service, &hints, &list) != 0) {
		snprintf(
		    ret_why, why_size, "cannot listen on \"%s\": not an address:port", address);
		return -EINVAL;
	}
	fd = open_socket(list, port);
	freeaddrinfo(list);
	if (fd < 0) {
		snprintf(ret_why, why_size, "cannot listen on %s: %s", address, strerror(-fd));
		return fd;
	}
	*ret_port = port_of(fd);
	return fd;
}

/* IPv6 peers own their /64. */
static uint64_t
key_of(const struct sockaddr_storage *address)
{
	uint64_t key = 0;

	if (address->ss_family == AF_INET6)
		memcpy(&key, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof(key));
	else
		key = ((const struct sockaddr_in *)address)->sin_addr.s_addr;
	return key;
}

static uintptr_t
pending_of(struct worker *w, uint64_t key)
{
	return (uintptr_t)ds_map_get(w->pending, &key, sizeof(key));
}

void
listener_settled(struct session *s)
{
	struct worker *w = s->worker;
	uintptr_t n;

	if (!s->pending)
		return;
	s->pending = false;
	w->pending_len--;
	n = pending_of(w, s->address_key);
	if (n <= 1)
		(void)ds_map_remove(w->pending, &s->address_key, sizeof(s->address_key));
	else if (ds_map_put(w->pending, &s->address_key, sizeof(s->address_key), (void *)(n - 1),
		     NULL) < 0)
		ds_log(DEBUG, "a counter could not be lowered", "%s", "");
}

static bool
evict_oldest(struct worker *w)
{
	struct session *oldest = NULL;

	for (struct session *s = w->sessions; s; s = s->next)
		if (s->pending && (!oldest || s->start_ms < oldest->start_ms))
			oldest = s;
	if (!oldest || ds_clock_monotonic_ms() - oldest->start_ms < PENDING_EVICT_MS)
		return false;
	session_free(oldest);
	return true;
}

static bool
has_room(struct worker *w, uint64_t key)
{
	if (pending_of(w, key) >= w->pending_max / 2)
		return false;
	return w->pending_len < w->pending_max || evict_oldest(w);
}

static void
refuse(struct worker *w, int fd)
{
	static struct ds_log_rate rate;

	w->ingest->refused++;
	if (ds_log_pass(&rate, 3))
		ds_log(WARN,
		    "too many connections that have not identified themselves, refusing one",
		    "worker=%u pending=%zu", w->index, w->pending_len);
	close(fd);
}

static void
take_connection(struct worker *w, int fd, const struct sockaddr_storage *address)
{
	uint64_t key = key_of(address);
	struct session *s;

	if (!has_room(w, key)) {
		refuse(w, fd);
		return;
	}
	s = session_new(w, fd, key);
	if (!s)
		return;
	w->ingest->accepted++;
	if (ds_map_put(w->pending, &key, sizeof(key), (void *)(pending_of(w, key) + 1), NULL) ==
	    0) {
		s->pending = true;
		w->pending_len++;
	}
}

static void
on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	static const struct timeval later = { .tv_usec = NO_FILES_MS * 1000 };
	struct worker *w = arg;

	(void)what;
	for (unsigned i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage address = { 0 };
		socklen_t len = sizeof(address);
		int fd = accept4(
		    listen_fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take_connection(w, fd, &address);
			continue;
		}
		/* Out of descriptors or memory: not again at once, the socket stays readable. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			static struct ds_log_rate rate;

			if (ds_log_pass(&rate, 2))
				ds_log(ERROR, "no more connections can be taken for now",
				    "why=\"%s\"", strerror(errno));
			event_del(w->on_accept);
			event_add(w->on_accept_later, &later);
			return;
		}
		if (errno == EAGAIN)
			return;
	}
}

static void
on_accept_later(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	event_add(w->on_accept, NULL);
}

int
listener_start(struct worker *w)
{
	w->on_accept = event_new(w->base, w->listen_fd, EV_READ | EV_PERSIST, on_accept, w);
	w->on_accept_later = event_new(w->base, -1, 0, on_accept_later, w);
	if (!w->on_accept || !w->on_accept_later || event_add(w->on_accept, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void
listener_stop(struct worker *w)
{
	if (w->on_accept)
		event_free(w->on_accept);
	if (w->on_accept_later)
		event_free(w->on_accept_later);
	w->on_accept = w->on_accept_later = NULL;
	if (w->listen_fd >= 0)
		close(w->listen_fd);
	w->listen_fd = -1;
}
