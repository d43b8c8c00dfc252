#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real daemons on hosts of their own, honest work and attacks on them: what is found, how soon, and what is told that is
nothing. DS_LIVE=long: all attacks and more hosts, figures for `make eval`."""
import sqlite3, sys, threading

sys.path.insert(0, __file__.rpartition("/")[0])
from attacks import *

LONG = os.environ.get("DS_LIVE") == "long"
SEED = int(os.environ.get("DS_LIVE_SEED", "1"))
SHORT_ATTACKS, SHORT_NEGATIVES = 8, 6
ACTION = ("medium", "high", "critical")  # what people are told of by default
AFTER_S = 60 if LONG else 15             # an alert may come so long after the end of an attack
SETTLE_S = 10 if LONG else 1


def micro(alert, member="created"):
    return parse_time(alert[member])


class Life:
    """Everyday work on every host, until it is told to rest."""

    def __init__(self, estate, pause):
        self.estate, self.pause, self.over = estate, pause, threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(h,), daemon=True) for h in estate.hosts]
        for t in self.threads:
            t.start()

    def run(self, host):
        n = 0
        while not self.over.wait(self.pause):
            try:
                host.everyday(n)
            except (OSError, http.client.HTTPException, subprocess.SubprocessError):
                pass  # a daemon that is being started again
            n += 1

    def rest(self):
        self.over.set()
        for t in self.threads:
            t.join()


def listener():
    """The attacker's end: takes what is sent, and has one command for a shell that calls."""
    s = socket.create_server((ATTACKER, 4444))

    def serve():
        while True:
            c, _ = s.accept()
            c.settimeout(3)
            try:
                c.sendall(b"id; cat /etc/passwd\n")
                while c.recv(65536):
                    pass
            except OSError:
                pass
            c.close()
    threading.Thread(target=serve, daemon=True).start()


def unready(site, hosts):
    """Daemons that are not, and why. Not cron, whose minutes are too long for the short run."""
    daemons = {(d["host"]["name"], d["name"]): d for d in site.all("daemons")}
    wanted = {(h.name, n) for h in hosts for n in h.daemons if n != "cron"}
    wanted |= set(daemons) if LONG else {(h.name, "sshd/session") for h in hosts if isinstance(h, Login)}
    return [(*w, daemons[w]["blockers"] if w in daemons else "unknown") for w in sorted(wanted)
            if w not in daemons or daemons[w]["state"] != "ready"]


def learn(estate, seconds):
    """Until every daemon is ready; what waits in batches is sent by asking the uplinks to end."""
    pause(seconds)
    for h in estate.hosts:
        h.run("kill -TERM $(pidof daemonsec-uplink)", check=False)
    return wait(lambda: not unready(estate.site, estate.hosts), 120, 0.2)


def told(site):
    return [a for a in site.alerts() if a["severity"] in ACTION]


def tree(site, host, pids, begin_us):
    """The processes of an attack: those whose pids it told, and what they started; and when the first was seen."""
    mine, seen = set(pids), []
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin_us / 1e6 - 1))
    for e in sorted(site.events(f'host.name:"{host.name}"', since=since, limit=1000), key=lambda e: e["@timestamp"]):
        p = e.get("process", {})
        if parse_time(e["@timestamp"]) < begin_us - 50000:
            continue
        if p.get("pid") in mine or p.get("parent", {}).get("pid") in mine:
            if e["event"]["action"] in ("exec", "fork"):
                mine.add(p["pid"])
            seen.append(parse_time(e["@timestamp"]))
    return mine, min(seen, default=None)


def cites(alert, mine):
    told = [alert.get("process") or {}, *(alert.get("events") or [])]
    return bool({p.get(n) for p in told for n in ("pid", "parent_pid")} & mine)


class Result:
    def __init__(self, attack, host):
        self.attack, self.host, self.found, self.lucky, self.took, self.mine = attack, host, None, None, None, set()


def strike(site, attack, host):
    """One attack, and what came of it."""
    result = Result(attack, host)
    before = {a["id"]: a["count"] for a in site.alerts()}
    begin = time.time() * 1e6
    said = attack.way(host, attack.payload)
    result.end = time.time() * 1e6
    result.begin = begin
    pids = {int(x) for x in re.findall(r"PID (\d+)", said)}
    result.pids = pids

    def found():
        # Of several the first.
        for a in sorted(told(site), key=lambda a: micro(a, "updated" if a["id"] in before else "created")):
            if a["host"]["name"] != host.name or (a["id"] in before and a["count"] == before[a["id"]]):
                continue
            result.lucky = a
            doc = site.get("alerts/" + a["id"])
            mine, first = tree(site, host, pids, begin)
            result.mine |= mine
            guessed = a["kind"] == "login" and ATTACKER in json.dumps(doc)
            if guessed or cites(doc, mine):
                result.found = a
                # Guessing begins before there is a process; an alert that grew was told again when it did.
                first = begin if guessed or first is None else first
                result.took = (micro(a, "created" if a["id"] not in before else "updated") - first) / 1e6
                return True
        return False
    wait(found, AFTER_S, 0.1)
    # Dealt with: the next attack has to raise an alert of its own.
    for a in site.alerts():
        if a["status"] != "closed":
            site.post(f"alerts/{a['id']}/close", {"note": attack.name})
    return result


def quiet(estate, name, host, work):
    """Honest work: the alerts that it made."""
    before = {a["id"] for a in told(estate.site)}
    work(host)
    pause(SETTLE_S)
    return [a for a in told(estate.site) if a["id"] not in before]


