#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Models as people meet them: too little data, files good and bad, versions, going back, forgetting."""
import os, subprocess

from harness import BUILD, Site, done, isolate, ok, program, skip_all, wait

SEED = os.path.join(os.environ.get("top_srcdir", "."), "tests", "fuzz", "seeds", "model", "small")


def ctl(site, *args):
    return site.ctl(*args, check=False)


def one_event(site):
    """All that ever comes of a host is one event."""
    path, token = os.path.join(site.dir, "one"), os.path.join(site.dir, "token")
    with open(token, "w") as f:
        f.write(site.make_token(uses=1) + "\n")
    subprocess.run([os.path.join(BUILD, "tests/system/history"), path, "0", "1"], check=True)
    r = subprocess.run([program("daemonsec-sim"), "replay", "--quiet", "--token-file", token, "--state-dir", site.dir + "/sim", "--agents", "1",
                        "--from", path, "--speed", "0", "--ago", "1m"], capture_output=True, text=True, timeout=120)
    ok(r.returncode == 0, "a host of which one event comes, and never another: " + r.stderr[-200:])
    ok(wait(lambda: [d for d in site.all("daemons") if d["state"] == "learning" and d["blockers"]]),
       "its daemon learns, and says what is missing")
    ok(len(site.events("*")) == 1 and site.alerts() == [], "the event is found, and nothing is told")
    r = ctl(site, "daemons", "show", "nginx.service")
    ok(r.returncode == 0 and "learning" in r.stdout, "its profile can be looked at")
    r = ctl(site, "train", "--wait")
    ok(r.returncode == 6 and "not enough data" in r.stderr, "training on it is not enough data")


def main():
    isolate()
    if not os.path.exists(SEED):
        skip_all("no model to import")
    with Site() as site:
        r = ctl(site, "train", "--wait")
        ok(r.returncode == 6 and "not enough data" in r.stderr and "no daemon is known yet" in r.stderr,
           "training on nothing is exit code 6, with the reason")
        job = site.get("jobs")["items"][0]
        ok(job["state"] == "failed" and job["result"]["enough_data"] is False, "the job says so as well")
        one_event(site)
        bad = os.path.join(site.dir, "bad")
        with open(SEED, "rb") as f:
            good = f.read()
        for name, data, word in (("cut", good[:-9], "damaged"), ("foreign", good[:4] + b"\4\3\2\1" + good[8:], "order of bytes"),
                                 ("future", good[:11] + b"\7" + good[12:], "newer"), ("noise", os.urandom(500), "no model")):
            with open(bad, "wb") as f:
                f.write(data)
            r = ctl(site, "models", "import", bad)
            ok(r.returncode != 0 and word in r.stderr, "a model that is " + name + " is refused: " + r.stderr.strip()[-60:])
        ok(site.get("models")["items"] == [], "and none of them is kept")
        for _ in range(2):
            ok(ctl(site, "models", "import", SEED).returncode == 0, "a good one is imported")
        ok(ctl(site, "models", "rollback", "nginx", "1").returncode == 0, "and made active by its number")
        states = {m["version"]: m["state"] for m in site.get("models")["items"]}
        ok(states == {1: "active", 2: "retired"}, "one version is active")
        ctl(site, "models", "rollback", "nginx", "2")
        states = {m["version"]: m["state"] for m in site.get("models")["items"]}
        ok(states == {1: "retired", 2: "active"}, "rolling back changes places")
        out = os.path.join(site.dir, "out")
        ok(ctl(site, "models", "export", "nginx", out).returncode == 0 and open(out, "rb").read() == good,
           "what is exported is what was imported, byte for byte")
        ids = [m["id"] for m in site.get("models")["items"]]
        r = ctl(site, "models", "show", ids[0])
        ok("programs started" in r.stdout and "usually" in r.stdout, "show says what is normal by it")
        ok(ctl(site, "models", "diff", *ids).returncode == 0, "two can be compared")
        ok(ctl(site, "models", "show", "mdl_none").returncode == 3, "one that is not there is exit code 3")
        ok(ctl(site, "models", "forget", "--host", "nobody", "--from", "2026-01-01T00:00:00Z", "--to",
               "2026-01-02T00:00:00Z").returncode == 3, "nor can a host that is not there be forgotten")
        site.process.stop()
        site.start()
        states = {m["version"]: m["state"] for m in site.get("models")["items"]}
        ok(states == {1: "retired", 2: "active"}, "all of it is there after a restart")
    done()


main()
