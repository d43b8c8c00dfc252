# SPDX-License-Identifier: GPL-2.0-or-later
"""churn - a daemon for bad days: it makes files, opens them again, starts programs, talks to addresses, as many as told."""
import os, subprocess, sys

from harness import *

SOURCE = r'''
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static volatile sig_atomic_t over;
static void stop(int s) { (void)s; over = 1; }
static long long now_us(clockid_t c)
{
	struct timespec t;
	clock_gettime(c, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
static void pause_us(long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };
	if (us > 0) nanosleep(&t, 0);
}
static uint64_t state = 88172645463325252ull;
static uint64_t chance(void) { state ^= state << 13; state ^= state >> 7; return state ^= state << 17; }
/* NNN/file-INDEX-HEX: names that no compression helps with, in many directories: new names in one are told as a crowd. */
static void name(char *path, const char *dir, long i, int len)
{
	int n = sprintf(path, "%s/%03ld/file-%07ld", dir, i % 1000, i);
	if (len > 0) path[n++] = '-';
	for (int k = 0; k < len; k++) path[n++] = "0123456789abcdef"[chance() & 15];
	path[n] = 0;
}
static int touch(const char *path, int flags)
{
	int fd = open(path, flags | O_WRONLY, 0600);
	if (fd >= 0) close(fd);
	return fd;
}
/* files DIR COUNT PAUSE_US LEN: each once, told with its time before and after on standard output */
static int files(char **a)
{
	char path[4096];
	for (long i = 0; i < atol(a[1]) && !over; i++) {
		long long t = now_us(CLOCK_REALTIME);
		name(path, a[0], i, atoi(a[3]));
		if (touch(path, O_CREAT) < 0) return 1;
		printf("%s %lld\n", path, t);
		pause_us(atol(a[2]));
	}
	return 0;
}
/* again DIR COUNT PAUSE_US LEN: COUNT files, over and over */
static int again(char **a)
{
	long count = atol(a[1]);
	char (*paths)[1024] = calloc((size_t)count, sizeof *paths);
	for (long i = 0; i < count; i++) name(paths[i], a[0], i, atoi(a[3]));
	for (long i = 0; !over; i++) {
		touch(paths[i % count], O_CREAT);
		pause_us(atol(a[2]));
	}
	return 0;
}
/* forks SECONDS PROGRAM */
static int forks(char **a)
{
	long long end = now_us(CLOCK_MONOTONIC) + atol(a[0]) * 1000000ll;
	long n = 0;
	for (; !over && now_us(CLOCK_MONOTONIC) < end; n++) {
		char text[32];
		pid_t p = vfork();
		if (p == 0) { execl(a[1], a[1], n % 8 ? "same" : (sprintf(text, "%ld", n), text), (char *)0); _exit(127); }
		if (p > 0) waitpid(p, 0, 0);
	}
	printf("%ld\n", n);
	return 0;
}
/* addresses COUNT: datagrams, so that nothing has to answer */
static int addresses(char **a)
{
	for (long i = 0; i < atol(a[0]) && !over; i++) {
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
			.sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)i) };
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (connect(fd, (void *)&to, sizeof to) == 0) (void)!send(fd, "x", 1, 0);
		close(fd);
	}
	return 0;
}
int main(int argc, char **argv)
{
	signal(SIGTERM, stop);
	setvbuf(stdout, 0, _IOFBF, 1 << 20);
	if (argc >= 6 && !strcmp(argv[1], "files")) return files(argv + 2);
	if (argc >= 6 && !strcmp(argv[1], "again")) return again(argv + 2);
	if (argc >= 4 && !strcmp(argv[1], "forks")) return forks(argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "addresses")) return addresses(argv + 2);
	return 2;
}'''


class Churn:
    """The program, built in a directory; `path` is what an agent has to watch."""

    def __init__(self, dir, name="churnd"):
        self.dir, self.path = dir, os.path.join(dir, name)
        self.running = []
        subprocess.run(["cc", "-w", "-O2", "-o", self.path, "-xc", "-"], input=SOURCE, text=True, check=True)

    def start(self, *args, env=None):
        """Its standard output goes to a file: p.note."""
        note = open(os.path.join(self.dir, f"note-{len(self.running)}"), "w+")
        p = subprocess.Popen([self.path, *map(str, args)], stdout=note, env=env)
        p.note = note
        self.running.append(p)
        return p

    def room(self, name):
        """A directory for its files."""
        top = os.path.join(self.dir, name)
        for i in range(1000):
            os.makedirs(f"{top}/{i:03}")
        return top

    def run(self, *args, **kw):
        p = self.start(*args, **kw)
        p.wait()
        return p

    def stop(self, p):
        p.terminate()
        p.wait()


def created(p):
    p.note.seek(0)
    return {path: int(t) for path, t in (line.split() for line in p.note)}


def stored(site, prefix, kind="create"):
    """Path -> how often it is told; what was not full enough to have a path is not there."""
    counts = {}
    for e in site.events(f"event.action:{kind} and file.path:{prefix}*", limit=1000):
        path = e["file"]["path"]
        counts[path] = counts.get(path, 0) + e.get("daemonsec", {}).get("count", 1)
    return counts


def gaps(site):
    return site.events("event.action:gap", limit=1000)


def lost(site):
    return sum(int(e.get("daemonsec", {}).get("lost", 0)) for e in gaps(site))


def rss(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Memory:
    """The most that guard and uplink were seen to have."""

    def __init__(self, agent):
        self.agent, self.most = agent, {"guard": 0, "uplink": 0}

    def look(self):
        for name, pid in (("guard", self.agent.process.pid), ("uplink", self.agent.uplink_pid())):
            if pid:
                self.most[name] = max(self.most[name], rss(pid))

    def say(self):
        say(", ".join(f"{name}: {most >> 10} KiB at most" for name, most in self.most.items()))

    def stays_below(self, mib):
        return SANITIZED or max(self.most.values()) < mib << 20


def watch(p, memory, seconds=600):
    """Until p ends."""
    return wait(lambda: memory.look() or p.poll() is not None, seconds, 0.2)
