/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/resolve.h"
#include "lib/mailbox.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the thread and the loop share; the last of them frees it. */
struct channel {
	atomic_uint holders;
	struct ds_mailbox *mailbox;
};

/* Belongs to the thread until it comes back by mail. */
struct job {
	struct ds_mail mail;
	struct channel *channel;
	char list[512];
	int flags; /* of getaddrinfo */
	struct resolve_answer answer;
};

struct resolve {
	struct channel *channel;
	struct event *mail;
	void (*done)(const struct resolve_answer *answer, void *ctx);
	void *ctx;
};

static void
channel_release(struct channel *ch)
{
	struct ds_mail *m;

	if (ch == NULL || atomic_fetch_sub(&ch->holders, 1) > 1)
		return;
	m = ds_mailbox_take(ch->mailbox);
	if (m != NULL)
		free(DS_CONTAINER(m, struct job, mail));
	ds_mailbox_free(ch->mailbox);
	free(ch);
}

static int
copy(const char *from, size_t len, char *ret, size_t size)
{
	if (len == 0 || len >= size)
		return -EINVAL;
	memcpy(ret, from, len);
	ret[len] = '\0';
	return 1;
}

int
resolve_next(const char **list, char *ret_host, size_t host_size, char *ret_port, size_t port_size)
{
	const char *p = *list + strspn(*list, ", \t"), *end, *colon;
	size_t len = strcspn(p, ", \t");
	int r;

	*list = p + len;
	if (len == 0)
		return 0;
	snprintf(ret_port, port_size, "%s", RESOLVE_PORT);
	if (*p == '[') {
		end = memchr(p, ']', len);
		if (end == NULL || (end + 1 < p + len && end[1] != ':'))
			return -EINVAL;
		r = copy(p + 1, (size_t)(end - p - 1), ret_host, host_size);
		colon = end + 1 < p + len ? end + 1 : NULL;
	} else {
		colon = memchr(p, ':', len);
		if (colon != NULL && memchr(colon + 1, ':', (size_t)(p + len - colon - 1)) != NULL)
			colon = NULL; /* an IPv6 address without brackets has no port */
		r = copy(p, colon ? (size_t)(colon - p) : len, ret_host, host_size);
	}
	if (r < 0 || colon == NULL)
		return r;
	return copy(colon + 1, (size_t)(p + len - colon - 1), ret_port, port_size);
}

static void
look_up_host(struct job *j, const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = j->flags };
	struct resolve_answer *a = &j->answer;
	struct addrinfo *found = NULL;
	int r = getaddrinfo(host, port, &hints, &found);

	if (r != 0) {
		snprintf(a->why, sizeof(a->why), "%.100s: %s", host,
		    r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
		return;
	}
	for (struct addrinfo *ai = found; ai != NULL && a->len < RESOLVE_MAX; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(a->addresses[0].sa))
			continue;
		memcpy(&a->addresses[a->len].sa, ai->ai_addr, ai->ai_addrlen);
		a->addresses[a->len++].size = ai->ai_addrlen;
	}
	freeaddrinfo(found);
}

static void
look_up(struct job *j)
{
	const char *list = j->list;
	char host[256], port[16];
	int r;

	while ((r = resolve_next(&list, host, sizeof(host), port, sizeof(port))) != 0) {
		if (r < 0)
			snprintf(j->answer.why, sizeof(j->answer.why), "not an address: %.100s",
			    j->list);
		else
			look_up_host(j, host, port);
	}
	if (j->answer.len == 0 && j->answer.why[0] == '\0')
		snprintf(j->answer.why, sizeof(j->answer.why), "no address is configured");
}

static void *
thread_main(void *arg)
{
	struct job *j = arg;
	struct channel *ch = j->channel;

	look_up(j);
	if (ds_mailbox_put(ch->mailbox, &j->mail) < 0)
		free(j); /* cannot be: it holds one, and this is it */
	channel_release(ch);
	return NULL;
}

static int
start_thread(struct job *j)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	atomic_fetch_add(&j->channel->holders, 1);
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256u << 10);
	pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are the loop's */
	r = pthread_create(&thread, &attr, thread_main, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (r != 0)
		atomic_fetch_sub(&j->channel->holders, 1);
	return -r;
}

static void
on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *r = arg;
	void (*done)(const struct resolve_answer *, void *) = r->done;
	void *ctx = r->ctx;
	struct ds_mail *m = ds_mailbox_take(r->channel->mailbox);
	struct job *j;

	(void)fd;
	(void)what;
	if (m == NULL)
		return;
	j = DS_CONTAINER(m, struct job, mail);
	resolve_cancel(r);
	done(&j->answer, ctx);
	free(j);
}

static struct channel *
channel_new(void)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	if (ch == NULL)
		return NULL;
	atomic_init(&ch->holders, 1);
	ch->mailbox = ds_mailbox_new(1);
	if (ch->mailbox == NULL) {
		free(ch);
		return NULL;
	}
	return ch;
}

/* Literal addresses are looked up here and now, names on the thread. */
static int
run_job(struct job *j)
{
	j->flags = AI_NUMERICHOST | AI_NUMERICSERV;
	look_up(j);
	if (j->answer.why[0] == '\0')
		return ds_mailbox_put(j->channel->mailbox, &j->mail);
	j->flags = 0;
	j->answer = (struct resolve_answer){ 0 };
	return start_thread(j);
}

struct resolve *
resolve_start(struct event_base *base, const char *list,
    void (*done)(const struct resolve_answer *answer, void *ctx), void *ctx)
{
	struct resolve *r = calloc(1, sizeof(*r));
	struct job *j = calloc(1, sizeof(*j));

	if (r == NULL || j == NULL)
		goto fail;
	r->done = done;
	r->ctx = ctx;
	r->channel = j->channel = channel_new();
	if (r->channel == NULL)
		goto fail;
	snprintf(j->list, sizeof(j->list), "%s", list);
	r->mail = event_new(base, ds_mailbox_fd(r->channel->mailbox), EV_READ, on_mail, r);
	if (r->mail == NULL || event_add(r->mail, NULL) < 0 || run_job(j) < 0)
		goto fail;
	return r;

fail:
	free(j);
	resolve_cancel(r);
	return NULL;
}

void
resolve_cancel(struct resolve *r)
{
	if (r == NULL)
		return;
	if (r->mail != NULL)
		event_free(r->mail);
	channel_release(r->channel);
	free(r);
}
