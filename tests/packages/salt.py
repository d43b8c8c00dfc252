#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Salt formula on booted hosts: from nothing to both heard, again without a change, an upgrade, a configuration that is wrong,
removal. No Salt can be had where this is made: what a state does is done by the few lines below, as its documentation says, and
orchestration by asking the hosts. So what the formula does to a host is seen here, and Salt itself is not.

For `make check-packages`. DS_DEBS=DIR has the packages; without it the first of these tests has left them.
"""
import fnmatch, glob, os, shlex, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "lint")]
from harness import *
from machines import booted, debs_of, host_layer, next_version, own_mounts

need_root()
need("debootstrap", "dpkg-deb")
try:
    import yaml
    from formula import Answer, Loader, merge, render
except ImportError as missing:
    skip_all(str(missing))
DEBS = os.environ.get("DS_DEBS", os.path.join(BUILD, "packages"))
if not debs_of(DEBS):
    skip_all("no packages were built: tests/packages/debs.py does")
host_layer(DEBS)
own_mounts("--net")


class Failed(Exception):
    """A state that did: what Salt shows in red."""


class Minion:
    """Does what states say, and counts what it changed."""

    def __init__(self, machine, pillar):
        self.m, self.pillar = machine, pillar

    def must(self, text):
        if not self.m.good(text):
            raise Failed(text)

    def give(self, path, text, mode):
        self.m.host.write(path, text)
        os.chmod(self.m.host.root + path, int(mode, 8))

    def pkg_installed(self, name, args, watched):
        changed = False
        for package, source in [next(iter(s.items())) for s in args["sources"]]:
            path = source.replace("salt:/", "/srv/salt")
            if not self.m.sh(f"test \"$(dpkg-deb -W {path})\" = \"$(dpkg-query -W {package})\"").returncode == 0:
                self.must(f"DEBIAN_FRONTEND=noninteractive dpkg -i --force-confold {path}")
                changed = True
        return changed

    def pkg_purged(self, name, args, watched):
        if self.m.sh(f"dpkg-query -W {name}").returncode != 0:
            return False
        self.must(f"apt-get purge -y {name}")
        return True

    def file_managed(self, name, args, watched):
        text = args["contents"] + "\n" if "contents" in args else render(args["source"].replace("salt://", ""), self.pillar, **args["context"]) + "\n"
        if self.m.sh("cat " + name).stdout == text:
            return False
        if "check_cmd" in args:
            self.give("/var/tmp/salt-new", text, args["mode"])
            self.must(args["check_cmd"] + " /var/tmp/salt-new")
        self.give(name, text, args["mode"])
        return True

    def service_running(self, name, args, watched):
        if self.m.sh(f"systemctl is-active {name} && systemctl is-enabled {name}").returncode == 0 and not watched:
            return False
        self.must(f"systemctl enable {name} && systemctl restart {name}")
        return True

    def apply(self, sls, pillar=None):
        """How many states of it changed something. A state runs when all that it requires or watches went well."""
        self.pillar = merge(self.pillar, pillar or {})
        states = [(i, kind, {k: v for a in args for k, v in a.items()})
                  for i, body in yaml.load(render(f"daemonsec/{sls}.sls", self.pillar), Loader).items() for kind, args in body.items()]
        changed = set()
        for name, kind, args in states:
            if "unless" in args and self.m.sh(args["unless"]).returncode == 0:
                continue
            mine = {f"{k}:{v}" for w in args.get("watch", []) for k, v in w.items()} | {
                f"{k.split('.')[0]}:{i}" for i, k, a in states if {kind.split(".")[0]: name} in a.get("watch_in", [])}
            if getattr(self, kind.replace(".", "_"))(args.get("name", name), args, mine & changed):
                changed.add(f"{kind.split('.')[0]}:{name}")
        return len(changed)


class Master:
    def __init__(self, minions):
        self.minions = minions

    def ask(self, target, what, args):
        """saltutil.cmd."""
        does = {
            "file.file_exists": lambda m: m.sh("test -f " + shlex.quote(args[0])).returncode == 0,
            "grains.get": lambda m: m.sh({"nodename": "uname -n", "host": "hostname -s"}[args[0]]).stdout.strip(),
            "cmd.run_stdout": lambda m: m.sh(args[0]).stdout.strip(),
        }[what]
        return {name: Answer(ret=does(minion.m)) for name, minion in self.minions.items() if fnmatch.fnmatch(name, target)}

    def orchestrate(self, sls, pillar):
        """salt-run state.orch: in order, and how many states changed something."""
        text = render(f"daemonsec/orch/{sls}.sls", pillar, self.ask)
        changed = 0
        for name, body in yaml.load(text, Loader).items():
            for kind, args in body.items():
                args = {k: v for a in args for k, v in a.items()}
                if kind == "salt.state":
                    changed += self.minions[args["tgt"]].apply(args["sls"].partition(".")[2], args["pillar"])
                else:
                    self.minions[args["tgt"]].must(args["arg"][0])
        return changed


def put_packages(machines, debs):
    for m in machines:
        shutil.rmtree(m.host.root + "/srv/salt", ignore_errors=True)
        os.makedirs(m.host.root + "/srv/salt/packages")
        for d in debs:
            shutil.copy(d, f"{m.host.root}/srv/salt/packages/{os.path.basename(d).split('_')[0].removesuffix('.deb')}.deb")


def attempt(call, *args):
    """How much it changed, -1 when it failed."""
    begin = time.monotonic()
    try:
        return call(*args)
    except Failed:
        return -1
    finally:
        say(f"{' '.join(map(str, args))}: {time.monotonic() - begin:.1f} s")


def main():
    machines = booted(2, DEBS)
    if not ok(machines, "two hosts come up"):
        done()
    packages = {p: f"salt://packages/{p}.deb" for p in ("daemonsec-agent", "daemonsec-ctl", "daemonsec-server")}
    pillar = {"daemonsec": {"packages": packages, "labels": ["web"], "agent_config": {"reaction": {"never_block": ["10.77.0.254/32"]}},
                            "server_config": {"server": {"hostnames": ["10.77.0.1", "ds1"]}}}}
    server, agents = machines[0], [{"server": "ds1", "target": m.name, "ring": str(n)} for n, m in enumerate(machines)]
    master = Master({m.name: Minion(m, pillar) for m in machines})
    put_packages(machines, debs_of(DEBS))

    def heard():
        return {h["name"]: h["id"] for h in server.hosts() if h["connected"]}

    ok(attempt(master.minions["ds1"].apply, "server") > 0, "a server is installed and runs")
    ok(all(attempt(master.orchestrate, "agents", a) > 0 for a in agents) and wait(lambda: len(heard()) == 2, 60, 0.5),
       "ring by ring both are heard, each with a token of its own")
    ids = heard()
    ok({h["name"]: sorted(h["labels"]) for h in server.hosts()} == {"ds1": ["ring-0", "web"], "ds2.example.org": ["ring-1", "web"]}, "with their labels")
    ok([attempt(master.minions["ds1"].apply, "server")] + [attempt(master.orchestrate, "agents", a) for a in agents] == [0, 0, 0],
       "a second run changes nothing")
    before = server.sh("cat /etc/daemonsec/conf.d/50-salt.conf").stdout
    wrong = {"daemonsec": {"agent_config": {"reaction": {"nonsense": 1}}}}
    ok(attempt(Minion(server, pillar).apply, "agent", wrong) == -1 and
       server.sh("cat /etc/daemonsec/conf.d/50-salt.conf").stdout == before and server.good("systemctl is-active daemonsec-agent"),
       "a configuration that the agent refuses is not put in place")
    later = tempfile.mkdtemp()
    next_version(DEBS, later)
    put_packages(machines, glob.glob(later + "/*.deb"))
    shutil.rmtree(later)
    ok(attempt(master.minions["ds1"].apply, "server") > 0 and all(attempt(master.orchestrate, "agents", a) > 0 for a in agents) and
       wait(lambda: heard() == ids, 60, 0.5) and all("+1" in m.sh("dpkg-query -W daemonsec-agent").stdout for m in machines),
       "newer packages are an upgrade; they are the same hosts")
    gone = attempt(master.orchestrate, "remove", {"server": "ds1", "target": "ds2*"})
    ok(gone == 1 and machines[1].good("test ! -e /usr/sbin/daemonsec-agent && test ! -e /var/lib/daemonsec && test ! -e /etc/daemonsec") and
       [h["name"] for h in server.hosts() if h["status"] == "revoked"] == ["ds2.example.org"], "one is revoked, and removed without a trace")
    done()


main()
