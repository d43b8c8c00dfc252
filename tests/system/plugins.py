#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plugins of the agent: the examples, and those that hang, eat memory, crash, or may not be run at all."""
import http.server, json, threading

from harness import *

isolate()
from orders import *

PYTHON = "/usr/bin/python3"
if not os.path.exists(PYTHON):
    skip_all(f"{PYTHON} is not here")


def put(g, name, text, mode=0o755):
    path = os.path.join(g.plugins, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def body(code):
    return f"#!{PYTHON}\nimport os, sys, time\nimport daemonsec_plugin as plugin\n\n\n@plugin.apply\n" \
           f"def act(order):\n{code}\n\n\nplugin.run()\n"


def example(g, name, settings):
    shutil.copy(os.path.join(TOP, "plugins", name), os.path.join(g.plugins, name))
    put(g, name + ".conf", settings, 0o644)


def check_ticket(g):
    tickets = os.path.join(g.base, "tickets")
    os.mkdir(tickets)
    os.chown(tickets, 65534, 65534)
    example(g, "ticket", f"# where\ndirectory = {tickets}\n")
    r = g.do("plugin", data="ticket", reason="sshd was replaced", daemon="sshd")
    files = os.listdir(tickets)
    if not ok(r["outcome"] == "done" and len(files) == 1 and r["until"], f"a ticket: {r['text']}"):
        return
    path = os.path.join(tickets, files[0])
    ticket = json.load(open(path))
    ok(ticket["reason"] == "sshd was replaced" and ticket["daemon"] == "sshd", "says what the order says")
    ok(os.stat(path).st_uid == 65534, "written by the plugins' user")
    u = g.do("undo", target=r["order"])
    ok(u["outcome"] in ("done", "undone") and not os.listdir(tickets), f"undo closes it: {u['text']}")
    id, data = g.order("plugin", data="ticket")
    undo, undo_data = g.order("undo", target=id)
    g.say_at_once(data, undo_data)
    u = g.result(undo)
    ok(u and u["outcome"] == "done" and g.result(id, outcome="undone", by=undo) and not os.listdir(tickets),
       f"one that comes together with its undo is done, and undone: {u and u['text']}")


def check_telegram(g):
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"ok": true}')

        def log_message(self, *a):
            pass
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    example(g, "telegram", f"api = http://127.0.0.1:{server.server_port}\ntoken = 1:secret\nchat = -5\n")
    r = g.do("plugin", data="telegram", reason="nginx started a shell", daemon="nginx.service")
    ok(r["outcome"] == "done" and got and got[0][0] == "/bot1:secret/sendMessage", f"a message: {r['text']}")
    ok(got and got[0][1] == {"chat_id": "-5", "text": "nginx.service: nginx started a shell"}, "to the chat, with the reason")
    server.shutdown()
    server.server_close()
    r = g.do("plugin", data="telegram", reason="x")
    ok(r["outcome"] == "failed" and "secret" not in r["text"], f"a server that does not answer: {r['text']}")


def check_bad(g):
    for name, code, why in (
            ("eats", "    x = bytearray(1 << 30)\n    return len(x)", "MemoryError"),
            ("lies", "    import atexit\n    atexit.register(os._exit, 3)", "said done, but ended with 3"),
            ("crashes", "    os.kill(os.getpid(), 11)", "without an answer"),
            ("raises", "    raise plugin.Failed('the printer is out of paper')", "out of paper"),
            ("becomes-root", "    os.setuid(0)", "PermissionError")):
        put(g, name, body(code))
        r = g.do("plugin", data=name)
        ok(r["outcome"] == "failed" and why in r["text"], f"one that {name}: {r['text']}")
    for name, leave in (("forks", ""), ("becomes-a-daemon", "        os.setsid()\n        os.close(0), os.close(1), os.close(2)\n")):
        put(g, name, body(f"    pid = os.fork()\n    if pid == 0:\n{leave}        time.sleep(300)\n        os._exit(0)\n    return pid"))
        r = g.do("plugin", data=name)
        pid = int(r["text"].rpartition(" ")[2])
        ok(r["outcome"] == "done" and wait(lambda: not alive(pid)), f"what it leaves running is ended: one that {name}")
    put(g, "floods", body("    for i in range(200000):\n        plugin.log('x' * 100)"))
    r = g.do("plugin", data="floods")
    ok(r["outcome"] == "failed", f"one that floods: {r['text']}")
    put(g, "environment", body("    return ' '.join(sorted(os.environ)) + f' {len(os.listdir(\"/proc/self/fd\"))}'"))
    r = g.do("plugin", data="environment")
    ok("LC_ALL" in r["text"] and r["text"].rpartition(" ")[2] in ("3", "4"), f"none of our environment and files: {r['text']}")
    put(g, "writable", body("    return 1"), 0o777)
    put(g, "plain", body("    return 1"), 0o644)
    os.chown(put(g, "others", body("    return 1")), 65534, 65534)
    for name in ("writable", "plain", "others", "missing", "../ticket", "", ".hidden", "a;b"):
        r = g.do("plugin", data=name)
        ok(r["outcome"] == "refused", f'"{name}" is refused: {r["text"]}')


