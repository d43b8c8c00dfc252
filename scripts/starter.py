#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""starter - makes the starter models in schema/starter: what daemons of a distribution do, before any host was watched.

    scripts/starter.py [--runs N] [--seconds N] [DIR]

As root, from a tree that is built in $top_builddir (build/check). A Debian host with a systemd of its own, which nothing
leaves (tests/system/sdhost.py), is booted for each run; its daemons do everyday work and are administered, an agent and a
server learn them as they would learn any host. What was learnt, what the units start and what programs the packages bring
becomes a file for each daemon; server/detect/starter.h has the format.
"""
import argparse, glob, os, random, re, shlex, sqlite3, sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
os.environ.setdefault("top_builddir", os.path.join(TOP, "build/check"))
sys.path.insert(0, os.path.join(TOP, "tests/system"))
from harness import *
from sdhost import PACKAGES, V1, Host, tree

MORE = ("apache2,postgresql,mariadb-server,redis-server,docker.io,postfix,logrotate,rsyslog,systemd-timesyncd,systemd-resolved,"
        "udev,curl,ca-certificates,sudo,perl")
# (name, executables, units, packages); executables as profiles have them, a version is #
MODELS = [
    ("sshd", ["/usr/sbin/sshd"], ["ssh.service"], ["openssh-server", "openssh-sftp-server"]),
    ("nginx", ["/usr/sbin/nginx"], ["nginx.service"], ["nginx", "nginx-light"]),
    ("apache2", ["/usr/sbin/apache2"], ["apache2.service"], ["apache2-bin", "apache2"]),
    ("postgresql", ["/usr/lib/postgresql/#/bin/postgres"], ["postgresql@.service"], ["postgresql-15", "postgresql-common"]),
    ("mariadb", ["/usr/sbin/mariadbd", "/usr/sbin/mysqld"], ["mariadb.service"], ["mariadb-server", "mariadb-server-core"]),
    ("redis", ["/usr/bin/redis-server", "/usr/bin/redis-check-rdb"], ["redis-server.service"], ["redis-server", "redis-tools"]),
    ("cron", ["/usr/sbin/cron"], ["cron.service"], ["cron"]),
    ("docker", ["/usr/sbin/dockerd"], ["docker.service"], ["docker.io"]),
    ("containerd", ["/usr/bin/containerd"], ["containerd.service"], ["containerd", "runc"]),
    ("postfix", ["/usr/lib/postfix/sbin/master"], ["postfix@.service"], ["postfix"]),
    ("rsyslog", ["/usr/sbin/rsyslogd"], ["rsyslog.service"], ["rsyslog"]),
    ("dbus", ["/usr/bin/dbus-daemon"], ["dbus.service"], ["dbus-daemon"]),
] + [(f"systemd-{n}", [f"/lib/systemd/systemd-{n}", f"/usr/lib/systemd/systemd-{n}"], [f"systemd-{n}.service"], [p])
     for n, p in (("journald", "systemd"), ("logind", "systemd"), ("networkd", "systemd"), ("timesyncd", "systemd-timesyncd"),
                  ("resolved", "systemd-resolved"), ("udevd", "udev"))]
# A package's word is not enough for what runs whatever it is told.
NEVER = re.compile(r"/(sh|dash|bash|perl|python[#\d.]*|php[#\d.]*|curl|wget|nc|socat|docker|mysql|mariadb|psql|redis-cli)$")
WORK = {
    "nginx": ["curl -s http://127.0.0.1/", "curl -s http://127.0.0.1/missing", "curl -s -d x=1 http://127.0.0.1/",
              "systemctl reload nginx", "systemctl restart nginx", "logrotate -f /etc/logrotate.d/nginx", "nginx -t"],
    "apache2": ["curl -s http://127.0.0.1:8080/", "curl -s http://127.0.0.1:8080/missing", "systemctl reload apache2",
                "systemctl restart apache2", "logrotate -f /etc/logrotate.d/apache2", "apachectl configtest"],
    "postgresql": ["runuser -u postgres -- psql -qc 'create table if not exists t(x int)'",
                   "runuser -u postgres -- psql -qc 'insert into t select generate_series(1, 2000); select count(*) from t'",
                   "runuser -u postgres -- psql -qc 'vacuum analyze t; checkpoint'", "runuser -u postgres -- pg_dump postgres",
                   "runuser -u postgres -- psql -qc 'create index concurrently on t(x); drop table t'",
                   "systemctl reload postgresql", "systemctl restart postgresql@15-main"],
    "mariadb": ["mariadb -e 'create database if not exists d; create table if not exists d.t(x int)'",
                "mariadb -e 'insert into d.t values (1),(2); select count(*) from d.t; optimize table d.t'",
                "mariadb-dump d", "mariadb-admin flush-logs", "systemctl restart mariadb",
                "logrotate -f /etc/logrotate.d/mariadb"],
    "redis": ["redis-cli set a 1", "redis-cli get a", "redis-cli bgsave", "redis-cli bgrewriteaof", "redis-cli shutdown nosave",
              "systemctl restart redis-server", "logrotate -f /etc/logrotate.d/redis-server"],
    "sshd": ["ssh -o StrictHostKeyChecking=no root@127.0.0.1 'uptime; ls /'",
             "ssh -o BatchMode=yes -o StrictHostKeyChecking=no nobody@127.0.0.1 true",
             "echo get /etc/hosts /tmp/x | sftp -o StrictHostKeyChecking=no -b - root@127.0.0.1",
             "systemctl reload ssh", "systemctl restart ssh"],
    "postfix": ["printf 'Subject: x\\n\\nx\\n' | sendmail root", "printf 'Subject: x\\n\\nx\\n' | sendmail nobody@nowhere.invalid",
                "postqueue -p", "systemctl reload postfix", "systemctl restart postfix", "postsuper -d ALL"],
    "docker": ["docker ps", "tar -C / -c bin/true lib/x86_64-linux-gnu/libc.so.6 lib64 | docker import - t:1",
               "docker run --rm --network none t:1 /bin/true", "docker run -d --network none t:1 /bin/true", "docker system prune -f",
               "systemctl restart docker", "ctr images ls", "systemctl restart containerd"],
    "system": ["logger hello", "loginctl list-sessions", "systemctl daemon-reload", "journalctl --rotate", "journalctl --vacuum-size=8M",
               "udevadm trigger", "udevadm settle", "systemctl restart systemd-logind", "resolvectl query localhost",
               "systemctl restart systemd-timesyncd systemd-resolved", "logrotate -f /etc/logrotate.d/rsyslog", "systemctl kill -s HUP rsyslog",
               "systemctl restart systemd-udevd systemd-journald systemd-networkd", "systemd-run --wait true", "su nobody -s /bin/sh -c id"],
}


def install(host):
    """The libraries of the agent, and a configuration in which all of them run side by side."""
    libs = subprocess.run(["ldd", program("daemonsec-agent"), program("daemonsec-uplink")], capture_output=True, text=True).stdout
    for path in {w for w in libs.split() if w.startswith("/")}:
        if not os.path.exists(host.root + path) and os.path.exists(path):
            os.makedirs(os.path.dirname(host.root + path), exist_ok=True)
            shutil.copy(os.path.realpath(path), host.root + path)
    for path in glob.glob(host.root + "/etc/apache2/ports.conf") + glob.glob(host.root + "/etc/apache2/sites-available/000-default.conf"):
        text = open(path).read().replace("Listen 80", "Listen 8080").replace("*:80>", "*:8080>")
        open(path, "w").write(text)
    host.write("/etc/systemd/system/console-getty.service", "")
    host.write("/etc/crontab", "* * * * * root test -d /var/log && true\n* * * * * www-data date >/dev/null\n")
    host.write("/root/.hushlogin", "")
    host.write("/etc/systemd/system/docker.service.d/here.conf", "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// "
               "--storage-driver=vfs --iptables=false --bridge=none\n")


class Recorder:
    def __init__(self, lower, number):
        self.host = Host(f"ds-starter{number}", "hybrid", lower, V1 + ("devices", "blkio", "freezer"))
        self.dir = os.path.join(self.host.dir, "site")
        os.makedirs(self.dir)
        install(self.host)

    def sh(self, command, seconds=60):
        try:
            return self.host.run("sh", "-c", command, timeout=seconds)
        except subprocess.TimeoutExpired:
            say(f"took too long: {command}")

    def boot(self):
        if not self.host.boot():
            raise RuntimeError("the host does not come up")
        self.sh("ip link set lo up; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys;"
                "chmod 700 /root /root/.ssh; systemctl start systemd-networkd systemd-resolved systemd-timesyncd")
        for unit in ("ssh", "nginx", "apache2", "postgresql", "mariadb", "redis-server", "cron", "containerd", "docker", "postfix", "rsyslog"):
            if self.sh(f"systemctl restart {unit}", 90).returncode:
                say(f"{unit} does not start: " + self.sh(f"journalctl -u {unit} -n 25 --no-pager").stdout)

    def watch(self):
        """A server in the host's network, an agent in the host."""
        self.site = Site({"detect.starter_dir": "", "detect.learning_min": "30s"}, dir=self.dir)
        self.site.process = Process(["nsenter", "-t", str(self.host.pid), "-n", program("daemonsec-server"), "-c", self.site.conf],
                                    self.dir + "/server.log")
        if not wait(lambda: self.site.get("status"), 20):
            raise RuntimeError(self.site.process.tail())
        self.host.write("/daemonsec/token", self.site.make_token())
        self.host.write("/daemonsec/conf", f"[general]\nmonitor_daemons = auto\nstate_dir = /daemonsec\nrun_dir = /daemonsec\nuser = root\n"
                        f"uplink = /build/agent/uplink/daemonsec-uplink\n[server]\naddress = 127.0.0.1:{self.site.port}\n"
                        "token_file = /daemonsec/token\n[sensors]\nrepeat_interval = 1s\n")
        r = self.sh("systemd-run --unit=daemonsec -p Type=notify -p KillMode=mixed -p Environment=LD_LIBRARY_PATH=/daemonsec/lib "
                    "-p StandardError=file:/daemonsec/log /build/agent/daemonsec-agent -c /daemonsec/conf")
        if r.returncode or not wait(self.site.connected, 30):
            raise RuntimeError("the agent does not connect: " + r.stderr + open(self.host.root + "/daemonsec/log").read()[-2000:])

    def work(self, seconds, seed):
        """Everything once at least, then at random until the time is over."""
        chance, begin = random.Random(seed), time.monotonic()
        todo = [c for some in WORK.values() for c in some]
        chance.shuffle(todo)
        while todo or time.monotonic() - begin < seconds:
            command = todo.pop() if todo else chance.choice(chance.choice(list(WORK.values())))
            # As an administrator who has logged in: what is done belongs to the session.
            self.sh(f"ssh -o StrictHostKeyChecking=no root@127.0.0.1 {shlex.quote(command)} >/dev/null 2>&1", 90)
        self.sh("systemctl stop daemonsec")
        wait(lambda: not self.site.connected(), 15)

    def learnt(self):
        """{class: {(kind, key)}}, and how many events there were of it."""
        self.site.process.stop()
        db = sqlite3.connect(os.path.join(self.site.state, "control.db"))
        say("; ".join(f"{n}={e}" for n, e in db.execute("select name, exe from daemon where role in ('service', 'process') order by name")))
        keys, events = {}, {}
        for name, n in db.execute("select name, events from daemon where role in ('service', 'process')"):
            events[class_of(name)] = events.get(class_of(name), 0) + n
        for name, kind, key in db.execute("select daemon, kind, key from profile p join daemon d on d.host = p.host and d.name = p.daemon"
                                          " where learnt = 1 and d.unit <> ''"):
            keys.setdefault(class_of(name), set()).add((kind, bytes(key)))
        return keys, events

    def close(self):
        if getattr(self, "site", None):
            self.site.close()
        self.host.close()


