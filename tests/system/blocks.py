#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocks at a guard with another host beside it, in network namespaces of their own: what is blocked gets nothing
through, ends in time also when the guard is gone, is there again when somebody takes the rules away; who must never
be cut off is not; connections are cut; an isolated host reaches only what it has to."""
import re

from harness import *

isolate()
need("nft", "nsenter")
from clock import *
from far import *
from guard import log_text
from orders import *

HERE4, THERE4, OTHER4 = "10.7.0.1", "10.7.0.2", "10.7.0.3"
HERE6, THERE6 = "fd07::1", "fd07::2"


def other_host():
    p = network()
    ip("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", str(p.pid))
    for ns, name, addresses in ((None, "here", (HERE4 + "/24", HERE6 + "/64")),
                                (p.pid, "there", (THERE4 + "/24", OTHER4 + "/24", THERE6 + "/64"))):
        for a in addresses:
            ip("addr", "add", a, "dev", name, *(["nodad"] if ":" in a else []), ns=ns)
        ip("link", "set", name, "up", ns=ns)
        ip("link", "set", "lo", "up", ns=ns)
    return p


CLIENT = """import socket, sys
for line in sys.stdin:
    to, port, source, seconds = line.split()
    try:
        with socket.create_connection((to, int(port)), float(seconds), (source, 0)) as s:
            print(int(s.recv(5) == b"hello"), flush=True)
    except OSError:
        print(0, flush=True)
