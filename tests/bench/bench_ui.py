#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboard as one waits for it, in Chromium: first pixels and the overview's sentence with HOSTS hosts and ALERTS
open alerts in the control database; then, for MINUTES minutes (30 shows whether it stays flat), what three pages hold on
to while a simulated fleet of 40 hosts is under attack."""
import os, sqlite3, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

HOSTS, ALERTS = int(os.environ.get("HOSTS", "10000")), int(os.environ.get("ALERTS", "50000"))
MINUTES, ROUNDS = os.environ.get("MINUTES", "3"), os.environ.get("ROUNDS", "10")
DIST, MODULES = os.path.join(BUILD, "web", "dist"), os.path.join(BUILD, "web", "node_modules")


def browse(site, **env):
    password = open(os.path.join(site.state, "admin-password")).read().strip()
    subprocess.run(["node", os.path.join(TOP, "tests", "bench", "ui.mjs")], check=True, env=dict(
        os.environ, HOME=site.dir, DS_URL=f"http://127.0.0.1:{site.api_port}", DS_PASSWORD=password, DS_MODULES=MODULES, **env))


def copy_rows(db, table, n, change):
    """n more rows like those that are there, each changed."""
    cursor = db.execute(f"SELECT * FROM {table}")
    names = [d[0] for d in cursor.description]
    rows = [dict(zip(names, r)) for r in cursor]
    put = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    db.executemany(put, (tuple(change(i, dict(rows[i % len(rows)]))[k] for k in names) for i in range(n)))


def fill(site):
    """Hosts and alerts like those of the simulator, so many more."""
    db = sqlite3.connect(os.path.join(site.state, "control.db"))
    first = db.execute("SELECT max(number) FROM host").fetchone()[0] + 1

    def host(i, row):
        return dict(row, number=first + i, id=os.urandom(16), pin=os.urandom(32), name=f"bench-{i:05}", machine_id=f"{i:032x}")

    def alert(i, row):
        t = int(time.time() * 1e6) - i * 1700000
        return dict(row, id=f"alr_{i:026}", key=f"bench {i}", host=first + i % HOSTS, status="open", title=f"{row['daemon']} started /opt/{i % 400}",
                    created_us=t, updated_us=t, first_us=t, last_us=t)

    copy_rows(db, "host", HOSTS - 40, host)
    copy_rows(db, "alert", ALERTS, alert)
    db.commit()
    db.close()


def fleet(site):
    with open(site.dir + "/token", "w") as f:
        f.write(site.make_token(uses=40) + "\n")
    sim = Process([program("daemonsec-sim"), "demo", "--quiet", "--token-file", site.dir + "/token", "--state-dir", site.dir + "/sim",
                   "--eps", "60", "--history", "30m", "--attacks", "3s"], site.dir + "/sim.log")
    if not wait(lambda: len(site.alerts(status="open")) > 8, 90):
        raise RuntimeError("the fleet raised no alerts")
    return sim


def main():
    sizes = os.path.join(BUILD, "web", "sizes.json")
    if not os.path.exists(sizes) or not os.path.exists("/usr/bin/chromium"):
        print("# no dashboard or no chromium here")
        return
    isolate()
    print(f"bench ui_js {json.load(open(sizes))['initial'] / 1024:.1f} KiB", flush=True)
    options = {"api.web_root": DIST, "detect.learning_min": "2s", "detect.unseen_max": "0.1"}
    if int(ROUNDS):
        with Site(options) as site:
            fleet(site).stop()
            site.process.stop()
            fill(site)
            site.start()
            print(f"# {HOSTS} hosts, {ALERTS} open alerts", flush=True)
            browse(site, DS_ROUNDS=ROUNDS)
    if int(MINUTES):
        with Site(options) as site:
            sim = fleet(site)
            browse(site, DS_MINUTES=MINUTES)
            sim.stop()


main()
