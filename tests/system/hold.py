#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Mode prevent at a guard: a program that a daemon starts for the first time runs nothing before somebody says so; known
ones are not delayed; without an answer the configured default decides; a guard that dies leaves nobody stopped."""
import resource

from harness import *

isolate()
from orders import *
from storm import storm

ALLOW, KILL = 1, 2


def state(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def program(g, name):
    """A program that nobody has started yet: it makes a file."""
    path = os.path.join(g.dir, name)
    shutil.copy("/usr/bin/touch", path)
    return path


def begin(g, path, made):
    """The daemon starts a program; a process of the daemon that waits for it, and that is known as the daemon's."""
    p = subprocess.Popen([g.watched, "/bin/sh", "-c", f"read x; {path} {made}; echo $?", str(time.monotonic_ns())],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait(lambda: g.find("EXEC", PID=p.pid, EXE=os.path.realpath("/bin/sh")))
    p.stdin.write("\n")
    p.stdin.flush()
    return p


def question(g, path):
    e = g.wait("HELD", EXE=path)
    return (e, bytes.fromhex(e["ORDER"])) if e else (None, None)


def check_hold(g):
    made = os.path.join(g.dir, "made")
    known = program(g, "known")
    p = begin(g, known, made)
    ok(p.communicate()[0] == "0\n" and os.path.exists(made), "a program runs while the daemon is only watched")
    os.unlink(made)
    ok(wait(lambda: g.find("EXEC", EXE=known)), "and is known from then on")
    r = g.do("hold", daemon=g.name)
    ok(r["outcome"] == "done" and r["verified"], f"new programs are held: {r['text']}")
    begun = time.monotonic()
    p = begin(g, known, made)
    ok(p.communicate()[0] == "0\n" and not g.find("HELD", EXE=known), "a known one is not")
    say(f"took {time.monotonic() - begun:.3f} s")
    os.unlink(made)
    new = program(g, "new")
    p = begin(g, new, made)
    e, id = question(g, new)
    ok(e and wait(lambda: state(e["PID"]) == "T") and not os.path.exists(made),
       f"a new one is stopped: {e and e['ARGS']!r}")
    a = g.do("answer", target=id, answer=KILL)
    ok(a["outcome"] == "done" and p.communicate()[0] == "137\n" and not os.path.exists(made),
       f"the answer kills it before it has done anything: {a['took']} us")
    p = begin(g, new, made)
    e, id = [(x, bytes.fromhex(x["ORDER"])) for x in [wait(lambda: (g.find("HELD", EXE=new)[1:] or [None])[0])]][0]
    a = g.do("answer", target=id, answer=ALLOW)
    ok(a["outcome"] == "done" and p.communicate()[0] == "0\n" and os.path.exists(made), "or lets it run")
    os.unlink(made)
    p = begin(g, new, made)
    ok(p.communicate()[0] == "0\n" and len(g.find("HELD", EXE=new)) == 2, "which makes it known")
    a = g.do("answer", target=id, answer=KILL)
    ok(a["outcome"] == "nothing", f"a second answer finds nothing: {a['text']}")
    os.unlink(made)
    return r


TRACER = """import ctypes, os, sys
libc = ctypes.CDLL(None)
pid = os.fork()
if pid == 0:
    libc.ptrace(0, 0, 0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(pid, 0)
    if not os.WIFSTOPPED(status):
        break
    libc.ptrace(7, pid, 0, 0)  # goes on, and the signal that stopped it is not delivered
print(os.WTERMSIG(status), flush=True)"""


def check_escape(g):
    """What is stopped can be let go on by whoever runs under the same account."""
    made = os.path.join(g.dir, "made")
    new = program(g, "escapes")
    p = begin(g, new, made)
    e, id = question(g, new)
    ok(e and wait(lambda: state(e["PID"]) == "T"), "a new program is stopped")
    os.kill(e["PID"], signal.SIGCONT)
    ok(p.communicate()[0] == "137\n" and not os.path.exists(made), "continued by somebody else it is killed before it has done anything")
    r = g.result(id, 60)
    ok(r and "without an answer" in r["text"], f"which is told: {r and r['text']}")
    p = subprocess.run([g.watched, "/usr/bin/python3", "-c", TRACER, new, made], capture_output=True, text=True)
    ok(p.stdout == "9\n" and not os.path.exists(made), "so it is when it is traced, and the tracer keeps the stop from it")
    out = storm(g, 50, lambda path: shutil.copy("/usr/bin/touch", path))
    ok(out == "50\n", f"nor does a storm of that let any of 50 do something: {out!r}")


def check_default(g):
    made = os.path.join(g.dir, "made")
    late = program(g, "late")
    p = begin(g, late, made)
    e, id = question(g, late)
    ok(p.communicate()[0] == "0\n" and os.path.exists(made), "without an answer in time it is allowed")
    r = g.result(id)
    ok(r and "no answer" in r["text"], f"and that is told: {r and r['text']}")
    os.unlink(made)


def check_death(g):
    made = os.path.join(g.dir, "made")
    path = program(g, "orphan")
    set_option(g, "hold_timeout", "60s")
    p = begin(g, path, made)
    e, id = question(g, path)
    ok(e and wait(lambda: state(e["PID"]) == "T"), "a program is held")
    g.kill()
    ok(p.communicate()[0] == "0\n" and os.path.exists(made), "a guard that is killed leaves it running")
    os.unlink(made)
    g.start()
    p = begin(g, program(g, "again"), made)
    e, id = question(g, os.path.join(g.dir, "again"))
    ok(e and not os.path.exists(made), "the next one holds again")
    known = begin(g, os.path.join(g.dir, "known"), made)
    ok(known.communicate()[0] == "0\n" and not g.find("HELD", EXE=os.path.join(g.dir, "known")), "and still knows what is known")
    os.unlink(made)
    watch = [int(x) for x in subprocess.run(["pgrep", "-x", "daemonsec-watch"], capture_output=True, text=True).stdout.split()]
    for pid in watch:
        os.kill(pid, signal.SIGKILL)
    g.kill()
    ok(state(e["PID"]) == "T", "with the guard's child dead as well it stays stopped")
    g.start()
    ok(p.communicate()[0] == "0\n" and os.path.exists(made), "until the next guard starts")
    os.unlink(made)


def set_option(g, name, value):
    reloads = lambda: log_text(os.path.join(g.dir, "log")).count("configuration reloaded")
    before = reloads()
    text = open(g.conf).read()
    open(g.conf, "w").write(re.sub(f"{name} = .*", f"{name} = {value}", text))
    os.kill(g.process.pid, signal.SIGHUP)
    wait(lambda: reloads() > before)


def check_many(g, count):
    """Hundreds of new programs, killed by default: none of them makes its file."""
    text = open(g.conf).read()
    open(g.conf, "w").write(text.replace("hold_default = allow", "hold_default = kill"))
    set_option(g, "hold_timeout", "50ms")
    many = os.path.join(g.dir, "many")
    os.makedirs(many)
    source = program(g, "template")
    code = f"""import os, shutil, subprocess
for i in range({count}):
    shutil.copy({source!r}, "{many}/p%d" % i)
ps = [subprocess.Popen(["{many}/p%d" % i, "{many}/made%d" % i]) for i in range({count})]
print([p.wait() for p in ps].count(-9))"""
    out = g.python(code, capture_output=True, text=True)
    leaks = [x for x in os.listdir(many) if x.startswith("made")]
    ok(not leaks and out.stdout == f"{count}\n", f"{count} new programs at once ran nothing: {out.stdout!r} {out.stderr[-300:]} {len(leaks)}")


class Shell:
    """The daemon itself: a shell that stays, so that what it starts can be told to be its without BPF."""

    def __init__(self, g):
        self.p = subprocess.Popen([g.shell, "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")

    def do(self, command, read=True):
        self.p.stdin.write(command + "; echo $?\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().strip() if read else None

    def read(self):
        return self.p.stdout.readline().strip()

    def stop(self):
        self.p.stdin.close()
        self.p.wait(10)


def known(g, path):
    return f"\t{path}\n" in open(os.path.join(g.dir, "guard", "known")).read()


def answerers():
    """The children that answer the kernel; what ended and nobody waits for here is left out."""
    pids = subprocess.run(["pgrep", "-x", "daemonsec-hold"], capture_output=True, text=True).stdout.split()
    return [int(x) for x in pids if state(x) not in (None, "Z")]


def check_fanotify(g):
    """The same without BPF: the kernel asks before the file is opened for an exec."""
    made = os.path.join(g.dir, "made")
    name = wait(lambda: [e for e in g.find("DAEMON") if e.get("EXE") == g.shell])[0]["daemon"]
    path = program(g, "known")
    shutil.copy("/bin/sleep", path + "-long")
    sh = Shell(g)
    ok(sh.do(f"{path}-long 1.2") == "0" and wait(lambda: known(g, path + "-long")), "without BPF: what it starts is learnt")
    r = g.do("hold", daemon=name)
    ok(r["outcome"] == "done" and r["verified"], f"new programs are held: {r['text']}")
    begun = time.monotonic()
    ok(sh.do(f"{path}-long 0") == "0" and not g.find("HELD"), "a known one is not")
    say(f"took {time.monotonic() - begun:.3f} s")
    new = program(g, "new")
    sh.do(f"{new} {made}", read=False)
    e, id = question(g, new)
    ok(e and e["ARGS"].startswith(new) and e["PARENT_EXE"] == g.shell and e["flags"] & FALLBACK and not os.path.exists(made),
       f"a new one waits in the kernel, and its arguments are told: {e and e['ARGS']!r}")
    a = g.do("answer", target=id, answer=KILL)
    ok(a["outcome"] == "done" and sh.read() == "137" and not os.path.exists(made), f"the answer kills it: {a['took']} us")
    sh.do(f"{new} {made}", read=False)
    wait(lambda: len(g.find("HELD", EXE=new)) == 2)
    a = g.do("answer", target=bytes.fromhex(g.find("HELD", EXE=new)[1]["ORDER"]), answer=ALLOW)
    ok(sh.read() == "0" and os.path.exists(made), "or lets it run")
    os.unlink(made)
    ok(sh.do(f"{new} {made}") == "0" and len(g.find("HELD", EXE=new)) == 2, "which makes it known")
    os.unlink(made)
    script = os.path.join(g.dir, "script")
    open(script, "w").write("#!/bin/bash --norc\necho\n")
    os.chmod(script, 0o755)
    sh.do(script, read=False)
    e, id = question(g, os.path.realpath("/bin/bash"))
    ok(e is not None, "of a script the interpreter is asked for")
    g.do("answer", target=id, answer=KILL)
    sh.read()
    late = program(g, "late")
    sh.do(f"{late} {made}", read=False)
    e, id = question(g, late)
    ok(sh.read() == "0" and os.path.exists(made) and "no answer" in g.result(id)["text"],
       "without an answer in time the default decides")
    os.unlink(made)
    set_option(g, "hold_timeout", "60s")
    orphan = program(g, "orphan")
    sh.do(f"{orphan} {made}", read=False)
    ok(question(g, orphan)[0], "one is held")
    g.kill()
    ok(sh.read() == "0" and os.path.exists(made), "a guard that is killed leaves it running")
    os.unlink(made)
    g.start()
    ok(wait(answerers), "the next guard holds on")
    other = program(g, "other")
    sh.do(f"{other} {made}", read=False)
    ok(question(g, other)[0], "another one is held")
    child = answerers()
    os.kill(child[0], signal.SIGKILL)
    ok(sh.read() == "0" and os.path.exists(made), "the child that answers the kernel may die: all passes")
    ok(wait(lambda: answerers() not in ([], child)), "and there is another one")
    begun = time.monotonic()
    ok(all(subprocess.run(["/bin/true"]).returncode == 0 for _ in range(50)) and not g.find("HELD", EXE="/usr/bin/true"),
       "what is of no held daemon goes on")
    say(f"took {(time.monotonic() - begun) * 20:.2f} ms a start")
    g.do("undo", target=r["order"])
    ok(wait(lambda: not answerers()), "undo ends all of it")
    sh.stop()


def check_connections(g):
    """A destination that the daemon never had is refused until somebody says so; it is not stopped itself."""
    name = wait(lambda: [e for e in g.find("DAEMON") if e.get("EXE") == g.shell])[0]["daemon"]
    sh = Shell(g)
    ports = known, new, bad, late, hung = range(7001, 7006)
    far = subprocess.Popen(["unshare", "--net", sys.executable, "-c", f"""import select, socket, subprocess, sys
print(1, flush=True)
sys.stdin.readline()
subprocess.run("ip addr add 198.51.100.1/24 dev far; ip link set far up", shell=True, check=True)
servers = [socket.create_server(("", port)) for port in {ports}]
print(1, flush=True)
while True:
    [s.accept()[0].close() for s in select.select(servers, [], [])[0]]"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    far.stdout.readline()
    subprocess.run(f"ip link add near type veth peer name far netns {far.pid}; ip addr add 198.51.100.2/24 dev near; "
                   "ip link set near up", shell=True, check=True)
    far.stdin.write("\n")
    far.stdin.flush()
    far.stdout.readline()

    def conn(port):
        sh.p.stdin.write(f"(exec 3<>/dev/tcp/198.51.100.1/{port}) 2>&- && echo yes || echo no\n")
        sh.p.stdin.flush()
        return sh.read()

    ok(conn(known) == "yes" and wait(lambda: f"connect 198.51.100.1 {known} 6" in open(os.path.join(g.dir, "guard", "known")).read()),
       "where it connects to is learnt")
    r = g.do("hold", daemon=name)
    set_option(g, "hold_connections", "true")
    ok(r["outcome"] == "done" and "destinations" not in r["text"] and
       wait(lambda: "destinations" in g.do("hold", daemon=name)["text"], every=0.5), "connections are held, from the reload on that says so")
    ok(conn(known) == "yes" and not g.find("HELD_CONNECT"), "a known destination is not refused")
    ok(conn(new) == "no", "a strange one is, at once")
    e = g.wait("HELD_CONNECT", DPORT=new)
    ok(e and e["DADDR"].encode("latin1") == socket.inet_aton("198.51.100.1") and e["daemon"] == name and e["EXE"] == g.shell, f"and somebody is asked: {e}")
    ok(conn(new) == "no" and len(g.find("HELD_CONNECT", DPORT=new)) == 1, "once, however often it tries")
    a = g.do("answer", target=bytes.fromhex(e["ORDER"]), answer=ALLOW)
    ok(a["outcome"] == "done" and conn(new) == "yes", f"allowed, the next try passes: {a['took']} us")
    conn(bad)
    e = g.wait("HELD_CONNECT", DPORT=bad)
    a = g.do("answer", target=bytes.fromhex(e["ORDER"]), answer=KILL)
    ok(a["outcome"] == "done" and conn(bad) == "no" and len(g.find("HELD_CONNECT", DPORT=bad)) == 1 and sh.p.poll() is None,
       "refused, it stays refused, and the daemon runs on")
    with socket.socket() as s:
        ok(s.connect_ex(("198.51.100.1", bad)) == 0, "for that daemon only")
    conn(late)
    e = g.wait("HELD_CONNECT", DPORT=late)
    ok(g.result(bytes.fromhex(e["ORDER"])) and conn(late) == "yes", f"without an answer the default decides: {g.result(bytes.fromhex(e['ORDER']))['text']}")
    os.kill(g.process.pid, signal.SIGSTOP)
    ok(wait(lambda: conn(hung) == "yes", 12, 0.3), "a guard that hangs has no say after five seconds")
    os.kill(g.process.pid, signal.SIGCONT)
    g.kill()
    ok(conn(bad) == "yes", "nor has one that is dead")
    far.kill()
    sh.stop()


import re
from guard import log_text
FALLBACK = 0x20
with OrderGuard({"reaction.hold_timeout": "1500ms", "reaction.hold_default": "allow"}) as g:
    ok(wait(lambda: (g.run("/bin/true"), g.find("EXEC", EXE=os.path.realpath("/bin/true")))[1]), "a daemon is watched")
    g.name = g.find("EXEC", EXE=os.path.realpath("/bin/true"))[0]["daemon"]
    # What starts the many programs below has to be known.
    ok(wait(lambda: (g.python(""), "python3" in open(os.path.join(g.dir, "guard", "known")).read())[1], 20, 0.2),
       "what it starts is kept")
    check_hold(g)
    check_escape(g)
    check_default(g)
    check_death(g)
    check_many(g, 100)

shell = os.path.join(tempfile.mkdtemp(prefix="daemonsec-hold.", dir="/var/tmp"), "shelld")
shutil.copy("/bin/bash", shell)
with OrderGuard({"reaction.hold_timeout": "1500ms", "general.sensors": "fallback"}, monitor=shell) as g:
    g.shell = shell
    first = Shell(g)
    check_fanotify(g)
    first.stop()
with OrderGuard({"reaction.hold_timeout": "1500ms", "reaction.hold_connections": "false"}, monitor=shell) as g:
    g.shell = shell
    first = Shell(g)
    check_connections(g)
    first.stop()
shutil.rmtree(os.path.dirname(shell))
done()
