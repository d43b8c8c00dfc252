#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Several hosts, each with a network of its own, and one server: who guesses passwords on one of them is banned on all,
and the administrator is not; who is a load balancer is blocked by none; what many hosts are to do waits for another user; a connection that a host holds is answered
by the server."""
import json, threading

from harness import *

isolate()
import sshd
from person import Person
need("nft", "nsenter", "ssh", "sshpass", "openssl", "sshd", "ssh-keygen")

HERE, TWO, THREE, GUESSER, ADMIN = (f"10.20.0.{n}" for n in (1, 2, 3, 66, 77))
dir = tempfile.mkdtemp(prefix="daemonsec-several.", dir="/var/tmp")
os.chmod(dir, 0o755)
log, quiet = None, os.path.join(dir, "quiet.log")
open(quiet, "w").close()
shell = os.path.join(dir, "shelld")
shutil.copy("/bin/bash", shell)


def inside(ns, *args):
    return ["nsenter", "-t", str(ns.pid), "-n", *args] if ns else list(args)


def ip(*args, ns=None):
    subprocess.run(inside(ns, "ip", *args), check=True)


def network(name, *addresses):
    """A host's network, by a cable to the switch that is here."""
    p = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 3600"], stdout=subprocess.PIPE)
    p.stdout.readline()
    ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(p.pid))
    ip("link", "set", name, "master", "switch", "up")
    for a in addresses:
        ip("addr", "add", a + "/24", "dev", "eth0", ns=p)
    ip("link", "set", "eth0", "up", ns=p)
    ip("link", "set", "lo", "up", ns=p)
    return p


SERVER = """import select, socket, sys
servers = [socket.create_server(("", int(port)), backlog=64) for port in sys.argv[1:]]
print(flush=True)
while True:
    [s.accept()[0].close() for s in select.select(servers, [], [])[0]]"""


def listen(ns, *ports):
    p = subprocess.Popen(inside(ns, sys.executable, "-c", SERVER, *map(str, ports)), stdout=subprocess.PIPE)
    p.stdout.readline()
    return p


def reaches(to, port=8081, source=GUESSER):
    code = f"import socket; socket.create_connection(({to!r}, {port}), timeout=0.4, source_address=({source!r}, 0))"
    return subprocess.run(inside(far, sys.executable, "-c", code), stderr=subprocess.DEVNULL).returncode == 0


def reaches_from_two():
    code = f"import socket; socket.create_connection(({THREE!r}, 8081), timeout=0.4)"
    return subprocess.run(inside(two, sys.executable, "-c", code), stderr=subprocess.DEVNULL).returncode == 0


def rules(ns):
    return subprocess.run(inside(ns, "nft", "list", "table", "inet", "daemonsec"), capture_output=True, text=True).stdout


def everywhere(question):
    return all(question(ns, address) for ns, address in HOSTS)


# ---- a connection that is held

