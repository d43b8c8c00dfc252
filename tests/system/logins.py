#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Logins through a real sshd and a real rsyslogd: right and wrong passwords, rotation of both kinds, and an uplink that is
killed while lines come and logs rotate. Nothing is lost and nothing twice; and all that by a user who may not read these
logs, as where /var/log/secure is root's alone."""
import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import *

isolate()
need("sshd", "ssh", "sshpass", "ssh-keygen", "rsyslogd", "openssl")
PORT = 2222
KILLS = 5 if SANITIZED else 12


def own_dev():
    """A /dev of our own, so that /dev/log is ours."""
    new = "/tmp/daemonsec-dev"
    os.makedirs(new, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", new], check=True)
    for n in ("null", "zero", "random", "urandom", "tty", "full"):
        subprocess.run(["cp", "-a", "/dev/" + n, new], check=True)
    for n in ("pts", "shm"):
        os.makedirs(f"{new}/{n}")
    subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", new + "/pts"], check=True)
    os.symlink("pts/ptmx", new + "/ptmx")
    os.symlink("/proc/self/fd", new + "/fd")
    subprocess.run(["mount", "--move", new, "/dev"], check=True)


def own_accounts(dir):
    """An account with a password, for this mount namespace only."""
    secret = subprocess.run(["openssl", "passwd", "-6", "Secret99"], capture_output=True, text=True, check=True).stdout.strip()
    for path, line in (("/etc/passwd", f"tester:x:4711:65534::{dir}:/bin/sh"), ("/etc/shadow", f"tester:{secret}:19000:0:99999:7:::")):
        copy = os.path.join(dir, os.path.basename(path))
        shutil.copy2(path, copy)
        with open(copy, "a") as f:
            f.write(line + "\n")
        subprocess.run(["mount", "--bind", copy, path], check=True)


def start_syslog(dir, log):
    conf = os.path.join(dir, "rsyslog.conf")
    with open(conf, "w") as f:
        f.write('global(workDirectory="%s")\nmodule(load="imuxsock" SysSock.Use="on" SysSock.RateLimit.Interval="0")\n'
                'template(name="t" type="string" string="%%timestamp:::date-rfc3339%% %%HOSTNAME%% %%syslogtag%%%%msg%%\\n")\n'
                '$FileCreateMode 0640\nauth,authpriv.* action(type="omfile" file="%s" template="t")\n' % (dir, log))
    p = Process(["rsyslogd", "-n", "-f", conf, "-i", os.path.join(dir, "rsyslog.pid")], os.path.join(dir, "rsyslog.out"))
    if not wait(lambda: os.path.exists("/dev/log"), 10):
        skip_all("rsyslogd did not come up: " + p.tail())
    return p


def start_sshd(dir):
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs("/run/sshd")
    key = os.path.join(dir, "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    p = Process([shutil.which("sshd", path="/usr/sbin:/sbin"), "-D", "-f", "/dev/null", "-h", key, "-p", str(PORT),
                 "-o", "ListenAddress=127.0.0.1", "-o", "PasswordAuthentication=yes", "-o", "UsePAM=no",
                 "-o", "PidFile=none", "-o", "LogLevel=INFO"], os.path.join(dir, "sshd.out"))
    wait(lambda: socket.create_connection(("127.0.0.1", PORT)).close() is None, 10)
    return p


def login(user, password):
    return subprocess.run(["sshpass", "-p", password, "ssh", "-p", str(PORT), "-o", "StrictHostKeyChecking=no", "-o",
                           "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1", "-o", "PubkeyAuthentication=no",
                           f"{user}@127.0.0.1", "true"], capture_output=True).returncode == 0


def logins(site, user):
    return site.events(f"event.action:login and user.name:{user}", limit=1000)


def count(events):
    return sum(e.get("daemonsec", {}).get("count", 1) for e in events)


