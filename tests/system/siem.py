#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A SIEM is fed: a real rsyslog takes structured data over TLS with client certificates, CEF over TCP and OCSF over UDP;
what was missed while it was away, or was not who it should be, or after a connection broke in the middle of a message, and
nothing else, is sent then; and a file of JSON lines survives rotation."""
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

from forms import keep
from harness import TOP, Process, Site, done, isolate, need, ok, parse_time, pause, say, wait
from notify_rows import put_alert, put_host

isolate()
need("rsyslogd", "openssl")


def run(*args, **kw):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)


def certificates(d):
    """An authority, and certificates of the receiver (by its address) and of us (by a name)."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("openssl", "req", "-x509", *key, "-keyout", f"{d}/ca.key", "-out", f"{d}/ca.pem", "-days", "2", "-subj", "/CN=test")
    for name, alt in (("receiver", "IP:127.0.0.1"), ("sender", "DNS:daemonsec.test"), ("stranger", "DNS:other.test")):
        run("openssl", "req", *key, "-keyout", f"{d}/{name}.key", "-out", f"{d}/{name}.csr", "-subj", f"/CN={alt.split(':')[1]}")
        with open(f"{d}/ext", "w") as f:
            f.write(f"subjectAltName={alt}\n")
        run("openssl", "x509", "-req", "-in", f"{d}/{name}.csr", "-CA", f"{d}/ca.pem", "-CAkey", f"{d}/ca.key", "-days", "2",
            "-CAcreateserial", "-extfile", f"{d}/ext", "-out", f"{d}/{name}.pem")
    # Somebody else with the same address, whom nobody vouches for.
    run("openssl", "req", "-x509", *key, "-keyout", f"{d}/impostor.key", "-out", f"{d}/impostor.pem", "-days", "2", "-subj",
        "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")


class Receiver:
    """rsyslogd with its own configuration; one file for each way in, a parsed message a line."""

    def __init__(self, d):
        self.dir, self.process = d, None
        driver = next((x for x in ("ossl", "gtls") if any(
            os.path.exists(f"{p}/lmnsd_{x}.so") for p in ("/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib64/rsyslog",
                                                          "/usr/lib/aarch64-linux-gnu/rsyslog"))), None)
        self.has_tls = driver is not None
        with open(f"{d}/rsyslog.conf", "w") as f:
            f.write(f'global(workDirectory="{d}"' + (
                f' DefaultNetstreamDriver="{driver}" DefaultNetstreamDriverCAFile="{d}/ca.pem"'
                f' DefaultNetstreamDriverCertFile="{d}/receiver.pem" DefaultNetstreamDriverKeyFile="{d}/receiver.key"'
                if driver else "") + ")\n"
                'module(load="imtcp")\nmodule(load="imudp")\n'
                'template(name="j" type="list"){ property(name="jsonmesg") constant(value="\\n") }\n')
            for name, line in (
                    ("tls", f'input(type="imtcp" port="6514" address="127.0.0.1" ruleset="tls" StreamDriver.Name="{driver}" '
                            'StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name" PermittedPeer=["daemonsec.test"])'),
                    ("tcp", 'input(type="imtcp" port="601" address="127.0.0.1" ruleset="tcp")'),
                    ("udp", 'input(type="imudp" port="514" address="127.0.0.1" ruleset="udp")')):
                f.write(f'ruleset(name="{name}"){{ action(type="omfile" file="{d}/{name}.out" template="j") }}\n')
                if name != "tls" or driver:
                    f.write(line + "\n")

    def start(self, conf="rsyslog.conf"):
        self.process = Process(["rsyslogd", "-n", "-f", f"{self.dir}/{conf}", "-i", f"{self.dir}/pid"], f"{self.dir}/log")

    def start_impostor(self):
        """The same, but for its certificate and the files that it writes."""
        with open(f"{self.dir}/rsyslog.conf") as f, open(f"{self.dir}/impostor.conf", "w") as out:
            out.write(re.sub(r"(tls|tcp|udp)\.out", r"\1.impostor.out", f.read()).replace("/receiver.", "/impostor."))
        self.start("impostor.conf")

    def stop(self):
        self.process.stop()

    def lines(self, name):
        try:
            with open(f"{self.dir}/{name}.out") as f:
                return [json.loads(line) for line in f]
        except (OSError, json.JSONDecodeError):  # not there, or just being written
            return []


