#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of the server under load, again and again; a full disk, then space; a clock that jumps. Whatever happens, each
event that agents sent is in the store exactly once."""
import os, re, shutil, signal, socket, struct, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import BUILD, SANITIZED, done, isolate, ok, say, skip_all, wait

SERVER = os.environ.get("DS_TEST_SERVER", f"{BUILD}/server/daemonsec-server")
LOAD = f"{BUILD}/tests/system/load_agent"
KILLS = int(os.environ.get("DS_TEST_KILLS", "10" if SANITIZED else "50"))


class Server:
    """A server with a state directory, started and killed at will. Nothing but agents talk to it."""

    def __init__(self, top, port):
        self.top, self.port, self.state, self.process = top, port, f"{top}/state", None
        os.makedirs(f"{top}/agents", exist_ok=True)
        with open(f"{top}/server.conf", "w") as f:
            f.write(f"[server]\nlisten = 127.0.0.1:{port}\nstate_dir = {self.state}\nworkers = 2\n"
                    f"[api]\nlisten =\nunix = {top}/api.sock\n[storage]\nretention = 3650d\n")

    def start(self, env=None):
        self.log = open(f"{self.top}/log", "a+")
        offset = self.log.seek(0, 2)
        self.process = subprocess.Popen([SERVER, "-c", f"{self.top}/server.conf"], stderr=self.log,
                                        stdout=self.log, env=dict(os.environ, **(env or {})))
        return wait(lambda: self.says(r"\bready\b", offset) or self.process.poll() is not None, 120, 0.005) and \
            self.process.poll() is None

    def says(self, pattern, offset=0):
        with open(f"{self.top}/log", errors="replace") as f:
            f.seek(offset)
            return re.search(pattern, f.read())

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        return self.process.wait(120)

    def token(self):
        return subprocess.check_output([LOAD, "token", self.state, f"127.0.0.1:{self.port}"], text=True).strip()

    def load(self, token, *numbers):
        return subprocess.Popen([LOAD, "run", token, f"{self.top}/agents", *map(str, numbers)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def verify(self, *numbers):
        p = subprocess.run([LOAD, "verify", self.state, *map(str, numbers)], capture_output=True, text=True)
        say(p.stdout + p.stderr)
        return p.returncode == 0


def finish(load, seconds=400):
    """Whether all is acknowledged in the end; how long that takes says how busy the machine is."""
    begin = time.monotonic()
    try:
        out, _ = load.communicate(timeout=seconds)
        say(out)
        say(f"acknowledged after {time.monotonic() - begin:.1f} s")
        return load.returncode == 0
    except subprocess.TimeoutExpired:
        load.kill()
        load.communicate()
        return False


def killed_again_and_again(top):
    server = Server(top, 7443)
    ok(server.start(), "a server starts")
    agents, batches, events = 8, 120 * KILLS, 100
    load = server.load(server.token(), agents, batches, events)
    kills = 0
    while kills < KILLS and load.poll() is None:
        # At no particular moment: between 20 and 120 ms of work.
        wait(lambda: load.poll() is not None, 0.02 + (kills * 37 % 100) / 1000)
        server.kill()
        kills += 1
        if not server.start():
            break
    ok(kills >= KILLS * 3 // 5, f"it is killed {kills} times under load")
    ok(finish(load), "the agents get everything acknowledged in the end")
    ok(server.verify(agents, batches, events), "while it runs, each event is there exactly once")
    ok(server.kill(signal.SIGTERM) == 0, "it ends cleanly")
    ok(server.verify(agents, batches, events), "and after it ended")


def a_full_disk(top):
    disk = f"{top}/disk"
    os.makedirs(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", disk], check=True)
    try:
        server = Server(disk, 7444)
        ok(server.start(), "a server starts on a small disk")
        agents, batches, events = 4, 150 if SANITIZED else 600, 1000
        load = server.load(server.token(), agents, batches, events)
        # Their own files are on that disk, too: certificates first.
        ok(wait(lambda: all(os.path.exists(f"{disk}/agents/{n}/host.crt") for n in range(agents)), 60), "its agents are enrolled")
        with open(f"{disk}/ballast", "wb") as f:
            try:
                while True:
                    f.write(b"x" * 65536)
                    f.flush()
            except OSError:
                pass
        ok(wait(lambda: server.says("No space left|cannot be stored|can be stored"), 120), "it says that the disk is full")
        ok(server.process.poll() is None, "and goes on")
        os.unlink(f"{disk}/ballast")
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        ok(finish(load), "with space again everything is acknowledged")
        ok(server.kill(signal.SIGTERM) == 0, "it ends cleanly")
        ok(server.verify(agents, batches, events), "nothing is lost or doubled")
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
        subprocess.run(["umount", "-l", disk], check=False)


def a_damaged_day(top):
    server = Server(top, 7445)
    server.start()
    load = server.load(server.token(), 2, 50, 100)
    ok(finish(load), "a day of events")
    server.kill()
    day = [n for n in os.listdir(f"{server.state}/events") if n.endswith(".db")][0]
    with open(f"{server.state}/events/{day}", "r+b") as f:
        f.seek(0)
        f.write(os.urandom(65536))
    for suffix in ("-wal", "-shm"):
        if os.path.exists(f"{server.state}/events/{day}{suffix}"):
            os.unlink(f"{server.state}/events/{day}{suffix}")
    ok(server.start(), "a damaged file of events does not keep it from starting")
    ok(server.says("damaged; it is set aside"), "it is set aside, and that is said")
    ok(any("damaged" in n for n in os.listdir(f"{server.state}/events")), "and kept")
    ok(server.kill(signal.SIGTERM) == 0, "it ends cleanly")


def strangers(top):
    server = Server(top, 7447)
    ok(server.start(), "a server starts")
    sockets = []
    for _ in range(2000):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", server.port))
        sockets.append(s)
    token = server.token()
    for s in sockets:
        try:
            s.send(b"\x16\x03\x01")  # the beginning of a handshake, and nothing more
        except OSError:
            pass
    load = server.load(token, 20, 50, 100)
    ok(finish(load), "2000 connections that never finish their handshake do not keep agents out")
    ok(server.verify(20, 50, 100), "and every event is there")
    for s in sockets:
        s.close()
    ok(server.kill(signal.SIGTERM) == 0, "it ends cleanly")


# Moves the wall clock of a process by as many seconds as a file says.
SHIM = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile int64_t *offset;
__attribute__((constructor)) static void start(void) {
    int fd = open(getenv("DS_TEST_CLOCK"), O_RDONLY | O_CLOEXEC);
    void *p = mmap(0, 8, PROT_READ, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED) offset = p;
}
int clock_gettime(clockid_t id, struct timespec *ts) {
    int r = (int)syscall(SYS_clock_gettime, id, ts);
    if (id == CLOCK_REALTIME && offset) ts->tv_sec += *offset;
    return r;
}
'''


def a_clock_that_jumps(top):
    if not shutil.which("cc") or SANITIZED:
        say("SKIP: the clock needs a compiler and no sanitizer")
        return
    with open(f"{top}/shim.c", "w") as f:
        f.write(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", f"{top}/shim.so", f"{top}/shim.c", "-ldl"], check=True)

    def set_clock(seconds):
        with open(f"{top}/clock", "r+b" if os.path.exists(f"{top}/clock") else "wb") as f:
            f.write(struct.pack("q", seconds))

    set_clock(0)
    env = {"LD_PRELOAD": f"{top}/shim.so", "DS_TEST_CLOCK": f"{top}/clock"}
    server = Server(top, 7446)
    ok(server.start(env), "a server starts")
    agents, batches, events = 4, 3000, 100
    load = server.load(server.token(), agents, batches, events)
    year = 365 * 86400
    for jump in (3600, 0, -3600, year, year + 86400, -year, 0):
        wait(lambda: load.poll() is not None, 0.15)
        set_clock(jump)
    ok(finish(load), "an hour and a year back and forth: everything is acknowledged")
    ok(server.verify(agents, batches, events), "each event is there exactly once")
    ok(len([n for n in os.listdir(f"{server.state}/events") if n.endswith(".db")]) >= 3, "in the days that it believed in")
    server.kill()
    ok(server.start(env), "it starts again")
    load = server.load(server.token(), agents, batches + 100, events)
    ok(finish(load), "and knows what it had")
    ok(server.verify(agents, batches + 100, events), "exactly once")
    ok(server.kill(signal.SIGTERM) == 0, "it ends cleanly")


def main():
    if not os.path.exists(SERVER):
        skip_all("no server was built")
    isolate()
    with tempfile.TemporaryDirectory(prefix="ds-crash-") as top:
        for i, part in enumerate((killed_again_and_again, a_full_disk, a_damaged_day, strangers, a_clock_that_jumps)):
            os.makedirs(f"{top}/{i}")
            part(f"{top}/{i}")
    done()


main()