def passwords(site, user, outcome):
    return [e for e in logins(site, user) if e["event"]["outcome"] == outcome and
            e.get("daemonsec", {}).get("login", {}).get("method") == "password"]


def check_passwords(site):
    ok(login("tester", "Secret99"), "the right password lets in")
    ok(not login("tester", "wrong"), "the wrong one does not")
    ok(not login("nobody-here", "wrong"), "nor does one of nobody")
    good = wait(lambda: passwords(site, "tester", "success"))
    if ok(good, "a login arrives"):
        e = good[0]
        ok(e["source"]["ip"] == "127.0.0.1" and e["source"]["port"] > 0, "it says from where")
        ok(e["service"]["name"] == "sshd", "and to which daemon")
    bad = wait(lambda: passwords(site, "tester", "failure"))
    ok(bad and count(bad) == 1, "a failed login arrives, once")
    ok(wait(lambda: passwords(site, "nobody-here", "failure")), "so does that of nobody")


def rotate_by_renaming(log, syslog):
    os.rename(log, log + ".1")
    fd = os.open(log, os.O_CREAT | os.O_WRONLY, 0o640)
    os.close(fd)
    os.kill(syslog.pid, signal.SIGHUP)


def rotate_by_copying(log):
    shutil.copy(log, log + ".2")
    os.truncate(log, 0)


def check_rotation(site, log, syslog):
    rotate_by_renaming(log, syslog)
    login("renamed", "wrong")
    ok(wait(lambda: passwords(site, "renamed", "failure")), "after a rotation by renaming logins arrive")
    rotate_by_copying(log)
    login("copied", "wrong")
    ok(wait(lambda: passwords(site, "copied", "failure")), "after copytruncate too")
    ok(count(passwords(site, "tester", "failure")) == 1, "and none comes twice")


def write_line(log, user):
    with open(log, "a") as f:
        f.write(f"Nov 24 01:02:03 host sshd[7]: Failed password for {user} from 192.0.2.7 port 22 ssh2\n")


def check_kills(site, agent, log):
    """Lines of a writer that opens the log for each, as vsftpd does; the uplink dies again and again."""
    users = []
    for k in range(KILLS):
        pid = wait(agent.uplink_pid, 20)
        for i in range(20):
            users.append(f"u{k:03}x{i:03}")
            write_line(log, users[-1])
            if i == 7 and pid:
                os.kill(pid, signal.SIGKILL)
            if i == 12 and k % 3 == 1:
                os.rename(log, log + f".{k + 10}")
        wait(lambda: agent.uplink_pid() not in (None, pid), 20)
    write_line(log, "the-last")
    ok(wait(lambda: logins(site, "the-last"), 60), "after all the kills the last login arrives")
    stored = {}
    for e in logins(site, "u*x*"):
        stored[e["user"]["name"]] = stored.get(e["user"]["name"], 0) + e.get("daemonsec", {}).get("count", 1)
    lost = [u for u in users if u not in stored]
    twice = [u for u in users if stored.get(u, 0) > 1]
    ok(not lost, f"of {len(users)} logins over {KILLS} kills none is lost")
    ok(not twice, "and none comes twice")
    say(f"lost {len(lost)}: {lost[:10]} twice {len(twice)}: {twice[:10]}")


def main():
    dir = tempfile.mkdtemp(prefix="daemonsec-logins.")
    os.chmod(dir, 0o755)
    log = os.path.join(dir, "auth.log")
    own_dev()
    own_accounts(dir)
    syslog = start_syslog(dir, log)
    sshd = start_sshd(dir)
    with Site() as site:
        os.chmod(site.dir, 0o755)
        agent = site.agent(options={"sensors.log_files": log, "sensors.journal": "false", "general.user": "nobody"})
        check_passwords(site)
        check_rotation(site, log, syslog)
        sshd.stop()
        syslog.stop()
        check_kills(site, agent, log)
    shutil.rmtree(dir, ignore_errors=True)
    done()


main()