"""


def reaches(to=HERE4, port=80, source=THERE4, seconds=0.4):
    """Whether the other host gets through to us within so long. Where it must: gets_through()."""
    client.stdin.write(f"{to} {port} {source} {seconds}\n")
    client.stdin.flush()
    return client.stdout.readline() == "1\n"


def gets_through(*args, **kw):
    return reaches(*args, **kw, seconds=PATIENCE)


def rules():
    return subprocess.run(["nft", "list", "table", "inet", "daemonsec"], capture_output=True, text=True).stdout


def timed(function, g):
    begun = time.monotonic()
    function(g)
    say(f"{function.__name__} {time.monotonic() - begun:.1f} s")


def check_block(g):
    ok(gets_through() and gets_through(HERE6, source=THERE6), "the other host gets through")
    r = g.do("block_ip", address=THERE4)
    ok(r["outcome"] == "done" and r["verified"] and not reaches(), f"blocked: {r['text']}, {r['took']} us")
    ok(gets_through(source=OTHER4) and gets_through(HERE6, source=THERE6), "others are not")
    second = g.do("block_ip", address="::ffff:" + THERE4, lifetime_ms=600000)
    g.do("undo", target=r["order"])
    ok(not reaches(), "a second order for the same, as ::ffff:a.b.c.d, keeps it blocked")
    u = g.do("undo", target=second["order"])
    ok(u["outcome"] == "done" and gets_through(), f"undone: {u['text']}")
    ok(not rules(), "and nothing of ours is left behind")
    r = g.do("block_ip", address="fd07::/64")
    ok(r["outcome"] == "refused", f"a network with our own address in it is not blocked: {r['text']}")
    r = g.do("block_ip", address=THERE6, port=80)
    ok(not reaches(HERE6, 80, THERE6) and gets_through(HERE6, 81, THERE6), "a block of one port leaves others alone")
    g.do("undo", target=r["order"])
    r = g.do("block_ip", address="10.7.0.2/31")
    ok(r["outcome"] == "done" and not reaches() and not reaches(source=OTHER4), f"a network is blocked: {r['text']}")
    ok(g.do("undo", target=r["order"])["outcome"] == "done" and gets_through(), "and let in again")


def check_never(g):
    for address, name in (("127.0.0.1", "this host"), (HERE4, "its address"), ("::1", "its loopback"),
                          ("0.0.0.0/0", "everybody"), ("198.51.100.0/24", "the server"), ("192.0.2.9", "an allow list"),
                          ("::ffff:192.0.2.9", "an allow list, mapped"), ("10.99.0.1", "a resolver"),
                          ("10.7.0.254", "the gateway"), ("nonsense", "no address")):
        r = g.do("block_ip", address=address)
        ok(r["outcome"] == "refused", f"{name} is never blocked: {r['text']}")
    r = g.do("block_ip", address=THERE4, session_address=THERE4)
    ok(r["outcome"] == "refused" and gets_through(), f"nor who asked: {r['text']}")
    ok(not rules(), "and nothing of that reached the kernel")


def check_spare(g):
    """Whom the server spares: a list of its own, signed and kept."""
    r = g.do("block_ip", address=THERE4, lifetime_ms=600000)
    s = g.do("spare", path=f"{OTHER4} proxy\n{THERE4} balancer\n")
    u = g.result(r["order"], outcome="undone")
    ok(s["outcome"] == "done" and s["verified"] and u and "balancer" in u["text"] and gets_through() and not rules(),
       f"who is spared from now on is let in: {s['text']}; {u and u['text']}")
    g.kill()
    g.start()
    r = g.do("block_ip", address=THERE4, mode=ACTIVE)
    ok(r["outcome"] == "refused" and gets_through(), f"and is not blocked by a guard that was started anew: {r['text']}")
    old, data = g.order("spare", counter=1, path="")
    g.say(6, data)
    r = g.result(old)
    ok(r["outcome"] in ("refused", "failed"), f"an older list does not count: {r['text']}")
    r = g.do("spare", path="")
    b = g.do("block_ip", address=THERE4)
    ok(r["outcome"] == b["outcome"] == "done" and not reaches(), f"a newer one does: {r['text']}")
    conf = open(g.conf).read()
    g.kill()
    open(g.conf, "w").write(conf.replace("never_block = ", f"never_block = {THERE4},"))
    g.start()
    ok(wait(lambda: reaches(seconds=1), 60) and not rules(), "one that became allowed while the guard was away is let in")
    open(g.conf, "w").write(conf)
    os.kill(g.process.pid, signal.SIGHUP)


def check_keep(g):
    r = g.do("block_ip", address=THERE4, lifetime_ms=600000)
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    ok(wait(lambda: not reaches(seconds=0.2), 5), "and the block is there again")
    told = wait(lambda: [e for e in g.find("RESULT") if "took away" in e.get("MESSAGE", "")])
    ok(told, f"which is told: {told and told[0]['MESSAGE']}")
    for what in (("table",), ("chain", "input")):
        subprocess.run(["nft", "flush", what[0], "inet", "daemonsec", *what[1:]], check=True)
        ok(wait(lambda: not reaches(seconds=0.2), 5), f"also when the {what[0]} is there and empty")
    g.kill()
    ok(not reaches(), "a guard that is killed leaves the block")
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    g.start()
    ok(wait(lambda: not reaches(seconds=0.2)), "and puts it back after a reboot")
    g.do("undo", target=r["order"])
    for seconds in (4, 20, 80):  # in which it is to be seen
        g.do("block_ip", address=THERE4, lifetime_ms=seconds * 1000)
        g.kill()
        left = not reaches(seconds=0.2)
        if left:
            break
        g.start()
    ok(left and gets_through(), "the kernel ends a block when the guard is gone")
    g.start()
    conf = open(g.conf).read()
    r = g.do("block_ip", address=THERE4, lifetime_ms=600000)
    open(g.conf, "w").write(conf.replace("never_block = ", f"never_block = {THERE4},"))
    os.kill(g.process.pid, signal.SIGHUP)
    ok(g.result(r["order"], outcome="undone") and gets_through(), "an address that becomes allowed is let in at once")
    open(g.conf, "w").write(conf + "\n[sensors]\nlog_files = /var/log/other.log\nof_a_later_version = 1\n")
    os.kill(g.process.pid, signal.SIGHUP)
    said = wait(lambda: [line for line in g.process.text().splitlines() if "option=sensors.log_files" in line], 60)
    ok(said and "next start" in said[0], f"an option that waits for the next start is named: {said and said[0]}")
    g.kill()
    g.start()
    ok(g.process.alive(), "and an option that nobody knows keeps no guard from starting")
    open(g.conf, "w").write(conf)
    os.kill(g.process.pid, signal.SIGHUP)


def check_cut(g):
    c = subprocess.Popen(["nsenter", "-t", str(there.pid), "-n", sys.executable, "-c", f"""import socket
