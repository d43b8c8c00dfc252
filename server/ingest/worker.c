/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker - one thread of ingest: an event loop with a listener, sessions and a detector.
 *
 * Everything of a host happens on one worker, so nothing here is locked.  Other threads reach it
 * through its mailbox; what they may know of its sessions is published once a second.
 */
#include "server/ingest/worker.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "lib/zip.h"
#include "server/ingest/copy.h"
#include "server/ingest/enrol.h"
#include "server/ingest/trust.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX (1u << 20)

struct worker *
worker_of(struct ingest *in, uint32_t host)
{
	return &in->workers[host % in->workers_len];
}

int
worker_tell(struct worker *w, struct worker_mail *m)
{
	return ds_mailbox_put(w->mailbox, &m->mail);
}

int
worker_load_tls(struct worker *w, char *ret_why, size_t why_size)
{
	struct pki *pki = w->pki;
	struct ds_tls *tls = ds_tls_server_new(
	    pki_server_file(pki), pki_server_file(pki), pki_trust_file(pki), ret_why, why_size);

	if (!tls)
		return -EINVAL;
	ds_tls_free(w->tls);
	w->tls = tls;
	return 0;
}

static struct host_state *
host_of_number(struct worker *w, uint32_t number)
{
	return ds_map_get(w->hosts, &number, sizeof(number));
}

static void
check_hosts(struct worker *w, const uint8_t id[DS_HOST_ID_SIZE])
{
	for (struct session *s = w->sessions, *next; s; s = next) {
		next = s->next;
		if (memcmp(s->info.host_id, id, sizeof(s->info.host_id)) == 0 &&
		    s->state != SESSION_ENROLLING && s->state != SESSION_HANDSHAKE)
			session_check_host(s);
	}
}

static void
forget(struct worker *w, uint32_t number, const char *daemon)
{
	struct host_state *h = host_of_number(w, number);

	if (!h)
		return;
	detect_forget(w->detect, number, daemon[0] ? daemon : NULL);
	if (host_restore(w, h) < 0)
		ds_log(ERROR, "what was learnt of a host cannot be read again", "host=\"%s\"",
		    h->name);
}

/* Without a session it is lost here: the outbox sends it again when there is one. */
static void
send_order(struct worker *w, const struct worker_mail *m)
{
	struct host_state *h = host_of_number(w, m->host);

	if (h && h->session)
		session_order(h->session, m->data, m->size);
}

static void
read_mail(struct worker *w, struct worker_mail *m)
{
	switch (m->kind) {
	case MAIL_ADOPT:
		session_adopt(w, m->session);
		break;
	case MAIL_DELIVERED:
		deliver_done(w, m->delivery);
		break;
	case MAIL_ENROLLED:
		enrol_done(w, m->enrolment);
		break;
	case MAIL_HOST:
		check_hosts(w, m->host_id);
		break;
	case MAIL_FORGET:
		forget(w, m->host, m->daemon);
		break;
	case MAIL_DETECT:
		detect_configure(w->detect, &m->detect);
		break;
	case MAIL_ORDER:
		send_order(w, m);
		break;
	case MAIL_TLS:
		trust_reload(w);
		break;
	case MAIL_ROTATE:
		trust_rotate(w, m->is_forced);
		break;
	case MAIL_STOP:
		event_base_loopbreak(w->base);
		break;
	}
}

static void
on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct ds_mail *m = ds_mailbox_take(w->mailbox), *next;

	(void)fd;
	(void)what;
	for (; m; m = next) {
		struct worker_mail *mail = DS_CONTAINER(m, struct worker_mail, mail);
		bool is_owned = mail->is_owned;

		next = m->next;
		read_mail(w, mail); /* frees what mail is part of */
		if (is_owned)
			free(mail);
	}
	deliver_acks(w);
}

static int
by_host(const void *a, const void *b)
{
	const struct session_info *x = a, *y = b;

	return (x->host > y->host) - (x->host < y->host);
}

static void
publish(struct worker *w)
{
	struct session_list *list =
	    malloc(sizeof(*list) + w->sessions_len * sizeof(list->items[0]));
	size_t len = 0;

	if (!list)
		return;
	for (struct session *s = w->sessions; s; s = s->next) {
		if (s->state != SESSION_OPEN || !s->host)
			continue;
		s->info.bytes_in = ds_conn_bytes_in(s->conn);
		s->info.bytes_out = ds_conn_bytes_out(s->conn);
		list->items[len++] = s->info;
	}
	list->len = len;
	if (len > 1)
		qsort(list->items, len, sizeof(list->items[0]), by_host);
	detect_get_state(w->detect, &list->detection);
	if (ds_snapshot_publish(w->published, list) < 0)
		free(list);
}

static void
end_stale(struct worker *w)
{
	uint64_t now = ds_clock_monotonic_ms();

	for (struct session *s = w->sessions, *next; s; s = next) {
		next = s->next;
		if (s->state == SESSION_ENROLLING && now - s->start_ms > ENROL_MS && !s->enrolment)
			session_free(s);
	}
}

void
worker_tell_tls(struct ingest *in)
{
	for (unsigned i = 0; i < in->workers_len; i++) {
		struct worker_mail *m = calloc(1, sizeof(*m));

		if (!m)
			return;
		*m = (struct worker_mail){ .kind = MAIL_TLS, .is_owned = true };
		if (worker_tell(&in->workers[i], m) < 0)
			free(m);
	}
}

/* The first worker looks after the server's certificate. */
static void
refresh_pki(struct worker *w)
{
	int r = pki_refresh(w->pki, ds_clock_wall_us());

	if (r < 0)
		ds_log(ERROR, "the server's certificate cannot be renewed", "why=\"%s\"",
		    strerror(-r));
	if (r > 0)
		worker_tell_tls(w->ingest);
}

