#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of daemons on a host with systemd: units, template instances, systemd-run, sessions; on cgroup v1+v2 and on v2 only."""
from harness import *
from probe import Probe
from sdhost import Host, tree

need_root()
if SANITIZED:
    skip_all("the host's tree has no sanitizer libraries")
if not os.environ.get("DS_MOUNTS"):  # mounts of our own, gone with the test
    tree()
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
               dict(os.environ, DS_MOUNTS="1"))
os.environ["PATH"] += ":/usr/sbin:/sbin"


def check_host(layout):
    host = Host("ds-" + layout, layout)
    try:
        run_host(host, layout)
    finally:
        host.close()


def found(probe, name, seconds=20, **fields):
    return probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == name and
                      all(e.get(k) == v for k, v in fields.items()), seconds)


def run_host(host, layout):
    host.write("/etc/systemd/system/echo@.service", "[Service]\nExecStartPre=/bin/true\nExecStart=/bin/sleep 1000\n")
    host.write("/etc/systemd/system/console-getty.service", "")
    host.write("/etc/crontab", "@reboot root sleep 1000\n")
    host.write("/root/.hushlogin", "")
    if not ok(host.boot(), f"{layout}: systemd comes up"):
        say(open(host.dir + "/log").read())
        return
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519")
    host.run("sh", "-c", "ip link set lo up; mkdir -p /root/.ssh; cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys;"
             "chmod 700 /root /root/.ssh; systemctl start nginx ssh cron echo@left:right")
    probe = Probe(host.dir + "/probe.log", ["-c", "exec /build/tests/system/attrib_probe -i 1000 -s exec_scan"],
                  prefix=[*host.enter(), "sh"], direct=True)
    e = found(probe, "nginx.service")
    ok(e and e["EXE"] == "/usr/sbin/nginx" and e["UNIT"] == "nginx.service" and e["ROLE"] == "service",
       f"{layout}: nginx.service, a unit")
    version = host.run("dpkg-query", "-W", "-f", "${Version}", "nginx-light").stdout
    owner = host.run("dpkg", "-S", "/usr/sbin/nginx").stdout.split(":")[0]
    ok(e and e.get("PACKAGE") == owner and version and e.get("PACKAGE_VERSION", "").startswith("1."),
       f"{layout}: its package, in the host's own database")
    e = found(probe, "echo@left:right.service")
    ok(e and e["INSTANCE"] == "left:right" and e["EXE"].endswith("/sleep"), f"{layout}: an instance of a template")
    ok(found(probe, "ssh.service") and found(probe, "cron.service"), f"{layout}: ssh.service and cron.service")
    ok(found(probe, "cron/job", ROLE="job"), f"{layout}: what cron runs is cron/job")
    host.run("systemd-run", "/bin/sleep", "1000")
    ok(found(probe, "systemd-run/job", ROLE="transient"), f"{layout}: systemd-run's unit is systemd-run/job")
    ssh = subprocess.Popen([*host.enter(), "ssh", "-i", "/root/.ssh/id_ed25519", "-o", "StrictHostKeyChecking=no", "-o",
                            "LogLevel=ERROR", "root@127.0.0.1", "sleep 30"], stdin=subprocess.DEVNULL)
    ok(found(probe, "sshd/session", ROLE="session"), f"{layout}: a login is sshd/session")
    names = {p["exe"]: p["daemon"] for p in processes(host)}
    ok(names.get("/usr/sbin/nginx") == "nginx.service" and names.get("/usr/sbin/cron") == "cron.service",
       f"{layout}: processes belong to their units")
    host.run("systemctl", "stop", "nginx")
    ok(probe.wait(lambda e: e["kind"] == "DAEMON_GONE" and e["daemon"] == "nginx.service", 20), f"{layout}: nginx has gone")
    host.run("systemctl", "start", "nginx")
    ok(probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "nginx.service", 20, since=True),
       f"{layout}: and is back")
    host.run("ssh", "-i", "/root/.ssh/id_ed25519", "-o", "StrictHostKeyChecking=no", "root@127.0.0.1",
             "systemctl restart nginx")
    ok([p for p in processes(host) if p["exe"] == "/usr/sbin/nginx" and p["daemon"] == "nginx.service"],
       f"{layout}: restarted from a session, it is its unit's")
    # From the outside: the host is a container of a machine that runs no engine.
    r = subprocess.run([os.path.join(BUILD, "tests/system/attrib_probe"), "-p"], capture_output=True, text=True)
    outside = {json.loads(line)["daemon"] for line in r.stdout.splitlines()}
    ok("container:" + host.name in outside and "nginx.service" not in outside,
       f"{layout}: seen from outside it is a container, and its units are not the machine's")
    ssh.kill()
    probe.stop()


def processes(host):
    r = host.run("/build/tests/system/attrib_probe", "-p")
    return [json.loads(line) for line in r.stdout.splitlines()]


check_host("hybrid")
check_host("unified")
done()