s = socket.create_connection(("{HERE4}", 80)); s.recv(5); print(flush=True)
try: print(len(s.recv(1)), flush=True)
except OSError as e: print(e, flush=True)"""], stdout=subprocess.PIPE, text=True)
    c.stdout.readline()
    r = g.do("cut", address=THERE4)
    ok(r["outcome"] == "done" and "reset" in c.stdout.readline(), f"a connection is cut: {r['text']}, {r['took']} us")
    c.wait()
    r = g.do("cut", address=THERE4)
    ok(r["outcome"] == "nothing", f"and then there is none: {r['text']}")


def check_port(g):
    r = g.do("block_port", port=80)
    ok(r["outcome"] == "done" and not reaches() and gets_through(port=81), f"a port is blocked: {r['text']}")
    r2 = g.do("block_port", port=22)
    g.do("undo", target=r["order"])
    ok(gets_through(), "and opened again")
    ok(r2["outcome"] == "done", "a port that nobody logs in by is blocked")
    g.do("undo", target=r2["order"])
    ssh = listen(22)
    allowed = gets_through(port=22)
    conf = open(g.conf).read()
    open(g.conf, "w").write(re.sub("never_block = .*", "never_block =", conf))
    before = log_text(os.path.join(g.dir, "log")).count("configuration reloaded")
    os.kill(g.process.pid, signal.SIGHUP)
    wait(lambda: log_text(os.path.join(g.dir, "log")).count("configuration reloaded") > before)
    r = g.do("block_port", port=22)
    ok(allowed and r["outcome"] == "refused", f"one that everybody logs in by is not: {r['text']}")
    open(g.conf, "w").write(conf)
    os.kill(g.process.pid, signal.SIGHUP)
    ssh.kill()


def own_dirs():
    """The control groups of a daemon that there is not yet, and its name."""
    root = [d for d in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(d + "/cgroup.controllers")]
    name = f"daemonsec-test-{time.monotonic_ns()}.service"
    return name, root and [f"{root[0]}/{name}"] + [f"/sys/fs/cgroup/systemd/{name}"] * os.path.isdir("/sys/fs/cgroup/systemd")


def own_daemon(dirs, port, *prefix):
    """A daemon with a control group of its own, which listens."""
    for d in dirs:
        os.mkdir(d)
    enter = "".join(f"echo $$ > {d}/cgroup.procs; " for d in dirs)
    return begun(["sh", "-c", enter + 'exec "$@"', "sh", *prefix, sys.executable, "-c", LISTEN, str(port)])


def end_daemon(p, dirs):
    p.kill()
    p.wait()
    for d in dirs:
        wait(lambda: not open(d + "/cgroup.procs").read())
        os.rmdir(d)


def check_daemon(g):
    """What is blocked for one daemon only, by its control group."""
    name, dirs = own_dirs()
    if not dirs:
        return say("no control groups of version 2 here")
    only = {"daemon": name, "reach": 2}
    p = own_daemon(dirs, 82)
    r = g.do("block_ip", address=THERE4, **only)
    ok(r["outcome"] == "done" and r["verified"] and not reaches(port=82) and gets_through(port=80) and
       gets_through(port=82, source=OTHER4), f"an address is blocked for one daemon: {r['text']}, {r['took']} us")
    end_daemon(p, dirs)
    p = own_daemon(dirs, 82)
    ok(wait(lambda: not reaches(port=82, seconds=0.2), 60) and gets_through(port=80), "also when that is started anew")
    g.kill()
    ok(not reaches(port=82) and gets_through(port=80), "a guard that is killed leaves the block")
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    g.start()
    ok(wait(lambda: not reaches(port=82, seconds=0.2), 60) and gets_through(port=80), "and puts it back, for that daemon")
    u = g.do("undo", target=r["order"])
    ok(u["outcome"] == "done" and gets_through(port=82) and not rules(), f"undone, and nothing is left behind: {u['text']}")
    for seconds in (3, 15, 60):  # in which it is to be seen
        v6 = g.do("block_ip", address=THERE6, lifetime_ms=seconds * 1000, **only)
        seen = v6["outcome"] == "done" and not reaches(HERE6, 82, THERE6)
        if seen:
            break
    ok(seen and gets_through(HERE6, 80, THERE6), "version 6, too")
    ok(g.result(v6["order"], 60, outcome="undone") and gets_through(HERE6, 82, THERE6), "until its time is over")
    mine, other = g.do("block_port", port=82, **only), g.do("block_port", port=80, **only)
    ok(mine["outcome"] == other["outcome"] == "done" and not reaches(port=82) and gets_through(port=80),
       f"a port is blocked where it is the daemon's: {mine['text']}")
    for r in (mine, other):
        g.do("undo", target=r["order"])
    ok(gets_through(port=82) and not rules(), "and opened again")
    r = g.do("block_ip", address="10.7.0.2/31", **only)
    ok(r["outcome"] == "refused" and gets_through(port=82), f"a network is not, when it may be no more: {r['text']}")
    r = g.do("block_ip", address="10.7.0.2/31", daemon=name, reach=1)
    ok(r["outcome"] == "done" and not reaches(port=80), f"else it is blocked for all, and that is said: {r['text']}")
    g.do("undo", target=r["order"])
    end_daemon(p, dirs)
    r = g.do("block_ip", address=THERE4, **only)
    ok(r["outcome"] == "nothing" and not rules(), f"a daemon that is not there needs no block: {r['text']}")


def seconds_left():
    """How long the kernel still blocks the other host."""
    found = re.search(re.escape(THERE4) + r" timeout \S+ expires (?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", rules())
    return found and sum(int(n or 0) * unit for n, unit in zip(found.groups(), (86400, 3600, 60, 1)))


def check_clock(g):
    """Lifetimes while the guard's clock jumps."""
    clock = Clock(g.dir, "guard")
    g.process.stop()
    g.prefix = clock.prefix
    g.start()
    long = g.do("block_ip", address=THERE4, lifetime_ms=600000)
    clock.set(YEAR)
    pause(2.5)  # it looks once a second what is over
    ok(not g.result(long["order"], 0, outcome="undone") and not reaches(), "a clock that jumps a year forward ends nothing")
    clock.set(0)
    short = g.do("block_ip", address=OTHER4, lifetime_ms=1500)
    clock.set(-HOUR)
    ok(short["outcome"] == "done" and g.result(short["order"], 60, outcome="undone") and gets_through(source=OTHER4),
       "one that jumps an hour back makes nothing last longer")
    g.kill()
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    g.start()
    ok(wait(lambda: not reaches(seconds=0.2)) and 0 < seconds_left() <= 600, f"nor over a restart: {seconds_left()} s are left in the kernel")
    g.kill()
    clock.set(YEAR)
    g.start()
    ok(g.wait("RESULT", 60, ORDER=long["order"].hex(), RESULT=OUTCOMES.index("undone")) and gets_through(), "one that is a year late at the guard's start lets everybody in")
    g.process.stop()
    g.prefix = []
    g.start()