class Middle:
    """Between us and a receiver: cut(N) lets N bytes of what comes next pass, and resets the connection."""

    def __init__(self, port, to):
        self.to, self.left, self.cuts = to, None, 0
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.run, daemon=True).start()

    def cut(self, size):
        self.left = size

    def run(self):
        while True:
            taken = self.listener.accept()[0]
            threading.Thread(target=self.carry, args=(taken,), daemon=True).start()

    def carry(self, taken):
        with taken, socket.socket() as onward:
            try:
                onward.connect(("127.0.0.1", self.to))
                while data := taken.recv(65536):
                    onward.sendall(data[:self.left])
                    if self.left is not None:
                        self.left = max(self.left - len(data), 0)
                    if self.left == 0:
                        self.left, self.cuts = None, self.cuts + 1
                        break
            except OSError:
                pass  # the receiver is away
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Leaver:
    """A receiver over TCP that reads, and goes when it is told to."""

    def __init__(self, port):
        self.heard, self.ending = [], ""
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            self.heard.append([])
            try:
                with self.meet(self.listener.accept()[0]) as c:
                    self.hear(c, self.heard[-1])
                    self.part(c)
            except OSError:
                pass  # a sender that came too slowly, or does not answer a good-bye
            self.ending = ""

    def hear(self, c, heard):
        text = b""
        c.settimeout(0.1)
        while not self.ending:
            try:
                text = self.read(c, text)
                heard[:] = re.findall(r"alr_\d+", text.decode())
            except TimeoutError:
                pass

    def read(self, c, text):
        return text + c.recv(65536)

    def go(self, how="end"):
        self.ending = how
        wait(lambda: not self.ending, 20)


class Hasty(Leaver):
    """Over TLS: goes with a word of TLS's, or without."""

    def __init__(self, d, port):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{d}/receiver.pem", f"{d}/receiver.key")
        super().__init__(port)

    def meet(self, c):
        return self.context.wrap_socket(c, server_side=True)

    def part(self, c):
        if self.ending == "good-bye":
            c.unwrap()


class Unsure(Leaver):
    """Says that it is done, and closes; having read what it got, or not."""

    reads = True

    def meet(self, c):
        return c

    def read(self, c, text):
        if self.reads:
            return super().read(c, text)
        pause(0.1)
        return c.recv(65536, socket.MSG_PEEK)

    def part(self, c):
        c.shutdown(socket.SHUT_WR)


def parameters(message):
    return dict(re.findall(r'(\w+)="((?:[^"\\\]]|\\.)*)"', message.get("structured-data", "")))


def alerts(receiver):
    return [m for m in receiver.lines("tls") if parameters(m).get("id", "").startswith("alr_")]


def ids(receiver):
    return [parameters(m)["id"] for m in alerts(receiver)]


def structured(site, receiver):
    put_alert(site, 1, title='nginx started "/bin/sh"]\nroot: all is well')
    if not ok(wait(lambda: ids(receiver) == ["alr_0001"], 15), "rsyslog takes an alert over TLS, from a sender with a certificate"):
        return
    m = alerts(receiver)[0]
    p = parameters(m)
    ok(m["app-name"] == "daemonsec" and m["msgid"] == "new_child" and m["pri"] == str(10 * 8 + 3),
       "as RFC 5424 says: facility, severity, name and MSGID")
    ok(p["host"] == "web1" and p["daemon"] == "nginx" and p["severity"] == "high" and p["event"] == "new" and
       p["url"] == "https://ds.example.org/alerts/alr_0001", "with structured data")
    ok(len(alerts(receiver)) == 1 and "\n" not in m["msg"] and "root: all is well" in m["msg"],
       "and a title with a line end stays one message")
    put_alert(site, 1, count=2)
    before = time.time()
    put_alert(site, 1, count=25, status="closed")
    ok(wait(lambda: [parameters(x)["event"] for x in alerts(receiver)] == ["new", "closed"], 15),
       "what only counts up is no record; its end is")
    channel = lambda: next(c for c in site.get("channels")["items"] if c["name"] == "siem")
    last = wait(lambda: channel()["waiting"] == 0 and channel())
    ok(parse_time(last["last_sent"]) >= before * 1e6, "when it was sent last is said")
    put_alert(site, 1, count=26, status="closed")
    ok(wait(lambda: channel()["waiting"] == 0) and channel()["last_sent"] == last["last_sent"], "and stays so when nothing is")


