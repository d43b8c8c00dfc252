#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An agent without BPF, [general] sensors = fallback: what starts, is written, listens and logs in arrives and says how
it was seen; status and hosts say which sensors run and what they cannot see."""
from harness import *

# Not isolated: the proc connector speaks to the initial namespaces only. Where this is none, /proc is looked at instead.
need_root()
need("perl")
dir = tempfile.mkdtemp(prefix="daemonsec-fallback.", dir="/var/tmp")
daemon = f"{dir}/fallback-daemon"
shutil.copy("/bin/bash", daemon)
LOG = f"{dir}/auth.log"
EXEC = 'event.action:exec and process.name:sleep'


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Daemon:
    """A shell that is the daemon; it stays, so that what it does can be told to be its."""

    def __init__(self):
        self.p = subprocess.Popen([daemon, "--norc"], stdin=subprocess.PIPE, text=True)

    def do(self, command):
        self.p.stdin.write(command + "\n")
        self.p.stdin.flush()

    def stop(self):
        self.p.stdin.close()
        self.p.wait(20)


def of_agent(agent):
    """The guard and the processes below it."""
    uplink = agent.uplink_pid()
    return [agent.process.pid] + ([uplink] if uplink else [])


def bpf_of(pid):
    """Descriptors of BPF objects that the process holds."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return [x for x in links if any(w in x for w in ("bpf", "btf", "perf_event"))]


def one(q):
    events = wait(lambda: site.events("service.name:fallback-daemon and " + q), 20, 0.1)
    return events[0] if events else {}


def is_fallback(event):
    return "fallback" in event.get("daemonsec", {}).get("flags", [])


def check_status():
    """What a person reads: each sensor that runs, what it is blind to, and what nothing sees."""
    text = site.connected()[0]["sensors"]
    say(text)
    sees, _, orders = text.partition("; orders: ")
    runs, _, unseen = sees.partition("; nothing sees ")
    names = {r.partition(":")[0] for r in runs.split("; ")}
    ok(len(names) >= 3 and names <= {"integrity", "exec_netlink", "exec_scan", "file_fanotify", "net_diag"},
       "hosts: the sensors that run are the fallbacks")
    ok("blind to" in runs and "shorter than a second" in runs, "hosts: what they are blind to")
    ok({"read", "ptrace", "capset", "mount", "send", "vm_write", "namespace"} <= set(unseen.split(", ")) and
       not {"exec", "create", "listen"} & set(unseen.split(", ")), "hosts: what nothing sees, to the end of the list")
    ok(text in site.ctl("status").stdout, "status says the same")
    e = wait(lambda: site.events("event.action:agent_start"))[0]
    ok(e.get("message") == sees and orders == "taken", "and the agent's start; and whether orders are taken")


def check_no_bpf(agent):
    held = [x for pid in of_agent(agent) for x in bpf_of(pid)]
    ok(not held, f"no program, map or tracepoint is held by the agent {held or ''}")


def check_events():
    d.do("sleep 0.7")
    e = one(EXEC)
    ok(e and is_fallback(e) and e["process"]["parent"]["executable"] == daemon, "a start, its parent, and how it was seen")
    ok(e.get("process", {}).get("command_line") == "sleep 0.7", "its arguments")
    d.do(f"echo x >{dir}/new")
    e = one(f'event.action:create and file.path:"{dir}/new"')
    ok(e and is_fallback(e) and e["process"]["pid"] == d.p.pid, "a file that is created, and by whom")
    port = free_port()
    d.do(f"""exec perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(Listen=>1,LocalAddr=>"127.0.0.1",LocalPort=>{port});"""
         f"""$c=IO::Socket::INET->new("127.0.0.1:{port}"); <STDIN>'""")
    e = one(f"event.action:listen and destination.port:{port}")
    ok(e and is_fallback(e) and e["process"]["pid"] == d.p.pid, "a listener")
    e = one(f"event.action:connect and destination.port:{port}")
    ok(e and is_fallback(e), "a connection")
    with open(LOG, "a") as f:
        f.write(time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime()) +
                " here sshd[77]: Accepted password for alice from 192.0.2.7 port 4242 ssh2\n")
    login = wait(lambda: site.events("event.action:login and user.name:alice"), 20, 0.1)
    ok(login and login[0]["source"]["ip"] == "192.0.2.7", "a login")
    missing = [e["event"]["action"] for e in site.events("service.name:fallback-daemon") if not is_fallback(e)
               and e["event"]["action"] in ("exec", "exit", "create", "write", "listen", "connect", "accept")]
    ok(not missing, f"all that the kernel was asked for says so {missing or ''}")


open(LOG, "w").close()
with Site(port=free_port(), api_port=free_port()) as site:
    d = Daemon()
    agent = site.agent(monitor=daemon, options={"general.sensors": "fallback", "sensors.log_files": LOG, "sensors.journal": "false"})
    check_status()
    check_no_bpf(agent)
    check_events()
    check_no_bpf(agent)
    d.stop()
shutil.rmtree(dir, ignore_errors=True)
done()
