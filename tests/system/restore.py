#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""restore_file and restart at real daemons: a replaced sshd and an edited nginx configuration are put back, what was
there is kept, the daemon's own check decides, and undo brings it back. Every way a file can be in the way."""
import hashlib, json

from harness import *

isolate()
need("nginx", "sshd", "ssh-keygen", "curl", "chattr")
from orders import *
from places import *

SSHD = os.path.realpath(shutil.which("sshd"))
CONF = "/etc/nginx/nginx.conf"
MIME = "/etc/nginx/mime.types"


def conf(port, more=""):
    return ("pid /run/nginx.pid; error_log /run/nginx.err;\nevents {}\n"
            f"http {{ access_log off; {more} server {{ listen 127.0.0.1:{port}; return 200 ok; }} }}\n")


def answers(port):
    return subprocess.run(["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/"]).returncode == 0


def main_pid(name):
    """Its first process; ended ones that nobody waits for are none. By number, as it may have started its workers within
    the same tick of the clock."""
    pids = subprocess.run(["pgrep", "-r", "R,S,D", "-x", name], capture_output=True, text=True).stdout.split()
    return min(map(int, pids)) if pids else 0


def changed(g, path, act):
    g.poll()
    g.events.clear()
    act()
    return g.wait("INTEGRITY", 60, PATH=path)


def restore(g, path, **values):
    e = {"mode": ACTIVE, **values}
    return g.do("restore_file", 60, path=path, **e)


def check_config(g):
    good = sha256(CONF)
    state = os.stat(CONF)
    e = changed(g, CONF, lambda: write(CONF, conf(8078, "server_tokens on;")))
    subprocess.run(["nginx", "-s", "reload"], check=True, stderr=subprocess.DEVNULL)
    wait(lambda: answers(8078) and not answers(8077), 60)
    r = restore(g, CONF, sha256=e["SHA256_BEFORE"].encode("latin-1").hex())
    say(r)
    ok(r["outcome"] == "done" and r["verified"] == 1, f"an edited nginx.conf is put back: {r['text']}, {r['took']} us")
    ok(sha256(CONF) == good and os.stat(CONF).st_mtime_ns == state.st_mtime_ns and
       os.stat(CONF).st_mode == state.st_mode, "contents, times and mode")
    ok(wait(lambda: answers(8077) and not answers(8078), 60), "nginx has read it")
    evidence = json.loads(r["evidence"])
    kept = f"{g.vault}/evidence/{evidence['replaced']['sha256']}"
    ok(os.path.exists(kept) and "server_tokens on" in open(kept).read(), "what was there is in the vault")
    g.poll()
    g.events.clear()
    u = g.do("undo", 60, target=r["order"])
    ok(u["outcome"] in ("done", "undone") and "server_tokens on" in open(CONF).read(), f"undo brings it back: {u['text']}")
    # Workers of two configurations answer for a moment, and what is written meanwhile may be what is read.
    ok(wait(lambda: answers(8078) and not answers(8077), 60), "and nginx reads that")
    write(CONF, conf(8077))
    subprocess.run(["nginx", "-s", "reload"], check=True, stderr=subprocess.DEVNULL)
    wait(lambda: answers(8077) and not answers(8078), 60)


def check_syntax(g):
    """The state that was asked for does not work any more: everything stays as it is."""
    other = "/etc/nginx/conf.d/needed.conf"
    write(other, "server_tokens on;\n")
    write(CONF, conf(8077, f"include {other};"))
    g.wait("INTEGRITY", 60, PATH=CONF, SHA256=lambda s: s == bytes.fromhex(sha256(CONF)).decode("latin-1"))
    wanted = sha256(CONF)
    kept(g.vault, CONF)
    changed(g, CONF, lambda: write(CONF, conf(8077)))
    os.unlink(other)
    r = restore(g, CONF, sha256=wanted, mode=OPERATOR)
    ok(r["outcome"] == "failed" and "refuses its configuration" in r["text"], f"nginx's own check: {r['text']}")
    ok("include" not in open(CONF).read(), "everything is as it was")
    ok(wait(lambda: answers(8077), 60), "nginx answers")


