# SPDX-License-Identifier: GPL-2.0-or-later
"""orders - signed orders for a guard that runs alone (guard.py), and what comes back; see schema/order.md."""
import base64, hashlib, os, socket, struct, subprocess, time

from guard import Guard
from harness import BUILD, wait

FIELDS = {"host_id": 1, "id": 2, "kind": 3, "counter": 4, "not_before": 5, "expires": 6, "lifetime_ms": 7, "mode": 8,
          "reason": 9, "daemon": 10, "pid": 11, "start": 12, "exe": 13, "path": 14, "sha256": 15, "address": 16,
          "port": 17, "protocol": 18, "unit": 19, "target": 20, "answer": 21, "key": 22, "data": 23,
          "session_address": 24, "session_pid": 25, "reach": 26}
RESULT = {1: "order", 2: "by", 3: "kind", 4: "outcome", 5: "error", 6: "text", 7: "verified", 8: "time", 9: "took",
          10: "until", 11: "floor", 12: "evidence"}
OUTCOMES = ("", "done", "refused", "failed", "undone", "nothing", "would", "lost")
OPERATOR, ACTIVE, PREVENT, DRY_RUN = 1, 2, 3, 4
MINUTE = 60 * 10**6


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def fields_of(values):
    out = b""
    for name, value in values.items():
        if isinstance(value, int):
            out += varint(FIELDS[name] * 2) + varint(value) if value else b""
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(FIELDS[name] * 2 + 1) + varint(len(value)) + value
    return out


def read_varint(b, at):
    value = shift = 0
    while True:
        value |= (b[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if b[at - 1] < 128:
            return value, at


def result_of(b):
    ret, at = {"outcome": 0, "verified": 0, "took": 0, "by": b"", "evidence": b"", "text": b"", "until": 0}, 0
    while at < len(b):
        key, at = read_varint(b, at)
        value, at = read_varint(b, at)
        if key & 1:
            value, at = b[at:at + value], at + value
        ret[RESULT.get(key >> 1, key >> 1)] = value
    ret["outcome"] = OUTCOMES[ret["outcome"]]
    ret["text"] = ret["text"].decode()
    return ret


class Signer:
    def __init__(self, path):
        self.p = subprocess.Popen([os.path.join(BUILD, "tests/system/order_sign"), path], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.public = self.p.stdout.read(32)
        self.key_id = hashlib.sha256(self.public).digest()[:8]

    def sign(self, data):
        self.p.stdin.write(struct.pack(">I", len(data)) + data)
        self.p.stdin.flush()
        return self.p.stdout.read(64)

    def close(self):
        self.p.stdin.close()
        self.p.wait()

    def envelope(self, **values):
        data = b"DSO1" + self.key_id + fields_of(values)
        return data + self.sign(data)


def start_us(pid):
    """When a process began, as events say it."""
    ticks = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19])
    boot = time.time_ns() // 1000 - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return boot + ticks * 10**6 // os.sysconf("SC_CLK_TCK")


class OrderGuard(Guard):
    """A guard that takes orders of `signer`, and an uplink that hands it whatever it is told to."""

    def __init__(self, options=None, monitor=None):
        options = {"reaction.ceiling": "freeze,kill,block_ip,block_port,cut,isolate,restart,restore_file",
                   "general.log_level": "debug", **(options or {})}
        super().__init__({"server.token_file": "TOKEN", **options}, monitor)
        self.token_file = os.path.join(self.dir, "token")
        conf = open(self.conf).read().replace("TOKEN", self.token_file)
        open(self.conf, "w").write(conf)
        self.signer = Signer(os.path.join(self.dir, "order.key"))
        self.host_id = os.urandom(16)
        self.counter = 0
        self.seen = 0
        self.all = []
        self.put_token(self.signer.public)

    def put_token(self, key):
        raw = b"\x0b127.0.0.1:1" + bytes(32) + b"\x05tok_1" + os.urandom(32) + key
        raw += hashlib.sha256(raw).digest()[:4]
        with open(self.token_file, "w") as f:
            f.write("dse1." + base64.urlsafe_b64encode(raw).decode().rstrip("=") + "\n")

    def start(self):
        super().start()
        self.address = self.conf + ".in"
        wait(lambda: os.path.exists(self.address))
        self.say(9, self.host_id)
        return self

    def __exit__(self, *a):
        self.signer.close()
        super().__exit__(*a)

    def say(self, kind, body):
        """A message of the uplink to the guard."""
        def send():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.sendto(bytes([kind]) + body, self.address)
            return True
        return wait(send, 10)

    def say_at_once(self, *orders):
        """Orders that the guard reads together."""
        self.say(0, b"".join(struct.pack(">IB", len(data) + 1, 6) + data for data in orders))

    def order(self, kind, **values):
        """The id and the bytes of an order."""
        self.counter += 1
        now = time.time_ns() // 1000
        all = {"host_id": self.host_id, "id": os.urandom(16), "kind": kind, "counter": self.counter,
               "not_before": now, "expires": now + 10 * MINUTE, "mode": OPERATOR, "reason": "a test", **values}
        return all["id"], self.signer.envelope(**all)

    def results(self):
        path = self.conf + ".results"
        if os.path.exists(path):
            with open(path) as f:
                lines = f.read().split("\n")[:-1]
            # Zeroes are what a power cut left of one that was not on disk.
            self.all += [result_of(bytes.fromhex(x.rpartition("\0")[2])) for x in lines[len(self.all):]]
        return self.all

    def result(self, id, seconds=5, **fields):
        """The newest result about an order that has these fields, or None."""
        def ask():
            found = [r for r in self.results() if r["order"] == id and all(r.get(k) == v for k, v in fields.items())]
            return found[-1] if found else None
        return wait(ask, seconds, 0.005)

    def do(self, kind, seconds=5, **values):
        """Sends an order and waits for its result."""
        id, data = self.order(kind, **values)
        self.say(6, data)
        return self.result(id, seconds) or {"outcome": None, "text": "no answer", "order": id, "evidence": b""}

    def kill(self):
        self.process.kill()
