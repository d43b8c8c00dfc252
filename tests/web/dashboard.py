#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboard in a real browser: a server with a fleet of the simulator under attack, and hosts, daemons and command
lines that are called what a browser would run. What is clicked and looked at is in dashboard.mjs."""
import os, sqlite3, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

STORE_EVENTS = os.path.join(BUILD, "tests", "system", "store_events")
DIST = os.path.join(BUILD, "web", "dist")
MODULES = os.path.join(BUILD, "web", "node_modules")
BROWSER = "/usr/bin/chromium"


def attacked(site):
    """Alerts of a fleet: several kinds, and one cause on more than one host."""
    alerts = site.alerts(status="open")
    titles = [a["title"] for a in alerts if a["host"]["name"].startswith("sim-")]
    return len(set(titles)) >= 3 and len(titles) > len(set(titles))


def please(site, line):
    """What the browser asks for: the server stops, starts, or comes back a while after passwords were given, or after
    somebody wrote into its log of changes."""
    if "start" not in line:
        site.process.stop()
    for word, change in (("forget", "UPDATE session SET confirmed_us = confirmed_us - 901 * 1000000"),
                         ("forge a row", "UPDATE audit SET actor = 'nobody' WHERE number = 3")):
        if word in line:
            db = sqlite3.connect(os.path.join(site.state, "control.db"))
            db.execute(change)
            db.commit()
            db.close()
    if "stop" not in line:
        site.start()


def main():
    for path in (STORE_EVENTS, os.path.join(DIST, "index.html"), os.path.join(MODULES, "playwright-core"), BROWSER):
        if not os.path.exists(path):
            skip_all(f"{path} is not here")
    need("node")
    if int(subprocess.run(["node", "-p", "process.versions.node.split('.')[0]"], capture_output=True, text=True).stdout or 0) < 20:
        skip_all("playwright wants node 20")
    isolate()
    shots = os.path.join(BUILD, "tests", "web", "screenshots")
    shutil.rmtree(shots, ignore_errors=True)
    os.makedirs(shots)
    notebook = os.path.join(tempfile.mkdtemp(prefix="daemonsec-test."), "notebook")
    site = Site({"api.web_root": DIST, "detect.learning_min": "2s", "detect.unseen_max": "0.1",
                 "notify.notebook.type": "file", "notify.notebook.path": notebook, "notify.notebook.kinds": "blind",
                 "notify.nobody.type": "webhook", "notify.nobody.url": "http://127.0.0.1:9/", "notify.nobody.kinds": "blind",
                 "notify.nobody.allow_private": "true"})
    subprocess.run([STORE_EVENTS, site.state, "20", "30", "hostile"], check=True)
    with site:
        with open(site.dir + "/token", "w") as f:
            f.write(site.make_token(uses=40) + "\n")
        sim = Process([program("daemonsec-sim"), "demo", "--quiet", "--token-file", site.dir + "/token", "--state-dir",
                       site.dir + "/sim", "--eps", "60", "--history", "30m", "--attacks", "1s"], site.dir + "/sim.log")
        ok(wait(lambda: len(site.connected()) == 40, 30), "the fleet is there")
        ok(wait(lambda: attacked(site), 40), "it is attacked, and alerts tell")
        daemon = next(d for d in site.all("daemons") if d["name"] == "nginx" and d["host"]["name"].startswith("sim-"))
        windows = lambda: site.get(f"daemons/{daemon['id']}/windows")
        wait(lambda: windows()["minutes"] >= 20, 60)
        w = windows()
        times = [p["time"] for p in w["points"]]
        ok(w["minutes"] == len(times) == len(set(times)) >= 20 and w["features"],
           f"a daemon's minutes of half an hour are counted once each: {w['minutes']}, {w.get('clusters')} clusters")
        one = w["features"][0]["name"]
        c = site.get(f"daemons/{daemon['id']}/windows", feature=one)
        ok(c["course"]["feature"] == one and len(c["course"]["values"]) == len(c["points"]) and
           all(f["low"] is None or f["low"] <= f["middle"] <= f["high"] for f in c["features"]) and
           all(p["center"] < len(c["centers"]) for p in c["points"]), "one of its features is told minute by minute")
        site.make_token(uses=1, label="<b>label</b>", require_approval=True)
        token = site.post("api-tokens", {"name": "<b>dashboard</b>", "scopes": "*", "ttl": "1h"})["token"]
        password = open(os.path.join(site.state, "admin-password")).read().strip()
        env = dict(os.environ, HOME=site.dir, DS_URL=f"http://127.0.0.1:{site.api_port}", DS_TOKEN=token, DS_PASSWORD=password,
                   DS_MODULES=MODULES, DS_BROWSER=BROWSER, DS_SHOTS=shots, DS_NOTEBOOK=notebook)
        errors = open(site.dir + "/node.log", "w+")
        browser = subprocess.Popen(["node", os.path.join(TOP, "tests", "web", "dashboard.mjs")], env=env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        timer = threading.Timer(1500, browser.kill)
        timer.start()
        last = ""
        for line in browser.stdout:
            last = line.strip() or last
            if line.startswith(("ok ", "not ok ")):
                ok(line.startswith("ok "), line.strip().partition(" - ")[2])
            elif line.startswith("# please: "):
                please(site, line)
                browser.stdin.write("done\n")
                browser.stdin.flush()
            else:
                say(line.strip())
        timer.cancel()
        if not ok(browser.wait() == 0 and last == "# done", "the browser got to the end"):
            errors.seek(0)
            say(errors.read())
        sizes = json.load(open(os.path.join(BUILD, "web", "sizes.json")))
        ok(sizes["initial"] <= 70 << 10 and sizes["css"] <= 15 << 10 and sizes["total"] <= 150 << 10, f"what is sent first is small {sizes}")
        sim.stop()
    shutil.rmtree(os.path.dirname(notebook), ignore_errors=True)
    done()


main()
