#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the gate and the channels really said, against what others publish of these forms: SARIF's schema, the SDK of CloudEvents,
the types of the Elastic Common Schema.

For `make check-packages`: what is published comes from the npm registry, and without it there is nothing to compare with. The
system tests say the documents (DS_FORMS).
"""
import atexit, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

need_root()
need("npm", "node")
try:
    import jsonschema
except ImportError as missing:
    skip_all(str(missing))
PUBLISHED = {"@microsoft/jest-sarif": "1.0.0-beta.0", "cloudevents": "10.0.0", "@elastic/ecs": "8.11.1", "typescript": "5.9.3"}
DIR = tempfile.mkdtemp(prefix="daemonsec-formats.", dir="/var/tmp")
atexit.register(shutil.rmtree, DIR, True)
FORMS = DIR + "/forms"
EVENT = """
const { HTTP } = require("cloudevents");
const event = HTTP.toEvent(JSON.parse(require("fs").readFileSync(0)));
if (!event.validate()) process.exit(1);
"""


def run(*args, **more):
    return subprocess.run(args, cwd=DIR, capture_output=True, text=True, **more)


def kept(name):
    with open(f"{FORMS}/{name}") as f:
        return f.read()


def without_ours(doc):
    """What has no place in ECS is below a name of our own, which ECS allows."""
    return {k: v for k, v in doc.items() if k != "daemonsec"}


def is_ecs(name):
    """The compiler knows the fields and their types, and refuses those that the schema does not have."""
    docs = [without_ours(d) for d in json.loads(kept(name))]
    with open(f"{DIR}/{name}.ts", "w") as f:
        f.write('import type { Ecs } from "@elastic/ecs";\n')
        f.writelines(f"export const d{i}: Ecs = {json.dumps(d)};\n" for i, d in enumerate(docs))
    r = run("node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext",
            f"{name}.ts")
    say("\n".join(sorted({line.partition("error ")[2] for line in r.stdout.splitlines() if " error " in line})[:20]))
    return len(docs) > 0 and r.returncode == 0


def main():
    with open(DIR + "/package.json", "w") as f:
        json.dump({"private": True, "dependencies": PUBLISHED}, f)
    r = run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    if r.returncode != 0:
        skip_all("npm cannot install " + " ".join(PUBLISHED))
    os.mkdir(FORMS)
    for test in ("gate", "notify", "siem"):
        r = subprocess.run([sys.executable, f"{TOP}/tests/system/{test}.py"], env=dict(os.environ, DS_FORMS=FORMS), capture_output=True, text=True)
        if r.returncode != 0:
            say(r.stdout[-3000:])
        ok(r.returncode == 0 and "# SKIP" not in r.stdout, f"{test}.py says its documents")
    with open(DIR + "/node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json") as f:
        validator = jsonschema.validators.validator_for(schema := json.load(f))(schema)
    wrong = [f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in validator.iter_errors(json.loads(kept("sarif.json")))]
    ok(not wrong, "the gate's SARIF is valid by the schema of 2.1.0")
    say("\n".join(wrong))
    r = run("node", "-e", EVENT, input=kept("cloudevent.json"))
    ok(r.returncode == 0, "a webhook is an event to the SDK of CloudEvents")
    say(r.stderr[-1500:])
    ok(is_ecs("ecs-records.json"), "a SIEM's records have the fields and types of ECS")
    ok(is_ecs("ecs-events.json"), "so have events of the API")
    done()


main()
