#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hosts on one kernel, each a pid namespace with a systemd of its own and an agent in it: an agent tells of its own
host and of the containers below it, in the names and pids of that host, and of nothing else on the machine."""
import uuid

from harness import *
from sdhost import Host, tree

need_root()
if SANITIZED:
    skip_all("the host's tree has no sanitizer libraries")
tree()  # made where there is a network
isolate(pid=False)

MARKER = """[Service]
ExecStart=/bin/bash -c 'exec 3<>/run/marker; while read -r line <&3; do eval "$line"; done'
ExecStartPre=/usr/bin/mkfifo /run/marker
"""
AGENT = """[Service]
Type=notify
ExecStart=/build/agent/daemonsec-agent -c /etc/daemonsec/daemonsec.conf
"""
CONTAINER = "0123456789abcdef" * 4


class Fleet:
    """A bridge with the server's address on it, and what runs on the machine beside the hosts."""

    def __init__(self):
        self.hosts = []
        self.run("ip", "link", "add", "br0", "type", "bridge")
        self.run("ip", "address", "add", "10.99.0.1/24", "dev", "br0")
        self.run("ip", "link", "set", "br0", "up")

    def run(self, *args):
        subprocess.run(args, check=True)

    def host(self, site, letter):
        n = len(self.hosts) + 1
        host = Host("ds-scope" + letter)
        self.hosts.append(host)
        host.letter, host.address = letter, f"10.99.0.{n + 1}"
        copy_libraries(host)
        for name, text in (("marker", MARKER), ("daemonsec-agent", AGENT), ("console-getty", "")):
            host.write(f"/etc/systemd/system/{name}.service", text)
        host.write("/etc/machine-id", uuid.uuid4().hex + "\n")
        host.write("/etc/hostname", host.name + "\n")
        host.write("/etc/daemonsec/token", site.make_token())
        write_conf(host.root + "/etc/daemonsec/daemonsec.conf", {
            "general": {"state_dir": "/var/lib/ds", "run_dir": "/run/ds", "user": "root",
                        "uplink": "/build/agent/uplink/daemonsec-uplink"},
            "server": {"address": f"10.99.0.1:{site.port}", "token_file": "/etc/daemonsec/token"}}, {})
        host.write(f"/var/lib/docker/containers/{CONTAINER}/config.v2.json",
                   '{"Name":"/web","Image":"sha256:1","Config":{"Image":"shop:3"}}')
        os.makedirs(host.root + "/opt", exist_ok=True)
        for what in ("run", "stay", "box"):
            shutil.copy(host.root + "/bin/sleep", f"{host.root}/opt/{what}-{letter}")
        if not host.boot():
            say(open(host.dir + "/log").read())
            return None
        self.run("ip", "link", "add", "v" + letter, "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        self.run("ip", "link", "set", "v" + letter, "master", "br0", "up")
        host.run("sh", "-c", f"ip link set lo up; ip address add {host.address}/24 dev eth0; ip link set eth0 up;"
                 "systemctl start nginx cron ssh marker; systemctl start daemonsec-agent")
        return host

    def close(self):
        for h in self.hosts:
            h.close()


def copy_libraries(host):
    """The tree has no libraries that only we need."""
    for name in ("daemonsec-agent", "daemonsec-uplink"):
        r = subprocess.run(["ldd", program(name)], capture_output=True, text=True, check=True)
        for line in r.stdout.splitlines():
            path = line.partition("=> ")[2].partition(" (")[0]
            if path and not os.path.exists(host.root + path):
                shutil.copy(path, host.root + path)


def do(host, command):
    """In the host's marker.service."""
    host.run("sh", "-c", 'printf "%s\\n" "$1" >/run/marker', "sh", command)


def read(host, path):
    return host.run("cat", path).stdout.strip()


def field(event, name):
    for part in name.split("."):
        event = event.get(part) if isinstance(event, dict) else None
    return event


def found(q):
    """The newest such event."""
    events = wait(lambda: site.events(q), 20, 0.1)
    return events[0] if events else None


def told(host, q):
    return found(f'host.name:"{host.name}" and {q}')


def act(host):
    letter = host.letter
    do(host, f"/opt/run-{letter} 0.2")
    do(host, f"/opt/stay-{letter} 1000 & echo $! >/run/stay")
    do(host, f"echo x >/opt/file-{letter}; mv /opt/file-{letter} /opt/moved-{letter}; rm /opt/moved-{letter}")
    do(host, f"exec 5<>/dev/tcp/10.99.0.1/{site.port}; exec 5>&-")
    # A container as an engine makes it: a cgroup with its id, namespaces of its own.
    do(host, f"D=$(sed -n 's/.*name=systemd:.marker.*//p;s/.*name=systemd://p' /proc/self/cgroup);"
       f"C=/sys/fs/cgroup/systemd/system.slice/docker-{CONTAINER}.scope; mkdir -p $C;"
       f"(echo $BASHPID >$C/cgroup.procs; exec unshare --pid --fork --mount-proc --kill-child /opt/box-{letter} 1000) &"
       "echo $! >/run/box")


def check_host(host, peer):
    letter = host.letter
    names = lambda: {d["name"] for d in site.all("daemons") if d["host"]["name"] == host.name}
    wanted = {"nginx.service", "ssh.service", "cron.service", "marker.service"}
    ok(wait(lambda: wanted <= names(), 30, 0.2), f"{letter}: units have the names that they have inside")
    act(host)
    e = told(host, f'event.action:exec and process.executable:"/opt/run-{letter}"')
    ok(e and e["service"]["name"] == "marker.service" and field(e, "process.parent.executable") == "/usr/bin/bash",
       f"{letter}: a start, in its unit and below its parent")
    e = told(host, f'event.action:exec and process.executable:"/opt/stay-{letter}"')
    ok(e and field(e, "process.pid") == int(read(host, "/run/stay")), f"{letter}: its pid is that of the host's namespace")
    ok(told(host, f'event.action:create and file.path:"/opt/file-{letter}"') and
       told(host, f'file.path:"/opt/file-{letter}" and event.action:rename') and
       told(host, f'file.path:"/opt/moved-{letter}" and event.action:unlink'), f"{letter}: files, by the host's paths")
    e = told(host, f"event.action:connect and service.name:marker and destination.port:{site.port}")
    ok(e and e["destination"]["ip"] == "10.99.0.1" and e["source"]["ip"] == host.address, f"{letter}: a connection")
    e = told(host, f'event.action:exec and process.executable:"/opt/box-{letter}"')
    ok(e and e["service"]["name"] == "container:web", f"{letter}: a pid namespace below it is its container")
    above = int(read(host, "/run/box") or 0)
    inner = host.run("ps", "-o", "pid=", "--ppid", str(above)).stdout.split()
    ok(e and inner and field(e, "process.pid") == int(inner[0]), f"{letter}: with a pid of the agent's namespace")
    box = lambda: [d for d in site.all("daemons") if d["host"]["name"] == host.name and d["name"] == "container:web" and
                   d.get("image") == "shop:3"]
    ok(wait(box), f"{letter}: and the image")
    peer.run("bash", "-c", f"exec 5<>/dev/tcp/{host.address}/80; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&5; cat <&5")
    ok(told(host, f"event.action:accept and service.name:nginx and source.ip:{peer.address}"),
       f"{letter}: a connection from the other host")


class Outside:
    """The machine beside the hosts: a web server and a program of a name of its own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="daemonsec-scope.", dir="/var/tmp")
        for name in ("nginx", "outside"):
            shutil.copy("/bin/sleep", f"{self.dir}/{name}")
        self.shell = subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, text=True)
        self.do(f"{self.dir}/nginx 1000 & trap 'kill $!' EXIT")

    def do(self, command):
        self.shell.stdin.write(command + "\n")
        self.shell.stdin.flush()

    def act(self):
        self.do(f"{self.dir}/outside 0; echo x >{self.dir}/outside.file; mv {self.dir}/outside.file {self.dir}/outside.2")
        self.do(f"exec 5<>/dev/tcp/10.99.0.1/{site.port}; exec 5>&-")

    def close(self):
        self.shell.stdin.close()
        self.shell.wait(10)
        shutil.rmtree(self.dir, ignore_errors=True)


def inside(host):
    """pid -> command of everything that runs in the host, by its own names."""
    r = host.run("ps", "-eo", "pid=,comm=")
    return dict(line.split(None, 1) for line in r.stdout.splitlines())


def check_apart(host, other):
    """After both and the machine have acted and every agent has spoken since."""
    mine = site.events(f'host.name:"{host.name}"', limit=500)
    text = json.dumps(mine)
    ok(len(mine) > 20, f"{host.letter}: {len(mine)} events")
    foreign = [w for w in (f"run-{other.letter}", f"stay-{other.letter}", f"file-{other.letter}", f"box-{other.letter}",
                           outside.dir) if w in text]
    ok(not foreign, f"{host.letter}: nothing of {other.letter} or of the machine {foreign or ''}")
    sources = {field(e, "source.ip") for e in mine if field(e, "event.action") == "connect"} - {None}
    ok(sources <= {host.address, "127.0.0.1", "::1"}, f"{host.letter}: its connections are its own {sources}")
    running, wrong = inside(host), []
    for d in site.all("daemons"):
        if d["host"]["name"] == host.name and d.get("pid") and d["state"] != "gone" and str(d["pid"]) not in running:
            wrong.append((d["name"], d["pid"]))
    ok(not wrong, f"{host.letter}: daemons' pids are the host's {wrong or ''}")
    names = {d["name"] for d in site.all("daemons") if d["host"]["name"] == host.name}
    strange = {n for n in names if not n.endswith(".service") and n not in
               ("container:web", "cron/job", "systemd-run/job", "login/session")}
    ok(not strange and "container:" + other.name not in names, f"{host.letter}: no daemons of elsewhere {strange or ''}")


def check_machine():
    """That all of it could be seen."""
    e = found(f'process.executable:"{outside.dir}/outside" and event.action:exec')
    ok(e and e["service"]["name"] == "outside", "machine: what happens outside of the hosts")
    for h in (a, b):
        e = found(f'service.name:"container:{h.name}" and process.executable:"/opt/run-{h.letter}"')
        ok(e and e["host"]["name"] == socket.gethostname(), f"machine: {h.letter} is a container")


fleet, outside = Fleet(), None
try:
    with Site({"server.listen": "10.99.0.1:7443"}) as site:
        outside = Outside()
        site.agent("machine", f"{outside.dir}/outside,container:ds-scope?-{os.getpid()}",
                   {"server.address": f"10.99.0.1:{site.port}"})
        a, b = fleet.host(site, "a"), fleet.host(site, "b")
        if ok(a and b, "two hosts come up") and ok(
                wait(lambda: len(site.connected()) == 3, 30), "both agents are connected"):
            check_host(a, b)
            outside.act()
            check_host(b, a)
            outside.act()
            # What was seen before this has arrived when it has.
            for h in (a, b):
                do(h, f"/opt/run-{h.letter} 0.01 last")
                ok(told(h, 'event.action:exec and process.command_line:*last'), f"{h.letter}: all has arrived")
            check_apart(a, b)
            check_apart(b, a)
            check_machine()
            for h in site.connected():
                say(f"{h['name']}: {h['sensors']}")
            ok(all("does not run" not in h["sensors"] for h in site.connected()), "every sensor runs in a namespace")
        if len([h for h in fleet.hosts if h.pid]) == 2 and len(site.connected()) < 3:
            for h in fleet.hosts:
                say(h.run("journalctl", "-n", "40", "--no-pager", "-u", "daemonsec-agent").stdout)
finally:
    if outside:
        outside.close()
    fleet.close()
done()
