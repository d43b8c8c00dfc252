#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real docker: what a container does is its own, under its name and with its image; what is done to it is done to it alone,
and taken back; where no file tells its name, its engine is asked. Skips where dockerd does not start."""
import glob

from harness import *

isolate()
need("dockerd", "docker", "nft", "nsenter")
from orders import start_us
if SANITIZED:
    skip_all("nothing in it that the plain run does not cover")
dir = tempfile.mkdtemp(prefix="daemonsec-docker.", dir="/var/tmp")
CGROUP = f"ds-docker-{os.getpid()}.{os.path.basename(dir)[-8:]}"
SOCKET = "/run/docker.sock"  # where everybody has it: /run is the test's own
FAR, SHOP = "10.77.9.1", "10.77.9.2"
SERVER = ('socket(S,2,1,0);setsockopt(S,1,2,pack("i",1));bind(S,pack("S n a4 x8",2,80,"\\0\\0\\0\\0")) or die;listen(S,99);'
          'socket(H,2,1,0);bind(H,pack("S n a4 x8",2,81,"\\0\\0\\0\\0")) or die;listen(H,9);'
          'if(!fork){accept(D,H);syswrite D,"hello";sleep 1000}'
          'while(accept(C,S)){syswrite C,"hello";close C}')
HOLD = f"""import socket
s = socket.create_connection(("{SHOP}", 81), timeout=60)
print(s.recv(5), flush=True)
try:
    print(s.recv(5), flush=True)
except ConnectionResetError:
    print("cut", flush=True)
"""
CLIENT = f"""import socket, sys
s = socket.create_connection(("{SHOP}", 80), timeout=float(sys.argv[1]))
assert s.recv(5) == b"hello"
"""


def own_copies():
    """/etc and /var/lib as they are, but what is written there is gone with the test; docker's data is on a real disk."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    for n, path in enumerate(("/etc", "/var/lib")):
        for d in ("up", "work"):
            os.makedirs(f"/mnt/{n}/{d}")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={path},upperdir=/mnt/{n}/up,workdir=/mnt/{n}/work", path], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs("/var/lib/docker", exist_ok=True)
    os.makedirs(f"{dir}/data")
    subprocess.run(["mount", "--bind", f"{dir}/data", "/var/lib/docker"], check=True)


def docker(*args, **kw):
    return subprocess.run(["docker", *args], capture_output=True, text=True, timeout=60, **kw)


def start():
    p = Process(["dockerd", "-H", "unix://" + SOCKET, "--exec-root", f"{dir}/exec", "-p", f"{dir}/pid", "--iptables=false",
                 "--ip6tables=false", "--bridge=none", "--cgroup-parent", "/" + CGROUP], f"{dir}/log")
    if wait(lambda: docker("info").returncode == 0 or not p.alive(), 30, 0.2) and p.alive():
        return p
    say(p.tail(8))
    p.stop()
    return None


def make_image(env="RUN=one"):
    """Of four programs and their libraries."""
    tree = f"{dir}/tree"
    for name in ("sh", "sleep", "cp", "perl"):
        path = os.path.realpath(shutil.which(name))
        r = subprocess.run(["ldd", path], capture_output=True, text=True, check=True)
        words = r.stdout.split()
        for source, target in [(path, "/bin/" + name)] + [(w, w) for w in words if w.startswith("/")]:
            os.makedirs(tree + os.path.dirname(target), exist_ok=True)
            shutil.copy(source, tree + target)
    tar = subprocess.run(["tar", "-C", tree, "-c", "."], capture_output=True, check=True)
    return subprocess.run(["docker", "import", "-c", "ENV " + env, "-", "shop:3"], input=tar.stdout, capture_output=True).returncode == 0


def newest(q):
    events = wait(lambda: site.events(q), 20, 0.1)
    return events[0] if events else {}


def versions(name):
    d = [d for d in site.all("daemons") if d["name"] == "container:" + name and d["host"]["id"] == host]
    return site.get(f"daemons/{d[0]['id']}/versions")["items"] if d else []


