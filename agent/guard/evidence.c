/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence - what is kept of a process before something is done to it.
 *
 * Called by the reactions' prepare and by order.  Bounded: texts are cut, lists end, so that all of
 * it fits into an event.
 */
#include "agent/guard/evidence.h"
#include "agent/guard/daemon.h"
#include "agent/guard/hash.h"
#include "agent/guard/process.h"
#include "agent/guard/reactions/apart.h"
#include "agent/guard/redact.h"
#include "agent/guard/target.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX  300u /* bytes of a path or of arguments */
#define ABOVE_MAX 8u
#define BELOW_MAX 16u
#define FILES_MAX 32u
#define FILE_SKIP 2048u /* descriptors looked at */
#define HASH_MAX  (8u << 20)
#define SMALL_MAX (1280u << 10) /* a program that is hashed in a millisecond */
#define LIST_MAX  6000u

static bool
has_room(const struct reaction_call *call)
{
	return call->evidence->out->len < LIST_MAX && call->evidence->error == 0;
}

static void
put_args(struct ds_json *j, pid_t pid)
{
	static char clean[PROCESS_ARGS_MAX + 1];
	struct process_args args;
	ssize_t n;

	n = process_read(pid, "cmdline", args.text, sizeof(args.text));
	if (n <= 0)
		return;
	n = (ssize_t)redact_args(args.text, (size_t)n, clean, sizeof(clean) - 1);
	for (ssize_t i = 0; i < n; i++)
		if (clean[i] == '\0')
			clean[i] = ' ';
	ds_json_put_bytes(j, "args", clean, DS_MIN((size_t)n, (size_t)TEXT_MAX));
}

/* *ret_st: zeroes when it has gone. */
static void
put_one(struct ds_json *j, pid_t pid, bool with_args, struct process_stat *ret_st)
{
	char exe[PROCESS_PATH_MAX];
	uint32_t uid;
	bool deleted;

	ds_json_put_int(j, "pid", pid);
	*ret_st = (struct process_stat){ 0 };
	if (process_stat(pid, ret_st) == 0)
		ds_json_put_time(j, "start", process_start_us(ret_st->start_ticks));
	if (process_exe(pid, exe, sizeof(exe), &deleted) == 0) {
		ds_json_put_bytes(j, "exe", exe, DS_MIN(strlen(exe), (size_t)TEXT_MAX));
		if (deleted)
			ds_json_put_bool(j, "deleted", true);
	}
	if (process_uid(pid, &uid) == 0)
		ds_json_put_uint(j, "uid", uid);
	if (with_args)
		put_args(j, pid);
}

static void
put_above(struct reaction_call *call, const struct process_stat *of)
{
	struct ds_json *j = call->evidence;
	struct process_stat st = *of;

	ds_json_key(j, "above");
	ds_json_array(j);
	for (unsigned i = 0; i < ABOVE_MAX && st.ppid > 0 && has_room(call); i++) {
		ds_json_object(j);
		put_one(j, st.ppid, i < 2, &st);
		ds_json_end(j);
	}
	ds_json_end(j);
}

static void
put_below(struct reaction_call *call, const struct target_process *root)
{
	struct target_process tree[BELOW_MAX + 1];
	struct process_stat st;
	struct ds_json *j = call->evidence;
	size_t n = target_tree(root, tree, DS_LEN(tree));

	ds_json_key(j, "below");
	ds_json_array(j);
	for (size_t i = 1; i < n && has_room(call); i++) {
		ds_json_object(j);
		put_one(j, tree[i].pid, true, &st);
		ds_json_end(j);
	}
	ds_json_end(j);
}

/* "0100007F:1F90" as people write it. */
static void
format_end(const char *hex, char *ret, size_t size)
{
	char address[INET6_ADDRSTRLEN] = "?";
	unsigned words[4], port;
	int v6 = sscanf(hex, "%8x%8x%8x%8x:%x", &words[0], &words[1], &words[2], &words[3], &port);
	int v4 = v6 == 5 ? 0 : sscanf(hex, "%8x:%x", &words[0], &port);

	if (v6 != 5 && v4 != 2)
		port = 0;
	else if (inet_ntop(v6 == 5 ? AF_INET6 : AF_INET, words, address, sizeof(address)) == NULL)
		address[0] = '\0';
	(void)snprintf(ret, size, v6 == 5 ? "[%s]:%u" : "%s:%u", address, port);
}

/* What the line of /proc/PID/net/tcp that has the inode says: from where to where, and how. */
static bool
find_socket(const char *table, const char *inode, char *ret, size_t size)
{
	static const char *const states[] = { "", "established", "connecting", "accepting",
		"closing", "closing", "closed", "", "closing", "closing", "listening" };
	const char *line = table, *end;
	char local[64], remote[64], number[32], from[64], to[64];
	unsigned state;

	for (; *line != '\0'; line = *end != '\0' ? end + 1 : end) {
		end = strchr(line, '\n');
		if (end == NULL)
			end = line + strlen(line);
		if (sscanf(line, " %*d: %63s %63s %x %*s %*s %*s %*s %*s %31s", local, remote,
			&state, number) != 4 ||
		    strcmp(number, inode) != 0)
			continue;
		format_end(local, from, sizeof(from));
		format_end(remote, to, sizeof(to));
		(void)snprintf(ret, size, "%s to %s %s", from, to,
		    state < DS_LEN(states) ? states[state] : "");
		return true;
	}
	return false;
}

