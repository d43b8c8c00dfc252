# SPDX-License-Identifier: GPL-2.0-or-later
"""far - another host beside ours: a network namespace of its own, and what listens in either."""
import subprocess, sys

LISTEN = """import socket, sys
s = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print(flush=True)
kept = []
while True:
    c, _ = s.accept()
    c.sendall(b"hello")
    kept.append(c)
"""


def begun(command):
    """A process that has said that it is ready."""
    p = subprocess.Popen(command, stdout=subprocess.PIPE)
    p.stdout.readline()
    return p


def network():
    return begun(["unshare", "-n", "sh", "-c", "echo; exec sleep 3600"])


def inside(ns):
    """What a command begins with to run in the network of a process; of ours when there is none."""
    return ["nsenter", "-t", str(ns), "-n"] if ns else []


def listen(port, ns=None):
    """Something that greets who connects, and keeps the connection."""
    return begun([*inside(ns), sys.executable, "-c", LISTEN, str(port)])


def ip(*args, ns=None):
    subprocess.run([*inside(ns), "ip", *args], check=True)
