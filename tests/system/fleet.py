#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What several hosts do at once: the same upgrade on four of them is one notice, and each profile goes on as another
version; a declared deployment is another; the same strange program on all of them, which nothing explains, is a wave. Four
agents over the wire, each with a certificate and a clock of its own (daemonsec-sim replay)."""
import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import *

HOSTS = 4
SIM = program("daemonsec-sim")
NGINX = "EXE=/usr/sbin/nginx"


def line(seconds, kind, daemon, *pairs):
    return "\t".join([str(seconds), kind, daemon, *pairs]) + "\n"


def declared(seconds, name, exe, version, hash):
    return line(seconds, "DAEMON", f"{name}.service", "ROLE=service", "PID=100", f"EXE={exe}", f"SHA256={hash * 32}",
                *([f"PACKAGE={name}", f"PACKAGE_VERSION={version}"] if version else []))


def started(seconds, exe, pid):
    return line(seconds, "EXEC", "nginx.service", f"EXE={exe}", f"ARGS={exe}", "PARENT_EXE=/usr/sbin/nginx",
                "ANCESTORS=/usr/sbin/nginx", f"PID={pid}", "PPID=101", "UID=33")


def learning():
    yield line(0, "AGENT_START", "-", "PID=1")
    yield declared(0, "nginx", "/usr/sbin/nginx", "1.22", "01")
    yield declared(0, "app", "/opt/app/app", "", "01")
    for s in range(10, 210, 10):
        yield started(s, "/usr/bin/gzip", 700)
        for name in ("nginx", "app"):
            yield line(s, "RESOURCE", f"{name}.service", "RSS=1000000")


def upgrade():
    """What dpkg does, what the agent finds, and the new version's new helper."""
    yield line(0, "FILE_CREATE", "dpkg/script", "PATH=/usr/bin/brotli", "EXE=/usr/bin/dpkg", "PID=600")
    yield declared(2, "nginx", "/usr/sbin/nginx", "1.24", "02")
    yield line(3, "INTEGRITY", "nginx.service", "PATH=/usr/sbin/nginx", f"SHA256={'02' * 32}", f"SHA256_BEFORE={'01' * 32}",
               "PACKAGE=nginx", "PACKAGE_VERSION=1.24", "OUTCOME=1", "FILE_CLASS=executable")
    yield started(4, "/usr/bin/brotli", 701)


def deployed():
    yield declared(0, "app", "/opt/app/app", "", "02")
    yield line(0.1, "CONNECT", "app.service", "EXE=/opt/app/app", "PID=100", "DADDR=198.51.100.7", "DPORT=5555", "PROTO=6")