static void
put_socket(struct ds_json *j, pid_t pid, const char *target)
{
	static const char *const tables[] = { "net/tcp", "net/tcp6", "net/udp" };
	static char text[64 << 10];
	char inode[32], found[160];

	(void)snprintf(inode, sizeof(inode), "%.*s", (int)strcspn(target + 8, "]"), target + 8);
	for (size_t i = 0; i < DS_LEN(tables); i++)
		if (process_read(pid, tables[i], text, sizeof(text)) > 0 &&
		    find_socket(text, inode, found, sizeof(found))) {
			ds_json_put_string(j, tables[i] + 4, found);
			return;
		}
}

static void
put_files(struct reaction_call *call, pid_t pid)
{
	struct ds_json *j = call->evidence;
	int fd = process_open(pid, "fd");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned files = 0, seen = 0;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	ds_json_key(j, "files");
	ds_json_array(j);
	while (has_room(call) && files < FILES_MAX && seen++ < FILE_SKIP &&
	       (entry = readdir(dir)) != NULL) {
		char target[TEXT_MAX + 1];
		ssize_t n;

		if (entry->d_name[0] == '.')
			continue;
		n = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		ds_json_object(j);
		ds_json_put_string(j, "fd", entry->d_name);
		ds_json_put_string(j, "path", target);
		if (strncmp(target, "socket:[", 8) == 0)
			put_socket(j, pid, target);
		ds_json_end(j);
		files++;
	}
	ds_json_end(j);
	(void)closedir(dir);
}

static void
put_cwd(struct ds_json *j, pid_t pid)
{
	char path[64], cwd[TEXT_MAX + 1];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	n = readlink(path, cwd, sizeof(cwd) - 1);
	if (n > 0)
		ds_json_put_bytes(j, "cwd", cwd, (size_t)n);
}

/* Who asks for a control group waits for all of the host who make or remove one. */
static bool
has_containers(void)
{
	bool has = false;

	for (uint32_t i = 1; i <= daemon_count() && !has; i++)
		has = daemon_get(i) != NULL && daemon_get(i)->container[0] != '\0';
	return has;
}

/* Its files are of another root, and its program is nobody's of this host. */
static void
put_container(struct ds_json *j, pid_t pid)
{
	char path[PROCESS_PATH_MAX];
	const struct daemon *d = has_containers() && process_cgroup(pid, path, sizeof(path)) == 0
				     ? daemon_of_cgroup(path)
				     : NULL;

	if (d == NULL || d->container[0] == '\0')
		return;
	ds_json_put_string(j, "container", d->container);
	ds_json_put_string(j, "container_name", d->container_name);
	ds_json_put_string(j, "image", d->image);
}

/* ---- the program's hash */

struct hash {
	int fd; /* of the program: a place, not open to be read */
	uint8_t digest[HASH_SIZE];
};

static int
hash_file(void *ctx)
{
	struct hash *h = ctx;
	struct hash_job job;
	struct stat st;
	char path[64];
	int fd, r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", h->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_size > (off_t)HASH_MAX) {
		(void)close(fd);
		return -EFBIG;
	}
	r = hash_begin(&job, fd);
	if (r < 0)
		return r;
	r = hash_step(&job, HASH_MAX + 1, h->digest);
	if (r == 0)
		hash_abort(&job); /* it grew */
	return r == 1 ? 0 : r < 0 ? r : -EFBIG;
}

/* Whether it is on a device of this host, and nobody is asked who may not answer (nor is he for
 * this).  What is on top of others, as in containers, may be on anything. */
static bool
is_on_device(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
	       st.stx_dev_major != 0;
}

void
evidence_hash(struct reaction_call *call)
{
	struct hash h = { .fd = call->exe_fd };
	char text[2 * HASH_SIZE + 1];
	int r;

	if (call->exe_fd < 0)
		return;
	if (is_on_device(h.fd)) {
		r = hash_file(&h);
	} else {
		h.fd = APART_FD;
		r = apart_read(call->exe_fd, hash_file, &h, sizeof(h));
	}
	(void)close(call->exe_fd);
	call->exe_fd = -1;
	if (r == -ETIMEDOUT)
		ds_json_put_string(call->evidence, "exe_unread", "it could not be read in time");
	if (r < 0)
		return;
	for (size_t i = 0; i < sizeof(h.digest); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", h.digest[i]);
	ds_json_put_string(call->evidence, "exe_sha256", text);
}

/* Then it is on disk before the effect, as all else is. */
static bool
takes_no_time(int fd)
{
	struct stat st;

	return is_on_device(fd) && fstat(fd, &st) == 0 &&
	       (st.st_size <= (off_t)SMALL_MAX || hash_knows(&st));
}

void
evidence_process(struct reaction_call *call, pid_t pid)
{
	struct ds_json *j = call->evidence;
	struct process_stat st;
	char path[64];

	if (j == NULL)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	call->exe_fd = open(path, O_PATH | O_CLOEXEC); /* its file system is asked nothing */
	put_one(j, pid, true, &st);
	put_container(j, pid);
	put_cwd(j, pid);
	put_above(call, &st);
	put_below(call, &(struct target_process){ .pid = pid, .start_ticks = st.start_ticks });
	put_files(call, pid);
	if (call->exe_fd >= 0 && takes_no_time(call->exe_fd))
		evidence_hash(call);
}
