#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sensors cost a call: storms of exec, open, connect by a watched daemon, by a process that nobody watches, and
without any agent. Rounds of the three alternate, short and many, so that a slow minute of the machine hits all of them;
best of each. A minute on a quiet machine: an exec takes 0.9 ms, and each storm is four times its count, the first to warm
up."""
import os, shutil, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

STORMS = [("exec", 500, "true"), ("open", 50000, "file"), ("connect", 5000, "port"), ("udp", 100000, "port"),
          ("none", 300000, "file")]
ROUNDS = int(os.environ.get("ROUNDS", "4"))


def bench(name, value, unit):
    print(f"bench {name} {value:.3f} {unit}", flush=True)


def storm(binary, mode, count, target):
    r = subprocess.run([binary, mode, str(count), "3", target], capture_output=True, text=True, check=True, timeout=60)
    return float(r.stdout)


def round_of(binaries, targets):
    return {(who, mode): storm(path, mode, count, targets[kind])
            for who, path in binaries.items() for mode, count, kind in STORMS}


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
    best = {}

    def keep(phase, figures):
        for key, ns in figures.items():
            k = (phase, *key)
            best[k] = min(best.get(k, 1e18), ns)

    with Site() as site:
        agent = site.agent(monitor=binaries["watched"])
        for _ in range(ROUNDS):
            keep("with", round_of(binaries, targets))
            agent.stop()
            keep("without", round_of(binaries, targets))
            agent.start()
            wait(site.connected)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    shutil.rmtree(work)
    extra = {(who, mode): best["with", who, mode] - best["without", who, mode] for who in binaries for mode, _, _ in STORMS}
    bench("overhead_exec", 100 * extra["watched", "exec"] / best["without", "watched", "exec"], "%")
    bench("overhead_exec_us", extra["watched", "exec"] / 1000, "us")
    bench("overhead_open", extra["watched", "open"] / 1000, "us")
    bench("overhead_connect", extra["watched", "connect"] / 1000, "us")
    bench("overhead_udp", extra["watched", "udp"] / 1000, "us")
    bench("overhead_other", extra["other", "open"] / 1000, "us")
    bench("overhead_other_exec", extra["other", "exec"] / 1000, "us")
    bench("overhead_syscall", extra["other", "none"] / 1000, "us")
    for mode in ("exec", "open", "connect"):
        bench(f"storm_{mode}_bare", best["without", "watched", mode] / 1000, "us")
    # For the ratio to auditd, which must come last of all: what it leaves behind costs every later process until reboot.
    with open(os.path.join(BUILD, "tests", "bench", "overhead"), "w") as f:
        for mode in ("exec", "open", "connect", "udp"):
            f.write(f"{mode} {extra['watched', mode] / 1000}\n")


main()
