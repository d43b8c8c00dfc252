#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""People sign in at a real server: the first administrator, roles, forged requests, waiting, a second factor, and the
audit log that shows when it was changed."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import sqlite3
import struct
import subprocess
import time

from harness import Site, done, hold_to_contract, isolate, ok, program
from person import HTTP, Person

NEW = "tulip sofa 42"


def kind(answer):
    return answer[0], answer[1].get("type", "").rpartition(":")[2]


def code_of(secret, late=0):
    step = int(time.time()) // 30 + late
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)


def first_admin(site):
    path = os.path.join(site.state, "admin-password")
    password = open(path).read().strip()
    ok(os.stat(path).st_mode & 0o777 == 0o600, "the first start leaves a one-time password for its owner only")
    p = Person()
    ok(kind(p.sign_in("admin", "wrong wrong wrong")) == (401, "password"), "a wrong password is refused")
    status, doc = p.sign_in("admin", password)
    ok(status == 201 and doc["role"] == "admin" and doc["must_change"], "the one-time password signs in")
    ok(all(a in p.attributes for a in ("__Host-ds=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/")),
       "the cookie is the browser's own")
    ok(kind(p.ask("GET", "status")) == (403, "password-change"), "it opens nothing before it is changed")
    ok(kind(p.ask("POST", "session/totp", {})) == (403, "password-change"), "not even a second factor")
    ok(p.ask("POST", "session/password", {"current": password, "new": "short"})[0] == 400, "a weak one is refused")
    other, stolen = Person(), Person()
    other.sign_in("admin", password)
    stolen.cookie, stolen.csrf = p.cookie, p.csrf
    ok(p.ask("POST", "session/password", {"current": password, "new": NEW})[0] == 200, "another one is chosen")
    ok(p.cookie != stolen.cookie and kind(stolen.ask("GET", "session")) == (401, "token") and
       kind(other.ask("GET", "session")) == (401, "token"), "which gives the session another secret, and ends the others")
    ok(p.ask("GET", "status")[0] == 200 and not os.path.exists(path), "then everything opens, and the note is gone")
    ok(Person().sign_in("admin", password)[0] == 401, "the one-time password counted once")
    return p


def forged(admin):
    body = {"name": "forged", "role": "admin"}
    ok(kind(admin.ask("POST", "users", body, X_CSRF_Token=None)) == (403, "csrf"), "a cookie alone changes nothing")
    ok(kind(admin.ask("POST", "users", body, X_CSRF_Token="0" * 32)) == (403, "csrf"), "nor does a guessed token")
    ok(kind(admin.ask("POST", "users", body, Origin="https://elsewhere.example")) == (403, "origin"),
       "nor a page of another site")
    ok(kind(Person().ask("POST", "session", {"user": "admin", "password": NEW}, Origin="null")) == (403, "origin"),
       "which cannot sign anybody in either")


def roles(admin):
    people = {}
    for role in ("viewer", "analyst", "operator"):
        status, doc = admin.ask("POST", "users", {"name": role, "role": role, "password": "open sesame " + role})
        people[role] = Person()
        ok(status == 201 and people[role].sign_in(role, "open sesame " + role)[0] == 201, f"a {role} signs in")
    ok(admin.ask("POST", "users", {"name": "viewer"})[0] == 409, "a name is taken once")
    writes = [("POST", "hosts/x/revoke"), ("POST", "alerts/x/ack"), ("POST", "enrolment-tokens"), ("POST", "api-tokens"),
              ("POST", "users"), ("DELETE", "users/admin"), ("PATCH", "users/viewer")]
    refused = [kind(people["viewer"].ask(m, p, {} if m != "DELETE" else None)) == (403, "scope") for m, p in writes]
    ok(all(refused), "a viewer changes nothing, whatever is asked for")
    ok(people["viewer"].ask("GET", "alerts")[0] == 200 and people["viewer"].ask("GET", "audit")[0] == 403,
       "but sees all that is not about people")
    ok(people["analyst"].ask("POST", "alerts/x/ack", {})[0] == 404 and
       people["analyst"].ask("POST", "hosts/x/revoke", {})[0] == 403, "an analyst judges alerts, and no more")
    ok(people["operator"].ask("POST", "enrolment-tokens", {})[0] == 201 and
       people["operator"].ask("POST", "users", {"name": "me"})[0] == 403, "an operator lets hosts in, not people")
    ok(admin.ask("PATCH", "users/viewer", {"disabled": True})[0] == 200 and
       people["viewer"].ask("GET", "alerts")[0] == 401 and
       Person().sign_in("viewer", "open sesame viewer")[0] == 401, "who is disabled is out at once")
    ok(admin.ask("DELETE", "users/admin")[0] == 409 and admin.ask("PATCH", "users/admin", {"role": "viewer"})[0] == 409,
       "the only administrator stays one")
    return people


