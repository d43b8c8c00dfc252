#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line against a real server: exit codes, what it says when something is wrong, a backup that another server
starts from, and a bundle without secrets."""
import csv
import io
import json
import os
import signal
import subprocess
import tarfile

from harness import Site, done, isolate, ok, program, wait, write_conf

isolate()
SECRET = "hooks.example.org/T000/B000/verysecret"

# Arguments, exit code, a part of what is said on stderr.
CASES = [
    (["status"], 0, ""), (["status", "--nosuch"], 2, "--help"), (["nosuch"], 2, "there is no verb"),
    (["evnets"], 2, 'did you mean "events"'), ([], 2, "usage:"), (["--help"], 0, ""), (["alerts", "--help"], 0, ""), (["help", "alerts"], 0, ""), (["alerts", "-h"], 0, ""),
    (["alerts", "--version"], 0, ""), (["--nosuch"], 2, "--help"), (["alerts", "--statu", "open"], 2, "did you mean --status"),
    (["alerts", "--status"], 2, "wants a value"), (["alerts", "shwo", "x"], 2, 'did you mean "show"'),
    (["alerts", "show"], 2, "usage: daemonsec-ctl alerts show A\n"), (["daemons", "show"], 2, "daemons show D [--host H]\n"),
    (["alerts", "--limit", "x"], 2, "number"), (["events", "--limit", "-1"], 2, "number"), (["audit", "--limit", "0"], 2, "number"),
    (["daemons", "--host", "nosuch"], 3, "there is no host"), (["alerts", "show", "../users/admin"], 3, ""), (["alerts", "show", "a b"], 3, "a b"),
    (["reactions", "undo", "x", "y"], 3, ""), (["reactions", "--since", "x"], 2, "10m"), (["models", "forget", "--host", "h", "--from", "x", "--to", "now"], 2, "10m"),
    (["audit", "verify", "--head", "x"], 2, "64"), (["rules", "import", "/nonexistent"], 3, "/nonexistent"), (["notify", "messages", "--status", "x"], 2, "dead"),
    (["reactions", "apply", "block_ip", "--host", "nosuch", "--address", "x"], 2, "no address"),
    (["reactions", "apply", "block_ip", "--host", "nosuch", "--address", "192.0.2.1", "--alert", "alr_nosuch"], 3, "there is no alert"),
    (["reactions", "undo", "--alert", "alr_nosuch"], 3, "there is no alert"), (["reactions", "undo", "--all"], 0, "nothing to take back"),
    (["support-bundle", "/nonexistent/x"], 3, "/nonexistent/x"), (["--token-file", "/nonexistent", "hosts"], 3, "/nonexistent"),
    (["hosts", "-o", "xml"], 2, "table, json, jsonl or csv"), (["hosts", "show", "nosuch"], 3, "there is no host"),
    (["daemons", "show", "nosuch"], 3, "there is no daemon"), (["alerts", "show", "x"], 3, "there is no alert"),
    (["alerts", "--status", "bogus"], 2, "acknowledged, closed"), (["alerts", "verdict", "x", "maybe"], 2, "true_positive"),
    (["events", "bogus:1"], 2, "no field"), (["events", "(("], 2, "expected a term"), (["events", "a" * 9000], 2, "too long"),
    (["events", "exec", "--since", "1h", "--until", "now", "--limit", "1"], 0, ""),
    (["protect", "--mode=active"], 6, "--force"), (["protect", "--mode=bogus"], 2, "monitor, active, prevent"),
    (["train", "--daemon", "nosuch"], 3, "there is no daemon"), (["deploy", "begin", "--daemon", "x", "--host", "nosuch"], 3, "there is no host"),
    (["deploy", "begin", "--daemon", "nosuch"], 0, "no daemon is called nosuch yet"), (["train", "--wait"], 6, ""), (["models", "show", "x"], 3, "there is no model"),
    (["reactions", "apply", "kill", "--host", "nosuch", "--pid", "7"], 3, ""),
    (["tokens", "create", "--ttl", "x"], 2, "--ttl"), (["users", "create", "admin"], 6, "already"),
    (["notify", "test", "nosuch"], 3, "no channel"), (["config", "check"], 3, "--server-file"),
    (["backup"], 2, "usage:"), (["support-bundle"], 2, "usage:"), (["backup", "/x.tar"], 3, "--server-file"),
]


def run(server, *args):
    r = subprocess.run([program("daemonsec-ctl"), "--server", server, *args], capture_output=True, text=True, timeout=60,
                       stdin=subprocess.DEVNULL, env=dict(os.environ, DAEMONSEC_API=""))
    return r.returncode, r.stdout, r.stderr


FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", 'a "b", c', "<b>\u202e"]


def exports(site, server):
    """What a spreadsheet would run is text in CSV; JSON lines have it as it is."""
    for name in FORMULAS:
        site.post("api-tokens", {"name": name})
    rows = list(csv.reader(io.StringIO(run(server, "-o", "csv", "api-tokens")[1], newline="")))
    cells = [cell for row in rows for cell in row]
    ok(len({len(row) for row in rows}) == 1 and not [c for c in cells if c[:1] in tuple("=+-@\t\r")] and
       all(n in cells or "'" + n in cells for n in FORMULAS if n.isascii()), f"a cell of CSV is no formula {cells[-12:]}")
    lines = [json.loads(line) for line in run(server, "-o", "jsonl", "api-tokens")[1].splitlines()]
    ok({t["name"] for t in lines} >= set(FORMULAS), "JSON lines tell every character")


def verbs(site):
    wrong = [(args, code, said, got) for args, code, said in CASES
             for got in [run("unix:" + site.socket, *args)] if got[0] != code or said not in got[2] or (code and got[1] and args[:2] != ["reactions", "undo"])]
    ok(not wrong, f"{len(CASES)} calls end with the exit code of the manual and say why on stderr" + "".join(f"\n# {w}" for w in wrong))
    ok(run("unix:/nonexistent", "status")[0] == 5, "a server that is not there is exit code 5")
    ok(run("http://127.0.0.1:7480", "hosts")[0] == 4, "without a token it is exit code 4")
    ok(run("unix:", "status")[0] == 2, "a socket without a name is a mistake of the caller's")
    code, out, _ = run("unix:" + site.socket, "status", "--json")
    ok(code == 0 and "\x1b" not in out and json.loads(out)["counts"], "JSON is JSON, without colours")


# The options that others may rely on, by their names.
AGENT = {"general": {"monitor_daemons": "sshd,nginx,cron,docker", "alert_email": "ops@example.org", "scope": "auto", "log_level": "info"},
         "server": {"address": "ds.example.org:7443"}, "ml": {"enabled": "true", "model_path": "/var/lib/daemonsec/models/default.ml"},
         "reaction": {"ceiling": "freeze,kill,block_ip,block_port,restore_file,restart", "never_block": "192.0.2.0/24"},
         "exporters": {"prometheus": "true", "prometheus_port": "9101", "prometheus_listen": "127.0.0.1"}, "spool": {"max_size": "256M"}}
SERVER = {"server": {"listen": "0.0.0.0:7443", "state_dir": "/var/lib/daemonsec/server"},
          "api": {"listen": "127.0.0.1:7480", "unix": "/run/daemonsec/api.sock", "tls_cert": "", "tls_key": ""},
          "storage": {"engine": "sqlite", "retention": "30d", "max_size": "20G"}, "detect": {"alert_budget": "1/host/week"},
          "geoip": {"database": ""}, "notify.x": {"type": "alertmanager", "url": "https://am.example.org", "min_severity": "medium"}}
CHOSEN = ("monitor_daemons", "alert_email", "address", "never_block", "prometheus", "type", "url", "min_severity",
          "unix", "state_dir", "model_path")  # the last three are where the build was told


def configuration(site):
    """What is written here is taken, and what is not a choice of the reader's is the default."""
    agent, server, empty = (os.path.join(site.dir, n) for n in ("a.conf", "s.conf", "empty.conf"))
    write_conf(agent, AGENT, {})
    write_conf(server, SERVER, {})
    write_conf(empty, {}, {})
    r = run("unix:/nonexistent", "config", "check", "--agent", agent, "--server-file", server)
    ok(r[0] == 0, f"the options of both programs have their names {r[2]}")
    shown = run("unix:/nonexistent", "config", "show", "--agent", empty, "--server-file", empty)[1]
    missing = [f"{k} = {v}" for options in (AGENT, SERVER) for section in options.values() for k, v in section.items()
               if k not in CHOSEN and f"{k} = {v}".strip() not in [line.strip() for line in shown.splitlines()]]
    ok(not missing, f"and their defaults {missing}")


