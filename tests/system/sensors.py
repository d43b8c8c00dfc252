#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the eBPF sensors see: real processes do each thing, and the events are read from the guard's socket."""
from harness import *
from guard import *

isolate()
if not os.path.exists("/sys/kernel/btf/vmlinux"):
    skip_all("this kernel has no BTF")

STARTS, MANY = (500, 20000) if SANITIZED else (2000, 100000)
V4, V6 = "\x7f\0\0\1", "\0" * 15 + "\1"
IMPORTS = """
import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
"""


def processes(g):
    g.run("sh", "-c", "/bin/true --password=hunter2 one; exit 3")
    e = g.wait("EXEC", EXE="/usr/bin/true")
    ok(e and e["ARGS"] == "/bin/true\0--password=[redacted]\0one", "a program with its arguments, without the secret")
    ok(e and e["daemon"] == "watchedd" and e["flags"] & FIRST, "it is the daemon's, and seen for the first time")
    ok(e and e["PARENT_EXE"] == "/usr/bin/dash" and e["ANCESTORS"].startswith("/usr/bin/dash\0"), "its parents")
    ok(e and abs(e["time"] / 1e6 - time.time()) < 600 and abs(e["START"] - e["time"]) < 60e6, "its times")
    ok(g.wait("FORK", EXE="/usr/bin/dash"), "a fork")
    ok(g.wait("EXIT", EXE="/usr/bin/dash", EXIT_CODE=3), "an exit status")
    g.run("sh", "-c", "kill -9 $$")
    ok(g.wait("EXIT", EXE="/usr/bin/dash", SIGNAL=9), "the signal that ended a process")
    long = "x" * 2000
    g.run("sh", "-c", ":", long, long, long)
    e = g.wait("EXEC", ARGS=lambda a: a and long in a)
    ok(e and len(e["ARGS"]) <= 4096 and e["flags"] & TRUNCATED, "long arguments are cut and say so")
    g.python(IMPORTS + """
pid = os.fork()
if pid == 0:
    if os.fork() == 0:
        time.sleep(0.5)
        os.execv("/bin/true", ["orphan"])
    os._exit(0)
os.waitpid(pid, 0)
print(pid, flush=True)
""", stdout=subprocess.DEVNULL)
    e = g.wait("EXEC", ARGS="orphan")
    ok(e and e["PPID"] > 1 and e["PARENT_EXE"].startswith("/usr/bin/python3"), "who forked it, also after reparenting")
    g.python("import threading,os; t=threading.Thread(target=lambda: os.execv('/bin/true', ['thread'])); t.start(); t.join()")
    ok(g.wait("EXEC", ARGS="thread", daemon="watchedd"), "a program that a thread executed")


def scope(g):
    """A pid namespace below ours belongs to us; the one above does not."""
    g.run("unshare", "--pid", "--fork", "sh", "-c", "/bin/true below $$; exit 0")
    e = g.wait("EXEC", ARGS="/bin/true\0below\0001")
    ok(e and e["PID"] > 10 and e["PPID"] > 10, "a container's process, by its pid in our namespace")
    ok(e and e["PARENT_EXE"] == "/usr/bin/dash", "and its parent")


def loop(g):
    began = time.monotonic()
    g.run("sh", "-c", f"i=0; while [ $i -lt {STARTS} ]; do /bin/true loop; i=$((i+1)); done")
    same = {"EXE": "/usr/bin/true", "ARGS": "/bin/true\0loop"}
    ok(wait(lambda: g.count("EXEC", **same) == STARTS, 20), f"{STARTS} starts of one program are all counted")
    n, few = len(g.find("EXEC", **same)), 20 + 2 * (time.monotonic() - began)  # one in full a second is allowed
    ok(n <= few, f"and are few events ({n})")
    ok(wait(lambda: g.count("FORK", EXE="/usr/bin/dash") >= STARTS) and len(g.find("FORK", EXE="/usr/bin/dash")) <= few,
       "so are the forks")


def nameless(g):
    g.python(IMPORTS + """
m = os.memfd_create("evil")
os.write(m, open("/bin/true", "rb").read())
if os.fork() == 0: os.execve("/proc/self/fd/%d" % m, ["from-memory"], {})
os.wait()
open("gone", "wb").write(open("/bin/true", "rb").read()); os.chmod("gone", 0o755)
f = os.open("gone", os.O_RDONLY); os.unlink("gone")
if os.fork() == 0: os.execve("/proc/self/fd/%d" % f, ["from-nowhere"], {})
os.wait()
""")
    ok(g.wait("EXEC_MEMORY", EXE="/memfd:evil", ARGS="from-memory"), "a program in memory")
    ok(g.wait("EXEC_DELETED", EXE=g.dir + "/gone", ARGS="from-nowhere"), "a program without a name")


