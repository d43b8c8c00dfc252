#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad days at the agents' port: wrong, expired, foreign and revoked certificates, tokens used twice, connections that
never finish the handshake, frames that are cut, too large or damaged. The server says why and serves the others."""
import os, random, select, sys, uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import *
from peer import *

need("openssl")
isolate()
random.seed(1)


def keys(site):
    n = 0
    while True:
        n += 1
        yield make_key(f"{site.dir}/peer{n}")


def tokens(site, key):
    token = Token(site.make_token())
    first = next(key)
    cert, what, answer = enrol(site.port, token, first)
    ok(what == "ok", "a token lets a host in")
    again, what, second = enrol(site.port, token, first)
    ok(what == "ok" and second[1] == answer[1], "the same key gets the same identity when the answer was lost")
    ok(enrol(site.port, token, next(key), "m2")[1:] == ("error", TOKEN_USED), "a token works once")
    token = Token(site.make_token())
    token.secret = bytes(32)
    ok(enrol(site.port, token, next(key))[1:] == ("error", TOKEN_UNKNOWN), "a wrong secret is refused")
    token.id = "tok_none"
    ok(enrol(site.port, token, next(key))[1:] == ("error", TOKEN_UNKNOWN), "an unknown token is refused")
    token = Token(site.make_token(ttl="1s"))
    over = time.monotonic() + 1.1
    wait(lambda: time.monotonic() > over)
    ok(enrol(site.port, token, next(key))[1:] == ("error", TOKEN_EXPIRED), "an expired token is refused")
    token = Token(site.make_token())
    site.ctl("tokens", "revoke", token.id)
    ok(enrol(site.port, token, next(key))[1:] == ("error", TOKEN_EXPIRED), "a revoked token is refused")
    token = Token(site.make_token(uses=2))
    ok([enrol(site.port, token, next(key))[1] for _ in range(3)] == ["ok", "ok", "error"], "a token for two lets two in")
    return cert, str(uuid.UUID(bytes=answer[1]))


def certificates(site, cert, host):
    uri = "daemonsec:host:" + host
    own = Authority(f"{site.dir}/own", f"{site.state}/pki/ca.key", f"{site.state}/pki/ca.crt")
    foreign = Authority(f"{site.dir}/foreign")
    peer = Peer(site.port, cert)
    ok(peer.hello()[0] == "ok" and peer.ping(), "its certificate opens a session")
    peer.close()
    for path, name, says in [
            (foreign.sign("a", uri), "a foreign certificate", "unknown ca"),
            (own.sign("b", uri, start=-9, end=-1), "an expired certificate", "expired"),
            (own.sign("c", uri, start=2), "a certificate of the future", ""),
            (own.sign("d", uri, use="serverAuth"), "a server's certificate", "unsupported")]:
        try:
            answer = Peer(site.port, path).hello()
        except OSError as e:
            answer = "closed", str(e)
        ok(answer[0] == "closed" and says in str(answer[1]).lower().replace("_", " "), f"{name} is refused ({answer[1]})")
    ok(Peer(site.port, own.sign("e", "daemonsec:host:" + str(uuid.uuid4()))).hello() == ("error", IDENTITY),
       "a certificate for a host that is not here is refused")
    ok(Peer(site.port, own.sign("f")).hello()[0] != "ok", "a certificate for no host is refused")
    ok(Peer(site.port).hello()[0] != "ok", "nobody says HELLO without a certificate")
    ok(Peer(site.port, cert).ask(ENROL, b"", CERTIFICATE)[0] != "ok", "who has a certificate does not enrol")


def approval(site, key):
    elsewhere = Token(site.make_token(cidr="192.0.2.0/24,2001:db8::/32"))
    ok(enrol(site.port, elsewhere, next(key), "m3")[1:] == ("error", TOKEN_ADDRESS) and
       [t["uses"] for t in site.all("enrolment-tokens") if t["id"] == elsewhere.id] == [0],
       "a token for other networks lets nobody in from here, and is not used up")
    ok(enrol(site.port, Token(site.make_token(cidr="192.0.2.0/24,127.0.0.0/8,::1")), next(key), "m3")[1] == "ok", "one for these does")
    cert, what, answer = enrol(site.port, Token(site.make_token(require_approval=True)), next(key), "m3")
    host = str(uuid.UUID(bytes=answer[1])) if what == "ok" else "none"
    ok(what == "ok" and Peer(site.port, cert).hello() == ("error", PENDING), "who waits for approval is told so")
    site.ctl("hosts", "approve", host)
    ok(wait(lambda: Peer(site.port, cert).hello()[0] == "ok"), "an approved host is let in")
    peer = Peer(site.port, cert)
    ok(peer.hello()[0] == "ok" and peer.ping(), "and has a session")
    began = time.monotonic()
    site.ctl("hosts", "revoke", host)
    kind, payload = peer.await_frame(ERROR)
    ok(kind in (ERROR, None), "a revoked host is cut")
    say(f"took {time.monotonic() - began:.3f} s")
    ok(Peer(site.port, cert).hello() == ("error", REVOKED), "and stays out")


def real_agent(site):
    """Enrols with its token, comes back after a restart of the server, is cut when it is revoked."""
    agent = site.agent()
    host = site.connected()[0]["id"]
    names = sorted(os.listdir(agent.state))
    ok("agent.pem" in names and "ca.crt" in names and "token" not in names and not os.path.exists(agent.token),
       "an agent enrols and keeps nothing of its token")
    ok(os.stat(f"{agent.state}/agent.pem").st_mode & 0o777 == 0o600, "its key is its own")
    site.process.kill()
    site.start()
    ok(wait(site.connected, 20), "it comes back when the server was killed")
    began = time.monotonic()
    site.ctl("hosts", "revoke", host)
    ok(wait(lambda: not site.connected()), f"it is cut when it is revoked ({time.monotonic() - began:.2f} s)")
    ok(wait(lambda: "revoked" in agent.process.tail(60)), "and says why")
    ok(agent.stop(), "and stops when told to")


def bad_frames(site, cert):
    hello = frame(HELLO, message({1: 1, 2: 1, 3: 1}), CRITICAL)
    batch = frame(BATCH, message({1: 1, 2: 1, 3: 1, 4: os.urandom(5000)}), CRITICAL)
    cases = {"too large": [frame(BATCH, size=5 << 20) + bytes(100)], "of no kind": [b"GET / HTTP/1.1\r\n\r\n"],
             "critical and unknown": [frame(200, b"x", CRITICAL)], "a batch of noise": [batch],
             "a second HELLO": [hello], "an empty batch": [frame(BATCH)],
             "bit-flipped": []}
    for _ in range(60):
        damaged = bytearray(batch)
        damaged[random.randrange(len(damaged) if random.random() < .3 else 40)] ^= 1 << random.randrange(8)
        cases["bit-flipped"].append(bytes(damaged))
    for name, frames in cases.items():
        survived = 0
        for data in frames:
            peer = Peer(site.port, cert)
            if peer.hello()[0] != "ok":
                survived = -1
                break
            peer.tls.settimeout(3)
            peer.send_bytes(data)
            try:
                survived += peer.await_frame(ERROR, ACK)[0] == ACK
            except OSError:
                pass  # a flipped length: it waits for the rest
            peer.close()
        ok(survived == 0, f"frames {name} are not taken")
    peer = Peer(site.port, cert)
    peer.hello()
    peer.send_bytes(batch[:-100])
    peer.close()
    peer = Peer(site.port, cert)
    peer.hello()
    ok(peer.send(200, b"x", 0) and peer.ping(), "an unknown frame that is not critical is skipped")
    ok(site.process.alive(), "the server lives")


def rss_kib(site):
    return int(open(f"/proc/{site.process.pid}/statm").read().split()[1]) * 4


def never_reads(site, cert):
    """A peer that asks and asks and reads no answer."""
    before, deaf, pings = rss_kib(site), Peer(site.port, cert), frame(PING, bytes(64), 0) * 1000
    said = deaf.hello()[0] == "ok"
    deaf.tls.settimeout(2)
    said = said and sum(deaf.send_bytes(pings) for _ in range(150))
    ok(said and (SANITIZED or rss_kib(site) - before < 8 << 10), f"a peer that never reads costs little ({rss_kib(site) - before} KiB)")
    return deaf


def never_finish(site, cert, count=2000):
    rss = lambda: rss_kib(site)
    fds = lambda: len(os.listdir(f"/proc/{site.process.pid}/fd"))
    before, fds_before, idle = rss(), fds(), []
    hello = bytes.fromhex("1603010200010001fc0303") + bytes(100)
    for i in range(count):
        s = socket.socket()
        s.bind((f"127.0.{1 + i // 200}.1", 0))
        s.connect(("127.0.0.1", site.port))
        if i % 2:
            s.send(hello[:1 + i % 100])
        idle.append(s)
    began = time.monotonic()
    peer = Peer(site.port, cert)
    ok(peer.hello()[0] == "ok" and peer.ping(), f"{count} connections that never finish do not keep others out")
    say(f"took {time.monotonic() - began:.3f} s")
    say(f"memory: {before} KiB before, {rss()} KiB with them; descriptors: {fds_before}, {fds()}")
    ok(SANITIZED or rss() - before < 64 << 10, "they cost little memory")
    # One byte now and then does not buy time.
    for s in idle[1::100]:
        try:
            s.send(b"\0")
        except OSError:
            pass
    ok(wait(lambda: fds() <= fds_before + 10, 30, 0.2), f"the server closes them ({time.monotonic() - began:.1f} s)")
    ok(peer.ping(), "and the session goes on")
    for s in idle:
        s.close()


with Site() as site:
    key = keys(site)
    cert, host = tokens(site, key)
    certificates(site, cert, host)
    approval(site, key)
    real_agent(site)
    deaf = never_reads(site, enrol(site.port, Token(site.make_token()), next(key), "m4")[0])
    bad_frames(site, cert)
    never_finish(site, cert)
    ok(wait(lambda: not deaf.send(PING, b"", 0), 60, 0.5), "who never reads is closed")
done()
