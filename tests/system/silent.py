#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An agent that says nothing is an alert, which closes by itself when it is heard again; one that stops, stops calmly."""
import signal

from harness import *

isolate()


def silent(site):
    return [a for a in site.alerts() if a["kind"] == "agent_silent"]


def open_ones(site):
    return [a for a in silent(site) if a["status"] != "closed"]


def calm_ones(site):
    return [a for a in open_ones(site) if a["severity"] == "low"]


def starts(site):
    return len(site.events("event.action:agent_start"))


def set_up(site):
    """An agent that was installed first is started anew once there is a token."""
    agent = site.agent(monitor="cron", start=False)
    with open(agent.token, "w") as f:
        f.write("none yet\n")
    agent.start()
    ok(wait(lambda: agent.said("this host is not enrolled"), 60), "an agent without a token waits")
    agent.stop()
    if os.path.exists(agent.token):
        os.unlink(agent.token)
    agent.start()
    ok(wait(lambda: starts(site) == 2 and site.events("event.action:agent_stop"), 60), "with one, it tells that it was started anew")
    return agent


with Site({"detect.silent_after": "4s"}) as site:
    agent = set_up(site)
    ok(not [a for a in silent(site) if a["severity"] == "low"], "which is no alert")
    ok(wait(lambda: not open_ones(site), 40, 0.1), "an agent that is connected is not silent")
    ok("daemonsec" not in [d["name"] for d in site.all("daemons")], "nor is it a daemon that were to be learnt")
    uplink = agent.uplink_pid()
    os.kill(uplink, signal.SIGSTOP)
    a = wait(lambda: open_ones(site), 20, 0.1)
    if ok(a, "an uplink that is stopped is noticed"):
        say(f"{a[0]['title']}: {a[0]['reason']}")
        ok(a[0]["severity"] == "high" and a[0]["explanation"], "it says so loudly, and why")
    os.kill(uplink, signal.SIGCONT)
    ok(wait(lambda: silent(site) and not open_ones(site), 40, 0.1), "it closes when the agent is heard again")

    agent.process.kill()
    ok(wait(lambda: open_ones(site), 20, 0.1), "an agent that was killed is noticed")
    agent.start()
    ok(wait(lambda: not open_ones(site), 40, 0.1), "it closes when the agent is back")

    # Spoken with, and not only connected: what a stopping agent says last must find its way out.
    ok(wait(lambda: starts(site) > 2, 20), "and has said so")
    agent.stop()
    ok(wait(lambda: calm_ones(site), 20, 0.1), "an agent that says that it stops is told calmly")
    ok(never(lambda: [x for x in open_ones(site) if x["severity"] != "low" or x["count"] > 1], 7, 0.5),
       "and not again when it stays silent")
    ok(calm_ones(site), "nor is that taken back")
    agent.start()
    ok(wait(lambda: not open_ones(site), 40, 0.1), "until it is back")
done()