def other_forms(site, receiver):
    lines = wait(lambda: receiver.lines("tcp"), 10)
    text = lines[0]["msg"] if lines else ""
    ok(re.match(r" ?CEF:0\|DaemonSec\|daemonsec-server\|[^|]+\|new_child\|nginx started \"/bin/sh\"\] root: all is well\|8\|rt=\d+",
                text) and "dhost=web1" in text and "cn1Label=Score cn1=90" in text, "CEF over TCP")
    found = wait(lambda: receiver.lines("udp"), 10)
    doc = json.loads(found[0]["msg"]) if found else {}
    ok(doc.get("class_uid") == 2004 and doc["type_uid"] == 200401 and doc["severity_id"] == 4 and
       doc["finding_info"]["attacks"][0]["technique"]["uid"] == "T1059.004" and doc["device"]["hostname"] == "web1" and
       doc["metadata"]["version"] == "1.3.0", "OCSF over UDP")


def broken(site, receiver, middle):
    """What was under way is sent again, whatever of it had left us."""
    def told():
        return [x for m in receiver.lines("tcp") for x in re.findall(r"externalId=(alr_00[5-9]\d)", m["msg"])]

    middle.cut(60)  # in the middle of the first message, in its header
    for i in range(50, 70):
        put_alert(site, i)
    want = [f"alr_{i:04}" for i in range(50, 70)]
    ok(wait(lambda: set(told()) >= set(want), 40) and middle.cuts == 1 and sorted(told()) == want,
       f"a connection that is reset in the middle of a message costs none, and sends none twice ({len(told())} of {len(want)})")


def unread(site, hasty):
    """What a receiver took that then only ends may not have been read."""
    last = lambda number: f"alr_{number:04}" in hasty.heard[-1]
    put_alert(site, 80)
    ok(wait(lambda: last(80), 40), "another receiver takes what there is")
    hasty.go("without a word")
    ok(wait(lambda: last(80), 40), "one that ends without TLS's own word is sent again what it may not have read")
    hasty.go("good-bye")
    put_alert(site, 81)
    ok(wait(lambda: last(81), 40) and not last(80), "and one that says good-bye only what is new")


def unsure(site, receiver):
    last = lambda number: f"alr_{number:04}" in receiver.heard[-1]
    put_alert(site, 82)
    ok(wait(lambda: last(82), 40), "a receiver over TCP takes what there is")
    receiver.go()
    put_alert(site, 83)
    ok(wait(lambda: last(83), 40) and not last(82), "one that has read it and ends is sent only what is new")
    receiver.reads = False
    receiver.go()
    put_alert(site, 84)
    ok(wait(lambda: last(84), 40) and not last(83), "and so again")
    receiver.reads = True
    receiver.go()
    ok(wait(lambda: last(84), 40), "one that ends with something unread is sent that again")


def error(site, word=""):
    return any(c["name"] == "siem" and c["error"] and word in c["error"] for c in site.get("channels")["items"])


def missed(site, receiver):
    receiver.stop()
    for i in range(100, 140):
        put_alert(site, i)
    ok(wait(lambda: error(site), 15), "a receiver that is away is told of in /channels")
    receiver.start_impostor()
    ok(wait(lambda: error(site, "certificate"), 40), "and one with a certificate that nobody vouches for")
    ok(not os.path.exists(f"{receiver.dir}/tls.impostor.out"), "which is sent nothing")
    receiver.stop()
    site.process.kill()  # nor does the server's own crash matter
    put_alert(site, 140)
    site.start()
    receiver.start()
    want = [f"alr_{i:04}" for i in range(100, 141)]
    missed_of = lambda: [x for x in ids(receiver) if x >= want[0]]
    wait(lambda: len(missed_of()) >= len(want), 40)
    got = missed_of()
    ok(sorted(got) == want, f"exactly what it missed comes when it is back ({len(got)} of {len(want)})")
    state = wait(lambda: [c for c in site.get("channels")["items"] if c["name"] == "siem" and not c["error"]], 10)
    ok(state and state[0]["sent"] >= 65, "and /channels says how much was sent")