def class_of(unit):
    """As key_class() in server/detect/key.c."""
    return unit.removesuffix(".service").partition("@")[0]


def generic(path):
    return "/".join("#" if re.fullmatch(r"\d+(\.\d+)*", part) else part for part in path.split("/"))


def actions():
    """Kind numbers to the names that events have, from schema/events.def."""
    with open(os.path.join(TOP, "schema/events.def")) as f:
        return {int(n): a for n, a in re.findall(r'^DS_KIND\((\d+), \w+, "[^"]*", "([^"]+)"', f.read(), re.M)}


def unit_programs(lower, unit):
    """What the service manager runs for it."""
    for d in ("/lib/systemd/system/", "/usr/lib/systemd/system/"):
        if os.path.exists(lower + d + unit):
            with open(lower + d + unit) as f:
                lines = re.findall(r"^Exec\w+=[-+!@:]*(/\S+)", f.read(), re.M)
            return {("exec", "m" + real(lower, p)) for p in lines}
    return set()


def real(lower, path):
    """As the kernel says it: /bin is a link to usr/bin."""
    for d in ("/bin/", "/sbin/", "/lib/"):
        if path.startswith(d) and os.path.islink(lower + d.rstrip("/")):
            path = "/usr" + path
    target = os.path.realpath(lower + path)
    return generic(target[len(lower):] if target.startswith(lower) else path)


