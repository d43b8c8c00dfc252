#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods: a daemon that starts programs in a loop, paths of 4 KiB and names that are no text, 100 000 paths and 20 000
addresses. Memory stays bounded, what is not told one by one is counted, and others are heard meanwhile."""
import sqlite3, zlib

from churn import *

isolate()
SECONDS = 5 if SANITIZED else 15
PATHS = 10000 if SANITIZED else 100000
ADDRESSES = 2000 if SANITIZED else 20000
QUIET_S = 20  # how busy the machine is has its part in it


def quiet_start(site, quiet, n):
    """A first start of another daemon, and how long it takes to be found."""
    name = f"quiet-{n}-{time.monotonic_ns()}"
    began = time.monotonic()
    subprocess.run([quiet.path, "forks", "0", "/bin/true"], stdout=subprocess.DEVNULL)
    probe = subprocess.Popen([quiet.path, name], stdout=subprocess.DEVNULL)
    probe.wait()
    found = wait(lambda: site.events(f'event.action:exec and process.args:"{name}"', limit=10), 20, 0.05)
    return time.monotonic() - began if found else None


def during(site, p, memory, quiet):
    """Starts something quiet now and then while p floods; the longest that one took, None: one was not found."""
    longest, n = 0.0, 0
    while p.poll() is None and n < 40:
        took = quiet_start(site, quiet, n)
        memory.look()
        n += 1
        if took is None or took > 1:
            say(f"quiet start {n} took {took}")
        if took is None:
            return None
        longest = max(longest, took)
        wait(lambda: p.poll() is not None, 0.5)
    watch(p, memory)
    say(f"{n} quiet starts, the slowest was found after {longest:.2f} s")
    return longest


def counted(site, q):
    return sum(e.get("daemonsec", {}).get("count", 1) for e in site.events(q, limit=1000))


def programs(site, churn, quiet, memory):
    p = churn.start("forks", SECONDS, "/bin/true")
    slowest = during(site, p, memory, quiet)
    ok(slowest is not None and slowest < QUIET_S, "a first start elsewhere is found at once while a daemon forks and execs")
    p.note.seek(0)
    made = int(p.note.read())
    q = f'event.action:exec and process.executable:"{os.path.realpath("/bin/true")}" and service.name:churnd'
    ok(wait(lambda: counted(site, q) + lost(site) >= made, 60, 1), f"all of {made} starts are counted")
    told, gone = counted(site, q), lost(site)
    ok(told <= made and told + gone <= made * 3 + 1000, f"none twice ({told} counted, {gone} events lost)")


def odd_names(site, churn):
    names = [b"\xff\xfe invalid \xc3", b"new\nline\ttab", b'quote" \\ back', "ünïcode €".encode(), b"x" * 255]
    base = os.fsencode(site.dir) + b"/odd"
    os.mkdir(base)
    deep = base
    while len(deep) + 201 < 3900:
        deep += b"/" + b"d" * 200
    script = ("import os,sys\nbase=os.fsencode(sys.argv[1])\n"
              "for n in [bytes.fromhex(x) for x in sys.argv[3:]]: os.close(os.open(base+b'/'+n, os.O_CREAT|os.O_WRONLY))\n"
              "os.chdir(base)\nfor part in os.fsencode(sys.argv[2])[len(base)+1:].split(b'/'):\n os.mkdir(part); os.chdir(part)\n"
              "os.close(os.open(b'leaf'+b'l'*150, os.O_CREAT|os.O_WRONLY))\n")
    python = os.path.join(site.dir, "oddd")
    shutil.copy(sys.executable, python)
    subprocess.run([python, "-c", script, os.fsdecode(base), os.fsdecode(deep), *[n.hex() for n in names]], check=True)
    wanted = {base + b"/" + n for n in names} | {deep + b"/leaf" + b"l" * 150}

    def got():
        return {e["file"]["path"] for e in site.events(f"event.action:create and file.path:{os.fsdecode(base)}/*", limit=1000)}
    # JSON has no bytes that are no UTF-8: there the API has U+FFFD, and the store has what was.
    shown = {w.decode(errors="replace") for w in wanted}
    ok(wait(lambda: got() >= shown, 20, 0.2), f"odd names and a path of {len(deep) + 155} bytes arrive")
    say(f"missing: {[w[-60:] for w in shown - got()]}")
    texts = list(segments(site))
    ok(all(any(n in s for s in texts) for n in names), "byte for byte")


def segments(site):
    """What the batches of the store say, unpacked: a header in front of a deflate stream."""
    for root, _, found in os.walk(site.state):
        for f in found:
            if not f.endswith(".db"):
                continue
            db = sqlite3.connect(f"file:{root}/{f}?mode=ro", uri=True)
            for (table,) in db.execute("select name from sqlite_master where type='table'").fetchall():
                for row in db.execute(f'select * from "{table}"'):
                    for blob in row:
                        yield from unpacked(blob) if isinstance(blob, bytes) and len(blob) > 64 else ()


def unpacked(blob):
    for start in range(0, 129):
        for bits in (15, -15):
            try:
                text = zlib.decompressobj(bits).decompress(blob[start:])
            except zlib.error:
                continue
            if len(text) > 64:
                yield text
    yield blob


def paths(site, churn, quiet, memory):
    files = churn.room("paths")
    before = lost(site)
    p = churn.start("files", files, PATHS, 0, 20)
    slowest = during(site, p, memory, quiet)
    ok(p.returncode == 0 and slowest is not None and slowest < QUIET_S, f"so it is while {PATHS} files are made")
    wanted = set(created(p))
    enough = lambda: counted(site, f"event.action:create and file.path:{files}/*") + lost(site) - before >= len(wanted)
    ok(wait(enough, 60, 2), "what arrived and what is told as lost is all of them")
    got = stored(site, files + "/")
    # More than fifty new names a second in one directory are folded; a quick machine makes so many.
    folded = {path: got.pop(path) for path in list(got) if path.endswith("/*")}
    arrived = len(got) + sum(folded.values())
    say(f"made {len(wanted)} arrived {len(got)} and {sum(folded.values())} folded told as lost {lost(site) - before}")
    ok(lost(site) - before <= len(wanted) - arrived + 2000, "and no more is told as lost than was")
    ok(set(got) <= wanted and all(n == 1 for n in got.values()) and
       {os.path.dirname(path) for path in folded} <= {os.path.dirname(path) for path in wanted}, "nothing else, nothing twice")


def addresses(site, churn, quiet, memory):
    before = lost(site)
    p = churn.start("addresses", ADDRESSES)
    slowest = during(site, p, memory, quiet)
    ok(p.returncode == 0 and slowest is not None and slowest < QUIET_S, f"and while it talks to {ADDRESSES} addresses")

    def seen():
        return {e["destination"]["ip"] for e in
                site.events("service.name:churnd and destination.ip:127.0.0.0/8", limit=1000) if "destination" in e}
    ok(wait(lambda: len(seen()) + lost(site) - before >= ADDRESSES, 60, 2), "all are accounted for")
    say(f"arrived {len(seen())} told as lost {lost(site) - before}")


with Site() as site:
    churn, quiet = Churn(site.dir), Churn(site.dir, "quietd")
    agent = site.agent(monitor=",".join([churn.path, quiet.path, site.dir + "/oddd"]),
                       options={"sensors.repeat_interval": "1s"})
    memory = Memory(agent)
    uplink = agent.uplink_pid()
    odd_names(site, churn)
    programs(site, churn, quiet, memory)
    paths(site, churn, quiet, memory)
    addresses(site, churn, quiet, memory)
    memory.look()
    memory.say()
    ok(memory.stays_below(64), "guard and uplink stay within 64 MiB each")
    ok(agent.process.alive() and agent.uplink_pid() == uplink, "and are the same processes as before")
done()