def pick(hosts, kind, n):
    mine = [h for h in hosts if isinstance(h, kind)]
    return mine[n % len(mine)]


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))] if values else float("nan")


def wilson(k, n, z=1.96):
    p, d = k / n, 1 + z * z / n
    m, s = (p + z * z / (2 * n)) / d, z * ((p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5) / d
    return m - s, m + s


def figure(metric, value):
    print(f"eval live {metric} {value}" if LONG else f"# eval live {metric} {value}", flush=True)


def report(results, false, hours):
    n, found = len(results), [r for r in results if r.found]
    low, high = wilson(len(found), n)
    took = [r.took for r in found]
    figure("detected_pct", f"{100 * len(found) / n:.1f}")
    figure("detected_wilson_pct", f"{100 * low:.0f}-{100 * high:.0f}")
    figure("lucky_pct", f"{100 * len([r for r in results if r.lucky and not r.found]) / n:.1f}")
    figure("time_to_detect_p50_s", f"{percentile(took, 0.5):.3f}")
    figure("time_to_detect_p95_s", f"{percentile(took, 0.95):.3f}")
    figure("false_episodes", len(false))
    figure("host_hours", f"{hours:.2f}")


def newcomer(estate):
    """A host whose agent has just come."""
    h = estate.host("newcomer", Database)
    h.start()
    h.start_agent(estate.agent_options)
    wait(lambda: [d for d in estate.site.all("daemons") if d["host"]["name"] == h.name and d["name"] == "postgres"], 20)
    return h


def layers(site, results):
    """Which detectors found each attack by themselves, and how many are left when one of them is taken away."""
    db = sqlite3.connect(f"file:{site.state}/control.db?mode=ro", uri=True)
    by = []
    for r in results:
        mine = set()
        for kind, text in db.execute("select f.kind, f.json from finding f join host h on h.number = f.host where h.name like ? and f.time_us"
                                     " between ? and ?", (r.host.name + "%", r.begin - 1e6, r.end + 60e6)):
            doc = json.loads(text)
            if cites(doc, r.mine) or (kind == "login" and ATTACKER in text):
                mine.add("rules" if doc.get("rules") else "fusion" if kind in ("window_outlier", "rate_burst") else kind)
        by.append(mine)
        say(f"{r.attack.name}: {', '.join(sorted(mine)) or 'nothing'}")
    for layer in sorted(set().union(*by)):
        n = len(by)
        figure(f"layer_{layer}_alone_finds_pct", f"{100 * sum(layer in b for b in by) / n:.0f}")
        figure(f"layer_{layer}_taken_away_leaves_pct", f"{100 * sum(bool(b - {layer}) for b in by) / n:.0f}")


def main():
    isolate()
    need("nginx", "fcgiwrap", "spawn-fcgi", "sshd", "sshpass", "cron", "psql", "perl", "openssl")
    if not PHP or not PG:
        skip_all("php-fpm or postgresql is not here")
    kinds = [Web, Database, Login] * (3 if LONG else 1) + ([] if LONG else [Web])
    with Estate({"detect.alert_budget": "1/host/month", "detect.learning_min": "30s" if LONG else "4s", "detect.starter_dir": os.path.join(TOP, "schema/starter")}, {"sensors.repeat_interval": "1s", "sensors.log_files": "/var/log/auth.log"}) as estate:
        for n, kind in enumerate(kinds):
            estate.host(f"{kind.__name__.lower()}{n}", kind)
        site = estate.site
        estate.start()
        listener()
        life = Life(estate, 0.1)
        begin = time.monotonic()
        ok(estate.start_agents(), f"{len(kinds)} hosts come up and their agents connect")
        if not ok(learn(estate, 60 if LONG else 10), "their daemons are learnt"):
            say(unready(site, estate.hosts))
        false = []
        say(f"learnt after {time.monotonic() - begin:.0f} s; alerts meanwhile: {[a['title'] for a in told(site)]}")
        for n, (name, kind, work) in enumerate(NEGATIVES if LONG else NEGATIVES[:SHORT_NEGATIVES]):
            alerts = quiet(estate, name, pick(estate.hosts, kind, n), work)
            ok(not alerts, f"{name}: nothing is told")
            false += alerts
        for a in false:
            say(f"false: {a['kind']} {a['severity']} {a['host']['name']} {a['title']}: {a['reason']}")
        for a in site.alerts():
            site.post(f"alerts/{a['id']}/close", {"note": "before the attacks"})
        results = []
        for n, attack in enumerate(attacks(SEED) if LONG else attacks(SEED)[:SHORT_ATTACKS]):
            r = strike(site, attack, pick(estate.hosts, attack.kind, n))
            results.append(r)
            text = f"{r.took * 1000:.0f} ms: {r.found['title']}" if r.found else \
                f"only {r.lucky['title']}" if r.lucky else "nothing"
            ok(r.found, f"{attack.name} on {r.host.name} is found ({text})")
            if not r.found:
                say(f"pids {r.pids} payload {attack.payload[:150]!r}")
        if LONG:
            results.append(strike(site, Attack("on a host that is not learnt", Database, "postgres", copy_program, "id; cat /etc/passwd"),
                                  newcomer(estate)))
            ok(results[-1].found, f"an attack in the first seconds of a host is found ({results[-1].found and results[-1].found['reason']})")
        life.rest()
        layers(site, results)
        report(results, false, len(kinds) * (time.monotonic() - begin) / 3600)
    done()


if __name__ == "__main__":
    main()