def second_factor(admin):
    ok(Person().ask("POST", "session/totp", {})[0] == 401, "a second factor is for who signed in")
    secret = admin.ask("POST", "session/totp", {})[1]["secret"]
    ok(kind(admin.ask("POST", "session/totp", {"secret": secret, "code": "000000"})) == (400, "totp") or
       code_of(secret) == "000000", "a wrong code sets none")
    ok(admin.ask("POST", "session/totp", {"secret": secret, "code": code_of(secret, -1)})[0] == 200, "a right one does")
    ok(kind(Person().sign_in("admin", NEW)) == (401, "totp"), "the password alone is not enough then")
    p, code = Person(), code_of(secret)
    ok(p.sign_in("admin", NEW, totp=code)[0] == 201, "with the code it is")
    ok(kind(Person().sign_in("admin", NEW, totp=code)) == (401, "totp"), "which counts once")
    ok(p.ask("POST", "session/totp", {"remove": True})[0] == 200 and Person().sign_in("admin", NEW)[0] == 201,
       "and it can be removed")


def behind_a_proxy(site, admin):
    """Who guesses through a proxy that is trusted waits alone, and cannot pass for somebody else."""
    def sign_in(password, heard, **more):
        return kind(Person("127.0.0.7").ask("POST", "session", {"user": "admin", "password": password, **more}, X_Forwarded_For=heard))

    for i in range(7):
        answer = sign_in("guess guess guess", f"192.0.2.{i}, 198.51.100.7")
    ok(answer == (429, "too-many"), f"who guesses behind a proxy waits, whatever they say of themselves {answer}")
    ok(sign_in(NEW, "198.51.100.8")[0] == 201, "who comes through it from elsewhere does not")
    ok("peer=198.51.100.7" in site.process.text() and "192.0.2.3" not in site.process.text(), "the log names who it was")


def codes(admin):
    """Who knows a password and guesses the code waits wherever they come from."""
    admin.ask("POST", "users", {"name": "twice", "role": "viewer", "password": "open sesame twice"})
    p = Person()
    p.sign_in("twice", "open sesame twice")
    secret = p.ask("POST", "session/totp", {})[1]["secret"]
    ok(p.ask("POST", "session/totp", {"secret": secret, "code": code_of(secret, -1)})[0] == 200, "a second factor is set")
    wrong = next(c for c in ("000000", "111111", "222222", "333333") if c not in (code_of(secret, n) for n in range(-2, 4)))
    answers = [kind(Person(f"127.0.1.{i}").sign_in("twice", "open sesame twice", totp=wrong)) for i in range(7)]
    ok(answers[:6] == [(401, "totp")] * 6 and answers[6] == (429, "too-many"), f"six codes from six addresses, and then a wait {answers}")
    ok(kind(Person("127.0.1.9").sign_in("twice", "not the password")) == (401, "password"), "which who does not know the password cannot bring about")


def waiting():
    p = Person("127.0.0.9")
    # That it was somebody else each time is the word of a proxy that is not ours.
    answers = [kind(p.ask("POST", "session", {"user": "admin", "password": "guess guess guess"}, X_Forwarded_For=f"192.0.2.{i}"))
               for i in range(6)]
    ok(answers == [(401, "password")] * 6 and kind(p.sign_in("admin", NEW)) == (429, "too-many") and
       int(p.retry_after) >= 1, f"who guesses waits, with the right password too, and is told how long {answers}")
    ok(Person().sign_in("admin", NEW)[0] == 201, "which keeps nobody out who comes from elsewhere")
    for i in range(40):
        answer = kind(p.sign_in(f"name{i}", "guess guess guess"))
        if answer[0] != 401:
            break
    ok(answer == (429, "too-many") and i >= 20, f"one password for many names is guessing, too ({i} names)")
    ok(Person().sign_in("operator", "open sesame operator")[0] == 201, "and keeps out nobody else either")


