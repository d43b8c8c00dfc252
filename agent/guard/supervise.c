/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervise - keeps one uplink running: starts it, restarts it with back-off, talks to it.
 *
 * Called by main on the guard's only thread.  Owns the child process and the socket to it.
 */
#include "agent/guard/supervise.h"
#include "agent/guard/emit.h"
#include "agent/guard/hold.h"
#include "agent/guard/order.h"
#include "agent/guard/target.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define UPLINK_FD         3
#define BACKOFF_MIN_MS    100u
#define BACKOFF_MAX_MS    30000u
#define BACKOFF_WORKED_MS 250u   /* at most, after one that did its work for a while */
#define STEADY_MS         60000u /* one that lived this long was well */
#define STOP_MS           3000u
#define SECOND_MS         1000u
#define SILENT_S          60u /* it tells its state every ten seconds, whatever it waits for */
#define READ_SIZE         (64u << 10)

static struct supervise_options options;
static pid_t child;
static int fd = -1;
static struct ds_buf in;
static uint64_t next_second_ms;
static unsigned silent_s; /* since it said something: of our own time, so that a guard that stood
			     still blames nobody */
static uint64_t started_ms, next_ms, backoff_ms = BACKOFF_MIN_MS;
static uint32_t watched; /* EPOLL* of the socket now */

void
supervise_init(const struct supervise_options *o)
{
	options = *o;
	ds_buf_init(&in, DS_IPC_MESSAGE_MAX + READ_SIZE);
	if (order_init(options.config) < 0)
		ds_log(WARN, "going on without orders", "%s", "");
}

void
supervise_end(pid_t *other_child, int *other_fd)
{
	if (*other_fd >= 0)
		(void)close(*other_fd);
	*other_fd = -1;
	if (*other_child > 0) {
		(void)kill(*other_child, SIGKILL);
		(void)waitpid(*other_child, NULL, 0);
	}
	*other_child = 0;
}

int
supervise_watch(int other_fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = options.tag };

	return epoll_ctl(options.epoll_fd, EPOLL_CTL_ADD, other_fd, &event) < 0 ? -errno : 0;
}

pid_t
supervise_pid(void)
{
	return child;
}

static void
disconnect(void)
{
	if (fd < 0)
		return;
	emit_detach();
	(void)epoll_ctl(options.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	(void)close(fd);
	fd = -1;
	ds_buf_done(&in);
}

/* In the child, between fork and exec: only what is safe there. */
static void
run_uplink(int peer, pid_t parent)
{
	char fd_text[] = { '0' + UPLINK_FD, '\0' };
	char program[] = "daemonsec-uplink", c[] = "-c", f[] = "--fd";
	char conf[4096];
	char *argv[] = { program, c, conf, f, fd_text, NULL };
	sigset_t none;

	(void)snprintf(conf, sizeof(conf), "%s", options.conf);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	if (peer == UPLINK_FD ? fcntl(peer, F_SETFD, 0) < 0 : dup2(peer, UPLINK_FD) < 0)
		_exit(1);
	(void)execv(options.program, argv);
	_exit(127);
}

static int
start(uint64_t now_ms)
{
	pid_t parent = getpid();
	int pair[2];

	order_look(); /* the uplink wipes the token */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		run_uplink(pair[1], parent);
	(void)close(pair[1]);
	if (child < 0) {
		child = 0;
		(void)close(pair[0]);
		return -EAGAIN;
	}
	fd = pair[0];
	started_ms = now_ms;
	silent_s = 0;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	watched = EPOLLIN;
	if (epoll_ctl(options.epoll_fd, EPOLL_CTL_ADD, fd,
		&(struct epoll_event){ .events = watched, .data.u32 = options.tag }) < 0)
		return -errno;
	emit_attach(fd);
	target_set_uplink(child);
	ds_log(INFO, "uplink started", "pid=%d", (int)child);
	return 0;
}

/* In how many ms the uplink wants us again. */
static uint64_t
tick_uplink(uint64_t now_ms)
{
	int r;

	if (child > 0)
		return UINT64_MAX;
	if (now_ms < next_ms)
		return next_ms - now_ms;
	r = start(now_ms);
	if (r == 0)
		return UINT64_MAX;
	ds_log(ERROR, "cannot start the uplink, trying again", "error=\"%s\"", strerror(-r));
	disconnect();
	next_ms = now_ms + BACKOFF_MAX_MS;
	return BACKOFF_MAX_MS;
}

/* It misbehaved: it does not get another word. */
static void
end_uplink(const char *why)
{
	static struct ds_log_rate rate;

	if (ds_log_pass(&rate, 5))
		ds_log(WARN, "ending the uplink", "pid=%d reason=\"%s\"", (int)child, why);
	disconnect();
	if (child > 0)
		(void)kill(child, SIGKILL);
}

/* systemd's watchdog looks after us, and we after it: one that hangs is started anew. */
static void
look_alive(void)
{
	if (child <= 0 || ++silent_s <= SILENT_S)
		return;
	silent_s = 0;
	end_uplink("it hangs");
}

uint64_t
supervise_tick(uint64_t now_ms)
{
	uint64_t hold = hold_tick(now_ms);

	order_turn();
	if (now_ms >= next_second_ms) {
		order_tick();
		look_alive();
		next_second_ms = now_ms + SECOND_MS;
	}
	return DS_MIN(hold, tick_uplink(now_ms));
}

static int
get_number(const uint8_t *body, size_t size, uint64_t *ret)
{
	struct ds_buf b;

	ds_buf_view(&b, body, size);
	return size == sizeof(uint64_t) ? ds_buf_get_u64(&b, ret) : -EBADMSG;
}

static int
get_start(const uint8_t *body, size_t size, uint64_t *ret_resend_after, uint64_t *ret_last)
{
	struct ds_buf b;
	int r;

	ds_buf_view(&b, body, size);
	r = ds_buf_get_u64(&b, ret_resend_after);
	if (r == 0)
		r = ds_buf_get_u64(&b, ret_last);
	return r < 0 || ds_buf_left(&b) > 0 ? -EBADMSG : 0;
}

static int
tell_sensors(void)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "%s; %s", options.sensors, order_status());

	return emit_control(DS_IPC_SENSORS, text, DS_MIN((size_t)n, sizeof(text) - 1));
}

