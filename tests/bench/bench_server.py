#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The server end to end: TLS -> inflate -> decode -> score -> durable -> ack, by daemonsec-sim's agents, with rsyslog
(TLS -> file, no analysis) in the same run; bytes an event at rest; queries and scans over many events; memory an agent.

Environment: SECONDS (20) of load, EVENTS (100000000) to query over, AGENTS (10000) connected at once."""
import os, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

SECONDS = int(os.environ.get("SECONDS", "20"))
EVENTS = int(float(os.environ.get("EVENTS", "1e8")))
AGENTS = int(os.environ.get("AGENTS", "10000"))


def bench(name, value, unit, digits=2):
    print(f"bench {name} {value:.{digits}f} {unit}", flush=True)


def cpu(pid):
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


def cpu_ns(pid):
    """Of all its threads that live, exactly: ticks of 10 ms are too coarse for one query."""
    d = f"/proc/{pid}/task"
    return sum(int(open(f"{d}/{t}/schedstat").read().split()[0]) for t in os.listdir(d))


def rss_kib(pid):
    return next(int(l.split()[1]) for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS"))


def sim(site, *args, timeout=3600):
    token = os.path.join(site.dir, "sim-token")
    with open(token, "w") as f:
        f.write(site.make_token(uses=100000, ttl="12h"))
    r = subprocess.run([program("daemonsec-sim"), args[0], "--server", f"127.0.0.1:{site.port}", "--token-file", token,
                        "--quiet", "-o", "json", *args[1:]], capture_output=True, text=True, timeout=timeout)
    if r.returncode != 0:
        print("# " + r.stderr.strip().replace("\n", "\n# "))
    return json.loads(r.stdout) if r.stdout.strip() else {}


def stored_bytes(site):
    d = os.path.join(site.state, "events")
    return sum(os.path.getsize(os.path.join(d, f)) for f in os.listdir(d))


def ingest():
    with Site() as site:
        pid = site.process.pid
        before = cpu(pid)
        s = sim(site, "load", "--agents", "16", "--eps", "max", "--duration", f"{SECONDS}s", "--ramp", "100/s")
        used = cpu(pid) - before
        rate = s["acked_events"] / used
        bench("ingest_per_core", rate, "events/s", 0)
        bench("ingest_wall", s["events_per_s"], "events/s", 0)
        bench("ingest_ack_p50", s["ack_p50_ms"], "ms")
        bench("ingest_ack_p99", s["ack_p99_ms"], "ms")
        bench("ingest_stored_bytes", stored_bytes(site) / s["acked_events"], "bytes/event")
        bench("ingest_sim_cpu_share", s["cpu_s"] / used, "ratio")
        return rate


def rsyslog(rate):
    """What tests/bench/run has measured of rsyslog just before, outside of our namespaces: it installs packages."""
    best = 0
    for w in (line.split() for line in os.environ.get("PEER_FIGURES", "").splitlines()):
        if len(w) > 3 and w[1] == "rsyslog-tls" and w[2].startswith("events_per_core"):
            bench(f"peer_rsyslog_{w[2]}", float(w[3]), "events/s", 0)
            best = max(best, float(w[3]))
    if best:
        bench("ingest_per_core_vs_rsyslog", rate / best, "ratio")


def small_batches():
    """What typical agents send: few events a batch, before any compaction."""
    with Site() as site:
        s = sim(site, "load", "--agents", "200", "--eps", "20000", "--duration", "60s", "--flush", "30s")
        site.process.stop()  # which empties the WAL: its size says nothing of what is at rest
        if s.get("acked_events"):
            bench("stored_bytes_small", stored_bytes(site) / s["acked_events"], "bytes/event")


def raw(site, path, **query):
    """As Site.request(), but only the request: no comparing of the answer with the contract while time is taken."""
    c = UnixConnection(site.socket, 900)
    try:
        c.request("GET", "/api/v1/" + path + "?" + urllib.parse.urlencode(query))
        r = c.getresponse()
        text = r.read()
        if r.status != 200:
            raise ApiError(r.status, text)
        return text
    finally:
        c.close()


def timed(site, ask, n=200):
    """Wall and processor milliseconds of n questions, each sorted."""
    wall, used = [], []
    for i in range(n):
        before, t = cpu_ns(site.process.pid), time.monotonic()
        ask(i)
        wall.append((time.monotonic() - t) * 1000)
        used.append((cpu_ns(site.process.pid) - before) / 1e6)
    return sorted(wall), sorted(used)


def scan(site, name, q, events):
    """Through all events: a page ends after some seconds, so page after page."""
    used, begun, cursor, pages = cpu_ns(site.process.pid), time.monotonic(), "", 0
    while cursor is not None:
        page = json.loads(raw(site, "events", q=q, limit=1, cursor=cursor))
        cursor, pages = page["next_cursor"], pages + 1
    wall, used = time.monotonic() - begun, (cpu_ns(site.process.pid) - used) / 1e9
    bench(f"{name}_wall", events / wall, "events/s", 0)
    bench(name, events / used, "events/s_per_core", 0)
    return wall


def queries():
    with Site({"storage.max_size": "100G"}) as site:
        pid = site.process.pid
        done, t = 0, time.monotonic()
        rounds = 0
        while done < EVENTS and time.monotonic() - t < 1500:
            s = sim(site, "load", "--agents", "200", "--first", "0", "--state-dir", os.path.join(site.dir, "sim"), "--eps",
                    "max", "--duration", "30s", "--ramp", "200/s", "--streams", "64", "--seed", str(rounds + 1))
            if not s.get("acked_events"):
                break
            done += s["acked_events"]
            rounds += 1
        bench("query_events", done, "events", 0)
        bench("stored_bytes", stored_bytes(site) / max(done, 1), "bytes/event")
        hosts = [h["name"] for h in site.all("hosts", limit=500)]
        daemons = [d["name"] for d in site.all("daemons", limit=500)][:50]
        newest = parse_time(site.get("events", limit=1)["items"][0]["@timestamp"])
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(newest // 1000000 - 3600))
        wall, used = timed(site, lambda i: raw(site, "events", q=f'host.name:"{hosts[i % len(hosts)]}" and '
                                               f'service.name:"{daemons[i % len(daemons)]}"', since=since, limit=100))
        bench("query_p50", wall[len(wall) // 2], "ms")
        bench("query_p99", wall[len(wall) * 99 // 100], "ms")
        bench("query_cpu_p50", used[len(used) // 2], "ms")
        bench("query_cpu_p99", used[len(used) * 99 // 100], "ms")
        # The first is ruled out by what a column begins with; the second has to look at every value.
        scan(site, "scan_rate", "destination.port:1 and process.pid:1", done)
        scan(site, "scan_rate_values", "daemonsec.count>1000000000000", done)
        bench("scan_rare", scan(site, "scan_rare_rate", "file.path:/never/seen/anywhere", done), "s", 3)
        begun = time.monotonic()
        site.process.stop()
        site.start()
        bench("cold_start_server", (time.monotonic() - begun) * 1000, "ms", 0)


def connections():
    with Site() as site:
        pid = site.process.pid
        idle = rss_kib(pid)
        token = os.path.join(site.dir, "sim-token")
        with open(token, "w") as f:
            f.write(site.make_token(uses=100000, ttl="12h"))
        p = subprocess.Popen([program("daemonsec-sim"), "load", "--server", f"127.0.0.1:{site.port}", "--token-file", token,
                              "--quiet", "--agents", str(AGENTS), "--eps", "0", "--ramp", "400/s", "--duration", "3600s",
                              "--state-dir", os.path.join(site.dir, "sim"), "-o", "json"], stdout=subprocess.PIPE, text=True)
        wait(lambda: site.get("status")["counts"]["hosts"]["connected"] >= AGENTS, 240, every=1)
        n = site.get("status")["counts"]["hosts"]["connected"]
        bench("connections_held", n, "agents", 0)
        bench("connections", (rss_kib(pid) - idle) / max(n, 1), "KiB/agent")
        p.terminate()
        p.communicate()


isolate()
which = os.environ.get("PART", "ingest,small,connections,queries").split(",")
if "ingest" in which:
    r = ingest()
    rsyslog(r)
if "small" in which:
    small_batches()
if "connections" in which:
    connections()
if "queries" in which:
    queries()
