#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reactions on other days than good ones: the server's own plugins, also when it dies over one; a second operator; taking
back by reaction, alert and kind; effects that end while the agent is away or dead; orders that die undelivered."""
import http.server, json, threading

from harness import *

isolate()
from orders import start_us
from person import Person

PYTHON = "/usr/bin/python3"
need("nft")
if not os.path.exists(PYTHON):
    skip_all(f"{PYTHON} is not here")
base = tempfile.mkdtemp(prefix="daemonsec-days.", dir="/var/tmp")
os.chmod(base, 0o755)

OPTIONS = {"detect.learning_min": "1s", "react.never_block_labels": "load-balancer", "plugins.dir": base + "/plugins",
           "plugins.python": base + "/python", "plugins.timeout": "60s", "react.tell.kinds": "login",
           "react.tell.min_severity": "medium", "react.tell.reactions": "server_plugin", "react.tell.plugin": "telegram"}


def put(name, text, mode=0o755):
    path = os.path.join(base, "plugins", name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def prepare():
    """The plugins, a directory for tickets, and somebody who answers like Telegram."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"ok": true}')

        def log_message(self, *a):
            pass
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for d in ("plugins", "python", "tickets"):
        os.mkdir(os.path.join(base, d), 0o755)
    os.chown(base + "/tickets", 65534, 65534)
    shutil.copy(os.path.join(TOP, "plugins", "daemonsec_plugin.py"), base + "/python")
    for name in ("telegram", "ticket"):
        shutil.copy(os.path.join(TOP, "plugins", name), base + "/plugins")
    put("ticket.conf", f"directory = {base}/tickets\n", 0o644)
    put("telegram.conf", f"api = http://127.0.0.1:{server.server_port}\ntoken = 1:secret\nchat = -5\n", 0o644)
    put("hangs", f"#!{PYTHON}\nimport time\ntime.sleep(60)\n")
    put("slow", f"#!/bin/sh\nread line\necho \"$line\" >>{base}/tickets/slow\n[ -e {base}/tickets/go ] || exec sleep 60\n"
                "echo '{\"outcome\":\"done\",\"text\":\"at last\"}'\n")
    return got


def apply(site, *args, check=True):
    r = site.ctl("-o", "json", "reactions", "apply", *args, check=check)
    return json.loads(r.stdout)["id"] if check else r


def status(site, id, wanted, seconds=15):
    """The reaction once it has the status; the last look at it when it has not."""
    last = {}

    def ask():
        last.update(site.get(f"reactions/{id}"))
        return last["status"] == wanted
    wait(ask, seconds)
    return last


def tickets():
    return [f for f in os.listdir(base + "/tickets") if f.startswith("rct_")]


# ---- plugins

def check_ticket(site):
    id = apply(site, "server_plugin", "--host", site.host, "--data", "ticket by hand", "--reason", "sshd was replaced")
    r = status(site, id, "verified")
    if not ok(r["status"] == "verified" and tickets() == [id + ".json"], f"a plugin of the server opens a ticket: {r['result']}"):
        return
    path = os.path.join(base, "tickets", id + ".json")
    t = json.load(open(path))
    ok(t["reason"] == "sshd was replaced" and t["argument"] == "by hand" and t["host"], "which says why and where")
    ok(os.stat(path).st_uid == 65534, "written by the plugins' user")
    site.ctl("reactions", "undo", id)
    r = status(site, id, "undone")
    ok(r["status"] == "undone" and not tickets(), f"undo closes it: {r['result'].get('text')}")


def check_short_lives(site):
    """Things that end by themselves."""
    for seconds in (2, 20, 80):  # in which it is to be seen
        ticket = apply(site, "server_plugin", "--host", site.host, "--data", "ticket", "--ttl", f"{seconds}s")
        opened = look(lambda: tickets() == [ticket + ".json"], seconds, 0.02)
        if opened:
            break
    ok(opened and status(site, ticket, "expired")["status"] == "expired" and not tickets(),
       "the end of its life closes a ticket by itself")
    isolation = apply(site, "isolate", "--host", site.host)
    pending = site.get(f"reactions/{isolation}")["status"]
    site.configure({**OPTIONS, "react.approval_ttl": "1s"})
    r = status(site, isolation, "expired")
    site.configure(OPTIONS)
    ok(pending == "pending" and r["status"] == "expired" and site.ctl("reactions", "approve", isolation, check=False).returncode == 6,
       "what no second operator approves in time is dead")