def files(g):
    d = os.path.join(g.dir, "files")
    os.mkdir(d)
    g.python(IMPORTS + r"""
open("new", "w").close(); open("new", "a").close()
os.rename("new", "moved"); os.chmod("moved", 0o640); os.chown("moved", 1, 2)
os.mkdir("dir"); os.symlink("moved", "soft"); os.link("moved", "hard"); os.unlink("hard"); os.rmdir("dir")
fd = os.open(".", os.O_RDONLY)
os.mkdir("below", dir_fd=fd); os.rename("moved", "moved2", src_dir_fd=fd, dst_dir_fd=fd)
f = open("below/../byfd", "w"); os.fchmod(f.fileno(), 0o600)
os.makedirs("./below//deep/"); os.chdir("below/deep"); os.mkdir("../up"); os.chdir("../..")
open(b"bytes \xff\xfe\n\x01", "w").close()
try: open("/nonexistent/x", "w")
except OSError: pass
try: os.unlink("nothing")
except OSError: pass
open("/etc/shadow").read(); open("/etc/passwd").read()
open("server.key", "w").close(); open("server.key").read()
open("/dev/null", "w").close()
""", cwd=d)
    ok(g.wait("FILE_CREATE", PATH=d + "/new", daemon="watchedd"), "a file that is created")
    ok(g.wait("FILE_WRITE", PATH=d + "/new"), "a file opened for writing")
    ok(g.wait("FILE_RENAME", PATH=d + "/new", TARGET_PATH=d + "/moved"), "a rename, with both names")
    ok(g.wait("FILE_CHMOD", PATH=d + "/moved", MODE=0o640), "a change of mode")
    ok(g.wait("FILE_CHOWN", PATH=d + "/moved", NEW_UID=1, NEW_GID=2), "a change of owner")
    ok(g.wait("FILE_CREATE", PATH=d + "/dir"), "a directory")
    ok(g.wait("FILE_CREATE", PATH=d + "/soft", TARGET_PATH="moved"), "a symbolic link, with its text")
    ok(g.wait("FILE_CREATE", PATH=d + "/hard", TARGET_PATH=d + "/moved"), "a hard link, with its target")
    ok(g.wait("FILE_UNLINK", PATH=d + "/hard") and g.wait("FILE_UNLINK", PATH=d + "/dir"), "removals")
    ok(g.wait("FILE_CREATE", PATH=d + "/below"), "a name below a descriptor")
    ok(g.wait("FILE_RENAME", PATH=d + "/moved", TARGET_PATH=d + "/moved2"), "two of them")
    ok(g.wait("FILE_CHMOD", PATH=d + "/byfd", MODE=0o600), "a descriptor itself")
    ok(g.wait("FILE_CREATE", PATH=d + "/below/up"), "a name below the working directory, with dots")
    ok(g.wait("FILE_CREATE", PATH=d + "/bytes \xff\xfe\n\1"), "any bytes")
    ok(g.wait("FILE_READ", PATH="/etc/shadow"), "the reading of /etc/shadow")
    ok(g.wait("FILE_READ", PATH=d + "/server.key"), "the reading of a private key")
    ok(not g.find("FILE_READ", PATH="/etc/passwd"), "other readings are not told")
    ok(not g.find("FILE_UNLINK", PATH=d + "/nothing") and not g.find("FILE_CREATE", PATH="/nonexistent/x"),
       "what failed is not told")
    ok(not g.find("FILE_WRITE", PATH="/dev/null"), "/dev/null is not told")


def long_paths(g):
    g.python(IMPORTS + """
n = "p" * 200
path = os.getcwd()
while len(path) < 3880:
    os.mkdir(n); os.chdir(n); path += "/" + n
n = "q" * (4090 - len(path) - 1)
os.mkdir(n); os.rename(n, n + "r")
fd = os.open(".", os.O_RDONLY); os.chdir("/")
os.rename(n + "r", n + "s", src_dir_fd=fd, dst_dir_fd=fd)
""")
    e = g.wait("FILE_RENAME", TARGET_PATH=lambda p: p and p.endswith("s"))
    ok(e and len(e["PATH"]) == len(e["TARGET_PATH"]) == 4091 and e["PATH"].startswith(g.dir) and e["PATH"].endswith("qr"),
       "two paths of 4 KiB in one event")


