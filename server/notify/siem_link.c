/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_link - see siem_link.h; called by siem.c. */
#include "server/notify/siem_link.h"

#include "lib/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATAGRAM_MAX 8192u /* bytes; what is longer is cut (RFC 5426, 3.2) */
#define VERDICT_MS   500
#define RESET_MS     2000
#define POLL_MS      100 /* how often `stop` is looked at */

struct siem_link {
	const struct channel_config *cfg;
	const _Atomic bool *stop;
	enum siem_transport transport;
	char host[256], port[8];
	int fd;
	SSL_CTX *tls;
	SSL *ssl;
	struct stat file; /* which one is open */
};

/* ---- waiting */

/* 0, -ETIMEDOUT, -ECANCELED. */
static int
wait_for(struct siem_link *l, short events, uint64_t until_ms)
{
	struct pollfd p = { .fd = l->fd, .events = events };

	for (;;) {
		uint64_t now_ms = ds_clock_monotonic_ms();
		int r;

		if (*l->stop)
			return -ECANCELED;
		if (now_ms >= until_ms)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int)DS_MIN(until_ms - now_ms, (uint64_t)POLL_MS));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

static void
hang_up(struct siem_link *l)
{
	if (l->ssl != NULL)
		(void)SSL_shutdown(l->ssl); /* says good-bye, does not wait */
	SSL_free(l->ssl);
	ERR_clear_error(); /* of the good-bye: the next connection's first error is its own */
	l->ssl = NULL;
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
}

static int
fail(struct siem_link *l, int r, const char *what, char *why, size_t size)
{
	snprintf(why, size, "%s: %s", what, strerror(-r));
	hang_up(l);
	return r;
}

/* ---- TLS */

static int
fail_tls(struct siem_link *l, const char *what, char *why, size_t size)
{
	long verified = l->ssl != NULL ? SSL_get_verify_result(l->ssl) : X509_V_OK;
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(why, size, "%s: %s", what,
	    verified != X509_V_OK ? X509_verify_cert_error_string(verified)
	    : reason != NULL      ? reason
				  : "the receiver closed");
	ERR_clear_error();
	hang_up(l);
	return -EPROTO;
}

/* What an SSL_ function waits for: 0 go on, else how it failed. */
static int
turn_tls(struct siem_link *l, int result, uint64_t until_ms)
{
	int e = SSL_get_error(l->ssl, result);

	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return wait_for(l, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_ms);
	return -EPROTO;
}

/* In TLS 1.3 our side is done before the receiver has looked at our certificate, and some look at
 * its name only afterwards: whoever refuses us closes at once, so a moment is worth waiting. */
static int
hear_verdict(struct siem_link *l, char *why, size_t size)
{
	uint64_t until_ms = ds_clock_monotonic_ms() + VERDICT_MS;
	char scrap[16];
	int r;

	while ((r = wait_for(l, POLLIN, until_ms)) == 0) {
		r = SSL_read(l->ssl, scrap, sizeof(scrap));
		if (r <= 0 && SSL_get_error(l->ssl, r) != SSL_ERROR_WANT_READ)
			return fail_tls(l, "the receiver refuses us", why, size);
	}
	return r == -ETIMEDOUT ? 0 : fail(l, r, "TLS handshake", why, size);
}

static int
shake_hands(struct siem_link *l, uint64_t until_ms, char *why, size_t size)
{
	struct in6_addr address;
	bool is_number = inet_pton(AF_INET, l->host, &address) == 1 ||
			 inet_pton(AF_INET6, l->host, &address) == 1;
	int r;

	l->ssl = SSL_new(l->tls);
	if (l->ssl == NULL || SSL_set_fd(l->ssl, l->fd) != 1)
		return fail_tls(l, "TLS", why, size);
	if (is_number ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(l->ssl), l->host) != 1
		      : SSL_set1_host(l->ssl, l->host) != 1 ||
			    SSL_set_tlsext_host_name(l->ssl, l->host) != 1)
		return fail_tls(l, "TLS", why, size);
	while ((r = SSL_connect(l->ssl)) != 1) {
		r = turn_tls(l, r, until_ms);
		if (r == -EPROTO)
			return fail_tls(l, "TLS handshake", why, size);
		if (r < 0)
			return fail(l, r, "TLS handshake", why, size);
	}
	return hear_verdict(l, why, size);
}