def package_programs(lower, package):
    found = set()
    for path in glob.glob(f"{lower}/var/lib/dpkg/info/{package}.list") + glob.glob(f"{lower}/var/lib/dpkg/info/{package}:*.list"):
        with open(path) as f:
            files = f.read().splitlines()
        for p in files:
            full = lower + p
            if re.match(r"/(usr/)?(s?bin|lib|libexec)/", p) and os.path.isfile(full) and os.access(full, os.X_OK) and ".so" not in p:
                key = real(lower, p)
                if not NEVER.search(key):
                    found.add(("exec", "c" + key))
    return found


def version(lower, package):
    r = subprocess.run(["dpkg-query", f"--admindir={lower}/var/lib/dpkg", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return r.stdout.strip()


def behaviours(lower, model, runs):
    name, exes, units, packages = model
    names, seen = actions(), {}
    for keys, _ in runs:
        for b in set().union(*(keys.get(class_of(u), set()) for u in units)):
            action = names[b[0]]
            if is_general(action, b[1]):
                seen[(action, b[1].decode())] = seen.get((action, b[1].decode()), 0) + 1
    all = {b: {"runs": n, "from": "recorded"} for b, n in seen.items()}
    for u in units:
        all.update({b: {"from": "unit"} for b in unit_programs(lower, u) if b not in all})
    # Of what comes in one package with many daemons, it says nothing of each.
    for p in packages if not name.startswith("systemd-") else ():
        all.update({b: {"from": "package"} for b in package_programs(lower, p) if b not in all and b[1][1:] not in exes})
    return all


def is_general(action, key):
    """Whether a daemon does so everywhere: not whom it talks to, whose user it becomes, where it keeps its data. No model
    vouches for shells and the like, whatever started them; names made by chance say nothing."""
    if b"/" in key and re.search(rb"\d{6}|[0-9a-f]{12}|/#", key):
        return key.startswith((b"m/usr", b"c/usr", b"s/usr"))
    if action == "exec":
        return key.isascii() and not (key[:1] == b"c" and NEVER.search(key.decode()))
    return key.isascii() and action in ("read", "mount", "namespace", "ptrace", "bpf_load", "module_load", "vm_write")


def write(lower, model, runs, seconds, directory):
    name, exes, units, packages = model
    all = behaviours(lower, model, runs)
    events = sum(e.get(class_of(u), 0) for _, e in runs for u in units)
    if not events:
        say(f"{name}: nothing was recorded, no model")
        return
    head = {"format": 1, "name": name, "source": "Debian 12", "package": packages[0], "version": version(lower, packages[0]),
            "executables": exes, "classes": [class_of(u) for u in units], "runs": len(runs), "seconds": round(seconds), "events": events,
            "incidences": sum(len(k.get(class_of(u), ())) for k, _ in runs for u in units)}
    text = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in head.items())
    rows = ",\n".join("    " + json.dumps({"action": a, "key": k, **all[(a, k)]}) for a, k in sorted(all))
    with open(os.path.join(directory, name + ".json"), "w") as f:
        f.write("{\n" + text + ",\n  \"behaviours\": [\n" + rows + "\n  ]\n}\n")
    say(f"{name}: {len(all)} behaviours, {events} events")


def main():
    args = argparse.ArgumentParser(description="make the starter models")
    args.add_argument("--runs", type=int, default=5)
    args.add_argument("--seconds", type=int, default=75, help="of work in each run, at least")
    args.add_argument("dir", nargs="?", default=os.path.join(TOP, "schema/starter"))
    args = args.parse_args()
    need_root()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if not os.environ.get("DS_MOUNTS"):  # mounts of our own, gone with the script
        tree("starter-root", f"{PACKAGES},{MORE}")
        os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv], dict(os.environ, DS_MOUNTS="1"))
    lower = tree("starter-root", f"{PACKAGES},{MORE}")
    runs, begin = [], time.monotonic()
    for n in range(args.runs):
        recorder = Recorder(lower, n)
        try:
            recorder.boot()
            recorder.watch()
            recorder.work(args.seconds, n)
            runs.append(recorder.learnt())
            say(f"run {n}: {len(runs[-1][0])} daemons, {sum(len(k) for k in runs[-1][0].values())} behaviours")
        finally:
            recorder.close()
    os.makedirs(args.dir, exist_ok=True)
    for model in MODELS:
        write(lower, model, runs, time.monotonic() - begin, args.dir)


main()
