# SPDX-License-Identifier: GPL-2.0-or-later
"""sdhost - a Debian host with a systemd of its own, booted with unshare: cgroup v1 (name=systemd) and v2 beside it, or v2 only.

The tree is made once with debootstrap (a minute) and kept in DS_TEST_CACHE, /var/tmp/daemonsec-tests by default; each host
gets an overlay of it.
"""
import ctypes, fcntl, glob

from harness import *

CACHE = os.environ.get("DS_TEST_CACHE", "/var/tmp/daemonsec-tests")
PACKAGES = ("systemd,systemd-sysv,dbus,libpam-systemd,nginx-light,openssh-server,openssh-client,cron,iproute2,procps")
BOOT = r"""
set -e
hostname "$NAME"
mount --bind "$ROOT" "$ROOT"; cd "$ROOT"
mount -t proc proc proc; mount -t sysfs sysfs sys -o ro
mount -t tmpfs -o mode=755 cgroup sys/fs/cgroup
if [ "$LAYOUT" = unified ]; then
	umount sys/fs/cgroup; mount -t cgroup2 cgroup2 sys/fs/cgroup
else
	for h in $V1; do
		o=$h; [ $h = systemd ] && o=none,name=systemd
		mkdir sys/fs/cgroup/$h; mount -t cgroup -o $o cgroup sys/fs/cgroup/$h
	done
	mkdir sys/fs/cgroup/unified; mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
	mount -o remount,ro sys/fs/cgroup
fi
mount -t tmpfs -o mode=755 tmpfs run; mount -t tmpfs -o mode=755 tmpfs dev
for d in null zero full random urandom tty; do touch dev/$d; mount --bind /dev/$d dev/$d; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts; ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm; touch dev/console
ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
mkdir -p build oldr; mount --bind "$BUILT" build
pivot_root . oldr; umount -l /oldr
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init
"""
PYTHON = "/usr/bin/python3.11"
V1 = ("systemd", "memory", "cpu", "pids")


def tree(name="root", packages=PACKAGES):
    """The debootstrap tree, made when it is not there; skips when it cannot be made."""
    root = os.path.join(CACHE, name)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not os.path.exists(root):
            make_tree(root, packages)
    return root


def make_tree(root, packages):
    need("debootstrap")
    say("making a Debian tree with debootstrap, once")
    new = tempfile.mkdtemp(prefix="root.", dir=CACHE)
    r = subprocess.run(["debootstrap", "--variant=minbase", "--include=" + packages, "bookworm", new],
                       capture_output=True, text=True)
    if r.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        skip_all("debootstrap failed: " + r.stdout.strip().splitlines()[-1])
    os.rename(new, root)


def layer(name, packages):
    """The tree with more packages, as lower directories of an overlay; kept like the tree, by name."""
    base, top = tree(), os.path.join(CACHE, name)
    wanted = " ".join(sorted(packages))
    with open(os.path.join(CACHE, name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = top + ".packages"
        if not os.path.exists(note) or open(note).read() != wanted:
            make_layer(base, top, packages)
            with open(note, "w") as f:
                f.write(wanted)
    return f"{top}:{base}"


def make_layer(base, top, packages):
    say("adding packages to the Debian tree, once: " + " ".join(packages))
    new = tempfile.mkdtemp(prefix="layer.", dir=CACHE)
    root = new + "/root"
    for d in ("up", "work", "root"):
        os.makedirs(f"{new}/{d}")
    os.chmod(new + "/up", 0o755)
    shutil.copy("/etc/resolv.conf", new + "/resolv.conf")
    script = f"""set -e
mount -t overlay overlay -o lowerdir={base},upperdir={new}/up,workdir={new}/work {root}
mount --bind /proc {root}/proc; mount --bind /dev {root}/dev
touch {root}/etc/resolv.conf; mount --bind {new}/resolv.conf {root}/etc/resolv.conf
printf '#!/bin/sh\nexit 101\n' >{root}/usr/sbin/policy-rc.d; chmod 755 {root}/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
chroot {root} apt-get -qq update
chroot {root} apt-get -qq -y --no-install-recommends install {' '.join(packages)}
chroot {root} apt-get clean
rm -f {root}/usr/sbin/policy-rc.d"""
    r = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], capture_output=True, text=True)
    if r.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        skip_all("packages could not be added: " + " ".join((r.stdout + r.stderr).strip().splitlines()[-2:]))
    shutil.rmtree(top, ignore_errors=True)
    os.rename(new + "/up", top)
    shutil.rmtree(new, ignore_errors=True)


def cgroup_dirs(name, layout, v1):
    base = "/sys/fs/cgroup"
    if not os.path.exists(base + "/unified"):
        return [f"{base}/{name}"]
    return [f"{base}/unified/{name}"] + ([f"{base}/{h}/{name}" for h in v1] if layout != "unified" else [])


def sweep():
    """What a killed test left behind."""
    for d in glob.glob("/sys/fs/cgroup/*/ds*-[0-9]*"):
        if not os.path.exists("/proc/" + d.rpartition("-")[2]):
            remove_cgroups(d)


