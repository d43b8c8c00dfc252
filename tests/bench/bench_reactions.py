#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What reactions cost at a guard: bans with 10 000 active, undoing 1 000, new programs held, known ones not. The guard runs
alone, with a stand-in for the uplink, in a network namespace of its own."""
import os, shutil, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

isolate()
from orders import *

BANS = int(os.environ.get("BANS", "10000"))
HELD = int(os.environ.get("N", "1000"))


def answers(g):
    path = g.conf + ".results"
    return open(path, "rb").read().count(b"\n") if os.path.exists(path) else 0


def cpu(g):
    """CPU time of the guard, us."""
    t = open(f"/proc/{g.process.pid}/stat").read().rpartition(")")[2].split()
    return (int(t[11]) + int(t[12])) * 10**6 / os.sysconf("SC_CLK_TCK")


def send(g, orders):
    """How long it takes until all of them are answered, s. They are signed before."""
    want = answers(g) + len(orders)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(g.address)
    begun = time.monotonic()
    for data in orders:
        s.send(b"\x06" + data)
    if not wait(lambda: answers(g) >= want, 120, 0.002):
        print(f"# {want - answers(g)} orders were not answered")
    return time.monotonic() - begun


def bans(g):
    subprocess.run(["ip", "link", "set", "lo", "up"])
    made, ids = [], []
    for i in range(BANS):
        id, data = g.order("block_ip", address=f"198.{18 + i // 65536}.{i // 256 % 256}.{i % 256}", lifetime_ms=3600000)
        made.append(data)
        ids.append(id)
    used = cpu(g)
    first = send(g, made[:1000])
    middle = send(g, made[1000:-1000])
    last = send(g, made[-1000:])
    listed = subprocess.run(["nft", "-j", "list", "set", "inet", "daemonsec", "ban4"], capture_output=True, text=True)
    there = len(json.loads(listed.stdout)["nftables"][1]["set"].get("elem", []))
    print(f"bench ban_add_first_1000 {first * 1000:.1f} us  # an order: signature, checks, ledger, kernel, read-back, answer")
    print(f"bench ban_add_last_1000 {last * 1000:.1f} us  # with {there} of {BANS} in the kernel")
    print(f"bench ban_add_all {(first + middle + last) / BANS * 1e6:.1f} us  # CPU time of the guard: {(cpu(g) - used) / BANS:.1f} us")
    one = [g.do("block_ip", address=f"198.51.100.{i}", lifetime_ms=3600000)["took"] for i in range(1, 101)]
    one.sort()
    print(f"bench ban_add_alone_p50 {one[50]} us  # one order at a time, with {there} active; a sync of the disk is in it")
    undo = [g.order("undo", target=x)[1] for x in ids[:1000]]
    print(f"bench undo_1000 {send(g, undo):.3f} s")


SPAWN = r'''
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
extern char **environ;
int main(int argc, char **argv) {
	int n = atoi(argv[1]); struct timespec a, b; pid_t p; (void)argc;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < n; i++)
		if (posix_spawn(&p, argv[2], 0, 0, argv + 2, environ) == 0) waitpid(p, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.1f\n", ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / 1000 / n);
}'''


def held(g):
    spawn = os.path.join(g.dir, "spawn")
    subprocess.run(["cc", "-O2", "-o", spawn, "-xc", "-"], input=SPAWN, text=True, check=True)
    known = os.path.join(g.dir, "known")
    shutil.copy("/bin/true", known)

    def cost():
        return min(float(g.run(spawn, "400", known, capture_output=True, text=True).stdout) for _ in range(7))
    cost()
    # Known, too: it starts the new ones below.
    wait(lambda: (g.python(""), "python3" in open(os.path.join(g.dir, "guard", "known")).read())[1], 20, 0.2)
    g.wait("EXEC", EXE=known)
    free, with_hold = cost(), float("inf")
    for _ in range(3):  # in turn: the machine changes faster than what is measured
        r = g.do("hold", daemon=g.find("EXEC", EXE=known)[0]["daemon"])
        with_hold = min(with_hold, cost())
        g.do("undo", target=r["order"])
        free = min(free, cost())
    print(f"bench hold_known_start {(with_hold - free) / free * 100:.2f} %  # {free} us a start, {with_hold} us in prevent")
    g.do("hold", daemon=g.find("EXEC", EXE=known)[0]["daemon"])
    many = os.path.join(g.dir, "many")
    os.makedirs(many)
    code = f"""import shutil, subprocess
for i in range({HELD}):
    shutil.copy("/usr/bin/touch", "{many}/p%d" % i)
killed = 0
for i in range(0, {HELD}, 100):
    ps = [subprocess.Popen(["{many}/p%d" % j, "{many}/made%d" % j]) for j in range(i, min(i + 100, {HELD}))]
    killed += [p.wait() for p in ps].count(-9)
print(killed)"""
    begun = time.monotonic()
    p = g.python(code, capture_output=True, text=True)
    killed = int(p.stdout or 0)
    if p.returncode:
        print(f"# {p.returncode} {p.stderr[-300:]}")
    leaks = sum(x.startswith("made") for x in os.listdir(many))
    print(f"bench hold_leaks {leaks} of_{HELD}  # {killed} killed before their first instruction, {time.monotonic() - begun:.1f} s")


with OrderGuard({"general.log_level": "info", "reaction.hold_timeout": "20ms", "reaction.hold_default": "kill"}) as g:
    if BANS:
        bans(g)
    held(g)