def audited(site, receiver):
    site.post("enrolment-tokens", {})
    ok(wait(lambda: any("token" in m["msg"] for m in receiver.lines("tls") if parameters(m).get("event") == "audit"), 15),
       "who changed what is in it, too")
    r = site.ctl("notify", "test", "siem")
    ok(r.stdout.strip() == "siem: sent" and wait(lambda: any(m["msgid"] == "test" for m in receiver.lines("tls")), 5),
       "daemonsec-ctl notify test sends one")


def file_of_lines(site, path):
    def docs(p):
        try:
            with open(p) as f:
                return [json.loads(line) for line in f]
        except OSError:
            return []

    first = wait(lambda: docs(path), 10)
    first = [x for x in first if x["event"]["kind"] == "alert"]
    ok(first and first[0]["event"]["kind"] == "alert" and first[0]["ecs"]["version"] and
       first[0]["threat"]["technique"]["id"] == ["T1059.004"] and first[0]["daemonsec"]["peers"]["of"] == 312,
       "a file has a document of the Elastic Common Schema a line")
    keep("ecs-records.json", json.dumps(docs(path)))
    os.rename(path, path + ".1")
    put_alert(site, 200)
    ok(wait(lambda: [d["event"]["id"] for d in docs(path) if d["event"]["kind"] == "alert"] == ["alr_0200"], 10),
       "and goes on in a new one after rotation")
    everything = [d["event"]["id"] for d in docs(path + ".1") + docs(path) if d["daemonsec"]["event"] == "new"]
    ok(len(set(everything)) == 68, f"nothing is lost ({len(everything) - len(set(everything))} twice, over a kill -9)")


def pulled(site):
    token = site.post("api-tokens", {"name": "siem"})
    with open(f"{d}/api-token", "w") as f:
        f.write(token["token"] + "\n")

    def pull():
        r = subprocess.run([os.path.join(TOP, "doc/examples/siem_pull.py"), "--server", f"http://127.0.0.1:{site.api_port}",
                            "--token-file", f"{d}/api-token", "--place", f"{d}/place"], capture_output=True, text=True, timeout=60)
        return [json.loads(line)["id"] for line in r.stdout.splitlines()] if r.returncode == 0 else r.stderr

    pull()
    for i in range(300, 304):
        put_alert(site, i)
    got = pull()
    ok(sorted(got) == [f"alr_{i:04}" for i in range(300, 304)] and pull() == [], f"the example of doc/ pulls what is new, once: {got}")
    put_alert(site, 304, age_s=5)
    got = pull()
    ok(got == ["alr_0304"] and pull() == [], f"also what was stored later than it is dated: {got}")


site = Site()
d = site.dir
certificates(d)
receiver = Receiver(d)
receiver.start()
middle = Middle(6601, 601)
hasty = Hasty(d, 6515)
unread_of = Unsure(6602)
tls = {"type": "syslog", "server": "tls://127.0.0.1:6514", "ca_file": f"{d}/ca.pem"}
with open(site.conf, "a") as f:
    for name, options in {
        "siem": {**tls, "cert_file": f"{d}/sender.pem", "key_file": f"{d}/sender.key"},
        "stranger": {**tls, "cert_file": f"{d}/stranger.pem", "key_file": f"{d}/stranger.key", "kinds": "none"},
        "cef": {"type": "syslog", "server": "tcp://127.0.0.1:6601", "format": "cef", "content": "alerts"},
        "ocsf": {"type": "syslog", "server": "udp://127.0.0.1", "format": "ocsf", "content": "alerts"},
        "hasty": {**tls, "server": "tls://127.0.0.1:6515", "content": "alerts"},
        "unsure": {"type": "syslog", "server": "tcp://127.0.0.1:6602", "content": "alerts"},
        "lines": {"type": "file", "path": f"{d}/alerts.jsonl"},
    }.items():
        f.write(f"[notify.{name}]\n" + "".join(f"{k} = {v}\n" for k, v in options.items()))
    f.write("[api]\npublic_url = https://ds.example.org\n")
with site:
    put_host(site)
    if receiver.has_tls:
        structured(site, receiver)
        other_forms(site, receiver)
        broken(site, receiver, middle)
        unread(site, hasty)
        unsure(site, unread_of)
        missed(site, receiver)
        audited(site, receiver)
        file_of_lines(site, f"{d}/alerts.jsonl")
        pulled(site)
    else:
        say("rsyslog has no TLS here (rsyslog-openssl or rsyslog-gnutls)")
receiver.stop()
done()
