/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_perm - the guard's side of the child that answers the kernel.
 *
 * Called by hold.  Owns the child and the socket to it.
 */
#include "agent/guard/hold_perm.h"
#include "agent/guard/emit.h"
#include "agent/guard/hold_perm_part.h"
#include "agent/guard/supervise.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 2000u
#define DEAF_MS  5000u /* a child that says nothing for so long is ended */

static pid_t child;
static int fd = -1;
static uint64_t heard_ms;

int
hold_perm_send(int to, enum hold_perm_kind kind, uint32_t number, pid_t pid, const char *daemon,
    const char *path)
{
	struct hold_perm_message m;
	size_t size;

	m.kind = kind;
	m.number = number;
	m.pid = pid;
	m.daemon_len = daemon != NULL ? (uint32_t)strlen(daemon) : 0;
	m.path_len = path != NULL ? (uint32_t)strlen(path) : 0;
	size = offsetof(struct hold_perm_message, text) + m.daemon_len + m.path_len + 2;
	if (m.daemon_len > 255 || size > sizeof(m))
		return -ENAMETOOLONG;
	memcpy(m.text, daemon != NULL ? daemon : "", m.daemon_len + 1);
	memcpy(m.text + m.daemon_len + 1, path != NULL ? path : "", m.path_len + 1);
	return send(to, &m, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int
hold_perm_read(int from, struct hold_perm_message *ret)
{
	size_t head = offsetof(struct hold_perm_message, text);
	ssize_t n = recv(from, ret, sizeof(*ret), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	if ((size_t)n < head + 2 || ret->daemon_len > 255 || ret->path_len > PROCESS_PATH_MAX ||
	    (size_t)n != head + ret->daemon_len + ret->path_len + 2 ||
	    ret->text[ret->daemon_len] != '\0' || ret->text[(size_t)n - head - 1] != '\0')
		return -EBADMSG;
	return 1;
}

/* It says whether the kernel lets it. */
static int
wait_ready(void)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct hold_perm_message m;

	if (poll(&p, 1, START_MS) <= 0 || hold_perm_read(fd, &m) != 1 || m.kind != HOLD_PERM_READY)
		return -ECHILD;
	return -(int)m.number;
}

int
hold_perm_start(void)
{
	int pair[2], size = 1 << 20, r;
	pid_t guard = getpid();

	if (child > 0 && waitpid(child, NULL, WNOHANG) == 0)
		return 0;
	hold_perm_stop();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	child = fork();
	if (child == 0) {
		(void)close(pair[0]);
		hold_perm_child(pair[1], guard);
	}
	(void)close(pair[1]);
	fd = pair[0];
	r = child < 0 ? -EAGAIN : wait_ready();
	if (r == 0)
		r = supervise_watch(fd);
	if (r < 0) {
		hold_perm_stop();
		return r;
	}
	heard_ms = ds_clock_monotonic_ms();
	return 0;
}

void
hold_perm_stop(void)
{
	supervise_end(&child, &fd);
}

bool
hold_perm_is_on(void)
{
	return child > 0;
}

/* A child that does not read is ended: the kernel then lets everything pass. */
static void
say(enum hold_perm_kind kind, uint32_t number, pid_t pid, const char *daemon, const char *path)
{
	int r = fd >= 0 ? hold_perm_send(fd, kind, number, pid, daemon, path) : 0;

	if (r == 0 || r == -ENAMETOOLONG)
		return;
	ds_log(WARN, "the child that holds does not read, ending it", "error=\"%s\"", strerror(-r));
	hold_perm_stop();
}

void
hold_perm_want(const char *daemon, bool on)
{
	say(HOLD_PERM_WANT, on, 0, daemon, NULL);
}

void
hold_perm_know(const char *daemon, const char *exe)
{
	say(HOLD_PERM_KNOW, 0, 0, daemon, exe);
}

void
hold_perm_answer(uint32_t token, bool allow)
{
	say(HOLD_PERM_ANSWER, token, allow, NULL, NULL);
}

static void
handle(const struct hold_perm_message *m, void (*call)(const struct hold_perm_question *q))
{
	const struct hold_perm_question q = {
		.token = m->number, .pid = m->pid, .daemon = m->text, .exe = hold_perm_path(m)
	};

	heard_ms = ds_clock_monotonic_ms();
	if (m->kind == HOLD_PERM_PASSED)
		emit_gap("hold", 1, 0, "too many programs are held: one was let go on");
	else if (m->kind == HOLD_PERM_QUESTION && m->number > 0 && m->pid > 1)
		call(&q);
}

void
hold_perm_drain(void (*call)(const struct hold_perm_question *q))
{
	static struct hold_perm_message m;
	int r = 0;

	while (fd >= 0 && (r = hold_perm_read(fd, &m)) == 1)
		handle(&m, call);
	if (r < 0)
		hold_perm_stop(); /* the next tick starts another one */
}

void
hold_perm_tick(void)
{
	if (fd >= 0 && ds_clock_monotonic_ms() - heard_ms > DEAF_MS) {
		ds_log(WARN, "the child that holds is not heard, ending it", "pid=%d", (int)child);
		hold_perm_stop();
	}
	say(HOLD_PERM_PING, 0, 0, NULL, NULL);
}