def check():
    e = newest('event.action:exec and process.executable:"/bin/sleep" and service.name:"container:web"')
    ok(e, "a program of a container that is started is told as container:web")
    begun = time.monotonic()
    d = wait(lambda: [d for d in site.all("daemons") if d["name"] == "container:web" and d.get("image")])
    say(f"the daemon's description came {time.monotonic() - begun:.2f} s after its first event")
    digest = docker("inspect", "-f", "{{.Image}}", "web").stdout.strip()
    ok(d and d[0]["image"] == "shop:3@" + digest and digest.startswith("sha256:") and d[0]["container_name"] == "web",
       "its name, image and the image's digest")
    pid = docker("inspect", "-f", "{{.State.Pid}}", "web").stdout.strip()
    ok(d and str(d[0]["pid"]) == pid, f"its pid is the one that docker tells, {pid}")
    docker("exec", "web", "/bin/cp", "/bin/sleep", "/bin/copy")
    e = newest('event.action:exec and process.executable:"/bin/cp"')
    ok(e.get("service", {}).get("name") == "container:web", "what docker exec starts is the container's")
    e = newest('event.action:create and file.path:"/bin/copy"')
    ok(e.get("service", {}).get("name") == "container:web", "a file, by its name in the container")
    docker("rm", "-f", "web")
    make_image("RUN=another")
    run("web")
    other = docker("inspect", "-f", "{{.Image}}", "web").stdout.strip()
    ok(wait(lambda: [d for d in site.all("daemons") if d["name"] == "container:web" and d.get("image") == "shop:3@" + other], 60)
       and other != digest, "the same name with another image is told by its digest")
    v = wait(lambda: [v for v in versions("web") if v["reason"] == "image" and v.get("image") == "shop:3@" + other])
    ok(v and v[0].get("parent") and v[0].get("warm_until"), "as a deployment: its profile goes on from that of the image before")
    chance = docker("run", "-d", "--rm", "--network", "none", "shop:3", "/bin/sleep", "1000").stdout.strip()
    name = docker("inspect", "-f", "{{.Name}}", chance).stdout.strip().lstrip("/")
    ok(wait(lambda: [v for v in versions(name) if v["reason"] == "sibling"]), "a container of that image under a name by chance takes over its profile")
    docker("kill", chance)
    docker("exec", "old", "/bin/cp", "/bin/sleep", "/bin/other")
    e = newest('event.action:create and file.path:"/bin/other"')
    ok(e.get("service", {}).get("name") == "container:old", "a container that ran before the agent")


def cable(ns, pid):
    """Another host, that has a cable to nobody but the container."""
    inside = ["nsenter", "-t", str(ns.pid), "-n", "ip"]
    subprocess.run([*inside, "link", "add", "shop", "type", "veth", "peer", "name", "eth0", "netns", str(pid)], check=True)
    for prefix, name, address in ((inside, "shop", FAR), (["nsenter", "-t", str(pid), "-n", "ip"], "eth0", SHOP)):
        subprocess.run([*prefix, "addr", "add", address + "/24", "dev", name], check=True)
        subprocess.run([*prefix, "link", "set", name, "up"], check=True)


def reaches(seconds=0.5):
    return subprocess.run(["nsenter", "-t", str(far.pid), "-n", sys.executable, "-c", CLIENT, str(seconds)],
                          stderr=subprocess.DEVNULL).returncode == 0


def rules(pid):
    return subprocess.run(["nsenter", "-t", str(pid), "-n", "nft", "list", "tables"], capture_output=True, text=True).stdout


def apply(kind, *args):
    """What came of it."""
    r = site.ctl("-o", "json", "reactions", "apply", kind, "--host", host, "--ttl", "10m", *args)
    id = json.loads(r.stdout)["id"]
    wait(lambda: site.get("reactions/" + id)["status"] not in ("pending", "sent", "applied"), 60)
    return site.get("reactions/" + id)


def undo(r):
    site.ctl("reactions", "undo", r["id"])
    return wait(lambda: site.get("reactions/" + r["id"])["status"] == "undone", 60)


def pid_of(name):
    return int(docker("inspect", "-f", "{{.State.Pid}}", name).stdout or 0)


def who(pid):
    return "--pid", str(pid), "--start", str(start_us(pid))


def text(r):
    return (r.get("result") or {}).get("text") or r.get("error") or r["status"]


def check_blocks(pid):
    only = ("--daemon", "container:shop", "--reach", "daemon_only")
    r = apply("block_ip", "--address", FAR, *only)
    ok(r["status"] == "verified" and not reaches() and "daemonsec" in rules(pid) and "daemonsec" not in rules(os.getpid()),
       f"an address is blocked for one container, in its own network: {text(r)}")
    ok(undo(r) and reaches(PATIENCE) and "daemonsec" not in rules(pid), "and let in again, nothing is left behind there")
    r = apply("block_port", "--port", "80", *only)
    ok(r["status"] == "verified" and not reaches(), f"a port of it is blocked: {text(r)}")
    ok(undo(r) and reaches(PATIENCE) and "daemonsec" not in rules(pid), "and opened again")