def check_binary(g):
    good, state = sha256(SSHD), os.stat(SSHD)
    data = open(SSHD, "rb").read()
    write(SSHD + ".x", data + b"evil")
    os.chmod(SSHD + ".x", 0o6777)
    pid = main_pid("sshd")
    e = changed(g, SSHD, lambda: os.rename(SSHD + ".x", SSHD))
    began = time.time()
    r = restore(g, SSHD)
    g.last = r["order"]
    ok(r["outcome"] == "done" and sha256(SSHD) == good and os.stat(SSHD).st_mode == state.st_mode,
       f"a replaced sshd is put back: {r['text']}, {r['took']} us")
    say(f"took {time.time() - began:.3f} s")
    ok(json.loads(r["evidence"])["package"] == "agrees", "as its package has it")
    ok(main_pid("sshd") == pid, "the sshd that runs was not touched: it is the one from before")
    ok(subprocess.run([SSHD, "-t"]).returncode == 0, "it works")
    r = restore(g, SSHD)
    ok(r["outcome"] == "nothing", f"once more has nothing to do: {r['text']}")
    changed(g, SSHD, lambda: os.chmod(SSHD, 0o6777))
    r = restore(g, SSHD)
    ok(r["outcome"] == "done" and os.stat(SSHD).st_mode == state.st_mode and main_pid("sshd") == pid,
       f"its mode alone is put back, though its contents are the package's: {r['text']}")
    u = g.do("undo", 60, target=g.last)
    ok(u["outcome"] in ("done", "undone") and sha256(SSHD) == hashlib.sha256(data + b"evil").hexdigest(),
       f"undo brings the other one back: {u['text']}")
    r = restore(g, SSHD)
    ok(r["outcome"] == "done" and sha256(SSHD) == good, f"and it can be put back once more: {r['text']}")
    # Replaced twice, the second time while it runs from the replaced file.
    write(SSHD + ".x", data + b"evil2")
    os.chmod(SSHD + ".x", 0o755)
    changed(g, SSHD, lambda: os.rename(SSHD + ".x", SSHD))
    os.kill(pid, 15)
    wait(lambda: main_pid("sshd") == 0, 60)
    subprocess.run([SSHD], check=True)
    evil = wait(lambda: main_pid("sshd"), 60)
    r = restore(g, SSHD)
    say(r)
    ok(r["outcome"] == "done" and sha256(SSHD) == good, f"replaced again: put back again: {r['text']}")
    ok(wait(lambda: main_pid("sshd") not in (0, evil), 60), "and the sshd that ran it was started anew")


def check_ways(g):
    path = MIME
    good = sha256(path)
    os.makedirs("/run/other", exist_ok=True)
    write("/etc/victim", "victim\n")

    def ways():
        yield "a symbolic link", lambda: (os.unlink(path), os.symlink("/etc/victim", path))
        yield "a hard link", lambda: (os.unlink(path), os.link("/etc/victim", path))
        yield "a directory", lambda: (os.unlink(path), os.mkdir(path), write(path + "/kept", "kept\n"))
        yield "a fifo", lambda: (os.unlink(path), os.mkfifo(path))
        yield "nothing", lambda: os.unlink(path)
        yield "an immutable file", lambda: (write(path, "evil\n"), subprocess.run(["chattr", "+i", path], check=True))
        yield "a file in an immutable directory", lambda: (write(path, "evil\n"),
                                                           subprocess.run(["chattr", "+i", os.path.dirname(path)]))
    for name, act in ways():
        act()
        r = restore(g, path)
        ok(r["outcome"] == "done" and os.path.isfile(path) and not os.path.islink(path) and sha256(path) == good,
           f"{name} in its place: {r['text']}")
    subprocess.run(["chattr", "-i", os.path.dirname(path)])
    ok(open("/etc/victim").read() == "victim\n", "what the links led to is untouched")
    aside = [x for x in os.listdir("/etc/nginx") if x.startswith("mime.types.daemonsec-")]
    ok(len(aside) == 1 and open(f"/etc/nginx/{aside[0]}/kept").read() == "kept\n", "the directory was put aside")


def check_bad_days(g, top):
    path = MIME
    write(path, "evil\n")
    subprocess.run(["mount", "-o", "remount,ro,bind", "/etc"], check=True)
    r = restore(g, path)
    ok(r["outcome"] == "failed" and open(path).read() == "evil\n", f"a file system that is read-only: {r['text']}")
    subprocess.run(["mount", "-o", "remount,rw,bind", "/etc"], check=True)
    fill = open("/etc/fill", "wb", buffering=0)
    try:
        while True:
            fill.write(bytes(1 << 16))
    except OSError:
        pass
    try:
        while True:
            fill.write(b"x")
    except OSError:
        pass
    r = restore(g, path)
    left = [x for x in os.listdir("/etc/nginx") if "daemonsec-new" in x]
    ok(r["outcome"] == "failed" and open(path).read() == "evil\n" and not left, f"a full disk: {r['text']}")
    fill.close()
    os.unlink("/etc/fill")
    r = restore(g, path)
    ok(r["outcome"] == "done", f"afterwards it works: {r['text']}")
    r = restore(g, "/etc/shadow")
    ok(r["outcome"] == "refused", f"a file of no daemon: {r['text']}")
    r = restore(g, path, sha256="ab" * 32)
    ok(r["outcome"] == "refused", f"contents that were never there: {r['text']}")


