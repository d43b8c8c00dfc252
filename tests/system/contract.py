# SPDX-License-Identifier: GPL-2.0-or-later
"""contract - whether an answer of the API is as schema/api.yaml says: operation, status, type, and every member.

    c = Contract()
    c.check("GET", "alerts?limit=1", 200, "application/json", document)     # notes what is wrong in c.wrong
    c.seen                                                                  # {("GET", "/alerts"): {200, 400}, ...}

A member that the description does not have is wrong too, although clients skip it: the dashboard's types are made of
the description. Without python3-jsonschema nothing is checked and `usable` is False."""
import base64, copy, json, os, re

try:
    import jsonschema
except ImportError:
    jsonschema = None

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
ITEMS = 5  # of a page are checked; they are made by the same lines

# jsonschema checks a format only where a package for it is there, and is silent where it is not: these are ours.
FORMATS = {
    "date-time": re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z").fullmatch,
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch,
    "byte": lambda text: base64.b64decode(text, validate=True) is not None,
}


def format_checker():
    checker = jsonschema.FormatChecker(formats=())
    for name, is_one in FORMATS.items():
        checker.checks(name, ValueError)(lambda v, is_one=is_one: not isinstance(v, str) or bool(is_one(v)))
    return checker


def close(schema):
    """No other members than those that are described, where some are; but of parts of allOf the others speak."""
    if isinstance(schema, list):
        return [close(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: close(v) for k, v in schema.items()}
    if isinstance(out.get("properties"), dict) and "additionalProperties" not in out and "allOf" not in out:
        out["additionalProperties"] = False
    return out


class Contract:
    def __init__(self):
        self.usable = jsonschema is not None
        with open(os.path.join(TOP, "schema", "api.json")) as f:
            self.api = json.load(f)
        self.seen, self.wrong, self.validators = {}, [], {}
        self.components = close(copy.deepcopy(self.api["components"]))

    def operations(self):
        """(method, path below the server, operation, whether it is at the root)"""
        for path, item in self.api["paths"].items():
            for method, operation in item.items():
                if method in ("get", "post", "put", "patch", "delete"):
                    yield method.upper(), path, operation, "servers" in item

    def find(self, method, path):
        parts = path.split("?")[0].strip("/").split("/")
        best = None
        for m, pattern, operation, _ in self.operations():
            names = pattern.strip("/").split("/")
            if m == method and len(names) == len(parts) and all(n == p or n.startswith("{") for n, p in zip(names, parts)):
                if best is None or pattern.count("{") < best[0].count("{"):
                    best = (pattern, operation)
        return best

    def validator(self, key, schema):
        if key not in self.validators:
            schema = close(copy.deepcopy(schema))
            if isinstance(schema, dict):
                schema = dict(schema, components=self.components)
            self.validators[key] = jsonschema.Draft202012Validator(schema, format_checker=format_checker())
        return self.validators[key]

    def resolve(self, part):
        while "$ref" in part:
            name = part["$ref"].split("/")
            part = self.api
            for n in name[1:]:
                part = part[n]
        return part

    def check(self, method, path, status, kind, document):
        """The errors, which are noted too."""
        found = self.find(method, path)
        if not self.usable or found is None:
            return [] if found or status in (404, 405) or not self.usable else self.note(f"{method} {path} is not described")
        pattern, operation = found
        self.seen.setdefault((method, pattern), set()).add(status)
        response = operation["responses"].get(str(status)) or (operation["responses"].get("default") if status >= 400 else None)
        where = f"{method} {pattern} {status}"
        if response is None:
            return self.note(f"{where}: no such status")
        kind = (kind or "").split(";")[0]
        content = self.resolve(response).get("content", {})
        if kind not in content:
            return self.note(f"{where}: {kind} instead of {list(content)}")
        if not kind.endswith("json"):
            return []
        if isinstance(document, dict) and len(document.get("items") or []) > ITEMS:
            document = dict(document, items=document["items"][:ITEMS])
        errors = self.validator((method, pattern, status, kind), content[kind]["schema"]).iter_errors(document)
        return self.note(*[f"{where}: {'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in errors])

    def notices(self, method, path, document, member, value):
        """Whether a document would be wrong with another value of a member ("a.b"; None: without it)."""
        other = at = copy.deepcopy(document)
        *way, last = [int(p) if p.isdigit() else p for p in member.split(".")]
        for part in way:
            at = at[part]
        if value is None:
            del at[last]
        else:
            at[last] = value
        wrong = list(self.wrong)
        found = self.check(method, path, 200, "application/json", other)
        self.wrong = wrong
        return bool(found)

    def note(self, *errors):
        self.wrong += [e for e in errors if e not in self.wrong]
        return list(errors)
