#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the product is bought for, from the kernel to the kernel: nginx starts a shell and it is killed; somebody guesses
passwords and is blocked; in mode monitor neither is, but both are recorded. Undo, pause, a server that dies between the
commit of an order and its sending, and one restored from a backup."""
import json, signal, urllib.request

from harness import *

isolate()
import sshd
from orders import start_us
need("/usr/sbin/nginx")
PERL_MODULE = "/usr/lib/nginx/modules/ngx_http_perl_module.so"
if not os.path.exists(PERL_MODULE):
    skip_all("nginx has no perl module here (libnginx-mod-http-perl)")

dir = tempfile.mkdtemp(prefix="daemonsec-react.")
os.chmod(dir, 0o755)


def start_nginx():
    with open(f"{dir}/htpasswd", "w") as f:
        f.write("eve:{PLAIN}right\n")
    with open(f"{dir}/nginx.conf", "w") as f:
        f.write(f"""load_module {PERL_MODULE};
user www-data; worker_processes 2; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{}}
http {{ access_log off; server {{ listen 8080; root {dir};
  location = /door {{ auth_basic door; auth_basic_user_file {dir}/htpasswd; }}
  location = /ok {{ return 200 ok; }}
  location = /out {{ proxy_pass http://203.0.113.2:8088; }}
  location = /hole {{ perl 'sub {{ my $r = shift; my $a = $r->args; my $rc = system("/bin/sh", "-c", "sleep 90; : $a"); $r->send_http_header("text/plain");
    $r->print($rc & 127); return OK; }}'; }}
  location = /run {{ perl 'sub {{ my $r = shift; my @a = split /,/, $r->args; my $rc = system(@a); $r->send_http_header("text/plain");
    $r->print($rc & 127); return OK; }}'; }} }} }}
""")
    subprocess.run(["/usr/sbin/nginx", "-c", f"{dir}/nginx.conf"], check=True)


def get(path, timeout=100):
    with urllib.request.urlopen("http://127.0.0.1:8080" + path, timeout=timeout) as r:
        return r.read().decode()


def learnt(site):
    def ask():
        get("/ok")
        return [d for d in site.get("daemons")["items"] if d["name"] == "nginx" and d.get("state") == "ready"]
    return wait(ask, 60, 0.2)


def reactions(site, **query):
    return site.all("reactions", **query)


def newest(site, status, kind="kill", seconds=10):
    return wait(lambda: ([r for r in reactions(site) if r["status"] == status and r["kind"] == kind] or [None])[0], seconds)


def hole():
    """The signal that ended the shell, once it is over. Each has arguments of its own: of the same ones within a second
    the kernel only counts."""
    begun = time.monotonic()
    said = get(f"/hole?{time.time_ns()}")
    return said, time.monotonic() - begun


def hole_behind():
    return subprocess.Popen([sys.executable, "-c", "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=100)",
                             f"http://127.0.0.1:8080/hole?{time.time_ns()}"], stderr=subprocess.DEVNULL)


def end_shell(pid):
    """With what it started, which has nginx's sockets: nobody could listen there anew."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        for p in [pid, *map(int, f.read().split())]:
            os.kill(p, signal.SIGKILL)


def check_monitor(site):
    p = hole_behind()
    r = newest(site, "dry_run")
    if ok(r, "in monitor, what would have been done is recorded"):
        ok(r["mode"] == "dry_run" and r["rule"] == "shell" and r["args"]["pid"] > 1, "with its rule and its target")
        a = site.get(f"alerts/{r['alert_id']}")
        ok([x["id"] for x in a["reactions"]] == [r["id"]], "and told with its alert")
        ok(os.path.exists(f"/proc/{r['args']['pid']}"), "and not done")
        end_shell(r["args"]["pid"])
    p.wait()
    return r


def check_promotion(site):
    r = site.ctl("protect", "--mode=active", "--daemon", "nothing*", check=False)
    ok(r.returncode == 6 and "no daemon" in r.stderr, "more than monitor is refused with what speaks against it")
    r = site.ctl("protect", "--mode=active", "--daemon", "ngnix", check=False)
    ok(r.returncode == 6 and "ngnix is known there yet (but nginx is)" in r.stderr, f"who mistypes a name is told the one that there is: {r.stderr}")
    r = site.ctl("protect", "--mode=active", check=False)
    say(r.stdout + r.stderr)
    if r.returncode == 6:
        r = site.ctl("protect", "--mode=active", "--force")
        ok("overridden" in r.stdout, "--force says what it overrides")
    ok(site.get("status")["mode"] == "active", "status tells the mode")


def check_active(site):
    said, took = hole()
    ok(said == "9", f"in active, the shell that nginx starts is killed ({took * 1000:.0f} ms for the whole request)")
    r = newest(site, "verified")
    if not ok(r, "and that is read back"):
        say(json.dumps(reactions(site), indent=1))
        return
    ok(r["by"] == "policy" and r["result"]["outcome"] == "done" and r["result"]["evidence"], "with evidence")
    ok(get("/ok") == "ok", "nginx still serves")
    u = site.ctl("reactions", "undo", r["id"], check=False)
    ok(u.returncode == 6, "a kill cannot be undone, and that is said")
    return r["alert_id"]


def simulated(site, since="1h"):
    """What the rules in use would have done, by rule and reaction; how it reads."""
    out = site.ctl("reactions", "simulate", "--since", since).stdout
    doc = json.loads(site.ctl("-o", "json", "reactions", "simulate", "--since", since).stdout)
    return {(t["rule"], t["kind"]): t for t in doc["totals"]}, out


def check_simulate(site):
    by, out = simulated(site)
    t = by.get(("shell", "kill"), {"would": 0})
    ok(t["would"] >= 1 and t["wrongly"] == 0 and "whatever the mode" in out, f"the rules in use are tried on the alerts that there were: {t}")
    site.configure({**options, "react.shell.daemons": "postgresql", "react.mine.kinds": "new_child", "react.mine.min_severity": "medium",
                    "react.mine.daemons": "nginx", "react.mine.reactions": "freeze"})
    by, out = simulated(site)
    ok(("shell", "kill") not in by and by.get(("mine", "freeze"), {"would": 0})["would"] >= 1, f"with other rules, others: {list(by)}")
    site.configure(options)


def check_pause(site):
    site.ctl("reactions", "pause")
    ok("all automation is stopped" in site.ctl("status").stdout, "status says that automation is paused")
    ok(site.get("status")["paused"], "a pause is told")
    p = hole_behind()
    r = wait(lambda: [x for x in reactions(site, status="dry_run") if "paused" in json.dumps(x["result"])])
    if ok(r, "while automation is paused nothing is done"):
        end_shell(r[0]["args"]["pid"])
    p.wait()
    site.ctl("reactions", "resume")


def check_prevent(site, agent):
    site.ctl("protect", "--mode=prevent", "--daemon", "nginx", "--force")
    if not ok(newest(site, "verified", "hold", 20), "in prevent, what nginx starts for the first time is held"):
        say(json.dumps([r for r in reactions(site) if r["kind"] == "hold"], indent=1))
    new, made = f"{dir}/new", f"{dir}/out/made"
    os.makedirs(f"{dir}/out")
    os.chmod(f"{dir}/out", 0o777)
    shutil.copy("/usr/bin/touch", new)
    begun = time.monotonic()
    said = get(f"/run?{new},{made}")
    say(f"{(time.monotonic() - begun) * 1000:.0f} ms for the whole request")
    ok(said == "9" and not os.path.exists(made), "and killed before its first instruction")
    r = wait(lambda: ([x for x in reactions(site, status="verified") if x["kind"] == "answer" and x["alert_id"]] or [None])[0])
    say(f"{r and r['status']}: {r and r['result'].get('text')}, {r and r['reason']}")
    listed = site.ctl("reactions").stdout
    ok(f"answer kill process:{r and r['args']['pid']} {new}" in listed, "the list says what was answered, of which program")
    a = r and r["alert_id"] and site.get(f"alerts/{r['alert_id']}")
    if ok(a and a["kind"] == "new_child" and new in a["title"] and r["id"] in [x["id"] for x in a["reactions"]],
          "which is told with its alert"):
        say(f"{a['title']}: {a['reason']}")
        site.post(f"alerts/{a['id']}/verdict", {"verdict": "benign_expected"})
        said = wait(lambda: get(f"/run?{new},{made}") == "0")
        ok(said and os.path.exists(made), "said to be normal, the same program may run")
    else:
        say(json.dumps([r, a], indent=1))
    check_away(site, agent, new, made)
    site.ctl("protect", "--mode=inherit", "--daemon", "nginx")
    ok(newest(site, "undone", "hold", 30), "and the hold ends with the mode")


def check_away(site, agent, known, made):
    """The server is away: what it told the host in advance decides, then the host's own default."""
    def has():
        path = os.path.join(os.path.dirname(agent.state), "guard", "profiles")
        return os.path.exists(path) and f"+{known}" in open(path).read()
    if not ok(wait(has, 30), "the host is told in advance what nginx may start"):
        say(json.dumps([r for r in reactions(site) if r["kind"] == "profile"], indent=1))
    agent.stop()
    os.unlink(os.path.join(os.path.dirname(agent.state), "guard", "known"))  # what the guard has seen itself
    os.unlink(made)
    site.process.kill()
    agent.start()
    strange = f"{dir}/strange"
    shutil.copy("/usr/bin/touch", strange)
    holds = lambda: subprocess.run(["pgrep", "-x", "daemonsec-watch"], capture_output=True).stdout
    ok(wait(holds), "without its server the agent holds on")
    begun = time.monotonic()
    ok(get(f"/run?{known},{made}") == "0" and os.path.exists(made), "what is in the profile passes")
    say(f"{(time.monotonic() - begun) * 1000:.0f} ms for the whole request")
    os.unlink(made)
    ok(get(f"/run?{strange},{made}") == "9" and not os.path.exists(made), "of what is not in it the host's own default decides: killed")
    site.start()
    wait(lambda: site.connected())


def check_freeze(site):
    p = subprocess.Popen(["/bin/sleep", "300"])
    r = json.loads(site.ctl("-o", "json", "reactions", "apply", "freeze", "--host", site.host, "--pid", str(p.pid),
                            "--start", str(start_us(p.pid)), "--ttl", "5m", "--reason", "a test").stdout)
    state = lambda: open(f"/proc/{p.pid}/stat").read().rpartition(")")[2].split()[0]
    done = wait(lambda: (lambda x: x if x["status"] not in ("pending", "sent") else None)(site.get(f"reactions/{r['id']}")))
    ok(done and done["status"] == "verified", f"an operator's freeze is done and read back: {done and done['result'].get('text')}")
    site.ctl("reactions", "undo", r["id"])
    begun = time.monotonic()
    ok(wait(lambda: site.get(f"reactions/{r['id']}")["status"] == "undone"), "its undo is confirmed by the host")
    say(f"undo took {(time.monotonic() - begun) * 1000:.0f} ms")
    ok(wait(lambda: state() == "S"), "and the process goes on")
    p.kill()
    p.wait()
    ask = f"{program('daemonsec-ctl')} --server unix:{site.socket} -o json reactions apply kill --host {site.host} --pid $$; echo; read wait"
    shell = subprocess.Popen(["sh", "-c", ask], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    own = json.loads("".join(iter(lambda: shell.stdout.readline().decode().strip(), "")))
    own = wait(lambda: (lambda x: x if x["status"] not in ("pending", "sent") else None)(site.get(f"reactions/{own['id']}")))
    ok(own and "of the session that asked" in own["result"]["text"] and shell.poll() is None, f"nor is who asked killed: {own and own['result']}")
    shell.communicate()
    bad = site.ctl("reactions", "apply", "dance", "--host", site.host, check=False)
    ok(bad.returncode == 2 and "dance" in bad.stderr, "an unknown reaction is a usage error")
    bad = site.ctl("reactions", "apply", "block_ip", "--host", site.host, "--address", "198.51.100.7", check=False)
    ok(bad.returncode == 6 and "never" in bad.stderr, "an address that is never blocked is refused by the server already")
    bad = site.ctl("reactions", "apply", "block_ip", "--host", site.host, "--address", "127.0.0.1", check=False)
    ok(bad.returncode == 2 and "each host itself" in bad.stderr, "and so is the host itself")
    return r


# ---- somebody guesses passwords

THERE, ADMIN, SPARED = "10.7.0.2", "10.8.0.2", "10.9.0.2"


def other_host():
    """Another host beside this one, by a network of its own: the attacker's address, and the administrator's."""
    p = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 3600"], stdout=subprocess.PIPE)
    p.stdout.readline()
    ip = lambda *a: subprocess.run(["ip", *a], check=True)
    there = lambda *a: subprocess.run(["nsenter", "-t", str(p.pid), "-n", "ip", *a], check=True)
    ip("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", str(p.pid))
    for net in ("10.7.0", "10.8.0", "10.9.0", "203.0.113"):
        ip("addr", "add", f"{net}.1/24", "dev", "here")
        there("addr", "add", f"{net}.2/24", "dev", "there")
    ip("link", "set", "here", "up")
    there("link", "set", "there", "up")
    return p


def ssh(source, password, *command, user="tester", seconds=600, connect=PATIENCE):
    """From the other host, by one of its addresses."""
    return ["nsenter", "-t", str(there.pid), "-n", "timeout", str(seconds), "sshpass", "-p", password, "ssh", "-b", source,
            "-p", str(sshd.PORT), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o",
            "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1", "-o", f"ConnectTimeout={connect}", f"{user}@10.7.0.1", *command]


def comes_in(source, connect=PATIENCE):
    return subprocess.run(ssh(source, sshd.PASSWORD, "true", connect=connect), capture_output=True).returncode == 0


def blocked(address):
    return address in subprocess.run(["nft", "list", "table", "inet", "daemonsec"], capture_output=True, text=True).stdout


def check_guessing(site):
    session = subprocess.Popen(ssh(ADMIN, sshd.PASSWORD, "cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)

    def alive(text):
        session.stdin.write(text + b"\n")
        session.stdin.flush()
        return session.stdout.readline() == text + b"\n"
    ok(alive(b"hello"), "an administrator is logged in")
    ok(comes_in(THERE), "the other address gets through")
    begun = time.monotonic()
    guesses = [subprocess.Popen(ssh(THERE, "wrong", "true", user=f"guess{i}"), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for i in range(12)]
    ok(wait(lambda: blocked(THERE), 15), "who guesses passwords is blocked in the kernel")
    say(f"{time.monotonic() - begun:.2f} s after the first guess")
    for g in guesses:
        g.terminate()
        g.wait()
    ok(not comes_in(THERE, 2), "and gets no connection any more")
    ok(alive(b"still here") and comes_in(ADMIN), "the administrator's session is untouched, and so is the next one")
    r = newest(site, "verified", "block_ip")
    if not ok(r and r["target"] == f"ip:{THERE}" and r["expires"], "the reaction says until when"):
        say(json.dumps(reactions(site)[:5], indent=1))
        return
    x = json.loads(site.ctl("-o", "json", "reactions", "apply", "block_ip", "--host", site.host, "--address", ADMIN).stdout)
    x = wait(lambda: (lambda y: y if y["status"] == "failed" else None)(site.get(f"reactions/{x['id']}")))
    ok(x and alive(b"and still"), f"nobody cuts the administrator off, not even by hand: {x and x['result'].get('text')}")
    v = site.post(f"alerts/{r['alert_id']}/verdict", {"verdict": "false_positive"})
    ok(wait(lambda: not blocked(THERE), 5) and comes_in(THERE), "a verdict of false_positive takes the block back within 5 s")
    ok(wait(lambda: site.get(f"reactions/{r['id']}")["status"] == "undone"), "and says so")
    session.kill()


# ---- what no table of ours knows: a log by the expressions that fail2ban's users have

KNOCK = """import base64, http.client, sys
for i in range(int(sys.argv[3])):
    c = http.client.HTTPConnection("10.9.0.1", 8080, timeout=90, source_address=(sys.argv[1], 0))
    try:
        c.request("GET", "/door", headers={"Authorization": "Basic " + base64.b64encode((sys.argv[2] + ":wrong").encode()).decode()})
        c.getresponse().read()
    except OSError:
        break  # no answer any more
"""


def knock(source, user, times):
    return subprocess.Popen(["nsenter", "-t", str(there.pid), "-n", sys.executable, "-c", KNOCK, source, user, str(times)])


def import_filters():
    os.makedirs(f"{dir}/fail2ban/filter.d")
    for name, text in (("jail.conf", f"""[DEFAULT]
mode = normal
filter = %(__name__)s[mode=%(mode)s]
ignoreip = 127.0.0.1/8 host.example 192.0.2.10 192.0.2.1
[door]
enabled = true
logpath = {dir}/err*r.log
"""), ("filter.d/door.conf", """[Definition]
datepattern = {^LN-BEG}
failregex = ^ \\[error\\] \\d+#\\d+: \\*\\d+ <what-<mode>>, client: <HOST>,
what-normal = user "<F-USER>[^"]*</F-USER>": password mismatch
""")):
        with open(f"{dir}/fail2ban/{name}", "w") as f:
            f.write(text)
    r = subprocess.run([program("daemonsec-ctl"), "import", "fail2ban", "--dir", f"{dir}/fail2ban", "--out", f"{dir}/filters"],
                       capture_output=True, text=True)
    ok(r.returncode == 7 and "host.example" in r.stderr and "never_block = 127.0.0.1/8,192.0.2.10,192.0.2.1" in r.stderr,
       "a jail of fail2ban is imported, and what could not be is said") or say(r.stderr)


def check_filters(site):
    """The log is rotated between guesses."""
    def seen(user):
        return sum(e.get("daemonsec", {}).get("count", 1) for e in site.events(f"event.action:login and user.name:{user}", limit=100)
                   if e["event"]["outcome"] == "failure" and e["source"]["ip"] == SPARED and e["service"]["name"] == "door")
    knock(SPARED, "eve", 3).wait()
    os.rename(f"{dir}/error.log", f"{dir}/error.log.1")
    with open(f"{dir}/nginx.pid") as f:
        os.kill(int(f.read()), signal.SIGUSR1)
    ok(wait(lambda: os.path.exists(f"{dir}/error.log")), "nginx's log is rotated")
    k = knock(SPARED, "eve", 20)
    ok(wait(lambda: blocked(SPARED)), "who guesses at nginx's door is blocked in the kernel by what nginx logs")
    k.terminate()
    k.wait()
    ok(wait(lambda: seen("eve") >= 4), "failures from before and behind the rotation have arrived, each with its user")
    r = newest(site, "verified", "block_ip")
    if r:
        site.post(f"alerts/{r['alert_id']}/verdict", {"verdict": "false_positive"})
    ok(r and wait(lambda: not blocked(SPARED)), "and are forgiven")


# ---- a decoy beside the daemons

VISIT = """import socket, sys
s = socket.create_connection(("203.0.113.1", 6379), 10, ("203.0.113.2", 0))
s.sendall(b"CONFIG SET dir /root/.ssh\\r\\n")
s.recv(100)
sys.stdin.read()
"""


def check_decoy(site):
    """What comes to a decoy is on the block list, and nowhere among what is normal."""
    stranger = "203.0.113.2"
    p = subprocess.Popen(["nsenter", "-t", str(there.pid), "-n", sys.executable, "-c", VISIT], stdin=subprocess.PIPE)
    ok(wait(lambda: blocked(stranger)), "a stranger who asks a decoy for something is blocked in the kernel, while he is there")
    p.stdin.close()
    p.wait()
    r = newest(site, "verified", "block_ip")
    a = site.get(f"alerts/{r['alert_id']}") if r else {}
    ok(r and r["target"] == "ip:" + stranger and "decoy" in a["title"] and a["source"]["hostile"], "for the visit, with the source as hostile")
    known = [b["what"] for d in site.all("daemons") for b in site.get(f"daemons/{d['id']}/profile")["behaviours"]]
    ok(known and not [w for w in known if stranger in w or "6379" in w or "CONFIG" in w], "and no profile has it")
    if r:
        site.post(f"alerts/{r['alert_id']}/verdict", {"verdict": "false_positive"})
    ok(r and wait(lambda: not blocked(stranger)), "until somebody says otherwise")
    ok(wait(lambda: b"redis" in site.taught(), 30), "who came is known")
    try:
        get("/out")
    except urllib.error.HTTPError:
        pass  # nobody listens there
    a = wait(lambda: [x for x in site.alerts() if x["kind"] == "new_destination" and stranger in x["title"]])
    ok(a and f"{stranger} came to the decoy redis on host " in site.get(f"alerts/{a[0]['id']}")["reason"],
       "a daemon that goes where who came to a decoy is, is told, though a proxy may go anywhere")


# ---- a server that dies, and one that forgot a day

def freeze(site, agent=True):
    p = subprocess.Popen(["/bin/sleep", "300"])
    r = json.loads(site.ctl("-o", "json", "reactions", "apply", "freeze", "--host", site.host, "--pid", str(p.pid), "--start",
                            str(start_us(p.pid)), "--ttl", "5m").stdout)
    return p, r["id"]


def settled(site, id, status="verified"):
    return wait(lambda: site.get(f"reactions/{id}")["status"] == status, 20)


def check_server_killed(site, agent):
    agent.stop()
    p, id = freeze(site)
    ok(site.get(f"reactions/{id}")["status"] == "pending", "an order waits while its host is away")
    site.process.kill()
    site.start()
    ok(site.get(f"reactions/{id}")["status"] == "pending", "and outlives its server, which was killed before it was sent")
    agent.start()
    ok(settled(site, id), "the next server delivers it, the host reads it back")
    site.post("reactions/undo", {"host": site.host})
    ok(settled(site, id, "undone"), "everything on a host is taken back at once")
    p.kill()


def check_wrong(site, alert):
    """An operator kills the daemon over an alert, which turns out to be wrong: one verdict takes back, restarts, learns."""
    with open(f"{dir}/nginx.pid") as f:
        pid = int(f.read())
    id = json.loads(site.ctl("-o", "json", "reactions", "apply", "kill", "--host", site.host, "--daemon", "nginx", "--alert", alert,
                             "--pid", str(pid), "--start", str(start_us(pid))).stdout)["id"]
    ok(settled(site, id) and not serves(), "nginx is killed over an alert")
    site.post(f"alerts/{alert}/verdict", {"verdict": "false_positive"})
    ok(wait(serves, 60), "the verdict that it was wrong has it serve again, by one call")
    r = wait(lambda: [x for x in reactions(site, status="verified") if x["kind"] == "restart" and x["alert_id"] == alert], 60)
    ok(r, f"as a reaction that was read back: {r and r[0]['result'].get('text')}")
    ok([x for x in site.all("expectations") if x.get("alert_id") == alert],
       "and what it was about is expected from then on")
    ok(wait(lambda: site.events("service.name:nginx and event.action:exec and process.executable:*/nginx"), 60),
       "what was started anew is watched like what was there before")


def serves():
    try:
        return get("/ok", 5) == "ok"
    except OSError:
        return False


def check_backup(site, agent):
    agent.stop()
    old, yesterday = freeze(site)
    site.process.stop()
    shutil.copytree(site.state, f"{dir}/backup")
    site.start()
    agent.start()
    ok(settled(site, yesterday), "an order that waits when the backup is made is carried out after it")
    site.ctl("reactions", "undo", yesterday)
    ok(settled(site, yesterday, "undone") and state(old) in ("S", "R"), "and taken back")
    p, id = freeze(site)
    ok(settled(site, id), "so is an order that the backup knows nothing of")
    site.process.stop()
    shutil.rmtree(site.state)
    shutil.copytree(f"{dir}/backup", site.state)
    site.start()
    ok(not [r for r in reactions(site) if r["id"] == id], "a restored server knows nothing of it")
    q, id = freeze(site)
    ok(settled(site, id), "its next order is taken all the same: counters follow the clock")
    ok(settled(site, yesterday, "undone") and state(old) in ("S", "R"),
       "the order of yesterday goes out again, has no second effect, and its end is told as it was")
    log = agent.process.text()
    ok("counter is too low" not in log, "no order was refused for its number")
    for x in (old, p, q):
        x.kill()


def state(p):
    return open(f"/proc/{p.pid}/stat").read().rpartition(")")[2].split()[0]


start_nginx()
there = other_host() if all(shutil.which(x) for x in ("ssh", "sshpass", "nft", "nsenter", "openssl", "sshd")) else None
if there:
    log = sshd.start(dir)
    import_filters()
options = {"detect.learning_min": "2s", "react.never_block": "198.51.100.0/24", "react.daemon_max": "100"}
with Site(options) as site:
    agent = site.agent(monitor="nginx,sshd", options={"reaction.hold_default": "kill", **({"sensors.log_files": log, "sensors.filters": f"{dir}/filters", "honeypot.listen": "redis"} if there else {})})
    site.host = agent.host()
    if not ok(learnt(site), "nginx is learnt"):
        say(json.dumps(site.get("daemons"), indent=1))
    ok(site.get("status")["mode"] == "monitor", "the mode is monitor")
    check_monitor(site)
    check_promotion(site)
    alert = check_active(site)
    check_simulate(site)
    check_pause(site)
    check_prevent(site, agent)
    if there:
        check_guessing(site)
        check_filters(site)
        check_decoy(site)
    check_freeze(site)
    check_wrong(site, alert)
    ok(simulated(site)[0][("shell", "kill")]["wrongly"] >= 1, "and a simulation says how often it would have been wrong")
    check_server_killed(site, agent)
    check_backup(site, agent)
with open(f"{dir}/nginx.pid") as f:
    os.kill(int(f.read()), signal.SIGTERM)
if there:
    there.kill()
shutil.rmtree(dir, ignore_errors=True)
done()
