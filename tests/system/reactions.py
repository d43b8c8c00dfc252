#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Orders at a guard: what is forged, old, for others or twice has no effect; kill and freeze do what they say, are on
disk before they do it, and are undone by order, in time, and after a crash."""
import json, random, socket

from harness import *

isolate()
from guard import log_text
from orders import *


def victim(guard, code="import time\nprint(1, flush=True)\ntime.sleep(600)"):
    """A process of the watched daemon that has begun."""
    p = subprocess.Popen([guard.watched, "/usr/bin/python3", "-c", code], stdout=subprocess.PIPE, cwd="/")
    p.stdout.readline()
    return p


def state(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def gone(p):
    return wait(lambda: p.poll() is not None)


def goes_on(pid):
    """It is there and not stopped; whether it has got a processor yet says how busy the machine is."""
    return state(pid) in ("S", "R", "D")


def who(p):
    return {"pid": p.pid, "start": start_us(p.pid)}


TREE = """import subprocess, time
p = subprocess.Popen(["/bin/sh", "-c", "sleep 600 & sleep 600"])
time.sleep(0.2); print(p.pid, flush=True); time.sleep(600)"""


def check_refusals(g):
    p = victim(g)
    id, data = g.order("kill", **who(p))
    for name, bad in (("forged", data[:-1] + bytes([data[-1] ^ 1])), ("truncated", data[:-40]),
                      ("changed", data.replace(b"a test", b"A test")), ("empty", b""), ("random", os.urandom(300))):
        g.say(6, bad)
    other = Signer(os.path.join(g.dir, "other.key"))
    now = time.time_ns() // 1000
    g.say(6, other.envelope(host_id=g.host_id, id=os.urandom(16), kind="kill", counter=9, not_before=now,
                            expires=now + MINUTE, mode=1, **who(p)))
    other.close()
    for name, values in (("for another host", {"host_id": os.urandom(16)}),
                         ("that has expired", {"not_before": now - 2 * MINUTE, "expires": now - MINUTE}),
                         ("of the future", {"not_before": now + 20 * MINUTE, "expires": now + 30 * MINUTE}),
                         ("valid for ever", {"expires": now + 10**15}),
                         ("of a kind that there is not", {"kind": "dance"})):
        values = {"kind": "kill", **who(p), **values}
        r = g.do(values.pop("kind"), **values)
        ok(r["outcome"] == "refused", f"an order {name} is refused: {r['text']}")
    r = g.do("kill", pid=p.pid, start=start_us(p.pid) - 10**7)
    ok(r["outcome"] == "nothing", f"a pid that is another process by now is left alone: {r['text']}")
    r = g.do("kill", exe="/bin/other", **who(p))
    ok(r["outcome"] == "nothing", f"a process that runs another program by now, too: {r['text']}")
    r = g.do("kill", mode=DRY_RUN, **who(p))
    ok(r["outcome"] == "would", "a dry run says what it would do")
    r = g.do("kill", session_pid=p.pid, **who(p))
    ok(r["outcome"] == "refused", f"who asked is not killed: {r['text']}")
    for pid in (1, g.process.pid):
        r = g.do("kill", pid=pid, start=start_us(pid))
        ok(r["outcome"] == "refused", f"never: {r['text']}")
    ok(p.poll() is None and goes_on(p.pid), "none of all that had an effect")
    ok(wait(lambda: [e for e in g.find("RESULT") if "signature" in e.get("MESSAGE", "") or
                     "none" in e.get("MESSAGE", "")]), "forged orders are told")
    return p


def altered(data, n):
    """What somebody can make of a real order who has no key: other bytes, cuts, more behind it."""
    rng = random.Random(5)
    for _ in range(n):
        b = bytearray(data)
        how = rng.randrange(4)
        if how == 0:
            del b[rng.randrange(len(b)):]
        elif how == 1:
            b += rng.randbytes(rng.randrange(1, 64))
        for _ in range(rng.randrange(1, 9) if how > 1 else 0):
            b[rng.randrange(len(b))] ^= rng.randrange(1, 256)
        yield bytes(b)


def check_uplink(g):
    """An uplink that was taken over has an order that is real, says it in every way, and any message with it."""
    p, q = victim(g), victim(g)
    _, real = g.order("kill", **who(p))
    bad = list(altered(real, 324))
    for b in bad[:24]:
        g.say(6, b)
    r = g.do("freeze", lifetime_ms=60000, **who(q))
    ok(r["outcome"] == "done" and p.poll() is None and goes_on(p.pid), "alterations of a real order have no effect, and the next real one has")
    said = lambda text: log_text(os.path.join(g.dir, "log")).count(text)
    before = said("ending the uplink")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        for n, b in enumerate(bad[24:]):
            try:
                s.sendto(bytes([6 if n % 3 else n % 256]) + b, g.address)
            except OSError:
                pass  # it was ended for the one before
    ok(wait(lambda: said("uplink started") > said("ending the uplink") > before), "hundreds of them, and what is no message, end the uplink")

    def again():
        g.say(9, g.host_id)
        return g.do("kill", 2, **who(q))["outcome"] == "done"
    ok(wait(again, 60) and gone(q) and p.poll() is None and goes_on(p.pid), "none had an effect, and its successor is heard")
    target = who(p)
    g.say(6, real)
    ok(gone(p), "nor did they spoil the order that they were made of")
    r = g.do("kill", **target)
    ok(r["outcome"] == "nothing", f"a target that has gone is nothing to do: {r['text']}")


def check_kill(g, p):
    id, data = g.order("kill", **who(p))  # of its own: one as old as those that expired may be forgotten by now
    g.say(6, data)
    r = g.result(id)
    ok(r["outcome"] == "done" and r["verified"] == 1 and gone(p), f"a kill kills: {r['text']}, {r['took']} us")
    e = json.loads(r["evidence"])
    ok(e["exe"] == os.path.realpath("/usr/bin/python3") and e["above"] and e["files"] and len(e["exe_sha256"]) == 64,
       "its evidence has program, ancestors, files and hash")
    before = len([x for x in g.results() if x["order"] == id])
    g.say(6, data)
    ok(wait(lambda: len([x for x in g.results() if x["order"] == id]) == before + 1),
       "the same order again is answered again")
    ok(len(g.find("RESULT", ORDER=id.hex())) == 1, "and has one effect, one event")
    p = victim(g, TREE)
    shell = [int(x) for x in open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()][0]
    below = [int(x) for x in open(f"/proc/{shell}/task/{shell}/children").read().split()]
    r = g.do("kill", **who(p))
    ok(r["outcome"] == "done" and wait(lambda: all(state(x) in (None, "Z") for x in [shell, *below])),
       f"a kill takes all that is below: {r['text']}")


def check_freeze(g):
    p = victim(g, TREE)
    shell = [int(x) for x in open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()][0]
    r = g.do("freeze", **who(p))
    ok(r["outcome"] == "done" and r["verified"] and state(p.pid) == "T" and state(shell) == "T" and r["until"],
       f"a freeze stops all that is below: {r['took']} us")
    u = g.do("undo", target=r["order"])
    ok(u["outcome"] == "done" and goes_on(p.pid) and goes_on(shell), "and undo lets it go on")
    ok(g.result(r["order"], outcome="undone", by=u["order"]), "the effect is told as undone, by that order")
    r = g.do("undo", target=r["order"])
    ok(r["outcome"] == "nothing", f"a second undo finds nothing: {r['text']}")
    r = g.do("undo", target=os.urandom(16))
    ok(r["outcome"] == "nothing", "nor does the undo of what there never was")
    r = g.do("freeze", lifetime_ms=300, **who(p))
    ok(r["verified"] and g.result(r["order"], outcome="undone") and goes_on(p.pid),
       "a freeze ends by itself when its time is over")
    return p


FREEZERS = (("2", ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"), "cgroup.freeze", "cgroup.events", "frozen 1"),
            ("1", ("/sys/fs/cgroup/freezer",), "freezer.state", "freezer.state", "FROZEN"))


def check_freezer(g):
    """A cgroup that is the daemon's alone is frozen as a whole, by the freezer of either version."""
    for version, places, file, state_file, word in FREEZERS:
        root = [x for x in places if os.path.isdir(x) and (version == "1" or os.path.exists(x + "/cgroup.controllers"))]
        if not root:
            say(f"no freezer of version {version} here")
            continue
        name = f"daemonsec-test-{os.getpid()}-{time.monotonic_ns()}.service"
        dir = f"{root[0]}/{name}"
        # What says of which daemon a process is: the hierarchy of systemd where there is one.
        dirs = [dir] + [f"/sys/fs/cgroup/systemd/{name}"] * os.path.isdir("/sys/fs/cgroup/systemd")
        for d in dirs:
            os.mkdir(d)
        p = victim(g, TREE)
        shell = [int(x) for x in open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()]
        for pid in [p.pid, *shell]:
            for d in dirs:
                open(d + "/cgroup.procs", "w").write(str(pid))
        frozen = lambda: word in open(f"{dir}/{state_file}").read()
        r = g.do("freeze", unit="watchedd", **who(p))
        ok(r["outcome"] == "done" and r["verified"] and frozen() and state(p.pid) != "T",
           f"freezer of version {version}: the cgroup is frozen, nobody gets a signal: {r['text']}, {r['took']} us")
        u = g.do("undo", target=r["order"])
        ok(u["outcome"] == "done" and not frozen(), "and thawed by undo")
        r = g.do("freeze", unit="watchedd", lifetime_ms=60000, **who(p))
        g.kill()
        g.start()
        ok(frozen() and g.do("undo", target=r["order"])["outcome"] == "done" and not frozen(), "also by the next guard")
        other = subprocess.Popen(["/bin/sleep", "600"])
        if version == "1" and len(dirs) > 1:  # else whoever is in the cgroup is of the unit
            open(dir + "/cgroup.procs", "w").write(str(other.pid))
            r = g.do("freeze", unit="watchedd", **who(p))
            ok(r["outcome"] == "done" and not frozen() and state(p.pid) == "T" and goes_on(other.pid),
               "with somebody else in it only the daemon's processes are stopped")
            g.do("undo", target=r["order"])
        g.do("kill", **who(p))
        other.kill()
        other.wait()
        gone(p)
        for d in dirs:
            wait(lambda: not open(d + "/cgroup.procs").read())
            os.rmdir(d)


