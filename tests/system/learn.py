#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""From stored history over a trained model to a window's alert, and what may go wrong on the way: two trainings at
once, a server killed while it trains, a burst before anything was trained, an odd minute after.  DAYS=7 makes the
history as long as the default of `train`."""
import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import *

HISTORY = os.path.join(BUILD, "tests", "system", "history")
SIM = program("daemonsec-sim")
DAYS = float(os.environ.get("DAYS", "4"))


def record(site, name, minutes, seed, *special):
    path = os.path.join(site.dir, name)
    subprocess.run([HISTORY, path, str(minutes), str(seed), *special], check=True)
    return path


def replay(site, number, path, ago):
    """An agent sends it over the wire; the newest event was `ago` minutes ago."""
    r = subprocess.run([SIM, "replay", "-o", "json", "--quiet", "--token-file", site.dir + "/token", "--state-dir",
                        site.dir + "/sim", "--agents", "1", "--first", str(number), "--from", path, "--speed", "0",
                        "--ago", f"{ago}m"], capture_output=True, text=True, timeout=120)
    return ok(r.returncode == 0 and json.loads(r.stdout)["unacked_events"] == 0, f"host {number} sent {os.path.basename(path)}") \
        or say(r.stdout + r.stderr)


def windows(site):
    return [a for a in site.alerts() if a["kind"] in ("window_outlier", "rate_burst")]


def told(site):
    """How often: the same again counts in the alert that is open."""
    return sum(a["count"] for a in windows(site))


def show(site, alert):
    return site.get("alerts/" + alert["id"])


def explained(site, alert, word, name):
    """The explanation names a feature with what is usual and what was seen."""
    said = show(site, alert)["explanation"]
    found = [f for f in said if word in f["feature"]]
    ok(any(f["baseline"] and f["observed"] for f in found), name)
    say(alert["title"] + ": " + alert["reason"])
    for f in said:
        say(f"{f['feature']}: {f['observed']} ({f['baseline']}) {f['weight']:.2f}")


def models(site):
    return {m["version"]: m["state"] for m in site.get("models")["items"] if m["daemon"] == "nginx"}


def last_job(site):
    return max(site.get("jobs")["items"], key=lambda j: j["created"])


def train(site, *args):
    began = time.monotonic()
    r = site.ctl("train", f"--days={int(DAYS + 1)}", *args, check=False)
    say(f"train {' '.join(args)}: exit {r.returncode} in {time.monotonic() - began:.1f} s {r.stdout.strip()} {r.stderr.strip()[-200:]}")
    return r.returncode


def twice_and_killed(site):
    first = site.post("models/train", {"days": 7})
    try:
        site.post("models/train", {"days": 7})
        ok(False, "a second training at the same time is refused")
    except ApiError as e:
        ok(e.status == 409, "a second training at the same time is refused")
    site.process.kill()
    site.start()
    state = wait(lambda: {"running": None}.get(*[site.get("jobs/" + first["job"])["state"]] * 2))
    say(f"killed while it trained: {state}")
    ok((state, models(site)) in (("interrupted", {}), ("done", {1: "active"})),
       "one that was under way when the server was killed left nothing, or was there as a whole")


def main():
    isolate()
    minutes = int(DAYS * 1440)
    with Site() as site:
        with open(site.dir + "/token", "w") as f:
            f.write(site.make_token(uses=10) + "\n")
        replay(site, 0, record(site, "early", 720, 5), minutes + 90)
        twice_and_killed(site)
        for host in (0, 1):
            replay(site, host, record(site, f"history{host}", minutes, host + 1), 60)
        ok(wait(lambda: len([d for d in site.all("daemons") if d["state"] == "ready"]) == 2), "the history is enough to know nginx")
        ok(wait(lambda: abs(site.get("status")["detection"]["host_weeks"] - 2 * DAYS / 7) < 0.02), "hosts were watched as long as their own clocks say")
        state = site.get("status")["detection"]
        say(f"{state['alarms']} alarms, {state['decisive']} decisive, threshold {state['threshold_p']:.2g}")
        ok(state["alarms"] + state["decisive"] <= 2 * DAYS / 7 + 2, "days like others keep within the budget")
        replay(site, 0, record(site, "burst", 20, 7, "busy", "10"), 30)
        found = wait(lambda: [a for a in windows(site) if any(" a minute" in f["feature"] for f in show(site, a)["explanation"])], 5)
        ok(found, "before anything was trained, forty times as much is told by its rate")
        if not found:
            say(windows(site))
        for a in found or []:
            explained(site, a, " a minute", "its explanation names the rate, what is usual and what was seen")
            site.ctl("alerts", "verdict", a["id"], "true_positive")
        decisive = [a for a in found or [] if show(site, a).get("record", {}).get("decisive")]
        ok(decisive or wait(lambda: site.get("status")["detection"]["alarms_true"] >= 1),
           "an alarm that somebody called right is no false alarm any more")
        ok(train(site, "--wait") == 0, "training from what is stored")
        made = models(site)
        ok(made and made[max(made)] == "active", "makes a model, and it is live")
        got = max(site.get("models")["items"], key=lambda m: m["version"])
        say(f"{got['windows']} windows")
        ok(got["hosts"] == 2 and 0 < minutes * 2 + 720 + 20 - got["windows"] < 150 or told(site) > 1,
           "of both hosts' minutes but for the alert's")
        before = told(site)
        replay(site, 1, record(site, "odd", 20, 8, "odd", "10"), 5)
        ok(wait(lambda: told(site) > before, 5), "an odd minute of the other host is an alert")
        said = wait(lambda: [a for a in windows(site) if any(f"version {max(made)}" in f["baseline"] for f in show(site, a)["explanation"])], 5)
        ok(said, "by the trained model too: one alert that grew by its version, its data and what is nearest")
        for a in said or []:
            explained(site, a, "", "its explanation names a feature, what is usual and what was seen")
    done()


main()
