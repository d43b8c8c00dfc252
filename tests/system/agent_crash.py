#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Guard and uplink are killed with SIGKILL, again and again, under load; every event is accounted for.

A watched program creates files, each with a name of its own, and notes when. Killing the uplink may lose and repeat
nothing. Killing the guard blinds it until it is started again: then each file that is missing must lie inside a gap that
the agent told."""
import os, random, subprocess, sys, threading
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import *

KILLS = int(os.environ.get("KILLS", "10" if SANITIZED else "50"))
GUARDS = 2 if SANITIZED else 5
GUARD_KILLS = 4 if SANITIZED else KILLS

CHURN = r'''
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
static volatile sig_atomic_t over;
static void stop(int s) { (void)s; over = 1; }
int main(int argc, char **argv) {
	char path[4096];
	struct timespec pause = { 0, 5000000 };
	(void)argc;
	signal(SIGTERM, stop);
	for (unsigned i = 0; !over; i++) {
		struct timespec t, u;
		clock_gettime(CLOCK_REALTIME, &t);
		snprintf(path, sizeof path, "%s/%02u/file-%06u", argv[1], i % 100, i);
		int fd = open(path, O_CREAT | O_WRONLY, 0600);
		if (fd < 0) return 1;
		close(fd);
		clock_gettime(CLOCK_REALTIME, &u);
		printf("%s %lld %lld\n", path, (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000,
			(long long)u.tv_sec * 1000000 + u.tv_nsec / 1000);
		nanosleep(&pause, 0);
	}
	return 0;
}'''


def churn(site, name, program):
    """The program at work: (process, file that it notes to)."""
    files = os.path.join(site.dir, name + "-files")
    for i in range(100):  # many new names in one directory would be told as a crowd
        os.makedirs(f"{files}/{i:02}")
    note = open(os.path.join(site.dir, name + "-note"), "w+")
    return subprocess.Popen([program, files], stdout=note), note


def created(note):
    """Path -> when: some time between these two."""
    note.seek(0)
    return {path: (int(t), int(u)) for path, t, u in (line.split() for line in note)}


def stored(site, prefix):
    counts = {}
    for e in site.events(f'event.action:create and file.path:{prefix}*', limit=1000):
        path = e["file"]["path"]
        counts[path] = counts.get(path, 0) + e.get("daemonsec", {}).get("count", 1)
    return counts


def all_stored(site, files, wanted):
    return set(stored(site, files)) >= set(wanted)


def kill_uplinks(site, agent):
    p, note = churn(site, "uplink", os.path.join(site.dir, "churnd"))
    killed = 0
    for _ in range(KILLS):
        pid = wait(agent.uplink_pid, 20)
        # Once it has said hello, so that it dies in the middle of its work and not of its start; when, is chance.
        wait(site.connected, 20, every=0.005)
        time.sleep(random.uniform(0.0, 0.1))
        if pid:
            os.kill(pid, signal.SIGKILL)
            killed += 1
            wait(lambda: agent.uplink_pid() not in (None, pid), 20, every=0.005)
    p.terminate()
    p.wait()
    wanted = created(note)
    files = os.path.join(site.dir, "uplink-files") + "/"
    wait(lambda: all_stored(site, files, wanted), 60, every=0.5)
    got = stored(site, files)
    missing = set(wanted) - set(got)
    ok(killed == KILLS, f"the uplink was killed {KILLS} times and came back each time")
    ok(not missing, f"none of {len(wanted)} files created meanwhile is missing")
    say(f"missing: {sorted(missing)[:5]}")
    twice = [f for f, n in got.items() if n != 1]
    ok(not twice, "none arrived twice")
    say(f"twice: {[(f, got[f]) for f in twice[:5]]}")


class Victim:
    """An agent whose guard is killed again and again, with a churn of its own. The kernel takes a second to put away what
    a guard had attached, most of it waiting: several of them die side by side."""

    def __init__(self, site, number):
        self.site, self.name = site, f"guard{number}"
        self.program = shutil.copy(os.path.join(site.dir, "churnd"), os.path.join(site.dir, self.name + "d"))
        self.agent = site.agent(self.name, monitor=self.program)
        self.kills = 0

    def run(self):
        p, note = churn(self.site, self.name, self.program)
        for _ in range(GUARD_KILLS // GUARDS):
            before = self.agent.sessions()
            self.agent.process.kill()
            self.agent.start()
            self.kills += bool(wait(lambda: self.agent.sessions() > before, 20))
            time.sleep(random.uniform(0.0, 0.5))
        p.terminate()
        p.wait()
        self.wanted = created(note)

    def gaps(self):
        found = []
        for e in self.site.events(f"event.action:gap and host.id:{self.agent.host()}", limit=1000):
            end = parse_time(e["@timestamp"])
            found.append((end - int(e["event"].get("duration", 0)) // 1000, end))
        return found

    def look(self):
        """What was not seen, what of it no gap tells, what came twice, and how many gaps there are."""
        files = os.path.join(self.site.dir, self.name + "-files") + "/"
        got, gaps = stored(self.site, files), self.gaps()
        unseen = set(self.wanted) - set(got)
        uncovered = [f for f in unseen if not any(a - 50000 <= self.wanted[f][1] and self.wanted[f][0] <= b + 50000 for a, b in gaps)]
        return unseen, uncovered, [f for f, n in got.items() if n != 1], gaps

    def check(self):
        """The same in numbers, once all of it has arrived."""
        each = GUARD_KILLS // GUARDS
        wait(lambda: (lambda unseen, uncovered, twice, gaps: not uncovered and len(gaps) >= each)(*self.look()), 30, every=0.5)
        found = self.look()
        if found[1]:
            say(f"{self.name}: uncovered: {sorted(found[1])[:5]} gaps: {found[3][:3]}")
        return [len(x) for x in found]


def kill_guards(site):
    victims = [Victim(site, n) for n in range(GUARDS)]
    threads = [threading.Thread(target=v.run) for v in victims]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    results = [v.check() for v in victims]
    unseen, uncovered, twice, _ = (sum(column) for column in zip(*results))
    each = GUARD_KILLS // GUARDS
    ok(all(v.kills == each for v in victims), f"{GUARDS} guards were killed {each} times each, and came back each time")
    ok(all(r[3] >= each for r in results), f"each death of a guard is told as a gap ({[r[3] for r in results]})")
    ok(not uncovered, f"each of {unseen} files not seen, of {sum(len(v.wanted) for v in victims)}, lies inside a gap")
    ok(not twice, "none arrived twice")


def main():
    isolate()
    with Site() as site:
        subprocess.run(["cc", "-O2", "-o", os.path.join(site.dir, "churnd"), "-xc", "-"], input=CHURN, text=True, check=True)
        agent = site.agent(monitor=os.path.join(site.dir, "churnd"))
        kill_uplinks(site, agent)
        agent.stop()
        kill_guards(site)
    done()


main()
