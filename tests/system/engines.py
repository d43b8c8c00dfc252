#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real podman, containerd by ctr and as Kubernetes talks to it, and runc by itself, each where it is installed: their containers are
daemons under the names that they were given, with image and digest, read from what the engines keep; podman starts one anew, the
others cannot and say so."""
import glob

import cri
from harness import *
from orders import start_us

isolate()
need("runc")
if SANITIZED:
    skip_all("nothing in it that the plain run does not cover")
dir = tempfile.mkdtemp(prefix="daemonsec-engines.", dir="/var/tmp")
tree = f"{dir}/tree"
SOCKET = "/run/containerd/containerd.sock"
PLUGINS = "/usr/lib/cni"  # of pods' networks
NAME = f"ds{os.getpid()}{os.path.basename(dir)[-8:]}".replace("_", "x")  # of no other test's control group
BOX = "box" + NAME
begun = []


def own_copies():
    """/etc as it is, but what is written there is gone with the test; nothing of the host's in /run and below podman's root."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    for d in ("up", "work"):
        os.makedirs(f"/mnt/etc/{d}")
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=/etc,upperdir=/mnt/etc/up,workdir=/mnt/etc/work", "/etc"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs("/etc/containers", exist_ok=True)
    with open("/etc/containers/containers.conf", "w") as f:
        f.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
                f'[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n[engine.runtimes]\nrunc = ["{shutil.which("runc")}"]\n')
    with open("/etc/containers/storage.conf", "w") as f:
        f.write(f'[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "{dir}/pods"\n')


