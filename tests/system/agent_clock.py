#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock of the agent's machine, then of the server's, jumps an hour back, an hour forward, a year forward and home
again: sessions and certificates survive, each event arrives once and is found, the days of the store stay sane."""
from churn import *
from clock import *

isolate()


def batch(site, churn, name, env=None):
    """Some files; those that did not arrive once."""
    dir = churn.room(name)
    p = churn.run("files", dir, 20, 1000, 0, env=env)
    wanted = created(p)
    found = wait(lambda: set(stored(site, dir + "/")) == set(wanted), 20, 0.1)
    return found and all(n == 1 for n in stored(site, dir + "/").values())


def times(site, name):
    return [parse_time(e["@timestamp"]) / 1e6
            for e in site.events(f"event.action:create and file.path:{site.dir}/{name}/*", limit=100)]


def days(site):
    return sorted(n for n in os.listdir(site.state + "/events") if n.endswith(".db"))


def jumps(site, churn, clock, who, agent):
    """While all runs, and over a new session after each jump."""
    for n, (seconds, name) in enumerate(((-HOUR, "an hour back"), (0, "home"), (HOUR, "an hour forward"),
                                         (YEAR, "a year forward"), (0, "home again"))):
        clock.set(seconds)
        pause(1.2)  # stamps follow the clock once a second
        if not site.connected():
            comes_back(site, agent)
        ok(batch(site, churn, f"{who}-{n}"), f"the {who}'s clock {name}: events arrive, each once, and are found")
        stamps = times(site, f"{who}-{n}")
        off = seconds if who == "agent" else 0
        ok(stamps and all(abs(t - time.time() - off) < HOUR / 4 for t in stamps), "with the time that the agent believes in")
        ok(site.connected(), "the session goes on")
        new_uplink(site, agent)
        if who == "server" and seconds == YEAR:
            # All certificates are a year too old for it, and it must not let them in; nothing may be lost by that.
            locked_out(site, churn, agent)
            continue
        ok(wait(site.connected, 60, 0.1), "a new one begins")
        ok(batch(site, churn, f"{who}-{n}-new"), "and carries events")


def locked_out(site, churn, agent):
    ok(wait(lambda: "certificate expired" in agent.process.tail(), 20), "a new one is refused, as its certificate is too old")
    dir = churn.room("locked")
    site.locked = created(churn.run("files", dir, 20, 1000, 0))


def comes_back(site, agent):
    new_uplink(site, agent)  # it would try again by itself, within minutes
    ok(wait(site.connected, 20), "with the clock at home the agent is let in again")
    ok(wait(lambda: stored(site, site.dir + "/locked/") == dict.fromkeys(site.locked, 1), 20, 0.1), "and nothing was lost")


def new_uplink(site, agent):
    pid = agent.uplink_pid()
    os.kill(pid, signal.SIGKILL)
    wait(lambda: agent.uplink_pid() not in (None, pid), 20)
    pause(0.3)


def main():
    with Site() as site:
        churn, clock = Churn(site.dir), Clock(site.dir, "agent")
        agent = site.agent(monitor=churn.path, start=False).start(env=clock.env)
        ok(wait(site.connected, 20), "an agent with a clock of its own connects")
        jumps(site, churn, clock, "agent", agent)
        ok(len(days(site)) <= 2, f"the days of the store are the server's ({days(site)})")
        clock.set(-HOUR)
        agent.process.kill()
        agent.start(env=clock.env)
        ok(wait(lambda: [e for e in gaps(site) if "nobody watched" in e.get("message", "") and
                         0 < int(e["event"].get("duration", 0)) / 1e9 < HOUR / 4], 20, 0.2),
           "killed, and the clock an hour back: the gap is as long as it was")
        agent.stop()
    with Site() as site:
        churn, clock = Churn(site.dir), Clock(site.dir, "server")
        site.process.stop()
        site.start(env=clock.env)
        agent = site.agent(monitor=churn.path)
        jumps(site, churn, clock, "server", agent)
        ok(len(days(site)) <= 4, f"the days of the store are those it saw ({days(site)})")
    done()


main()
