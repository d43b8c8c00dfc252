#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of real daemons change: a replaced program, an edited configuration, a package upgrade. sshd and nginx run on
a root file system of their own (an overlay), so that everything may be replaced."""
import hashlib

from harness import *
from places import kept
from guard import INITIAL
from orders import ACTIVE, DRY_RUN, OrderGuard

isolate()
need("nginx", "sshd", "ssh-keygen", "dpkg-deb", "dpkg")


def overlay(*places):
    """What is written below these stays in a tmpfs."""
    top = tempfile.mkdtemp(prefix="daemonsec-integrity.")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top], check=True)
    for i, place in enumerate(places):
        upper, work = f"{top}/u{i}", f"{top}/w{i}"
        os.makedirs(upper)
        os.makedirs(work)
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={place},upperdir={upper},workdir={work}", "overlay",
                        place], check=True)
    return top


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).digest().decode("latin-1")


def write(path, text, mode=None):
    with open(path, "w") as f:
        f.write(text)
    if mode:
        os.chmod(path, mode)


overlay("/etc", "/usr/sbin", "/var/lib/dpkg", "/usr/lib/systemd")
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
os.makedirs("/run/sshd")
shutil.rmtree("/etc/nginx/sites-enabled", ignore_errors=True)
write("/etc/nginx/nginx.conf", "pid /run/nginx.pid; error_log /run/nginx.err;\nevents {}\n"
      "http { access_log off; include /etc/nginx/conf.d/*.conf; server { listen 127.0.0.1:8077; } }\n")
subprocess.run(["ssh-keygen", "-A"], stdout=subprocess.DEVNULL, check=True)
write("/etc/ssh/sshd_config", "Port 2277\nListenAddress 127.0.0.1\nUsePAM no\n")
subprocess.run(["nginx"], check=True)
subprocess.run([shutil.which("sshd")], check=True)
time_told = {}


def told(g, path, **fields):
    return g.wait("INTEGRITY", 10, PATH=path, **fields)


def after(g, path, act, **fields):
    """What is told of an act, and how many ms later."""
    g.poll()
    g.events.clear()
    began = time.time()
    act()
    e = told(g, path, **fields)
    if e:
        time_told[path] = e["time"] / 1e3 - began * 1e3
    return e


def settle(g):
    """The first look at everything has to end before a change is one: it says so once for all that it found together."""
    seen = {"count": -1, "since": 0}

    def quiet():
        count = open(g.dir + "/log").read().count("files of daemons are known")
        if count != seen["count"]:
            seen.update(count=count, since=time.monotonic())
        return count > 0 and time.monotonic() - seen["since"] > 1
    wait(quiet, 30)


def noticed(g):
    conf, before = "/etc/ssh/sshd_config", sha256("/etc/ssh/sshd_config")
    before_text = open(conf).read()
    write("/etc/ssh/.edited", before_text + "PermitRootLogin yes\n")  # in place, what is told may be half of it
    e = after(g, conf, lambda: os.rename("/etc/ssh/.edited", conf))
    ok(e and e["SHA256"] == sha256(conf) and e["SHA256_BEFORE"] == before, "an edited sshd_config, its hashes")
    ok(e and e["daemon"] == "sshd" and e["FILE_CLASS"] == "configuration" and e["CHANGE"] == "contents", "whose it is")
    ok(e and e.get("EXE") == os.path.realpath(sys.executable) and e["PID"] == os.getpid(), "which program did it")
    ok(e and "EXPLANATION" not in e and e.get("OUTCOME") != 1, "nothing explains it")
    say(f"took {time_told.get(conf, -1):.1f} ms")

    binary, before = os.path.realpath(shutil.which("sshd")), sha256(shutil.which("sshd"))
    shutil.copy(binary, "/usr/sbin/.evil")
    with open("/usr/sbin/.evil", "ab") as f:
        f.write(b"evil")
    e = after(g, binary, lambda: os.rename("/usr/sbin/.evil", binary))
    ok(e and e["FILE_CLASS"] == "executable" and e["SHA256_BEFORE"] == before and e["OUTCOME"] == 2,
       "a replaced sshd, which its package does not have so")
    ok(e and e["PACKAGE"] == "openssh-server" and e["PACKAGE_VERSION"] and "EXE" in e, "package and mover")
    say(e and e["MESSAGE"])
    e = after(g, "/etc/nginx/conf.d/evil.conf", lambda: write("/etc/nginx/conf.d/evil.conf", "# more\n"))
    ok(e and e["daemon"] == "nginx" and "SHA256_BEFORE" not in e, "a configuration file that was not there before")
    e = after(g, "/etc/nginx/conf.d/evil.conf", lambda: os.unlink("/etc/nginx/conf.d/evil.conf"), CHANGE="type")
    ok(e and "SHA256" not in e, "and that it went")


def ways(g):
    """Every way to change a file."""
    conf = "/etc/nginx/mime.types"
    text = open(conf).read()
    for name, act, change in [
            ("truncated", lambda: os.truncate(conf, 10), "contents"),
            ("written in place", lambda: write(conf, text + "#\n"), "contents"),
            ("chmod", lambda: os.chmod(conf, 0o666), "mode"),
            ("chown", lambda: os.chown(conf, 33, 33), "owner"),
            ("a symbolic link in its place", lambda: (os.symlink("/etc/passwd", conf + ".x"), os.rename(conf + ".x", conf)),
             "type, contents"),
            ("a directory in its place", lambda: (os.unlink(conf), os.mkdir(conf)), "type, contents")]:
        e = after(g, conf, act, CHANGE=lambda c: c in (change, "type"))
        ok(e, f"{name}: {e and e['MESSAGE']}")
    os.rmdir(conf)
    write(conf, text, 0o644)
    told(g, conf, CHANGE=lambda c: c.startswith("type"), SHA256=sha256(conf))
    conf, other = EXTRA, EXTRA + ".elsewhere"  # overlays give a file with two names another identity
    os.link(conf, other)
    ok(told(g, conf, CHANGE="links"), "another name of the same file")
    e = after(g, conf, lambda: write(other, "by another name\n"), CHANGE="contents")
    ok(e, "written to by that name")
    os.unlink(other)
    conf = "/etc/nginx/scgi_params"
    for i in range(300):
        write(conf, f"{i}\n")
    found = told(g, conf, SHA256=sha256(conf))
    count = len(g.find("INTEGRITY", PATH=conf))
    ok(found or count == 60, f"300 changes at once are {count} events")


def package(version, text):
    """A toy package with nginx's default file and a program, installed for real into the overlay."""
    top = tempfile.mkdtemp(prefix="daemonsec-deb.")
    os.makedirs(top + "/p/DEBIAN")
    os.makedirs(top + "/p/usr/sbin")
    os.makedirs(top + "/p/etc/nginx/conf.d")
    write(top + "/p/DEBIAN/control", f"Package: toy-integrity\nVersion: {version}\nArchitecture: all\n"
          "Maintainer: Nobody <nobody@example.org>\nDescription: toy\n")
    write(top + "/p/DEBIAN/conffiles", "/etc/nginx/conf.d/toy.conf\n")
    shutil.copy("/usr/bin/env", top + "/p/usr/sbin/toyd")
    with open(top + "/p/usr/sbin/toyd", "ab") as f:
        f.write(text.encode())
    write(top + "/p/etc/nginx/conf.d/toy.conf", f"# {text}\n", 0o644)
    with open(top + "/p/DEBIAN/md5sums", "w") as f:
        f.write(hashlib.md5(open(top + "/p/usr/sbin/toyd", "rb").read()).hexdigest() + "  usr/sbin/toyd\n")
    subprocess.run(["dpkg-deb", "-b", top + "/p", top + "/x.deb"], check=True, stdout=subprocess.DEVNULL)
    r = subprocess.run(["dpkg", "--force-confnew", "-i", top + "/x.deb"], capture_output=True, text=True)
    if r.returncode:
        say(r.stdout + r.stderr)
    shutil.rmtree(top)


