#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""From the first-ever start of a program by a ready daemon to the alert being readable in the API, on loopback, the whole
way: kernel, guard, spool, TLS, detector, commit. Each of N rounds starts a program of another name."""
import os, shutil, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

N = int(os.environ.get("N", "60"))


def main():
    isolate()
    with Site({"detect.learning_min": "1s", "detect.unseen_max": "0.5"}) as site:
        work = os.path.join(site.dir, "bin")
        os.makedirs(work)
        daemon = os.path.join(work, "benchd")
        # A daemon that starts what it is told, line by line, and says when it did.
        subprocess.run(["cc", "-O2", "-o", daemon, "-xc", "-"], check=True, text=True, input=r'''
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
extern char **environ;
int main(void) {
	char line[4096];
	while (fgets(line, sizeof line, stdin)) {
		struct timespec t; pid_t p;
		line[strcspn(line, "\n")] = 0;
		char *argv[] = { line, 0 };
		clock_gettime(CLOCK_MONOTONIC, &t);
		if (posix_spawn(&p, line, 0, 0, argv, environ) == 0) waitpid(p, 0, 0);
		printf("%lld\n", (long long)t.tv_sec * 1000000000LL + t.tv_nsec); fflush(stdout);
	}
}''')
        site.agent(monitor=daemon)
        d = subprocess.Popen([daemon], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def start(path):
            d.stdin.write(path + "\n")
            d.stdin.flush()
            return int(d.stdout.readline())

        known = os.path.join(work, "known")
        shutil.copy("/bin/true", known)

        def ready():
            start(known)
            return [x for x in site.get("daemons")["items"] if x["name"] == "benchd" and x.get("state") == "ready"]

        if not wait(ready, 120, every=0.1):
            raise RuntimeError("benchd never became ready")
        took = []
        for i in range(N):
            path = os.path.join(work, f"strange{i:03d}")
            shutil.copy("/bin/true", path)
            begun = start(path)
            name = f"strange{i:03d}"

            def seen():
                # The newest alert may have grown: its document names the new child.
                page = site.get("alerts", limit=5)
                return any(name in json.dumps(a) for a in page["items"])

            if not wait(seen, 10, every=0.0005):
                print(f"# round {i}: no alert")
                continue
            took.append((time.monotonic_ns() - begun) / 1e6)
            for a in site.get("alerts", limit=5, status="open")["items"]:
                site.post(f"alerts/{a['id']}/close")
        took.sort()
        if took:
            print(f"bench alert_latency_p50 {took[len(took) // 2]:.2f} ms")
            print(f"bench alert_latency_p99 {took[min(len(took) - 1, len(took) * 99 // 100)]:.2f} ms")
            print(f"bench alert_latency_found {len(took)} of_{N}")


main()
