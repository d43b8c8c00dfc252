#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The spec: builds on any machine that has rpmbuild, with stand-ins for Fedora's macros; what is in the packages is what is in
Debian's. Scriptlets are not run: there is no distribution of that kind here.

For `make check-packages`, after debs.py, whose packages and distribution it takes. DS_DEBS=DIR and DS_DIST=FILE name others.
"""
import glob, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *
from debs import debs_of, run_here

need("rpmbuild", "rpm", "rpmlint", "dpkg-deb")
DEBS = os.environ.get("DS_DEBS", os.path.join(BUILD, "packages"))
DIST = os.environ.get("DS_DIST", os.path.join(BUILD, "packages/daemonsec.tar.xz"))
if not debs_of(DEBS) or not os.path.exists(DIST):
    skip_all("no packages were built: tests/packages/debs.py does")
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
    r = subprocess.run(["rpmlint", os.path.join(TOP, "dist/daemonsec.spec")], capture_output=True, text=True)
    ok(" 0 errors" in r.stdout, "rpmlint has no error to name")
    say("\n".join(line for line in r.stdout.splitlines() if " W: " in line or " E: " in line))
    shutil.rmtree(top)
    done()


main()
