#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Weeks of a fleet from minutes of one: what agents sent of real daemons at honest work is recorded once and sent again with
its clocks moved (daemonsec-sim replay), an hour apart. How many false alarm episodes a host-day there are, and whether an
attack that is repeated every day is still told on the fifteenth. DS_LIVE_DAYS: days to replay (24; at least 2, the first is learnt from)."""
import math, sqlite3, sys

sys.path.insert(0, __file__.rpartition("/")[0])
from attacks import *
from live import ACTION, Life, figure, learn, listener, pick, unready

DAYS = max(2, int(os.environ.get("DS_LIVE_DAYS", "24")))
KINDS = [Web, Database, Login, Web]
LASTING = (new_host, upgrade_everywhere)  # change the estate: not once an hour
HOUR, DAY = 3600, 86400


def record(dir):
    """Two recordings, and how many hosts are in them: honest work, and an attack. Each begins and ends with the agents."""
    with Estate({"detect.learning_min": "30s", "detect.starter_dir": ""}, {"sensors.repeat_interval": "1s", "sensors.log_files": "/var/log/auth.log"}) as estate:
        for n, kind in enumerate(KINDS):
            estate.host(f"{kind.__name__.lower()}{n}", kind)
        estate.start()
        listener()
        ok(estate.start_agents(), f"{len(KINDS)} hosts come up and their agents connect")
        life = Life(estate, 1)
        pause(60)
        for n, (name, kind, work) in enumerate(NEGATIVES):
            if work not in LASTING:
                say(name)
                work(pick(estate.hosts, kind, n))
        pause(60)
        life.rest()
        stop(estate)
        edge = int(time.time() * 1e6)
        for h in estate.hosts:
            h.agent.process = Process(h.inside() + [program("daemonsec-agent"), "-c", h.agent.conf], os.path.join(h.agent.dir, "log"))
        wait(lambda: len(estate.site.connected()) == len(KINDS), 30, 0.1)
        said = php_shell(estate.hosts[0], "id; cat /etc/passwd") + copy_program(estate.hosts[1], "id; uname -a")
        ok(said.count("PID ") == 2, "two attacks succeed")
        pause(3)
        stop(estate)
        estate.site.process.stop()
        for name, part in (("honest", f"received_us >= {edge}"), ("hostile", f"received_us < {edge}")):
            shutil.copytree(estate.site.state, f"{dir}/{name}")
            for file in glob.glob(f"{dir}/{name}/events/*.db"):
                db = sqlite3.connect(file)
                db.execute(f"delete from segment where {part}")
                db.commit()
                db.close()


def stop(estate):
    for h in estate.hosts:
        h.stop_agent()
    wait(lambda: not estate.site.connected(), 15, 0.1)


class Replay:
    """A server that learns from scratch, and a fleet that is always the same hosts."""

    def __init__(self, dir, name):
        self.dir = f"{dir}/{name}"
        os.makedirs(self.dir)
        self.site = Site({"storage.retention": "60d", "detect.alert_budget": "1/host/month"}, dir=self.dir)
        self.site.start()
        with open(f"{self.dir}/token", "w") as f:
            f.write(self.site.make_token(uses=100))

    def send(self, recording, repeat, ago):
        r = subprocess.run([program("daemonsec-sim"), "replay", "--quiet", "--token-file", f"{self.dir}/token", "--state-dir", f"{self.dir}/sim",
                            "--server", f"127.0.0.1:{self.site.port}", "--agents", str(len(KINDS)), "--from", recording, "--speed", "0",
                            "--repeat", str(repeat), "--every", "1h", "--ago", f"{ago}s", "--drain", "120s"], capture_output=True, text=True)
        if r.returncode != 0:
            say(r.stdout + r.stderr)
        return r

    def told(self, since_us=0):
        """(host, daemon, kind, time) of every finding in an alert that people are told of."""
        db = sqlite3.connect(f"file:{self.site.state}/control.db?mode=ro", uri=True)
        return db.execute("select f.host, f.daemon, f.kind, f.time_us, a.title from finding f join alert a on a.id = f.alert_id"
                          f" where a.severity in {ACTION} and f.time_us >= ? order by f.time_us", (since_us,)).fetchall()


def episodes(told):
    """The same host, daemon and kind within an hour are one."""
    last, found = {}, []
    for host, daemon, kind, at, title in told:
        if at - last.get((host, daemon, kind), 0) > HOUR * 1e6:
            found.append((host, title))
        last[(host, daemon, kind)] = at
    return found


def poisson_upper(n):
    """Exact, one-sided, 95 %."""
    low, high = 0.0, 1000.0
    for _ in range(100):
        mean, term, total = (low + high) / 2, 1.0, 0.0
        for k in range(n + 1):
            term = math.exp(-mean) if k == 0 else term * mean / k
            total += term
        low, high = (mean, high) if total > 0.05 else (low, mean)
    return high


def measure(dir):
    replay = Replay(dir, "false")
    begin = time.monotonic()
    replay.send(f"{dir}/honest", 24 * DAYS, 2 * HOUR)
    say(f"{DAYS} days replayed in {time.monotonic() - begin:.0f} s; {replay.site.get('status').get('detection')}")
    # The first day is what is learnt from.
    first = (time.time() - (DAYS - 1) * DAY) * 1e6
    found = episodes(replay.told(first))
    days = len(KINDS) * (DAYS - 1)
    for host, title in found[:20]:
        say(f"false: host {host}: {title}")
    figure("replayed_host_days", days)
    figure("replayed_false_episodes", len(found))
    figure("replayed_false_per_host_day", f"{len(found) / days:.4f}")
    figure("replayed_false_per_host_day_upper95", f"{poisson_upper(len(found)) / days:.4f}")
    say(f"episodes of the first day: {len(episodes(replay.told())) - len(found)}")
    jump(replay)
    replay.site.close()


def jump(replay):
    """The clocks of all hosts go back by an hour and a half, and forward again."""
    before = {a["id"]: a["count"] for a in replay.site.alerts()}
    for ago in (3.5 * HOUR, 0):
        replay.send(f"{os.path.dirname(replay.dir)}/honest", 1, int(ago))
    told = [a for a in replay.site.alerts() if a["severity"] in ACTION and a["count"] != before.get(a["id"])]
    for a in told:
        say(f"after the clocks jumped: {a['title']}")
    figure("replayed_clock_jump_alerts", len(told))


def poison(dir):
    """Two attacks a day, between a day of honest work and the next; nobody looks at the alerts until the last one."""
    replay = Replay(dir, "poison")
    replay.send(f"{dir}/honest", 24, 16 * DAY)
    for day in range(1, 16):
        if day == 15:
            for a in replay.site.alerts():
                if a["status"] != "closed":
                    replay.site.post(f"alerts/{a['id']}/close", {"note": "the last day"})
        replay.send(f"{dir}/hostile", 1, (15 - day) * DAY + 12 * HOUR)
        replay.send(f"{dir}/honest", 10, (15 - day) * DAY)
    titles = {a["title"] for a in replay.site.alerts() if a["status"] == "open" and a["severity"] in ACTION}
    say(f"open after the last day: {titles}")
    still = sum(any(t.startswith(d) for t in titles) for d in ("php-fpm started", "postgres started"))
    ok(still == 2, "what was done every day for two weeks is told on the fifteenth")
    figure("poisoned_still_told", f"{still} of 2")
    replay.site.close()


def main():
    isolate()
    need("nginx", "fcgiwrap", "spawn-fcgi", "sshd", "sshpass", "cron", "psql", "perl", "openssl")
    dir = os.environ.get("DS_RECORDING") or tempfile.mkdtemp(prefix="daemonsec-replay.")
    if not os.path.exists(dir + "/honest"):
        record(dir)
    measure(dir)
    poison(dir)
    if not os.environ.get("DS_RECORDING"):
        shutil.rmtree(dir, ignore_errors=True)
    done()


main()
