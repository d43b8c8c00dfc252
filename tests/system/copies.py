#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two agents with one identity: a copied disk image is told apart, waits for an identity of its own, and never speaks
for the machine that it was copied from."""
from harness import *

isolate()
LONG = 90


def copy_of(site, agent, name):
    """What a disk image has of an agent, on another machine."""
    copy = site.agent(name, start=False, options={"reaction.ceiling": "block_ip"})
    shutil.rmtree(copy.state)
    shutil.copytree(agent.state, copy.state, symlinks=True)
    shutil.copytree(os.path.join(agent.dir, "guard"), os.path.join(copy.dir, "guard"))
    copy.process = None
    return copy


def host(site, id):
    return next((h for h in site.all("hosts") if h["id"] == id), {})


def copies(site):
    return [h for h in site.all("hosts") if h.get("copy_of")]


def blocked(site, id, address, label=None):
    """Whether an order for a host, or for the only one with a label, is carried out by it."""
    where = {"label": label} if label else {"host": id}
    made = site.post("reactions", {"kind": "block_ip", "address": address, "ttl": "10m", **where})
    made = made.get("items", [made])[0]["id"]
    return wait(lambda: site.get("reactions/" + made)["status"] == "verified", LONG) and site.get("reactions/" + made)["host"]["id"] == id


def orders_of_its_own(site, one, two, mine, other):
    """The guard of a copy is bound to whom it was copied from, until the server tells it otherwise, signed."""
    ok(wait(lambda: [r for r in site.all("reactions") if r["kind"] == "rebind" and r["host"]["id"] == other and r["status"] == "verified"],
            LONG), "its guard is told whom it takes orders for")
    ok(blocked(site, other, "203.0.113.7"), "and takes them")
    ok(blocked(site, mine, "203.0.113.8", "rack-7") and not one.said("kind=rebind") and one.said("kind=block_ip outcome=done") == 1 and
       two.said("kind=block_ip outcome=done") == 1, "the first goes on with its own, and each does its own only")


def starts(site, id):
    """How many agents told the server of their start as this host."""
    return len(site.events(f"host.id:{id} and event.action:agent_start"))


def labelled(site):
    """An agent whose token has labels, beside its own."""
    one = site.agent("one", start=False, options={"reaction.ceiling": "block_ip", "general.labels": "web, eu"})
    with open(one.token, "w") as f:
        f.write(site.ctl("tokens", "create", "--label=rack-7,web", "--cidr", "127.0.0.0/8", "--address", f"127.0.0.1:{site.port}").stdout)
    token = site.all("enrolment-tokens")[0]
    ok(token["label"] == "rack-7,web" and token["cidr"] == "127.0.0.0/8" and "rack-7" in site.ctl("tokens").stdout,
       "a token is made as it was asked for")
    one.start()
    ok(wait(lambda: one.sessions() and site.connected(), LONG) and host(site, one.host())["labels"] == ["rack-7", "web", "eu"],
       "a token's labels are its host's, beside its own")
    ok("rack-7" in site.ctl("hosts").stdout and [h["id"] for h in site.all("hosts", q="labels:*rack-7*")] == [one.host()],
       "which people see, and search for")
    return one


def both_at_once(site):
    one = labelled(site)
    mine = one.host()
    ok(wait(lambda: starts(site, mine) == 1, LONG), "a machine has an agent")
    two = copy_of(site, one, "two").start()
    ok(wait(lambda: [h["status"] for h in copies(site)] == ["pending"], LONG), "a copy of its disk waits for approval")
    other = copies(site)[0]
    ok(other["id"] != mine and other["copy_of"] == {"id": mine, "name": host(site, mine)["name"]}, "as a host of its own, copied from it")
    ok([h["id"] for h in site.connected()] == [mine] and one.sessions() == 1, "the first was not disturbed")
    alerts = wait(lambda: site.alerts(q="title:*identity*"), LONG)
    ok(alerts and alerts[0]["host"]["id"] == mine and alerts[0]["severity"] == "high", "somebody is told")
    ok(wait(lambda: "wait" in two.process.tail(40), LONG), "the copy says that it waits")
    site.ctl("hosts", "approve", other["id"])
    ok(wait(lambda: {h["id"] for h in site.connected()} == {mine, other["id"]}, LONG), "approved, both are connected")
    ok(wait(lambda: starts(site, other["id"]) >= 1, LONG), "and what the copy kept until then is told")
    ok(not site.all("reactions", status="dry_run"), "there is no file that would be restored for it")
    ok(starts(site, mine) == 1, "under its own name, not that of the first")
    orders_of_its_own(site, one, two, mine, other["id"])
    return one, two


def one_after_the_other(site, one, two):
    """The machine is off while its copy runs."""
    mine = one.host()
    one.stop()
    three = copy_of(site, one, "three").start()
    ok(wait(lambda: three.sessions() == 1, LONG), "a machine that was moved to another disk goes on as it was")
    known = {h["id"] for h in site.all("hosts")}
    one.start()
    ok(wait(lambda: len(copies(site)) == 2, LONG), "the old one is told apart when it comes back")
    third = next(h for h in copies(site) if h["id"] not in known)
    ok(third["status"] == "pending" and third["copy_of"]["id"] == mine and three.process.alive() and
       mine in {h["id"] for h in site.connected()}, "and waits, while the other stays")
    site.ctl("hosts", "revoke", third["id"])
    ok(wait(lambda: "does not take this host" in one.process.text(), LONG), "it can be turned away")
    return three


def after_a_restart(site, two, three):
    site.process.kill()
    site.start()
    ok(wait(lambda: len(site.connected()) == 2, LONG) and len(copies(site)) == 2, "after a crash of the server nobody is taken for a copy")
    before = two.sessions()
    os.kill(two.uplink_pid(), 9)
    ok(wait(lambda: two.sessions() > before and len(site.connected()) == 2, LONG) and len(copies(site)) == 2,
       "nor after one of an agent's uplink")


def by_name(site):
    """A machine that was set up anew has the name of who it was."""
    first, second = site.connected()
    name = first["name"]
    ok(site.ctl("hosts", "show", name, check=False).returncode == 6, "a name that two have is the name of none")
    site.ctl("hosts", "revoke", second["id"])
    ok(json.loads(site.ctl("-o", "json", "hosts", "show", name).stdout)["id"] == first["id"], "whoever was revoked does not count")


with Site() as site:
    one, two = both_at_once(site)
    three = one_after_the_other(site, one, two)
    after_a_restart(site, two, three)
    by_name(site)
    ok(keeps_contract(), "the API keeps its contract")
done()
