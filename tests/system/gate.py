#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The gate with a real nginx: the fleet learns it on one host; then the same nginx passes under an agent of the gate's own,
and one that starts a shell, or connects elsewhere, fails with the reason, in every format."""
import glob
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
import xml.etree.ElementTree

from forms import junit_flaws, keep, sarif_flaws
from harness import Site, done, isolate, need, ok, program, say, skip_all, wait

PERL_MODULE = "/usr/lib/nginx/modules/ngx_http_perl_module.so"
isolate()
need("/usr/sbin/nginx", "perl")
if not os.path.exists(PERL_MODULE):
    skip_all("nginx has no perl module here (libnginx-mod-http-perl)")

dir = tempfile.mkdtemp(prefix="daemonsec-gate-test.")
os.chmod(dir, 0o755)
ELSEWHERE = socket.create_server(("127.0.0.1", 0))
PORT = ELSEWHERE.getsockname()[1]


def conf(name, perl):
    """A candidate: what the hole does differs, nothing else."""
    path = f"{dir}/{name}.conf"
    with open(path, "w") as f:
        f.write(f"""load_module {PERL_MODULE};
user www-data; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log; daemon off;
events {{}}
http {{ access_log {dir}/access.log; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi; server {{ listen 127.0.0.1:8080; root {dir};
  location = /ok {{ perl 'sub {{ my $r = shift; {perl} $r->send_http_header("text/plain"); $r->print("ok"); return OK; }}'; }} }} }}
