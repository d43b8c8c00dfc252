#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulator against the real server: what it sent is what is stored, also when the server is killed in the middle;
a replay arrives; the demo's attacks become alerts; hosts without a token, or with one that is used up, are told so."""
import glob, os, sqlite3, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import *

SIM = program("daemonsec-sim")


def sim(site, *args, verb="load", state="sim", check=True):
    r = subprocess.run([SIM, verb, "-o", "json", "--quiet", "--token-file", site.dir + "/token", "--state-dir",
                        f"{site.dir}/{state}", "--drain", "200s", *args], capture_output=True, text=True, timeout=400)
    if check and r.returncode != 0:
        say(r.stdout + r.stderr)
    try:
        return r.returncode, json.loads(r.stdout)
    except ValueError:
        say(r.stdout + r.stderr)
        return r.returncode, {}


def verify(site, state="sim"):
    r = subprocess.run([SIM, "verify", "-o", "json", "--state-dir", f"{site.dir}/{state}", "--store", site.state],
                       capture_output=True, text=True, timeout=400)
    say(r.stdout + r.stderr)
    return r.returncode == 0 and json.loads(r.stdout)["same"]


def token(site, **options):
    with open(site.dir + "/token", "w") as f:
        f.write(site.make_token(**options) + "\n")


def kills(site):
    load = subprocess.Popen([SIM, "load", "-o", "json", "--quiet", "--token-file", site.dir + "/token", "--state-dir",
                             f"{site.dir}/sim", "--agents", "20", "--eps", "6000", "--duration", "8s", "--drain", "200s"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for _ in range(3):
        wait(lambda: load.poll() is not None, 1.5)
        site.process.kill()
        site.start()
    out, _ = load.communicate(timeout=300)
    return load.returncode == 0 and json.loads(out)


def main():
    isolate()
    with Site({"detect.learning_min": "1s", "detect.unseen_max": "0.5"}) as site:
        token(site, uses=1000)
        code, got = sim(site, "--agents", "20", "--eps", "3000", "--history", "30m", "--duration", "2s")
        ok(code == 0 and got.get("enrolled") == 20 and got["unacked_events"] == 0, "20 hosts enrol and all is acknowledged")
        ok(len(site.connected()) == 0 or wait(lambda: not site.connected()), "they are gone when the simulator is")
        code, got = sim(site, "--agents", "20", "--eps", "max", "--batch", "512", "--duration", "1s")
        ok(code == 0 and got.get("enrolled") == 0 and got["acked_events"] > 10000, "they come back with their certificates")
        got = kills(site)
        ok(got and got["disconnects"] > 0, "a server killed three times loses nothing that the agents notice")
        ok(wait(lambda: site.get("hosts")["items"]) and any(h["name"] == "sim-00003" for h in site.all("hosts")),
           "the hosts are listed")
        site.process.stop()
        ok(verify(site), "every event of every host, daemon and kind is stored as it was sent, once")
        shutil.copytree(site.state, site.dir + "/recorded")

        site.start()
        code, got = sim(site, "--from", site.dir + "/recorded", "--agents", "3", "--first", "50", "--speed", "0",
                        verb="replay", state="replayed")
        ok(code == 0 and got.get("acked_events", 0) > 10000, "a recording is sent again")
        site.process.stop()
        ok(verify(site, "replayed"), "and arrives as it was sent")

        # A little of it, twice.
        little = 0
        for file in glob.glob(site.dir + "/recorded/events/*.db"):
            db = sqlite3.connect(file)
            db.execute("delete from segment where number > (select min(number) + 5 from segment)")
            little += db.execute("select coalesce(sum(len), 0) from segment").fetchone()[0]
            db.commit()
            db.close()
        site.start()
        code, got = sim(site, "--from", site.dir + "/recorded", "--first", "80", "--speed", "0", "--repeat", "2", "--every", "1h", "--ago", "2h",
                        verb="replay", state="little")
        ok(code == 0 and got.get("acked_events") == 2 * little > 0, "six batches of it are sent twice")
        ago = lambda h: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - h * 3600))
        some = [len(site.get("events", q="host.name:sim-00080", since=ago(a), until=ago(b), limit=1)["items"])
                for a, b in ((5, 3), (2.9, 1.99), (1.9, 0))]
        ok(some == [1, 1, 0], f"an hour apart, the second two hours ago {some}")

        token(site, uses=1)
        code, got = sim(site, "--agents", "2", "--first", "90", "--duration", "1s", state="refused", check=False)
        ok(got.get("enrolled") == 1 and got.get("errors"), "a token for one host is refused to the second")
    done()


main()
