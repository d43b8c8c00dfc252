#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What make install gives a system beside the programs: units that systemd takes and that are as closed as they can be, accounts
and directories. Whole packages on booted hosts are for make check-packages."""
from harness import *
from sdhost import tree

need_root()
need("debootstrap")
if not os.environ.get("DS_MOUNTS"):  # mounts of our own, gone with the test
    tree()
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
               dict(os.environ, DS_MOUNTS="1"))
os.environ["PATH"] += ":/usr/sbin:/sbin"
dir = tempfile.mkdtemp(prefix="daemonsec-units.", dir="/var/tmp")
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", dir], check=True)
for d in ("up", "work", "root"):
    os.mkdir(f"{dir}/{d}")
root = dir + "/root"
subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={tree()},upperdir={dir}/up,workdir={dir}/work", root], check=True)
subprocess.run(["mount", "-t", "proc", "proc", root + "/proc"], check=True)


def inside(*args):
    r = subprocess.run(["chroot", root, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if r.returncode != 0:
        say(f"{' '.join(args)}: {r.returncode}\n{r.stdout[-1500:]}{r.stderr[-1500:]}")
    return r


try:
    r = subprocess.run(["env", "-u", "MAKEFLAGS", "-u", "MFLAGS", "flock", BUILD + "/.installing", "make", "-C", BUILD, "-s", "install-data", "install-exec", "DESTDIR=" + root], capture_output=True, text=True)
    ok(r.returncode == 0, "make install")
    found = subprocess.run(["find", root + "/usr", "-name", "daemonsec*.service"], capture_output=True, text=True).stdout.split()
    units = {os.path.basename(f): f[len(root):] for f in found}
    ok(sorted(units) == ["daemonsec-agent.service", "daemonsec-enrol-local.service", "daemonsec-server.service"], "units are installed")
    r = inside("systemd-analyze", "verify", "--man=no", *units.values())
    ok(r.returncode == 0 and not r.stderr.strip(), "systemd has nothing to say about them")
    for unit, most in (("daemonsec-server.service", 15), ("daemonsec-agent.service", 45)):
        r = inside("systemd-analyze", "security", "--no-pager", "--offline=yes", f"--threshold={most}", units.get(unit, "/none"))
        ok(r.returncode == 0, f"{unit}: exposure at most {most / 10}")
    for part in ("server", "agent"):
        conf = [d for d in ("/usr/lib", "/usr/local/lib") if os.path.exists(f"{root}{d}/sysusers.d/daemonsec-{part}.conf")]
        ok(conf and inside("systemd-sysusers", f"{conf[0]}/sysusers.d/daemonsec-{part}.conf").returncode == 0 and
           inside("systemd-tmpfiles", "--create", f"{conf[0]}/tmpfiles.d/daemonsec-{part}.conf").returncode == 0,
           f"the {part}'s account and directories are made")
    r = inside("stat", "-c", "%a %U %n", *(f"/var/lib/daemonsec/{d}" for d in ("server", "agent", "guard")))
    ok(r.stdout.split("\n")[:3] == ["700 daemonsec-server /var/lib/daemonsec/server", "700 daemonsec /var/lib/daemonsec/agent",
                                    "700 root /var/lib/daemonsec/guard"], "what the guard keeps is root's, the rest is each account's own")
finally:
    subprocess.run(["umount", "-l", root])
    subprocess.run(["umount", "-l", dir])
    os.rmdir(dir)
done()
