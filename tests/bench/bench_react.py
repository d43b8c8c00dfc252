#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast the server's order comes: from the first-ever start of a program by a ready daemon to its death, from the line
of the failed login that is one too many to the element in the kernel's set (as `nft monitor` tells it, beside fail2ban and
CrowdSec where $PEER_FIGURES has them), and how long taking back a thousand takes. One at a time: the next begins when the
host has answered about the one before. The breakers of server and guard are set so high that they do not stop it."""
import os, random, select, shutil, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

N = int(os.environ.get("N", "100"))
BANS = int(os.environ.get("BANS", "20"))
UNDONE = int(os.environ.get("UNDONE", "1000"))
DAEMON = r'''
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
extern char **environ;
static long long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }
int main(void) {
	char line[4096];
	while (fgets(line, sizeof line, stdin)) {
		pid_t p; int status = 0; long long begun;
		line[strcspn(line, "\n")] = 0;
		char *argv[] = { line, 0 };
		begun = now();
		if (posix_spawn(&p, line, 0, 0, argv, environ) == 0) waitpid(p, &status, 0);
		printf("%lld %d\n", now() - begun, WIFSIGNALED(status) ? WTERMSIG(status) : 0); fflush(stdout);
	}
}'''


def compile(path, source):
    subprocess.run(["cc", "-O2", "-o", path, "-xc", "-"], check=True, text=True, input=source)


def figure(name, took, q):
    took = sorted(took)
    print(f"bench {name} {took[min(len(took) - 1, int(len(took) * q))]:.3f} ms", flush=True)


def kills(site, start, work):
    endless = os.path.join(work, "endless")
    compile(endless, "#include <unistd.h>\nint main(void) { alarm(10); for (;;) pause(); }")
    took = []
    for i in range(N):
        path = os.path.join(work, f"strange{i:04d}")
        shutil.copy(endless, path)
        ns, signal = start(path)
        if signal == 9:
            took.append(ns / 1e6)
        if not wait(lambda: len(site.all("reactions", status="verified", limit=500)) >= i + 1, 5):
            print(f"# kill {i} was never verified")
    print(f"# {len(took)} of {N} were killed by order")
    if took:
        figure("kill_latency_p50", took, 0.5)
        figure("kill_latency_p99", took, 0.99)


class Monitor:
    """What the kernel says of new elements of sets."""

    def __init__(self):
        self.process = subprocess.Popen(["nft", "monitor", "elements"], stdout=subprocess.PIPE, bufsize=0)
        self.poll = select.poll()
        self.poll.register(self.process.stdout, select.POLLIN)
        self.seen = ""

    def wait(self, address, seconds):
        end = time.monotonic() + seconds
        while f" {address} " not in self.seen and time.monotonic() < end:
            if self.poll.poll(max(0, (end - time.monotonic()) * 1000)):
                self.seen = self.seen[-4096:] + os.read(self.process.stdout.fileno(), 65536).decode()
        return f" {address} " in self.seen


def fail(log, address, n):
    with open(log, "a") as f:
        f.write("".join(f"{time.strftime('%b %d %H:%M:%S')} host sshd[{700 + k}]: Failed password for invalid user u{k} from "
                        f"{address} port {1000 + k} ssh2\n" for k in range(n)))


def peers(took):
    """Ratios to what ran beside us: the better of the ways that a peer has."""
    theirs = {}
    for w in (line.split() for line in os.environ.get("PEER_FIGURES", "").splitlines()):
        if len(w) >= 4 and w[0] == "peer" and w[2].startswith("ban_p50"):
            theirs[w[1]] = min(float(w[3]), theirs.get(w[1], 1e9))
            print("# " + " ".join(w))
    for name, value in theirs.items():
        print(f"bench ban_latency_p50_vs_{name} {sorted(took)[len(took) // 2] / value:.4f} ratio", flush=True)


def bans(log):
    """One failed login after the other, each with the time for its ban to be told: the last one before it counts."""
    monitor, took, needed = Monitor(), [], []
    for i in range(BANS):
        address = f"198.18.{i // 250}.{i % 250 + 1}"
        for k in range(20):
            begun = time.monotonic()
            fail(log, address, 1)
            if monitor.wait(address, 0.2 + random.random() / 10):
                took.append((time.monotonic() - begun) * 1000)
                needed.append(k + 1)
                break
    monitor.process.kill()
    print(f"# {len(took)} of {BANS} sources were blocked, by failed login {min(needed, default=0)} to {max(needed, default=0)}")
    if took:
        figure("ban_latency_p50", took, 0.5)
        figure("ban_latency_p99", took, 0.99)
        peers(took)


def undo(site, host):
    for i in range(UNDONE):
        site.post("reactions", {"kind": "block_ip", "host": host, "address": f"198.19.{i // 250}.{i % 250 + 1}", "ttl": "10m"})
    if not wait(lambda: site.get("status")["counts"]["reactions"]["in_effect"] >= UNDONE, 120):
        print(f"# only {site.get('status')['counts']['reactions']} in effect")
        return
    begun = time.monotonic()
    site.post("reactions/undo", {"all": True})
    if wait(lambda: site.get("status")["counts"]["reactions"]["in_effect"] == 0, 120, 0.01):
        print(f"bench undo_server_{UNDONE} {time.monotonic() - begun:.3f} s", flush=True)


def main():
    isolate()
    options = {"detect.learning_min": "1s", "detect.unseen_max": "0.5", "react.daemon_max": "100000", "react.host_max": "100000",
               "react.share_max": "100"}
    with Site(options) as site:
        work = os.path.join(site.dir, "bin")
        os.makedirs(work)
        daemon, log = os.path.join(work, "benchd"), os.path.join(site.dir, "auth.log")
        open(log, "w").close()
        compile(daemon, DAEMON)
        agent = site.agent(monitor=daemon + ",sshd", options={"sensors.log_files": log, "reaction.breaker_max": "100000"})
        d = subprocess.Popen([daemon], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def start(path):
            d.stdin.write(path + "\n")
            d.stdin.flush()
            return [int(x) for x in d.stdout.readline().split()]

        known = os.path.join(work, "known")
        shutil.copy("/bin/true", known)

        def ready():
            start(known)
            return [x for x in site.get("daemons")["items"] if x["name"] == "benchd" and x.get("state") == "ready"]

        if not wait(ready, 120, every=0.1):
            raise RuntimeError("benchd never became ready")
        site.post("modes", {"mode": "active", "force": True})
        kills(site, start, work)
        if shutil.which("nft"):
            bans(log)
        undo(site, agent.host())
        d.stdin.close()


main()