static SSL_CTX *
make_context(const struct channel_config *cfg, char *why, size_t size)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	const char *flaw = NULL;

	if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
		flaw = "TLS";
	else if (*cfg->ca_file ? SSL_CTX_load_verify_locations(tls, cfg->ca_file, NULL) != 1
			       : SSL_CTX_set_default_verify_paths(tls) != 1)
		flaw = "ca_file";
	else if (*cfg->cert_file && SSL_CTX_use_certificate_chain_file(tls, cfg->cert_file) != 1)
		flaw = "cert_file";
	else if (*cfg->cert_file &&
		 SSL_CTX_use_PrivateKey_file(
		     tls, *cfg->key_file ? cfg->key_file : cfg->cert_file, SSL_FILETYPE_PEM) != 1)
		flaw = "key_file";
	if (flaw == NULL) {
		SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_mode(
		    tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		return tls;
	}
	snprintf(why, size, "%s: %s", flaw,
	    ERR_reason_error_string(ERR_peek_last_error()) != NULL
		? ERR_reason_error_string(ERR_peek_last_error())
		: "cannot be used");
	ERR_clear_error();
	SSL_CTX_free(tls);
	return NULL;
}

/* ---- opening */

static int
connect_one(struct siem_link *l, const struct addrinfo *a, uint64_t until_ms)
{
	int error = 0, on = 1;
	socklen_t len = sizeof(error);
	int r;

	l->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (l->fd < 0)
		return -errno;
	r = connect(l->fd, a->ai_addr, a->ai_addrlen) < 0 ? -errno : 0;
	if (r == -EINPROGRESS) {
		r = wait_for(l, POLLOUT, until_ms);
		if (r == 0 && getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
			r = -error;
	}
	if (r < 0)
		hang_up(l);
	else if (l->transport != SIEM_UDP)
		(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a wish */
	return r;
}

static int
open_socket(struct siem_link *l, char *why, size_t size)
{
	uint64_t until_ms = ds_clock_monotonic_ms() + SIEM_TIMEOUT_MS;
	struct addrinfo hints = { .ai_socktype =
				      l->transport == SIEM_UDP ? SOCK_DGRAM : SOCK_STREAM },
			*all = NULL;
	int r = getaddrinfo(l->host, l->port, &hints, &all);

	if (r != 0) {
		snprintf(why, size, "%s: %s", l->host, gai_strerror(r));
		return -EHOSTUNREACH;
	}
	r = -EHOSTUNREACH;
	for (const struct addrinfo *a = all; a != NULL && r < 0 && r != -ECANCELED; a = a->ai_next)
		r = connect_one(l, a, until_ms);
	freeaddrinfo(all);
	if (r < 0)
		return fail(l, r, "connect", why, size);
	return l->transport == SIEM_TLS ? shake_hands(l, until_ms, why, size) : 0;
}

/* A line that a crash left unfinished is ended, so that the next one is whole. */
static int
open_file(struct siem_link *l, char *why, size_t size)
{
	char last = '\n';

	l->fd = open(l->cfg->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (l->fd < 0)
		return fail(l, -errno, l->cfg->path, why, size);
	if (fstat(l->fd, &l->file) < 0)
		return fail(l, -errno, l->cfg->path, why, size);
	if (l->file.st_size > 0 && pread(l->fd, &last, 1, l->file.st_size - 1) == 1 &&
	    last != '\n' && write(l->fd, "\n", 1) != 1)
		return fail(l, -errno, l->cfg->path, why, size);
	return 0;
}

int
siem_link_open(struct siem_link *l, char *why, size_t size)
{
	if (l->fd >= 0)
		return 0;
	return l->transport == SIEM_FILE ? open_file(l, why, size) : open_socket(l, why, size);
}

/* ---- is it open */

/* Log rotation moved it away, or somebody removed it. */
static bool
is_moved(const struct siem_link *l)
{
	struct stat now;

	return stat(l->cfg->path, &now) < 0 || now.st_ino != l->file.st_ino ||
	       now.st_dev != l->file.st_dev;
}

/* Who says that nothing more comes may still close with bytes unread: then a reset follows. */
static bool
is_reset_soon(struct siem_link *l)
{
	return wait_for(l, 0, ds_clock_monotonic_ms() + RESET_MS) == 0;
}

bool
siem_link_is_open(struct siem_link *l, bool *ret_broken)
{
	char scrap[512];
	ssize_t n;

	*ret_broken = false;
	if (l->fd < 0)
		return false;
	if (l->transport == SIEM_FILE) {
		if (is_moved(l))
			hang_up(l);
		return l->fd >= 0;
	}
	if (l->transport == SIEM_UDP)
		return true;
	/* A receiver says nothing, but that it closes; TLS has its own words beside. */
	if (l->ssl != NULL) {
		int r = SSL_read(l->ssl, scrap, sizeof(scrap));
		int e = SSL_get_error(l->ssl, r);

		if (r > 0 || e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
			return true;
		/* Who has read all says so before he goes (RFC 5425, 4.4); a bare end may have cut
		 * something off. */
		*ret_broken = e != SSL_ERROR_ZERO_RETURN;
		ERR_clear_error();
		SSL_set_shutdown(l->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	} else {
		n = recv(l->fd, scrap, sizeof(scrap), MSG_DONTWAIT);
		if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
			return true;
		*ret_broken = n < 0 || is_reset_soon(l);
	}
	hang_up(l);
	return false;
}

bool
siem_link_is_stream(const struct siem_link *l)
{
	return l->transport == SIEM_TLS || l->transport == SIEM_TCP;
}

/* ---- sending */

static int
write_all(struct siem_link *l, const char *data, size_t size, uint64_t until_ms)
{
	while (size > 0) {
		ssize_t n;
		int r = 0;

		if (l->ssl != NULL) {
			n = SSL_write(l->ssl, data, (int)size);
			if (n <= 0) {
				r = turn_tls(l, (int)n, until_ms);
				n = 0;
			}
		} else {
			n = l->transport == SIEM_FILE ? write(l->fd, data, size)
						      : send(l->fd, data, size, MSG_NOSIGNAL);
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return -errno;
			if (n < 0) {
				n = 0;
				r = wait_for(l, POLLOUT, until_ms);
			}
		}
		if (r < 0)
			return r;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int
siem_link_put(struct siem_link *l, const void *data, size_t size, char *why, size_t why_size)
{
	uint64_t until_ms = ds_clock_monotonic_ms() + SIEM_TIMEOUT_MS;
	char count[24] = "";
	int r = 0;

	if (l->transport == SIEM_UDP)
		size = DS_MIN(size, (size_t)DATAGRAM_MAX);
	if (siem_link_is_stream(l))
		snprintf(count, sizeof(count), "%zu ", size);
	r = write_all(l, count, strlen(count), until_ms);
	if (r == 0)
		r = write_all(l, data, size, until_ms);
	if (r == 0 && l->transport == SIEM_FILE)
		r = write_all(l, "\n", 1, until_ms);
	return r < 0 ? fail(l, r, "send", why, why_size) : 0;
}

int
siem_link_confirm(struct siem_link *l, char *why, size_t why_size)
{
	uint64_t until_ms = ds_clock_monotonic_ms() + SIEM_TIMEOUT_MS;
	struct timespec pause = { .tv_nsec = 2000000 };
	int left = 1;

	if (l->transport == SIEM_FILE)
		return fdatasync(l->fd) < 0 ? fail(l, -errno, l->cfg->path, why, why_size) : 0;
	if (l->transport == SIEM_UDP)
		return 0;
	/* There is no event for "the peer has it all": the kernel's count of unconfirmed bytes is
	 * asked until it is nothing. */
	while (ioctl(l->fd, SIOCOUTQ, &left) == 0 && left > 0) {
		int error = 0;
		socklen_t len = sizeof(error);

		/* What a reset left unconfirmed stays so. */
		if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
			return fail(l, -error, "send", why, why_size);
		if (*l->stop || ds_clock_monotonic_ms() >= until_ms)
			return fail(l, *l->stop ? -ECANCELED : -ETIMEDOUT,
			    "the receiver does not confirm", why, why_size);
		(void)nanosleep(&pause, NULL); /* a signal only makes us ask earlier */
	}
	return left == 0 ? 0 : fail(l, -EIO, "send", why, why_size);
}

/* ---- making */

struct siem_link *
siem_link_new(const struct channel_config *cfg, const _Atomic bool *stop, char *why, size_t size)
{
	struct siem_link *l = calloc(1, sizeof(*l));

	snprintf(why, size, "no memory");
	if (l == NULL)
		return NULL;
	l->cfg = cfg;
	l->stop = stop;
	l->fd = -1;
	l->transport = SIEM_FILE;
	if (!*cfg->path && !siem_address(cfg->server, &l->transport, l->host, l->port)) {
		snprintf(why, size, "server: not an address of a receiver");
		free(l);
		return NULL;
	}
	if (l->transport == SIEM_TLS && (l->tls = make_context(cfg, why, size)) == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void
siem_link_free(struct siem_link *l)
{
	if (l == NULL)
		return;
	hang_up(l);
	SSL_CTX_free(l->tls);
	free(l);
}