def check_cut(pid):
    """A connection that somebody holds into the container."""
    peer = subprocess.Popen(["nsenter", "-t", str(far.pid), "-n", sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    held = peer.stdout.readline().strip()
    r = apply("cut", "--address", FAR, "--daemon", "container:shop")
    ok(held == "b'hello'" and r["status"] == "verified" and peer.stdout.readline().strip() == "cut" and reaches(PATIENCE),
       f"a connection in its own network is cut: {text(r)}")
    peer.wait(10)


def check_freeze(pid):
    r = apply("freeze", *who(pid), "--unit", "container:shop")
    stopped = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] == "T"
    ok(r["status"] == "verified" and not stopped and not reaches(), f"all of it is frozen by its control group: {text(r)}")
    ok(undo(r) and reaches(PATIENCE), "and goes on")


def check_restart(pid):
    r = apply("restore_file", "--path", "/bin/sleep", "--daemon", "container:shop")
    ok(r["status"] == "failed" and "root of its own" in text(r), f"a file of it is not put back: {text(r)}")
    block = apply("block_ip", "--address", FAR, "--daemon", "container:shop", "--reach", "daemon_only")
    r = apply("restart", "--unit", "container:shop", "--daemon", "container:shop")
    now = pid_of("shop")
    ok(r["status"] == "verified" and now not in (0, pid), f"it is started anew by docker: {text(r)}")
    cable(far, now)
    begun = time.monotonic()
    ok(wait(lambda: "daemonsec" in rules(now) and not reaches(), 60), "what is blocked follows into its next network")
    say(f"{time.monotonic() - begun:.1f} s after its start")
    ok(undo(block) and reaches(PATIENCE), "until that is taken back")
    return now


def check_reboot(agent):
    """As when a host comes up: the agent is there before the container."""
    apply("block_ip", "--address", FAR, "--daemon", "container:shop", "--reach", "daemon_only")
    agent.process.kill()
    docker("kill", "shop")
    agent.start()
    begun = wait(lambda: agent.sessions() and agent.said("effects of orders found in the ledger"), 60)
    docker("start", "shop")
    pid = pid_of("shop")
    cable(far, pid)
    ok(begun and wait(lambda: "daemonsec" in rules(pid) and not reaches(), 60), "what is blocked waits for a container that starts after the agent")
    return pid


def check_kill(pid):
    r = apply("kill", *who(pid), "--daemon", "container:shop")
    evidence = (r.get("result") or {}).get("evidence") or {}
    ended = wait(lambda: docker("inspect", "-f", "{{.State.Running}}", "shop").stdout.strip() == "false", 30)
    ok(r["status"] == "verified" and ended and evidence.get("container_name") == "shop" and
       evidence.get("image", "").startswith("shop:3@sha256:"), f"its first process is killed, and with it the container: {text(r)}")
    r = apply("restart", "--unit", "container:shop", "--daemon", "container:shop")
    ok(r["status"] == "verified" and pid_of("shop"), f"what was killed can be started again: {text(r)}")


def check_reactions():
    docker("run", "-d", "--name", "shop", "--network", "none", "shop:3", "/bin/sh", "-c", f"/bin/sleep 1000 & exec /bin/perl -e '{SERVER}'")
    pid = pid_of("shop")
    cable(far, pid)
    known = wait(lambda: [d for d in site.all("daemons") if d["name"] == "container:shop" and d.get("pid") == pid], 30)
    ok(known and wait(reaches, 30), "a container with a network of its own serves another host")
    check_blocks(pid)
    check_cut(pid)
    check_freeze(pid)
    check_kill(check_restart(pid))


def check_release(agent, pid):
    """Before an agent is removed from a host that blocks somebody."""
    agent.stop()
    released = subprocess.run([program("daemonsec-agent"), "-c", agent.conf, "--release"], capture_output=True).returncode
    ok(released == 0 and "daemonsec" not in rules(pid) and reaches(PATIENCE), "an agent that goes for good leaves no rule in a container's network")


def check_socket():
    """An agent that cannot read docker's files."""
    begun = time.monotonic()
    hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /var/lib/docker/containers && exec "$@"', "sh"]
    site.agent("blind", monitor="container:*", prefix=hide, options={"containers.sockets": SOCKET})
    blind = [h["id"] for h in site.all("hosts") if h["id"] != host][0]
    digest = docker("inspect", "-f", "{{.Image}}", "shop").stdout.strip()
    d = wait(lambda: [d for d in site.all("daemons") if d["host"]["id"] == blind and d["name"] == "container:shop" and d.get("image")])
    ok(d and d[0]["image"] == "shop:3@" + digest, f"by its socket docker tells name and image, {time.monotonic() - begun:.1f} s after the agent's start")
    e = lambda: site.events(f'host.id:{blind} and event.action:create and service.name:"container:shop"')
    docker("exec", "shop", "/bin/cp", "/bin/sleep", "/bin/late")
    ok(wait(e), "and what runs in it is told under that name")


def clean():
    docker("kill", "web", "old", "shop")
    far.kill()
    engine.stop()
    for top in glob.glob(f"/sys/fs/cgroup/*/{CGROUP}"):
        for d, _, _ in os.walk(top, topdown=False):
            wait(lambda: not os.path.exists(d) or os.rmdir(d) is None, 5)
    shutil.rmtree(dir, ignore_errors=True)


own_copies()
far = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 3600"], stdout=subprocess.PIPE)
far.stdout.readline()
engine = start()
if not engine:
    far.kill()
    shutil.rmtree(dir, ignore_errors=True)
    skip_all("dockerd does not start here")
try:
    run = lambda name: docker("run", "-d", "--name", name, "--network", "none", "shop:3", "/bin/sleep", "1000")
    made = make_image()
    r = run("old")
    if r.returncode != 0:
        skip_all("docker cannot run a container here: " + r.stderr.strip().splitlines()[-1])
    ok(made, "a container runs")
    with Site() as site:
        agent = site.agent(monitor="container:*", options={"reaction.ceiling": "kill,freeze,block_ip,block_port,restore_file,restart,cut"})
        host = site.all("hosts")[0]["id"]
        run("web")
        check()
        check_reactions()
        check_release(agent, check_reboot(agent))
        check_socket()
finally:
    clean()
done()
