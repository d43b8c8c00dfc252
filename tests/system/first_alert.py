#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real daemons that begin to do what they never did: nginx, PostgreSQL, a CGI and a PHP worker start a shell, each is one alert
within a second. What they do in everyday life (requests, a reload, a log rotation, a binary upgrade) is none."""
import glob, signal, urllib.request

from harness import *

isolate()
need("/usr/sbin/nginx", "fcgiwrap", "spawn-fcgi", "perl", "logrotate")
PERL_MODULE = "/usr/lib/nginx/modules/ngx_http_perl_module.so"
if not os.path.exists(PERL_MODULE):
    skip_all("nginx has no perl module here (libnginx-mod-http-perl)")
PG = next((d for d in sorted(os.path.join("/usr/lib/postgresql", v, "bin") for v in os.listdir("/usr/lib/postgresql"))
           if os.path.exists(d + "/initdb")), None) if os.path.isdir("/usr/lib/postgresql") else None
PHP = next((p for p in sorted(glob.glob("/usr/sbin/php-fpm*"))), None)

dir = tempfile.mkdtemp(prefix="daemonsec-alert.")
os.chmod(dir, 0o755)


def own_copy_of(path):
    """A directory that can be written to and looks like the real one, in this mount namespace only."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    for d in ("up", "work"):
        os.makedirs(f"/mnt/{d}")
    return subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                           f"lowerdir={path},upperdir=/mnt/up,workdir=/mnt/work", path]).returncode == 0


def start_nginx():
    with open(f"{dir}/nginx.conf", "w") as f:
        f.write(f"""load_module {PERL_MODULE};
user www-data; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{}}
http {{ access_log {dir}/access.log; server {{ listen 127.0.0.1:8080; root {dir};
  location = /ok {{ return 200 ok; }}
  location = /hole {{ perl 'sub {{ my $r = shift; system("/bin/sh -c id >/dev/null"); $r->send_http_header("text/plain");
    $r->print("done"); return OK; }}'; }}
  location /cgi/ {{ fastcgi_pass unix:{dir}/cgi.sock; fastcgi_param SCRIPT_FILENAME {dir}/app.cgi;
    fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD GET; }}
  location /php/ {{ fastcgi_pass unix:{dir}/php.sock; fastcgi_param SCRIPT_FILENAME {dir}/app.php;
    fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD GET; }} }} }}
""")
    # By its full name: an upgrade executes what it was started as.
    subprocess.run(["/usr/sbin/nginx", "-c", f"{dir}/nginx.conf"], check=True)


def start_cgi():
    with open(f"{dir}/app.cgi", "w") as f:
        f.write('#!/usr/bin/perl\nsystem("/bin/sh", "-c", "id >/dev/null; true") if $ENV{QUERY_STRING} eq "hole";\n'
                'print "Content-Type: text/plain\\r\\n\\r\\nhello\\n";\n')
    os.chmod(f"{dir}/app.cgi", 0o755)
    subprocess.run(["spawn-fcgi", "-s", f"{dir}/cgi.sock", "-U", "www-data", "-u", "www-data", "-P", f"{dir}/cgi.pid",
                    "/usr/sbin/fcgiwrap"], check=True, stdout=subprocess.DEVNULL)


def start_php():
    with open(f"{dir}/app.php", "w") as f:
        f.write("<?php if ($_SERVER['QUERY_STRING'] == 'hole') echo shell_exec('id; true'); echo 'hello';")
    with open(f"{dir}/php.conf", "w") as f:
        f.write(f"""[global]
pid = {dir}/php.pid
error_log = {dir}/php.log
[www]
user = www-data
listen = {dir}/php.sock
listen.owner = www-data
pm = static
pm.max_children = 2
""")
    subprocess.run([PHP, "--fpm-config", f"{dir}/php.conf"], check=True, stderr=subprocess.DEVNULL)