def network(g):
    g.python(IMPORTS + """
def pair(family, address):
    l = socket.socket(family); l.bind(address); l.listen()
    c = socket.socket(family); c.connect(l.getsockname()); return l, c, l.accept()
x = [pair(socket.AF_INET, ("127.0.0.1", 7001)), pair(socket.AF_INET6, ("::1", 7002)),
     pair(socket.AF_UNIX, "relative.sock"), pair(socket.AF_UNIX, os.getcwd() + "/absolute.sock"),
     pair(socket.AF_UNIX, "\\0hidden")]
m = socket.socket(socket.AF_INET6); m.connect(("::ffff:127.0.0.1", 7001))
n = socket.socket(); n.setblocking(False); n.connect_ex(("127.0.0.1", 7001))
r = socket.socket(); r.connect_ex(("127.0.0.1", 7009))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.sendto(b"x", ("127.0.0.1", 7003)); u.sendmsg([b"x"], [], 0, ("127.0.0.1", 7004)); u.connect(("127.0.0.1", 7005))
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b"x", ("::1", 7006))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b.bind(("127.0.0.1", 7007))
""")
    ok(g.wait("LISTEN", DADDR=V4, DPORT=7001, PROTO=6), "a socket that listens")
    e = g.wait("CONNECT", DADDR=V4, DPORT=7001, PROTO=6)
    ok(e and e["SADDR"] == V4 and e["SPORT"], "a connection, with its own end")
    e = g.wait("ACCEPT", DADDR=V4, DPORT=7001)
    ok(e and e["SADDR"] == V4 and e["SPORT"], "an accepted connection, with both ends")
    ok(g.wait("LISTEN", DADDR=V6, DPORT=7002) and g.wait("CONNECT", DADDR=V6, DPORT=7002) and
       g.wait("ACCEPT", SADDR=V6, DPORT=7002), "the same by IPv6")
    for kind in ("LISTEN", "CONNECT", "ACCEPT"):
        ok(g.wait(kind, PATH=g.dir + "/relative.sock") and g.wait(kind, PATH=g.dir + "/absolute.sock") and
           g.wait(kind, PATH="@hidden"), f"unix sockets: {kind.lower()}")
    ok(wait(lambda: g.count("CONNECT", DADDR=V4, DPORT=7001) == 3), "IPv4 in IPv6 and without waiting is the same peer")
    ok(not g.find("CONNECT", DPORT=7009), "a refused connection is not told")
    ok(g.wait("SEND", DADDR=V4, DPORT=7003, PROTO=17) and g.wait("SEND", DADDR=V4, DPORT=7004), "datagrams to peers")
    ok(g.wait("CONNECT", DADDR=V4, DPORT=7005, PROTO=17), "a datagram socket that is connected")
    ok(g.wait("SEND", DADDR=V6, DPORT=7006), "datagrams by IPv6")
    ok(g.wait("LISTEN", DADDR=V4, DPORT=7007, PROTO=17), "a datagram socket that is bound to a port")


def privileges(g):
    g.python(IMPORTS + """
pid = os.fork()
if pid == 0: time.sleep(5); os._exit(0)
libc.ptrace(0x4206, pid, 0, 0)
buf = ctypes.create_string_buffer(8)
class Iov(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
v = Iov(ctypes.addressof(buf), 8)
libc.process_vm_writev(pid, ctypes.byref(v), 1, ctypes.byref(v), 1, 0)
os.kill(pid, 9)
libc.unshare(0x04000000)
libc.setns(os.open("/proc/1/ns/uts", os.O_RDONLY), 0x04000000)
os.mkdir("mnt"); libc.mount(b"none", b"mnt", b"tmpfs", 0, None)
os.setgid(12); os.setuid(34)
""")
    ok(g.wait("PTRACE", REQUEST=0x4206, TARGET_PID=lambda p: p), "ptrace")
    ok(g.wait("VM_WRITE", TARGET_PID=lambda p: p), "a write into another process")
    ok(g.wait("NAMESPACE", NS_FLAGS=0x04000000), "a new namespace")
    ok(wait(lambda: g.count("NAMESPACE", NS_FLAGS=0x04000000) >= 2), "another one entered")
    ok(g.wait("MOUNT", PATH="none", TARGET_PATH=g.dir + "/mnt"), "a mount")
    ok(g.wait("SETGID", NEW_GID=12) and g.wait("SETUID", NEW_UID=34), "a change of user and group")
    g.run("unshare", "--uts", "--ipc", "--fork", "true")
    ok(g.wait("NAMESPACE", NS_FLAGS=0x0c000000), "several namespaces at once")
    g.run("setpriv", "--bounding-set=-all", "--inh-caps=-all", "true")
    ok(g.wait("CAPSET"), "a change of capabilities")