static int
handle(uint8_t type, const uint8_t *body, size_t size)
{
	uint64_t number, last;
	int r;

	switch (type) {
	case DS_IPC_START:
		r = get_start(body, size, &number, &last);
		if (r < 0)
			return r;
		emit_started(number, last);
		return tell_sensors();
	case DS_IPC_STORED:
		r = get_number(body, size, &number);
		backoff_ms = DS_MIN(backoff_ms, BACKOFF_WORKED_MS); /* it does its work */
		return r < 0 ? r : emit_stored(number);
	case DS_IPC_STATUS:
		return 0; /* that it says something is what counts here */
	case DS_IPC_ORDER:
		return order_take(body, size);
	case DS_IPC_HOST:
		return order_host(body, size);
	default:
		return -EBADMSG;
	}
}

static int
read_some(void)
{
	ssize_t n;
	int r = ds_buf_reserve(&in, READ_SIZE);

	if (r < 0)
		return r;
	n = recv(fd, in.data + in.len, READ_SIZE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	in.len += (size_t)n;
	return 1;
}

void
supervise_ready(uint64_t now_ms)
{
	const uint8_t *body;
	size_t size;
	uint8_t type;
	int r;

	if (fd < 0)
		return;
	r = read_some();
	if (r < 0) {
		disconnect(); /* SIGCHLD follows, or: */
		if (r != -EPIPE && r != -ECONNRESET)
			end_uplink("its socket failed");
		return;
	}
	while ((r = ds_ipc_get(&in, &type, &body, &size)) > 0) {
		silent_s = 0;
		if (handle(type, body, size) < 0) {
			end_uplink("it sent what it must not");
			return;
		}
	}
	if (r < 0) {
		end_uplink("its bytes are no message");
		return;
	}
	ds_buf_compact(&in);
	order_run();
	supervise_flush(now_ms, false);
}

void
supervise_flush(uint64_t now_ms, bool all)
{
	int r = emit_flush(now_ms, all);
	uint32_t wanted = EPOLLIN | (emit_wants_write() ? EPOLLOUT : 0u);

	if (fd < 0)
		return;
	if (r < 0) {
		disconnect();
		return;
	}
	if (wanted != watched &&
	    epoll_ctl(options.epoll_fd, EPOLL_CTL_MOD, fd,
		&(struct epoll_event){ .events = wanted, .data.u32 = options.tag }) == 0)
		watched = wanted;
}

void
supervise_reap(uint64_t now_ms)
{
	pid_t pid = child;
	int status;

	/* Ours only: other modules have children, too. */
	if (pid <= 0 || waitpid(pid, &status, WNOHANG) != pid)
		return;
	child = 0;
	disconnect();
	if (now_ms - started_ms >= STEADY_MS)
		backoff_ms = BACKOFF_MIN_MS;
	ds_log(WARN, "the uplink ended, starting it again", "pid=%d status=%d after_ms=%u",
	    (int)pid, status, (unsigned)backoff_ms);
	next_ms = now_ms + backoff_ms;
	backoff_ms = DS_MIN(backoff_ms * 2, (uint64_t)BACKOFF_MAX_MS);
}

void
supervise_reload(void)
{
	order_reload();
	if (emit_control(DS_IPC_RELOAD, NULL, 0) < 0)
		end_uplink("it does not read");
}

/* Gives it what there is, as long as it takes it. */
static void
drain(uint64_t until_ms)
{
	uint64_t now_ms = ds_clock_monotonic_ms();

	while (fd >= 0 && now_ms < until_ms) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		supervise_flush(now_ms, true);
		if (fd < 0 || emit_is_empty())
			return;
		p.events = (short)(POLLIN | (emit_wants_write() ? POLLOUT : 0));
		if (poll(&p, 1, (int)(until_ms - now_ms)) <= 0)
			return;
		now_ms = ds_clock_monotonic_ms();
		supervise_ready(now_ms);
	}
}

void
supervise_done(void)
{
	uint64_t until_ms = ds_clock_monotonic_ms() + STOP_MS;
	siginfo_t info;

	drain(until_ms - STOP_MS / 3);
	disconnect(); /* the end of its socket is its order to end */
	if (child > 0) {
		(void)kill(child, SIGTERM);
		while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		       info.si_pid == 0 && ds_clock_monotonic_ms() < until_ms)
			(void)poll(NULL, 0, 10);
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
		child = 0;
	}
	order_done();
	ds_buf_done(&in);
}