""")
    return f"/usr/sbin/nginx -c {path}"


def answers():
    try:
        with urllib.request.urlopen("http://127.0.0.1:8080/ok", timeout=10) as r:
            return r.read() == b"ok"
    except OSError:
        return False


EXERCISE = "for n in $(seq 200); do python3 -c " + shlex.quote(
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/ok', timeout=10)") + " 2>/dev/null && exit 0; done; exit 1"


def gate(site, command, *args, exercise=("--exercise", EXERCISE)):
    env = dict(os.environ, DAEMONSEC_GENERAL_UPLINK=program("daemonsec-uplink"), DAEMONSEC_GENERAL_USER="root")
    return subprocess.run([program("daemonsec-ctl"), "--server", "unix:" + site.socket, "gate", "--daemon", "nginx", "--run", command,
                           *exercise, "--for", "60s", "--agent", program("daemonsec-agent"),
                           "--address", f"127.0.0.1:{site.port}", *args], env=env, capture_output=True, text=True, timeout=240)


def cancelled(site):
    """A pipeline that is stopped in the middle leaves nothing."""
    env = dict(os.environ, DAEMONSEC_GENERAL_UPLINK=program("daemonsec-uplink"), DAEMONSEC_GENERAL_USER="root")
    before = set(glob.glob("/tmp/daemonsec-gate.*"))
    p = subprocess.Popen([program("daemonsec-ctl"), "--server", "unix:" + site.socket, "gate", "--daemon", "nginx", "--run", good, "--for",
                          "10m", "--agent", program("daemonsec-agent"), "--address", f"127.0.0.1:{site.port}"], env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ok(wait(lambda: answers() and site.connected(), 60), "while a candidate runs")
    p.send_signal(signal.SIGTERM)
    out, error = p.communicate(timeout=120)
    if not ok(p.returncode == 6 and "cancelled" in error and not site.connected() and not answers() and
              set(glob.glob("/tmp/daemonsec-gate.*")) == before, "the pipeline is cancelled: agent, candidate and host are gone"):
        say(error)


def told(r):
    say(f"exit {r.returncode}")
    say(r.stdout[-3000:] + r.stderr[-3000:])


good = conf("good", "")
bad = conf("bad", f"system(q[/bin/sh -c id >/dev/null]); use IO::Socket::INET; IO::Socket::INET->new(q[127.0.0.1:{PORT}]);")
with Site({"detect.learning_min": "5s"}) as site:
    r = site.ctl("gate", "--daemon", "nginx", check=False)
    ok(r.returncode == 3, "a daemon that nobody has is not found")
    r = site.ctl("gate", "--daemon", "nginx", "--format", "pdf", check=False)
    ok(r.returncode == 2 and site.ctl("gate", check=False).returncode == 2, "a format that is none, or no daemon, is a usage error")
    agent = site.agent(monitor="nginx")
    nginx = None

    def behaviours():
        return {b["what"] for b in site.get("daemons/nginx/profile")["behaviours"]} if site.get("daemons")["items"] else set()

    def started():
        """A daemon that nobody knew yet may do its first things before it is one: again, until all are in."""
        global nginx
        if nginx:
            nginx.terminate()
            nginx.wait()
        nginx = subprocess.Popen(shlex.split(good))
        return wait(answers, 60) and wait(lambda: any(b.startswith(dir) for b in behaviours()), 3)
    ok(wait(started, 120), "nginx answers")
    ok(wait(lambda: answers() and [d for d in site.get("daemons")["items"] if d["name"] == "nginx" and d["state"] == "ready"], 120, 0.2),
       "the fleet learns it")
    r = site.ctl("gate", "--daemon", "nginx", check=False)
    if not ok(r.returncode == 6 and "too early" in r.stderr and not r.stdout, "everywhere, minutes after all was seen first, nothing can be said"):
        told(r)
    forms = {f: site.ctl("gate", "--daemon", "nginx", "--format", f, check=False) for f in ("json", "junit", "sarif")}
    said = {f: r.stdout for f, r in forms.items()}
    sarif, junit = json.loads(said["sarif"]), xml.etree.ElementTree.fromstring(said["junit"])
    ok({r.returncode for r in forms.values()} == {6} and json.loads(said["json"])["result"] == "not_compared" and
       "too early" in junit.find("testsuite/testcase/error").get("message") and not junit_flaws(junit) and not sarif_flaws(sarif) and
       not sarif["runs"][0]["invocations"][0]["executionSuccessful"], "which is no pass for who reads JSON, JUnit or SARIF either")
    nginx.terminate()
    nginx.wait()
    agent.stop()

    r = gate(site, "setsid --fork " + good)
    if not ok(r.returncode == 0 and "passed: nginx, 0 departures from 1 host" in r.stdout, "the same nginx passes"):
        told(r)
    ok(not answers(), "and is gone then, although it left the process that was started")
    r = gate(site, "exit 3", "--format", "junit", exercise=())
    junit = xml.etree.ElementTree.fromstring(r.stdout or "<nothing/>")
    error = junit.find("testsuite/testcase/error")
    if not ok(r.returncode == 6 and error is not None and "ended with status 3" in error.get("message") and not junit_flaws(junit),
              "one that dies is no pass, which JUnit's readers are told as well"):
        told(r)
    r = gate(site, bad, "--format", "sarif", "--location", "Docker file")
    doc = json.loads(r.stdout) if r.returncode == 1 else {}
    keep("sarif.json", r.stdout)
    keep("ecs-events.json", json.dumps(site.all("events")))
    ok(doc and not sarif_flaws(doc), "what SARIF has is as its schema says")
    say("\n".join(sarif_flaws(doc)))
    results = doc["runs"][0]["results"] if doc else []
    if not ok([x for x in results if x["ruleId"] == "new_destination" and x["level"] == "error" and f"port {PORT}" in x["message"]["text"]] and
              results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "Docker%20file", "one that connects elsewhere fails, in SARIF"):
        told(r)
    hosts = site.all("hosts", q="status:revoked")
    ok(len(site.all("hosts")) == 1 and len(hosts) == 3 and all(h["ephemeral"] and "gate" in h["labels"] for h in hosts) and
       not site.connected(), "the hosts of the gate are out of the fleet again")
    mine = {h["id"] for h in hosts}
    ok(not [a for a in site.alerts() if a["host"]["id"] in mine and (a["status"] != "closed" or a["kind"] == "agent_silent")],
       "nothing is left open about them, nor told of their going")

    def again(*args):
        return site.ctl("gate", "--daemon", "nginx", "--host", hosts[-1]["id"], "--since", "1h", *args, check=False)

    r = again("--format", "json")
    doc = json.loads(r.stdout) if r.returncode == 1 else {}
    child = [d for d in doc.get("departures", []) if d["kind"] == "new_child"]
    if not ok(doc.get("result") == "failed" and child and "sh" in child[0]["what"] and child[0]["severity"] == "high" and
              child[0]["peers"]["of"] == 1 and child[0]["explanation"][0]["feature"] == "child program",
              "one that starts a shell fails, with what, how often elsewhere, and what is normal"):
        told(r)
    r = again("--format", "junit")
    keep("junit.xml", r.stdout)
    root = xml.etree.ElementTree.fromstring(r.stdout) if r.returncode == 1 else None
    suite = root.find("testsuite") if root is not None else None
    ok(suite is not None and not junit_flaws(root), "what JUnit has is as its schema says")
    ok(suite is not None and int(suite.get("failures")) == len(suite.findall("testcase/failure")) >= 2 and
       int(suite.get("tests")) == len(suite.findall("testcase")), "what an agent saw is judged afterwards too, in JUnit")
    cancelled(site)
    worst = any(x["severity"] == "critical" for x in doc["departures"] + doc["alerts"])
    ok(again("--fail-on", "critical").returncode == worst and again("--fail-on", "high").returncode == 1,
       "less grave things pass where that is wanted")
ELSEWHERE.close()
shutil.rmtree(dir, ignore_errors=True)
done()
