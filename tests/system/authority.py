#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Another certificate authority takes over while a fleet goes on: agents learn of it over their session, renew under
it, the old one is forgotten; the server is killed at each step."""
from harness import *

isolate()
LONG = 90


def phase(site):
    return site.get("authority")["phase"]


def issuer(agent):
    """The key identifier of the authority that made an agent's certificate."""
    r = subprocess.run(["openssl", "x509", "-in", f"{agent.state}/agent.pem", "-noout", "-ext", "authorityKeyIdentifier"],
                       capture_output=True, text=True, check=True)
    return r.stdout.split()[-1]


def trusted(agent):
    return open(f"{agent.state}/ca.crt").read().count("BEGIN CERTIFICATE")


def crash(site):
    site.process.kill()
    site.start()


with Site() as site:
    a, b = site.agent("a"), site.agent("b")
    first = site.get("authority")
    ok(first["phase"] == "stable" and first["hosts"] == 2, "there is one authority")
    ok(wait(lambda: site.get("authority")["issued"] == 2, LONG), "of which both hosts have certificates")
    was = issuer(a)
    b.stop()
    site.ctl("ca", "rotate")
    ok(wait(lambda: phase(site) == "spreading", LONG), "asked for, another one is made")
    ok(wait(lambda: trusted(a) == 2, LONG) and wait(lambda: site.get("authority")["trusting"] == 1, LONG),
       "an agent with a session trusts both")
    crash(site)
    ok(wait(lambda: len(site.connected()) == 1, LONG) and phase(site) == "spreading" and
       "1 of 2" in site.ctl("ca", "status").stdout, "it waits for the host that is away, also after a crash")
    b.start()
    ok(wait(lambda: phase(site) != "spreading", LONG), "when that one trusts it, it takes over")
    crash(site)
    ok(wait(lambda: phase(site) == "stable", LONG), "and when both have its certificates, the old one is forgotten")
    last = site.get("authority")
    ok(last["current"] != first["current"] and last["issued"] == 2, "the new one is what there is")
    ok(wait(lambda: trusted(a) == 1 and trusted(b) == 1, LONG) and was not in (issuer(a), issuer(b)) and issuer(a) == issuer(b),
       "agents have its certificates and trust no other")
    crash(site)
    ok(wait(lambda: len(site.connected()) == 2, LONG), "and come back with them")
    c = site.agent("c")
    ok(c.sessions() == 1 and issuer(c) == issuer(a), "a new host enrols under it")
    for p in (a, b, c):
        p.stop()
    site.ctl("ca", "rotate")
    wait(lambda: phase(site) == "spreading", LONG)
    site.ctl("ca", "rotate")
    ok(phase(site) == "spreading", "nothing is hurried with all hosts away")
    site.ctl("ca", "rotate", "--force")
    ok(wait(lambda: phase(site) == "switched", LONG), "unless it is forced")
    a.start()
    ok(wait(lambda: "certificate" in a.process.tail(5), LONG) and not site.connected(), "who was away then needs a token")
    ok(keeps_contract(), "the API keeps its contract")
done()
