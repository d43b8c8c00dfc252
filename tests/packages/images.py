#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The images as scripts/images makes them, started as dist/containers/compose.yaml says: server and agent are well, and what another
container does arrives under its name. Prometheus and Grafana are images of others and not part of this.

For `make check-packages`: it builds everything once more, with packages from the network. DS_IMAGES=DIR takes a docker's data root with
the images in it.
"""
import os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

DIR = os.environ.get("DS_IMAGES") or os.environ.get("DS_BUILDING") or os.path.join("/var/tmp", f"daemonsec-images.{os.getpid()}")
CGROUP = f"ds-images-{os.path.basename(DIR)[-12:]}"
COMPOSE = os.path.join(TOP, "dist/containers/compose.yaml")


def engine(data):
    """/run is our own: the socket is where everybody has it."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    p = Process(["dockerd", "--data-root", data, "--exec-root", "/run/docker", "-p", "/run/docker.pid", "-H", "unix:///run/docker.sock",
                 "--iptables=false", "--ip6tables=false", "--bridge=none", "--cgroup-parent", "/" + CGROUP], DIR + ".log")
    if not wait(lambda: docker("info").returncode == 0 or not p.alive(), 30, 0.2) or not p.alive():
        skip_all("dockerd does not start here: " + p.tail(1))
    return p


def docker(*args, **kw):
    return subprocess.run(["docker", *args], capture_output=True, text=True, **kw)


def build():
    """With the network of the host, and mounts and processes of its own."""
    if os.environ.get("DS_IMAGES"):
        return
    if os.environ.get("DS_BUILDING"):
        p = engine(DIR)
        r = subprocess.run([os.path.join(TOP, "scripts/images"), "--base", "--", "--network", "host"], stdin=subprocess.DEVNULL)
        p.stop()
        sys.exit(r.returncode)
    os.makedirs(DIR)
    r = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
                        sys.executable, __file__], env=dict(os.environ, DS_BUILDING=DIR), capture_output=True, text=True)
    if r.returncode != 0:
        ok(False, "scripts/images builds both images")
        say("\n".join((r.stdout + r.stderr).splitlines()[-20:]))
        done()
    # What is said of it is said by the one that goes on: isolate() begins anew.
    os.environ["DS_IMAGES"] = DIR
    os.environ["DS_IMAGES_OURS"] = "1"