class Shell:
    """A daemon that connects to where it is told to."""

    def __init__(self):
        self.p = subprocess.Popen([shell, "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")

    def connects(self, port):
        self.p.stdin.write(f"(exec 3<>/dev/tcp/{GUESSER}/{port}) 2>&- && echo yes || echo no\n")
        self.p.stdin.flush()
        return self.p.stdout.readline() == "yes\n"


def answers(site, n):
    return wait(lambda: (lambda r: r if len(r) >= n else None)(
        [x for x in site.all("reactions", status="verified") if x["kind"] == "answer" and x["daemon"] == "shelld"]), 60)


def check_connection(site):
    sh = Shell()
    ready = lambda: sh.connects(7001) and [d for d in site.get("daemons")["items"] if d["name"] == "shelld" and d.get("state") == "ready"]
    if not ok(wait(ready, 90, 0.2), "a daemon that connects to one place is learnt"):
        return say(json.dumps(site.get("daemons"), indent=1))
    site.ctl("protect", "--mode=prevent", "--daemon", "shelld", "--force")
    held = wait(lambda: [r for r in site.all("reactions", status="verified") if r["kind"] == "hold"], 60)
    ok(held and "destinations" in held[0]["result"]["text"], "in prevent its connections are held")
    ok(sh.connects(7001), "not those to where it always goes")
    ok(not sh.connects(7002), "a strange one is refused, at once")
    r = answers(site, 1)
    ok(r and r[0]["args"]["answer"] == 2 and "neither" in r[0]["reason"], f"the server says no: {r and r[0]['reason']}")
    ok(not sh.connects(7002) and sh.p.poll() is None, "it stays refused, and the daemon runs on")
    d = json.loads(site.ctl("-o", "json", "deploy", "begin", "--daemon", "shelld").stdout)
    sh.connects(7003)
    r = answers(site, 2)
    ok(r and r[0]["args"]["answer"] == 1 and "deployment" in r[0]["reason"], f"while it is deployed the server says yes: {r and r[0]['reason']}")
    ok(wait(lambda: sh.connects(7003), 60), "and the next try passes")
    site.ctl("deploy", "end", str(d["id"]))
    site.ctl("protect", "--mode=inherit", "--daemon", "shelld")
    sh.p.stdin.close()
    sh.p.wait()


# ---- a ban on all of them

def ssh(source, password, *command, user="tester"):
    return inside(far, "timeout", "100", "sshpass", "-p", password, "ssh", "-b", source, "-p", str(sshd.PORT), "-o",
                  "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "PubkeyAuthentication=no", "-o",
                  "NumberOfPasswordPrompts=1", f"{user}@{HERE}", *command)


def check_ban(site):
    session = subprocess.Popen(ssh(ADMIN, sshd.PASSWORD, "cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)

    def alive(text):
        session.stdin.write(text + b"\n")
        session.stdin.flush()
        return session.stdout.readline() == text + b"\n"
    ok(alive(b"hello"), "an administrator is logged in")
    ok(everywhere(lambda ns, address: reaches(address)), "the other address reaches every host")
    begun = time.monotonic()
    guesses = [subprocess.Popen(ssh(GUESSER, "wrong", "true", user=f"guess{i}"), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for i in range(12)]
    first = wait(lambda: any(GUESSER in rules(ns) for ns, _ in HOSTS), 90) and time.monotonic() - begun
    ok(first and wait(lambda: everywhere(lambda ns, _: GUESSER in rules(ns)), 60), "who guesses on one host is banned on each")
    say(f"the first {first or -1:.2f} s, all of them {time.monotonic() - begun:.2f} s after the first guess")
    for g in guesses:
        g.kill()
        g.wait()
    ok(everywhere(lambda ns, address: not reaches(address)), "and reaches none of them any more")
    ok(alive(b"still here") and everywhere(lambda ns, address: reaches(address, source=ADMIN)),
       "the administrator's session is untouched, and so is the way to the others")
    bans = [r for r in site.all("reactions", status="verified") if r["kind"] == "block_ip"]
    ok({r["host"]["id"] for r in bans} == {a.host() for a in site.agents} and len({r["alert_id"] for r in bans}) == 1,
       "one reaction for each host, of one alert")
    site.ctl("reactions", "undo", "--alert", bans[0]["alert_id"])
    ok(wait(lambda: everywhere(lambda ns, _: GUESSER not in rules(ns)), 60) and
       everywhere(lambda ns, address: reaches(address)), "taken back by its alert, it ends everywhere")
    session.kill()


# ---- many hosts, two people

def waiting(site, *args):
    r = json.loads(site.ctl("-o", "json", "reactions", "apply", *args).stdout)
    return [x["id"] for x in r["items"]]


def all_are(site, ids, status):
    return wait(lambda: all(site.get(f"reactions/{id}")["status"] == status for id in ids), 60)


def check_bulk(site):
    for a in site.agents[1:]:
        site.ctl("hosts", "label", a.host(), "web")
    site.post("users", {"name": "anna", "role": "operator", "password": "a second pair of eyes"})
    anna = Person()
    anna.sign_in("anna", "a second pair of eyes")
    approve = lambda id: anna.ask("POST", f"reactions/{id}/approve", {})[0]
    ids = waiting(site, "block_port", "--label", "web", "--port", "8081", "--ttl", "5m")
    ok(len(ids) == 2 and all_are(site, ids, "pending") and not any(rules(ns) for ns, _ in HOSTS),
       "more hosts than one operator may reach: nothing happens at first")
    refused = [site.ctl("reactions", "approve", id, check=False).returncode for id in ids]
    ok(refused == [4, 4] and all_are(site, ids, "pending"), "who asked cannot approve any of it")
    ok(approve(ids[0]) == 200 and all_are(site, ids[:1], "verified") and
       site.get(f"reactions/{ids[1]}")["status"] == "pending", "another user approves one, and that is done")
    ok(approve(ids[1]) == 200 and all_are(site, ids, "verified") and not reaches(TWO) and not reaches(THREE) and reaches(HERE),
       "then the other: the port is closed on both, and on no host beside them")
    both = waiting(site, "isolate", "--label", "web", "--ttl", "5m")
    ok([approve(id) for id in both] == [200, 200] and all_are(site, both, "verified") and
       not reaches(TWO, 22222) and not reaches(THREE, 22222), "both are isolated, and the server still hears that")
    site.post("reactions/undo", {"all": True})
    ok(all_are(site, ids + both, "undone") and everywhere(lambda ns, address: reaches(address)) and
       not any(rules(ns) for ns, _ in HOSTS), "taken back at once, nothing is left on any host")


# ---- a host that becomes a load balancer

def apply_block(site, check=True):
    r = site.ctl("-o", "json", "reactions", "apply", "block_ip", "--host", site.agents[2].host(), "--address", TWO, "--ttl",
                 "5m", check=check)
    return json.loads(r.stdout)["id"] if r.returncode == 0 else r


def check_spare(site):
    id = apply_block(site)
    ok(all_are(site, [id], "verified") and TWO in rules(three) and not reaches_from_two(), "a host blocks another")
    site.ctl("hosts", "label", site.agents[1].host(), "balancer")
    ok(all_are(site, [id], "undone") and TWO not in rules(three) and reaches_from_two(),
       "until that is labelled as a load balancer: its host lets it in, at once")
    told = wait(lambda: "the server spares" in json.dumps(site.get(f"reactions/{id}")["result"]), 60)
    ok(told, f"and says why: {site.get(f'reactions/{id}')['result']}")
    r = apply_block(site, check=False)
    ok(not isinstance(r, str) and r.returncode == 6 and "never_block_labels" in r.stderr, "nobody blocks it any more")
    kept = os.path.join(site.agents[2].dir, "guard", "spared")
    ok(wait(lambda: "".join(open(kept).readlines()[1:]) == f"{TWO} {site.get('hosts/' + site.agents[1].host())['name']}\n", 60),
       "the host keeps the list, whatever becomes of the server")
    site.ctl("hosts", "label", site.agents[1].host(), "web")
    again = wait(lambda: (lambda r: isinstance(r, str) and r)(apply_block(site, check=False)), 60, 0.5)
    ok(again and all_are(site, [again], "verified") and TWO in rules(three), "without the label it can be blocked again")
    site.ctl("reactions", "undo", again)
    all_are(site, [again], "undone")


ip("link", "add", "switch", "type", "bridge")
ip("addr", "add", HERE + "/24", "dev", "switch")
ip("link", "set", "switch", "up")
two, three, far = network("two", TWO), network("three", THREE), network("far", GUESSER, ADMIN)
HOSTS = ((None, HERE), (two, TWO), (three, THREE))
log = sshd.start(dir)
listeners = [listen(ns, 8081, 22222) for ns, _ in HOSTS] + [listen(far, 7001, 7002, 7003)]
options = {"server.listen": HERE + ":7443", "server.hostnames": HERE, "detect.learning_min": "2s", "react.guessing.scope": "fleet",
           "react.never_block_labels": "balancer", "react.bulk_max": "50", "react.daemon_max": "100"}
with Site(options) as site:
    server = {"server.address": HERE + ":7443", "reaction.ceiling": "block_ip,block_port,isolate,kill"}
    for name, ns, monitor, more in (
            ("one", None, "sshd," + shell, {"sensors.log_files": log, "reaction.hold_connections": "true", "reaction.hold_default": "kill"}),
            ("two", two, "sshd", {"sensors.log_files": quiet}), ("three", three, "sshd", {"sensors.log_files": quiet})):
        site.agent(name, monitor, {**server, **more}, prefix=inside(ns))
    check_connection(site)
    site.ctl("protect", "--mode=active", "--force")
    check_ban(site)
    check_spare(site)
    site.configure({**options, "react.bulk_max": "1"})
    check_bulk(site)
for p in listeners + [two, three, far]:
    p.kill()
shutil.rmtree(dir, ignore_errors=True)
done()
