#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages, built as a user would build them, in a real systemd host: install, use, upgrade, interrupt, remove, purge.

For `make check-packages`: it builds everything once more and takes minutes. DS_DEBS=DIR takes packages that were built before.
"""
import glob, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *
from machines import Watched, debs_of, host_layer, next_version, own_mounts, run_here


def built():
    """The directory of the packages: from the distribution, as it is released."""
    if os.environ.get("DS_DEBS"):
        return os.environ["DS_DEBS"]
    top = os.path.join(BUILD, "packages")
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(top)
    made = run_here(["make", "-s", "dist"], BUILD) and glob.glob(BUILD + "/daemonsec-*.tar.xz")
    if not ok(made, "there is a distribution"):
        done()
    shutil.move(made[0], top + "/daemonsec.tar.xz")
    subprocess.run(["tar", "-C", top, "-xf", top + "/daemonsec.tar.xz", "--strip-components=1", "--one-top-level=source"], check=True)
    if not ok(run_here(["dpkg-buildpackage", "-us", "-uc", "-b"], top + "/source", DEB_BUILD_OPTIONS="nocheck"), "packages are built"):
        done()
    return top


def give_debs(w, debs):
    """The packages, and an upgrade of them."""
    for d in ("new", "next"):
        os.makedirs(f"{w.host.root}/debs/{d}")
    for d in debs_of(debs):
        shutil.copy(d, f"{w.host.root}/debs/new/{os.path.basename(d).split('_')[0]}.deb")
    next_version(debs, w.host.root + "/debs/next")


def files(w):
    """All there are, but for what apt, dpkg and logs keep and what is gone with a boot; what this test puts there is in /debs."""
    return set(w.sh("find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /debs -o -path /var/log "
                    "-o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg \\) -prune -o -print").stdout.splitlines())


def check_install(w):
    w.before = files(w)
    begin = time.monotonic()
    if not ok(w.good("apt-get install -y /debs/new/*.deb"), "apt installs the packages"):
        done()
    if not ok(w.watches(), "with nothing else to do the host watches itself"):
        w.say_why()
        done()
    say(f"{time.monotonic() - begin:.1f} s from apt to a host that is connected")
    ok(w.good("dpkg -L daemonsec daemonsec-server daemonsec-agent daemonsec-ctl | grep -E '[.](pem|key|crt)$' | grep . ; test $? = 1"),
       "no key or certificate is in a package")
    r = w.sh("find /var/lib/daemonsec/*/* /etc/daemonsec/enrolment-token* -type f -perm /077; ls -ld /var/lib/daemonsec/*")
    ok(not [line for line in r.stdout.splitlines() if line.startswith("/")] and "drwx------" in r.stdout,
       "nobody but its account reads what was made")
    ok(w.good("! test -s /etc/daemonsec/enrolment-token"), "the token is used and gone")
    ok("admin" in w.sh("daemonsec-ctl users").stdout and
       w.sh("stat -c %a:%U /var/lib/daemonsec/server/admin-password").stdout.strip() == "600:daemonsec-server",
       "there is a first user with a one-time password in a file")
    ok(w.good("systemd-analyze security --threshold=15 daemonsec-server.service >/dev/null"), "the server's exposure is at most 1.5")
    ok(w.good("systemd-analyze security --threshold=45 daemonsec-agent.service >/dev/null"), "the agent's exposure is at most 4.5")
    ok(w.good("systemd-analyze security --threshold=15 daemonsec-enrol-local.service >/dev/null"), "the exposure of what enrols it is at most 1.5")
    ok(w.good("test -z \"$(systemctl --failed --no-legend)\""), "no unit has failed")
    ok(w.good("bash -c '. /usr/share/bash-completion/completions/daemonsec-ctl && complete -p daemonsec-ctl' >/dev/null"),
       "bash completes")
    r = w.sh("cd /usr/share/doc && zgrep -oh '`[a-z0-9/]*[.]md`' daemonsec*/*.md* | grep -v schema/ | sed 's,.*/,,' | tr -d '`' | sort -u | "
             "while read -r f; do ls daemonsec*/$f* >/dev/null || echo $f; done")
    ok(not r.stdout, f"what an installed document names is installed, too: {r.stdout.split()}")
    ok(w.good("systemctl enable --now daemonsec-agent"), "systemctl enable --now daemonsec-agent")
    ok(w.good("daemonsec-ctl train --days=7"), "daemonsec-ctl train --days=7")
    r = w.sh("daemonsec-ctl protect --mode=active")
    ok(r.returncode == 6 and "  - " in r.stderr and "--force" in r.stderr,
       f"daemonsec-ctl protect --mode=active says on the first day what speaks against it: {r.stderr.strip()[:600]}")


def check_service(w):
    for unit in ("daemonsec-server", "daemonsec-agent"):
        pid = main_pid(w, unit)
        ok(w.good(f"systemctl reload {unit}") and wait(lambda: "read again" in log(w, unit) or "reloaded" in log(w, unit), 10, 0.2) and
           main_pid(w, unit) == pid, f"{unit} reads its configuration again and goes on")
    for unit in ("daemonsec-server", "daemonsec-agent"):
        w.good(f"mkdir -p /run/systemd/system/{unit}.service.d; printf '[Service]\\nWatchdogSec=2\\n' "
               f">/run/systemd/system/{unit}.service.d/test.conf; systemctl daemon-reload; systemctl restart {unit}")
        fed = {watchdog(w, unit)}
        ok(wait(lambda: fed.add(watchdog(w, unit)) or len(fed) > 4, 20, 0.2) and w.watches(), f"{unit} feeds its watchdog")
        pid = main_pid(w, unit)
        w.good(f"kill -STOP {pid}")
        ok(wait(lambda: main_pid(w, unit) not in (0, pid), 20, 0.2) and w.watches(), f"{unit} that hangs is started again")
        w.good(f"rm -r /run/systemd/system/{unit}.service.d; systemctl daemon-reload; systemctl restart {unit}")
    ok(w.watches(), "both run on")
    uplink = w.sh("pgrep -x daemonsec-uplin").stdout
    ok(w.good("pkill -STOP -x daemonsec-uplin") and wait(lambda: w.sh("pgrep -x daemonsec-uplin").stdout not in ("", uplink), 180, 1) and
       w.watches(), "an uplink that hangs is started again by its guard")
    for _ in range(6):
        pid = main_pid(w, "daemonsec-agent")
        w.good(f"kill -KILL {pid}")
        wait(lambda: main_pid(w, "daemonsec-agent") not in (0, pid), 20, 0.1)
    ok(w.watches(), "however often it is killed")


def main_pid(w, unit):
    return int(w.sh(f"systemctl show -P MainPID {unit}").stdout or 0)


def watchdog(w, unit):
    return w.sh(f"systemctl show -P WatchdogTimestampMonotonic {unit}").stdout


def log(w, unit):
    return w.sh(f"journalctl --no-pager -o cat -u {unit}").stdout


def has_block(w):
    return "192.0.2.7" in w.sh("nft list table inet daemonsec").stdout


def is_frozen(w, pid):
    if "(sleep) T" in w.sh(f"cat /proc/{pid}/stat").stdout:
        return True
    path = w.sh(f"sed -n 's/^0:://p' /proc/{pid}/cgroup").stdout.strip()
    return "frozen 1" in w.sh(f"cat /sys/fs/cgroup/unified{path}/cgroup.events").stdout


def react(w):
    """A daemon is frozen and an address blocked, for an hour."""
    if not main_pid(w, "victim"):
        w.good("systemd-run --unit=victim --slice=system.slice /bin/sleep 100000")
    pid = main_pid(w, "victim")
    host = w.hosts()[0]["id"]
    ok(w.good(f"daemonsec-ctl reactions apply freeze --host {host} --pid {pid} --ttl 1h --reason test") and
       wait(lambda: is_frozen(w, pid), 15, 0.2), "a process is frozen")
    ok(w.good(f"daemonsec-ctl reactions apply block_ip --host {host} --address 192.0.2.7 --ttl 1h --reason test") and
       wait(lambda: has_block(w), 15, 0.2), "an address is blocked")
    return pid


def check_reactions(w):
    """What the unit denies the guard is nothing that its reactions need."""
    host, conf = w.hosts()[0]["id"], "/etc/nginx/nginx.conf"
    ok(wait(lambda: w.sh("find /var/lib/daemonsec/guard/vault/objects -type f | grep -q .").returncode == 0 and
            "files of daemons are known" in w.sh(f"journalctl -o cat _PID={main_pid(w, 'daemonsec-agent')}").stdout, 60, 0.3),
       "files of daemons are known and in the vault")
    w.sh(f"sha256sum {conf} >/debs/sum; echo '# strange' >>{conf}")
    ok(wait(lambda: conf in w.sh("daemonsec-ctl -o jsonl events event.action:integrity").stdout, 20, 0.3), "a change of it is told")
    ok(w.good(f"daemonsec-ctl reactions apply restore_file --host {host} --path {conf} --reason test") and
       wait(lambda: w.sh("sha256sum -c --quiet /debs/sum").returncode == 0, 20, 0.3) and w.good("systemctl is-active nginx"),
       "restore_file puts it back, and nginx takes it")
    pid = main_pid(w, "nginx")
    ok(w.good(f"daemonsec-ctl reactions apply restart --host {host} --unit nginx.service --reason test") and
       wait(lambda: main_pid(w, "nginx") not in (0, pid), 20, 0.3), "restart starts a unit anew")


def check_other_network(w):
    """A daemon in a network of its own, as a container's: the unit lets the guard into it, and the block is in there alone."""
    w.good("systemd-run --unit=inner --property=PrivateNetwork=yes --slice=system.slice /bin/sleep 100000")
    listed = f"nsenter -t {main_pid(w, 'inner')} -n nft list table inet daemonsec"
    block = (f"daemonsec-ctl reactions apply block_ip --host {w.hosts()[0]['id']} --address 192.0.2.9 --daemon inner.service "
             "--reach daemon_only --ttl 1h --reason test")
    ok(wait(lambda: w.sh(block).returncode == 0 and wait(lambda: "192.0.2.9" in w.sh(listed).stdout, 5, 0.2), 30, 0.5) and
       not wait(lambda: "192.0.2.9" in w.sh("nft list ruleset").stdout, 0.5, 0.2), "a block in another network is there, and only there")
    ok(w.good("daemonsec-ctl reactions undo --kind block_ip") and wait(lambda: "192.0.2.9" not in w.sh(listed).stdout, 15, 0.2),
       "and is taken back there")
    w.sh("systemctl stop inner")


