#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guard with its eBPF sensors on a host with systemd, on cgroup v1+v2 and on v2 only: what units, sessions and
transient units do is theirs from the first program on; other processes of this machine are not seen."""
from harness import *
from guard import log_text
from sdhost import Host, install_guard, own_mounts

own_mounts()


def events(host):
    path = host.root + "/guard/conf.events"
    return [json.loads(line) for line in log_text(path).splitlines()]


def find(host, kind, **fields):
    return [e for e in events(host) if e["kind"] == kind and
            all(v(e.get(k)) if callable(v) else e.get(k) == v for k, v in fields.items())]


def seen(host, kind, **fields):
    return wait(lambda: find(host, kind, **fields), 15, 0.1)


def run_host(host, layout):
    install_guard(host)
    host.write("/etc/systemd/system/unit@.service",
               "[Service]\nExecStartPre=/bin/true early\nExecStart=/bin/sh -c ': > /tmp/unit-%i; exec sleep 1000'\n")
    host.write("/etc/systemd/system/console-getty.service", "")
    host.write("/root/.hushlogin", "")
    if not ok(host.boot(), f"{layout}: systemd comes up"):
        say(log_text(host.dir + "/log"))
        return
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519")
    host.run("sh", "-c", "ip link set lo up; cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys;"
             "chmod 700 /root /root/.ssh; systemctl start nginx ssh")
    # KillMode=mixed: the uplink ends when the guard has given it the last event.
    r = host.run("systemd-run", "--unit=guard", "-p", "Type=notify", "-p", "WatchdogSec=20", "-p", "NotifyAccess=main",
                 "-p", "StandardError=file:/guard/log", "-p", "KillMode=mixed", "/build/agent/daemonsec-agent", "-c", "/guard/conf")
    if not ok(r.returncode == 0, f"{layout}: the guard starts as a unit and says that it is ready"):
        say(r.stderr + log_text(host.root + "/guard/log"))
        return
    host.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3")
    ok(seen(host, "ACCEPT", daemon="nginx.service", DPORT=80), f"{layout}: a connection to nginx, which ran before")
    host.run("systemctl", "start", "unit@left")
    ok(seen(host, "EXEC", daemon="unit@left.service", ARGS="/bin/true\0early"),
       f"{layout}: the very first program of a unit is the unit's")
    ok(seen(host, "FILE_CREATE", daemon="unit@left.service", PATH="/tmp/unit-left"), f"{layout}: and what it does next")
    host.run("systemd-run", "--wait", "/bin/true", "transient")
    ok(seen(host, "EXEC", daemon="systemd-run/job", ARGS="/bin/true\0transient"), f"{layout}: systemd-run's unit is a job of its own")
    ssh = ["ssh", "-i", "/root/.ssh/id_ed25519", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "root@127.0.0.1"]
    host.run(*ssh, "touch /tmp/by-session; systemctl restart nginx")
    ok(seen(host, "FILE_CREATE", daemon="sshd/session", PATH="/tmp/by-session"), f"{layout}: a login is sshd/session")
    ok(seen(host, "EXEC", daemon="nginx.service", EXE="/usr/sbin/nginx"), f"{layout}: nginx restarted from it is its unit's")
    ok(seen(host, "DAEMON", daemon="nginx.service", PACKAGE=lambda p: p), f"{layout}: its identity is told")
    subprocess.run(["sh", "-c", "/bin/true outside-of-the-host"])
    host.run("systemd-run", "--wait", "/bin/true", "marker")
    seen(host, "EXEC", ARGS="/bin/true\0marker")
    ok(not [e for e in events(host) if "outside-of-the-host" in e.get("ARGS", "")], f"{layout}: the machine around it is not seen")
    pids = {e["PID"] for e in find(host, "EXEC")}
    ok(pids and max(pids) < 5000, f"{layout}: pids are those of the host")
    host.run("systemctl", "stop", "guard")
    ok(seen(host, "AGENT_STOP"), f"{layout}: stopped in order")


for layout in ("hybrid", "unified"):
    host = Host("ds-guard-" + layout, layout)
    try:
        run_host(host, layout)
        import harness
        if harness._failed:
            say(log_text(host.root + "/guard/log"))
            for e in events(host)[-60:]:
                say(json.dumps({k: e[k] for k in e if k in ("kind", "daemon", "EXE", "ARGS", "PATH", "PID", "PARENT_EXE")})[:200])
    finally:
        host.close()
done()
