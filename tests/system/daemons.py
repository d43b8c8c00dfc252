#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real daemons started by hand, without systemd: their names, packages, versions, hashes; what belongs to whom."""
import hashlib, pwd

from harness import *
from probe import Probe

isolate()
need("nginx", "sshd", "ssh", "ssh-keygen", "cron")


def tmpfs(*paths):
    for p in paths:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", p], check=True)


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def dpkg(package):
    r = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return r.stdout


def owner(path):
    for p in (path, path.replace("/usr", "", 1)):
        r = subprocess.run(["dpkg-query", "-S", p], capture_output=True, text=True)
        if r.returncode == 0:
            return r.stdout.split(":")[0]
    return ""


def rpm_install(name, version):
    """Makes and installs a package with one program; its path."""
    program = f"/opt/{name}/{name}d"
    with open(f"{dir}/{name}.spec", "w") as f:
        f.write(f"Name: {name}\nVersion: {version}\nRelease: 3\nSummary: x\nLicense: x\n"
                f"%global _build_id_links none\n%global debug_package %{{nil}}\n%description\nx\n"
                f"%install\ninstall -D /bin/sleep %{{buildroot}}{program}\n%files\n{program}\n")
    build = subprocess.run(["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {dir}/rpm", f"{dir}/{name}.spec"],
                           capture_output=True, text=True)
    made = [os.path.join(d, f) for d, _, files in os.walk(f"{dir}/rpm/RPMS") for f in files]
    say(build.stderr if not made else made[0])
    subprocess.run(["rpm", "--initdb"], check=True)
    subprocess.run(["rpm", "-i", "--nodeps", *made], check=True)
    return program


def check_identity(probe, name, exe):
    found = probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == name, 20)
    if not ok(found, f"{name} is found"):
        return
    package = owner(exe)
    ok(found.get("EXE") == exe, f"{name}: its executable")
    ok(found.get("SHA256") == sha256(exe), f"{name}: the hash of its executable")
    ok(found.get("PACKAGE") == package, f"{name}: its package")
    ok(found.get("PACKAGE_VERSION") == dpkg(package), f"{name}: the package's version")
    ok(found.get("INODE") == os.stat(exe).st_ino, f"{name}: the inode")


dir = tempfile.mkdtemp(prefix="daemonsec-daemons.")
os.chmod(dir, 0o755)
tmpfs("/run", "/var/spool/cron", "/etc/cron.d")
os.makedirs("/run/sshd")
os.makedirs("/var/spool/cron/crontabs")
with open(dir + "/crontab", "w") as f:
    f.write("@reboot root sleep 60\n")
os.chmod(dir + "/crontab", 0o644)
subprocess.run(["mount", "--bind", dir + "/crontab", "/etc/crontab"], check=True)

# Before the probe: what runs already is found, not seen.
with open(dir + "/nginx.conf", "w") as f:
    f.write(f"worker_processes 2; pid {dir}/nginx.pid; error_log {dir}/nginx.log;\n"
            f"events {{}}\nhttp {{ access_log off; server {{ listen 127.0.0.1:8099; }} }}\n")
subprocess.run(["nginx", "-c", dir + "/nginx.conf"], check=True)
subprocess.run(["cron"], check=True)
probe = Probe(dir + "/probe.log", ["-i", "1000", "-s", "net_diag"])
check_identity(probe, "nginx", "/usr/sbin/nginx")
check_identity(probe, "cron", "/usr/sbin/cron")
ok(probe.find(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "nginx")["flags"] & 0x10, "they are marked as initial")
resource = probe.wait(lambda e: e["kind"] == "RESOURCE" and e["daemon"] == "nginx")
ok(resource and resource["PROCESSES"] == 3, "the master and its workers are one daemon")
ok(resource and resource.get("SOCKETS", 0) >= 1 and resource["RSS"] > 1 << 20, "its sockets and memory are counted")
job = probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "cron/job", 20)
ok(job and job["ROLE"] == "job", "a command that cron runs is cron/job")

# Afterwards.
subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir + "/host"], check=True)
subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir + "/user"], check=True)
shutil.copy(dir + "/user.pub", dir + "/authorized")
os.chmod(dir + "/authorized", 0o644)
subprocess.run([shutil.which("sshd"), "-p", "2299", "-h", dir + "/host", "-f", "/dev/null", "-o", "UsePAM=no", "-o",
                "StrictModes=no", "-o", "PermitRootLogin=yes", "-o", "PidFile=" + dir + "/sshd.pid", "-o",
                "AuthorizedKeysFile=" + dir + "/authorized"], check=True)
check_identity(probe, "sshd", os.path.realpath(shutil.which("sshd")))
ssh = subprocess.Popen(["ssh", "-p", "2299", "-i", dir + "/user", "-o", "StrictHostKeyChecking=no", "-o",
                        "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@127.0.0.1",
                        "exec sleep 60"], stdin=subprocess.DEVNULL)
session = probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "sshd/session", 20)
ok(session and session["ROLE"] == "session" and "EXE" not in session, "a command run through ssh is sshd/session")
names = {p["pid"]: p["daemon"] for p in probe.processes()}
ok(ssh.pid not in names, "the ssh client, started by nobody's daemon, belongs to none")

