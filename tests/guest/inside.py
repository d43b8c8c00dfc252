#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""inside - the part of tests/guest/boot.py that runs in the guest, at each of its starts; what it prints goes out by a serial
line. REBOOT, CUT and END say what is next."""
import struct

from guard import log_text
from outlive import *
from places import kept, sha256, write
from storm import storm
import harness

harness.PATIENCE = 600  # an emulated machine, beside others
STATE, CONF = "/guard/stage", "/etc/nginx/nginx.conf"
ALLOW, KILL = 1, 2


class Host:
    """This machine, for what is used to see hosts from outside."""
    root, dir, pid = "", "/guard", os.getpid()

    @staticmethod
    def run(*args):
        return subprocess.run(args, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def one_call(path):
    """A program whose very first instructions say something: one write(2), and the end."""
    code = (b"\xb8\x01\0\0\0\xbf\x01\0\0\0\x48\x8d\x35\x10\0\0\0\xba\x01\0\0\0\x0f\x05"  # write(1, "x", 1)
            b"\xb8\xe7\0\0\0\x31\xff\x0f\x05x")  # exit_group(0)
    size = 120 + len(code)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    write(path, head + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 4096) + code, 0o755)


def start_new(g, path, made):
    """The daemon starts a program that nobody has started yet; the daemon's process, and the question."""
    shutil.copy("/usr/bin/touch", path)
    p = subprocess.Popen([g.watched, "/bin/sh", "-c", f"read x; {path} {made}; echo $?", path], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    wait(lambda: g.find("EXEC", PID=p.pid, EXE=os.path.realpath("/bin/sh")))
    p.stdin.write("\n")
    p.stdin.flush()
    e = g.wait("HELD", 60, EXE=path)
    return p, bytes.fromhex(e["ORDER"]) if e else b""


def check_hold():
    with OrderGuard({"reaction.hold_timeout": "60s"}) as g:
        ok(wait(lambda: (g.run("/bin/true"), g.find("EXEC", EXE=os.path.realpath("/bin/true")))[1]), "a daemon is watched")
        name = g.find("EXEC", EXE=os.path.realpath("/bin/true"))[0]["daemon"]
        known = os.path.join(g.dir, "guard", "known")
        ok(wait(lambda: (g.python(""), g.run("/bin/sh", "-c", ":"), "python3" in open(known).read())[2], every=0.2), "what it starts is learnt")
        r = g.do("hold", 60, daemon=name)
        by = re.findall(r"lets go on are killed by=(\w+)", log_text(g.dir + "/log"))
        ok(r["outcome"] == "done" and by == ["fexit"], f"new programs are held; who is let go on is found by: {by}, {r['text']}")
        made = g.dir + "/made"
        p, id = start_new(g, g.dir + "/bad", made)
        a = g.do("answer", 60, target=id, answer=KILL)
        ok(a["outcome"] == "done" and p.communicate()[0] == "137\n" and not os.path.exists(made), "the answer kills one that has done nothing")
        p, id = start_new(g, g.dir + "/good", made)
        a = g.do("answer", 60, target=id, answer=ALLOW)
        ok(a["outcome"] == "done" and p.communicate()[0] == "0\n" and os.path.exists(made), "or lets it run")
        out = storm(g, 20, one_call)
        ok(out == "20\n", f"a storm of SIGCONT lets none of 20 made for it do its one system call: {out!r}")
        refused = [line for line in log_text(g.dir + "/log").splitlines() if "refused by the kernel" in line or "is not here" in line]
        ok(not refused, f"no program was refused, no tracepoint is missing: {refused}")


def restored(g):
    """An edited configuration, put back; what has to hold of it later."""
    ok(g.wait("DAEMON", 60, daemon="nginx.service") and kept("/kept/vault", CONF), "nginx and its configuration are known")
    good = sha256(CONF)
    write(CONF, open(CONF).read() + "# edited\n")
    e = g.wait("INTEGRITY", 60, PATH=CONF)
    r = g.do("restore_file", 60, path=CONF, mode=ACTIVE, sha256=e["SHA256_BEFORE"].encode("latin-1").hex() if e else "")
    ok(r["outcome"] == "done" and sha256(CONF) == good, f"an edited configuration is put back: {r['text']}")
    return r["order"], good


def first(g, far):
    check_hold()
    come_up(host, far)
    g.greet()
    file, good = restored(g)
    made = before(host, g, far)
    return {"made": {k: v.hex() for k, v in made.items()}, "file": file.hex(), "good": good}, "REBOOT"


def second(g, far, kept):
    come_up(host, far)
    g.greet()
    after(host, g, far, {k: bytes.fromhex(v) for k, v in kept["made"].items()}, patient=False)
    ok(sha256(CONF) == kept["good"], "the configuration is as it was restored")
    u = g.do("undo", 60, target=bytes.fromhex(kept["file"]))
    ok(u["outcome"] == "done" and open(CONF).read().endswith("# edited\n"), f"and undo, after the reboot, brings the edited one back: {u['text']}")
    id, data = begin_block(g)
    return {"begun": id.hex(), "data": data.hex()}, "CUT"


def begin_block(g):
    """A block whose guard is stopped when its ledger has it and nobody has heard of it yet."""
    pid = int(host.run("systemctl", "show", "-P", "MainPID", "guard").stdout)
    for number in range(20):
        written = os.stat("/kept/ledger").st_mtime_ns  # its size grows in steps
        id, data = g.order("block_ip", address=BANNED, lifetime_ms=3600000, expires=time.time_ns() // 1000 + 60 * MINUTE)
        g.say(6, data)
        wait(lambda: os.stat("/kept/ledger").st_mtime_ns != written, every=0)
        os.kill(pid, signal.SIGSTOP)
        wait(lambda: open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] == "T")
        pause(0.5)  # what it said before it stopped arrives
        if not g.result(id, 0):
            ok(True, f"a guard stands between its ledger and its result, at try {number + 1}")
            return id, data
        os.kill(pid, signal.SIGCONT)
        g.do("undo", 60, target=id)
    ok(False, "a guard stands between its ledger and its result")
    return b"", b""


def third(g, far, kept):
    come_up(host, far)
    g.greet()
    id = bytes.fromhex(kept["begun"])
    g.say(6, bytes.fromhex(kept["data"]))  # as a server does that has heard nothing of it
    r = g.result(id, 60)
    blocked = BANNED in rules(host)
    ok(r and (r["outcome"] == "done") == blocked and far.reaches(BANNED) != blocked,
       f"what was begun when the power was cut is told as it is (blocked: {blocked}): {r and (r['outcome'], r['text'])}")
    if blocked:
        ok(g.do("undo", 60, target=id)["outcome"] == "done" and wait(lambda: far.reaches(BANNED)), "and can be taken back")
    ok("daemonsec" not in rules(host), "nothing is left behind")
    return {}, "END"


def main():
    write("/sys/fs/cgroup/cgroup.procs", str(os.getpid()))  # what is started from here is of no unit
    kept = json.load(open(STATE)) if os.path.exists(STATE) else {"stage": 0}
    say(f"start {kept['stage'] + 1}, Linux {os.uname().release}, up {open('/proc/uptime').read().split()[0]} s")
    far, g = Far(), HostGuard(host)
    if kept["stage"]:
        g.host_id, g.counter = bytes.fromhex(kept["host_id"]), kept["counter"]
    more, word = (first, second, third)[kept["stage"]](g, far, *[kept] * (kept["stage"] > 0))
    if harness._failed:
        say(log_text("/guard/log")[-5000:])
    with open(STATE, "w") as f:
        json.dump({"stage": kept["stage"] + 1, "host_id": g.host_id.hex(), "counter": g.counter, **more}, f)
        f.flush()
        os.fsync(f.fileno())
    print(word, flush=True)
    if word == "REBOOT":
        pause(2)  # what was blocked for two seconds is over
        host.run("reboot", "-f")


host = Host()
try:
    main()
except BaseException as e:
    import traceback
    say(traceback.format_exc())
    print(f"not ok 0 - {e}\nEND", flush=True)
