#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The power of a host with systemd is cut while it blocks somebody, is isolated and has something frozen; it comes up again with
another network, other processes, nothing in its kernel's tables: afterwards all is as the ledger says, and nobody is locked out."""
from harness import *
from guard import log_text
from outlive import *
from sdhost import Host, install_guard, own_mounts

own_mounts()
need("nft")


def boot(host, what):
    if not ok(host.boot(), what):
        say(log_text(host.dir + "/log"))
        done()
    come_up(host, far)


def unheard(host, g):
    """The same once more, and afterwards there is no server: an isolated host must not stay so."""
    wait(lambda: g.do("isolate", mode=DRY_RUN)["outcome"] == "would")
    r = g.do("isolate", lifetime_ms=3600000)
    ok(r["outcome"] == "done" and not far.reaches(OTHER), "isolated")
    host.cut_power()
    far.server.kill()
    far.server.wait()
    boot(host, "the power is cut once more, and the server with it")
    back = g.wait("RESULT", 60, ORDER=r["order"].hex(), RESULT=UNDONE)
    ok(back and wait(lambda: far.reaches(OTHER)), f"an isolation after which no server is heard ends: {back and back['MESSAGE']}")


far = Far()
host = Host("ds-reboot", "hybrid")
try:
    install_guard(host, OPTIONS, programs=("nft",))
    write_units(host)
    g = HostGuard(host)
    boot(host, "a host comes up")
    g.greet()
    made = before(host, g, far)
    host.cut_power()
    pause(2)  # what was blocked for two seconds is over
    boot(host, "its power is cut, and it comes up again")
    after(host, g, far, made)
    unheard(host, g)
    import harness
    if harness._failed:
        say(log_text(host.root + "/guard/log")[-6000:])
finally:
    host.close()
    far.close()
done()