def all_send(site, name, events, ago, hosts=range(HOSTS)):
    """Every host at once; the newest event was so many seconds ago."""
    path = f"{site.dir}/{name}"
    subprocess.run([os.path.join(BUILD, "tests", "system", "recording"), path], input="".join(events), text=True, check=True)
    sims = [subprocess.Popen([SIM, "replay", "-o", "json", "--quiet", "--token-file", site.dir + "/token", "--state-dir",
                              f"{site.dir}/sim{h}", "--agents", "1", "--first", str(h), "--from", path, "--speed", "0", "--ago",
                              f"{ago}s"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for h in hosts]
    said = [s.communicate(timeout=120)[0] for s in sims]
    if not ok(all(s.returncode == 0 for s in sims), f"{len(said)} hosts sent: {name}"):
        say("\n".join(said))


def alerts(site, *kinds):
    return [a for a in site.alerts(status="all") if a["kind"] in kinds]


def told(site):
    return [a for a in alerts(site, "new_child", "new_destination", "integrity", "privilege", "fleet_wave") if a["status"] == "open"]


def versions(site):
    """The newest of nginx on each host."""
    return [site.all(f"daemons/{d['id']}/versions")[-1] for d in site.all("daemons") if d["name"] == "nginx.service"]


def tells(site, exe, hosts, ago):
    """The program is started on these hosts: on which of them somebody is told."""
    before = {a["id"]: a["count"] for a in told(site)}
    all_send(site, os.path.basename(exe) + str(ago), [started(0, exe, 2000 - ago)], ago, hosts)
    return sorted(int(a["host"]["name"][4:]) for a in told(site) if a["kind"] == "new_child" and exe in a["title"] and
                  a["count"] > before.get(a["id"], 0))


def judge(site, exe, host, verdict, *options, expected=None):
    """A verdict on the host's alert, by ctl; it is in force when this returns."""
    alert = next(a for a in told(site) if exe in a["title"] and a["host"]["name"] == f"sim-{host:05}")
    said = site.ctl("alerts", "verdict", alert["id"], verdict, *options).stdout
    if expected is not None:
        ok(wait(lambda: site.get("status")["detection"]["expected"] == expected, 60), f"{exe}: {' '.join(options) or 'host'}")
    return said


def verdicts(site):
    """Host, label, daemon over the fleet; each is narrow, ends, and is taken back. A program a scope."""
    a, b, c = (f"/opt/tools/{x}" for x in ("alpha", "bravo", "charlie"))
    ok(tells(site, a, (0, 1), 590) == [0, 1], "a program of nobody is told on two hosts")
    preview = judge(site, a, 0, "benign_expected", "--scope", "daemon", "--preview")
    ok("would have hidden 2 alerts" in preview and "0 of recorded attacks" in preview, "a preview counts both: " + preview.splitlines()[0])
    odd = next(x for x in told(site) if a in x["title"])
    with sqlite3.connect(os.path.join(site.state, "control.db"), timeout=60) as db:
        db.execute("UPDATE alert SET title = CAST(? AS TEXT) WHERE id = ?", (odd["title"].encode() + b" \xff", odd["id"]))
    db.close()
    shown = site.post(f"alerts/{odd['id']}/verdict", {"verdict": "benign_expected", "scope": "daemon", "preview": True})["alerts"]
    ok(len(shown) == 2 and odd["title"] + " \ufffd" in [x["title"] for x in shown], "and names both, also one whose title is no UTF-8")
    judge(site, a, 1, "true_positive")
    ok("1 of recorded attacks" in judge(site, a, 0, "benign_expected", "--scope", "daemon", "--preview"), "and the recorded attack")
    judge(site, a, 0, "benign_expected", expected=1)
    ok(tells(site, a, (0, 1), 580) == [1], "by itself a verdict holds on its host only")
    ok(tells(site, b, (0,), 570) == [0], "another")
    site.ctl("hosts", "label", "sim-00001", "web")
    judge(site, b, 0, "benign_expected", "--scope", "label", "--label", "web", expected=2)
    ok(tells(site, b, (1, 2), 560) == [2], "a label's verdict holds where the label is")
    judge(site, b, 2, "benign_expected", "--scope", "daemon", expected=3)
    ok(tells(site, b, (0, 3), 550) == [], "a daemon's holds on every host")
    for e in site.all("expectations"):
        site.ctl("expectations", "undo", e["id"])
    ok(wait(lambda: site.get("status")["detection"]["expected"] == 0, 60) and tells(site, b, (0,), 540) == [0],
       "what is undone is told again")
    ok(tells(site, c, (0,), 530) == [0], "one more")
    judge(site, c, 0, "false_positive", "--scope", "fleet", "--expires", "1s")
    ok(wait(lambda: site.all("expectations")[0]["status"] == "expired", 60) and tells(site, c, (1,), 0) == [1],
       "what has expired is told again")
    ok(site.ctl("alerts", "verdict", "alr_none", "benign_expected", check=False).returncode == 3, "an alert that is none is not found")
    for x in told(site):
        site.ctl("alerts", "close", x["id"])


MINER = "/opt/tools/miner"


def restart(site):
    site.process.stop()
    site.start()


def honeypot(site):
    """A host that is a decoy as a whole: what was done there, and who came, weighs more on the others, also for a server that was
    started since."""
    for a in told(site):
        site.ctl("alerts", "close", a["id"])
    site.ctl("hosts", "label", "sim-00003", "honeypot")
    restart(site)
    all_send(site, "attack", [started(0, MINER, 3000),
                              line(0.1, "DECOY", "-", "SADDR=203.0.113.77", "SPORT=4000", "DPORT=6379", "PROTO=6", "METHOD=redis", "MESSAGE=INFO")], 0, (3,))
    ok(wait(lambda: site.taught().count(b"sim-00003") == 2, 60), "a visit and what was done on the honeypot are kept")
    restart(site)
    all_send(site, "same", [started(0, MINER, 3001), started(0, "/opt/tools/other", 3002),
                            line(0.1, "CONNECT", "nginx.service", NGINX, "PID=100", "DADDR=203.0.113.77", "DPORT=443", "PROTO=6"),
                            line(0.2, "CONNECT", "nginx.service", NGINX, "PID=100", "DADDR=203.0.115.77", "DPORT=443", "PROTO=6")], 0, (0,))
    new = [site.get("alerts/" + a["id"]) for a in told(site) if a["host"]["name"] == "sim-00000"]
    same, other, went = ([a for a in new if x in a["title"]] for x in (MINER, "/opt/tools/other", "203.0.113.77"))
    ok(same and "the honeypot sim-00003 showed the same after an attack" in same[0]["reason"], "what a honeypot showed is told with its name")
    ok(same and other and "honeypot" not in other[0]["reason"] and same[0]["score"] > other[0]["score"], "and weighs more than another program")
    ok(went and went[0]["severity"] == "high" and "203.0.113.77 came to the decoy redis on host sim-00003" in went[0]["reason"],
       "a daemon that goes to who came to a decoy is told") or say(json.dumps(new, indent=1))
    ok(not [a for a in new if "203.0.115.77" in a["title"]], "where it goes besides is its own business")


isolate()
with Site({"detect.learning_min": "60s", "detect.unseen_max": "0.1"}) as site:
    with open(site.dir + "/token", "w") as f:
        f.write(site.make_token(uses=HOSTS) + "\n")
    all_send(site, "learning", learning(), 1200)
    ok(len(versions(site)) == HOSTS and all(v["reason"] == "first" for v in versions(site)), "nginx is known on all of them")

    all_send(site, "upgrade", upgrade(), 600)
    notices = alerts(site, "integrity")
    if not ok(len(notices) == 1 and notices[0]["status"] == "acknowledged" and notices[0]["count"] == 2 * HOSTS and
              "nginx was installed in version 1.24" in notices[0]["title"], "the same upgrade everywhere is one notice"):
        say(json.dumps([(a["title"], a["status"], a["count"]) for a in notices], indent=1))
    ok(not told(site), "and nothing else: " + ", ".join(a["title"] for a in told(site)))
    now = versions(site)
    ok(len(now) == HOSTS and all((v["version"], v["parent"], v["reason"]) == (2, 1, "package") and v["explained"] == 1 and
                                 v["inherited"] >= 1 and v["told"] == 0 for v in now),
       "on each of them the profile went on, with what the upgrade brought")

    verdicts(site)

    site.ctl("deploy", "begin", "--daemon", "app", "--ttl", "30m")
    ok(wait(lambda: site.get("status")["detection"]["deployments"] == 1, 60), "a deployment is declared")
    all_send(site, "two", [started(0, "/usr/bin/curl", 812)], 300, range(2))
    ok(not alerts(site, "fleet_wave") and len(told(site)) == 2, "a strange program on two hosts is two alerts, and no wave")
    all_send(site, "worm", [started(0, "/usr/bin/curl", 812)], 290, range(2, HOSTS))
    wave = wait(lambda: [a for a in alerts(site, "fleet_wave") if a["count"] == 2], 60)
    ok(len(alerts(site, "fleet_wave")) == 1, "it is one, whatever rules say besides")
    ok(wave and len(wave) == 1 and wave[0]["severity"] in ("high", "critical") and wave[0]["status"] == "open", "on the third it is a wave, that grows")
    one = site.get("alerts/" + wave[0]["id"]) if wave else {}
    ok(one and {"sim-00000", "sim-00001"} < set(one["hosts"]) and one["peers"]["of"] == HOSTS,
       f"it names the hosts: {one and one['title']}")
    ok(len(told(site)) == HOSTS + 1, "and each host has its own alert")
    ok(all(v["told"] >= 1 and v["explained"] == 1 for v in versions(site)), "no upgrade explains it")

    all_send(site, "deployed", deployed(), 0)
    folded = [a for a in site.alerts(status="all") if a["status"] == "acknowledged" and a["id"] not in [n["id"] for n in notices]]
    ok(len(folded) == 1 and folded[0]["count"] == 2 * HOSTS, "what a deployment was declared for is one notice, too")
    ok(len(told(site)) == HOSTS + 1, "and alerts nothing")

    honeypot(site)
done()