def upgrade(g):
    toyd = "/usr/sbin/toyd"
    e = after(g, toyd, lambda: package("2", "two"), SHA256=lambda s: s == sha256(toyd))
    ok(e and e["OUTCOME"] == 1 and e["EXPLANATION"] == "package" and e["PACKAGE_VERSION"] == "2",
       "an upgraded program is explained by its package: " + (e or {}).get("MESSAGE", ""))
    e = told(g, "/etc/nginx/conf.d/toy.conf")
    ok(e and e["OUTCOME"] == 1 and e["EXPLANATION"] == "package", "and so is its configuration file")
    ok(not [e for e in g.find("INTEGRITY") if e.get("EXPLANATION") != "package"], "nothing else is told of the upgrade")
    sums = "/var/lib/dpkg/info/toy-integrity.md5sums"
    with open(toyd, "rb") as f:
        data = f.read() + b"evil"
    write(sums, hashlib.md5(data).hexdigest() + "  usr/sbin/toyd\n")
    with open(toyd + ".x", "wb") as f:
        f.write(data)
    os.chmod(toyd + ".x", 0o755)
    e = after(g, toyd, lambda: os.rename(toyd + ".x", toyd))
    ok(e and e["OUTCOME"] == 2 and "EXPLANATION" not in e, "a program whose md5sum was changed with it is not")


