#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sink - stands in for the uplink: takes the guard's events from the socket, confirms them, and appends each as a line
of JSON to CONF.events. Byte strings are written as latin-1, so that any byte arrives as it was. Datagrams to CONF.in (a
type and a body) go to the guard as messages, and its results as lines of hex to CONF.results."""
import json, os, re, select, socket, struct, sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))


def schema():
    text = open(os.path.join(TOP, "schema", "events.def")).read()
    fields = {int(i): s for i, s in re.findall(r"DS_(?:NUM|STR)_FIELD\((\d+), (\w+), \"", text)}
    kinds = {int(i): s for i, s in re.findall(r"DS_KIND\((\d+), (\w+), \"", text)}
    return fields, kinds


FIELDS, KINDS = schema()


def varint(b, at):
    value = shift = 0
    while True:
        value |= (b[at] & 127) << shift
        shift += 7
        at += 1
        if b[at - 1] < 128:
            return value, at


def text(b, at):
    n, at = varint(b, at)
    return b[at:at + n].decode("latin-1"), at + n


def event(b, at):
    ev = {"kind": KINDS[b[at]], "flags": b[at + 1]}
    ev["time"], at = varint(b, at + 2)
    ev["count"], at = varint(b, at)
    ev["daemon"], at = text(b, at)
    while b[at]:
        name = FIELDS[b[at]]
        ev[name], at = (varint if b[at] < 64 else text)(b, at + 1)
    return ev, at + 1


def connect(conf):
    """The uplink's connection to its server, when CONF.server names one that answers."""
    if not os.path.exists(conf + ".server"):
        return None
    host, port = open(conf + ".server").read().split()
    try:
        return socket.create_connection((host, int(port)), timeout=5)
    except OSError:
        return None


def talk(server):
    try:
        server.send(b".", socket.MSG_DONTWAIT)
    except OSError:
        pass


def main():
    fd = int(sys.argv[sys.argv.index("--fd") + 1])
    conf = sys.argv[sys.argv.index("-c") + 1]
    s = socket.socket(fileno=fd)
    state = conf + ".number"
    number = int(open(state).read()) if os.path.exists(state) else 0
    s.sendall(struct.pack(">IBQQ", 17, 3, number, number))
    out = open(conf + ".events", "a")
    results = open(conf + ".results", "a")
    orders = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    orders.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    if os.path.exists(conf + ".in"):
        os.unlink(conf + ".in")
    orders.bind(conf + ".in")
    server = connect(conf)
    buf = b""
    while True:
        ready = select.select([s, orders], [], [], 0.2 if server else None)[0]
        if server:
            talk(server)
        if orders in ready:
            message = orders.recv(1 << 18)
            # Of type 0: several, each behind its size, which the guard reads at once.
            s.sendall(struct.pack(">I", len(message)) + message if message[0] else message[1:])
        if s not in ready:
            continue
        data = s.recv(1 << 20)
        if not data:
            return
        buf += data
        while len(buf) >= 4 and len(buf) >= 4 + struct.unpack(">I", buf[:4])[0]:
            size = struct.unpack(">I", buf[:4])[0]
            kind, body, buf = buf[4], buf[5:4 + size], buf[4 + size:]
            if kind == 4:
                open(conf + ".sensors", "wb").write(body)
            if kind == 7:
                results.write(body.hex() + "\n")
                results.flush()
            if kind != 1:
                continue
            number, at = struct.unpack(">Q", body[:8])[0], 8
            while at < len(body):
                ev, at = event(body, at)
                out.write(json.dumps(ev) + "\n")
            out.flush()
            with open(state + ".new", "w") as f:  # whole, or not at all: it is killed with its guard
                f.write(str(number))
            os.rename(state + ".new", state)
            s.sendall(struct.pack(">IBQ", 9, 2, number))


if __name__ == "__main__":
    main()
