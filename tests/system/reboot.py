#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The power of a host with systemd is cut while it blocks somebody, is isolated and has something frozen; it comes up again with
another network, other processes, nothing in its kernel's tables: afterwards all is as the ledger says, and nobody is locked out."""
from harness import *
from guard import log_text
from orders import *
from sdhost import Host, install_guard, own_mounts

own_mounts()
need("nft")
HERE, SERVER, OTHER, BANNED = "10.7.0.1", "10.7.0.2", "10.7.0.3", "10.7.0.4"
LISTEN = """import socket, sys
s = socket.create_server(("", int(sys.argv[1])))
print(flush=True)
kept = []
while True:
    c, _ = s.accept()
    c.sendall(b"hello")
    kept.append(c)
"""
CLIENT = f"""import socket, sys
s = socket.create_connection(("{HERE}", 80), timeout=float(sys.argv[2]), source_address=(sys.argv[1], 0))
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
assert s.recv(4) == b"HTTP"
"""


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


def far_host():
    """Another host, with a cable to ours: as many addresses as there are people."""
    p = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 3600"], stdout=subprocess.PIPE)
    p.stdout.readline()
    server = subprocess.Popen(["nsenter", "-t", str(p.pid), "-n", sys.executable, "-c", LISTEN, "7443"], stdout=subprocess.PIPE)
    server.stdout.readline()
    return p, server


def cable(host):
    far_ip, ip = (["nsenter", "-t", str(pid), "-n", "ip"] for pid in (far.pid, host.pid))
    subprocess.run([*far_ip, "link", "add", "there", "type", "veth", "peer", "name", "here", "netns", str(host.pid)], check=True)
    subprocess.run([*ip, "addr", "add", HERE + "/24", "dev", "here"], check=True)
    for a in (SERVER, OTHER, BANNED):
        subprocess.run([*far_ip, "addr", "add", a + "/24", "dev", "there"], check=True)
    for prefix, name in ((ip, "here"), (ip, "lo"), (far_ip, "there")):
        subprocess.run([*prefix, "link", "set", name, "up"], check=True)


def reaches(source, seconds=0.5):
    return subprocess.run(["nsenter", "-t", str(far.pid), "-n", sys.executable, "-c", CLIENT, source, str(seconds)],
                          stderr=subprocess.DEVNULL).returncode == 0


def rules(host):
    return host.run("nft", "list", "ruleset").stdout


def boot(host, what):
    """Comes up; the guard, as a unit, once the cable is there."""
    if not ok(host.boot(), what):
        say(log_text(host.dir + "/log"))
        done()
    cable(host)
    host.run("systemctl", "start", "nginx", "--no-block")
    host.run("systemctl", "start", "guard")


def before(host, g):
    """What is in effect when the power goes; its orders by name."""
    host.run("systemctl", "start", "victim")
    pid = int(host.run("systemctl", "show", "-P", "MainPID", "victim").stdout)
    start = int(host.run("sh", "-c", f"cut -d' ' -f22 /proc/{pid}/stat").stdout) * 10**6 // os.sysconf("SC_CLK_TCK")
    start += time.time_ns() // 1000 - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    hour = {"lifetime_ms": 3600000}
    made = {"block": g.do("block_ip", address=BANNED, **hour), "short": g.do("block_ip", address=OTHER, lifetime_ms=2000),
            "port": g.do("block_port", port=81, **hour), "freeze": g.do("freeze", pid=pid, start=start, unit="victim.service", **hour)}
    wait(lambda: g.do("isolate", mode=DRY_RUN)["outcome"] == "would")
    made["isolate"] = g.do("isolate", **hour)
    ok(all(r["outcome"] == "done" and r["verified"] for r in made.values()),
       "blocked, frozen, isolated: " + "; ".join(f"{k}: {r['text']}" for k, r in made.items()))
    ok(not reaches(BANNED) and reaches(SERVER), "only the server gets through")
    return made


def after(host, g, made):
    nft = wait(lambda: [r for r in [rules(host)] if BANNED in r and "isolate_in" in r], 60)
    ok(nft and OTHER not in nft[0], "after the reboot the kernel has the block and the isolation again, and not what was over by then")
    ok(not reaches(BANNED) and not reaches(OTHER) and wait(lambda: reaches(SERVER)), "only the server gets through")
    gone, short = (g.wait("RESULT", 60, ORDER=made[k]["order"].hex(), RESULT=UNDONE) for k in ("freeze", "short"))
    ok(gone and short, f"what is frozen no more, or over, is told: {gone and gone['MESSAGE']}; {short and short['MESSAGE']}")
    victim = host.run("systemctl", "start", "victim")
    ok(victim.returncode == 0 and host.run("systemctl", "is-active", "victim").stdout == "active\n", "and runs when it is started")
    pause(2.5)  # the guard looks each second whether it does
    ok(not g.result(made["isolate"]["order"], 0, outcome="undone"), "the server is heard, so it stays isolated")
    undone = [g.do("undo", 60, target=made[k]["order"])["outcome"] for k in ("isolate", "port", "block")]
    ok(undone == ["done"] * 3 and wait(lambda: reaches(BANNED)) and reaches(OTHER), f"all of it can be taken back: {undone}")
    ok("daemonsec" not in rules(host), "and nothing is left behind")


def unheard(host, g):
    """The same once more, and afterwards there is no server: an isolated host must not stay so."""
    wait(lambda: g.do("isolate", mode=DRY_RUN)["outcome"] == "would")
    r = g.do("isolate", lifetime_ms=3600000)
    ok(r["outcome"] == "done" and not reaches(OTHER), "isolated")
    host.cut_power()
    server.kill()
    server.wait()
    boot(host, "the power is cut once more, and the server with it")
    back = g.wait("RESULT", 60, ORDER=r["order"].hex(), RESULT=UNDONE)
    ok(back and wait(lambda: reaches(OTHER)), f"an isolation after which no server is heard ends: {back and back['MESSAGE']}")


UNDONE = OUTCOMES.index("undone")
far, server = far_host()
host = Host("ds-reboot", "hybrid")
try:
    install_guard(host, f"[server]\ntoken_file = /guard/token\naddress = {SERVER}:7443\n"
                        "[reaction]\nceiling = block_ip,block_port,freeze,isolate\n", programs=("nft",))
    host.write("/etc/systemd/system/victim.service", "[Service]\nExecStart=/bin/sleep 1000\n")
    host.write("/etc/systemd/system/guard.service", "[Service]\nType=notify\nNotifyAccess=main\nKillMode=mixed\n"
               "StandardError=file:/guard/log\nExecStart=/build/agent/daemonsec-agent -c /guard/conf\n")
    host.write("/guard/conf.server", f"{SERVER} 7443")
    g = HostGuard(host)
    boot(host, "a host comes up")
    wait(lambda: os.path.exists(g.address))
    g.say(9, g.host_id)
    made = before(host, g)
    host.cut_power()
    pause(2)  # what was blocked for two seconds is over
    boot(host, "its power is cut, and it comes up again")
    after(host, g, made)
    unheard(host, g)
    import harness
    if harness._failed:
        say(log_text(host.root + "/guard/log")[-6000:])
finally:
    host.close()
    server.kill()
    far.kill()
done()
