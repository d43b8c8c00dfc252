#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The spec: builds on any machine that has rpmbuild, with stand-ins for Fedora's macros; what is in the packages is what is in
Debian's. Rpm installs, upgrades and erases them, with their scriptlets, on a booted host: of Debian, as no other is to be had here.

For `make check-packages`, after debs.py, whose packages and distribution it takes. DS_DEBS=DIR and DS_DIST=FILE name others.
"""
import glob, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *
from debs import has_block, is_frozen, main_pid, react
from machines import Watched, debs_of, host_layer, own_mounts, run_here

need_root()
need("rpmbuild", "rpm", "rpmlint", "dpkg-deb", "debootstrap")
DEBS = os.environ.get("DS_DEBS", os.path.join(BUILD, "packages"))
DIST = os.environ.get("DS_DIST", os.path.join(BUILD, "packages/daemonsec.tar.xz"))
if not debs_of(DEBS) or not os.path.exists(DIST):
    skip_all("no packages were built: tests/packages/debs.py does")
host_layer(DEBS, "rpm", ["rpm"])
own_mounts()
# Documents go where each family has them; a licence is in all of rpm's.
ELSEWHERE = re.compile(r"^/usr/(share/(doc|licenses|lintian)|lib/\.build-id)(/|$)")


def contents(lines):
    """Files, without directories, links of build ids and documents; compressed or not, in /lib or /usr/lib."""
    return {re.sub(r"\.(gz|xz|zst)$", "", "/usr" + f if f.startswith("/lib/") else f) for f in lines if not ELSEWHERE.match(f)}


def in_deb(path):
    r = subprocess.run(["dpkg-deb", "-c", path], capture_output=True, text=True, check=True)
    return contents(line.split()[5][1:] for line in r.stdout.splitlines() if not line.startswith("d"))


def in_rpm(path):
    r = subprocess.run(["rpm", "-qp", "--nosignature", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\n]", path], capture_output=True, text=True, check=True)
    return contents(line.split(None, 1)[1] for line in r.stdout.splitlines() if not line.startswith("d"))


def rpm(w, args):
    """As on a host of that family, but for what dpkg knows and rpm does not."""
    return w.good(f"cd /rpms && rpm --force-debian --nodeps {args}")


def check_host(rpms):
    w = Watched("ds-rpm", host_layer(DEBS, "rpm", ["rpm"]))
    w.host.write("/usr/lib/systemd/system-preset/99-default-disable.preset", "disable *\n")  # as that family has it
    os.mkdir(w.host.root + "/rpms")
    for path in rpms:
        shutil.copy(path, w.host.root + "/rpms")
    w.boot()
    if not ok(rpm(w, "-i *.rpm") and w.watches(), "with nothing else to do the host watches itself"):
        w.say_why()
        return
    ok(w.good("rpm -V daemonsec daemonsec-agent daemonsec-ctl daemonsec-server --nodeps"), "rpm finds the files as it left them")
    pid, old, host = react(w), main_pid(w, "daemonsec-agent"), w.hosts()[0]["id"]
    ok(rpm(w, "-U --force *.rpm") and w.watches() and main_pid(w, "daemonsec-agent") != old and w.hosts()[0]["id"] == host and
       is_frozen(w, pid) and has_block(w), "an upgrade starts the new programs, and leaves what was frozen and blocked")
    ok(rpm(w, "-e daemonsec daemonsec-agent") and not is_frozen(w, pid) and not has_block(w) and
       w.good("! pgrep -x daemonsec-agent && ! systemctl cat daemonsec-agent daemonsec-enrol-local 2>/dev/null"),
       "an agent that is erased leaves nothing frozen, nothing blocked and no unit")
    ok(rpm(w, "-i daemonsec-0*.rpm daemonsec-agent*.rpm") and w.watches() and w.hosts()[0]["id"] == host, "installed again it is the same host")
    ok(rpm(w, "-e daemonsec daemonsec-agent daemonsec-ctl daemonsec-server") and w.good("! pgrep '^daemonsec'"), "all of it is erased")
    left = w.sh("find /etc /usr /var/lib /run -xdev -iname '*daemonsec*' ! -path '/var/lib/daemonsec/*'").stdout.split()
    ok(left == ["/var/lib/daemonsec"], f"but for what was learnt and the keys: {left}")


def main():
    top = tempfile.mkdtemp(prefix="daemonsec-rpm.", dir="/var/tmp")
    here = os.path.dirname(os.path.abspath(__file__))
    with open(top + "/macros", "w") as f:
        f.write(open(here + "/systemd.macros").read() + "%debug_package %{nil}\n")
    shutil.copy(DIST, top + "/daemonsec-0.1.0.tar.xz")
    built = run_here(["rpmbuild", "-tb", "--nodeps", "--define", f"_topdir {top}", "--load", top + "/macros",
                      top + "/daemonsec-0.1.0.tar.xz"], top)
    if ok(built, "rpmbuild makes packages of the distribution"):
        rpms = {os.path.basename(p).rpartition("-0.1.0")[0]: p for p in glob.glob(top + "/RPMS/*/*.rpm")}
        ok(sorted(rpms) == ["daemonsec", "daemonsec-agent", "daemonsec-ctl", "daemonsec-server"], "the four of them")
        for name, path in rpms.items():
            deb, rpm = in_deb(debs_of(DEBS, name)[0]), in_rpm(path)
            ok(deb == rpm, f"{name} has what Debian's has")
            say("\n".join(sorted(deb ^ rpm)[:10]))
        root = top + "/root"
        os.mkdir(root)
        ok(run_here(["rpm", "--root", root, "--initdb"], top) and
           run_here(["rpm", "--root", root, "-i", "--nodeps", "--ignorearch", "--noscripts", *rpms.values()], top),
           "they can be installed beside each other")
        check_host(rpms.values())
    r = subprocess.run(["rpmlint", os.path.join(TOP, "dist/daemonsec.spec")], capture_output=True, text=True)
    ok(" 0 errors" in r.stdout, "rpmlint has no error to name")
    say("\n".join(line for line in r.stdout.splitlines() if " W: " in line or " E: " in line))
    shutil.rmtree(top)
    done()


main()