def check_hangs(g):
    g.process.stop()
    g.set("plugins", "timeout", "1s")
    g.start()
    put(g, "hangs", body("    time.sleep(60)"))
    r = g.do("plugin", data="hangs")
    ok(r["outcome"] == "failed" and "its time was over" in r["text"], f"one that hangs: {r['text']}")


def working():
    """What the guard's child does takes its time just now."""
    return [x for x in subprocess.run(["pgrep", "-x", "daemonsec-work"], capture_output=True, text=True).stdout.split() if alive(int(x))]


def victim(g):
    p = subprocess.Popen([g.watched, "/bin/sleep", "600"], cwd="/")
    wait(lambda: os.readlink(f"/proc/{p.pid}/exe") == os.path.realpath("/bin/sleep"))
    return p, {"pid": p.pid, "start": start_us(p.pid)}


def check_undo_meanwhile(g):
    """So is what is undone, also by a guard that finds it half done."""
    go = base + "/gone"
    put(g, "lingers", body("    return 'here'\n\n\n@plugin.undo\ndef back(order):\n"
                           f"    while not os.path.exists({go!r}): time.sleep(0.02)\n    return 'gone'"))
    r = g.do("plugin", data="lingers")
    undo, data = g.order("undo", target=r["order"])
    g.say(6, data)
    wait(working)
    g.say(6, data)
    twice = g.order("undo", target=r["order"])
    g.say(6, twice[1])
    p, who = victim(g)
    k = g.do("kill", 60, **who)
    ok(k["outcome"] == "done" and p.wait(60) == -9 and not g.result(undo, 0),
       f"a kill is done while an undo takes its time: {k['took']} us")
    open(go, "w").close()
    u = g.result(undo, 60)
    back = g.result(r["order"], 60, outcome="undone", by=undo)
    ok(u and u["outcome"] == "done" and back and "gone" in back["text"], f"whose result comes when it is over: {u and u['text']}; {back and back['text']}")
    ok(g.result(twice[0], 60, outcome="nothing"), "a second undo finds nothing to do")
    os.unlink(go)
    r = g.do("plugin", data="lingers")
    undo, data = g.order("undo", target=r["order"])
    g.say(6, data)
    wait(working)
    g.kill()
    wait(lambda: not working())
    g.start()
    wait(working)
    p, who = victim(g)
    k = g.do("kill", 60, **who)
    ok(k["outcome"] == "done" and p.wait(60) == -9 and not g.result(r["order"], 0, outcome="undone"),
       f"the next guard goes on with it beside its loop: {k['took']} us")
    open(go, "w").close()
    back = g.result(r["order"], 60, outcome="undone")
    ok(back and back["verified"], f"until it is undone: {back and back['text']}")


def check_meanwhile(g):
    """What takes long is done beside the guard's loop: a kill that comes meanwhile is done at once."""
    go = base + "/go"
    put(g, "slow", body(f"    while not os.path.exists({go!r}): time.sleep(0.02)\n    return 'at last'"))
    p, who = victim(g)
    slow, data = g.order("plugin", data="slow")
    undo, undo_data = g.order("undo", target=slow)
    begun = time.monotonic()
    g.say(6, data)
    wait(working)
    g.say(6, data)
    g.say(6, undo_data)
    r = g.do("kill", **who)
    took = time.monotonic() - begun
    say(f"took {took:.3f} s")
    ok(r["outcome"] == "done" and p.wait(60) == -9 and not g.result(slow, 0),
       f"a kill is done while a plugin takes its time: {r['took']} us")
    open(go, "w").close()
    r = g.result(slow, 6, outcome="done")
    ok(r and "at last" in r["text"], f"whose result comes when it is there: {r and r['took']} us")
    u = g.result(undo, 6)
    ok(u and g.result(slow, 6, outcome="undone", by=undo),
       f"an undo that came meanwhile waits for it: {u and (u['outcome'], u['text'])}")
    ok(len([x for x in g.results() if x["order"] == slow and x["outcome"] == "done"]) == 1, "and the same order again does nothing")
    os.unlink(go)
    slow, data = g.order("plugin", data="slow")
    g.say(6, data)
    wait(working)
    g.kill()
    ok(wait(lambda: not working()), "a guard that dies takes it along")
    g.start()
    e = g.wait("RESULT", ORDER=slow.hex())
    ok(e and e["RESULT"] in (1, 3), f"and the next guard says what came of it: {e and e['MESSAGE']}")


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


base = tempfile.mkdtemp(prefix="daemonsec-plugins.", dir="/var/tmp")
os.chmod(base, 0o755)
os.mkdir(base + "/plugins", 0o755)
os.mkdir(base + "/python", 0o755)
shutil.copy(os.path.join(TOP, "plugins", "daemonsec_plugin.py"), base + "/python")
options = {"plugins.dir": base + "/plugins", "plugins.python": base + "/python", "plugins.timeout": "10s",
           "reaction.ceiling": "plugin,kill"}
try:
    with OrderGuard(options) as g:
        g.base, g.plugins = base, base + "/plugins"
        check_ticket(g)
        check_telegram(g)
        check_bad(g)
        g.kill()
        g.start()
        check_meanwhile(g)
        check_undo_meanwhile(g)
        check_hangs(g)
finally:
    shutil.rmtree(base, ignore_errors=True)
done()