def check_plugin(w):
    """As doc/promises.md has it."""
    with open(os.path.join(TOP, "doc/promises.md")) as f:
        typed = re.search(r"(?s)## 7[.].*?\n\n(.*?)\n\n", f.read())[1]
    ok(w.good(f"set -e; {typed}"), "an example of a plugin is put where the server looks")
    ok(w.good(f"daemonsec-ctl reactions apply server_plugin --host {w.hosts()[0]['id']} --data ticket --reason test") and
       wait(lambda: w.sh("ls /var/lib/daemonsec/server/tickets").stdout.endswith(".json\n"), 20, 0.3), "and the server runs it")


def check_upgrade(w, pid):
    before = w.hosts()[0]["id"]
    events = w.json("events 'event.action:exec' --limit 1")
    old = main_pid(w, "daemonsec-agent")
    ok(w.good("apt-get install -y /debs/next/*.deb"), "an upgrade")
    ok(w.watches() and w.hosts()[0]["id"] == before and main_pid(w, "daemonsec-agent") != old, "the new programs run, on the same host")
    ok(events and w.json("events 'event.action:exec' --limit 1"), "what was stored is there")
    ok(is_frozen(w, pid) and has_block(w), "what was frozen and blocked still is")
    active = [r for r in w.items("reactions") if r.get("status") in ("applied", "verified") and r.get("kind") in ("freeze", "block_ip")]
    ok(len(active) == 2 and w.good(f"daemonsec-ctl reactions undo {' '.join(r['id'] for r in active)}") and
       wait(lambda: not is_frozen(w, pid) and not has_block(w), 15, 0.2), "and the new agent undoes it")