def check_crash(g, p):
    r = g.do("freeze", lifetime_ms=600000, **who(p))
    ok(state(p.pid) == "T", "frozen")
    g.kill()
    g.start()
    u = g.do("undo", target=r["order"])
    ok(u["outcome"] == "done" and goes_on(p.pid), "a guard that was killed knows how to undo")
    r = g.do("freeze", lifetime_ms=1000, **who(p))
    g.kill()
    time.sleep(1.2)  # the time of the effect runs out while nobody is there
    g.start()
    ok(wait(lambda: goes_on(p.pid)), "an effect whose time ran out while the guard was away ends with its start")
    id, data = g.order("kill", **who(p))
    g.say(6, data)
    ok(g.result(id) and gone(p), "killed")
    g.kill()
    g.start()
    before = len(g.results())
    g.say(6, data)
    ok(wait(lambda: [r for r in g.results()[before:] if r["order"] == id and r["outcome"] == "done"]),
       "a guard that was killed answers an order that it carried out before")


def check_limits(g):
    open(os.path.join(g.dir, "guard", "pause"), "w").close()
    p = victim(g)
    r = g.do("freeze", mode=ACTIVE, **who(p))
    ok(r["outcome"] == "refused" and "pause" in r["text"], f"a file pauses automation: {r['text']}")
    r = g.do("freeze", lifetime_ms=100, **who(p))
    ok(r["outcome"] in ("done", "undone"), f"but not people: {r}")
    os.unlink(os.path.join(g.dir, "guard", "pause"))
    results = [g.do("freeze", mode=ACTIVE, daemon="x", lifetime_ms=50, **who(p)) for _ in range(15)]
    ok([r["outcome"] for r in results].count("refused") == 3 and "breaker" in results[-1]["text"],
       f"the breaker opens where it is configured to: {results[-1]['text']}")
    p.kill()


def check_keys(g):
    new = Signer(os.path.join(g.dir, "new.key"))
    r = g.do("key", key=new.public)
    old, g.signer = g.signer, new
    p = victim(g)
    r2 = g.do("freeze", lifetime_ms=100, **who(p))
    ok(r["outcome"] == "done" and r2["outcome"] in ("done", "undone"), f"a new key, signed with the old one, is taken: {r2}")
    g.signer = old
    id, data = g.order("kill", **who(p))
    g.say(6, data)
    g.signer = new
    g.do("undo", target=bytes(16))
    ok(p.poll() is None and not g.result(id, 0), "the old one is not taken any more")
    old.close()
    p.kill()


with OrderGuard({"reaction.breaker_max": "12"}) as g:
    ok(wait(lambda: "orders: taken" in g.sensors()), "the token pins the key of orders")
    check_kill(g, check_refusals(g))
    check_uplink(g)
    check_crash(g, check_freeze(g))
    check_freezer(g)
    check_limits(g)
    check_keys(g)
done()