def own_copies():
    """Our /etc, /var/lib and docker's data are seen by nobody else, and gone with the test."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    for n, path in enumerate(("/etc", "/var/lib")):
        for d in ("up", "work"):
            os.makedirs(f"/mnt/{n}/{d}")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={path},upperdir=/mnt/{n}/up,workdir=/mnt/{n}/work", path], check=True)
    os.makedirs("/var/lib/docker", exist_ok=True)
    os.makedirs("/etc/daemonsec", exist_ok=True)
    subprocess.run(["mount", "--bind", DIR, "/var/lib/docker"], check=True)


def run(name):
    """A service of the compose file, as compose would."""
    import yaml
    with open(COMPOSE) as f:
        s = yaml.safe_load(f)["services"][name]
    args = ["run", "-d", "--name", "ds-" + name, "--network", s["network_mode"]]
    for key, option in (("user", "--user"), ("pid", "--pid"), ("cgroup", "--cgroupns")):
        args += [option, s[key]] if key in s else []
    for key, option in (("cap_drop", "--cap-drop"), ("cap_add", "--cap-add"), ("security_opt", "--security-opt"), ("tmpfs", "--tmpfs"),
                        ("volumes", "-v")):
        for value in s.get(key, []):
            args += [option, value]
    return docker(*args, *["--read-only"] * s.get("read_only", False), "daemonsec-" + name)


def ctl(*args):
    return docker("exec", "ds-server", "daemonsec-ctl", "--server", "unix:/run/daemonsec/api.sock", "-o", "json", *args)


def items(*args):
    try:
        found = json.loads(ctl(*args).stdout)
    except ValueError:
        return []
    return found.get("items", []) if isinstance(found, dict) else found


def check_server():
    r = run("server")
    if not ok(r.returncode == 0 and wait(lambda: ctl("status").returncode == 0, 60, 0.3), "the server's container is up"):
        say(r.stderr + docker("logs", "ds-server").stderr)
        done()
    info = json.loads(docker("inspect", "ds-server").stdout)[0]
    status = open(f"/proc/{info['State']['Pid']}/status").read()
    ok(re.search(r"Uid:\s+10001\s", status) and re.search(r"CapEff:\s+0+\n", status) and re.search(r"CapBnd:\s+0+\n", status) and
       info["HostConfig"]["ReadonlyRootfs"], "it is nobody's root, has no capability, and cannot write to its root")
    ok(docker("exec", "ds-server", "touch", "/usr/x").returncode != 0, "not even by hand")
    ok(wait(lambda: json.loads(docker("inspect", "ds-server").stdout)[0]["State"]["Health"]["Status"] == "healthy", 120, 1), "docker calls it healthy")


def check_agent():
    """With the configuration of doc/containers.md, but for what is watched: this machine has other things to do."""
    token = json.loads(ctl("tokens", "create", "--address", "127.0.0.1:7443").stdout)
    with open("/etc/daemonsec/enrolment-token", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(token["token"] + "\n")
    with open("/etc/daemonsec/daemonsec.conf", "w") as f:
        f.write("[general]\nmonitor_daemons = container:*\n[server]\ntoken_file = /etc/daemonsec/enrolment-token\n")
    r = run("agent")
    if not ok(r.returncode == 0 and wait(lambda: [h for h in items("hosts") if h.get("connected")], 60, 0.5), "the agent's container enrols and is connected"):
        say(r.stderr + docker("logs", "ds-agent").stderr[-3000:])
        done()
    info = json.loads(docker("inspect", "ds-agent").stdout)[0]
    ok(not info["HostConfig"]["Privileged"] and info["HostConfig"]["ReadonlyRootfs"], "it is not privileged, and cannot write to its root")
    sensing = [line for line in docker("logs", "ds-agent").stderr.splitlines() if "sensing" in line]
    ok(sensing and "fallback" not in sensing[0], f"its BPF sensors work: {sensing and sensing[0][-200:]}")


def check_other():
    docker("run", "-d", "--name", "web", "--network", "none", "debian:bookworm-slim", "/bin/sleep", "1000")
    docker("exec", "web", "/bin/cp", "/bin/true", "/tmp/copy")
    e = wait(lambda: items("events", 'event.action:create and file.path:"/tmp/copy"'), 60, 0.5)
    ok(e and e[0]["service"]["name"] == "container:web", "what another container does arrives, under its name")
    d = wait(lambda: [d for d in items("daemons") if d["name"] == "container:web" and d.get("image")], 60, 0.5)
    ok(d and d[0]["image"].startswith("debian:bookworm-slim@sha256:"), f"with its image: {d and d[0]['image']}")


if not os.environ.get("DS_ISOLATED"):
    need_root()
    need("dockerd", "docker", "debootstrap")
    build()
isolate()
own_copies()
if os.environ.get("DS_IMAGES_OURS"):
    ok(os.listdir(DIR), "scripts/images builds both images")
p = engine("/var/lib/docker")
try:
    docker("rm", "-f", "ds-server", "ds-agent", "web")
    docker("volume", "rm", "server", "agent")
    check_server()
    check_agent()
    check_other()
finally:
    docker("rm", "-f", "ds-server", "ds-agent", "web")
    docker("volume", "rm", "server", "agent")
    p.stop()
    for d in subprocess.run(f"find /sys/fs/cgroup/*/{CGROUP} -depth -type d", shell=True, capture_output=True, text=True).stdout.split():
        look(lambda: not os.path.exists(d) or os.rmdir(d) is None, 5, 0.1)
    if os.environ.get("DS_IMAGES_OURS"):
        subprocess.run(["umount", "/var/lib/docker"])
        shutil.rmtree(DIR, ignore_errors=True)
done()