def check_bad_plugins(site):
    site.configure({**OPTIONS, "plugins.timeout": "1s"})
    for name, why in (("hangs", "its time was over"), ("nobody", "is not in"), ("../ticket", "no name of a plugin")):
        id = apply(site, "server_plugin", "--host", site.host, "--data", name)
        r = status(site, id, "failed")
        ok(r["status"] == "failed" and why in r["result"].get("text", ""), f"{name}: {r['result'].get('text')}")
    site.configure(OPTIONS)


def check_plugin_and_crash(site):
    """The server dies while a plugin runs."""
    id = apply(site, "server_plugin", "--host", site.host, "--data", "slow")
    slow = os.path.join(base, "tickets", "slow")
    wait(lambda: os.path.exists(slow))
    site.process.kill()
    open(os.path.join(base, "tickets", "go"), "w").close()
    site.start()
    r = status(site, id, "verified")
    orders = {json.loads(line)["order"] for line in open(slow)}
    ok(r["status"] == "verified" and orders == {id}, f"what the server died over is done by the next, as the same order: {r['result']}")


def check_rule(site, log, got):
    """An alert leads to a message, and to a ban in the kernel; the alert was wrong."""
    with open(log, "a") as f:
        f.write("".join(f"{time.strftime('%b %d %H:%M:%S')} host sshd[{700 + k}]: Failed password for invalid user u{k} from "
                        f"198.18.0.9 port {1000 + k} ssh2\n" for k in range(12)))
    r = wait(lambda: [x for x in site.all("reactions", status="verified") if x["rule"] == "tell"], 20)
    if not ok(r and got and "198.18.0.9" in got[0]["text"], f"a rule has a plugin send a message: {got}"):
        say(json.dumps(site.all("reactions")[:3], indent=1))
        return
    alert = r[0]["alert_id"]
    ok(wait(lambda: "198.18.0.9" in blocked()), "and its source is blocked")
    u = json.loads(site.ctl("-o", "json", "reactions", "undo", "--alert", alert).stdout)
    ids = [x["id"] for x in u["items"]]
    ok(len(ids) >= 2 and ids == sorted(ids, reverse=True) and u["failed"] == 0, "everything about the alert is taken back, the newest first")
    ok(wait(lambda: "198.18.0.9" not in blocked(), 5), "within 5 s")


def guesses(log, source):
    with open(log, "a") as f:
        f.write("".join(f"{time.strftime('%b %d %H:%M:%S')} host sshd[{900 + k}]: Failed password for invalid user u{k} from "
                        f"{source} port {2000 + k} ssh2\n" for k in range(12)))


def bans(site, source):
    return [r for r in site.all("reactions") if r["kind"] == "block_ip" and r["target"] == "ip:" + source and r["status"] != "dry_run"]


def life(r):
    """From when it was told as there."""
    return round((parse_time(r["expires"]) - parse_time(r["applied"])) / 1e6)


def check_again(site, log):
    """Who comes again after his ban is banned again, four times as long."""
    site.configure({**OPTIONS, "react.guessing.ttl": "2s"})
    guesses(log, "198.18.0.66")
    first = wait(lambda: [r for r in bans(site, "198.18.0.66") if r["status"] == "expired"])
    ok(first and 0 <= life(first[0]) <= 2, "a ban of two seconds ends")

    def again():
        guesses(log, "198.18.0.66")
        return [r for r in bans(site, "198.18.0.66") if r["id"] != first[0]["id"] and r.get("applied")]
    second = first and look(again, 150, 1)
    ok(second and 2 < life(second[0]) <= 8, f"who goes on guessing is banned again, four times as long: {second and life(second[0])} s")
    site.configure(OPTIONS)


def blocked():
    return subprocess.run(["nft", "list", "table", "inet", "daemonsec"], capture_output=True, text=True).stdout


def check_balancer(site):
    """A load balancer passes on what others do: its address is nobody's guilt."""
    r = site.ctl("hosts", "label", site.host, "load-balancer", check=False)
    say(r.stderr)
    refused = lambda: (lambda r: r.returncode == 6 and "never_block_labels" in r.stderr and r)(
        site.ctl("reactions", "apply", "block_ip", "--host", site.host, "--address", "127.0.0.1", check=False))
    r = wait(refused, 5, 0.2)
    ok(r, f"the address of a host with such a label is never blocked: {r and r.stderr.strip()}")


# ---- a second operator

