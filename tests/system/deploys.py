#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Deploys: forges tell of changes by POST hooks/deploy. What is signed begins and ends deployments, once; what is not, is
refused and written down."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import subprocess
import time

from harness import TOP, Site, done, hold_to_contract, isolate, ok, program

SECRET = "a secret of some length"
KEY = bytes(range(32))
PLAIN = "plain-token-of-gitlab"


def post(body, headers, raw=None):
    """Over TCP, as a forge does."""
    c = http.client.HTTPConnection("127.0.0.1", 7480, timeout=20)
    data = raw if raw is not None else json.dumps(body).encode()
    c.request("POST", "/api/v1/hooks/deploy", data, {"Content-Type": "application/json", **headers})
    r = c.getresponse()
    doc = json.loads(r.read())
    hold_to_contract().check("POST", "hooks/deploy", r.status, r.getheader("Content-Type"), doc)
    return r.status, doc


def github(event, body, delivery, secret=SECRET):
    data = json.dumps(body).encode()
    mac = hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
    return post(None, {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": "sha256=" + mac}, data)


def gitlab(body, delivery, at=None):
    data = json.dumps(body).encode()
    at = str(int(time.time()) if at is None else at)
    mac = hmac.new(KEY, f"{delivery}.{at}.".encode() + data, hashlib.sha256).digest()
    return post(None, {"X-Gitlab-Event": "Deployment Hook", "Idempotency-Key": delivery, "webhook-id": delivery,
                       "webhook-timestamp": at, "webhook-signature": "v1," + base64.b64encode(mac).decode()}, data)


def deployment(number, environment="production", **more):
    return {"action": "created", "deployment": {"id": number, "ref": "main", "sha": "a" * 40, "environment": environment},
            "repository": {"full_name": "o/app"}, "sender": {"login": "alice"}, **more}


def of_github(site):
    status, doc = github("deployment", deployment(1), "d1")
    ok(status == 200 and doc["status"] == "begun" and doc["hooks"] == ["web"] and len(doc["deployments"]) == 2,
       "a deployment that GitHub tells of begins one for each daemon and label")
    rows = {d["daemon"]: d for d in site.all("deployments")}
    ok(set(rows) == {"nginx", "app"} and rows["nginx"]["label"] == "web" and rows["nginx"]["status"] == "open" and
       rows["nginx"]["by"] == "hook web" and "o/app main aaaaaaaaaaaa by alice" in rows["nginx"]["note"],
       "with what changes, where, and by whom")
    ok(github("deployment", deployment(1), "d1")[0] == 409 and github("deployment", deployment(1), "d9")[0] == 409,
       "a copy is refused, also under another id")
    state = {"deployment_status": {"state": "in_progress"}, **deployment(1)}
    status, doc = github("deployment_status", state, "d2")
    ok(status == 200 and doc["status"] == "known", "what is under way already is not begun twice")
    status, doc = github("deployment_status", dict(state, deployment_status={"state": "success"}), "d3")
    now = time.time()
    left = [time.mktime(time.strptime(d["until"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - now for d in site.all("deployments")]
    ok(status == 200 and doc["status"] == "ended" and all(0 < s <= 60 for s in left), "and when it is done what is left is time to settle")
    ok(github("deployment", deployment(2, "staging"), "d4")[1]["status"] == "ignored" and
       github("issues", {"action": "opened"}, "d5")[1]["status"] == "ignored" and
       github("ping", {"zen": "x"}, "d6")[1] == {"status": "ignored", "event": "ping", "hooks": [], "deployments": []},
       "what no hook wants is taken and leads to nothing")


def of_gitlab(site):
    body = {"object_kind": "deployment", "status": "running", "deployment_id": 7, "ref": "main",
            "project": {"path_with_namespace": "g/app"}, "user": {"username": "bob"}}
    ok(gitlab(body, "g1", time.time() - 3600)[0] == 403, "a signature of an hour ago is refused")
    status, doc = gitlab(body, "g2")
    ok(status == 200 and doc["status"] == "begun" and doc["hooks"] == ["signed"], "a deployment signed by GitLab begins one")
    ok(gitlab(body, "g2")[0] == 409, "once")
    release = {"object_kind": "release", "action": "create", "id": 3, "tag": "v1", "project": {"path_with_namespace": "g/app"}}
    headers = {"X-Gitlab-Event": "Release Hook", "X-Gitlab-Event-UUID": "u1", "X-Gitlab-Token": PLAIN}
    status, doc = post(release, headers)
    ok(status == 200 and doc["status"] == "begun" and doc["hooks"] == ["plain"], "with a plain token too")
    ok(post(release, headers)[0] == 409 and post(release, dict(headers, **{"X-Gitlab-Event-UUID": "u2", "X-Gitlab-Token": "x" * 21}))[0] == 403,
       "once, and with the right one")


def listed(site, name):
    return next(h for h in site.all("hooks") if h["id"] == name)


def rotated(site):
    """Secrets that the server makes, or is given, and one taking over from another."""
    ok(listed(site, "made")["secret_from"] == "nowhere" and github("deployment", deployment(20), "r0", "nobody has this secret")[0] in (403, 429),
       "a hook without a secret takes nothing")
    first = site.ctl("hooks", "rotate", "made")
    made = first.stdout.strip()
    ok("before it" not in first.stderr and not listed(site, "made").get("previous_until"), "the first takes over from none")
    status, doc = github("deployment", deployment(21), "r1", made)
    ok(len(made) == 64 and status == 200 and doc["hooks"] == ["made"], "the one that the server made for it is told, and taken")
    new = site.ctl("hooks", "rotate", "web", "--overlap", "1h").stdout.strip()
    ok([github("deployment", deployment(n), f"r{n}", s)[0] for n, s in ((22, new), (23, SECRET))] == [200, 200] and
       listed(site, "web")["previous_until"] > time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()), "while one takes over both are taken")
    given = os.path.join(site.dir, "given")
    with open(given, "w") as f:
        f.write("whsec_" + base64.b64encode(bytes(range(1, 33))).decode() + "\n")
    out = site.ctl("hooks", "rotate", "web", "--now", "--secret-file", given)
    ok("whsec_" not in out.stdout + out.stderr and listed(site, "web")["secret_from"] == "server" and
       not {github("deployment", deployment(n), f"r{n}", s)[0] for n, s in ((24, SECRET), (25, new))} - {403, 429},
       "or the new one at once, which the forge may have made")
    ok(site.ctl("hooks", "rotate", "web", "--now", check=False).returncode == 0 and
       site.ctl("hooks", "rotate", "nobody", check=False).returncode == 3, "of a hook that there is")
    seen = json.dumps(site.all("audit")) + json.dumps(site.all("hooks")) + json.dumps(site.get("settings")) + site.process.text()
    ok(made not in seen and new not in seen and "POST hooks/{id}/rotate" in seen, "who did it is written down, without secrets")


def refused(site):
    before = len(site.all("deployments"))
    ok(post({}, {})[0] == 401 and github("deployment", deployment(3), "e1", "another secret 123")[0] in (403, 429),
       "what is not signed, or by a stranger, is refused")
    codes = [github("deployment", deployment(3), f"e{i}", "another secret 123")[0] for i in range(2, 30)]
    ok(set(codes) <= {403, 429} and 429 in codes and len(site.all("deployments")) == before, "again and again, until it has to wait")
    ok(github("deployment", deployment(4), "f1")[0] == 200, "which does not keep out what is signed")
    c = http.client.HTTPConnection("127.0.0.1", 7480, timeout=20)
    c.putrequest("POST", "/api/v1/hooks/deploy")
    for name, value in {"Content-Type": "application/json", "Content-Length": str((1 << 20) + 1)}.items():
        c.putheader(name, value)
    c.endheaders()
    ok(c.getresponse().status == 413, "nor does the body grow without bound")
    rows = [a for a in site.all("audit") if a["action"] == "POST hooks/deploy"]
    bad = [a for a in rows if a["subject"] == "signature"]
    ok(1 <= len(bad) <= 10 and all("127.0.0.1" in json.dumps(a) for a in bad) and any(a["subject"] == "replay" for a in rows) and
       any(a["subject"] == "github" and "o/app" in json.dumps(a) for a in rows), "the audit log has who was refused, and who was not")
    ok(site.get("audit/verify")["whole"], "and is whole")
    ok(not [a for a in rows if SECRET in json.dumps(a) or PLAIN in json.dumps(a)], "without secrets")


def by_git(site):
    """The hook of doc/examples, in a repository that somebody pushes to."""
    work, bare = os.path.join(site.dir, "work"), os.path.join(site.dir, "bare.git")
    hook = os.path.join(bare, "hooks", "post-receive")
    env = dict(os.environ, HOME=site.dir, GIT_CONFIG_NOSYSTEM="1",
               PATH=os.path.dirname(program("daemonsec-ctl")) + ":" + os.environ["PATH"])

    def git(*args, at=bare):
        return subprocess.run(["git", "-c", "user.name=carol", "-c", "user.email=c@example.org", *args], cwd=at, env=env,
                              capture_output=True, text=True, check=True, timeout=60)

    for at, more in ((bare, ["--bare"]), (work, [])):
        os.makedirs(at)
        git("init", "-q", *more, at=at)
    shutil.copy(os.path.join(TOP, "doc", "examples", "post-receive"), hook)
    for name, value in {"daemon": "cron", "branch": "live", "label": "batch", "server": "unix:" + site.socket,
                        "command": "touch deployed"}.items():
        git("config", "daemonsec." + name, value)
    git("commit", "-q", "--allow-empty", "-m", "one", at=work)
    git("push", "-q", bare, "HEAD:refs/heads/other", at=work)
    ok(not [d for d in site.all("deployments") if d["daemon"] == "cron"], "a push to another branch declares nothing")
    said = git("push", "-q", bare, "HEAD:refs/heads/live", at=work).stderr
    rows = [d for d in site.all("deployments") if d["daemon"] == "cron"]
    ok(len(rows) == 1 and rows[0]["label"] == "batch" and rows[0]["status"] == "ended" and "by carol" in rows[0]["note"] and
       rows[0]["id"] in said and os.path.exists(os.path.join(bare, "deployed")), "the git hook declares a push while it deploys it")


def main():
    isolate(pid=False)
    secrets = {"web": SECRET, "signed": "whsec_" + base64.b64encode(KEY).decode(), "plain": PLAIN}
    site = Site()
    for name, secret in secrets.items():
        path = os.path.join(site.dir, name)
        with open(path, "w") as f:
            f.write(secret + "\n")
    with open(site.conf, "a") as f:
        for name, more in {"web": "daemons = nginx,app\nlabels = web\nenvironments = prod*\nsettle = 1m",
                           "signed": "type = gitlab\ndaemons = app", "plain": "type = gitlab\ndaemons = app"}.items():
            f.write(f"[hook.{name}]\nsecret_file = {os.path.join(site.dir, name)}\n{more}\n")
        f.write("[hook.made]\ndaemons = other\n")
    with site:
        of_github(site)
        of_gitlab(site)
        site.process.kill()
        site.start()
        ok(github("deployment", deployment(1), "d1")[0] == 409, "a server that was started again knows a copy too")
        if shutil.which("git"):
            by_git(site)
        refused(site)
        rotated(site)
    done()


main()
