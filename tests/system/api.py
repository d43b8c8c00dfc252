#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON API of a real server over stored events: queries, pages, streams, changes, tokens, and HTTP that is not."""
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from harness import BUILD, PATIENCE, ApiError, Site, UnixConnection, done, isolate, ok, skip_all, wait

SEGMENTS, EVENTS = 60, 50
STORE_EVENTS = os.path.join(BUILD, "tests", "system", "store_events")
LOAD_AGENT = os.path.join(BUILD, "tests", "system", "load_agent")
HTTP = ("127.0.0.1", 7480)


def problem(call, status, *parts):
    """Whether the call fails with this problem, whose text has all the parts."""
    try:
        call()
    except ApiError as e:
        body = json.loads(e.body)
        return e.status == status and body["status"] == status and all(str(p) in e.body.decode() for p in parts)
    return False


def raw(data, timeout=5, address=HTTP, parts=None):
    """What the server answers to these bytes, until it closes or says nothing more. The first word may take longer."""
    s = socket.create_connection(address, PATIENCE)
    answer = b""
    try:
        s.sendall(data)
        while True:
            more = s.recv(65536)
            if not more:
                break
            answer += more
            s.settimeout(timeout)
            if parts and answer.count(b"HTTP/1.1 ") >= parts and b"\r\n\r\n" in answer:
                break
    except (socket.timeout, ConnectionError):
        pass
    finally:
        s.close()
    return answer


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def bearer(token, path, method="GET", body=None):
    c = http.client.HTTPConnection(*HTTP, timeout=60)
    headers = {"Authorization": "Bearer " + token}
    if body is not None:
        headers["Content-Type"] = "application/json"
    c.request(method, "/api/v1/" + path, body, headers)
    r = c.getresponse()
    text = r.read()
    c.close()
    return r.status, text


def pages(site):
    every = site.events(limit=1000)
    ok(len(every) == SEGMENTS * EVENTS, "every stored event is there once")
    pids = [e["process"].get("pid", 0) for e in every]
    ok(sorted(pids) == list(range(SEGMENTS * EVENTS)) and pids[0] == SEGMENTS * EVENTS - 1, "the newest comes first")
    odd = [e["process"].get("pid", 0) for e in site.events(limit=7)]
    ok(odd == pids, "pages of 7 join to the same list")
    execs = [e["process"].get("pid", 0) for e in site.events(q="event.action:exec", limit=13)]
    ok(execs == [p for p, e in zip(pids, every) if e["event"]["action"] == "exec"], "pages of a query join, too")
    e = every[0]
    ok(all(k in e for k in ("@timestamp", "ecs", "event", "host", "service", "process", "daemonsec")),
       "an event is an ECS document")
    ok(problem(lambda: site.get("events", cursor="x"), 400, "cursor"), "a cursor that is none is refused")
    ok(problem(lambda: site.get("events", limit="0"), 400, "limit") and
       problem(lambda: site.get("events", limit="1001"), 400, "limit"), "limits are from 1 to 1000")


def queries(site):
    def count(q, **more):
        return len(site.events(q=q, limit=1000, **more))

    third = SEGMENTS // 3 * EVENTS
    ok(count("host.name:web1") == third and count("host.name:WEB*") == 2 * third, "hosts are found by name")
    ok(count("service.name:nginx") == 2 * third, "daemons are found without their suffix")
    ok(count("destination.ip:203.0.113.0/24") == 1, "a network finds the one address in it")
    ok(count("destination.ip:10.1.0.0/16 and host.name:web2") == count("host.name:web2 event.action:connect and not destination.port:4444"),
       "a network and a host agree")
    ok(count("needle") == 1 and count("203.0.113.77") == 1, "a bare word searches paths and addresses")
    odd = site.events(q="file.path:/tmp/*")
    ok(len(odd) == 1 and odd[0]["file"]["path"] == "/tmp/\ufffd\ufffd \"\n", "a path that is no UTF-8 is told safely")
    page = site.get("events", q="process.executable:/opt/rare/needle")
    ok(len(page["items"]) == 1 and page["search"]["complete"] and page["next_cursor"] is None, "a rare program is found")
    ok(page["search"]["excluded"] >= SEGMENTS - 5, "and most segments were not read: %s" % page["search"])
    page = site.get("events", q="destination.ip:203.0.113.77")
    ok(page["search"]["excluded"] >= SEGMENTS - 5, "nor for a rare address: %s" % page["search"])
    middle = site.get("events", limit=100)["items"][99]["@timestamp"]
    ok(count("", since=middle) == 100, "since bounds the time")
    ok(count("", until=middle) == SEGMENTS * EVENTS - 99, "until bounds it, too")
    ok(problem(lambda: site.get("events", q="event.action:exec and"), 400, '"column":22', "expected a term"),
       "a syntax error says the column and what was expected")
    ok(problem(lambda: site.get("events", q="procss.executable:x"), 400, '"column":1', "process.executable"),
       "an unknown field names the nearest")
    ok(problem(lambda: site.get("events", since="yesterday"), 400, "since"), "a time that is none is refused")


