/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine - asks container engines, and users' files, for what root's files did not tell.
 *
 * Called by daemon_find and watched on the guard's only thread.  Owns what is still to be asked,
 * one child, and the pipe by which it answers; and children that do not end at once: what a user's
 * files lie on may keep them (FUSE, NFS).
 */
#include "agent/guard/engine.h"

#include "agent/guard/user.h"
#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"

#include <ctype.h>
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
#define STUCK_MAX   4u

struct question {
	char id[80];
	uint32_t uid;
};

struct answer {
	int32_t result;
	struct container_info info;
};

static char sockets[SOCKETS_MAX][sizeof(((struct sockaddr_un *)0)->sun_path)];
static size_t sockets_len;
static struct question queue[QUEUE_MAX]; /* the first one is in the child, if there is one */
static size_t queue_len;
static pid_t child;
static int fd = -1;
static uint64_t due_ms;
static struct {
	pid_t pid; /* 0: free */
	uint32_t uid;
} stuck[STUCK_MAX];

void
engine_configure(const struct ds_conf_list *list)
{
	sockets_len = 0;
	for (size_t i = 0; i < list->len && sockets_len < SOCKETS_MAX; i++)
		if (strlen(list->items[i]) < sizeof(sockets[0]))
			(void)snprintf(
			    sockets[sockets_len++], sizeof(sockets[0]), "%s", list->items[i]);
}

static bool
has_ended(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) != 0;
}

/* Whether another child may be begun for somebody: one that is kept by his files is enough, and
 * there is always room to put this one down. */
static bool
may_begin(uint32_t uid)
{
	size_t kept = 0;

	for (size_t i = 0; i < STUCK_MAX; i++) {
		if (stuck[i].pid != 0 && has_ended(stuck[i].pid))
			stuck[i].pid = 0;
		if (stuck[i].pid != 0 && stuck[i].uid == uid)
			return false;
		kept += stuck[i].pid != 0;
	}
	return kept < STUCK_MAX;
}

/* The child may be where not even this signal ends it at once. */
static void
put_down(pid_t pid, uint32_t uid)
{
	(void)kill(pid, SIGKILL);
	if (has_ended(pid))
		return;
	for (size_t i = 0; i < STUCK_MAX; i++)
		if (stuck[i].pid == 0) {
			stuck[i].pid = pid;
			stuck[i].uid = uid;
			return;
		}
}

static void
stop(void)
{
	if (fd >= 0)
		(void)close(fd);
	fd = -1;
	if (child > 0)
		put_down(child, queue[0].uid);
	child = 0;
}

void
engine_done(void)
{
	stop();
	queue_len = sockets_len = 0;
}

void
engine_ask(const char *id, uint32_t uid)
{
	if ((uid == 0 && sockets_len == 0) || queue_len == QUEUE_MAX ||
	    strlen(id) >= sizeof(queue[0].id) || strspn(id, "0123456789abcdef") != strlen(id))
		return;
	for (size_t i = 0; i < queue_len; i++)
		if (queue[i].uid == uid && strcmp(queue[i].id, id) == 0)
			return;
	queue[queue_len] = (struct question){ .uid = uid };
	memcpy(queue[queue_len++].id, id, strlen(id));
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

/* What comes from now on is read with nothing of root; nor does the user see into us.  Another
 * user also lives on without its parent. */
static int
become(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
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
static void
ask_sockets(const char *id, struct answer *ret)
{
	int s[SOCKETS_MAX];

	for (size_t i = 0; i < sockets_len; i++)
		s[i] = open_socket(sockets[i]);
	if (become(NOBODY, NOBODY) < 0)
		_exit(1);
	for (size_t i = 0; i < sockets_len && ret->result != 0; i++)
		if (s[i] >= 0)
			ret->result = talk(s[i], id, &ret->info);
}

static void
ask_user(const struct question *q, struct answer *ret)
{
	char home[256];
	gid_t gid;

	if (user_home(q->uid, &gid, home, sizeof(home)) < 0 || become(q->uid, gid) < 0)
		_exit(1);
	ret->result = container_find_of_user(home, q->uid, q->id, &ret->info);
}

static _Noreturn void
run(const struct question *q, int out, pid_t guard)
{
	struct answer answer = { .result = -ENOENT };

	(void)prctl(PR_SET_NAME, "daemonsec-ask");
	(void)alarm(CHILD_MS / 1000);
	if (close_others(out) < 0)
		_exit(1);
	if (q->uid == 0)
		ask_sockets(q->id, &answer);
	else
		ask_user(q, &answer);
	if (getppid() != guard)
		_exit(1);
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
		run(&queue[0], pair[1], guard);
	(void)close(pair[1]);
	fd = pair[0];
	due_ms = ds_clock_monotonic_ms() + CHILD_MS;
	if (child < 0) {
		child = 0;
		stop();
	}
}

static void
leave(struct question *ret)
{
	*ret = queue[0];
	queue_len--;
	memmove(queue, queue + 1, queue_len * sizeof(queue[0]));
}

/* A name as engines take them; more may stand in a user's file. */
static bool
is_plain(const struct container_info *info)
{
	for (const char *c = info->name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("_.-", *c) == NULL)
			return false;
	for (const char *c = info->image; *c != '\0'; c++)
		if (!isgraph((unsigned char)*c))
			return false;
	return info->name[0] != '\0';
}

bool
engine_tick(char ret_id[80], struct container_info *ret)
{
	static struct ds_log_rate rate;
	struct answer answer = { .result = -ETIME };
	struct question q;
	ssize_t n;

	if (queue_len == 0)
		return false;
	if (fd < 0) {
		if (may_begin(queue[0].uid))
			start();
		else if (queue[0].uid != 0)
			leave(&q); /* it keeps its id */
		return false;
	}
	n = read(fd, &answer, sizeof(answer));
	if (n < 0 && errno == EAGAIN && ds_clock_monotonic_ms() < due_ms)
		return false;
	stop();
	leave(&q);
	memcpy(ret_id, q.id, sizeof(q.id));
	if (n != (ssize_t)sizeof(answer) || answer.result != 0) {
		if (ds_log_pass(&rate, 1))
			ds_log(WARN, "no engine said what a container is, going on by its id",
			    "container=%.12s error=\"%s\"", ret_id,
			    strerror(n == (ssize_t)sizeof(answer) ? -answer.result : ETIME));
		return false;
	}
	answer.info.name[sizeof(answer.info.name) - 1] = '\0';
	answer.info.image[sizeof(answer.info.image) - 1] = '\0';
	answer.info.uid = q.uid;
	*ret = answer.info;
	return q.uid == 0 || is_plain(ret);
}
