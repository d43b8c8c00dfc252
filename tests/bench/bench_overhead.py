#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sensors cost a call: storms of exec, open, connect by a watched daemon, by a process that nobody watches, and
without any agent. Rounds of the three alternate, short and many, so that a slow minute of the machine hits all of them;
best of each. A minute on a quiet machine: an exec takes 0.9 ms, and each storm is four times its count, the first to warm
up. Figures are of the storm's processor time, which waiting for a busy processor does not change; those that end in _wall
of wall time. An exec is more than its sensor by a factor of hundreds, so the best of a few is not enough for it: pairs of
storms, watched and not, change place many times a phase, and the median of their ratios counts.

ROUNDS (4): with and without an agent. PART: storms, exec (default both). PAIRS (12) a phase."""
import os, re, shutil, statistics, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

STORMS = [("exec", 500, "true"), ("open", 50000, "file"), ("connect", 5000, "port"), ("udp", 100000, "port"),
          ("none", 300000, "file")]
ROUNDS = int(os.environ.get("ROUNDS", "4"))
PAIRS = int(os.environ.get("PAIRS", "12"))
PART = os.environ.get("PART", "storms,exec").split(",")


def bench(name, value, unit):
    print(f"bench {name} {value:.3f} {unit}", flush=True)


def storm(binary, mode, count, target, rounds=3):
    """Wall and processor ns a call."""
    r = subprocess.run([binary, mode, str(count), str(rounds), target], capture_output=True, text=True, check=True, timeout=60)
    return [float(f) for f in r.stdout.split()]


def round_of(binaries, targets):
    return {(who, mode): storm(path, mode, count, targets[kind])
            for who, path in binaries.items() for mode, count, kind in STORMS}


def agent_cpu_s(agent):
    """Of guard and uplink."""
    total = 0
    for pid in (agent.process.pid, agent.uplink_pid()):
        d = f"/proc/{pid}/task"
        total += sum(int(open(f"{d}/{t}/schedstat").read().split()[0]) for t in os.listdir(d))
    return total / 1e9


def sensor_ns(guard):
    """What the kernel counted of the time the guard's programs ran, and how often they did."""
    total, runs, d = 0, 0, f"/proc/{guard}/fdinfo"
    for fd in os.listdir(d):
        text = open(f"{d}/{fd}").read()
        if "prog_id:" in text:
            total += int((re.search(r"run_time_ns:\s*(\d+)", text) or [0, 0])[1])
            runs += int((re.search(r"run_cnt:\s*(\d+)", text) or [0, 0])[1])
    return total, runs


def by_sensors(guard, binary, mode, target, n):
    """us a call, and a run of a program, that the sensors took by the kernel's own clock, which costs a little itself; with
    all that the machine did meanwhile."""
    switch = "/proc/sys/kernel/bpf_stats_enabled"
    old = open(switch).read()
    open(switch, "w").write("1")
    try:
        before = sensor_ns(guard)
        storm(binary, mode, n, target, 1)
        ns, runs = (a - b for a, b in zip(sensor_ns(guard), before))
        return ns / (2 * n) / 1000, ns / max(runs, 1) / 1000
    finally:
        open(switch, "w").write(old)


def exec_pairs(binaries, target, n=PAIRS):
    """Processor ns an exec, watched and other, of storms beside each other; who is first changes."""
    pairs = []
    for i in range(n):
        order = ["watched", "other"] if i % 2 else ["other", "watched"]
        pair = {who: storm(binaries[who], "exec", 60, target, 2)[1] for who in order}
        pairs.append((pair["watched"], pair["other"]))
    return pairs


