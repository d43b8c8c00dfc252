#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real nginx under as many requests as this machine gives, watched: how few events say so, that their counts are right,
and what watching costs the requests. Needs nginx and wrk; everything stays on the loopback of a namespace of its own.

Environment: SECONDS (10) of load each, without and with the agent."""
import os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

SECONDS = int(os.environ.get("SECONDS", "10"))
CONF = """daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log; events {{ worker_connections 512; }}
http {{ access_log {dir}/access.log; keepalive_requests {keep}; server {{ listen 127.0.0.1:8088; location / {{ return 200 "x"; }} }} }}
"""


def bench(name, value, unit, digits=2):
    print(f"bench {name} {value:.{digits}f} {unit}", flush=True)


def load(keep_alive):
    """Requests, and requests a second."""
    close = [] if keep_alive else ["-H", "Connection: close"]
    r = subprocess.run(["wrk", "-t1", "-c32", f"-d{SECONDS}s", *close, "http://127.0.0.1:8088/"], capture_output=True, text=True)
    return (int(re.search(r"(\d+) requests in", r.stdout).group(1)),
            float(re.search(r"Requests/sec:\s*([\d.]+)", r.stdout).group(1)))


def counted(site, action):
    return sum(e["daemonsec"].get("count", 1) for e in site.events(f"service.name:nginx and event.action:{action}"))


isolate()
need("nginx", "wrk")
d = tempfile.mkdtemp(prefix="daemonsec-fold.")
os.chmod(d, 0o755)
with open(f"{d}/conf", "w") as f:
    f.write(CONF.format(dir=d, keep=1000000))
nginx = Process(["nginx", "-c", f"{d}/conf"], f"{d}/nginx.log")
wait(lambda: socket.create_connection(("127.0.0.1", 8088)).close() is None, 10)
_, bare = load(True)
_, bare_new = load(False)
with Site() as site:
    site.agent(monitor="nginx", options={"sensors.repeat_interval": "1s"})
    wait(lambda: site.events("event.action:daemon and service.name:nginx"), 20)
    before = site.get("status")["ingest"]["events"]
    total, rate = load(True)
    new_total, new_rate = load(False)
    # What was counted in the kernel comes with the next flush.
    wait(lambda: counted(site, "accept") >= new_total, 20)
    stored = site.get("status")["ingest"]["events"] - before
    bench("fold_requests", rate, "requests/s", 0)
    bench("fold_requests_bare", bare, "requests/s", 0)
    bench("fold_connections", new_rate, "connections/s", 0)
    bench("fold_connections_bare", bare_new, "connections/s", 0)
    bench("fold_events", stored / (2 * SECONDS), "events/s", 1)
    bench("fold_requests_an_event", (total + new_total) / max(stored, 1), "requests", 0)
    bench("fold_accepts_counted", counted(site, "accept") / (new_total + 32), "ratio", 4)
nginx.stop()
shutil.rmtree(d, ignore_errors=True)
