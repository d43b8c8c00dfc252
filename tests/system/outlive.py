# SPDX-License-Identifier: GPL-2.0-or-later
"""outlive - what a guard has in effect when its host goes down, and what must be again when it has come up; for a host that
shares our kernel (reboot.py) and for one with its own (tests/guest). `host`: root, pid, dir, run(), write()."""
from far import *
from harness import *
from orders import *

HERE, SERVER, OTHER, BANNED = "10.7.0.1", "10.7.0.2", "10.7.0.3", "10.7.0.4"
CLIENT = f"""import socket, sys
s = socket.create_connection(("{HERE}", 80), timeout=float(sys.argv[2]), source_address=(sys.argv[1], 0))
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
assert s.recv(4) == b"HTTP"
"""
OPTIONS = (f"[server]\ntoken_file = /guard/token\naddress = {SERVER}:7443\n"
           "[reaction]\nceiling = block_ip,block_port,freeze,isolate,restore_file\n")
UNDONE = OUTCOMES.index("undone")


class HostGuard(OrderGuard):
    """The guard of a booted host, seen from outside."""

    def __init__(self, host):
        self.dir = host.root + "/guard"
        self.conf, self.address = self.dir + "/conf", self.dir + "/conf.in"
        self.signer = Signer(host.dir + "/order.key")
        self.host_id = os.urandom(16)
        self.counter, self.all, self.token_file = 0, [], self.dir + "/token"
        self.read, self.events = 0, []
        self.put_token(self.signer.public)

    def greet(self):
        wait(lambda: os.path.exists(self.address), 60)
        self.say(9, self.host_id)


def write_units(host):
    host.write("/etc/systemd/system/victim.service", "[Service]\nExecStart=/bin/sleep 1000\n")
    host.write("/etc/systemd/system/guard.service", "[Service]\nType=notify\nNotifyAccess=main\nKillMode=mixed\nTimeoutStartSec=300\n"
               "StandardError=append:/guard/log\nExecStart=/build/agent/daemonsec-agent -c /guard/conf\n")
    host.write("/guard/conf.server", f"{SERVER} 7443")


class Far:
    """The other host, with the server: as many addresses as there are people."""

    def __init__(self):
        self.p = network()
        self.server = listen(7443, self.p.pid)

    def cable(self, host):
        there = self.p.pid
        ip("link", "add", "there", "type", "veth", "peer", "name", "here", "netns", str(host.pid), ns=there)
        ip("addr", "add", HERE + "/24", "dev", "here", ns=host.pid)
        for a in (SERVER, OTHER, BANNED):
            ip("addr", "add", a + "/24", "dev", "there", ns=there)
        for ns, name in ((host.pid, "here"), (host.pid, "lo"), (there, "there")):
            ip("link", "set", name, "up", ns=ns)

    def reaches(self, source, seconds=0.5):
        return subprocess.run([*inside(self.p.pid), sys.executable, "-c", CLIENT, source, str(seconds)],
                              stderr=subprocess.DEVNULL).returncode == 0

    def close(self):
        self.server.kill()
        self.server.wait()
        self.p.kill()


def rules(host):
    return host.run("nft", "list", "ruleset").stdout


def come_up(host, far):
    """The guard, as a unit, once the cable is there."""
    far.cable(host)
    host.run("systemctl", "start", "nginx", "--no-block")
    host.run("systemctl", "start", "guard")


def before(host, g, far):
    """What is in effect when the power goes; its orders by name."""
    host.run("systemctl", "start", "victim")
    pid = int(host.run("systemctl", "show", "-P", "MainPID", "victim").stdout)
    start = int(host.run("sh", "-c", f"cut -d' ' -f22 /proc/{pid}/stat").stdout) * 10**6 // os.sysconf("SC_CLK_TCK")
    start += time.time_ns() // 1000 - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    hour = {"lifetime_ms": 3600000}
    made = {"block": g.do("block_ip", 60, address=BANNED, **hour), "short": g.do("block_ip", 60, address=OTHER, lifetime_ms=2000),
            "port": g.do("block_port", 60, port=81, **hour),
            "freeze": g.do("freeze", 60, pid=pid, start=start, unit="victim.service", **hour)}
    wait(lambda: g.do("isolate", 60, mode=DRY_RUN)["outcome"] == "would")
    made["isolate"] = g.do("isolate", 60, **hour)
    ok(all(r["outcome"] == "done" and r["verified"] for r in made.values()),
       "blocked, frozen, isolated: " + "; ".join(f"{k}: {r['text']}" for k, r in made.items()))
    ok(not far.reaches(BANNED) and wait(lambda: far.reaches(SERVER)), "only the server gets through")
    return {k: r["order"] for k, r in made.items()}


def after(host, g, far, made, patient=True):
    """Not patient: the machine is so slow that the uplink may reach its server more than ten seconds after the guard's start.
    Then an isolation must have ended, and that is told."""
    def ended():
        return not patient and g.result(made["isolate"], 0, outcome="undone")

    nft = wait(lambda: [r for r in [rules(host)] if BANNED in r and ("isolate_in" in r or ended())], 60)
    ok(nft and OTHER not in nft[0], "after the reboot the kernel has the block and the isolation again, and not what was over by then")
    late = ended()
    if late:
        ok("not heard" in late["text"], f"the isolation has ended, as this machine is too slow: {late['text']}")
    ok(not far.reaches(BANNED) and (late or ended() or not far.reaches(OTHER)) and wait(lambda: far.reaches(SERVER)), "only the server gets through")
    gone, short = (g.wait("RESULT", 60, ORDER=made[k].hex(), RESULT=UNDONE) for k in ("freeze", "short"))
    ok(gone and short, f"what is frozen no more, or over, is told: {gone and gone['MESSAGE']}; {short and short['MESSAGE']}")
    victim = host.run("systemctl", "start", "victim")
    ok(victim.returncode == 0 and host.run("systemctl", "is-active", "victim").stdout == "active\n", "and runs when it is started")
    if patient:
        pause(2.5)  # the guard looks each second whether it does
        ok(not g.result(made["isolate"], 0, outcome="undone"), "the server is heard, so it stays isolated")
    undone = [g.do("undo", 60, target=made[k])["outcome"] for k in ("isolate", "port", "block") if k != "isolate" or not ended()]
    ok(set(undone) == {"done"} and wait(lambda: far.reaches(BANNED)) and wait(lambda: far.reaches(OTHER)), f"all of it can be taken back: {undone}")
    ok("daemonsec" not in rules(host), "and nothing is left behind")
