#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real nginx under as many requests as this machine gives, watched: how few events say so, that their counts are right,
and what watching costs the requests: pipelined over connections that stay, one at a time over these, and a connection for each.
Needs nginx and wrk; everything stays on the loopback of a namespace of its own.

Environment: SECONDS (10) of load each, without and with the agent; PIPELINE (16) requests that are under way at once."""
import os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

SECONDS = int(os.environ.get("SECONDS", "10"))
PIPELINE = int(os.environ.get("PIPELINE", "16"))
CONNECTIONS = 32
PIPELINED = """
local many
init = function() many = string.rep(wrk.format("GET", "/"), %d) end
request = function() return many end
""" % PIPELINE
CONF = """daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log; events {{ worker_connections 512; }}
http {{ access_log {dir}/access.log combined buffer=64k; keepalive_requests {keep}; server {{ listen 127.0.0.1:8088; location / {{ return 200 "x"; }} }} }}
"""


def bench(name, value, unit, digits=2):
    print(f"bench {name} {value:.{digits}f} {unit}", flush=True)


def load(dir, how):
    """Requests, and requests a second."""
    script = f"{dir}/pipelined.lua"
    with open(script, "w") as f:
        f.write(PIPELINED)
    more = {"pipelined": ["-s", script], "keep": [], "new": ["-H", "Connection: close"]}[how]
    r = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *more, "http://127.0.0.1:8088/"],
                       capture_output=True, text=True)
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
LOADS = ("pipelined", "keep", "new")
bare = {how: load(d, how)[1] for how in LOADS}
with Site() as site:
    site.agent(monitor="nginx", options={"sensors.repeat_interval": "1s"})
    wait(lambda: site.events("event.action:daemon and service.name:nginx"), 20)
    for how, name in zip(LOADS, ("pipelined", "requests", "connections")):
        before, accepts = site.get("status")["ingest"]["events"], counted(site, "accept")
        total, rate = load(d, how)
        made = total if how == "new" else CONNECTIONS + 1  # wrk tries one first
        # What was counted in the kernel comes with the next flush.
        wait(lambda: counted(site, "accept") - accepts >= made, 20)
        stored = site.get("status")["ingest"]["events"] - before
        bench(f"fold_{name}", rate, f"{'connections' if how == 'new' else 'requests'}/s", 0)
        bench(f"fold_{name}_bare", bare[how], f"{'connections' if how == 'new' else 'requests'}/s", 0)
        bench(f"fold_{name}_events", stored / SECONDS, "events/s", 1)
        bench(f"fold_{name}_an_event", total / max(stored, 1), "requests", 0)
        bench(f"fold_{name}_accepts_counted", (counted(site, "accept") - accepts) / made, "ratio", 4)
nginx.stop()
shutil.rmtree(d, ignore_errors=True)
