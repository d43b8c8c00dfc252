# SPDX-License-Identifier: GPL-2.0-or-later
"""forms - what of SARIF 2.1.0 and of JUnit's XML the gate uses, as their schemas have it: objects are closed, so that a
member that the standard does not know is found as well as one that it wants and is missing.

tests/packages/formats.py gives what DS_FORMS has kept to the published schemas."""
import os, re

URI_REFERENCE = re.compile(r"(?!//$)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*\Z")


def keep(name, text):
    """For whoever validates it with what is not here."""
    if os.environ.get("DS_FORMS"):
        with open(os.path.join(os.environ["DS_FORMS"], name), "w") as f:
            f.write(text)


def one_of(*words):
    return lambda v: v in words


def text(v):
    return isinstance(v, str) and v != ""


def whole(v):
    return isinstance(v, int) and not isinstance(v, bool) and v >= 1


def uri(v):
    return isinstance(v, str) and URI_REFERENCE.match(v) and not re.search(r"%(?![0-9A-Fa-f]{2})", v)


def strings(v):
    return isinstance(v, dict) and all(isinstance(x, str) for x in v.values())


# Members of an object: what it has to be; "!" before the name: it has to be there. A list of one: an array of such.
MESSAGE = {"!text": text}
RULE = {"!id": text, "shortDescription": MESSAGE, "fullDescription": MESSAGE, "help": MESSAGE, "helpUri": uri, "name": text}
LOCATION = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": whole}},
            "logicalLocations": [{"name": text, "fullyQualifiedName": text, "kind": text}]}
RESULT = {"!message": MESSAGE, "ruleId": text, "level": one_of("none", "note", "warning", "error"), "locations": [LOCATION],
          "partialFingerprints": strings}
INVOCATION = {"!executionSuccessful": lambda v: isinstance(v, bool),
              "toolExecutionNotifications": [{"!message": MESSAGE, "level": one_of("none", "note", "warning", "error")}]}
RUN = {"invocations": [INVOCATION], "!tool": {"!driver": {"!name": text, "version": text, "informationUri": uri, "rules": [RULE]}}, "results": [RESULT],
       "columnKind": one_of("utf16CodeUnits", "unicodeCodePoints")}
SARIF = {"!version": one_of("2.1.0"), "$schema": uri, "!runs": [RUN]}


def flaws(value, form, at="$"):
    """Where a document differs from a form."""
    if callable(form):
        return [] if form(value) else [f"{at}: {value!r}"]
    if isinstance(form, list):
        if not isinstance(value, list):
            return [f"{at}: no array"]
        return [f for i, v in enumerate(value) for f in flaws(v, form[0], f"{at}[{i}]")]
    if not isinstance(value, dict):
        return [f"{at}: no object"]
    known = {k.lstrip("!"): f for k, f in form.items()}
    wrong = [f"{at}: lacks {k[1:]}" for k in form if k[0] == "!" and k[1:] not in value]
    for key, v in value.items():
        wrong += flaws(v, known[key], f"{at}.{key}") if key in known else [f"{at}: has {key}"]
    return wrong


def sarif_flaws(doc):
    wrong = flaws(doc, SARIF)
    for run in doc.get("runs", []) if not wrong else []:
        rules = [r["id"] for r in run["tool"]["driver"].get("rules", [])]
        wrong += [f"rule {r} twice" for r in rules if rules.count(r) > 1]
        wrong += [f"no rule {r['ruleId']}" for r in run.get("results", []) if r["ruleId"] not in rules]
    return wrong


# Elements of the schema that Jenkins' and GitLab's readers go by: attributes (those that must be there end with "!"), children.
NUMBER = r"\d+(\.\d+)?\Z"
JUNIT = {
    "testsuites": ({}, {"testsuite"}),
    "testsuite": ({"name!": ".", "tests!": NUMBER, "failures!": NUMBER, "errors!": NUMBER, "skipped": NUMBER, "time": NUMBER}, {"testcase"}),
    "testcase": ({"name!": ".", "classname!": ".", "time": NUMBER}, {"failure", "error", "skipped"}),
    "failure": ({"type": ".", "message": "."}, set()),
    "error": ({"type": ".", "message": "."}, set()),
}


def junit_flaws(element, root="testsuites"):
    if root and element.tag != root:
        return [f"begins with {element.tag}"]
    attributes, children = JUNIT[element.tag]
    known = {k.rstrip("!"): p for k, p in attributes.items()}
    wrong = [f"{element.tag} lacks {k[:-1]}" for k in attributes if k[-1] == "!" and k[:-1] not in element.attrib]
    for name, value in element.attrib.items():
        if name not in known or not re.match(known[name], value, re.S):
            wrong.append(f"{element.tag}: {name}={value!r}")
    for child in element:
        wrong += junit_flaws(child, None) if child.tag in children else [f"{element.tag} has {child.tag}"]
    return wrong
