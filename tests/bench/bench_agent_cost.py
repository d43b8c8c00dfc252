#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory and idle CPU of guard and uplink while they watch 20 daemons, over a quiet minute; and the time from start to sensing."""
import os, re, shutil, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

SECONDS = int(os.environ.get("SECONDS", "60"))


def cpu_seconds(pid):
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, key):
    return int(re.search(rf"{key}:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read()).group(1)) / 1024


def main():
    isolate()
    with Site() as site:
        daemons = []
        for i in range(20):
            path = os.path.join(site.dir, f"bench{i}d")
            shutil.copy("/bin/sleep", path)
            daemons.append(subprocess.Popen([path, "600"], start_new_session=True))
        begun = time.monotonic()
        agent = site.agent(monitor=",".join(os.path.join(site.dir, f"bench{i}d") for i in range(20)))
        start = site.events("event.action:agent_start")
        print(f"bench agent_connected {1000 * (time.monotonic() - begun):.0f} ms")
        wait(lambda: len(site.get("daemons")["items"]) >= 20, 20)
        pids = [agent.process.pid, agent.uplink_pid()]
        before = [cpu_seconds(p) for p in pids]
        t = time.monotonic()
        time.sleep(SECONDS)  # the measurement itself: a quiet minute
        used = sum(cpu_seconds(p) - b for p, b in zip(pids, before)) / (time.monotonic() - t)
        print(f"bench agent_idle_cpu {100 * used:.3f} %_of_a_core")
        for name, pid in zip(("guard", "uplink"), pids):
            print(f"bench agent_rss_{name} {memory(pid, 'Rss'):.1f} MiB")
            print(f"bench agent_pss_{name} {memory(pid, 'Pss'):.1f} MiB")
        print(f"bench agent_rss {sum(memory(p, 'Rss') for p in pids):.1f} MiB")
        for d in daemons:
            d.kill()


main()