def check_restart(g):
    pid = main_pid("nginx")
    r = g.do("restart", 60, unit="nginx")
    new = main_pid("nginx")
    ok(r["outcome"] == "done" and new not in (0, pid) and answers(8077), f"restart: {r['text']}, {r['took']} us")
    if not ok(wait(lambda: "master process nginx" in open(f"/proc/{main_pid('nginx')}/cmdline").read()), "as it was started"):
        say(f"before {pid}, now\n" + subprocess.run(["ps", "-eo", "pid,ppid,stat,lstart,args"], capture_output=True, text=True).stdout)
    r = g.do("restart", 60, unit="nobody")
    ok(r["outcome"] == "nothing", f"a daemon that there is not: {r['text']}")
    os.unlink("/etc/nginx/nginx.conf")
    pid = main_pid("nginx")
    r = g.do("restart", 60, unit="nginx")
    ok(r["outcome"] == "failed" and "does not run" in r["text"], f"one that does not come up again: {r['text']}")


SLOW = "/usr/sbin/lighttpd"
SLOW_CONF = "/etc/lighttpd/lighttpd.conf"


def slow_conf(word):
    """Of a daemon that reads it by starting anew, does not end when it is asked to, and says what it read."""
    return f"# {word}\ntrap '' TERM; while [ \"$1\" ]; do echo {word} $$ >/run/slow; sleep 0.1; done\n"


def slow_runs():
    return open("/run/slow").read().split()[:1] if os.path.exists("/run/slow") else None


def working():
    """What the guard's child does takes its time just now."""
    return [x for x in subprocess.run(["pgrep", "-r", "R,S,D", "-x", "daemonsec-work"], capture_output=True, text=True).stdout.split()]


def check_slow_undo(g):
    """An undo takes as long as its daemon does; the guard goes on meanwhile, and the next one goes on with it."""
    edited = slow_conf("edited")
    changed(g, SLOW_CONF, lambda: write(SLOW_CONF, edited))
    r = restore(g, SLOW_CONF)
    ok(r["outcome"] == "done" and wait(lambda: slow_runs() == ["good"]), f"a daemon that is started anew to read its configuration: {r['text']}")
    undo, data = g.order("undo", target=r["order"])
    g.say(6, data)
    wait(working)
    p = subprocess.Popen(["sleep", "600"])
    k = g.do("kill", 60, pid=p.pid, start=start_us(p.pid))
    ok(k["outcome"] == "done" and p.wait(60) == -9 and working() and not g.result(undo, 0), f"a kill is done while its undo waits for it: {k['took']} us")
    g.kill()
    wait(lambda: not working())
    g.start()
    ok(wait(working) and open(SLOW_CONF).read() == edited, "a guard that finds it half done goes on with it")
    back = g.result(r["order"], 60, outcome="undone")
    ok(back and back["verified"] and wait(lambda: slow_runs() == ["edited"]), f"until the daemon has read what was there: {back and back['text']}")
    subprocess.run(["pkill", "-9", "-x", "lighttpd"])


need("mkfs.ext4")
top = own(24, "/etc", "/usr/sbin")
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
os.makedirs("/run/sshd")
shutil.rmtree("/etc/nginx/sites-enabled", ignore_errors=True)
write(CONF, conf(8077))
subprocess.run(["ssh-keygen", "-A"], stdout=subprocess.DEVNULL, check=True)
shutil.copy("/bin/bash", SLOW)
os.makedirs(os.path.dirname(SLOW_CONF), exist_ok=True)
write(SLOW_CONF, slow_conf("good"))
write("/etc/ssh/sshd_config", "Port 2277\nListenAddress 127.0.0.1\nUsePAM no\n")
subprocess.run(["nginx"], check=True)
subprocess.run([SSHD], check=True)
subprocess.Popen([SLOW, SLOW_CONF, "stay"], cwd="/")
try:
    with OrderGuard(monitor="sshd,nginx,lighttpd") as g:
        g.vault = os.path.join(g.dir, "guard", "vault")
        for name in ("sshd", "nginx", "lighttpd"):
            g.wait("DAEMON", 60, daemon=name)
        ok(all(kept(g.vault, path) for path in (CONF, SSHD, MIME, SLOW_CONF)), "the vault has their files")
        check_config(g)
        check_syntax(g)
        check_binary(g)
        check_slow_undo(g)
        check_ways(g)
        check_bad_days(g, top)
        check_restart(g)
        if os.environ.get("DS_SHOW"):
            say(open(g.dir + "/log").read()[-6000:])
finally:
    subprocess.run(["umount", "-l", "/etc", "/usr/sbin", top + "/m"])
    shutil.rmtree(top, ignore_errors=True)
done()
