#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real podman, containerd by ctr, and runc by itself, each where it is installed: their containers are daemons under the names
that they were given, read from what the engines keep; podman starts one anew, the others cannot and say so."""
import glob

from harness import *

isolate()
need("runc")
if SANITIZED:
    skip_all("nothing in it that the plain run does not cover")
dir = tempfile.mkdtemp(prefix="daemonsec-engines.", dir="/var/tmp")
tree = f"{dir}/tree"
NAME = f"ds{os.getpid()}{os.path.basename(dir)[-8:]}".replace("_", "x")  # of no other test's control group
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


def ctr():
    if not shutil.which("containerd") or not shutil.which("ctr"):
        return False
    p = Process(["containerd", "--root", f"{dir}/containerd", "--state", "/run/containerd", "--address", "/run/containerd/containerd.sock"],
                f"{dir}/containerd.log")
    begun.append(p.stop)
    if not wait(lambda: subprocess.run(["ctr", "version"], capture_output=True).returncode == 0, 30, 0.1):
        return False
    if do("ctr", "run", "-d", "--rootfs", tree, "box" + NAME, "/bin/sleep", "1000").returncode != 0:
        return False
    begun.append(lambda: (do("ctr", "task", "rm", "-f", "box" + NAME), do("ctr", "container", "rm", "box" + NAME)))
    return True


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
    return found[0] if found else {}


def apply(kind, *args):
    id = json.loads(site.ctl("-o", "json", "reactions", "apply", kind, "--host", host, *args).stdout)["id"]
    wait(lambda: site.get("reactions/" + id)["status"] not in ("pending", "sent", "applied"))
    return site.get("reactions/" + id)


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


own_copies()
make_tree()
try:
    image, has_runc = podman(), runc()
    if not has_runc and not image:
        skip_all("neither runc nor podman can run a container here")
    with Site() as site:
        site.agent(monitor="container:*")
        host = site.all("hosts")[0]["id"]
        has_ctr = ctr()
        if image:
            check_podman(image)
        if has_runc:
            check_named("runc", NAME)
        if has_ctr:
            check_named("containerd", "box" + NAME)
finally:
    clean()
done()