def there_rules(p):
    return subprocess.run(["nsenter", "-t", str(p.pid), "-n", "nft", "list", "tables"], capture_output=True, text=True).stdout


def check_network(g):
    """A daemon with a network of its own, which another one joins later."""
    (name, dirs), (guest, guest_dirs) = own_dirs(), own_dirs()
    if not dirs:
        return
    p = own_daemon(dirs, 83, "unshare", "--net")
    only = g.do("block_ip", address=THERE4, daemon=name, reach=2, lifetime_ms=600000)
    r = g.do("block_ip", address=OTHER4, daemon=name, reach=1, lifetime_ms=600000)
    ok(only["outcome"] == r["outcome"] == "done" and "daemonsec" in there_rules(p) and not rules() and gets_through(),
       f"blocked in the network that a daemon has to itself: {only['text']}")
    second = own_daemon(guest_dirs, 84, "nsenter", "-t", str(p.pid), "-n")
    u = g.result(only["order"], 60, outcome="undone")
    ok(u and "share" in u["text"], f"what was for it only ends when another joins it: {u and u['text']}")
    told = g.wait("RESULT", 60, MESSAGE=lambda m: "others are in the network of " + name in (m or ""))
    ok(told and "daemonsec" in there_rules(p) and not g.result(r["order"], 0, outcome="undone"),
       f"the rest stays, and is told: {told and told['MESSAGE']}")
    g.do("undo", target=r["order"])
    ok("daemonsec" not in there_rules(p), "undone, nothing is left behind")
    end_daemon(second, guest_dirs)
    end_daemon(p, dirs)


def check_isolate(g):
    r = g.do("isolate")
    ok(r["outcome"] == "refused", f"without a server a host is not isolated: {r['text']}")
    server = listen(7443, there.pid)
    with open(g.conf + ".server", "w") as f:
        f.write(f"{THERE4} 7443")
    g.process.stop()
    g.start()
    first = wait(lambda: reaches(source=OTHER4))
    r = g.do("isolate")
    ok(first and r["outcome"] == "done" and r["verified"] and not reaches(source=OTHER4),
       f"an isolated host is not reached by others: {r['text']}, {r['took']} us")
    ok(gets_through(), "but by its server")
    time.sleep(2.5)  # the guard looks each second whether the server answers
    ok(not g.result(r["order"], 0, outcome="undone"), "which it hears, so it stays isolated")
    u = g.do("undo", target=r["order"])
    ok(u["outcome"] == "done" and gets_through(source=OTHER4) and not rules(), f"and is not, when that is undone: {u['text']}")
    g.process.stop()
    g.prefix = [sys.executable, "-c", NO_NFT]
    g.start()
    r = wait(lambda: [r for r in [g.do("isolate")] if r["outcome"] != "refused"])[0]  # until it hears the server
    ok(r["outcome"] == "failed" and "no nftables for us" in r["text"] and not r["until"] and gets_through(source=OTHER4) and not rules(),
       f"a kernel without nftables cannot isolate, says so, and cuts nobody off: {r['text']}")
    g.process.stop()
    g.prefix = []
    g.start()
    wait(lambda: g.do("isolate", mode=DRY_RUN)["outcome"] == "would")
    ip("link", "set", "there", "down", ns=there.pid)
    r = g.do("isolate")
    back = g.result(r["order"], 25, outcome="undone")
    server.kill()
    ok(back and "taken back" in back["text"], f"an isolation after which the server is not heard is taken back: {back and back['text']}")