def rpm_package(version):
    """The same from rpm, with a database of its own."""
    top = tempfile.mkdtemp(prefix="daemonsec-rpm.")
    with open(f"{top}/env", "wb") as f:
        f.write(open("/usr/bin/env", "rb").read() + version.encode())
    write(f"{top}/x.spec", f"Name: rtoy\nVersion: {version}\nRelease: 3\nSummary: x\nLicense: x\n"
          "%global _build_id_links none\n%global debug_package %{nil}\n%global __strip /bin/true\n%description\nx\n"
          f"%install\ninstall -D {top}/env %{{buildroot}}/usr/sbin/rtoyd\n%files\n/usr/sbin/rtoyd\n")
    build = subprocess.run(["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}/rpm", f"{top}/x.spec"],
                           capture_output=True, text=True)
    made = [os.path.join(d, f) for d, _, files in os.walk(f"{top}/rpm/RPMS") for f in files]
    r = subprocess.run(["rpm", "-U", "--nodeps", *made], capture_output=True, text=True)
    if r.returncode or not made:
        say(build.stderr + r.stderr)
    shutil.rmtree(top)


def rpm_upgrade(g):
    rtoyd = "/usr/sbin/rtoyd"
    before = sha256(rtoyd)
    e = after(g, rtoyd, lambda: rpm_package("2"), SHA256=lambda s: s == sha256(rtoyd))
    ok(e and e["OUTCOME"] == 1 and e["EXPLANATION"] == "package" and e["PACKAGE"] == "rtoy" and e["PACKAGE_VERSION"] == "2-3",
       f"rpm's database explains an upgrade: {e and e['MESSAGE']}")
    r = g.do("restore_file", path=rtoyd, sha256=before.encode("latin-1").hex(), mode=ACTIVE)
    ok(r["outcome"] == "refused" and "package rtoy has it so" in r["text"] and sha256(rtoyd) != before,
       f"which automation does not put back: {r['text']}")
    upgraded = sha256(rtoyd)
    ok(kept(os.path.join(g.dir, "guard", "vault"), rtoyd), "the vault has what was installed")
    with open(rtoyd + ".x", "wb") as f:
        f.write(open(rtoyd, "rb").read() + b"evil")
    os.chmod(rtoyd + ".x", 0o755)
    e = after(g, rtoyd, lambda: os.rename(rtoyd + ".x", rtoyd))
    ok(e and e["OUTCOME"] == 2 and "EXPLANATION" not in e and e["PACKAGE"] == "rtoy",
       f"and not a program that is another than its digest says: {e and e['MESSAGE']}")
    r = g.do("restore_file", path=rtoyd, sha256=upgraded.encode("latin-1").hex(), mode=DRY_RUN)
    ok(r["outcome"] == "would", f"that would be put back: {r['text']}")


if shutil.which("rpmbuild"):
    where = subprocess.run(["rpm", "--eval", "%{_dbpath}"], capture_output=True, text=True).stdout.strip()
    os.makedirs(where, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", where], check=True)  # what this machine has stays as it is
    subprocess.run(["rpm", "--initdb"], check=True)
    rpm_package("1")
package("1", "one")
EXTRA = tempfile.mkdtemp(prefix="daemonsec-integrity.", dir="/var/tmp") + "/extra.conf"
write(EXTRA, "extra\n")
options = {"integrity.files": f"nginx=/usr/sbin/toyd, nginx=/usr/sbin/rtoyd, nginx={EXTRA}"}
with OrderGuard(options, "sshd,nginx") as g:
    for name in ("sshd", "nginx"):
        g.wait("DAEMON", 20, daemon=name)
    ok(wait(lambda: "integrity" in g.sensors(), 10), "the sensor runs")
    settle(g)
    noticed(g)
    ways(g)
    upgrade(g)
    if shutil.which("rpmbuild"):
        rpm_upgrade(g)
    else:
        say("SKIP: there is no rpmbuild")
    rss = g.rss_kib() if g.process.alive() else None
    if not ok(rss and (SANITIZED or rss < 12 << 10), f"the guard's memory: {rss} KiB"):
        say(open(g.dir + "/log", errors="replace").read()[-6000:])
    if any(not v for v in time_told.values()):
        say(time_told)
    vault = os.path.join(g.dir, "guard", "vault")
    ok(os.stat(vault).st_mode & 0o77 == 0 and len(os.listdir(vault + "/objects")) > 20, "copies are kept, for root only")
    g.process.stop()
    write("/etc/nginx/koi-win", "while nobody looks\n")
    g.start()
    e = told(g, "/etc/nginx/koi-win")
    ok(e and e["flags"] & INITIAL and e["SHA256_BEFORE"] and e["OUTCOME"] == 2, "a change while the agent was away")
    say({k: round(v, 1) for k, v in time_told.items()})
shutil.rmtree(os.path.dirname(EXTRA))
done()