def die_with_parent():
    """A test that is killed takes its hosts with it: PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def own_mounts():
    """Runs the rest of the test with mounts of its own, gone with it; the Debian tree is there."""
    need_root()
    if SANITIZED:
        skip_all("the host's tree has no sanitizer libraries")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        skip_all("this kernel has no BTF")
    if not os.environ.get("DS_MOUNTS"):
        tree()
        os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
                   dict(os.environ, DS_MOUNTS="1"))
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if not os.path.exists(PYTHON):
        skip_all("needs the system's python for the sink")


def install_guard(host, options="", programs=()):
    """A guard whose uplink is the sink: the sink's Python, and the libraries that they need and the tree lacks."""
    if not os.path.exists(host.root + PYTHON):
        shutil.copy(PYTHON, host.root + PYTHON)
        shutil.copytree("/usr/lib/python3.11", host.root + "/usr/lib/python3.11", dirs_exist_ok=True, symlinks=True,
                        ignore=shutil.ignore_patterns("test", "config-*", "__pycache__", "ensurepip", "idlelib", "lib2to3"))
    programs = [shutil.which(p) for p in programs]
    for path in programs:
        shutil.copy(path, host.root + os.path.realpath(path))
    signer = os.path.join(BUILD, "tests/system/order_sign")
    libs = subprocess.run(["ldd", PYTHON, program("daemonsec-agent"), signer, *programs], capture_output=True, text=True).stdout
    for path in {w for w in libs.split() if w.startswith("/lib")}:
        if not os.path.exists(host.root + path):
            shutil.copy(os.path.realpath(path), host.root + path)
    shutil.copy(os.path.join(TOP, "tests/system/sink.py"), host.root + "/sink.py")
    host.write("/schema/events.def", open(os.path.join(TOP, "schema/events.def")).read())
    host.write("/sink", f"#!/bin/sh\ntop_srcdir=/ exec {PYTHON} /sink.py \"$@\"\n")
    os.chmod(host.root + "/sink", 0o755)
    host.write("/guard/conf", "[general]\nguard_dir = /kept\nstate_dir = /guard\nrun_dir = /guard\nuplink = /sink\nlog_level = debug\n"
                              "[sensors]\nrepeat_interval = 1s\n" + options)


class Host:
    def __init__(self, name, layout="hybrid", lower=None, v1=V1):
        sweep()
        self.name = f"{name}-{os.getpid()}"
        self.dir = tempfile.mkdtemp(prefix="daemonsec-host.", dir="/var/tmp")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.dir], check=True)
        self.root = self.dir + "/root"
        for d in ("up", "work", "root"):
            os.makedirs(f"{self.dir}/{d}")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={lower or tree()},upperdir={self.dir}/up,workdir={self.dir}/work", self.root], check=True)
        self.cgroups = cgroup_dirs(self.name, layout, v1)
        self.layout, self.v1 = layout, v1
        self.pid = None

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, "w") as f:
            f.write(text)

    def boot(self):
        for d in self.cgroups:
            os.makedirs(d, exist_ok=True)
        env = dict(os.environ, ROOT=self.root, NAME=self.name, LAYOUT=self.layout, V1=" ".join(self.v1), BUILT=os.path.abspath(BUILD))
        join = "".join(f"echo $$ > {d}/cgroup.procs; " for d in self.cgroups)
        script = self.dir + "/boot"
        with open(script, "w") as f:
            f.write(BOOT)
        self.p = subprocess.Popen(
            ["sh", "-c", join + f"exec unshare -n -m -p -u -i -C -f --kill-child --propagation private sh {script}"],
            env=env, preexec_fn=die_with_parent, stdin=subprocess.DEVNULL, stdout=open(self.dir + "/log", "w"), stderr=subprocess.STDOUT)
        self.pid = wait(self.find_init, 20)
        return self.pid and wait(lambda: self.run("systemctl", "is-system-running").stdout.strip() in
                                 ("running", "degraded"), 60, 0.2)

    def find_init(self):
        with open(f"/proc/{self.p.pid}/task/{self.p.pid}/children") as f:
            children = f.read().split()
        for c in children:
            with open(f"/proc/{c}/comm") as f:
                if f.read().strip() == "systemd":
                    return int(c)
        return None

    def enter(self):
        return ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w"]

    def run(self, *args, **kw):
        return subprocess.run([*self.enter(), *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, **kw)

    def cut_power(self):
        """All that runs is gone at once, with its networks, mounts and control groups; what is on its disk stays."""
        if not self.pid:
            return
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.p.wait(20)
        self.pid = None
        for d in self.cgroups:
            remove_cgroups(d)

    def close(self):
        self.cut_power()
        if not os.environ.get("DS_KEEP"):
            subprocess.run(["umount", "-l", self.root], stderr=subprocess.DEVNULL)
            subprocess.run(["umount", "-l", self.dir], stderr=subprocess.DEVNULL)
            shutil.rmtree(self.dir, ignore_errors=True)
        for d in self.cgroups:
            remove_cgroups(d)


def remove_cgroups(top):
    for d, _, _ in os.walk(top, topdown=False):
        wait(lambda: not os.path.exists(d) or os.rmdir(d) is None, 5)