def backup(site, agent):
    path = os.path.join(site.dir, "backup.tar")
    before = {e["@timestamp"] for e in wait(site.events, 60)}
    code, out, err = run("unix:" + site.socket, "backup", path, "--server-file", site.conf)
    ok(code == 0 and "private keys" in err and os.stat(path).st_mode & 0o777 == 0o600,
       f"a backup of a running server is its owner's only: {out.strip()}{err if code else ''}")
    again = run("unix:" + site.socket, "backup", path, "--server-file", site.conf)
    ok(again[0] == 6 and "written over" in again[2], "nothing is written over")
    with tarfile.open(path) as t:
        names = t.getnames()
        about = json.load(t.extractfile("backup.json"))
    ok(about["members"] == names[:-1] and {"state/control.db", "state/order.key", "state/pki/ca.key", "etc/server.conf"} <= set(names)
       and any(n.startswith("state/events/") for n in names) and not any(n.endswith(("-wal", "-shm", ".part")) for n in names)
       and not [n for n in os.listdir(site.dir) if n.endswith(".part")], "it has databases, keys and configuration, and says so")
    host = site.get("hosts")["items"][0]
    site.process.stop()
    sessions = agent.sessions()
    os.rename(site.state, site.state + ".old")
    os.makedirs(site.state, mode=0o700)
    subprocess.run(["tar", "-xf", path, "-C", site.state, "--strip-components=1", "state"], check=True)
    site.start()
    ok(site.get("hosts")["items"][0]["id"] == host["id"] and site.get("hosts")["items"][0]["labels"] == ["kept"]
       and before <= {e["@timestamp"] for e in site.events()}, "a server starts from it and knows what the other knew")
    ok(wait(lambda: agent.sessions() > sessions and host["id"] in [h["id"] for h in site.connected()], 60),
       "the agent connects to it as it is, without a new token")
    ok(wait(lambda: site.get("audit/verify")["whole"], 10), "its audit log is whole")


