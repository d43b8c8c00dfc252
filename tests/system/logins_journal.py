#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Logins from a real journal, below a systemd of its own: found, of the right daemon, and each once over restarts; and failures
that a filter finds in what its own unit writes."""
import os, re, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sdhost import *

isolate(pid=False)
PROBE = os.path.join(BUILD, "tests", "system", "logs_probe")
if not os.path.exists(PROBE):
    skip_all("logs_probe was not built")


class LogsProbe:
    def __init__(self, host, out):
        self.out = out
        self.p = subprocess.Popen([*host.enter(), "/logs_probe", "/notes", "/filters"], stdin=subprocess.PIPE, stdout=open(out, "w"),
                                  stderr=subprocess.STDOUT)
        self.up = wait(lambda: "READING" in self.text(), 20)

    def text(self):
        with open(self.out) as f:
            return f.read()

    def logins(self):
        return [l for l in self.text().splitlines() if l.startswith("LOGIN")]

    def stop(self):
        self.p.stdin.close()
        self.p.wait(20)


PERSON = ("setpriv", "--reuid=1000", "--clear-groups")


def log(host, user, *by, text="Failed password for {} from 192.0.2.9 port 22 ssh2"):
    return host.run(*by, "logger", "-p", "authpriv.info", "-t", "sshd", text.format(user))


host = Host("journal")
try:
    shutil.copy(PROBE, host.root + "/logs_probe")
    libs = subprocess.run(["ldd", PROBE], capture_output=True, text=True).stdout
    for path in re.findall(r"(/\S+) \(", libs):
        if not os.path.exists(host.root + path):
            shutil.copy(os.path.realpath(path), host.root + path)
    host.write("/etc/systemd/system/console-getty.service", "")
    for unit, user in (("app", "eve"), ("other", "nobody")):
        host.write(f"/etc/systemd/system/{unit}.service", f"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo bad {user} from 192.0.2.7'\n")
    host.write("/filters", "filter app-auth\njournal _SYSTEMD_UNIT=app.service\nfail ]: bad (?<user>\\S+) from (?<ip4>192\\.0\\.2\\.7)\\s*$\n"
               "filter any\njournal\nfail ]: any (?<user>\\S+) from (?<ip4>192\\.0\\.2\\.8)\\s*$\n"
               "filter other\njournal _SYSTEMD_UNIT=other.service\nfail ]: worse from (?<ip4>192\\.0\\.2\\.7)\\s*$\n")
    if not ok(host.boot(), "systemd comes up"):
        done()
    log(host, "before")
    probe = LogsProbe(host, host.dir + "/out1")
    if not ok(probe.up and "READING journal" in probe.text(), "there is a journal and it is read"):
        say(probe.text())
        done()
    ok("FILTER" not in probe.text() or SANITIZED, "under the filter of system calls")
    forged = log(host, "forged", *PERSON)
    forged_any = log(host, "forged", *PERSON, text="any {} from 192.0.2.8")
    log(host, "told", text="any {} from 192.0.2.8")
    log(host, "one")
    ok(wait(lambda: len(probe.logins()) == 2, 10), "a login is found, and a failure by a filter of everything")
    ok("LOGIN ssh.service 2 one password journal" in probe.text(), "with its user, method and the unit of sshd")
    ok(forged.returncode == forged_any.returncode == 0 and "told log journal" in probe.text() and "forged" not in probe.text(),
       "what a person writes in sshd's name is none, neither by itself nor by a filter")
    ok("before" not in probe.text(), "what was there before we came is not news")
    host.run("systemctl", "start", "other.service")
    host.run("systemctl", "start", "app.service")
    ok(wait(lambda: "LOGIN app.service 2 eve log journal" in probe.text(), 10) and "nobody" not in probe.text(),
       "a filter sees what its unit writes, not what another one does, and its failures are that unit's")
    host.run("su", "-s", "/bin/true", "root")
    say(probe.text())
    probe.stop()
    log(host, "two")
    log(host, "three")
    probe = LogsProbe(host, host.dir + "/out2")
    ok(wait(lambda: [l.split()[3] for l in probe.logins()][-2:] == ["two", "three"], 10), "a restart reads what came meanwhile")
    ok(not [l for l in probe.logins() if l.split()[3] == "one"], "and nothing twice")
    host.run("journalctl", "--rotate")
    log(host, "four")
    ok(wait(lambda: probe.logins()[-1].split()[3] == "four", 10), "over a rotation of the journal too")
    say(probe.text())
    probe.stop()
finally:
    host.close()
done()
