# SPDX-License-Identifier: GPL-2.0-or-later
"""guard - runs the guard alone, with sink.py in the place of the uplink, and a daemon for it to watch."""
import json, os, re, shutil, signal, subprocess, sys, tempfile

from harness import BUILD, TOP, Process, program, wait, write_conf

FIRST, REPEAT, TRUNCATED, INITIAL = 0x01, 0x02, 0x04, 0x10


class Guard:
    def __init__(self, options=None, monitor=None):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="daemonsec-guard.", dir="/var/tmp"))
        self.watched = os.path.join(self.dir, "watchedd")
        shutil.copy("/usr/bin/env", self.watched)
        self.state = os.path.join(self.dir, "state")
        os.makedirs(self.state)
        self.conf = os.path.join(self.dir, "daemonsec.conf")
        self.sink = os.path.join(TOP, "tests", "system", "sink.py")
        general = {"monitor_daemons": monitor or self.watched, "state_dir": self.state, "run_dir": self.dir,
                   "uplink": os.path.realpath(self.sink), "log_level": "debug"}
        write_conf(self.conf, {"general": general, "sensors": {"repeat_interval": "1s"}}, options)
        self.events = []
        self.read = 0
        self.process = None
        self.prefix = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process:
            self.process.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def set(self, section, name, value):
        """Another value of an option that it has, for the next start."""
        text = open(self.conf).read()
        with open(self.conf, "w") as f:
            f.write(re.sub(rf"(?ms)(^\[{section}\]$.*?^{name} = )[^\n]*", lambda m: m[1] + value, text, count=1))

    def start(self):
        log = os.path.join(self.dir, "log")
        seen = log_text(log).count("uplink started")
        self.process = Process([*self.prefix, program("daemonsec-agent"), "-c", self.conf], log)
        wait(lambda: log_text(log).count("uplink started") > seen, 20)
        return self

    def sensors(self):
        path = self.conf + ".sensors"
        return open(path).read() if os.path.exists(path) else ""

    def run(self, *command, **kw):
        """Runs something as the watched daemon."""
        kw.setdefault("cwd", self.dir)
        return subprocess.run([self.watched, *command], **kw)

    def python(self, code, **kw):
        return self.run("/usr/bin/python3", "-c", code, **kw)

    def poll(self):
        path = self.conf + ".events"
        if os.path.exists(path):
            with open(path, "rb") as f:
                f.seek(self.read)
                data = f.read()
            data = data[:data.rfind(b"\n") + 1]
            self.read += len(data)
            self.events += [json.loads(line) for line in data.splitlines()]
        return self.events

    def find(self, kind, **fields):
        return [e for e in self.poll() if e["kind"] == kind and
                all(v(e.get(k)) if callable(v) else e.get(k) == v for k, v in fields.items())]

    def wait(self, kind, seconds=10, **fields):
        """The first such event, or None."""
        found = wait(lambda: self.find(kind, **fields), seconds)
        return found[0] if found else None

    def count(self, kind, **fields):
        return sum(e["count"] for e in self.find(kind, **fields))

    def rss_kib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])


def log_text(path):
    return open(path, errors="replace").read() if os.path.exists(path) else ""
