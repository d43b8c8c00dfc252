#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP of the API: what is asked twice, conditionally, packed or too often; every route as schema/api.yaml says it, with
every kind of caller and with bodies that are no good; hostile texts in every parameter."""
import gzip
import http.client
import json
import os
import re
import socket
import subprocess
import time

from harness import BUILD, Site, UnixConnection, done, hold_to_contract, isolate, ok, say, skip_all, wait
from person import Person

HTTP = ("127.0.0.1", 7480)
STORE_EVENTS = os.path.join(BUILD, "tests", "system", "store_events")
HOSTILE = ["'; DROP TABLE alert; --", "\" OR 1=1 --", "%00", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "a" * 190,
           "$(reboot)", "<script>alert(1)</script>", "\u202egpj.exe", "*" * 150, "(" * 60, "%ff%fe", "-1", "9" * 40]


class Client:
    """Over HTTP with a token; answers are (status, headers, document)."""

    def __init__(self, token, contract=None):
        self.token, self.contract = token, contract

    def ask(self, method, path, body=None, raw=None, root=False, **headers):
        c = http.client.HTTPConnection(*HTTP, timeout=20)
        h = {k.replace("_", "-"): v for k, v in headers.items()}
        if self.token:
            h["Authorization"] = "Bearer " + self.token
        data = raw if raw is not None else None if body is None else json.dumps(body)
        if data is not None:
            h.setdefault("Content-Type", "application/json")
        c.request(method, ("" if root else "/api/v1") + path, data, h)
        r = c.getresponse()
        text = r.read()
        c.close()
        kind = r.getheader("Content-Type", "")
        if r.getheader("Content-Encoding") == "gzip":
            self.packed = len(text)
            text = gzip.decompress(text)
        doc = json.loads(text) if kind.split(";")[0].endswith("json") and text else text
        if self.contract and r.status != 304:
            self.contract.check(method, path, r.status, kind, doc)
        return r.status, r.headers, doc


def conditional(c):
    status, h, doc = c.ask("GET", "/alerts/alr_02")
    tag = h["ETag"]
    ok(status == 200 and tag.startswith('"'), "an answer has an entity tag")
    status, h, text = c.ask("GET", "/alerts/alr_02", If_None_Match=tag)
    ok(status == 304 and not text and h["ETag"] == tag, "who has it already is told so")
    ok(c.ask("POST", "/alerts/alr_02/note", {"note": "x"}, If_Match='"stale"')[0] == 412, "a change of what was not read is refused")
    ok(c.ask("POST", "/alerts/alr_02/note", {"note": "x"}, If_Match=tag)[0] == 200, "of what was read it is made")
    ok(c.ask("POST", "/alerts/alr_02/note", {"note": "y"}, If_Match=tag)[0] == 412, "once: then it is another")
    ok(c.ask("GET", "/alerts/alr_02", If_None_Match=tag)[0] == 200, "and is sent again")
    ok(c.ask("POST", "/alerts/alr_99/ack", {}, If_Match="*")[0] == 412, "what is not there is as nobody read it")
    status, h, doc = c.ask("GET", "/events?limit=200", Accept_Encoding="gzip")
    ok(status == 200 and h["Content-Encoding"] == "gzip" and "Accept-Encoding" in h["Vary"] and len(doc["items"]) == 200 and
       c.packed * 4 < len(json.dumps(doc)), "long answers come packed to who takes that")
    ok(h["ETag"].startswith("W/") and c.ask("GET", "/events?limit=200", If_None_Match=h["ETag"])[0] == 304, "with a weak tag that counts")
    ok(c.ask("GET", "/events?limit=200", Accept_Encoding="gzip;q=0")[1]["Content-Encoding"] is None, "not to who refuses it")


class Hosts:
    """Looks on at what changes about hosts, from now on or from an event on."""

    def __init__(self, site, last=None):
        self.c = UnixConnection(site.socket, 60)
        self.c.request("GET", "/api/v1/stream?topics=host", headers={"Last-Event-ID": last} if last else {})
        self.r = self.c.getresponse()

    def event(self):
        """Its id, and the labels that the host has now."""
        event = {}
        while not event or line.strip():
            line = self.r.readline().decode()
            if line[0] != ":":
                event.update([line.rstrip("\n").split(": ", 1)] if ": " in line else [])
        return event["id"], json.loads(event["data"])["labels"]


def idempotent(site, c):
    def tokens():
        return len(site.all("enrolment-tokens"))

    before = tokens()
    one = c.ask("POST", "/enrolment-tokens", {"uses": 3}, Idempotency_Key="k1")
    two = c.ask("POST", "/enrolment-tokens", {"uses": 3}, Idempotency_Key="k1")
    ok(one[0] == two[0] == 201 and one[2] == two[2] and two[1]["Idempotency-Replayed"] == "true" and tokens() == before + 1,
       "what is asked again under a key is done once and answered twice")
    ok(c.ask("POST", "/enrolment-tokens", {"uses": 4}, Idempotency_Key="k1")[0] == 422, "another request under the key is refused")
    ok(c.ask("POST", "/enrolment-tokens", {"uses": 0}, Idempotency_Key="k2")[0] == 400 and
       c.ask("POST", "/enrolment-tokens", {"uses": 1}, Idempotency_Key="k2")[0] == 201, "what changed nothing did not count")
    ok(c.ask("POST", "/enrolment-tokens", {"uses": 1}, Idempotency_Key="x" * 201)[0] == 400, "a key too long is refused")
    stream = Hosts(site)
    site.post("hosts/web1/label", {"labels": "seen"})
    last = stream.event()
    site.post("hosts/web2/label", {"labels": "missed"})
    site.process.kill()
    site.start()
    again = Hosts(site, last[0])
    site.post("hosts/web1/label", {"labels": "new"})
    heard = [last, again.event(), again.event()]
    ok([labels for _, labels in heard] == [["seen"], ["missed"], ["new"]] and heard == sorted(heard, key=lambda x: int(x[0])),
       f"a stream goes on behind the last event, over a death of the server {heard}")
    status, _, doc = c.ask("POST", "/enrolment-tokens", {"uses": 3}, Idempotency_Key="k1")
    ok(status == 409 and doc["type"].endswith("repeated") and tokens() == before + 2,
       "also over a death of the server, which keeps no secret to answer with")


def too_often(site):
    t = site.post("api-tokens", {"name": "eager", "scopes": ["status:read"]})["token"]
    c = http.client.HTTPConnection(*HTTP, timeout=10)
    answers, wait_s = [], None
    for _ in range(100):
        c.request("GET", "/api/v1/openapi.json", headers={"Authorization": "Bearer " + t, "Accept-Encoding": "gzip"})
        r = c.getresponse()
        r.read()
        answers.append(r.status)
        if r.status == 429:
            wait_s = int(r.headers["Retry-After"])
            break
    ok(answers[-1] == 429 and wait_s >= 1 and len(answers) >= 25, f"who asks too much is told to wait ({len(answers)} requests)")
    ok(Client(None).ask("GET", "/healthz", root=True)[0] == 200, "and nobody else")
    ok(wait(lambda: Client(t).ask("GET", "/session")[0] == 200, 5, 0.2), "after that they are answered")


def some_ids(site):
    """For each collection an id that is there."""
    ids = {name: site.get(name)["items"] for name in ("hosts", "daemons", "alerts", "reactions", "models", "jobs")}
    return {name: items[0]["id"] for name, items in ids.items() if items}


def every_route(site, contract, admin):
    """Each operation of the description: as it should be, of something that is not there, by nobody, by somebody without
    the scope, with a method that it does not have, with a body that is none."""
    ids = some_ids(site)
    nobody, blind = Client(None, contract), Client(site.post("api-tokens", {"scopes": ["self:read"]})["token"], contract)
    viewer = Client(site.post("api-tokens", {"scopes": ["*:read"]})["token"], contract)
    wrong = []

    def expect(what, got, *statuses):
        if got not in statuses:
            wrong.append(f"{what}: {got}, not {statuses}")

    writes = 0
    for method, path, operation, root in contract.operations():
        where = f"{method} {path}"
        collection = path.strip("/").split("/")[0]
        there, gone = path.replace("{id}", ids.get(collection, "nothing")), path.replace("{id}", "no-such-thing")
        if root:
            expect(where, nobody.ask(method, path, root=True)[0], 200)
            continue
        if operation.get("security") != []:
            expect(where + " by nobody", nobody.ask(method, gone, body={} if method in ("POST", "PATCH") else None)[0], 401)
            if collection != "session":
                expect(where + " without its scope", blind.ask(method, gone, body={} if method in ("POST", "PATCH") else None)[0], 403)
        if method != "GET" and collection not in ("session", "hooks"):
            writes += 1
            expect(where + " by a viewer", viewer.ask(method, there, body={} if method in ("POST", "PATCH") else None)[0], 403)
        if method == "GET" and path != "/stream":
            expect(where, admin.ask("GET", there)[0], 200 if "{" not in path or collection in ids else 404)
        if method == "GET" and "{" in path:
            expect(where + " of nothing", admin.ask("GET", gone)[0], 404)
        if method in ("POST", "PATCH") and path not in ("/reactions/pause",):
            for raw in (b"[]", b'{"a":', b'"x"', b"[" * 5000, b'{"a":1,"a":2}', b"\xff\xfe", b"nul\x00"):
                expect(f"{where} {raw[:10]}", admin.ask(method, gone, raw=raw)[0], 400)
        if method in ("POST", "PATCH") and operation.get("requestBody"):
            body = contract.resolve(operation["requestBody"])["content"]["application/json"]["schema"]
            for name, member in body.get("properties", {}).items():
                bad = 17.5 if "type" not in member or "number" not in str(member["type"]) else {}
                bad = {"a": ["b"]} if "anyOf" in contract.resolve(member) or member.get("type") == "object" else bad
                status = admin.ask(method, there, body={name: bad})[0]
                expect(f"{where} {name}={bad}", status, *range(400, 500))
            status = admin.ask(method, there, body={"unheard_of": 1, **{n: 17.5 for n in body.get("required", [])}})[0]
            expect(f"{where} unknown member", status, *range(400, 500))
    for line in wrong[:40]:
        say(line)
    ok(not wrong, f"every route answers every caller as it should ({len(contract.seen)} routes)")
    ok(writes > 25, f"a viewer may call none of the {writes} that change something")


def compared(site, contract):
    """What the tests compare answers with does find what is wrong."""
    alerts, hosts, tokens = (site.get(path) for path in ("alerts", "hosts", "enrolment-tokens"))
    flaws = [("hosts", hosts, "items.0.colour", "red"), ("alerts", alerts, "items.0.status", "opened"),
             ("alerts", alerts, "items.0.created", "yesterday"), ("alerts", alerts, "items.0.created", "2026-02-30T25:00:00Z"),
             ("alerts", alerts, "items.0.score", "97"), ("alerts", alerts, "items.0.id", None),
             ("alerts", alerts, "items.0.host.address", "192.0.2.1"), ("hosts", hosts, "items.0.id", "not a uuid"),
             ("hosts", hosts, "items.0.certificate", []), ("enrolment-tokens", tokens, "items.0.hash", "00"),
             ("enrolment-tokens", tokens, "next_cursor", None), ("hosts", hosts, "total", 3)]
    missed = [f[2:] for f in flaws if not contract.notices("GET", *f)]
    ok(not contract.usable or not missed, f"a member too many, too few, of another type or format is noticed {missed}")
    ok(not contract.check("GET", "alerts", 200, "application/json", alerts), "and nothing else is")


CURSORS = ["x", "-1", "1.5", "'", "%00", "99999999999999999999", "18446744073709551615", "alr_%27", "a" * 5000]


def parameters(contract, admin):
    """What a GET does not take, or takes in another form, is refused by name; HEAD answers as GET does, without the body."""
    wrong = []

    def refuses(path, query, name):
        status, _, doc = admin.ask("GET", f"{path}?{query}")
        if status != 400 or doc["type"].rpartition(":")[2] not in ("parameter", "query-syntax") or name not in doc["detail"]:
            wrong.append((path, query[:40], status))

    for method, path, operation, root in contract.operations():
        if method != "GET" or root:
            continue
        given = [contract.resolve(p) for p in operation.get("parameters", [])]
        forms = {p["name"]: contract.resolve(p["schema"]) for p in given if p["in"] == "query"}
        there = path.replace("{id}", "x")
        refuses(there, "stauts=open", "stauts")
        for name, form in forms.items():
            refuses(there, f"{name}={form.get('enum', [1])[0]}&{name}=1", "twice")
            refuses(there, f"{name}=1%002", "NUL")
            if "enum" in form:
                refuses(there, f"{name}=nonsense", name)
            if form.get("type") == "integer":
                for text in ("", "0", "-1", "1.5", "1e2", "%201", "0x1", "9" * 30, form["maximum"] + 1):
                    refuses(there, f"{name}={text}", name)
        for text in CURSORS if "cursor" in forms and "{" not in path else []:
            refuses(path, f"cursor={text}", "NUL" if "%00" in text else "cursor")
        if path != "/stream":
            head, get = Client(admin.token).ask("HEAD", there), admin.ask("GET", there)
            if head[0] != get[0] or head[2] != b"" or head[1]["Content-Type"] != get[1]["Content-Type"]:
                wrong.append(("HEAD " + path, head[0], get[0]))
    ok(not wrong, f"a parameter that is none, is there twice, or has another form is refused by its name {wrong[:3]}")
    ok(Client(None).ask("GET", "/healthz?verbose&a=1&a=2", root=True)[0] == 200, "but of a probe")
    allow = {m: admin.ask(m, "/enrolment-tokens")[1]["Allow"] for m in ("OPTIONS", "TRACE", "PUT", "get")}
    ok(set(allow.values()) == {"GET, HEAD, POST"}, f"other methods are told which there are {allow}")


def pages(site, admin):
    """Lists that are short have pages, too."""
    for name in ("ann", "bob", "cem"):
        site.post("users", {"name": name, "password": "tulip sofa 42"})
        site.post("api-tokens", {"name": name})
        site.post("deployments", {"daemon": name})
        site.post("modes", {"mode": "monitor", "daemon": name})
    lists = ["users", "api-tokens", "deployments", "modes", "rules", "enrolment-tokens", "alerts/assignees"]
    whole = {path: site.get(path) for path in lists}
    ok(all(len(w["items"]) >= 2 and w["next_cursor"] is None for w in whole.values()), "without a limit a short list is whole")
    ok(all(site.all(path, limit=1) == whole[path]["items"] == site.all(path, limit=2) for path in lists), "pages of it join")
    ok(all(len(site.get(path, limit=1)["items"]) == 1 for path in lists), "a page has no more than was asked for")
    ok(all(admin.ask("GET", f"/{path}?limit=1&cursor=nobody")[0] == 400 for path in lists), "and begins behind what there is")


def nobody_else(site, contract):
    """Each operation by tokens that count no more, and each change by a cookie alone."""
    short, gone = site.post("api-tokens", {"scopes": ["*"], "ttl": 1}), site.post("api-tokens", {"scopes": ["*"]})
    site.request("DELETE", "api-tokens/" + gone["id"])
    site.post("users", {"name": "root2", "role": "admin", "password": "tulip sofa 42"})
    person = Person()
    person.sign_in("root2", "tulip sofa 42")
    wait(lambda: Client(short["token"]).ask("GET", "/session")[0] == 401, 10)
    wrong = []
    for method, path, operation, root in contract.operations():
        if root or operation.get("security") == []:
            continue
        path, body = path.replace("{id}", "x"), {} if method in ("POST", "PATCH") else None
        for token in (short["token"], gone["token"], "dsk_x", "x"):
            status, h, doc = Client(token, contract).ask(method, path, body)
            if status != 401 or doc["type"] != "urn:daemonsec:problem:token" or h["WWW-Authenticate"] != "Bearer":
                wrong.append((method, path, status))
        status, doc = person.ask(method, path[1:], body, X_CSRF_Token=None) if method != "GET" else (403, {"type": "csrf"})
        if status != 403 or not doc["type"].endswith("csrf"):
            wrong.append((method, path, status, "a cookie alone"))
    ok(not wrong, f"expired, revoked and made-up tokens open nothing, a cookie alone changes nothing {wrong[:3]}")


def hostile(site, contract, admin):
    """In every path and query parameter: refused or harmless, and always a description of what is wrong."""
    strange = []
    from urllib.parse import quote

    for method, path, operation, root in contract.operations():
        if root or method != "GET" or path in ("/stream",):
            continue
        names = [contract.resolve(p)["name"] for p in operation.get("parameters", []) if contract.resolve(p)["in"] == "query"]
        for text in HOSTILE:
            ways = [path.replace("{id}", quote(text, safe="%"))] if "{" in path else []
            ways += [f"{path.replace('{id}', 'x')}?{n}={quote(text, safe='%')}" for n in names if n != "follow"]
            for way in ways:
                status = admin.ask("GET", way)[0]
                if status >= 500 or (status == 200 and "{" in path and "?" not in way):
                    strange.append((way[:80], status))
    ok(not strange, f"hostile texts in every parameter are refused or found nowhere {strange[:3]}")
    ok(site.get("status")["counts"]["alerts"]["total"] >= 3, "and nothing is gone")


def bounded(site, admin):
    """A query that would have to read everything ends, says how much it read, and goes on from there."""
    status, _, page = admin.ask("GET", "/events?q=" + "file.path:*zzz*zzz*zzz*")
    ok(status == 200 and page["search"]["complete"] and page["search"]["read"] + page["search"]["excluded"] >= page["search"]["segments"],
       f"a search says how much it read {page['search']}")


def cancelled(site, admin):
    """Who goes before the answer is not searched for, also where bytes are unread behind the request, as those of TLS are."""
    def count():
        return int(re.search(r"^daemonsec_searches_cancelled_total (\d+)", admin.ask("GET", "/metrics", root=True)[2].decode(), re.M)[1])

    def ask_and_go(behind):
        s = socket.create_connection(HTTP, 20)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        s.sendall(b"GET /api/v1/events?q=file.path:*zzz*zzz* HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n%s" %
                  (admin.token.encode(), behind))
        s.shutdown(socket.SHUT_WR)
        s.recv(1)
        s.close()

    # These searches take two milliseconds: not each that goes is gone before the end.
    for behind in (b"", b"GET /x" + b"x" * 100000):
        before = count()
        ok(wait(lambda: ask_and_go(behind) or count() > before), f"a search ends when its client has gone ({len(behind)} bytes unread)")


def main():
    isolate()
    if not os.path.exists(STORE_EVENTS):
        skip_all(f"{STORE_EVENTS} was not built")
    contract = hold_to_contract()
    site = Site({"api.requests_per_second": "5"})
    subprocess.run([STORE_EVENTS, site.state, "40", "50"], check=True)
    site.own_dir = False
    with site:
        too_often(site)
    with Site({"api.requests_per_second": "0"}, dir=site.dir) as site:
        site.own_dir = True
        admin = Client(site.post("api-tokens", {"scopes": ["*"]})["token"], contract)
        conditional(admin)
        idempotent(site, admin)
        bounded(site, admin)
        cancelled(site, admin)
        pages(site, admin)
        compared(site, contract)
        parameters(contract, admin)
        nobody_else(site, contract)
        every_route(site, contract, admin)
        hostile(site, contract, admin)
    missing = [f"{m} {p}" for m, p, _, _ in contract.operations() if (m, p) not in contract.seen]
    ok(not missing or not contract.usable, f"every route was asked {missing}")
    done()


main()