STEP = r"""
# One dpkg that is killed once it has said its STEP-th word; 3 when it ended before.
import os, signal, subprocess, sys
r, w = os.pipe()
p = subprocess.Popen(["dpkg", "--force-downgrade", "--status-fd", str(w), "-i", *sys.argv[2:]], pass_fds=[w], start_new_session=True,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
os.close(w)
n = 0
for line in os.fdopen(r):
    if line.startswith("status: ") and line.split(":")[2].strip() in ("half-installed", "unpacked", "half-configured", "installed"):
        n += 1
        if n == int(sys.argv[1]):
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
            print(line.strip())
            sys.exit(0)
p.wait()
sys.exit(3)
"""


def check_interrupted(w):
    """dpkg is killed at each of its steps; what dpkg itself then asks for brings it home."""
    w.host.write("/debs/step.py", STEP)
    before = w.hosts()[0]["id"]
    step, bad, steps = 0, [], []
    while step < 100:
        step += 1
        which = ("new", "next")[step % 2]
        r = w.sh(f"python3 /debs/step.py {step} /debs/{which}/*.deb")
        if r.returncode == 3:
            break
        steps.append(r.stdout.strip())
        # A package that was half installed wants to be unpacked again: dpkg says so.
        w.sh("dpkg --configure -a")
        if w.sh("dpkg --audit").stdout.strip():
            w.sh(f"dpkg --force-downgrade -i /debs/{which}/*.deb")
        if w.sh("dpkg --audit").stdout.strip() or not w.watches() or w.hosts()[0]["id"] != before:
            bad.append(r.stdout.strip())
            w.say_why()
            break
    say(f"{len(steps)} steps")
    ok(len(steps) >= 12 and not bad, "an upgrade that is interrupted at any step is finished by dpkg, and the host watches itself")