def exec_figures(pairs):
    """What being watched costs: the ratio of watched to other with an agent, over the same ratio without one; and what an
    agent costs those it does not watch, which needs a machine that is the same from phase to phase."""
    ratio = {phase: statistics.median(w / o for w, o in p) for phase, p in pairs.items()}
    other = {phase: statistics.median(o for _, o in p) for phase, p in pairs.items()}
    bench("overhead_exec", 100 * (ratio["with"] / ratio["without"] - 1), "%")
    for phase, p in pairs.items():
        r = sorted(w / o for w, o in p)
        print(f"# {phase} agent: watched/other median {ratio[phase]:.4f}, quartiles {r[len(r) // 4]:.4f} and "
              f"{r[len(r) * 3 // 4]:.4f} of {len(r)} pairs")
    bench("overhead_exec_bare", other["without"] / 1000, "us")
    bench("overhead_exec_other", 100 * (other["with"] / other["without"] - 1), "%")


def main():
    isolate()
    work = tempfile.mkdtemp(prefix="daemonsec-bench.")
    source = os.path.join(BUILD, "tests", "bench", "storm")
    binaries = {}
    for who, name in (("watched", "stormd"), ("other", "bystander")):
        binaries[who] = os.path.join(work, name)
        shutil.copy(source, binaries[who])
    nop = os.path.join(work, "nop")
    subprocess.run(["cc", "-O2", "-static", "-o", nop, "-xc", "-"], input="int main(void){return 0;}", text=True, check=True)
    target = os.path.join(work, "file")
    open(target, "w").close()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    pid = os.fork()
    if pid == 0:
        while True:
            listener.accept()[0].close()
    targets = {"true": nop, "file": target, "port": str(listener.getsockname()[1])}
    best, pairs = {}, {"with": [], "without": []}

    def measure(phase):
        if "storms" in PART:
            for key, figures in round_of(binaries, targets).items():
                old = best.get((phase, *key), [1e18, 1e18])
                best[phase, *key] = [min(a, b) for a, b in zip(old, figures)]
        if "exec" in PART:
            pairs[phase] += exec_pairs(binaries, nop)

    with Site() as site:
        agent = site.agent(monitor=binaries["watched"])
        for _ in range(ROUNDS):
            measure("with")
            agent.stop()
            measure("without")
            agent.start()
            wait(site.connected)
        if "exec" in PART:
            used = agent_cpu_s(agent)
            storm(binaries["watched"], "exec", 500, nop, 1)
            bench("overhead_exec_agent", (agent_cpu_s(agent) - used) * 1e6 / 1000, "us")  # a thousand: half warm up
            bench("overhead_exec_sensors", by_sensors(agent.process.pid, binaries["watched"], "exec", nop, 500)[0], "us")
            bench("overhead_exec_sensors_other", by_sensors(agent.process.pid, binaries["other"], "exec", nop, 500)[0], "us")
        if "storms" in PART:
            bench("overhead_other_sensors", by_sensors(agent.process.pid, binaries["other"], "open", target, 100000)[1], "us")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    shutil.rmtree(work)
    if "exec" in PART:
        exec_figures(pairs)
    if "storms" in PART:
        storm_figures(best)


def storm_figures(best):
    def extra(who, mode, i=1):
        return (best["with", who, mode][i] - best["without", who, mode][i]) / 1000

    for name, who, mode in (("open", "watched", "open"), ("connect", "watched", "connect"), ("udp", "watched", "udp"),
                            ("other", "other", "open"), ("other_exec", "other", "exec"), ("syscall", "other", "none")):
        bench(f"overhead_{name}", extra(who, mode), "us")
        bench(f"overhead_{name}_wall", extra(who, mode, 0), "us")
    for mode in ("exec", "open", "connect"):
        bench(f"storm_{mode}_bare", best["without", "watched", mode][0] / 1000, "us")
    # For the ratio to auditd, which must come last of all: what it leaves behind costs every later process until reboot.
    with open(os.path.join(BUILD, "tests", "bench", "overhead"), "w") as f:
        for mode in ("exec", "open", "connect", "udp"):
            f.write(f"{mode} {extra('watched', mode, 0)}\n")


main()
