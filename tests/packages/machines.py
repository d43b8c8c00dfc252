# SPDX-License-Identifier: GPL-2.0-or-later
"""machines - booted hosts that get packages, and what the tests of packages do with both."""
import atexit, glob

from harness import *
from sdhost import Host, layer

# What the tests use on a host, beside the packages and what these want: a booted host has no network.
TOOLS = ["bash-completion", "nftables", "python3", "python3-apt"]


def wanted(debs):
    """What the packages depend on or recommend, but for each other."""
    lists = [subprocess.run(["dpkg-deb", "-f", d, field], capture_output=True, text=True, check=True).stdout
             for d in debs_of(debs) for field in ("Pre-Depends", "Depends", "Recommends")]
    names = {re.match(r"[^ (|:]+", one.strip())[0] for text in lists for one in text.split(",") if one.strip()}
    return sorted(n for n in names if not n.startswith("daemonsec"))


def host_layer(debs, name="packages", more=()):
    """The tree of a host on which apt finds all that the packages want."""
    return layer(name, [*TOOLS, *wanted(debs), *more])


def own_mounts(*options):
    """Mounts of our own, gone with the test."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if not os.environ.get("DS_MOUNTS"):
        os.execvpe("unshare", ["unshare", "--mount", *options, "--propagation", "private", sys.executable, *sys.argv],
                   dict(os.environ, DS_MOUNTS="1"))


def run_here(args, where, **env):
    r = subprocess.run(args, cwd=where, env=dict(os.environ, **env), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if r.returncode != 0:
        say("\n".join((r.stdout + r.stderr).splitlines()[-20:]))
    return r.returncode == 0


def debs_of(where, name="*"):
    return [d for d in glob.glob(f"{where}/{name}_*.deb") if "dbgsym" not in d]


def next_version(where, into):
    """The same packages under a later version, which is what an upgrade is to dpkg."""
    for deb in debs_of(where):
        tmp = tempfile.mkdtemp()
        subprocess.run(["dpkg-deb", "-R", deb, tmp + "/x"], check=True)
        control = open(tmp + "/x/DEBIAN/control").read()
        with open(tmp + "/x/DEBIAN/control", "w") as f:
            f.write(re.sub(r"(?m)^Version: (.*)$", r"Version: \1+1", control))
        name = os.path.basename(deb).split("_")[0]
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tmp + "/x", f"{into}/{name}.deb"], check=True, capture_output=True)
        shutil.rmtree(tmp)


class Watched:
    """A host that gets packages: what an administrator types there."""

    def __init__(self, name, lower):
        self.host = Host(name, lower=lower)
        atexit.register(self.host.close)
        self.host.write("/etc/systemd/system/console-getty.service", "")

    def boot(self):
        if not ok(self.host.boot(), "a host comes up"):
            done()
        self.sh("ip link set lo up; systemctl start nginx cron")

    def sh(self, text):
        return self.host.run("sh", "-c", text)

    def good(self, text):
        r = self.sh(text)
        if r.returncode != 0:
            say(f"{text}: {r.returncode}\n{r.stdout[-2000:]}{r.stderr[-2000:]}")
        return r.returncode == 0

    def json(self, text):
        r = self.sh("daemonsec-ctl -o json " + text)
        try:
            return json.loads(r.stdout)
        except ValueError:
            return {}

    def items(self, text):
        found = self.json(text)
        return found.get("items", []) if isinstance(found, dict) else found

    def hosts(self):
        return self.items("hosts")

    def watches(self, seconds=30):
        """Both run, and the host is known to itself, once."""
        return wait(lambda: self.sh("systemctl is-active daemonsec-server daemonsec-agent").returncode == 0 and
                    [h.get("connected") for h in self.hosts()] == [True], seconds, 0.2)

    def say_why(self):
        say(self.sh("systemctl --no-pager status 'daemonsec*'; dpkg -l 'daemonsec*'; journalctl --no-pager -n 40").stdout)


class Machine(Watched):
    """A host of a fleet: 10.77.0.N on a bridge of ours; half of them call themselves by their whole name. With a public key root
    comes in by ssh."""

    def __init__(self, number, debs, key=None):
        super().__init__(f"ds{number}", host_layer(debs))
        self.link, self.address = f"vds{number}", f"10.77.0.{number}"
        self.name = f"ds{number}" if number % 2 else f"ds{number}.example.org"
        self.host.write("/etc/hostname", self.name + "\n")
        self.host.write("/etc/hosts", f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        if key:
            self.host.write("/root/.hushlogin", "")
            self.host.write("/root/.ssh/authorized_keys", key)
            os.chmod(self.host.root + "/root/.ssh", 0o700)
            os.chmod(self.host.root + "/root", 0o700)

    def boot(self):
        if not self.host.boot():
            return False
        here("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.host.pid))
        here("ip", "link", "set", self.link, "master", "br0", "up")
        return self.good(f"ip link set lo up; ip addr add {self.address}/24 dev eth0; ip link set eth0 up; "
                         "ssh-keygen -A >/dev/null; systemctl start ssh nginx cron")


def here(*args):
    subprocess.run(args, check=True, stdin=subprocess.DEVNULL)


def booted(count, debs, key=None):
    """So many machines on one bridge, in a network of our own; None when one does not come up."""
    here("ip", "link", "set", "lo", "up")
    here("ip", "link", "add", "br0", "type", "bridge")
    here("ip", "addr", "add", "10.77.0.254/24", "dev", "br0")
    here("ip", "link", "set", "br0", "up")
    machines = [Machine(n + 1, debs, key) for n in range(count)]
    return machines if all([m.boot() for m in machines]) else None
