/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storm MODE COUNT ROUNDS FILE - makes the same call over and over; prints the best round's ns of
 * wall time a call, and the best round's ns of processor time, children included, which does not
 * count waiting for a processor that others have.
 *
 * MODE: exec (spawn FILE and wait), open (FILE, for writing), connect (TCP, to FILE = PORT on
 * loopback, then reset), udp (connect of a datagram socket: no packet is sent), none (getppid: what
 * every system call pays). The first round only warms up. How a daemon's cost is measured: run it
 * watched, unwatched, and with no agent.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
used_ns(void)
{
	static const int whose[] = { RUSAGE_SELF, RUSAGE_CHILDREN };
	double ns = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct rusage u;

		if (getrusage(whose[i], &u) < 0)
			return 0;
		ns += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
		      (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
	}
	return ns;
}

static int
call_exec(const char *file)
{
	char *copy = strdup(file), flag[] = "--flag=value", number[] = "12345";
	char *argv[] = { copy, flag, number, NULL };
	pid_t pid;
	int r = posix_spawn(&pid, file, NULL, NULL, argv, environ);

	free(copy);
	return r != 0 || waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

static int
call_open(const char *file)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int
call_connect(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger reset = { 1, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = connect(fd, (struct sockaddr *)&to, sizeof(to));

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
	    sizeof(reset)); /* no TIME_WAIT: ports would run out */
	return close(fd) < 0 ? -1 : r;
}

static int
call_udp(const char *port)
{
	static int fd = -1;
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static int
call_none(const char *file)
{
	(void)file;
	return syscall(SYS_getppid) < 0 ? -1 : 0;
}

static const struct {
	const char *name;
	int (*call)(const char *file);
} modes[] = { { "exec", call_exec }, { "open", call_open }, { "connect", call_connect },
	{ "udp", call_udp }, { "none", call_none } };

static int
run(size_t mode, long count, const char *file)
{
	for (long i = 0; i < count; i++)
		if (modes[mode].call(file) < 0)
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	double best = 1e18, best_used = 1e18;
	long count, rounds;
	size_t mode = 0;

	if (argc < 5)
		return 2;
	while (mode < sizeof(modes) / sizeof(modes[0]) && strcmp(modes[mode].name, argv[1]) != 0)
		mode++;
	if (mode == sizeof(modes) / sizeof(modes[0]))
		return 2;
	count = strtol(argv[2], NULL, 10);
	rounds = strtol(argv[3], NULL, 10);
	for (long r = 0; r <= rounds; r++) {
		double start = now_ns(), used = used_ns();

		if (run(mode, count, argv[4]) < 0) {
			perror(argv[1]);
			return 1;
		}
		start = (now_ns() - start) / (double)count;
		used = (used_ns() - used) / (double)count;
		if (r > 0 && start < best)
			best = start;
		if (r > 0 && used < best_used)
			best_used = used;
	}
	printf("%.0f %.0f\n", best, best_used);
	return 0;
}
