/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine - asks container engines by their socket for what their files did not tell.
 *
 * Called by daemon_find and modules on the guard's only thread.  Owns what is still to be asked,
 * one child, and the pipe by which it answers.
 */
#include "agent/guard/engine.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKETS_MAX 4u
#define QUEUE_MAX   64u
#define ANSWER_MAX  (1u << 20)
#define CHILD_MS    5000u
#define PATIENCE_S  2
#define NOBODY      65534u
#define ANSWER_FD   3 /* of the child */

struct answer {
	int32_t result;
	struct container_info info;
};

static char sockets[SOCKETS_MAX][sizeof(((struct sockaddr_un *)0)->sun_path)];
static size_t sockets_len;
static char queue[QUEUE_MAX][80]; /* the first one is in the child, if there is one */
static size_t queue_len;
static pid_t child;
static int fd = -1;
static uint64_t due_ms;

void
engine_configure(const struct ds_conf_list *list)
{
	sockets_len = 0;
	for (size_t i = 0; i < list->len && sockets_len < SOCKETS_MAX; i++)
		if (strlen(list->items[i]) < sizeof(sockets[0]))
			(void)snprintf(
			    sockets[sockets_len++], sizeof(sockets[0]), "%s", list->items[i]);
}

static void
stop(void)
{
	if (fd >= 0)
		(void)close(fd);
	fd = -1;
	if (child > 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	child = 0;
}

void
engine_done(void)
{
	stop();
	queue_len = sockets_len = 0;
}

void
engine_ask(const char *id)
{
	if (sockets_len == 0 || queue_len == QUEUE_MAX || strlen(id) >= sizeof(queue[0]) ||
	    strspn(id, "0123456789abcdef") != strlen(id))
		return;
	for (size_t i = 0; i < queue_len; i++)
		if (strcmp(queue[i], id) == 0)
			return;
	(void)snprintf(queue[queue_len++], sizeof(queue[0]), "%s", id);
}

int
engine_parse(const char *text, size_t len, struct container_info *ret)
{
	const char *body = memmem(text, len, "\r\n\r\n", 4);

	*ret = (struct container_info){ 0 };
	if (len < 12 || memcmp(text, "HTTP/1.", 7) != 0 || body == NULL)
		return -EBADMSG;
	if (memcmp(text + 8, " 200", 4) != 0)
		return -ENOENT;
	body += 4;
	container_take_document(body, len - (size_t)(body - text), ret);
	return ret->name[0] != '\0' ? 0 : -EBADMSG;
}

/* ---- the child */

/* A socket that others than root made is none of an engine that we would believe. */
static int
open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	struct stat st;
	int s;

	if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_uid != 0)
		return -ENOENT;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(s, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return s;
	(void)close(s);
	return -ENOENT;
}

/* The ledger, sensors and the uplink's socket are the guard's. */
static int
close_others(int out)
{
	if (out != ANSWER_FD && dup2(out, ANSWER_FD) < 0)
		return -errno;
	return ds_fds_close_from(ANSWER_FD + 1);
}

/* What comes from now on is read by nobody.  Another user also lives on without its parent. */
static int
drop(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return 0;
}

static int
talk(int s, const char *id, struct container_info *ret)
{
	static char text[ANSWER_MAX];
	char request[192];
	size_t len = 0;
	ssize_t n;
	int size = snprintf(request, sizeof(request),
	    "GET /containers/%s/json HTTP/1.0\r\nHost: localhost\r\n\r\n", id);

	if (write(s, request, (size_t)size) != size)
		return -EIO;
	while (len < sizeof(text) && (n = read(s, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	return engine_parse(text, len, ret);
}

/* Connected as root, all of them, then read as nobody. */
static _Noreturn void
run(const char *id, int out, pid_t guard)
{
	struct answer answer = { .result = -ENOENT };
	int s[SOCKETS_MAX];

	(void)prctl(PR_SET_NAME, "daemonsec-ask");
	(void)alarm(CHILD_MS / 1000);
	if (close_others(out) < 0)
		_exit(1);
	for (size_t i = 0; i < sockets_len; i++)
		s[i] = open_socket(sockets[i]);
	if (drop() < 0 || getppid() != guard)
		_exit(1);
	for (size_t i = 0; i < sockets_len && answer.result != 0; i++)
		if (s[i] >= 0)
			answer.result = talk(s[i], id, &answer.info);
	_exit(write(ANSWER_FD, &answer, sizeof(answer)) != (ssize_t)sizeof(answer));
}

/* ---- the guard */

static void
start(void)
{
	pid_t guard = getpid();
	int pair[2];

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	child = fork();
	if (child == 0)
		run(queue[0], pair[1], guard);
	(void)close(pair[1]);
	fd = pair[0];
	due_ms = ds_clock_monotonic_ms() + CHILD_MS;
	if (child < 0) {
		child = 0;
		stop();
	}
}

static void
leave(char ret_id[80])
{
	memcpy(ret_id, queue[0], sizeof(queue[0]));
	queue_len--;
	memmove(queue, queue + 1, queue_len * sizeof(queue[0]));
}

bool
engine_tick(char ret_id[80], struct container_info *ret)
{
	static struct ds_log_rate rate;
	struct answer answer = { .result = -ETIME };
	ssize_t n;

	if (queue_len == 0)
		return false;
	if (fd < 0) {
		start();
		return false;
	}
	n = read(fd, &answer, sizeof(answer));
	if (n < 0 && errno == EAGAIN && ds_clock_monotonic_ms() < due_ms)
		return false;
	stop();
	leave(ret_id);
	if (n != (ssize_t)sizeof(answer) || answer.result != 0) {
		if (ds_log_pass(&rate, 1))
			ds_log(WARN, "no engine said what a container is, going on by its id",
			    "container=%.12s error=\"%s\"", ret_id,
			    strerror(n == (ssize_t)sizeof(answer) ? -answer.result : ETIME));
		return false;
	}
	answer.info.name[sizeof(answer.info.name) - 1] = '\0';
	answer.info.image[sizeof(answer.info.image) - 1] = '\0';
	*ret = answer.info;
	return true;
}
