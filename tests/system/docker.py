#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real docker: what a container does is its own, under its name and with its image; where dockerd does not start, skips."""
import glob

from harness import *

isolate()
need("dockerd", "docker")
if SANITIZED:
    skip_all("nothing in it that the plain run does not cover")
dir = tempfile.mkdtemp(prefix="daemonsec-docker.", dir="/var/tmp")
CGROUP = f"ds-docker-{os.getpid()}.{os.path.basename(dir)[-8:]}"
SOCKET = f"unix://{dir}/docker.sock"


def own_copies():
    """/etc and /var/lib as they are, but what is written there is gone with the test; docker's data is on a real disk."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    for n, path in enumerate(("/etc", "/var/lib")):
        for d in ("up", "work"):
            os.makedirs(f"/mnt/{n}/{d}")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={path},upperdir=/mnt/{n}/up,workdir=/mnt/{n}/work", path], check=True)
    os.makedirs("/var/lib/docker", exist_ok=True)
    os.makedirs(f"{dir}/data")
    subprocess.run(["mount", "--bind", f"{dir}/data", "/var/lib/docker"], check=True)


def docker(*args, **kw):
    return subprocess.run(["docker", "-H", SOCKET, *args], capture_output=True, text=True, timeout=60, **kw)


def start():
    p = Process(["dockerd", "-H", SOCKET, "--exec-root", f"{dir}/exec", "-p", f"{dir}/pid", "--iptables=false",
                 "--ip6tables=false", "--bridge=none", "--cgroup-parent", "/" + CGROUP], f"{dir}/log")
    if wait(lambda: docker("info").returncode == 0 or not p.alive(), 30, 0.2) and p.alive():
        return p
    say(p.tail(8))
    p.stop()
    return None


def make_image(env="RUN=one"):
    """Of three programs and their libraries."""
    tree = f"{dir}/tree"
    for name in ("sh", "sleep", "cp"):
        path = os.path.realpath(shutil.which(name))
        r = subprocess.run(["ldd", path], capture_output=True, text=True, check=True)
        words = r.stdout.split()
        for source, target in [(path, "/bin/" + name)] + [(w, w) for w in words if w.startswith("/")]:
            os.makedirs(tree + os.path.dirname(target), exist_ok=True)
            shutil.copy(source, tree + target)
    tar = subprocess.run(["tar", "-C", tree, "-c", "."], capture_output=True, check=True)
    return subprocess.run(["docker", "-H", SOCKET, "import", "-c", "ENV " + env, "-", "shop:3"], input=tar.stdout, capture_output=True).returncode == 0


def newest(q):
    events = wait(lambda: site.events(q), 20, 0.1)
    return events[0] if events else {}


def check():
    e = newest('event.action:exec and process.executable:"/bin/sleep" and service.name:"container:web"')
    ok(e, "a program of a container that is started is told as container:web")
    d = wait(lambda: [d for d in site.all("daemons") if d["name"] == "container:web" and d.get("image")])
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
    docker("exec", "old", "/bin/cp", "/bin/sleep", "/bin/other")
    e = newest('event.action:create and file.path:"/bin/other"')
    ok(e.get("service", {}).get("name") == "container:old", "a container that ran before the agent")


def clean():
    docker("kill", "web", "old")
    engine.stop()
    for top in glob.glob(f"/sys/fs/cgroup/*/{CGROUP}"):
        for d, _, _ in os.walk(top, topdown=False):
            wait(lambda: not os.path.exists(d) or os.rmdir(d) is None, 5)
    shutil.rmtree(dir, ignore_errors=True)


own_copies()
engine = start()
if not engine:
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
        site.agent(monitor="container:*")
        run("web")
        check()
finally:
    clean()
done()