class Listener:
    """Somebody who follows the stream until it ends."""

    def __init__(self, headers):
        self.c = http.client.HTTPConnection(*HTTP, timeout=60)
        self.c.request("GET", "/api/v1/stream", headers=headers)
        self.r = self.c.getresponse()

    def ends(self):
        """Whether the server ends it, and does not only say nothing."""
        try:
            while self.r.read1(65536):
                pass
            return True
        except OSError:
            return False


def ended(site, admin):
    """What does not count any more opens nothing, and who listens by it hears no more."""
    def bearer(token):
        return {"Authorization": "Bearer " + token["token"]}

    def asks(token):
        c = http.client.HTTPConnection(*HTTP, timeout=20)
        c.request("GET", "/api/v1/status", headers=bearer(token))
        r = c.getresponse()
        return r.status, json.loads(r.read()).get("type", "").rpartition(":")[2]

    lasting, short, other = (site.post("api-tokens", {"scopes": ["*:read"], **ttl}) for ttl in ({}, {"ttl": "3s"}, {}))
    by_token, by_short, by_other = (Listener(bearer(t)) for t in (lasting, short, other))
    person = Person()
    person.sign_in("analyst", "open sesame analyst")
    by_session = Listener({"Cookie": person.cookie})
    ok(all(x.r.status == 200 for x in (by_token, by_short, by_other, by_session)), "tokens and a session open a stream")
    ok(by_short.ends() and asks(short) == (401, "token"), "an expired token is told so, and its stream has ended")
    admin.ask("DELETE", "api-tokens/" + lasting["id"])
    ok(asks(lasting) == (401, "token") and by_token.ends(), "so is a revoked one, at once")
    person.ask("DELETE", "session")
    ok(by_session.ends() and person.ask("GET", "status")[0] == 401, "who signs out hears no more")
    by_other.c.sock.settimeout(1)
    ok(not by_other.ends() and asks(other)[0] == 200, "the others do")


def makers(admin):
    """A token may no more than who made it may now."""
    second = Person()
    admin.ask("POST", "users", {"name": "second", "role": "admin", "password": "open sesame second"})
    second.sign_in("second", "open sesame second")
    token = second.ask("POST", "api-tokens", {"scopes": ["*"]})[1]["token"]

    def by_token(path):
        return kind(Person().ask("GET", path, Authorization="Bearer " + token))

    ok(by_token("users")[0] == 200, "a token of an administrator's reads about people")
    admin.ask("PATCH", "users/second", {"role": "viewer"})
    ok(by_token("users") == (403, "scope") and by_token("alerts")[0] == 200, "not when its maker is a viewer")
    admin.ask("PATCH", "users/second", {"disabled": True})
    ok(by_token("alerts") == (401, "token"), "nor anything when its maker is locked out")
    admin.ask("DELETE", "users/second")
    admin.ask("POST", "users", {"name": "second", "role": "admin", "password": "open sesame second"})
    ok(by_token("alerts") == (401, "token"), "nor when another has the name of a maker who was removed")