def histogram(site):
    times = [e["@timestamp"] for e in site.events(limit=1000)]
    h = site.get("events/histogram", since=times[-1], until=times[0], buckets="10")
    ok(len(h["buckets"]) == 10 and sum(h["buckets"]) == len(times) and h["search"]["complete"],
       f"every event is counted in one part of the range {h['buckets']}")
    middle = times[len(times) // 2]
    halves = [site.get("events/histogram", since=a, until=b, buckets="1")["buckets"][0]
              for a, b in ((times[-1], middle), (middle, times[0]))]
    ok(sum(halves) == len(times) + times.count(middle), f"two ranges that meet count what is between once {halves}")
    execs = len(site.events(q="event.action:exec", limit=1000))
    h = site.get("events/histogram", q="event.action:exec", since=times[-1], until=times[0])
    ok(sum(h["buckets"]) == execs, "a query counts what it finds")
    ok(problem(lambda: site.get("events/histogram", buckets="501"), 400, "buckets") and
       problem(lambda: site.get("events/histogram", since=times[0], until=times[-1]), 400, "since"),
       "too many parts and a range that ends before it begins are refused")


def make_dashboard(web):
    os.mkdir(os.path.join(web, "assets"))
    for name, text in (("index.html", "<!doctype html>"), ("assets/a-1.js", "run()"), ("assets/a-1.js.gz", "packed"), (".hidden", "no")):
        with open(os.path.join(web, name), "w") as f:
            f.write(text)
    os.symlink("/etc/passwd", os.path.join(web, "link.txt"))


def dashboard(site, web):
    """What a browser asks for, over the socket: files from memory, and nothing else of the file system."""
    def ask(path, **headers):
        c = UnixConnection(site.socket)
        c.putrequest("GET", path, skip_accept_encoding=True)
        for k, v in headers.items():
            c.putheader(k.replace("_", "-"), v)
        c.endheaders()
        r = c.getresponse()
        text = r.read()
        c.close()
        return r, text

    page = "text/html,*/*;q=0.8"
    r, text = ask("/", Accept=page)
    ok(r.status == 200 and text == b"<!doctype html>" and "default-src 'none'" in r.headers["Content-Security-Policy"],
       "the dashboard's page is served with its policy")
    ok(ask("/alerts/alr_1?status=all", Accept=page)[1] == text, "and for every path that is its own")
    ok(ask("/", Accept=page, If_None_Match=r.headers["ETag"])[0].status == 304, "what the browser has is not sent again")
    r, text = ask("/assets/a-1.js", Accept_Encoding="gzip")
    ok(r.headers["Content-Encoding"] == "gzip" and text == b"packed" and "immutable" in r.headers["Cache-Control"],
       "a packed form goes to who takes it")
    open(os.path.join(web, "late.txt"), "w").close()
    ways = ["/late.txt", "/../server.conf", "/assets/../../server.conf", "/%2e%2e/server.conf", "/assets/..%2f..%2fserver.conf",
            "//etc/passwd", "/link.txt", "/.hidden", "/api/v1/../../index.html"]
    got = [(w, ask(w)[0].status) for w in ways]
    ok(all(status == 404 for _, status in got), f"nothing beside what was read at the start is served {got}")
    c = UnixConnection(site.socket)
    c.request("POST", "/")
    ok(c.getresponse().status == 404, "and nothing is taken there")
    c.close()


def follow(site):
    lines = []

    def read():
        c = UnixConnection(site.socket, timeout=PATIENCE)
        c.request("GET", "/api/v1/events?follow=1&q=service.name%3Afollowed%20or%20event.action%3A*")
        r = c.getresponse()
        while len(lines) < 400:
            line = r.readline()
            if not line:
                break
            if line.strip():
                lines.append(json.loads(line))
        c.close()

    t = threading.Thread(target=read, daemon=True)
    t.start()
    ok(wait(lambda: site.get("status")["ingest"]["followers"] == 1, 5), "a follower is counted")
    token = site.make_token(uses=4)
    d = os.path.join(site.dir, "agents")
    os.makedirs(d)
    subprocess.run([LOAD_AGENT, "run", token, d, "2", "5", "40"], check=True, timeout=PATIENCE)
    t.join(PATIENCE)
    ok(len(lines) == 400, f"a follower sees every event that is stored meanwhile ({len(lines)} of 400)")
    ok(all("@timestamp" in e and e["host"]["name"].startswith("load-") for e in lines), "as documents, with their hosts")
    ok(wait(lambda: site.get("status")["ingest"]["followers"] == 0, 40), "a follower that has gone is noticed")
    streams = []
    for _ in range(40):
        c = UnixConnection(site.socket)
        c.request("GET", "/api/v1/events?follow=1&q=zzz")
        streams.append(c)
    ok(wait(lambda: site.get("status")["ingest"]["followers"] == 32, 5), "followers are bounded")
    for c in streams:
        c.close()


def versions(site, daemon):
    was = site.all(f"daemons/{daemon}/versions")
    ok([(v["version"], v["reason"], v["package_version"]) for v in was] == [(1, "first", "1.22"), (2, "package", "1.24")] and
       was[1]["parent"] == 1 and was[1]["explained"] == 1 and was[1]["warm_until"] > was[1]["begun"],
       "a profile tells how it went from version to version")
    ok(problem(lambda: site.post(f"daemons/{daemon}/rollback", {"version": 7}), 404, "version 7") and
       problem(lambda: site.post(f"daemons/{daemon}/rollback", {"version": 2}), 409, "is what runs") and
       problem(lambda: site.post(f"daemons/{daemon}/rollback", {"version": 0}), 400, "version"),
       "it goes back only to a version that there is and that is not what runs")
    out = site.ctl("daemons", "rollback", daemon, "1").stdout
    ok("version 1 again, with 1 behaviours" in out, "it is taken back by ctl: " + out.strip())
    now = site.ctl("daemons", "versions", daemon).stdout
    ok("rollback" in now and [v["version"] for v in site.all(f"daemons/{daemon}/versions")] == [1, 2, 3],
       "which is another version of it, that goes on from the first")
    left = site.get(f"daemons/{daemon}/profile")["behaviours"]
    ok(len(left) == 1 and "helper" not in left[0]["what"], "what was first seen after it is gone")


def called(site, daemons):
    """A unit is called without its suffix, unless something else has that very name."""
    names = lambda **of: [(d["name"], d["host"]["name"]) for d in site.all("daemons", **of)]
    ok(names(daemon="nginx") == names(daemon="nginx.service") == [("nginx.service", "web1"), ("nginx.service", "web2")] and
       names(daemon="postgresql@15-main") == [("postgresql@15-main.service", "db1")], "a unit is called without its suffix")
    ok(names(daemon="backup") == [("backup", "web1")] and names(daemon="backup", host="web2") == [("backup.service", "web2")] and
       site.get("daemons/backup")["name"] == "backup", "the very name comes first")
    ok(names(daemon="ngin") == [] and names(daemon=daemons[0]["id"]) == [("nginx.service", "web1")], "a part of a name is none, an id is one")
    out = site.ctl("daemons", "show", "nginx").stdout
    ok(re.findall("^nginx.service on (web[12])", out, re.M) == ["web1", "web2"], "ctl shows it by that name, on each host")
    r = site.ctl("protect", "--mode=monitor", "--daemon", "nginx", "--host", "web1")
    ok(r.stdout.startswith("monitor: nginx on web1") and [m["daemon"] for m in site.all("modes")] == ["nginx"],
       "a mode is said of it, as a unit or not")
    site.ctl("protect", "--mode=inherit", "--daemon", "nginx.service", "--host", "web1")
    ok(site.all("modes") == [], "and taken back")


def resources(site):
    hosts = site.all("hosts", limit=2)
    ok([h["name"] for h in hosts][:3] == ["web1", "web2", "db1"], "hosts come in pages")
    ok(hosts[0]["labels"] == ["web", "frankfurt"] and hosts[2]["status"] == "pending", "a host tells labels and status")
    ok([h["name"] for h in site.all("hosts", q="labels:*web* and not host.name:web1")] == ["web2"], "hosts are asked, too")
    ok(site.post("hosts/db1/approve")["status"] == "approved", "a pending host is approved")
    ok(site.post("hosts/db1/label", {"labels": "db, primary"})["labels"] == ["db", "primary"], "a host is labelled")
    against = lambda: site.ctl("protect", "--mode=active", check=False).stderr
    ok("on db1 is still being learnt" in against() and "sshd/session" not in against(),
       "what is still learnt on a host speaks against more automation, but for what people do in their sessions")
    ok(site.post(f"hosts/{hosts[2]['id']}/revoke")["status"] == "revoked", "a host is revoked by id")
    out = site.ctl("status").stdout
    ok(" on db1" not in against() and "connected of 2, 1 revoked" in out and "db1" not in out, "who is revoked holds up nothing, and is not missed")
    ok(site.get("hosts/db1")["labels"] == ["db", "primary"], "one change leaves the other alone")
    ok(problem(lambda: site.get("hosts/nobody"), 404, "nobody"), "a host that is not there is not found")
    daemons = site.all("daemons")
    ok(len(daemons) >= 3 and daemons[0]["state"] == "ready", "daemons tell their state")
    ok(len(site.all("daemons", q='host.name:"db1"')) == 1, "daemons are asked by host")
    profile = site.get("daemons/%s/profile" % daemons[1]["id"])
    ok(profile["daemon"]["blockers"] == ["a day of quiet is missing"] and profile["behaviours"][0]["count"] == 3,
       "a profile tells what is normal and what is missing")
    versions(site, daemons[1]["id"])
    ok(problem(lambda: site.get("daemons/nginx"), 409, "2 daemons"), "a name that two daemons have is a conflict")
    ok(site.get("daemons/nginx", host="web2")["host"]["name"] == "web2", "with its host it is none")
    called(site, daemons)
    settings = site.get("settings")
    ok(settings["storage"]["retention"]["value"] == "30d", "settings are told")
    api = site.get("openapi.json")
    ok(api["openapi"].startswith("3.1"), "the API describes itself")


def alerts(site):
    members = {"id", "created", "updated", "status", "severity", "score", "kind", "title", "reason", "host", "daemon",
               "count", "first_seen", "last_seen", "threat", "explanation", "peers", "process", "reactions", "verdict", "assignee"}
    every = site.alerts(limit=1)
    ok([a["id"] for a in every if a["id"] in ("alr_01", "alr_02", "alr_03")] == ["alr_03", "alr_02", "alr_01"],
       "alerts come newest first, page by page")
    ok(all(members <= set(a) for a in every), "an alert has every member of the contract")
    ok(every[-1]["daemon"]["name"] == "nginx.service" and every[-1]["daemon"]["id"].startswith("dmn_"), "and names its daemon")
    ids = [a["id"] for a in site.alerts(status="open")]
    ok("alr_01" not in ids and "alr_02" in ids, "alerts are listed by status")
    ok([a["id"] for a in site.alerts(q="kind:new_child severity:HIGH and score>=61")] == ["alr_02"], "alerts are asked")
    s = site.get("alerts/summary")
    opened = site.alerts(status="open")
    ok(sum(s["open"].values()) == len(opened) == sum(c["alerts"] for c in s["causes"]) and s["causes_total"] == len(s["causes"]),
       f"a summary counts each open alert under one cause {s['open']}")
    ok(s["causes"][0]["alert"] in ids and s["hosts_in_need"] <= len(s["hosts"]) == len({a["host"]["id"] for a in opened}),
       "names the worst and the hosts")
    one = s["causes"][0]["alert"]
    ok(len(site.alerts(cause=one, status="open")) == s["causes"][0]["alerts"] and len(site.get("alerts/summary", limit="1")["causes"]) == 1,
       "the alerts of a cause are listed")
    ok(problem(lambda: site.alerts(cause="alr_99"), 404, "alr_99"), "a cause of no alert is not found")
    came = sum(sum(s["came_" + k]) for k in s["open"])
    ok(came == sum((a["first_seen"] or "") >= s["since"] for a in every), f"and when they came: {came}")
    ok(problem(lambda: site.get("alerts/summary", hours="0"), 400, "hours"), "hours that are none are refused")
    ok(site.post("alerts/alr_02/ack", {"note": "mine"})["status"] == "acknowledged", "an alert is acknowledged")
    a = site.post("alerts/alr_02/assign", {"assignee": "admin", "note": "on call"})
    ok(a["assignee"] == "admin" and a["status"] == "acknowledged" and a["notes"][-1]["assignee"] == "admin", "assigned")
    ok([a["id"] for a in site.alerts(q="assignee:admin")] == ["alr_02"], "and found by who has it")
    ok(site.post("alerts/alr_02/note", {"note": "asked the vendor"})["notes"][-1]["note"] == "asked the vendor", "a note stays with it")
    ok([u["name"] for u in site.get("alerts/assignees")["items"]] == ["admin"], "who may have it is told")
    ok(problem(lambda: site.post("alerts/alr_02/assign", {"assignee": "nobody"}), 409, "nobody") and
       problem(lambda: site.post("alerts/alr_02/assign", {}), 400, "assignee"), "a stranger, or no word of who, is refused")
    ok(site.post("alerts/alr_02/assign", {"assignee": None})["assignee"] is None, "and taken from whom had it")
    v = site.post("alerts/alr_02/verdict", {"verdict": "true_positive"})
    ok("true_positive" in json.dumps(v["verdict"]), "a verdict is kept")
    ok(site.post("alerts/alr_02/close")["status"] == "closed", "an alert is closed")
    ok(problem(lambda: site.post("alerts/alr_02/verdict", {"verdict": "maybe"}), 400, "benign_expected"),
       "a verdict that is none is refused")
    ok(problem(lambda: site.post("alerts/alr_99/ack"), 404), "an alert that is not there is not found")


def tokens(site):
    t = site.post("enrolment-tokens", {"uses": 2, "ttl": "2h", "label": "x", "require_approval": True})
    ok(t["token"].startswith("dse1.") and t["uses_max"] == 2, "an enrolment token is made")
    ok("token" not in site.all("enrolment-tokens")[0], "and is told once")
    ok(site.request("DELETE", "enrolment-tokens/" + t["id"])["status"] == "revoked", "and revoked")
    many = site.post("enrolment-tokens/batch", {"count": 300, "label": "rack", "cidr": "192.0.2.0/24"})["items"]
    ok(len({t["token"] for t in many}) == 300 and {t["label"] for t in many} == {"rack"} and
       len([t for t in site.all("enrolment-tokens") if t["cidr"] == "192.0.2.0/24"]) == 300, "300 are made at once, each its own")
    before = len(site.all("enrolment-tokens"))
    ok(problem(lambda: site.post("enrolment-tokens/batch", {"count": 10001}), 400, "count") and
       problem(lambda: site.post("enrolment-tokens/batch", {"count": 5, "cidr": "192.0.2.0/40"}), 400, "cidr") and
       len(site.all("enrolment-tokens")) == before, "or none is")
    ok(problem(lambda: site.post("enrolment-tokens", {"uses": 0}), 400, "uses") and
       problem(lambda: site.post("enrolment-tokens", {"ttl": "soon"}), 400, "ttl"), "wrong members are refused by name")
    ok(bearer("dsk_" + "0" * 64, "status")[0] == 401 and status_of(raw(
        b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 401, "HTTP needs a token")
    a = site.post("api-tokens", {"name": "ci", "scopes": ["events:read"]})
    ok(bearer(a["token"], "events?limit=1")[0] == 200, "an API token works")
    ok(bearer(a["token"], "hosts")[0] == 403, "within its scope")
    ok(bearer(a["token"], "api-tokens", "POST", "{}")[0] == 403, "and cannot make others")
    ok(a["token"] not in json.dumps(site.get("api-tokens")), "its text is told once")
    reader = site.post("api-tokens", {"scopes": "*:read"})
    ok(bearer(reader["token"], "hosts")[0] == 200 and bearer(reader["token"], "api-tokens")[0] == 403 and
       bearer(reader["token"], "enrolment-tokens", "POST", "{}")[0] == 403, "a reader reads, but not about tokens")
    for ttl in (1, 5, 25):  # seconds, in which it is to be seen
        short = site.post("api-tokens", {"scopes": "*:read", "ttl": ttl})
        if bearer(short["token"], "hosts")[0] == 200:
            break
    ok(wait(lambda: bearer(short["token"], "hosts")[0] == 401, 4, 0.2), "it ends with its time")
    gone = site.request("DELETE", "api-tokens/" + a["id"])
    ok("revoked" not in gone and a["id"] not in [t["id"] for t in site.get("api-tokens")["items"]], "a revoked one is forgotten")
    ok(bearer(a["token"], "events?limit=1")[0] == 401, "a revoked one is refused at once")
    ok(problem(lambda: site.post("api-tokens", {"scopes": ["everything"]}), 400, "scopes"), "a scope that is none is refused")
    return site.post("api-tokens", {"name": "raw", "scopes": ["*"]})["token"]


def bad_http(site, token):
    auth = b"Authorization: Bearer " + token.encode() + b"\r\n"
    host = b"Host: x\r\n"
    js = b"Content-Type: application/json\r\n"
    get = b"GET /api/v1/hosts HTTP/1.1\r\n" + host + auth
    post = b"POST /api/v1/enrolment-tokens HTTP/1.1\r\n" + host + auth + js
    body = b'{"uses":1}'
    hidden = b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
    before = len(site.all("enrolment-tokens"))
    refused = [
        ("both lengths", post + b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden),
        ("both, the other way round", post + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + body + hidden),
        ("two lengths", post + b"Content-Length: 10\r\nContent-Length: 12\r\n\r\n" + body + hidden),
        ("two equal lengths", post + b"Content-Length: 10\r\nContent-Length: 10\r\n\r\n" + body + hidden),
        ("a length with a sign", post + b"Content-Length: +10\r\n\r\n" + body + hidden),
        ("a length that is no number", post + b"Content-Length: 1x\r\n\r\n" + body + hidden),
        ("a length past 64 bits", post + b"Content-Length: 99999999999999999999999\r\n\r\n" + body + hidden),
        ("an unknown encoding", post + b"Transfer-Encoding: gzip\r\n\r\n" + body + hidden),
        ("chunked twice", post + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + hidden),
        ("chunked disguised", post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden),
        ("two encodings", post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden),
        ("a chunk that is no number", post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body + hidden),
        ("chunks", post + b"Transfer-Encoding: chunked\r\n\r\na\r\n" + body + b"\r\n0\r\n\r\n" + hidden),
        ("chunks between bare line feeds", post + b"Transfer-Encoding: chunked\r\n\r\na\n" + body + b"\n0\n\n" + hidden),
        ("an empty encoding", post + b"Transfer-Encoding:\r\n\r\n" + body + hidden),
        ("a space behind a length's name", post + b"Content-Length : 10\r\n\r\n" + body + hidden),
        ("a space behind an encoding's name", post + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden),
        ("a vertical tab before an encoding", post + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + hidden),
        ("two who ask", get + auth + b"\r\n" + hidden),
        ("a GET in chunks", get + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden),
        ("a body of a GET", get + b"Content-Length: 5\r\n\r\nhello" + hidden),
        ("no host", b"GET /api/v1/hosts HTTP/1.1\r\n" + auth + b"\r\n" + hidden),
        ("two hosts", get + host + b"\r\n" + hidden),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n"),
        ("headers of 64 KiB", get + b"X: " + b"a" * 65536 + b"\r\n\r\n" + hidden),
        ("a line of 64 KiB", b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\n" + host + b"\r\n"),
    ]
    for name, data in refused:
        answer = raw(data, timeout=3)
        # libmicrohttpd 0.9.75 sends the head of its own refusals twice, and closes.
        said = {int(x[:3]) for x in answer.split(b"HTTP/1.1 ")[1:]}
        ok(said <= {400, 411, 413, 414, 415, 431, 501, 505} and len(said) <= 1,
           f"{name} is refused and what is behind it is not read ({answer[:40]!r})")
    ok(len(site.all("enrolment-tokens")) == before, "none of them changed anything")
    chunks = b"Transfer-Encoding: chunked\r\n\r\na\r\n" + body + b"\r\n0\r\n\r\n"
    ok(status_of(raw(post + chunks, 3)) == status_of(raw(get + chunks, 3)) == 411, "a length is required, of a GET too")
    ok(status_of(raw(post + b"Content-Length: 2000000\r\n\r\n", 3)) == 413, "a body over 1 MiB is refused by its length")
    lying = b"Content-Length: 10\r\n\r\n" + b'{"uses":1' + b" " * (1 << 20)
    ok(status_of(raw(post + lying, 5)) == 400, "and one that is longer than it says is cut there")
    ok(status_of(raw(post.replace(js, b"Content-Type: text/plain\r\n") + b"Content-Length: 10\r\n\r\n" + body, 3)) == 415,
       "a body that is not JSON is refused")
    for name, text in (("broken", b'{"uses":'), ("a list", b"[1]"), ("doubled members", b'{"uses":1,"uses":2}'),
                       ("deep", b"[" * 100000), ("trailing", b"{} x")):
        answer = raw(post + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(text) + text, 3)
        ok(status_of(answer) == 400 and b"problem+json" in answer, f"JSON that is {name} is a problem")
    answer = raw(get + b"\r\n" + get + b"\r\n" + get + b"Connection: close\r\n\r\n", 5)
    ok(answer.count(b"HTTP/1.1 200") == 3, "three requests at once get three answers")
    ok(status_of(raw(get.replace(b"/hosts", b"/nothing") + b"\r\n", 3)) == 404, "what is not there is not found")
    answer = raw(get.replace(b"GET", b"PUT") + b"\r\n", 3)
    ok(status_of(answer) == 405 and b"Allow: GET" in answer, "a wrong method says which would do")
    ok(status_of(raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200 and
       status_of(raw(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200, "health needs no token")
    metrics = raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    ok(b"daemonsec_build_info{version=" in metrics and b"daemonsec_http_requests_total" in metrics, "metrics are served")


class Dawdlers:
    """Connections that send a byte now and then, or nothing, are cut; others are served meanwhile."""

    def __init__(self, site):
        self.slow, self.cut = [], False
        for _ in range(100):
            s = socket.create_connection(HTTP, 60)
            s.sendall(b"GET /api/v1/status HT")
            self.slow.append(s)
        self.thread = threading.Thread(target=self.dawdle, daemon=True)
        self.thread.start()
        ok(site.get("status")["version"] != "", "the socket answers while 100 connections dawdle")
        ok(status_of(raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200, "and so does HTTP")

    def dawdle(self):
        begin = time.monotonic()
        self.cut = wait(self.all_cut, 40, 1)
        self.took = time.monotonic() - begin

    def all_cut(self):
        left = 0
        for s in self.slow:
            try:
                s.setblocking(False)
                left += s.recv(1) != b""
            except BlockingIOError:
                try:
                    s.send(b"T")
                except OSError:
                    continue
                left += 1
            except OSError:
                pass
        return left == 0

    def are_cut(self, site):
        self.thread.join()
        ok(self.cut, f"dawdlers are cut although they send a byte a second ({self.took:.0f} s)")
        for s in self.slow:
            s.close()
        ok(wait(lambda: site.get("status") and True, 5), "and the server goes on")


def hammer(site, token):
    """Many clients at once, some of which leave in the middle."""
    failures = []

    def run(n):
        try:
            for i in range(25):
                if (n + i) % 5 == 0:
                    s = socket.create_connection(HTTP, 60)
                    s.sendall(b"GET /api/v1/events?limit=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
                              % token.encode())
                    s.close()
                elif bearer(token, "events?limit=10&q=nginx")[0] not in (200, 503):
                    failures.append(i)
        except OSError as e:
            failures.append(e)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    ok(not failures, f"400 requests of 16 clients are answered {failures[:3]}")


class Stream:
    """A client of GET stream, over HTTP as a browser; or over the unix socket, where nobody is told to slow down."""

    def __init__(self, token, query="", last=None, unix=None):
        self.s = socket.socket(socket.AF_UNIX) if unix else socket.create_connection(HTTP, 60)
        if unix:
            self.s.settimeout(60)
            self.s.connect(unix)
        head = f"GET /api/v1/stream{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        self.s.sendall((head + (f"Last-Event-ID: {last}\r\n" if last else "") + "\r\n").encode())
        self.text = b""

    def event(self, seconds=PATIENCE):
        """The next event as (name, document, id), or None."""
        self.s.settimeout(seconds)
        try:
            while True:
                begin = max(self.text.find(b"id: "), self.text.find(b"event: reset"))
                end = self.text.find(b"\n\n", begin)
                if begin >= 0 and end > 0:
                    lines = dict(l.split(": ", 1) for l in self.text[begin:end].decode().splitlines() if ": " in l)
                    self.text = self.text[end + 2:]
                    return lines["event"], json.loads(lines["data"]), lines.get("id")
                more = self.s.recv(65536)
                if not more:
                    return None
                self.text += more
        except (socket.timeout, ConnectionError):
            return None

    def close(self):
        self.s.close()


def stream(site, token):
    one = Stream(token, "?topics=alert,host")
    wait(lambda: site.get("status")["ingest"]["followers"] == 1, 5)
    site.post("hosts/db1/label", {"labels": "a, b"})
    name, doc, seq = one.event()
    ok(name == "host" and doc["name"] == "db1" and doc["labels"] == ["a", "b"], "a change arrives as the whole resource")
    site.post("alerts/alr_01/ack", {"note": "mine"})
    name, doc, _ = one.event()
    ok(name == "alert" and doc["id"] == "alr_01" and doc["status"] == "acknowledged", "alerts, too")
    one.close()
    again = Stream(token, "?topics=alert", last=seq)
    ok(again.event()[1]["id"] == "alr_01", "who comes back with the last id misses nothing")
    again.close()
    ok(Stream(token, last="99999999").event()[0] == "reset", "who missed too much is told to read everything again")
    ok(problem(lambda: site.get("stream", topics="alert,weather"), 400, "topics"), "other topics are refused")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    many = [Stream(token, unix=site.socket) for _ in range(1000)]
    ok(wait(lambda: site.get("status")["ingest"]["followers"] >= 1000, 10), "1000 clients look on")
    for c in many[::2]:
        c.close()
    site.post("hosts/db1/label", {"labels": "c"})
    ok(all((c.event() or (0, {}))[1].get("labels") == ["c"] for c in many[1::2]), "half of them vanish, the others are told")
    # Those of before that listen to what does not change are found gone by the next sign of life.
    ok(wait(lambda: site.get("status")["ingest"]["followers"] <= 510, 10), "and who went is forgotten")
    for c in many[1::2]:
        c.close()


def certificate(dir, name=""):
    """One for 127.0.0.1, signed by the authority of the directory: paths of the authority's, of its own, and of its key."""
    ca, cert, key = (os.path.join(dir, n) for n in ("ca.pem", name + "cert.pem", name + "key.pem"))
    run = lambda *args: subprocess.run(["openssl", *args], check=True, capture_output=True)
    if not os.path.exists(ca):
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=authority",
            "-days", "2", "-keyout", dir + "/ca.key", "-out", ca)
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1",
        "-keyout", key, "-out", dir + "/cert.csr")
    with open(dir + "/ext", "w") as f:
        f.write("subjectAltName = IP:127.0.0.1\n")
    run("x509", "-req", "-in", dir + "/cert.csr", "-CA", ca, "-CAkey", dir + "/ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", dir + "/ext", "-out", cert)
    return ca, cert, key


def over_tls(port, token, **trust):
    c = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=ssl.create_default_context(**trust))
    c.request("GET", "/api/v1/status", headers={"Authorization": "Bearer " + token})
    return json.loads(c.getresponse().read())


def renewed(site, ca, cert, key, other):
    """The certificate is replaced below a server that people talk to: they go on, who comes gets the new one, and files
    that are no good change nothing."""
    def curl():
        r = subprocess.run(["curl", "-sS", "--cacert", ca, "https://127.0.0.1:7580/healthz"], capture_output=True, text=True)
        return r.returncode == 0 and r.stdout

    def shown():
        r = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:7580", "-CAfile", ca, "-verify_return_error"],
                           input="", capture_output=True, text=True)
        r = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=r.stdout, capture_output=True, text=True)
        return r.stdout

    def hang_up(said):
        before = site.process.text().count(said)
        site.process.p.send_signal(signal.SIGHUP)
        return wait(lambda: site.process.text().count(said) > before)

    def serial_of(path):
        return subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", path], capture_output=True, text=True).stdout

    first, second = serial_of(cert), serial_of(other[1])
    ok(curl() and shown() == first, "curl and openssl are content with the certificate")
    open_ = http.client.HTTPSConnection("127.0.0.1", 7580, timeout=60, context=ssl.create_default_context(cafile=ca))
    open_.request("GET", "/healthz")
    open_.getresponse().read()
    sock = open_.sock
    with open(cert, "w") as f:
        f.write(open(other[1]).read())
    ok(hang_up("is not the key of the certificate") and shown() == first and curl(),
       "a certificate whose key has not come yet is refused, and the old pair serves on")
    ok(site.get("status")["health"]["store"]["status"] == "degraded", "status says that a change was refused")
    with open(key, "w") as f:
        f.write(open(other[2]).read())
    ok(hang_up("configuration read again") and wait(lambda: shown() == second) and curl(), "with its key the new one is taken")
    ok(site.get("status")["health"]["store"]["status"] == "ok", "and all is well again")
    open_.request("GET", "/healthz")
    ok(open_.getresponse().read() and open_.sock is sock, "a connection from before goes on")
    for text, says in (("not a certificate", "holds no certificate"), ("", "holds no certificate")):
        with open(cert, "w") as f:
            f.write(text)
        ok(hang_up(says) and shown() == second, f"{text or 'nothing at all'} is refused with a reason")
    os.unlink(cert)
    ok(hang_up("cannot read") and shown() == second, "so is a file that is not there")
    old = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:7580", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
                         input="", capture_output=True, text=True)
    ok(old.returncode != 0 and "Cipher is (NONE)" in old.stdout, "nobody speaks TLS 1.1")


def https():
    dir = tempfile.mkdtemp(prefix="daemonsec-https.")
    ca, cert, key = certificate(dir)
    other = certificate(dir, "other-")
    with Site({"api.tls_cert": cert, "api.tls_key": key}, port=7543, api_port=7580) as site:
        token = site.post("api-tokens", {"name": "tls", "scopes": ["*:read"]})["token"]
        doc = over_tls(7580, token, cafile=ca)
        ok(doc["version"] and doc["api_url"].startswith("https://"), "with a certificate the API speaks HTTPS")
        try:
            over_tls(7580, token)
            ok(False, "who does not trust its authority is warned")
        except ssl.SSLCertVerificationError:
            ok(True, "who does not trust its authority is warned")
        ok(status_of(raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 2, ("127.0.0.1", 7580))) in (0, 400),
           "and plain HTTP gets no answer there")
        ok(over_tls(7580, token, cafile=ca)["version"], "which harms nobody")
        renewed(site, ca, cert, key, other)
    shutil.rmtree(dir)


def main():
    isolate()
    for tool in (STORE_EVENTS, LOAD_AGENT):
        if not os.path.exists(tool):
            skip_all(f"{tool} was not built")
    web = tempfile.mkdtemp(prefix="daemonsec-web.")
    make_dashboard(web)
    site = Site({"api.web_root": web})
    subprocess.run([STORE_EVENTS, site.state, str(SEGMENTS), str(EVENTS)], check=True)
    with site:
        pages(site)
        queries(site)
        histogram(site)
        dashboard(site, web)
        resources(site)
        alerts(site)
        token = tokens(site)
        bad_http(site, token)
        hammer(site, token)
        dawdlers = Dawdlers(site)
        follow(site)
        dawdlers.are_cut(site)
        stream(site, token)
        followers = UnixConnection(site.socket)
        followers.request("GET", "/api/v1/events?follow=1")
        wait(lambda: site.get("status")["ingest"]["followers"] >= 1, 5)
        ok(site.process.stop(), "the server stops with a follower connected")
        ok(site.process.p.returncode == 0, "and ends well")
        ok(not os.path.exists(site.socket), "and takes its socket with it")
    shutil.rmtree(web)
    https()
    done()


main()