def as_postgres(*args, **kw):
    return subprocess.run(["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *args], **kw)


def start_postgres():
    os.makedirs(f"{dir}/pg")
    shutil.chown(f"{dir}/pg", "postgres", "postgres")
    as_postgres(f"{PG}/initdb", "-D", f"{dir}/pg/data", "-N", "-A", "trust", check=True, stdout=subprocess.DEVNULL,
                cwd="/")
    log = open(f"{dir}/pg.log", "wb")
    subprocess.Popen(["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", f"{PG}/postgres", "-D",
                      f"{dir}/pg/data", "-k", f"{dir}/pg", "-c", "listen_addresses=", "-F"], stdout=log, stderr=log,
                     cwd="/")
    return wait(lambda: sql("select 1"), 30, 0.1)


def sql(text):
    return as_postgres("psql", "-X", "-q", "-h", f"{dir}/pg", "-d", "postgres", "-c", text, cwd="/",
                       capture_output=True).returncode == 0


def get(path):
    with urllib.request.urlopen("http://127.0.0.1:8080" + path, timeout=10) as r:
        return r.read()


def everyday():
    get("/ok")
    get("/cgi/")
    if PHP:
        get("/php/")


def nginx_pid():
    with open(f"{dir}/nginx.pid") as f:
        return int(f.read() or 0)  # not yet: nginx makes it before it writes it


def answers():
    try:
        return get("/ok")
    except OSError:
        return False


def ready(site, names):
    def ask():
        everyday()
        states = {d["name"]: d.get("state") for d in site.get("daemons")["items"]}
        return all(states.get(n) == "ready" for n in names)
    return wait(ask, 90, 0.2)


def strange(site):
    return [a for a in site.alerts() if a["kind"] in ("new_child", "privilege")]


def found(site, name, attack):
    """The alert of a daemon after an attack, and how long it took, s."""
    begun = time.monotonic()
    attack()
    alert = wait(lambda: [a for a in strange(site) if a["daemon"]["name"] == name], 10, 0.01)
    return (alert[0] if alert else None), time.monotonic() - begun


def check(site, name, attack, title, user):
    a, took = found(site, name, attack)
    if not ok(a, f"{name}: a shell is found"):
        return
    say(f"{took * 1000:.0f} ms: {a['title']}; {a['reason']}")
    ok(a["title"] == title and a["severity"] in ("high", "critical"), f"{name}: the title says it")
    p = a["process"]
    ok(p["executable"].endswith("sh") and "id" in p["command_line"] and p["pid"] > 1 and p["parents"],
       f"{name}: the process, its command and its parents are told")
    ok(p["user"] == user, f"{name}: the user")
    ok(a["explanation"] and a["threat"][0]["id"] == "T1059.004" and a["record"]["clears"], f"{name}: it is explained")


def upgrade(site, replace):
    old = nginx_pid()
    if replace:  # as dpkg does: another file of the same name
        shutil.copy2("/usr/sbin/nginx", "/usr/sbin/nginx.dpkg-new")
        with open("/usr/sbin/nginx.dpkg-new", "ab") as f:
            f.write(b"another build")
        os.rename("/usr/sbin/nginx.dpkg-new", "/usr/sbin/nginx")
    os.kill(old, signal.SIGUSR2)
    fresh = wait(lambda: os.path.exists(f"{dir}/nginx.pid") and nginx_pid() != old, 10)
    if fresh:
        os.kill(old, signal.SIGQUIT)
    return fresh and wait(answers, 10)


replace = own_copy_of("/usr/sbin")
start_cgi()
start_nginx()
names = ["nginx", "fcgiwrap"]
if PHP:
    start_php()
    names.append("php-fpm")
if PG:
    ok(start_postgres(), "postgres runs")
    names.append("postgres")
# A new host, a server that never saw one: starter models stand in from the first minute on.
with Site({"detect.learning_min": "1h", "detect.starter_dir": os.path.join(TOP, "schema/starter")}) as site:
    agent = site.agent(monitor="nginx")
    ok(wait(lambda: [d for d in site.get("daemons")["items"] if d["name"] == "nginx" and d.get("starter")]),
       "nginx, not learnt, has a starter model")
    subprocess.run(["/usr/sbin/nginx", "-c", f"{dir}/nginx.conf", "-s", "reload"], check=True)
    with open(f"{dir}/rotate.conf", "w") as f:
        f.write(f"{dir}/access.log {{ su root root\ncompress\nsharedscripts\npostrotate\nkill -USR1 $(cat {dir}/nginx.pid)\nendscript\n}}\n")
    wait(answers)
    subprocess.run(["logrotate", "-f", "-s", f"{dir}/rotate.state", f"{dir}/rotate.conf"], check=True)
    ok(wait(answers) and upgrade(site, False), "it is reloaded, its log rotated, its binary executed again")
    a, took = found(site, "nginx", lambda: get("/hole"))
    ok(a and "starter model of nginx from Debian 12" in a["reason"] and a["record"]["starter"]["confidence"] > 0.8,
       "a shell that its worker starts is told, and how sure that is")
    say(a and f"{took * 1000:.0f} ms: {a['title']}; {a['reason']}")
    ok(len(site.alerts()) == 1, "and nothing else")
    for b in site.alerts():
        say(b["title"])
    d = site.ctl("daemons", "show", "nginx").stdout
    ok("learning" in d and re.search(r"starter  nginx from Debian 12 .*, confidence \d+", d), "daemons show says so")
with Site({"detect.learning_min": "2s"}) as site:
    agent = site.agent(monitor=",".join([os.path.basename(PHP) if n == "php-fpm" else n for n in names]))
    learnt = ok(ready(site, names), "the daemons are learnt")
    if not learnt:
        say(json.dumps(site.get("daemons"), indent=1))
    ok(not strange(site), "learning alerts nothing")

    os.kill(nginx_pid(), signal.SIGHUP)
    subprocess.run(["/usr/sbin/nginx", "-c", f"{dir}/nginx.conf", "-s", "reload"], check=True)
    ok(wait(answers), "nginx was reloaded")
    os.rename(f"{dir}/access.log", f"{dir}/access.log.1")
    os.kill(nginx_pid(), signal.SIGUSR1)
    ok(wait(lambda: os.path.exists(f"{dir}/access.log")), "its log was rotated")
    ok(upgrade(site, replace), "its binary was " + ("replaced and " if replace else "") + "upgraded while it ran")
    everyday()
    # The answer to "is there an alert" is only as good as what the server has seen: wait for the new program's start.
    ok(wait(lambda: site.events('service.name:nginx and event.action:exec and process.executable:"/usr/sbin/nginx"'), 40),
       "the new program's start has arrived")
    ok(not strange(site), "reload, rotation and upgrade alert nothing")
    for a in strange(site):
        say(json.dumps(a, indent=1))

    check(site, "nginx", lambda: get("/hole"), "nginx started /bin/sh", "www-data")
    check(site, "fcgiwrap", lambda: get("/cgi/?hole"), "fcgiwrap started /bin/sh", "www-data")
    if PHP:
        check(site, "php-fpm", lambda: get("/php/?hole"), "php-fpm started /bin/sh", "www-data")
    if PG:
        check(site, "postgres", lambda: sql("create temp table t(x text); copy t from program 'id'"),
              "postgres started /bin/sh", "postgres")
    ok(len(strange(site)) == len(names), "one alert each, with what the shell started in it")
    for a in strange(site):
        say(f"{a['title']}: count {a['count']}, {len(a['events'])} events")

    # Said to be normal, it is.
    alert = [a for a in strange(site) if a["daemon"]["name"] == "nginx"][0]
    site.post(f"alerts/{alert['id']}/verdict", {"verdict": "benign_expected"})
    ok(site.get(f"alerts/{alert['id']}")["status"] == "closed", "a benign verdict closes the alert")

    def again():
        get("/hole")
        get("/cgi/?hole")
        return [a for a in strange(site) if a["daemon"]["name"] == "fcgiwrap" and a["count"] > 2]
    ok(wait(again, 60, 0.5), "what nobody accepted goes on counting in its alert")
    ok(not [a for a in strange(site) if a["daemon"]["name"] == "nginx" and a["status"] != "closed"],
       "what was accepted alerts no more")
for p in (f"{dir}/cgi.pid", f"{dir}/nginx.pid", f"{dir}/php.pid"):
    if not os.path.exists(p):
        continue
    with open(p) as f:
        os.kill(int(f.read()), signal.SIGTERM)
shutil.rmtree(dir, ignore_errors=True)
done()
