#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A 1 MiB program of a watched daemon is replaced again and again: from the rename to its event at the guard, to the
event and back through the server (policy, signed order), and until the file is as it was."""
import hashlib, os, shutil, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

N = int(os.environ.get("N", "20"))
SIZE = 1 << 20


def figures(name, values):
    values.sort()
    for q in (50, 99):
        print(f"bench {name}_p{q} {values[min(len(values) - 1, len(values) * q // 100)]:.1f} ms", flush=True)


def daemon(work):
    """A program of 1 MiB that waits."""
    path = os.path.join(work, "benchd")
    shutil.copy("/usr/bin/sleep", path)
    with open(path, "ab") as f:
        f.write(os.urandom(SIZE - os.path.getsize(path)))
    os.chmod(path, 0o755)
    return path


def main():
    isolate()
    options = {"detect.learning_min": "1s", "react.daemon_max": "100000", "react.host_max": "100000"}
    with Site(options) as site:
        work = tempfile.mkdtemp(prefix="daemonsec-bench.", dir="/var/tmp")
        path = daemon(work)
        good = open(path, "rb").read()
        p = subprocess.Popen([path, "100000"])
        agent = site.agent(monitor=path)
        vault = os.path.join(agent.dir, "guard", "vault", "objects", hashlib.sha256(good).hexdigest())
        wait(lambda: os.path.exists(vault), 30)
        site.ctl("protect", "--mode=active", "--force")
        took, missed = [], 0
        for i in range(N):
            with open(path + ".x", "wb") as f:
                f.write(good[:-64] + os.urandom(64))
            os.chmod(path + ".x", 0o755)
            inode = os.stat(path + ".x").st_ino
            begun = time.monotonic()
            os.rename(path + ".x", path)
            if wait(lambda: os.stat(path).st_ino != inode, 10, 0.0005):
                took.append((time.monotonic() - begun) * 1e3)
            else:
                missed += 1
            if open(path, "rb").read() != good:
                missed += 1
            if missed or not wait(lambda: len(site.all("reactions", status="verified")) == len(took), 10):
                break  # the breakers allow so many a minute
        p.kill()
        shutil.rmtree(work, ignore_errors=True)
        if took:
            figures("restore_1mib", took)
        print(f"bench restore_found {len(took)} of {N}", flush=True)
        if missed:
            say(site.all("reactions")[:1])


main()
