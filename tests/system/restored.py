#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The third story: somebody replaces sshd and edits nginx's configuration; both are put back within a second by the
server's order, the evidence is kept, undo works, and a package upgrade is left alone. With a real server and agent."""
import hashlib, json

from harness import *
from places import *

isolate()
need("nginx", "sshd", "ssh-keygen", "dpkg-deb", "dpkg", "mkfs.ext4")
SSHD = os.path.realpath(shutil.which("sshd"))
CONF = "/etc/nginx/nginx.conf"


def restored(path, good):
    """Whether the file has these contents again; says after how long."""
    begun = time.monotonic()
    if not wait(lambda: os.path.exists(path) and sha256(path) == good, every=0.002):
        return False
    say(f"took {(time.monotonic() - begun) * 1000:.0f} ms")
    return True


def reaction(site, path):
    return wait(lambda: ([r for r in site.all("reactions", kind="restore_file")
                          if r["args"].get("path") == path and r["status"] in ("verified", "failed", "refused")] or [None])[0])


def package(version):
    """A toy package that owns a program of nginx's."""
    top = tempfile.mkdtemp(prefix="daemonsec-deb.")
    os.makedirs(top + "/p/DEBIAN")
    os.makedirs(top + "/p/usr/sbin")
    write(top + "/p/DEBIAN/control", f"Package: toy-restored\nVersion: {version}\nArchitecture: all\n"
          "Maintainer: Nobody <nobody@example.org>\nDescription: toy\n")
    data = open("/usr/bin/env", "rb").read() + version.encode()
    write(top + "/p/usr/sbin/toyd", data, 0o755)
    write(top + "/p/DEBIAN/md5sums", hashlib.md5(data).hexdigest() + "  usr/sbin/toyd\n")
    subprocess.run(["dpkg-deb", "-b", top + "/p", top + "/x.deb"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["dpkg", "-i", top + "/x.deb"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(top)


def story(site, agent):
    good = sha256(SSHD)
    data = open(SSHD, "rb").read()
    write(SSHD + ".new", data + b"a back door", 0o755)
    os.rename(SSHD + ".new", SSHD)
    ok(restored(SSHD, good), "a replaced sshd is as it was")
    r = reaction(site, SSHD)
    if ok(r and r["status"] == "verified" and r["by"] == "policy", "by the policy, read back"):
        evidence = r["result"]["evidence"]
        evidence = json.loads(evidence) if isinstance(evidence, str) else evidence
        kept = os.path.join(agent.dir, "guard", "vault", "evidence", evidence["replaced"]["sha256"])
        ok(open(kept, "rb").read() == data + b"a back door", "and the back door is kept as evidence")
        a = site.get(f"alerts/{r['alert_id']}")
        ok(a["kind"] == "integrity" and a["severity"] == "high", f"told: {a['reason']}")
        site.ctl("reactions", "undo", r["id"])
        undone = wait(lambda: site.get(f"reactions/{r['id']}")["status"] == "undone", 5)
        ok(undone and sha256(SSHD) == hashlib.sha256(data + b"a back door").hexdigest(), "undo brings it back")
        write(SSHD + ".new", data, 0o755)
        os.rename(SSHD + ".new", SSHD)
    else:
        say(json.dumps(site.all("reactions"), indent=1))
        say(json.dumps(site.alerts(), indent=1))

    good = sha256(CONF)
    # A process that the daemon started does it, as an attacker who came in through nginx would.
    write(CONF, open(CONF).read().replace("return 200 ok", "return 200 owned"))
    a = wait(lambda: [x for x in site.alerts() if x["kind"] == "integrity" and CONF in x["title"]])
    ok(a, "an edited nginx.conf is told: " + (a[0]["reason"] if a else ""))
    if a and a[0]["severity"] != "high":  # somebody else's edit, as far as can be known: a person asks for it
        site.ctl("reactions", "apply", "restore_file", "--host", site.host, "--path", CONF, "--reason", "a test")
    ok(restored(CONF, good), "nginx.conf is as it was")
    done = reaction(site, CONF)
    ok(done and done["status"] == "verified", f"put back by order: {done and done['result'].get('text')}")
    before = len(site.all("reactions", kind="restore_file"))
    package("2")
    e = wait(lambda: site.events("event.action:integrity file.path:/usr/sbin/toyd"))
    ok(e and e[0]["daemonsec"]["explanation"] == "package", "an upgrade is told as explained by its package")
    ok(sha256("/usr/sbin/toyd") != toyd and len(site.all("reactions", kind="restore_file")) == before, "and left alone")


top = own(48, "/etc", "/usr/sbin", "/var/lib/dpkg")
try:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs("/run/sshd")
    shutil.rmtree("/etc/nginx/sites-enabled", ignore_errors=True)
    write(CONF, "pid /run/nginx.pid; error_log /run/nginx.err;\nevents {}\n"
          "http { access_log off; server { listen 127.0.0.1:8077; return 200 ok; } }\n")
    subprocess.run(["ssh-keygen", "-A"], stdout=subprocess.DEVNULL, check=True)
    write("/etc/ssh/sshd_config", "Port 2277\nListenAddress 127.0.0.1\nUsePAM no\n")
    package("1")
    toyd = sha256("/usr/sbin/toyd")
    subprocess.run(["nginx"], check=True)
    subprocess.run([SSHD], check=True)
    with Site({"detect.learning_min": "2s", "react.daemon_max": "100"}) as site:
        agent = site.agent(monitor="sshd,nginx", options={"integrity.files": "nginx=/usr/sbin/toyd"})
        site.host = agent.host()
        wait(lambda: len(site.get("daemons")["items"]) >= 2, 20)
        vault = os.path.join(agent.dir, "guard", "vault")
        ok(all(kept(vault, path) for path in (SSHD, CONF, "/usr/sbin/toyd")), "the vault has their files")
        site.ctl("protect", "--mode=active", "--force")
        story(site, agent)
finally:
    subprocess.run(["umount", "-l", "/etc", "/usr/sbin", "/var/lib/dpkg", top + "/m"])
    shutil.rmtree(top, ignore_errors=True)
done()