def bundle(site):
    path = os.path.join(site.dir, "bundle.tar")
    code, out, err = run("unix:" + site.socket, "support-bundle", path, "--server-file", site.conf)
    with tarfile.open(path) as t:
        texts = {m.name: t.extractfile(m).read().decode() for m in t.getmembers()}
    ok(code == 0 and {"status.json", "settings.json", "doctor.json", "system.txt", "server.conf", "hosts.json"} <= set(texts)
       and all(f"  {name}\n" in out for name in texts if name != "contents.json"), f"a bundle lists what is in it{err if code else ''}")
    keys = [open(os.path.join(site.state, "pki", "ca.key")).read(), open(os.path.join(site.state, "order.key")).read()]
    ok(not [n for n, text in texts.items() if SECRET in text or any(k.strip() in text for k in keys)]
       and "url = (left out)" in texts["server.conf"].replace("url =", "url ="), "and has no address of a webhook and no key")
    site.process.stop()
    code, out, err = run("unix:" + site.socket, "support-bundle", path + ".2", "--server-file", site.conf)
    ok(code == 7 and "and has not" in out and "status.json" in out, "without the server it has the rest, and exit code 7")


def main():
    with Site({"notify.hook.type": "slack", "notify.hook.url": "https://" + SECRET}) as site:
        agent = site.agent(monitor="nosuch", options={"general.alert_email": "team@example.org"})
        ok(wait(lambda: site.get("hosts")["items"][0]["alert_email"] == "team@example.org", 60), "an agent says who else is told")
        text = open(agent.conf).read()
        open(agent.conf, "w").write(text.replace("team@example.org", "night@example.org"))
        os.kill(agent.process.pid, signal.SIGHUP)
        ok(wait(lambda: site.get("hosts")["items"][0]["alert_email"] == "night@example.org", 60), "and says so again once it is somebody else")
        exports(site, "unix:" + site.socket)
        verbs(site)
        configuration(site)
        site.ctl("hosts", "label", site.get("hosts")["items"][0]["name"], "kept")
        backup(site, agent)
        with open(site.conf, "a") as f:
            f.write("; url = https://" + SECRET + "/the-one-before\n")
        bundle(site)
    done()


main()
