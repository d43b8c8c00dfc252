#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The server is away and the agent's disk runs full: it goes on in bounded memory, drops the oldest bulk telemetry first
and says how much; with space and server back, what was sent and what is told as a gap is all that happened, in order."""
from churn import *

isolate()
COUNT = 15000 if SANITIZED else 60000
TINY = "1m" if SANITIZED else "3m"
SPOOL_ERROR = "the spool's disk refuses"


def tmpfs(path, size):
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], check=True)


def log_has(agent, text):
    return text in agent.process.tail(100000)


def away(site):
    site.process.stop()


def back(site):
    site.start()
    return wait(site.connected, 90, 0.1)


def in_order(site, prefix):
    """Files came in the order in which they were made: who was made later did not arrive earlier."""
    arrived = sorted((os.path.basename(e["file"]["path"]), e["event"]["ingested"])
                     for e in site.events(f"event.action:create and file.path:{prefix}*", limit=1000))
    return all(a[1] <= b[1] for a, b in zip(arrived, arrived[1:]))


def a_full_spool(site, agent, churn):
    """Of its own size: first-seen events stay, bulk telemetry goes."""
    away(site)
    again, once = churn.room("again"), churn.room("once")
    bulk = churn.start("again", again, 1500, 20, 100)
    p = churn.run("files", once, 2000, 2000, 20)
    ok(wait(lambda: spool_size(agent) > 700 << 10, 30, 0.2), "the spool fills while the server is away")
    pause(3)
    ok(spool_size(agent) <= 1 << 20, f"and stays within its size ({spool_size(agent)})")
    churn.stop(bulk)
    ok(back(site), "the server is back")
    wanted = created(p)
    ok(wait(lambda: set(stored(site, once + "/")) >= set(wanted), 60, 0.5), f"all {len(wanted)} first-seen files arrive")
    ok(all(n == 1 for n in stored(site, once + "/").values()), "each once")
    ok(in_order(site, once + "/"), "in their order")
    spool = [e for e in gaps(site) if "spool was full" in e.get("message", "")]
    say(f"gaps: {len(spool)}, events lost: {lost(site)}")
    ok(spool and lost(site) > 0, "what bulk telemetry was dropped is told")


def spool_size(agent):
    d = agent.spool
    return sum(os.path.getsize(os.path.join(d, f)) for f in os.listdir(d) if f.startswith(("urgent", "bulk")))


def a_full_disk(site, agent, churn):
    """The disk is smaller than the spool may be: memory takes what it can, then it is counted."""
    before = lost(site)
    away(site)
    files = churn.room("storm")
    memory = Memory(agent)
    uplink = agent.uplink_pid()
    p = churn.start("files", files, COUNT, 100, 200)
    ok(watch(p, memory) and p.returncode == 0, f"{COUNT} files are made")
    ok(log_has(agent, SPOOL_ERROR), "the disk is full")
    memory.look()
    memory.say()
    ok(agent.process.alive() and agent.uplink_pid() == uplink, "guard and uplink go on")
    ok(memory.stays_below(64), "within 64 MiB each")
    subprocess.run(["mount", "-o", "remount,size=64m", agent.spool], check=True)
    ok(back(site), "space and the server are back")
    wanted = set(created(p))
    enough = lambda: len(stored(site, files + "/")) + lost(site) - before >= len(wanted)
    ok(wait(enough, 90, 2), "what arrived and what is told as lost is all that happened")
    got = stored(site, files + "/")
    told = lost(site) - before
    say(f"made {len(wanted)} arrived {len(got)} told as lost {told}")
    for e in gaps(site):
        say(f"gap: {e['@timestamp']} lost={e.get('daemonsec', {}).get('lost')} {e.get('message')}")
    ok(not set(got) - wanted and all(n == 1 for n in got.values()), "nothing arrived twice")
    ok(told <= len(wanted) - len(got) + 1000, "no more is told as lost than was")
    ok(in_order(site, files + "/"), "in order")
    ok(log_has(agent, "takes events again"), "and it says that the disk is well")


with Site() as site:
    churn = Churn(site.dir)
    for name, size, limit, test in (("small", "8m", "1M", a_full_spool), ("tiny", TINY, "64M", a_full_disk)):
        spool = f"{site.dir}/{name}-spool"
        tmpfs(spool, size)
        agent = site.agent(name, churn.path, {"spool.dir": spool, "spool.max_size": limit, "sensors.repeat_interval": "100ms"})
        agent.spool = spool
        test(site, agent, churn)
        agent.stop()
        wait(lambda: not site.connected(), 20)
    names = {d["name"] for d in site.all("daemons")}
    ok(gaps(site) and names and "daemonsec" not in names, f"the uplink told of its gaps, and is no daemon of the host {names}")
done()
