#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Ansible collection against five real systemd hosts over ssh, from nothing to all of them heard by the server; again
without a change; one ring at a time; an upgrade; removal.

For `make check-packages`. DS_DEBS=DIR has the packages; without it the test before this one has left them.
"""
import atexit, glob, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *
from machines import booted, debs_of, here, host_layer, next_version, own_mounts

need_root()
need("ansible-playbook", "ssh-keygen", "debootstrap")
DEBS = os.environ.get("DS_DEBS", os.path.join(BUILD, "packages"))
if not debs_of(DEBS):
    skip_all("no packages were built: tests/packages/debs.py does")
host_layer(DEBS)
own_mounts("--net")
HOSTS = 5
DIR = tempfile.mkdtemp(prefix="daemonsec-ansible.", dir="/var/tmp")
atexit.register(shutil.rmtree, DIR, True)


def inventory(machines, packages):
    """JSON is YAML."""
    rings = (0, "0", 1, "1", "late")  # as numbers, too: in files of INI and YAML they are unless quoted
    agents = {m.name: {"daemonsec_agent_ring": ring} for ring, m in zip(rings, machines)}
    doc = {"all": {
        "hosts": {m.name: {"ansible_host": m.address} for m in machines},
        "vars": {"daemonsec_package_dir": packages, "ansible_user": "root", "ansible_ssh_private_key_file": DIR + "/key",
                 "ansible_python_interpreter": "/usr/bin/python3"},
        "children": {
            "daemonsec_server": {"hosts": {"ds1": {}}, "vars": {
                "daemonsec_server_config": {"server": {"hostnames": ["10.77.0.1", "ds1"]}}}},
            "daemonsec_agents": {"hosts": agents, "vars": {
                "daemonsec_agent_server": "ds1", "daemonsec_agent_labels": ["web", "test"],
                "daemonsec_agent_config": {"reaction": {"never_block": ["10.77.0.254/32"]}}}}}}}
    with open(DIR + "/hosts.yml", "w") as f:
        json.dump(doc, f)


def play(book, *args):
    """Runs a playbook: whether it worked, and how often something changed."""
    env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=DIR + "/collections", ANSIBLE_HOME=DIR + "/home", ANSIBLE_HOST_KEY_CHECKING="false",
               ANSIBLE_SSH_ARGS=f"-o ControlMaster=auto -o ControlPersist=60s -o ControlPath={DIR}/c-%h -o UserKnownHostsFile=/dev/null",
               ANSIBLE_PIPELINING="true", ANSIBLE_FORKS="5", ANSIBLE_NOCOLOR="1", ANSIBLE_LOCALHOST_WARNING="false", HOME=DIR,
               ANSIBLE_LOCAL_TEMP=DIR + "/tmp")
    begin = time.monotonic()
    r = subprocess.run(["ansible-playbook", "-i", DIR + "/hosts.yml", "daemonsec.daemonsec." + book, *args], env=env, stdin=subprocess.DEVNULL,
                       capture_output=True, text=True)
    changed = [int(n) for n in re.findall(r"ok=\d+\s+changed=(\d+)", r.stdout)]
    say(f"{book} {' '.join(args)}: {time.monotonic() - begin:.1f} s, changed {sum(changed)}")
    if r.returncode != 0:
        say(r.stdout[-3000:] + r.stderr[-1500:])
    return r.returncode == 0, sum(changed), r.stdout


def hosts(machines):
    return machines[0].hosts()


def all_green(machines):
    found = {h["name"]: h for h in hosts(machines) if h["status"] == "approved" and h["connected"]}
    return sorted(found) == sorted(m.name for m in machines) and found


def check_wrong(machines):
    """What the agents of ring 0 refuse is not put in place there, and comes to nobody else."""
    read = "cat /etc/daemonsec/conf.d/50-ansible.conf"
    before = [m.sh(read).stdout for m in machines]
    good, changed, out = play("site", "-e", '{"daemonsec_agent_config": {"reaction": {"nonsense": 1}}}')
    ok(not good and "unknown key" in out and [m.sh(read).stdout for m in machines] == before,
       "a configuration that is wrong is told and put in place nowhere")
    ok(out.count("fatal: [") == 2 and not re.search(r"(?m)^(ok|changed|fatal): \[ds[345]", out.partition("PLAY [The agents")[2]), "and when ring 0 fails, no other is begun")


def main():
    here("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", DIR + "/key")
    os.makedirs(DIR + "/collections/ansible_collections/daemonsec")
    os.makedirs(DIR + "/tmp")
    shutil.copytree(os.path.join(TOP, "ansible"), DIR + "/collections/ansible_collections/daemonsec/daemonsec")
    if shutil.which("ansible-lint"):
        r = subprocess.run(["ansible-lint", "--nocolor", "--offline", "--profile", "production"], capture_output=True, text=True,
                           cwd=DIR + "/collections/ansible_collections/daemonsec/daemonsec",
                           env=dict(os.environ, ANSIBLE_COLLECTIONS_PATH=DIR + "/collections", HOME=DIR))
        ok(r.returncode == 0 and "production" in r.stdout + r.stderr, "ansible-lint: passed with the production profile")
        if r.returncode != 0:
            say(r.stdout[-2000:] + r.stderr[-500:])
    machines = booted(HOSTS, DEBS, open(DIR + "/key.pub").read())
    if not ok(machines, f"{HOSTS} hosts come up"):
        done()
    now, later = DIR + "/now", DIR + "/later"
    os.makedirs(now)
    os.makedirs(later)
    for d in debs_of(DEBS):
        shutil.copy(d, now)
    inventory(machines, now)
    good, changed, out = play("site", "--check")
    ok(good and not any(m.sh("test -e /usr/sbin/daemonsec-agent || test -e /etc/daemonsec").returncode == 0 for m in machines),
       "--check on hosts without anything works and changes nothing")
    begin = time.monotonic()
    good, changed, out = play("site")
    ok(good and wait(lambda: all_green(machines), 20, 0.5), "from nothing to all of them heard by the server")
    say(f"{time.monotonic() - begin:.1f} s for {HOSTS} hosts")
    ok("dse1." not in out, "no token is in what Ansible says")
    ids = {h["name"]: h["id"] for h in hosts(machines)}
    labels = {h["name"]: sorted(h["labels"]) for h in hosts(machines)}
    ok(labels.get("ds1") == ["ring-0", "test", "web"] and labels.get("ds5") == ["ring-late", "test", "web"], "they have their labels")
    ok(machines[2].sh("grep -r . /etc/daemonsec/enrolment-token").returncode != 0, "tokens are used and gone")
    good, changed, out = play("site")
    ok(good and changed == 0, "a second run changes nothing")
    good, changed, out = play("site", "--check")
    ok(good and changed == 0, "nor would --check")
    check_wrong(machines)
    next_version(DEBS, later)
    for d in glob.glob(later + "/*.deb"):
        os.rename(d, d[:-4] + "_next.deb")
    inventory(machines, later)
    good, changed, out = play("site", "-e", "daemonsec_serial=1")
    ok(good and wait(lambda: all_green(machines), 20, 0.5) and {h["name"]: h["id"] for h in hosts(machines)} == ids and
       all("+1" in m.sh("dpkg-query -W -f '${Version}' daemonsec-agent").stdout for m in machines), "an upgrade, ring by ring; they are the same hosts")
    good, changed, out = play("uninstall", "--limit", "ds5,ds4.example.org")
    ok(good and all(m.sh("test ! -e /usr/sbin/daemonsec-agent && test ! -e /var/lib/daemonsec && test ! -e /etc/daemonsec").returncode == 0
                    for m in machines[3:]) and
       sorted(h["name"] for h in hosts(machines) if h["status"] == "revoked") == ["ds4.example.org", "ds5"], "two are revoked and removed without a trace")
    machines[0].sh("systemctl stop daemonsec-server")
    good, changed, out = play("uninstall", "--limit", "ds3")
    ok(not good and "Nothing was removed" in out and machines[2].sh("systemctl is-active daemonsec-agent").returncode == 0,
       "who cannot be revoked is not removed")
    machines[0].sh("systemctl start daemonsec-server")
    good, changed, out = play("site", "--limit", "ds1,ds5")
    ok(good and "ds5" in {h["name"] for h in hosts(machines) if h["status"] == "approved" and h["connected"]}, "one of the two comes back")
    good, changed, out = play("uninstall", "-e", "daemonsec_server_state=absent", "-e", "daemonsec_server_purge=true")
    left = [m.sh("find / -xdev -path /proc -prune -o -path /sys -prune -o -path /var/log -prune -o -iname '*daemonsec*' -print").stdout
            for m in machines]
    ok(good and not any(left), "all of it is removed without a trace, and the server last")
    say("".join(left))
    done()


main()
