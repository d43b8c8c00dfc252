#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The sensors for kernels without BPF: proc connector, /proc scanner, fanotify, sock_diag; what they see of a daemon."""
from harness import *
from probe import Probe

need_root()
FALLBACK, FIRST, REPEAT = 0x20, 0x01, 0x02
dir = tempfile.mkdtemp(prefix="daemonsec-fallbacks.", dir="/var/tmp")
name = "fallback-daemon"
shutil.copy("/bin/bash", f"{dir}/{name}")


class Daemon:
    """A shell that is the daemon, told what to do."""

    def __init__(self, prefix=()):
        self.p = subprocess.Popen([*prefix, f"{dir}/{name}", "--norc"], stdin=subprocess.PIPE, text=True)

    def do(self, command):
        self.p.stdin.write(command + "\n")
        self.p.stdin.flush()

    def act(self, code):
        """In a program of the daemon's that stays until the next one: who somebody was that has gone cannot be told."""
        self.do(f"[ -z $ACTOR ] || kill $ACTOR; {sys.executable} -c 'import os, signal; {code}; signal.pause()' & ACTOR=$!")

    def stop(self):
        self.do("[ -z $ACTOR ] || kill $ACTOR; wait")
        self.p.stdin.close()
        self.p.wait(20)


def is_kind(kind, **fields):
    return lambda e: e["kind"] == kind and e["daemon"] == name and all(e.get(k) == v for k, v in fields.items())


def opened(probe, sensor):
    return probe.wait(lambda e: e.get("sensor") == sensor)["open"] >= 0


daemon = Daemon()
probe = Probe(dir + "/probe.log", ["-i", "1000", "-m", f"{dir}/{name}", "-s", "exec_netlink", "-s", "file_fanotify",
                                   "-s", "net_diag"])
sleep = os.path.realpath("/bin/sleep")
if opened(probe, "exec_netlink"):
    # What is not there any more when its turn comes has no name: all of these stay until they are seen.
    daemon.do("sleep 1000 & ALL=$!")
    e = probe.wait(is_kind("EXEC", EXE=sleep))
    ok(e and e["flags"] & (FALLBACK | FIRST) == FALLBACK | FIRST, "netlink: a program is told, as from a fallback")
    ok(e and e["PARENT_EXE"] == f"{dir}/{name}" and e["ARGS"] == "sleep\x001000", "netlink: its parent and arguments")
    daemon.do('for i in {1..50}; do sleep 1000 & ALL="$ALL $!"; done')
    count = lambda: sum(e["count"] for e in probe.events if is_kind("EXEC", EXE=sleep)(e))
    ok(wait(lambda: count() == 51, 20), "netlink: fifty more are counted, none is lost")
    ok(len([e for e in probe.events if is_kind("EXEC", EXE=sleep)(e)]) < 20, "netlink: and folded")
    daemon.do("kill $ALL")
    daemon.do("sleep 60 & kill -9 $!")
    ok(probe.wait(is_kind("EXIT", SIGNAL=9)), "netlink: the signal that ended one is told")
    daemon.do("setpriv --reuid=65534 sleep 0.3")
    ok(probe.wait(is_kind("SETUID", NEW_UID=65534)), "netlink: a change of user is told")
    daemon.do(f"cp /bin/sleep {dir}/other; {dir}/other 1000 & OTHER=$!")
    ok(probe.wait(is_kind("EXEC", EXE=f"{dir}/other")), "netlink: a program of its own directory is told")
    daemon.do("kill $OTHER")
else:
    say("the proc connector does not answer here")
if opened(probe, "file_fanotify"):
    daemon.do(f"echo x > {dir}/a")
    ok(probe.wait(is_kind("FILE_CREATE", PATH=f"{dir}/a")), "fanotify: a file that is created")
    ok(probe.wait(is_kind("FILE_WRITE", PATH=f"{dir}/a")), "fanotify: a file that is written")
    daemon.act(f'os.chmod("{dir}/a", 0o640)')
    ok(probe.wait(is_kind("FILE_CHMOD", PATH=f"{dir}/a", MODE=0o640)), "fanotify: a mode that is changed")
    daemon.act(f'os.rename("{dir}/a", "{dir}/b")')
    ok(probe.wait(is_kind("FILE_RENAME", TARGET_PATH=f"{dir}/b")), "fanotify: a file that is renamed")
    daemon.act(f'os.unlink("{dir}/b")')
    ok(probe.wait(is_kind("FILE_UNLINK", PATH=f"{dir}/b")), "fanotify: a file that is removed")
    ok(not probe.find(lambda e: e["kind"].startswith("FILE_") and e["daemon"] != name), "fanotify: others are not told")
else:
    say("fanotify cannot mark a file system here")
if opened(probe, "net_diag"):
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    daemon.do(f"exec 5<>/dev/tcp/127.0.0.1/{port}")
    e = probe.wait(is_kind("CONNECT", DPORT=port))
    ok(e and e["DADDR"] == "7f000001" and e["SADDR"] == "7f000001" and e["PID"] == daemon.p.pid,
       "net_diag: a connection, its address and process")
    daemon.do("exec 5>&-")
    server.close()
else:
    say("sock_diag does not answer here")
daemon.stop()
probe.stop()

# Where the proc connector does not speak.
inside = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
probe = Probe(dir + "/scan.log", ["-c", f"""
    {dir}/{name} --norc -c 'while :; do sleep 0.9; done' &
    exec {os.path.abspath(BUILD)}/tests/system/attrib_probe -m {dir}/{name} -s exec_netlink -s exec_scan"""],
              prefix=[*inside, "sh"], direct=True)
ok(not opened(probe, "exec_netlink"), "scan: in a namespace of its own the connector is refused, not silent")
ok(opened(probe, "exec_scan"), "scan: the scanner runs there")
ok(probe.wait(is_kind("EXEC", EXE=sleep)), "scan: a program that lives for a second is found")
probe.stop()
if not os.environ.get("DS_KEEP"):
    shutil.rmtree(dir, ignore_errors=True)
done()
