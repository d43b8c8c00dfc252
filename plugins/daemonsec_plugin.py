# SPDX-License-Identifier: GPL-2.0-or-later
"""daemonsec_plugin - a plugin is a few functions:

    #!/usr/bin/python3
    import daemonsec_plugin as plugin

    @plugin.apply
    def tell(order):
        ...                         # order.reason, order.daemon, order.argument, ...
        return "a sentence"         # or raise plugin.Failed("why"), plugin.Nothing("why")

    @plugin.undo                    # optional: takes the effect away
    def untell(order): ...

    @plugin.check                   # optional: whether the effect is there
    def told(order): return True

    plugin.run()

The agent starts the program for each action, with one line of JSON on its standard input and for a few seconds. What it
prints is for its author; what the functions return or raise is the answer. The program runs as a user without rights;
settings() reads a file beside it that this user may read.
"""
import contextlib, json, os, sys

__all__ = ["apply", "undo", "check", "run", "settings", "log", "Order", "Failed", "Nothing"]

_functions = {}
_out = sys.stdout


class Failed(Exception):
    """It was tried, and did not work."""


class Nothing(Exception):
    """There was nothing to do: what it was about is not there."""


class Order(dict):
    """What the agent says; members that are not there are None."""

    def __getattr__(self, name):
        return self.get(name)


def apply(function):
    _functions["apply"] = function
    return function


def undo(function):
    _functions["undo"] = function
    return function


def check(function):
    _functions["check"] = function
    return function


def settings(path=None):
    """KEY = VALUE lines of the file beside the plugin, PLUGIN.conf; # begins a comment."""
    found = {}
    with open(path or os.path.realpath(sys.argv[0]) + ".conf") as f:
        for line in f:
            key, equals, value = line.partition("#")[0].partition("=")
            if equals:
                found[key.strip()] = value.strip()
    return found


def log(text):
    """For the plugin's author: the agent does not read it."""
    print(json.dumps({"log": str(text)}), file=_out, flush=True)


def _answer(outcome, text):
    print(json.dumps({"outcome": outcome, "text": str(text or "")[:200]}), file=_out, flush=True)
    return 0 if outcome != "failed" else 1


def _call(order):
    action = order.action
    function = _functions.get(action)
    if action == "check":
        # Without a check, what was done is there until it is undone: the agent knows which.
        there = function(order) if function else not os.environ.get("DAEMONSEC_UNDONE")
        return ("active", "") if there else ("nothing", "")
    if function is None:
        return ("done", "") if action == "undo" else ("failed", f"it has no {action}")
    return "done", function(order)


def run(stream=None):
    """Reads the order, calls the function for it, answers; ends the program."""
    order = Order(json.loads((stream or sys.stdin).readline()))
    with contextlib.redirect_stdout(sys.stderr):
        try:
            outcome, text = _call(order)
        except Nothing as e:
            outcome, text = "nothing", e
        except Exception as e:
            outcome, text = "failed", e if isinstance(e, Failed) else f"{type(e).__name__}: {e}"
    sys.exit(_answer(outcome, text))
