#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Salt formula as Salt would render it, for every pillar that is documented; states are checked for what Salt refuses, and the
configuration that they write is given to the programs themselves."""
import os
import subprocess
import sys
import tempfile

BUILD = os.environ.get("top_builddir", os.getcwd())
try:
    import yaml
    from formula import TOP, Answer, Loader, render
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

STATES = {"pkg.installed", "pkg.latest", "pkg.purged", "file.managed", "cmd.run", "service.running", "salt.state", "salt.function"}
REQUISITES = ("require", "watch", "onchanges", "watch_in", "require_in")
count = failed = 0


def ok(condition, name):
    global count, failed
    count += 1
    failed += not condition
    print(f"{'ok' if condition else 'not ok'} {count} - {name}")
    return condition


def ask(target, what, args):
    return {
        "file.file_exists": {"web1": Answer(ret=False), "web2": Answer(ret=True)},
        "grains.get": {"web1": Answer(ret={"nodename": "web1.example.org"}.get(args[0]))},
        "cmd.run_stdout": {target: Answer(ret="dse1.token")}}[what]


def flaws(text, more=()):
    """What Salt would refuse of a file of states."""
    try:
        states = yaml.load(text, Loader) or {}
    except yaml.YAMLError as e:
        return [str(e).replace("\n", " ")]
    included = {f"{k.split('.')[0]}:{i}" for s in (states, *more) for i, body in s.items() if i != "include" for k in body}
    wrong = []
    for name, body in states.items():
        if name == "include":
            continue
        for state, args in body.items():
            if state not in STATES:
                wrong.append(f"{name}: {state}")
            if state == "pkg.latest" and any("sources" in arg for arg in args):
                wrong.append(f"{name}: pkg.latest takes no sources")
            for arg in args:
                for requisite in REQUISITES:
                    wrong += [f"{name}: {requisite} {k}: {v}" for one in arg.get(requisite, []) if isinstance(arg, dict)
                              for k, v in one.items() if f"{k}:{v}" not in included]
    return wrong


def named(text, suffix):
    return next(b for i, b in yaml.load(text, Loader).items() if i.endswith(suffix))


def written(text, path):
    """The file that a state writes."""
    managed = yaml.load(text, Loader)[path]["file.managed"]
    context = next(a["context"] for a in managed if "context" in a)
    return render("daemonsec/files/conf.jinja", {}, **context)


def accepted(program, conf):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write(conf)
        f.flush()
        r = subprocess.run([os.path.join(BUILD, program), "--check-config", "-c", f.name], capture_output=True, text=True)
        print("".join(f"# {line}\n" for line in (r.stdout + r.stderr).splitlines()), end="")
        return r.returncode == 0


with open(os.path.join(TOP, "salt", "pillar.example")) as f:
    example = yaml.load(f, Loader)
packages = {"daemonsec-agent": "salt://packages/daemonsec-agent.deb", "daemonsec-server": "salt://s.deb", "daemonsec-ctl": "salt://c.deb"}
pillars = {
    "nothing": {},
    "the example": example,
    "a number as ring, and a token": {"daemonsec": {"ring": 1, "token": "dse1.abc"}},
    "packages, the latest ones": {"daemonsec": {"state": "latest", "packages": packages}},
    "absent": {"daemonsec": {"state": "absent"}},
}
for what, pillar in pillars.items():
    for sls in ("agent", "server"):
        text = render(f"daemonsec/{sls}.sls", pillar)
        wrong = flaws(text)
        print("".join(f"# {w}\n" for w in wrong), end="")
        ok(not wrong, f"{sls} with {what} is states that Salt takes")
both = {s: yaml.load(render(f"daemonsec/{s}.sls", {}), Loader) for s in ("agent", "server")}
ok(not set(both["agent"]) & set(both["server"]) and yaml.load(render("daemonsec/init.sls", {}), Loader)["include"] ==
   ["daemonsec.server", "daemonsec.agent"], "both on one host have no id in common")
agent = render("daemonsec/agent.sls", example)
conf = written(agent, "/etc/daemonsec/conf.d/50-salt.conf")
ok("labels = web,ring-0" in conf and "never_block = 192.0.2.0/24" in conf, "labels and the ring are in the agent's configuration")
ok(accepted("agent/daemonsec-agent", conf), "which the agent takes")
ok(accepted("server/daemonsec-server", written(render("daemonsec/server.sls", example), "/etc/daemonsec/server.conf.d/50-salt.conf")),
   "and the server its own")
token = yaml.load(render("daemonsec/agent.sls", pillars["a number as ring, and a token"]), Loader)["/etc/daemonsec/enrolment-token"]["file.managed"]
ok({"mode": "0600"} in token and {"show_changes": False} in token and {"contents": "dse1.abc"} in token, "a token is root's alone, and not shown")
text = render("daemonsec/orch/agents.sls", {"server": "ds1", "target": "web*", "ring": "0"}, ask)
states = yaml.load(text, Loader)
own = {m: next(a["pillar"]["daemonsec"] for a in states[f"agent-{m}"]["salt.state"] if "pillar" in a) for m in ("web1", "web2")}
ok(not flaws(text) and own == {"web1": {"ring": "0", "token": "dse1.token"}, "web2": {"ring": "0"}},
   "the roll-out gives a token to whom has none yet, and to nobody else")
states = yaml.load(render("daemonsec/orch/agents.sls", {"server": "ds1", "target": "web*"}, ask), Loader)
ok({"pillar": {"daemonsec": {}}} in states["agent-web2"]["salt.state"], "without a ring it leaves the one of the minion's own pillar")
text = render("daemonsec/orch/remove.sls", {"server": "ds1", "target": "web1"}, ask)
ok(not flaws(text) and list(yaml.load(text, Loader)) == ["revoke-web1", "remove-web1"] and "hosts revoke web1.example.org" in text,
   "who is removed is revoked first, under the name that the server knows")
print(f"1..{count}")
sys.exit(1 if failed else 0)