def check_remove(w):
    pid = react(w)
    before = w.hosts()[0]["id"]
    ok(w.good("apt-get remove -y daemonsec-agent daemonsec") and not is_frozen(w, pid) and not has_block(w),
       "an agent that is removed leaves nothing frozen and nothing blocked")
    ok(w.good("kill -0 %d && ! pgrep -x daemonsec-agent && ! pgrep -x daemonsec-uplin && test -e /var/lib/daemonsec/agent/agent.pem" % pid),
       "it does not run, and its state is kept")
    ok(w.good("apt-get install -y /debs/next/*.deb") and w.watches() and w.hosts()[0]["id"] == before,
       "installed again it is the same host")


def check_purge(w):
    pid = react(w)
    # What a guide puts there, and a mistake that the agent has not read yet.
    w.sh("echo nonsense >/etc/daemonsec/conf.d/own.conf; mkdir /etc/daemonsec/filters; echo secret >/etc/daemonsec/smtp-password")
    ok(w.good("apt-get purge -y 'daemonsec*'"), "purged")
    ok(not is_frozen(w, pid) and w.sh("nft list table inet daemonsec").returncode != 0, "no process is frozen and no rule is left")
    r = w.sh("find / -xdev -path /proc -prune -o -path /sys -prune -o -path /debs -prune -o -path /var/log -prune -o "
             "-iname '*daemonsec*' -print; ls -d /run/daemonsec* /run/systemd/units/*daemonsec*; pgrep -l '^daemonsec'")
    left = [line for line in r.stdout.splitlines() if line] + sorted(files(w) - w.before)
    ok(not left, "no file, no directory and no process is left")
    say("\n".join(left))
    ok(w.good("test -z \"$(systemctl --failed --no-legend)\" && systemctl is-system-running >/dev/null"), "the host is well")


def check_taken(w):
    """Once what had its port has gone, the server is all that has to be started."""
    w.good("systemd-run --unit=other python3 -m http.server 7443")
    ok(wait(lambda: w.sh("ss -tln | grep -q :7443").returncode == 0, 20, 0.2) and w.good("apt-get install -y /debs/new/*.deb") and
       wait(lambda: "Address already in use" in log(w, "daemonsec-server"), 30, 0.2), "installed while the port is taken it says so")
    ok(w.good("systemctl stop other && systemctl restart daemonsec-server") and w.watches(60), "and watches itself once it is free")


def main():
    need_root()
    need("dpkg-buildpackage", "dh", "lintian", "debootstrap")
    own_mounts()
    where = built()
    r = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", *debs_of(where)], capture_output=True, text=True)
    ok(r.returncode == 0, "lintian has nothing to say")
    say(r.stdout)
    w = Watched("ds-deb", host_layer(where))
    give_debs(w, where)
    w.boot()
    check_install(w)
    check_service(w)
    check_reactions(w)
    check_other_network(w)
    check_plugin(w)
    check_upgrade(w, react(w))
    check_interrupted(w)
    check_remove(w)
    check_purge(w)
    check_taken(w)
    done()


if __name__ == "__main__":
    main()
