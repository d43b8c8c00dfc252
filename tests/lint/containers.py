#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The images' recipe and the compose file keep their promises: pinned bases, nobody's root but the agent's, no --privileged, a
read-only root, the capabilities that doc/containers.md lists, and files that there are."""
import os, re, sys

TOP = os.environ.get("top_srcdir", ".")
count = failed = 0


def report(name, wrong):
    global count, failed
    count, failed = count + 1, failed + bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} {count} - {name}")
    for line in wrong:
        print(f"# {line}")


def read(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


def stages(text):
    """(name, base, instructions) of each."""
    lines = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text)).split("\n")
    found = []
    for line in filter(str.strip, lines):
        word, rest = line.split(None, 1)
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append((name, base, []))
        else:
            found[-1][2].append((word, " ".join(rest.split())))
    return found


def check_recipe(recipe):
    names = [n for n, _, _ in recipe]
    report("bases are named with a tag that is not latest",
           [b for _, b, _ in recipe if b not in names and (":" not in b or b.endswith(":latest"))])
    report("nothing is fetched but by apt", [r for _, _, all in recipe for w, r in all if w == "ADD" or re.search(r"curl |wget |://", r)])
    report("packages' lists are not kept", [r for _, _, all in recipe for w, r in all if "apt-get install" in r and "rm -rf" not in r])
    users = {n: [r for w, r in all if w == "USER"] for n, _, all in recipe}
    report("the server is a user without a name", [str(users["server"])] * (users["server"] != ["10001:10001"]))
    copied = [p for _, _, all in recipe for w, r in all if w == "COPY" and "--from" not in r for p in r.split()[:-1]]
    report("what is copied is there", [p for p in copied if not os.path.exists(os.path.join(TOP, p))])


def check_compose(services, document):
    report("no service is privileged", [n for n, s in services.items() if s.get("privileged")])
    ours = {n: services[n] for n in ("server", "agent")}
    report("server and agent have a read-only root and drop all capabilities",
           [n for n, s in ours.items() if not s.get("read_only") or s.get("cap_drop") != ["ALL"]])
    report("the server has none", [str(services["server"].get("cap_add"))] * ("cap_add" in services["server"]))
    told = set(re.findall(r"--cap-add ([A-Z_]+)", document))
    report("the agent has those that doc/containers.md gives it", sorted(told ^ set(services["agent"]["cap_add"])))
    here = os.path.join(TOP, "dist/containers")
    mounts = [v.split(":")[0] for s in services.values() for v in s.get("volumes", []) if v.startswith(".")]
    report("what is mounted from here is there", [m for m in mounts if not os.path.exists(os.path.join(here, m))])


check_recipe(stages(read("dist/containers/Dockerfile")))
try:
    import yaml
    check_compose(yaml.safe_load(read("dist/containers/compose.yaml"))["services"], read("doc/containers.md"))
except ImportError:
    print("# python3-yaml is not here: the compose file was not read")
print(f"1..{count}")
sys.exit(failed > 0)