def step_up(site, contract, admin):
    """What reaches far asks a person for the password again once that was a while ago; a token and root it does not."""
    site.process.stop()
    db = sqlite3.connect(os.path.join(site.state, "control.db"))
    db.execute("UPDATE session SET confirmed_us = confirmed_us - 901 * 1000000")
    db.commit()
    db.close()
    site.start()
    far = [(m, p) for m, p, o, _ in contract.operations() if o.get("x-confirm")]

    def asked(who, method, path):
        return kind(who.ask(method, path.strip("/").replace("{id}", "nothing"), {} if method != "DELETE" else None)) == (403, "confirm")

    ok(len(far) >= 20 and [x for x in far if not asked(admin, *x)] == [], f"{len(far)} changes ask for the password again")
    near = [("POST", "/alerts/{id}/ack"), ("POST", "/alerts/{id}/verdict"), ("POST", "/reactions/{id}/undo"), ("POST", "/hosts/{id}/approve")]
    ok(not any(asked(admin, *x) for x in near), "those of every minute do not")
    undo = lambda n: admin.ask("POST", "reactions/undo", {"ids": [f"rct_{i}" for i in range(n)]})
    ok(undo(8)[0] == 200 and kind(undo(9)) == (403, "confirm"), "undoing a few reactions does not, more do")
    ok(admin.ask("GET", "users")[0] == 200, "nor does looking")
    token = site.post("api-tokens", {"scopes": ["*"]})["token"]
    c = Person()
    c.ask = lambda m, p, b=None: Person.ask(c, m, p, b, Authorization="Bearer " + token)
    some = [(m, p) for m, p in far if "{id}" in p]
    ok(len(some) > 5 and not any(asked(c, *x) for x in some), "a token does what its scopes say")
    ok(ctl(site, "reactions", "pause").returncode == 0 and ctl(site, "reactions", "resume").returncode == 0,
       "so does root at the socket")
    ok(kind(admin.ask("POST", "session/confirm", {"password": "wrong wrong wrong"})) == (401, "password") and
       asked(admin, "POST", "/reactions/pause"), "a wrong password confirms nothing, and ends no session")
    ok(admin.ask("POST", "session/confirm", {"password": NEW})[0] == 200 and admin.ask("POST", "reactions/pause", {})[0] == 200 and
       admin.ask("POST", "reactions/resume", {})[0] == 200, "the right one does, for all of them")


def ctl(site, *args):
    return subprocess.run([program("daemonsec-ctl"), "--server", "unix:" + site.socket, *args],
                          capture_output=True, text=True)


def audit(site, admin):
    rows = admin.ask("GET", "audit?limit=1000")[1]["items"]
    what = [(r["actor"], r["action"], r["subject"]) for r in rows]
    ok(("server", "first administrator", "admin") in what and ("admin", "POST users", "viewer") in what and
       ("operator", "POST enrolment-tokens", "") in what, "every change is in the audit log, with who made it")
    ok(not any(s in json.dumps(rows) for s in (NEW, "sesame")), "which has no passwords")
    r = ctl(site, "audit", "verify")
    head = r.stdout.split()[-1] if r.stdout else ""
    ok(r.returncode == 0 and f"{len(rows)} rows" in r.stdout and len(head) == 64, "daemonsec-ctl follows its chain")
    db = sqlite3.connect(os.path.join(site.state, "control.db"), timeout=60)
    kept = db.execute("SELECT * FROM audit ORDER BY number DESC LIMIT 2").fetchall()
    db.execute("DELETE FROM audit WHERE number >= ?", (kept[1][0],))
    db.commit()
    cut = (1, f"broken at row {kept[1][0]}:")
    told = [(r.returncode, r.stderr[:len(cut[1])]) for r in (ctl(site, "audit", "verify"), ctl(site, "reactions", "resume"), ctl(site, "audit", "verify"))]
    ok(told[0] == cut and told[1][0] == 0 and told[2] == cut, f"rows cut off at the end are missed, also when others follow {told}")
    db.executemany("INSERT INTO audit VALUES (" + ",".join("?" * len(kept[0])) + ")", kept)
    db.commit()
    db.close()
    ok(ctl(site, "audit", "verify").returncode == 0, "and not once they are there again")
    site.process.stop()
    db = sqlite3.connect(os.path.join(site.state, "control.db"))
    db.execute("UPDATE audit SET actor = 'somebody' WHERE number = 3")
    db.commit()
    db.close()
    site.start()
    ok(admin.ask("GET", "status")[0] == 200, "a session outlives a restart")
    r = ctl(site, "audit", "verify")
    ok(r.returncode == 1 and "row 3" in r.stderr, "and finds the row that was changed")
    ok(admin.ask("GET", "audit/verify")[1].get("broken_at") == 3, "as the server does")
    ok(admin.ask("DELETE", "session")[0] == 200 and admin.ask("GET", "status")[0] == 401, "who signs out is out")


isolate()
contract = hold_to_contract()
with Site({"api.trusted_proxies": "127.0.0.7, 10.0.0.0/8"}) as site:
    admin = first_admin(site)
    forged(admin)
    roles(admin)
    second_factor(admin)
    codes(admin)
    behind_a_proxy(site, admin)
    waiting()
    ended(site, admin)
    makers(admin)
    step_up(site, contract, admin)
    audit(site, admin)
done()
