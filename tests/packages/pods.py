#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers on a booted host that has control groups of version 2 only: docker; podman with crun, of root and of a user without
any right; crun by itself; and pods of containerd's, whose control groups systemd makes as with a kubelet; each under its name and
with its image; a user's are his, whatever he calls them."""
import os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import cri
from harness import *
from probe import Probe
from sdhost import Host, layer

need_root()
need("debootstrap")
if SANITIZED:
    skip_all("the host's tree has no sanitizer libraries")
LAYER = ["podman", "crun", "uidmap", "slirp4netns", "dbus-user-session", "busybox-static", "catatonit", "ca-certificates",
         "docker.io"]
if not os.environ.get("DS_MOUNTS"):  # mounts of our own, gone with the test
    layer("pods", LAYER)
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
               dict(os.environ, DS_MOUNTS="1"))
os.environ["PATH"] += ":/usr/sbin:/sbin"
UID = 1234


def prepare(host):
    host.write("/etc/systemd/system/console-getty.service", "")
    # The tests' machines have a root that may not raise limits, as crun does for a filter of devices, and no controllers in version 2.
    host.write("/etc/containers/containers.conf", '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\npids_limit = 0\n'
               '[engine]\nruntime = "crun"\nevents_logger = "file"\n')
    host.write("/etc/containers/storage.conf", '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\n'
               'graphroot = "/var/lib/containers/storage"\n')


def sh(host, text, user=None):
    """As root, or as a user with a session of systemd's."""
    if user:
        text = (f"cd /home/{user}; exec setpriv --reuid={UID} --regid={UID} --clear-groups env -i HOME=/home/{user} USER={user} "
                f"PATH=/usr/sbin:/usr/bin XDG_RUNTIME_DIR=/run/user/{UID} "
                f"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{UID}/bus sh -c '{text}'")
    r = host.run("sh", "-c", text, timeout=180)
    if r.returncode != 0:
        say(f"{text}: {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def make_user(host):
    sh(host, f"useradd -m -u {UID} alice && echo alice:100000:65536 >/etc/subuid && cp /etc/subuid /etc/subgid && loginctl enable-linger alice")
    return wait(lambda: host.run("test", "-S", f"/run/user/{UID}/bus").returncode == 0, 60)


TREE = "mkdir -p ~/tree/bin; cp /bin/busybox ~/tree/bin/sleep; "


def pod(host, name, user=None):
    """A container of an image of its own; the image's id."""
    sh(host, TREE + "tar -C ~/tree -c . | podman import - localhost/shop:3", user)
    sh(host, f"podman run -d --network none {'' if user else '--privileged --cap-drop SYS_RESOURCE '}--name {name} localhost/shop:3 /bin/sleep 1000", user)
    r = sh(host, "podman inspect -f {{.Image}} " + name, user)
    return r.stdout.strip().removeprefix("sha256:")


def docker(host):
    """The image's digest of a container."""
    sh(host, "dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs >/run/dockerd.log 2>&1 &")
    if not wait(lambda: host.run("docker", "info").returncode == 0, 60, 0.5):
        say(sh(host, "tail -5 /run/dockerd.log").stdout)
    sh(host, "tar -C ~/tree -c . | docker import - shop:3 && docker run -d --network none --name box3 shop:3 /bin/sleep 1000")
    return host.run("docker", "inspect", "-f", "{{.Image}}", "box3").stdout.strip()


def crun(host):
    sh(host, r"""mkdir -p /srv/box/rootfs/bin && cd /srv/box && cp /bin/busybox rootfs/bin/sleep && crun spec &&
        sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"\/bin\/sleep", "1000"/; /"rlimits"/,/\]/d; s/"allow": false/"allow": true/; s/"linux": {/"linux": {/' config.json &&
        crun run -d box </dev/null >/run/box.log 2>&1 || cat /run/box.log""")


def containerd(host):
    """An image's digest; its pods' control groups are systemd's."""
    host.write("/etc/containerd/config.toml", """version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/shop:3"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
""")
    sh(host, TREE + "systemctl restart containerd")
    wait(lambda: host.run("ctr", "version").returncode == 0, 60, 0.5)
    digest = cri.archive(f"{host.root}/root/tree", f"{host.root}/root/image.tar", "localhost/shop:3", ["/bin/sleep", "1000"])
    sh(host, "ctr -n k8s.io images import --snapshotter native /root/image.tar")
    return digest


def check_pod(host, probe):
    digest = containerd(host)
    try:
        pod = cri.Pod(f"/proc/{host.pid}/root/run/containerd/containerd.sock", "api", "shop", f"kubepods-burstable-pod{os.getpid()}.slice")
        id = pod.run("api", "localhost/shop:3", "/bin/sleep", "1000")
    except RuntimeError:
        say(sh(host, "journalctl -q -n 5 -u containerd").stdout)
        raise
    e = known(probe, "container:shop/api/api")
    ok(e.get("IMAGE") == "localhost/shop:3@" + digest and e.get("CONTAINER") == id, "a pod of containerd's: namespace, pod, name, image and digest")
    path = next((line for line in sh(host, f"cat /proc/{e.get('PID')}/cgroup").stdout.splitlines() if "name=systemd" in line), "")
    ok(path.endswith(f".slice/cri-containerd-{id}.scope") and "/kubepods.slice/kubepods-burstable.slice/" in path,
       f"in a control group of systemd's: {path}")
    ok(known(probe, "container:kubernetes/pause") and not probe.find(lambda e: pod.id[:12] in e["daemon"]), "what holds the pod is nobody in particular")
    pod.remove()


def known(probe, name):
    """Its program may be runc's for good: exec_scan is blind to what the same process starts next."""
    return probe.wait(lambda e: e["kind"] == "DAEMON" and e["daemon"] == name and e.get("EXE"), 60) or {}


def check(host, probe):
    image = pod(host, "web")
    e = known(probe, "container:web")
    ok(image and e.get("IMAGE") == "localhost/shop:3@sha256:" + image and e["CONTAINER_NAME"] == "web", "podman by crun: name, image, digest")
    image = docker(host)
    e = known(probe, "container:box3")
    ok(image and e.get("IMAGE") == "shop:3@" + image and e["CONTAINER_NAME"] == "box3", "docker: likewise")
    ok(make_user(host), "a user has a systemd of his own")
    image = pod(host, "web", "alice")
    e = known(probe, "container:~alice/web")
    ok(image and e.get("IMAGE") == "~alice/localhost/shop:3@sha256:" + image and e["CONTAINER_NAME"] == "web",
       "podman of a user: likewise, and his, though another is called so")
    crun(host)
    e = known(probe, "container:box")
    ok(e.get("CONTAINER") == "box", "crun by itself: the name that was chosen")


def on_host(layout, v1, check):
    host = Host("ds-pods", layout, lower=layer("pods", LAYER), v1=v1)
    try:
        prepare(host)
        if not ok(host.boot(), f"a host comes up, {layout}"):
            say(open(host.dir + "/log").read())
            return
        probe = Probe(host.dir + "/probe.log", ["-c", "exec /build/tests/system/attrib_probe -i 1000 -s exec_scan"],
                      prefix=[*host.enter(), "sh"], direct=True)
        check(host, probe)
        probe.stop()
    finally:
        host.close()


on_host("unified", (), check)
# runc wants the controllers that a pod's shares are of, and there are none in version 2 here.
on_host("hybrid", ("systemd", "memory", "cpu", "pids", "devices", "freezer", "cpuset", "blkio"), check_pod)
done()