def do(*args, **kw):
    r = subprocess.run(args, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **kw)
    if r.returncode != 0:
        say(f"{' '.join(args)}: {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def make_tree():
    for name in ("sh", "sleep"):
        path = os.path.realpath(shutil.which(name))
        words = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout.split()
        for source, target in [(path, "/bin/" + name)] + [(w, w) for w in words if w.startswith("/")]:
            os.makedirs(tree + os.path.dirname(target), exist_ok=True)
            shutil.copy(source, tree + target)
    for d in ("proc", "sys", "dev", "run", "tmp"):
        os.makedirs(f"{tree}/{d}")
    subprocess.run(["tar", "-C", tree, "-cf", f"{dir}/tree.tar", "."], check=True)


def podman():
    if not shutil.which("podman"):
        return None
    do("podman", "import", f"{dir}/tree.tar", "localhost/shop:3")
    run = ["podman", "run", "-d", "--network", "none", "--cgroup-parent", "/pods" + NAME]
    if do(*run, "--name", "pod", "localhost/shop:3", "/bin/sleep", "1000").returncode != 0:
        return None
    begun.append(lambda: do("podman", "rm", "-f", "-t", "0", "pod", "short"))
    do(*run, "--rm", "--name", "short", "localhost/shop:3", "/bin/sleep", "1000")
    return do("podman", "inspect", "-f", "{{.Image}}", "pod").stdout.strip().removeprefix("sha256:")


def runc():
    os.makedirs(f"{dir}/bundle")
    do("runc", "spec", cwd=f"{dir}/bundle")
    with open(f"{dir}/bundle/config.json") as f:
        c = json.load(f)
    c["process"].update(args=["/bin/sleep", "1000"], terminal=False)
    c["process"].pop("rlimits", None)
    c["root"]["path"] = tree
    with open(f"{dir}/bundle/config.json", "w") as f:
        json.dump(c, f)
    with open(f"{dir}/runc.log", "w+") as log:  # the container keeps it open
        r = subprocess.run(["runc", "run", "-d", NAME], cwd=f"{dir}/bundle", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.seek(0)
        say(log.read())
    if r.returncode == 0:
        begun.append(lambda: do("runc", "delete", "-f", NAME))
    return r.returncode == 0


def import_image(env="RUN=one"):
    """Of one name, for ctr and for Kubernetes; its digest, as containerd tells it."""
    made = cri.archive(tree, f"{dir}/image.tar", "localhost/shop:3", ["/bin/sleep", "1000"], env)
    for space in ("default", "k8s.io"):
        do("ctr", "-n", space, "images", "import", "--snapshotter", "native", f"{dir}/image.tar")
    listed = do("ctr", "-n", "k8s.io", "images", "ls", "name==localhost/shop:3").stdout
    return made if made in listed else None


def containerd():
    """Its data is elsewhere than usual, as its configuration says; the digest of what its containers run."""
    if not shutil.which("containerd") or not shutil.which("ctr"):
        return None
    os.makedirs("/etc/containerd", exist_ok=True)
    with open("/etc/containerd/config.toml", "w") as f:
        f.write(f'version = 2\nroot = "{dir}/containerd"\ndisabled_plugins = ["io.containerd.internal.v1.opt"]\n'
                '[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "localhost/shop:3"\n  restrict_oom_score_adj = true\n'
                f'[plugins."io.containerd.grpc.v1.cri".cni]\n  bin_dir = "{PLUGINS}"\n'
                '[plugins."io.containerd.grpc.v1.cri".containerd]\n  snapshotter = "native"\n')
    os.makedirs("/etc/cni/net.d", exist_ok=True)
    with open("/etc/cni/net.d/10-shop.conflist", "w") as f:
        json.dump({"cniVersion": "0.4.0", "name": "shop", "plugins": [
            {"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.78.0.0/16", "dataDir": "/run/networks"}}]}, f)
    p = Process(["containerd"], f"{dir}/containerd.log")
    begun.append(p.stop)
    if not wait(lambda: subprocess.run(["ctr", "version"], capture_output=True).returncode == 0, 30, 0.1):
        return None
    return import_image()


def ctr_end():
    do("ctr", "task", "rm", "-f", BOX)
    do("ctr", "container", "rm", BOX)


def ctr_run():
    begun.append(ctr_end)
    return do("ctr", "run", "-d", "--snapshotter", "native", "localhost/shop:3", BOX).returncode == 0


def pod(name):
    p = cri.Pod(SOCKET, name + NAME, "shop", f"/pods{NAME}/burstable/{name}", os.path.exists(PLUGINS + "/ptp"))
    begun.append(p.remove)
    p.container = p.run("api", "localhost/shop:3", "/bin/sleep", "1000")
    return p


def clean():
    for end in reversed(begun):
        end()
    for top in glob.glob(f"/sys/fs/cgroup/*/*{NAME}") + glob.glob("/sys/fs/cgroup/*/default"):
        for d, _, _ in os.walk(top, topdown=False):
            look(lambda: not os.path.exists(d) or os.rmdir(d) is None, 5, 0.1)
    subprocess.run(f"umount -q {dir}/pods/overlay", shell=True)
    shutil.rmtree(dir, ignore_errors=True)


def known(name):
    found = wait(lambda: [d for d in site.all("daemons") if d["name"] == "container:" + name and d.get("executable") == "/bin/sleep"])
    if not found:
        say([(d["name"], d.get("executable"), d.get("pid")) for d in site.all("daemons")])
    return found[0] if found else {}


def apply(kind, *args):
    id = json.loads(site.ctl("-o", "json", "reactions", "apply", kind, "--host", host, *args).stdout)["id"]
    wait(lambda: site.get("reactions/" + id)["status"] not in ("pending", "sent", "applied"))
    return site.get("reactions/" + id)


def undo(r):
    site.ctl("reactions", "undo", r["id"])
    return wait(lambda: site.get("reactions/" + r["id"])["status"] == "undone")


def who(d):
    return "--pid", str(d["pid"]), "--start", str(start_us(d["pid"])), "--daemon", d["name"]


def check_podman(image):
    d = known("pod")
    ok(d.get("image") == "localhost/shop:3@sha256:" + image and d["container_name"] == "pod", "podman: name, image, digest")
    ok(known("short").get("image") == d.get("image"), "also of what is removed at its end")
    r = apply("restart", "--unit", "container:pod", "--daemon", "container:pod")
    now = int(do("podman", "inspect", "-f", "{{.State.Pid}}", "pod").stdout)
    ok(r["status"] == "verified" and now not in (0, d.get("pid")), f"started anew by podman: {r.get('result', {}).get('text')}")


def check_named(what, name):
    d = known(name)
    ok(d.get("container") == name and d.get("container_name") == name, f"{what}: the name that was chosen")
    r = apply("restart", "--unit", "container:" + name, "--daemon", "container:" + name)
    ok(r["status"] == "failed" and "restart" in r["result"]["text"], f"it restarts nothing, and says so: {r['result']['text']}")


def frozen(d):
    """Whether its control group is, by the freezer of either version."""
    with open(f"/proc/{d['pid']}/cgroup") as f:
        paths = [line.rstrip().split(":", 2)[1:] for line in f]
    for controllers, path in paths:
        file = {"freezer": f"/sys/fs/cgroup/freezer{path}/freezer.state", "": f"/sys/fs/cgroup/unified{path}/cgroup.freeze"}.get(controllers)
        if file and os.path.exists(file) and open(file).read().strip() in ("FROZEN", "1"):
            return True
    return False


def check_block(d, reach):
    rules = lambda: subprocess.run(["nsenter", "-t", str(d["pid"]), "-n", "nft", "list", "tables"], capture_output=True, text=True).stdout
    r = apply("block_ip", "--address", "10.77.9.1", "--daemon", d["name"], "--reach", reach)
    ok(r["status"] == "verified" and "daemonsec" in rules() and undo(r) and "daemonsec" not in rules(),
       f"an address is blocked in its own network, and let in again: {r['result']['text']}")


def check_reactions(d, reach):
    """What is done to a container of containerd's is done to it alone, but that a pod has one network."""
    r = apply("freeze", *who(d), "--unit", d["name"])
    ok(r["status"] == "verified" and frozen(d) and undo(r) and not frozen(d), f"frozen by its control group, and goes on: {r['result']['text']}")
    if os.readlink(f"/proc/{d['pid']}/ns/net") != os.readlink("/proc/self/ns/net"):
        check_block(d, reach)
    r = apply("kill", *who(d))
    ok(r["status"] == "verified" and wait(lambda: not os.path.exists(f"/proc/{d['pid']}")) and
       r["result"]["evidence"].get("image") == d["image"], f"killed, and its image is told with the evidence: {r['result']['text']}")


def check_ctr(digest):
    d = known(BOX)
    ok(d.get("image") == "localhost/shop:3@" + digest, "containerd: a container of ctr has its image and the image's digest")
    check_reactions(d, "daemon_only")
    ctr_end()
    other = import_image("RUN=another")
    ok(other != digest and ctr_run(), "another image gets the name")
    d = wait(lambda: [d for d in site.all("daemons") if d["name"] == "container:" + BOX and d.get("image") == "localhost/shop:3@" + other])
    versions = lambda: [v for v in site.get(f"daemons/{d[0]['id']}/versions")["items"] if v["reason"] == "image" and v.get("image") == d[0]["image"]]
    ok(d and wait(versions), "which is a new version of the daemon")


def check_pod(p, digest):
    d = known(f"shop/{p.name}/api")
    ok(d.get("image") == "localhost/shop:3@" + digest and d.get("container") == p.container,
       "Kubernetes: a container of a pod has namespace, pod and name, image and digest")
    return d


def check_pause(pods):
    names = {d["name"] for d in site.all("daemons") if d["host"]["id"] == host}
    ok("container:kubernetes/pause" in names and not [n for n in names for p in pods if n == "container:" + p.id[:12]],
       "what holds the pods is one daemon for all of them")
    r = apply("restart", "--unit", "container:kubernetes/pause", "--daemon", "container:kubernetes/pause")
    ok(r["status"] == "failed", f"and is not started anew: {r['result']['text']}")


own_copies()
make_tree()
try:
    image, has_runc, digest = podman(), runc(), containerd()
    if not has_runc and not image:
        skip_all("neither runc nor podman can run a container here")
    pods = [pod("old")] if digest else []
    with Site() as site:
        site.agent(monitor="container:*", options={"reaction.ceiling": "kill,freeze,block_ip,restart"})
        host = site.all("hosts")[0]["id"]
        if image:
            check_podman(image)
        if has_runc:
            check_named("runc", NAME)
        if digest:
            check_pod(pods[0], digest)
            pods.append(pod("new"))
            d = check_pod(pods[1], digest)
            check_pause(pods)
            check_reactions(d, "daemon")
            ok(ctr_run(), "ctr starts a container")
            check_named("containerd", BOX)
            check_ctr(digest)
finally:
    clean()
done()
