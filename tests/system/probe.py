# SPDX-License-Identifier: GPL-2.0-or-later
"""probe - runs attrib_probe (tests/system/attrib_probe.c) and reads the events that it prints."""
import json, os, subprocess, threading

from harness import BUILD, wait


class Probe:
    def __init__(self, log, args, prefix=(), direct=False):
        self.path = os.path.join(BUILD, "tests", "system", "attrib_probe")
        self.prefix = list(prefix)
        self.events = []
        self.seen = 0
        self.log = open(log, "w")
        self.p = subprocess.Popen([*prefix, *([] if direct else [self.path]), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=self.log, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.p.stdout:
            self.log.write(line)
            self.log.flush()
            event = json.loads(line)
            self.events.append({"kind": "", "daemon": "", **event})

    def find(self, test, first=0):
        found = [e for e in self.events[first:] if test(e)]
        return found[-1] if found else None

    def wait(self, test, seconds=10, since=False):
        """The newest event that passes the test; since=True: newer than what the last wait returned."""
        first = self.seen if since else 0
        found = wait(lambda: self.find(test, first), seconds)
        if found:
            self.seen = max(i for i, e in enumerate(self.events) if e is found) + 1
        return found

    def processes(self):
        """Who belongs to whom, now."""
        r = subprocess.run([*self.prefix, self.path, "-p"], capture_output=True, text=True, check=True)
        return [json.loads(line) for line in r.stdout.splitlines()]

    def stop(self):
        self.p.stdin.close()
        self.p.wait(20)
        self.thread.join()
        self.log.close()
