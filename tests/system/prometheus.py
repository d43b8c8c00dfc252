#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Prometheus scrapes server and agent; promtool approves of the metrics, of the rules and of their tests; and what the
rules and the dashboard ask for exists. A real Alertmanager takes our alerts, and their end."""
import json
import os
import re
import shutil
import subprocess
import urllib.request

from harness import TOP, Process, Site, done, isolate, need, ok, say, wait
from notify_rows import put_alert

isolate()
need("prometheus", "promtool")
DIST = os.path.join(TOP, "dist")


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as r:
        return r.read().decode()


def promtool(*args, text=None):
    r = subprocess.run(["promtool", *args], input=text, capture_output=True, text=True, timeout=60)
    if r.returncode:
        say(r.stdout + r.stderr)
    return r.returncode == 0


def names(metrics):
    return set(re.findall(r"^(daemonsec_\w+)", metrics, re.M))


def asked_for():
    """Metrics in the expressions of rules and dashboard."""
    with open(f"{DIST}/prometheus/daemonsec.rules.yml") as f:
        text = "\n".join(re.findall(r"expr: (.*)", f.read()))
    return set(re.findall(r"\bdaemonsec_\w+", "\n".join([text, *panels()])))


def panels():
    with open(f"{DIST}/grafana/daemonsec.json") as f:
        return {t["expr"] for p in json.load(f)["panels"] for t in p["targets"]}


def start_prometheus(site):
    """With what compose.yaml gives it, but for the places of files and ports here; more often, and with an agent."""
    with open(f"{DIST}/containers/prometheus.yml") as f:
        given = f.read()
    own = given.replace("/etc/prometheus", os.path.realpath(DIST) + "/prometheus").replace("127.0.0.1:7480", f"127.0.0.1:{site.api_port}")
    conf = os.path.join(site.dir, "prometheus.yml")
    with open(conf, "w") as f:
        f.write(f"global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n"
                f"alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [ '127.0.0.1:9093' ] }} ] }} ] }}\n"
                f"{own}"
                f"  - {{ job_name: agents, static_configs: [ {{ targets: [ '127.0.0.1:9101' ] }} ] }}\n")
    return Process(["prometheus", f"--config.file={conf}", f"--storage.tsdb.path={site.dir}/tsdb",
                    "--web.listen-address=127.0.0.1:9090"], os.path.join(site.dir, "prometheus.log"))


def start_alertmanager(site):
    with open(os.path.join(site.dir, "alertmanager.yml"), "w") as f:
        f.write("route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n")
    return Process(["prometheus-alertmanager", f"--config.file={site.dir}/alertmanager.yml", f"--storage.path={site.dir}/am",
                    "--web.listen-address=127.0.0.1:9093", "--cluster.listen-address="], os.path.join(site.dir, "alertmanager.log"))


def managed(site):
    """What people see there, by its labels."""
    def active():
        return {a["labels"].get("alert", a["labels"]["alertname"]): a for a in json.loads(fetch("http://127.0.0.1:9093/api/v2/alerts"))}

    ok(wait(lambda: json.loads(fetch("http://127.0.0.1:9093/api/v2/status"))["versionInfo"]["version"], 30), "a real Alertmanager is up")
    host = site.get("hosts")["items"][0]["name"]
    put_alert(site, 1, title='nginx started "{{ .Labels }}"\n<b>')
    put_alert(site, 2)
    ok(wait(lambda: sorted(active()) == ["alr_0001", "alr_0002"], 30), "it takes our alerts")
    a = active()["alr_0001"]
    ok(a["labels"] == {"alertname": "DaemonSec", "alert": "alr_0001", "severity": "high", "kind": "new_child", "host": host,
                       "daemon": "nginx"} and a["status"]["state"] == "active", f"with labels to route and group by {a['labels']}")
    ok('nginx started "{{ .Labels }}"' in a["annotations"]["summary"] and a["annotations"]["description"] == "it never did",
       "and says what and why, as it was")
    put_alert(site, 2, status="closed")
    ok(wait(lambda: sorted(active()) == ["alr_0001"], 30), "one that is closed ends there, the other goes on")
    r = site.ctl("notify", "test", "manager")
    ok(r.stdout.strip() == "manager: sent" and wait(lambda: "DaemonSecTest" in active(), 30), "daemonsec-ctl notify test arrives")


site = Site({"notify.hook.type": "webhook", "notify.hook.url": "https://example.org/", "notify.hook.kinds": "login",
             "notify.manager.type": "alertmanager", "notify.manager.url": "http://127.0.0.1:9093/",
             "notify.manager.allow_private": "true", "notify.manager.closed": "true", "notify.manager.kinds": "new_child"})
prometheus = start_prometheus(site)  # it takes some seconds until it scrapes
manager = start_alertmanager(site) if shutil.which("prometheus-alertmanager") else say("prometheus-alertmanager is not here")
ok(promtool("check", "rules", f"{DIST}/prometheus/daemonsec.rules.yml"), "promtool takes the rules")
ok(promtool("test", "rules", f"{DIST}/prometheus/daemonsec.rules.test.yml"), "and their tests pass")
with site:
    agent = site.agent(options={"exporters.prometheus": "true"})
    server, client = fetch(f"http://127.0.0.1:{site.api_port}/metrics"), fetch("http://127.0.0.1:9101/metrics")
    ok(promtool("check", "metrics", text=server), "promtool check metrics has nothing to say about the server's")
    ok(promtool("check", "metrics", text=client), "nor about the agent's")
    missing = asked_for() - names(server) - names(client)
    ok(not missing, f"every metric of the rules and of the dashboard exists {sorted(missing) or ''}")
    ok("daemonsec_agent_connected 1" in client and re.search(r"daemonsec_agent_batches_confirmed_total [1-9]", client),
       "the agent says that it is connected and what was confirmed")
    try:
        fetch("http://127.0.0.1:9101/")
        ok(False, "it serves metrics only")
    except urllib.error.HTTPError as e:
        ok(e.code == 404, "it serves metrics only")
    def ask(path):
        return json.loads(fetch("http://127.0.0.1:9090/api/v1/" + path))["data"]

    def value(query):
        return {r["metric"].get("job", ""): r["value"][1] for r in ask("query?query=" + urllib.request.quote(query))["result"]}

    def empty():
        return [e for e in panels() if not ask("query?query=" + urllib.request.quote(e))["result"]]

    ok(wait(lambda: value("up") == {"daemonsec": "1", "agents": "1"}, 30), "a real Prometheus scrapes both")
    ok(wait(lambda: value('daemonsec_agents{state="connected"}') == {"daemonsec": "1"}, 10), "and knows that an agent is there")
    ok(wait(lambda: not empty(), 30), "each query of each panel of the dashboard has data") or say(empty())
    ok(wait(lambda: {r["health"] for g in ask("rules")["groups"] for r in g["rules"]} == {"ok"}, 30), "it can evaluate each of our rules")
    if manager:
        ok(wait(lambda: [m["url"] for m in ask("alertmanagers")["activeAlertmanagers"]] ==
                ["http://127.0.0.1:9093/api/v2/alerts"], 10), "Prometheus tells Alertmanager what its rules find")
        managed(site)
        manager.kill()
    prometheus.kill()  # it would take its time to end in order
done()