def check_second(site):
    tokens = {}
    for who in ("one", "two"):
        t = site.post("api-tokens", {"name": who, "scopes": ["*:read", "reactions:write"]})
        tokens[who] = os.path.join(base, who)
        with open(tokens[who], "w") as f:
            f.write(t["token"])
    ctl = lambda who, *args: subprocess.run([program("daemonsec-ctl"), "--server", f"http://127.0.0.1:{site.api_port}",
                                             "--token-file", tokens[who], *args], capture_output=True, text=True)
    r = ctl("one", "-o", "json", "reactions", "apply", "isolate", "--host", site.host, "--ttl", "5m")
    id = r.returncode == 0 and json.loads(r.stdout)["id"]
    if not ok(id and status(site, id, "pending", 1)["status"] == "pending", f"to isolate a host waits for a second operator: {r.stderr}"):
        return
    r = ctl("one", "reactions", "approve", id)
    ok(r.returncode == 4 and "second operator" in r.stderr, f"who asked for it cannot approve it: {r.stderr.strip()}")
    ok("isolated" not in blocked() and site.get(f"reactions/{id}")["status"] == "pending", "and nothing has happened yet")
    r = ctl("two", "reactions", "approve", id)
    ok(r.returncode == 4 and "another user" in r.stderr, f"nor by another token of the same user: {r.stderr.strip()}")
    site.post("users", {"name": "anna", "role": "operator", "password": "a second pair of eyes"})
    anna = Person()
    anna.sign_in("anna", "a second pair of eyes")
    r = anna.ask("POST", f"reactions/{id}/approve", {})
    r2 = status(site, id, "verified")
    ok(r[0] == 200 and r2["status"] == "verified", f"another user does, and the host is isolated: {r2['result'].get('text')}")
    ok(r2["by"] != r2["approved_by"] != "", f"by {r2['by']}, approved by {r2['approved_by']}")
    ctl("two", "reactions", "undo", id)
    ok(status(site, id, "undone")["status"] == "undone", "and no longer, when one of them takes it back")


# ---- away

def check_kind(site):
    ids = [apply(site, "block_ip", "--host", site.host, "--address", f"198.18.1.{i}", "--ttl", "5m") for i in (1, 2)]
    for id in ids:
        status(site, id, "verified")
    r = site.ctl("reactions", "undo", "--kind", "dance", check=False)
    ok(r.returncode == 2, "an unknown kind of reaction is no filter")
    site.ctl("reactions", "undo", "--kind", "block_ip")
    ok(all(status(site, id, "undone", 5)["status"] == "undone" for id in ids) and "198.18.1." not in blocked(),
       "all of a kind are taken back within 5 s")


def state(p):
    return open(f"/proc/{p.pid}/stat").read().rpartition(")")[2].split()[0]


def victim():
    p = subprocess.Popen(["/bin/sleep", "300"])
    return p, ["--host", site.host, "--pid", str(p.pid), "--start", str(start_us(p.pid))]


def check_away(site, agent):
    p, who = victim()
    ban = apply(site, "block_ip", "--host", site.host, "--address", "198.18.2.1", "--ttl", "5s")
    banned = status(site, ban, "verified")["status"] == "verified"
    frozen = apply(site, "freeze", *who, "--ttl", "5s")
    ok(banned and status(site, frozen, "verified")["status"] == "verified" and state(p) == "T", "a ban and a frozen process, for five seconds")
    agent.process.kill()
    q, who = victim()
    site.configure({**OPTIONS, "react.order_ttl": "1s"})
    dead = apply(site, "freeze", *who)
    ok(wait(lambda: "198.18.2.1" not in blocked(), 6), "the kernel ends the ban although the agent was killed")
    ok(status(site, dead, "expired", 15)["status"] == "expired", "an order that cannot be delivered in time is dead")
    site.configure(OPTIONS)
    agent.start()
    ok(wait(lambda: state(p) == "S", 15), "the agent that comes back ends what was to end meanwhile")
    ok(status(site, frozen, "expired")["status"] == "expired" and status(site, ban, "expired")["status"] == "expired",
       "and the server knows of both")
    r = apply(site, "freeze", *victim()[1], "--ttl", "1m")
    ok(status(site, r, "verified")["status"] == "verified" and state(q) in ("S", "R"), "what died was not done; the next order is")
    site.ctl("reactions", "undo", "--all")
    status(site, r, "undone")


got = prepare()
log = os.path.join(base, "auth.log")
open(log, "w").close()
with Site(OPTIONS) as site:
    agent = site.agent(monitor="sshd", options={
        "sensors.log_files": log, "reaction.ceiling": "freeze,kill,block_ip,isolate"})
    site.host = agent.host()
    site.ctl("protect", "--mode=active", "--force")
    check_ticket(site)
    check_short_lives(site)
    check_bad_plugins(site)
    check_plugin_and_crash(site)
    check_rule(site, log, got)
    check_again(site, log)
    check_balancer(site)
    check_second(site)
    check_kind(site)
    check_away(site, agent)
shutil.rmtree(base, ignore_errors=True)
done()