def unwatched(g):
    before = len(g.poll())
    subprocess.run(["sh", "-c", "for i in 1 2 3; do /bin/true bystander; done; : > bystander"], cwd=g.dir)
    g.run("sh", "-c", ": > after")
    g.wait("FILE_CREATE", PATH=g.dir + "/after")
    ok(not [e for e in g.events[before:] if "bystander" in json.dumps(e)], "who is not watched is not told about")


def many(g):
    """The ring overflows when the machine is busy: what is lost then is counted, what is started meanwhile is not lost, and
    afterwards all is as before."""
    rss = g.rss_kib()
    g.python(IMPORTS + f"N = {MANY}\n" + """
def start(i):
    if i % (N // 10) == 0: os.spawnv(os.P_WAIT, "/bin/true", ["meanwhile", str(i)])
os.mkdir("many"); os.chdir("many")
for i in range(N):
    f = os.open("f%d" % i, os.O_CREAT | os.O_WRONLY); os.close(f); os.unlink("f%d" % i)
    start(i)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(N):
    try: s.sendto(b"", ("127.%d.%d.%d" % (1 + i // 65536, i // 256 % 256, i % 256), 9))
    except OSError: pass
    start(i + N)
""")

    def accounted():
        seen = g.count("FILE_CREATE", PATH=lambda p: p and "/many/" in p) + g.count("FILE_UNLINK", PATH=lambda p: p and "/many/" in p)
        seen += g.count("SEND", DPORT=9)
        g.lost = {}
        for e in g.find("GAP"):
            g.lost[e["SOURCE"]] = g.lost.get(e["SOURCE"], 0) + e["LOST"]
        g.tally = f"seen {seen}, told as lost {g.lost}"
        return seen + sum(g.lost.values()) >= 3 * MANY
    ok(wait(accounted, 120, 0.5), "each of 3 * %d was told or counted as lost: %s" % (MANY, g.tally))
    started = lambda: len(g.find("EXEC", ARGS=lambda a: a and a.startswith("meanwhile\0")))
    ok("exec" not in g.lost and wait(lambda: started() + g.lost.get("emit", 0) >= 20, 60),
       f"what was started meanwhile is among them ({started()} of 20)")
    g.names = 0

    def new():
        g.names += 1
        g.run("/bin/sh", "-c", f": > new-{g.names}")
        return g.wait("FILE_CREATE", 2, PATH=f"{g.dir}/new-{g.names}")
    ok(wait(new, 60), f"after {MANY} paths and addresses new ones are still seen (try {g.names})")
    told = len(g.find("FILE_CREATE", PATH=lambda p: p and "/many/" in p))
    ok(told < 5000 and g.find("FILE_CREATE", PATH=g.dir + "/many/*"), f"new names without end in a directory are folded ({told} events)")
    grown = g.rss_kib() - rss
    ok(grown < (60000 if SANITIZED else 6000), f"memory stays bounded (grew by {grown} KiB to {g.rss_kib()})")


SERVE = """
import os, socket, sys, time
s = socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen()
while not os.path.exists(sys.argv[2]): time.sleep(0.02)
open(sys.argv[2] + "-seen", "w").close(); time.sleep(600)
"""


def late(g):
    """A guard that has no turn while somebody starts and listens is asked about both, one after the other."""
    go = os.path.join(g.dir, "go")
    os.kill(g.process.pid, signal.SIGSTOP)
    p = subprocess.Popen(["setsid", "/usr/bin/python3", "-c", SERVE, "7101", go])
    listens = lambda: any(f" 0100007F:{7101:04X} 00000000:0000 0A" in line for line in open("/proc/net/tcp"))
    ok(wait(listens), "a program listens before the guard has looked at it")
    os.kill(g.process.pid, signal.SIGCONT)
    e = g.wait("LISTEN", DPORT=7101)
    ok(e and e["daemon"] and e["PID"] == p.pid, "and becomes a daemon all the same: " + (e or {}).get("daemon", ""))
    open(go, "w").close()
    e = g.wait("FILE_CREATE", PATH=go + "-seen")
    ok(e and e["daemon"], "what it does from then on is the daemon's")
    p.kill()
    p.wait()


