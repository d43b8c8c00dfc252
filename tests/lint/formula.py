# SPDX-License-Identifier: GPL-2.0-or-later
"""formula - the Salt formula's templates, rendered as Salt would. There is no Salt in Debian: Jinja does it, with the functions that
they call."""
import json
import os

import jinja2
import yaml

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


class Loader(yaml.SafeLoader):
    """Salt refuses an id that is there twice; YAML takes the last."""


def mapping(loader, node):
    loader.flatten_mapping(node)
    keys = [loader.construct_object(k) for k, _ in node.value]
    twice = {k for k in keys if keys.count(k) > 1}
    if twice:
        raise yaml.YAMLError(f"twice: {twice}")
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def merge(a, b):
    return {**a, **{k: merge(a[k], v) if isinstance(v, dict) and isinstance(a.get(k), dict) else v for k, v in b.items()}}


class Answer(dict):
    __getattr__ = dict.__getitem__


def render(path, pillar, ask=None, **context):
    """ask(target, function, arguments): what saltutil.cmd has from minions."""
    functions = {
        "pillar.get": lambda key, default, merge=False: (globals()["merge"](default, pillar.get(key, {})) if merge else pillar.get(key, default)),
        "slsutil.merge": merge,
        "saltutil.cmd": ask,
    }
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(os.path.join(TOP, "salt")), undefined=jinja2.StrictUndefined,
                             extensions=["jinja2.ext.do"], keep_trailing_newline=True)
    env.filters["json"] = json.dumps
    env.globals.update(salt=functions, pillar=pillar)
    return env.get_template(path).render(**context)