# What the guard is started by: a kernel that has no netfilter netlink at all, and one that refuses it.
NO_NFT = """import ctypes, os, struct, sys
nr = {"x86_64": 41, "aarch64": 198}[os.uname().machine]  # socket(AF_NETLINK, _, NETLINK_NETFILTER): EPROTONOSUPPORT
code = b"".join(struct.pack("HBBI", *i) for i in ((0x20, 0, 0, 0), (0x15, 0, 4, nr), (0x20, 0, 0, 16), (0x15, 0, 2, 16),
                (0x20, 0, 0, 32), (0x15, 1, 0, 12), (6, 0, 0, 0x7fff0000), (6, 0, 0, 0x50000 | 93)))
buffer = ctypes.create_string_buffer(code)
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 8, ctypes.addressof(buffer)))
if ctypes.CDLL(None, use_errno=True).prctl(22, 2, filter):
    raise OSError(ctypes.get_errno(), "no filter")
os.execv(sys.argv[1], sys.argv[1:])"""
NO_ADMIN = """import ctypes, os, sys
if ctypes.CDLL(None, use_errno=True).prctl(24, 12):
    raise OSError(ctypes.get_errno(), "CAP_NET_ADMIN stays")
os.execv(sys.argv[1], sys.argv[1:])"""


def check_without(g):
    """A kernel without nftables, then one that does not let us have them."""
    for code, name in ((NO_ADMIN, "a kernel that refuses nftables"), (NO_NFT, "a kernel without them")):
        g.process.stop()
        g.prefix = [sys.executable, "-c", code]
        g.start()
        ok(wait(lambda: "blocks: none (this kernel has no nftables for us" in g.sensors(), 60),
           f"{name}: the status says so: {g.sensors().rpartition('; ')[2]}")
        for r in (g.do("block_ip", address=THERE4), g.do("block_ip", address="10.7.0.2/31"), g.do("block_port", port=81)):
            ok(r["outcome"] == "failed" and "no nftables for us" in r["text"] and not r["until"], f"a block fails, and says why: {r['text']}")
        ok(gets_through() and gets_through(port=81) and not rules(), "nothing is blocked, nothing is left behind")
    check_cut(g)
    g.kill()
    before = len(g.results())
    g.prefix = []
    g.start()
    r = g.do("block_ip", address=THERE4)
    ok(len(g.results()) == before + 1, "the next guard finds nothing to take back")
    ok(r["outcome"] == "done" and not reaches() and "blocks: none" not in g.sensors(), "one with nftables blocks again")
    g.do("undo", target=r["order"])


def check_release(g):
    """The agent goes for good; since its start somebody has made a mistake in its configuration."""
    g.do("block_ip", address=OTHER4)
    g.process.stop()
    stays = OTHER4 in rules()
    with open(g.conf, "a") as f:
        f.write("[nonsense]\nnonsense = 1\n")
    released = subprocess.run([program("daemonsec-agent"), "-c", g.conf, "--release"], capture_output=True, text=True)
    ok(stays and released.returncode == 0 and "nonsense" in released.stderr and not rules(),
       f"an agent that goes for good leaves nothing, also with a mistake in its configuration: {released.returncode}")


there = other_host()
client = subprocess.Popen(["nsenter", "-t", str(there.pid), "-n", sys.executable, "-c", CLIENT], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True)
ip("route", "add", "default", "via", "10.7.0.254")
resolver = tempfile.NamedTemporaryFile("w", prefix="daemonsec-resolver.")
resolver.write("nameserver 10.99.0.1\n")
resolver.flush()
subprocess.run(["mount", "--bind", resolver.name, os.path.realpath("/etc/resolv.conf")], check=True)
servers = [listen(80), listen(81)]
with OrderGuard({"server.address": "198.51.100.7:7443", "reaction.never_block": "192.0.2.0/24"}) as g:
    for check in (check_block, check_never, check_spare, check_keep, check_clock, check_cut, check_port, check_daemon, check_network, check_without, check_isolate, check_release):
        timed(check, g)
for p in servers + [client, there]:
    p.kill()
resolver.close()
done()
