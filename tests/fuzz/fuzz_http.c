/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API's HTTP: any bytes on a connection whose peer may do everything, over a store that keeps
 * nothing. */
#include "server/api/api.h"
#include "server/config.h"
#include "server/store/writer.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS 64 /* connections at once */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char dir[] = "/tmp/fuzz_http.XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static struct server_config config;
static struct store_config store;
static struct writer *writer;
static struct api *api;

static void
stop(void)
{
	api_stop(api);
	writer_stop(writer);
	ds_conf_free(server_options, &config);
	(void)rmdir(dir);
}

static void
start(void)
{
	struct ds_conf_report report = { 0 };
	struct api_config cfg = { .server = &config, .store = &store };
	char text[200], why[256] = "";
	int n;

	signal(SIGPIPE, SIG_IGN);
	/* As in the server: what a library sets up once belongs to this thread, and its atexit()
	 * comes before ours, so that it cleans up after the API's threads have gone. */
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	n = snprintf(text, sizeof(text), "[server]\nstate_dir = %s\n[api]\nlisten =\nunix = %s\n",
	    dir, address.sun_path);
	if (ds_conf_parse(server_options, &config, "fuzz", text, (size_t)n, &report, NULL) < 0)
		abort();
	store.dir = dir;
	cfg.backend = store_lookup("null");
	writer = writer_start(cfg.backend, &store, why, sizeof(why));
	cfg.writer = writer;
	api = writer != NULL ? api_start(&cfg, why, sizeof(why)) : NULL;
	if (api == NULL) {
		fprintf(stderr, "fuzz_http: %s\n", why);
		abort();
	}
	atexit(stop);
}

/* Nobody waits for an answer: what came by the time the place is needed again is read, and the
 * connection is cut. */
static void
finish(int fd)
{
	char answer[65536];

	while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int open_fds[CONNECTIONS];
	static size_t next;
	int fd;

	if (api == NULL)
		start();
	if (open_fds[next] > 0)
		finish(open_fds[next]);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		abort();
	/* libFuzzer's clock is a signal that interrupts. */
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		if (errno != EINTR)
			abort();
	if (send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		(void)shutdown(fd, SHUT_WR);
	open_fds[next] = fd;
	next = (next + 1) % CONNECTIONS;
	return 0;
}
