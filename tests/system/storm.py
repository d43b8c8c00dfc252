# SPDX-License-Identifier: GPL-2.0-or-later
"""storm - new programs of a daemon whose sibling lets each of them go on, without end and from before its exec."""
import os, subprocess

from harness import wait

STORM = """import os, signal, sys
sys.stdin.readline()
ended = []
for i in range({count}):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(r, 1)
        os.execv(f"{top}/new{i}", ["new", f"{top}/made{i}"])
    other = os.fork()
    if other == 0:
        try:
            while True:
                os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            os._exit(0)
    os.write(w, b"x")
    ended.append(os.waitpid(pid, 0)[1])
    os.waitpid(other, 0)
print(ended.count(9), *[x for x in os.listdir("{top}") if x.startswith("made")])"""


def storm(g, count, make):
    """make(path) puts a program there. How many were killed, which files were made, and what they said."""
    top = os.path.join(g.dir, "storm")
    os.makedirs(top)
    for i in range(count):
        make(f"{top}/new{i}")
    code = STORM.replace("{count}", str(count)).replace("{top}", top)
    p = subprocess.Popen([g.watched, "/usr/bin/python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait(lambda: g.find("EXEC", PID=p.pid, EXE=os.path.realpath("/usr/bin/python3")))
    return p.communicate("\n")[0]