/* Who comes and goes is forgotten when it is not seen for an hour. */
static void
see_ephemeral(struct worker *w)
{
	for (struct session *s = w->sessions; s; s = s->next)
		if (s->state == SESSION_OPEN && s->host && s->host->is_ephemeral)
			enrol_update_host(s, NULL);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	w->ticks++;
	end_stale(w);
	copy_tick(w, ds_clock_monotonic_ms());
	deliver_tick(w);
	publish(w);
	if (w->ticks % 600 == 1)
		see_ephemeral(w);
	if (w->index == 0)
		trust_tick(w);
	if (w->index == 0 && w->ticks % 3600 == 1)
		refresh_pki(w);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	deliver_retry(arg);
}

static void
say_goodbye(struct worker *w)
{
	for (struct session *s = w->sessions; s; s = s->next)
		session_fail(s, DS_WIRE_SHUTDOWN, 1, "the server stops");
	/* One turn writes what the sockets take at once; nobody is waited for. */
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	while (w->sessions)
		session_free(w->sessions);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;

	event_base_dispatch(w->base);
	listener_stop(w);
	say_goodbye(w);
	ds_zip_thread_done();
	OPENSSL_thread_stop();
	return NULL;
}

static int
make_parts(struct worker *w)
{
	const struct ingest_config *cfg = &w->ingest->cfg;
	int r;

	w->base = event_base_new();
	w->mailbox = ds_mailbox_new(MAILBOX_MAX);
	w->published = ds_snapshot_new(free);
	w->pending_max = DS_MAX(PENDING_MAX / DS_MAX(cfg->workers, 1u), PENDING_MIN);
	w->pending = ds_map_new(w->pending_max * 2);
	w->hosts = ds_map_new(HOSTS_MAX);
	w->batch = ds_batch_new();
	w->detect = detect_new(&cfg->detect);
	ds_buf_init(&w->out, OUT_MAX);
	if (!w->base || !w->mailbox || !w->published || !w->pending || !w->hosts || !w->batch ||
	    !w->detect)
		return -ENOMEM;
	r = cfg->backend->reader_open(cfg->store, &w->reader);
	return r < 0 ? r : worker_restore_models(w);
}

static int
add_events(struct worker *w)
{
	static const struct timeval second = { .tv_sec = TICK_MS / 1000 };

	w->on_mail =
	    event_new(w->base, ds_mailbox_fd(w->mailbox), EV_READ | EV_PERSIST, on_mail, w);
	w->on_tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
	w->on_retry = event_new(w->base, -1, 0, on_retry, w);
	if (!w->on_mail || !w->on_tick || !w->on_retry || event_add(w->on_mail, NULL) < 0 ||
	    event_add(w->on_tick, &second) < 0)
		return -ENOMEM;
	return listener_start(w);
}

static void
worker_done(struct worker *w)
{
	struct event *events[] = { w->on_mail, w->on_tick, w->on_retry };

	listener_stop(w);
	for (size_t i = 0; i < DS_LEN(events); i++)
		if (events[i])
			event_free(events[i]);
	deliver_drop_all(w);
	detect_free(w->detect);
	if (w->reader)
		w->ingest->cfg.backend->reader_close(w->reader);
	ds_batch_free(w->batch);
	ds_buf_done(&w->out);
	ds_map_free(w->hosts, host_free);
	ds_map_free(w->pending, NULL);
	ds_snapshot_free(w->published);
	ds_mailbox_free(w->mailbox);
	if (w->base)
		event_base_free(w->base);
	ds_tls_free(w->tls);
	pki_free(w->pki);
	*w = (struct worker){ .listen_fd = -1 };
}

int
worker_prepare(struct worker *w, struct ingest *in, unsigned index, int listen_fd, char *ret_why,
    size_t why_size)
{
	int r;

	w->ingest = in;
	w->index = index;
	w->listen_fd = listen_fd;
	snprintf(ret_why, why_size, "no memory");
	r = make_parts(w);
	w->pki = r == 0 ? pki_again(in->pki, ret_why, why_size) : NULL;
	if (r == 0)
		r = w->pki ? worker_load_tls(w, ret_why, why_size) : -EIO;
	if (r == 0)
		r = add_events(w);
	if (r < 0)
		worker_done(w);
	return r;
}

int
worker_run(struct worker *w)
{
	int r = pthread_create(&w->thread, NULL, worker_main, w);

	w->is_running = r == 0;
	return -r;
}

/* Mail that came after the end: only what carries memory matters. */
static void
discard_mail(struct worker *w)
{
	struct ds_mail *m = ds_mailbox_take(w->mailbox), *next;

	for (; m; m = next) {
		struct worker_mail *mail = DS_CONTAINER(m, struct worker_mail, mail);
		bool is_owned = mail->is_owned;

		next = m->next;
		if (mail->kind == MAIL_DELIVERED || mail->kind == MAIL_ENROLLED)
			read_mail(w, mail);
		if (mail->kind == MAIL_ADOPT && is_owned)
			session_discard(mail->session);
		if (is_owned)
			free(mail);
	}
}

void
worker_join(struct worker *w)
{
	struct worker_mail stop = { .kind = MAIL_STOP };

	if (!w->is_running)
		return;
	if (worker_tell(w, &stop) < 0)
		event_base_loopbreak(w->base); /* it has mail, so it wakes up */
	pthread_join(w->thread, NULL);
	w->is_running = false;
}

void
worker_end(struct worker *w)
{
	discard_mail(w);
	worker_done(w);
}
