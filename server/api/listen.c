/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen - called by http.c when the server starts; the descriptors are libmicrohttpd's then. */
#include "server/api/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024 /* all dashboards come back at once when the server has started again */

static int
fail(char *why, size_t size, const char *what, const char *where)
{
	int r = -errno;

	snprintf(why, size, "cannot %s %s: %s", what, where, strerror(errno));
	return r;
}

static bool
answers(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

int
listen_unix(const char *path, char *why, size_t size)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(a.sun_path)) {
		snprintf(why, size, "[api] unix: %s is longer than %zu bytes", path,
		    sizeof(a.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(a.sun_path, path, strlen(path));
	if (answers(&a)) {
		snprintf(why, size, "another server answers at %s", path);
		return -EADDRINUSE;
	}
	listen_remove(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(why, size, "make a socket for", path);
	/* Anybody may connect: who may ask is told by the peer's credentials. */
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || chmod(path, 0666) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		r = fail(why, size, "listen at", path);
		close(fd);
		return r;
	}
	return fd;
}

void
listen_remove(const char *path)
{
	struct stat st;

	/* Never anything but a socket. */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path); /* bind() tells */
}

static bool
parse_address(
    const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, bool *ret_loopback)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	unsigned long port;
	size_t len;

	if (colon == NULL || colon[1] == '\0')
		return false;
	port = strtoul(colon + 1, &end, 10);
	len = (size_t)(colon - text);
	if (*end != '\0' || port > 65535 || len >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)len, text);
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*ret_len = sizeof(*v6);
		*ret_loopback = strcmp(host + 1, "::1") == 0;
		return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
	}
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	*ret_len = sizeof(*v4);
	*ret_loopback = strncmp(host, "127.", 4) == 0;
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

int
listen_tcp(const char *text, bool has_tls, unsigned *ret_port, char *why, size_t size)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = 0;
	bool loopback = false;
	int one = 1, fd, r;

	if (!parse_address(text, &a, &len, &loopback)) {
		snprintf(why, size, "[api] listen: expected address:port, not \"%s\"", text);
		return -EINVAL;
	}
	if (!loopback && !has_tls) {
		snprintf(why, size,
		    "[api] listen = %s is not a loopback address: set tls_cert and tls_key, tokens "
		    "would travel in clear text",
		    text);
		return -EINVAL;
	}
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(why, size, "make a socket for", text);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		r = fail(why, size, "listen at", text);
		close(fd);
		return r;
	}
	*ret_port = ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
						 : ((struct sockaddr_in6 *)&a)->sin6_port);
	return fd;
}
