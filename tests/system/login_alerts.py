#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of an auth.log become alerts: a source that guesses within seconds, one that then comes in, many sources that try one
account; who mistypes is nobody to worry about. An address to act upon is in the finding."""
import datetime

from harness import *

isolate()
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/log"], check=True)
LOG = "/var/log/auth.log"
open(LOG, "w").close()
pid = 4000


def line(text):
    global pid
    pid += 1
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
    with open(LOG, "a") as f:
        f.write(f"{now} host sshd[{pid}]: {text}\n")


def fails(user, source, times=1, invalid=False):
    for _ in range(times):
        line(f"Failed password for {'invalid user ' if invalid else ''}{user} from {source} port 40000 ssh2")


def comes_in(user, source, method="password"):
    line(f"Accepted {method} for {user} from {source} port 40001 ssh2")


def alerts(site, text=""):
    return [a for a in site.alerts() if a["kind"] == "login" and text in json.dumps(a)]


def visit(port, source, text, expect):
    """What somebody says to a decoy, and whether the answer has this."""
    with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as s:
        s.sendall(text)
        got = b""
        while expect not in got and (more := s.recv(4096)):
            got += more
        return expect in got


for address in ("198.51.100.7", "198.51.100.8", "198.51.100.9"):
    subprocess.run(["ip", "addr", "add", address + "/32", "dev", "lo"], check=True)
with Site() as site:
    agent = site.agent(monitor="sshd", options={"honeypot.listen": "redis, ftp, http:8081, postgresql, ssh:2222, gopher"})
    ok(wait(lambda: site.events("event.action:agent_start"), 20), "the agent has started")
    # People first: a slip, a forgotten password, a second person in the same office.
    fails("ann", "10.1.1.5", 3)
    comes_in("ann", "10.1.1.5")
    fails("bob", "10.1.1.6", 9)
    comes_in("bob", "10.1.1.6")
    ok(wait(lambda: site.events("event.action:login and user.name:bob and event.outcome:success"), 20), "people have come in")
    ok(not alerts(site), "who mistypes or forgets is nobody to worry about") or say(json.dumps(alerts(site), indent=1))

    begun = time.monotonic()
    fails("root", "203.0.113.9", 12)
    a = wait(lambda: alerts(site, "203.0.113.9"), 10)
    ok(a, f"a source that guesses is told in {time.monotonic() - begun:.1f} s")
    a = site.get(f"alerts/{a[0]['id']}") if a else {}
    say(a.get("reason", ""))
    ok(a.get("source", {}).get("ip") == "203.0.113.9" and a["source"]["hostile"] and a["source"]["expires"],
       "with the address, and until when it counts as hostile")
    ok(a.get("explanation") and a.get("threat") and a.get("record", {}).get("clears"), "and explained")
    fails("root", "203.0.113.9", 100)

    comes_in("ann", "203.0.113.9")
    b = wait(lambda: [x for x in alerts(site, "203.0.113.9") if x["severity"] == "critical"], 10)
    ok(b and b[0]["id"] != a.get("id"), "a success after guessing is critical and an alert of its own")
    if b:
        say(b[0]["reason"])

    for i in range(6):
        fails("admin", f"{101 + i}.7.0.1", 1, invalid=True)
    c = wait(lambda: alerts(site, "104.7.0.1"), 10)
    ok(c and c[0]["id"] == a.get("id"), "many sources that try one account are in the alert of the host's guessers")
    ok(c and wait(lambda: {"101.7.0.1", "106.7.0.1"} <= {s["ip"] for s in site.get(f"alerts/{c[0]['id']}")["sources"]}), "the first of them too")
    ok(len(alerts(site)) == 2, "two alerts in all") or say(str([x["title"] for x in alerts(site)]))

    site.post(f"alerts/{b[0]['id']}/verdict", {"verdict": "benign_expected"})
    ok(site.get(f"alerts/{b[0]['id']}")["status"] == "closed", "a verdict closes the success")

    # Decoys: nobody has business there.
    ok(visit(6379, "198.51.100.7", b"CONFIG SET dir /root/.ssh\r\n", b"-NOAUTH") and
       visit(21, "198.51.100.8", b"USER anonymous\r\nPASS x@y\r\n", b"530") and
       visit(8081, "198.51.100.8", b"GET /.env HTTP/1.1\r\n\r\n", b"401"), "decoys answer as the real ones would")
    if shutil.which("psql"):
        r = subprocess.run(["psql", "-h", "127.0.0.1", "-U", "mallory", "-c", "SELECT 1"], capture_output=True, text=True)
        ok("password authentication failed" in r.stderr, f"a real psql is refused: {r.stderr.strip()[:120]}")
    if shutil.which("sshpass"):
        r = subprocess.run(["sshpass", "-p", "Xc3511-secret", "ssh", "-b", "198.51.100.9", "-p", "2222", "-o", "StrictHostKeyChecking=no",
                            "-o", "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1", "-o", "PreferredAuthentications=password",
                            "-F", "none", "mallory@127.0.0.1", "id"], capture_output=True, text=True, timeout=90)
        heard = wait(lambda: [e for e in site.events("event.action:decoy and source.ip:198.51.100.9") if "password" in (e.get("message") or "")], 20)
        ok(r.returncode != 0 and "Permission denied" in r.stderr and not r.stdout and heard and heard[0]["user"]["name"] == "mallory" and
           heard[0]["message"] == "a password of 13 lower upper digits other", "a real ssh client gets no further than its password, which is measured")
        ok(not any("3511" in json.dumps(e) for e in site.events("event.action:decoy")), "and not kept")
    events = wait(lambda: (lambda e: e if len(e) >= 5 else None)(site.events("event.action:decoy")), 20) or []
    ok({("redis/decoy", "CONFIG SET dir /root/.ssh"), ("http/decoy", "GET /.env HTTP/1.1")} <=
       {(e["service"]["name"], e.get("message")) for e in events}, "what they wanted is an event of the decoy")
    ok(not any("x@y" in json.dumps(e) for e in events), "a password is not kept")
    ok(not [d["name"] for d in site.all("daemons") if "decoy" in d["name"]], "and a decoy is no daemon that were to be learnt")
    d = wait(lambda: [a for a in alerts(site, "198.51.100.8") if a["severity"] == "medium" and "decoy" in a["title"]], 20)
    ok(d and {"198.51.100.7", "198.51.100.8"} <= {s["ip"] for s in site.get(f"alerts/{d[0]['id']}")["sources"] if s["hostile"]},
       "who came is hostile: one alert for the host") or say(json.dumps(alerts(site), indent=1))
    if d:
        say(site.get(f"alerts/{d[0]['id']}")["reason"])
    comes_in("ann", "198.51.100.7")
    ok(wait(lambda: [a for a in alerts(site, "198.51.100.7") if a["severity"] == "critical"], 20),
       "and when he comes in with a password that was right, that is critical")
done()