# A daemon that is restarted from an ssh session is its own, not the session's.
subprocess.run(["nginx", "-c", dir + "/nginx.conf", "-s", "stop"], check=True)
ok(probe.wait(lambda e: e["kind"] == "DAEMON_GONE" and e["daemon"] == "nginx", 20), "nginx has gone when it stopped")
subprocess.run(["ssh", "-p", "2299", "-i", dir + "/user", "-o", "StrictHostKeyChecking=no", "-o",
                "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@127.0.0.1",
                f"/usr/sbin/nginx -c {dir}/nginx.conf"], stdin=subprocess.DEVNULL, check=True)
ok(probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "nginx", 20, since=True), "nginx is found again")
ok([p for p in probe.processes() if p["daemon"] == "nginx" and p["exe"] == "/usr/sbin/nginx"],
   "started from a session, it is nginx all the same")

# An upgrade: the same path, another file.
before = probe.find(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "nginx")
shutil.copy("/usr/sbin/nginx", dir + "/nginx")
with open(dir + "/nginx", "ab") as f:
    f.write(b"upgraded")
subprocess.run(["mount", "--bind", dir + "/nginx", "/usr/sbin/nginx"], check=True)
subprocess.run(["nginx", "-c", dir + "/nginx.conf", "-s", "stop"], check=True)
wait(lambda: not os.path.exists(dir + "/nginx.pid"))
subprocess.run(["nginx", "-c", dir + "/nginx.conf"], check=True)
changed = probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "nginx" and e["SHA256"] != before["SHA256"], 20)
ok(changed and changed["SHA256"] == sha256(dir + "/nginx"), "another executable at the same path is told")

# A container's package database is the container's own. PostgreSQL: its backends are one daemon.
postgres = [p for p in ("/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/17/bin") if os.path.exists(p + "/initdb")]
if postgres:
    user = pwd.getpwnam("postgres")
    os.makedirs(dir + "/pg")
    os.chown(dir + "/pg", user.pw_uid, user.pw_gid)
    as_postgres = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    subprocess.run([*as_postgres, postgres[0] + "/initdb", "-N", "-D", dir + "/pg"], check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([*as_postgres, postgres[0] + "/postgres", "-D", dir + "/pg", "-k", dir + "/pg", "-c",
                               "listen_addresses="], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    check_identity(probe, "postgres", postgres[0] + "/postgres")
    found = probe.wait(lambda e: e["kind"] == "RESOURCE" and e["daemon"] == "postgres" and e["PROCESSES"] >= 5)
    ok(found, "postgres and its helpers are one daemon")
    ok(probe.find(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "postgres")["UID"] == user.pw_uid, "its user")
    server.terminate()
    server.wait()

# Somebody's own server, known to nobody: it listens, so it is a daemon.
with open(dir + "/server.py", "w") as f:
    f.write("import socket, time, subprocess\ns = socket.socket()\ns.bind(('127.0.0.1', 8098))\ns.listen()\n"
            "while True: subprocess.run(['sleep', '0.5'])\n")
own = subprocess.Popen([sys.executable, dir + "/server.py"], stdin=subprocess.DEVNULL, start_new_session=True)
ok(probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "server.py", 20), "what begins to listen is a daemon")
probe.stop()
probe = Probe(dir + "/probe2.log", ["-i", "1000"])
e = probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "server.py", 20)
ok(e and e["EXE"] == os.path.realpath(sys.executable), "and what listens already")
own.kill()
probe.stop()
# A program that dpkg does not know and rpm does, in a database of its own.
if shutil.which("rpmbuild"):
    where = subprocess.run(["rpm", "--eval", "%{_dbpath}"], capture_output=True, text=True).stdout.strip()
    os.makedirs(where, exist_ok=True)
    tmpfs(where, "/opt")  # what this machine has stays as it is
    program = rpm_install("toy", "1.2")
    toy = subprocess.Popen([program, "60"])
    probe = Probe(dir + "/probe4.log", ["-i", "1000", "-m", program])
    e = probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "toyd" and e.get("PACKAGE"), 20)
    ok(e and e["PACKAGE"] == "toy" and e["PACKAGE_VERSION"] == "1.2-3", "rpm's database is read where dpkg says nothing")
    toy.kill()
    probe.stop()
else:
    say("SKIP: there is no rpmbuild")
probe = Probe(dir + "/probe3.log", ["-i", "1000", "-m", "sshd"])
ok(probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == "sshd", 20), "what is configured is watched")
time_over = wait(lambda: len([e for e in probe.events if e["kind"] == "RESOURCE" and e["daemon"] == "sshd"]) >= 2, 20)
ok(time_over and not probe.find(lambda e: e["daemon"] == "nginx"), "and nothing else")
probe.stop()
for p in (dir + "/sshd.pid", dir + "/nginx.pid"):
    with open(p) as f:
        os.kill(int(f.read()), signal.SIGTERM)
ssh.kill()
if not os.environ.get("DS_KEEP"):
    shutil.rmtree(dir, ignore_errors=True)
done()