def listener(g):
    """With auto, a program that nobody knows becomes a daemon when it listens."""
    p = subprocess.Popen(["setsid", "/usr/bin/python3", "-c", "import socket,time; s=socket.socket(); s.bind(('127.0.0.1', 7100)); s.listen(); time.sleep(60)"])
    e = g.wait("LISTEN", DPORT=7100)
    ok(e and e["daemon"], "a program that begins to listen becomes a daemon: " + (e or {}).get("daemon", ""))
    g.process.stop()
    g.start()
    e = g.wait("LISTEN", DPORT=7100, flags=lambda f: f & INITIAL)
    ok(e and e["PID"] == p.pid and e["DADDR"] == V4 and e["PROTO"] == 6, "where it listens already is told to who comes later")
    p.kill()
    p.wait()


def lifecycle(g):
    ok(g.wait("AGENT_START", MESSAGE=lambda m: m and "exec" in m), "the start, with what the sensors cannot see")
    second = subprocess.run([program("daemonsec-agent"), "-c", g.conf], capture_output=True, text=True)
    ok(second.returncode == 1 and "another guard" in second.stderr, "a second guard with the same state ends")
    g.process.kill()
    g.start()
    ok(g.wait("GAP", SOURCE="guard", DURATION_US=lambda d: d), "after a kill the blind interval is told")
    pid = int(open(g.dir + "/daemonsec-agent.pid").read())
    ok(pid == g.process.pid, "the pid file")
    with open(g.conf) as f:
        text = f.read()
    other = os.path.join(g.dir, "otherd")
    shutil.copy("/usr/bin/env", other)
    with open(g.conf, "w") as f:
        f.write(text.replace(g.watched, other))
    os.kill(pid, signal.SIGHUP)
    wait(lambda: "configuration reloaded" in log_text(g.process.log))
    subprocess.run([other, "true", "reloaded"])
    ok(g.wait("EXEC", daemon="otherd", ARGS="true\0reloaded"), "a reload changes what is watched")
    before = len(g.poll())
    g.run("true", "not-any-more")
    subprocess.run([other, "true", "end"])
    g.wait("EXEC", ARGS="true\0end")
    ok(not [e for e in g.poll()[before:] if "not-any-more" in json.dumps(e)], "and what is not")
    uplink = next(int(p) for p in subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split())
    os.kill(uplink, signal.SIGKILL)
    subprocess.run([other, "true", "meanwhile"])
    ok(g.wait("EXEC", ARGS="true\0meanwhile"), "an uplink that is killed is started again and gets everything")
    ok(g.process.stop() and g.wait("AGENT_STOP"), "an orderly end says so")


def hostile(g):
    """Bytes that are no message end the uplink, not the guard."""
    bad = os.path.join(g.dir, "hostile.py")
    with open(bad, "w") as f:
        f.write("#!/usr/bin/python3\nimport os,random,sys,time\nfor i in range(40):\n try: os.write(3, random.randbytes(5000))\n except OSError: pass\n time.sleep(0.05)\n")
    os.chmod(bad, 0o755)
    with open(g.conf) as f:
        text = f.read()
    with open(g.conf, "w") as f:
        f.write(text.replace(os.path.realpath(g.sink), bad))
    p = Process([program("daemonsec-agent"), "-c", g.conf], g.dir + "/hostile.log")
    ok(wait(lambda: log_text(p.log).count("ending the uplink") >= 2), "hostile bytes end the uplink")
    ok(p.alive() and p.stop(), "and never the guard")


ONLY = os.environ.get("STEPS", "").split()
for steps, monitor in (((processes, scope, loop, nameless, files, long_paths, network, privileges, unwatched, many, lifecycle, hostile), None),
                       ((late, listener), "auto")):
    with Guard(monitor=monitor) as guard:
        for step in [s for s in steps if not ONLY or s.__name__ in ONLY]:
            try:
                step(guard)
            except Exception as e:  # a broken step is a failure, and the next ones run
                import traceback
                ok(False, f"{step.__name__}: {e!r}")
                say(traceback.format_exc())
        if guard.process.alive():
            say(f"rss {guard.rss_kib()} KiB")
        import harness
        if harness._failed:
            say(guard.process.tail(30))
done()
