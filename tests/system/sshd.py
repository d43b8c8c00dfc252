# SPDX-License-Identifier: GPL-2.0-or-later
"""sshd - a real sshd with an account of its own and a small syslogd, in this mount namespace only."""
import os, re, shutil, socket, subprocess, threading

from harness import Process, wait

PORT, PASSWORD = 2222, "Secret99"


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
    secret = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
    for path, line in (("/etc/passwd", f"tester:x:4711:65534::{dir}:/bin/sh"),
                       ("/etc/shadow", f"tester:{secret}:19000:0:99999:7:::")):
        copy = os.path.join(dir, os.path.basename(path))
        shutil.copy2(path, copy)
        with open(copy, "a") as f:
            f.write(line + "\n")
        subprocess.run(["mount", "--bind", copy, path], check=True)


def syslog(log):
    """Writes what comes to /dev/log as a syslogd does."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind("/dev/log")
    os.chmod("/dev/log", 0o666)

    def serve():
        while True:
            text = s.recv(65536).decode(errors="replace").rstrip("\0\n")
            with open(log, "a") as f:
                f.write(re.sub(r"^<\d+>(\w+ +\d+ [\d:]+) ", r"\1 host ", text) + "\n")
    threading.Thread(target=serve, daemon=True).start()


def start(dir):
    """The log that its logins are written to."""
    own_dev()
    own_accounts(dir)
    log = os.path.join(dir, "auth.log")
    open(log, "w").close()
    syslog(log)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs("/run/sshd")
    key = os.path.join(dir, "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    Process([shutil.which("sshd", path="/usr/sbin:/sbin"), "-D", "-f", "/dev/null", "-h", key, "-p", str(PORT), "-o",
             "PasswordAuthentication=yes", "-o", "UsePAM=no", "-o", "PidFile=none", "-o", "LogLevel=INFO", "-o",
             "MaxStartups=100"], os.path.join(dir, "sshd.out"))
    wait(lambda: socket.create_connection(("127.0.0.1", PORT)).close() is None, 10)
    return log
