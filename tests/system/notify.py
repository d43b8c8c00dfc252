#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""People are told: by mail through a real SMTP server with STARTTLS and a login, by webhooks to receivers that answer
well, badly, slowly and never; over a kill of the server; and a storm ends in a digest that has all of it."""
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings

from forms import keep
from harness import Site, done, isolate, ok, program, skip_all, wait
from notify_rows import put_alert, put_host

warnings.simplefilter("ignore", DeprecationWarning)
SYSTEM_PYTHON = "/usr/bin/python3"
isolate()
try:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult, LoginPassword
except ImportError:
    # Another Python comes first here; the distribution's has its packages.
    if os.path.exists(SYSTEM_PYTHON) and os.path.realpath(sys.executable) != os.path.realpath(SYSTEM_PYTHON):
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
    skip_all("python3-aiosmtpd is not here")


class Mailbox:
    def __init__(self):
        self.mails = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone@"):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 fine"


class Receiver:
    """HTTP: answers as `answers` says, one after the other, then 200; keeps what came."""

    def __init__(self, port, answers=()):
        self.got, self.answers, outer = [], list(answers), self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = outer.answers.pop(0) if outer.answers else (200, {})
                if status == 0:  # closes without an answer
                    self.close_connection = True
                    return
                if self.path == "/redirect":
                    status, headers = 302, {"Location": "http://127.0.0.1:8001/secret"}
                outer.got.append((status, dict(self.headers), body, self.path))
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def good(self):
        return [json.loads(b) for s, _, b, _ in self.got if s == 200]


def certificate(directory):
    key, cert = os.path.join(directory, "smtp.key"), os.path.join(directory, "smtp.crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "1", "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return key, cert


class Careless(Mailbox):
    """A server that has no TLS and takes any name; what it is told is heard by everybody on the way."""

    def __init__(self):
        super().__init__()
        self.logins = []

    def start(self):
        def login(server, session, envelope, mechanism, data):
            self.logins.append(data)
            return AuthResult(success=True)

        c = Controller(self, hostname="127.0.0.1", port=2526, authenticator=login, auth_require_tls=False)
        c.start()
        return c


def smtp_server(mailbox, key, cert, port=2525):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def login(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and data.login == b"ds" and data.password == b"open sesame"
        return AuthResult(success=good, handled=False)

    c = Controller(mailbox, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True,
                   authenticator=login, auth_required=True)
    c.start()
    return c


# This machine, in forms that lead to it: by number, by name, by what C reads as an address, by IPv6, by an address of its own.
INSIDE = ("127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]",
          "[64:ff9b::7f00:1]", "203.0.113.9", "169.254.169.254")


# Where it is five hours and a half later than in UTC, if this machine knows of zones.
ZONE, AHEAD_H = ("Asia/Kolkata", 5.5) if os.path.exists("/usr/share/zoneinfo/Asia/Kolkata") else ("UTC", 0)


def hours(begin, end):
    """Quiet hours from so many hours from now to so many, there."""
    return "-".join(time.strftime("%H:%M", time.gmtime(time.time() + 3600 * (h + AHEAD_H))) for h in (begin, end))


def options(directory, cert):
    for name, text in (("mail", "open sesame\n"), ("hook", "key of the hook\n"), ("bot", "123:abc\n"), ("duty", "R0123\n")):
        with open(os.path.join(directory, name), "w") as f:
            f.write(text)
    here = {"allow_private": "true"}
    sections = {
        "mail": {"type": "email", "server": "smtp://127.0.0.1:2525", "user": "ds", "ca_file": cert,
                 "secret_file": directory + "/mail", "from": "ds@example.org", "to": "ops@example.org", **here},
        "hook": {"type": "webhook", "url": "http://127.0.0.1:8001/in", "secret_file": directory + "/hook",
                 "closed": "true", **here},
        "chat": {"type": "telegram", "url": "http://127.0.0.1:8002", "secret_file": directory + "/bot", "to": "42",
                 "min_severity": "critical", **here},
        "few": {"type": "slack", "url": "http://127.0.0.1:8003/x", "labels": "database", **here},
        # Of the mail servers, one without TLS, one whose certificate nobody vouches for (nor that of a server that another channel's
        # ca_file does vouch for, whose connection may be open still), one that does not know the password.
        "open": {"type": "email", "server": "smtp://127.0.0.1:2526", "user": "ds", "secret_file": directory + "/mail",
                 "from": "ds@example.org", "to": "ops@example.org", "labels": "nobody", **here},
        "forged": {"type": "email", "server": "smtp://127.0.0.1:2527", "user": "ds", "secret_file": directory + "/mail",
                   "from": "ds@example.org", "to": "ops@example.org", "labels": "nobody", **here},
        "stranger": {"type": "email", "server": "smtp://127.0.0.1:2525", "user": "ds", "secret_file": directory + "/mail",
                     "from": "ds@example.org", "to": "ops@example.org", "labels": "nobody", **here},
        "unknown": {"type": "email", "server": "smtp://127.0.0.1:2525", "user": "ds", "secret_file": directory + "/bot", "ca_file": cert,
                    "from": "ds@example.org", "to": "ops@example.org", "labels": "nobody", **here},
        "rough": {"type": "webhook", "url": "http://127.0.0.1:8008/", "min_severity": "critical", **here},
        "team": {"type": "slack", "url": "http://127.0.0.1:8009/x", "min_severity": "critical", **here},
        "duty": {"type": "pagerduty", "url": "http://127.0.0.1:8010/v2/enqueue", "secret_file": directory + "/duty",
                 "min_severity": "critical", "closed": "true", **here},
        "storm": {"type": "webhook", "url": "http://127.0.0.1:8004/", "per_hour": "3", "digest": "1s",
                  "min_severity": "low", **here},
        # Nobody listens; a certificate that nobody vouches for; one who takes the message and says nothing.
        "gone": {"type": "webhook", "url": "http://127.0.0.1:8007/", "labels": "nobody", **here},
        "false": {"type": "webhook", "url": "https://127.0.0.1:8005/", "labels": "nobody", **here},
        "mute": {"type": "webhook", "url": "http://127.0.0.1:8006/", "labels": "nobody", **here},
        "pair": {"type": "email", "server": "smtp://127.0.0.1:2525", "user": "ds", "secret_file": directory + "/mail", "ca_file": cert,
                 "from": "ds@example.org", "to": "gone@example.org, ops@example.org", "labels": "nobody", **here},
        "away": {"type": "webhook", "url": "http://127.0.0.1:8001/redirect", "labels": "nobody", **here},
        "night": {"type": "webhook", "url": "http://127.0.0.1:8012/", "quiet": hours(-2, 2), "digest": "1s", **here},
    }
    sections |= {f"inside{i}": {"type": "webhook", "url": f"http://{a}:8001/secret"} for i, a in enumerate(INSIDE)}
    return {f"notify.{s}.{k}": v for s, o in sections.items() for k, v in o.items()} | {
        "api.public_url": "https://ds.example.org", "server.time_zone": ZONE}


def mails(site, box, hook):
    put_alert(site, 1)
    ok(wait(lambda: len(box.mails) == 1, 15), "an alert is a mail, over STARTTLS and with a login")
    envelope, mail = box.mails[0]
    text = mail.get_body(("plain",)).get_content()
    ok(mail["Subject"] == "[HIGH] nginx started /bin/sh on web1" and envelope.rcpt_tos == ["ops@example.org"] and
       all(w in text for w in ("it never did", "child executable", "0 of 312 did the same", "T1059.004",
                               "https://ds.example.org/alerts/alr_0001")), "which says what, where, why, and where to look")
    ok("<table" in mail.get_body(("html",)).get_content(), "in HTML as well")
    put_alert(site, 1, count=12)
    ok(wait(lambda: len(box.mails) == 2, 15) and box.mails[1][1]["In-Reply-To"] == mail["Message-ID"],
       "growing tenfold is another mail of the thread")
    ok(wait(lambda: len(hook.good()) == 2, 10), "a webhook gets the same")
    status, headers, body, path = hook.got[0]
    stamp, signature = (p.partition("=")[2] for p in headers["X-DaemonSec-Signature-256"].split(","))
    want = hmac.new(b"key of the hook", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    event = json.loads(body)
    keep("cloudevent.json", json.dumps({"headers": {k.lower(): v for k, v in headers.items()}, "body": body.decode()}))
    ok(hmac.compare_digest(want, signature) and event["specversion"] == "1.0" and
       event["type"] == "org.daemonsec.alert.new" and event["data"]["alert"]["id"] == "alr_0001",
       "signed, as a CloudEvent")
    put_alert(site, 1, count=12, status="closed")
    ok(wait(lambda: hook.good()[-1]["type"] == "org.daemonsec.alert.closed", 10), "and its end, where that is wanted")


def own_address(site, box):
    """A host's alerts also go to who is named for it, and to nobody's second address otherwise."""
    before = len(box.mails)
    told = lambda: sorted(e.rcpt_tos[0] for e, _ in box.mails[before:])
    ok(site.ctl("hosts", "email", "web1", "not an address", check=False).returncode == 2, "who else is told is an address")
    site.ctl("hosts", "email", "web1", "web-team@example.org")
    put_alert(site, 6)
    ok(site.get("hosts/web1")["alert_email"] == "web-team@example.org" and
       wait(lambda: told() == ["ops@example.org", "web-team@example.org"], 30), f"a host's own address is told as well: {told()}")
    site.ctl("hosts", "email", "web1", "gone@example.org")
    put_alert(site, 7)
    dead = wait(lambda: site.get("messages", channel="mail", status="dead")["items"], 30)
    ok(dead and "answered 550 5.1.1 nobody of that name" in dead[0]["error"] and
       wait(lambda: told() == ["ops@example.org"] * 2 + ["web-team@example.org"], 30),
       f"one that is refused keeps nobody else from being told: {told()}")
    site.ctl("hosts", "email", "web1", "nobody")
    put_alert(site, 8)
    ok(wait(lambda: told() == ["ops@example.org"] * 3 + ["web-team@example.org"], 30), "until that is nobody")


def partly(site, box):
    """Of two addresses, one is refused."""
    before = len(box.mails)
    site.post("channels/pair/test")
    ok(wait(lambda: len(box.mails) > before, 60) and box.mails[before][0].rcpt_tos == ["ops@example.org"], "so does one of several")
    ok(wait(lambda: any(c["name"] == "pair" and "some were told; answered 550" in (c["error"] or "") for c in site.get("channels")["items"])),
       "which /channels says")


def refused(site, hook):
    for i, address in enumerate(INSIDE):
        site.post(f"channels/inside{i}/test")
    said = lambda: [site.get("messages", channel=f"inside{i}")["items"][0] for i in range(len(INSIDE))]
    ok(wait(lambda: all(m["tries"] for m in said()), 60), "a webhook cannot reach this machine unless allowed")
    for address, m in zip(INSIDE, said()):
        ok(m["status"] != "sent" and "private" in (m["error"] or ""), f"nor by {address}: {m['error']}")
    before = len(hook.got)
    r = site.ctl("notify", "test", "away", check=False)
    ok(r.returncode == 1 and "answered 302" in r.stderr and len(hook.got) == before + 1 and hook.got[-1][3] == "/redirect",
       "and one that is sent elsewhere by its receiver does not go there")
    r = site.ctl("notify", "test", "nowhere", check=False)
    ok(r.returncode == 3, "there must be such a channel")
    ok(site.ctl("notify", "test", "mail").stdout.strip() == "mail: sent", "daemonsec-ctl notify test says that it arrived")


HOSTILE = "x <!channel> <b>&\r\nBcc: eve@example.net"


def rough_begin(site, box, rough):
    """What takes its time, while the others go on: a receiver that fails three times, each in its own way."""
    before = len(box.mails)
    rough.answers = [(500, {}), (0, {}), (429, {"Retry-After": "1"})]
    put_alert(site, 2, severity="critical", title=HOSTILE)
    ok(wait(lambda: len(box.mails) > before, 30), "an alert whose title is an attack on its readers is told as well")
    envelope, mail = box.mails[before]
    ok(envelope.rcpt_tos == ["ops@example.org"] and mail["Bcc"] is None and "Bcc: eve" in mail["Subject"] and
       "<!channel>" not in mail.get_body(("html",)).get_content(), "by mail to nobody else")


def others(site, team, duty):
    """Slack and PagerDuty, of the same alert."""
    ok(wait(team.good, 30) and team.good()[0]["text"].startswith("[CRITICAL] x &lt;!channel&gt; &lt;b&gt;&amp;"), "Slack calls nobody")
    ok(wait(duty.good, 30) and duty.good()[0]["routing_key"] == "R0123" and duty.good()[0]["event_action"] == "trigger" and
       duty.good()[0]["payload"]["severity"] == "critical", "PagerDuty is triggered, with its key")
    put_alert(site, 2, severity="critical", status="closed")
    ok(wait(lambda: [d for d in duty.good() if d["event_action"] == "resolve" and d["dedup_key"] == duty.good()[0]["dedup_key"]], 30),
       "and resolved when the alert is closed")


def rough_end(rough):
    ok(wait(lambda: any(e["subject"] == "alr_0002" for e in rough.good()), 60) and not rough.answers,
       "a receiver that fails, closes and is busy is tried again")


def bad_mail(site, box, careless):
    before = len(box.mails)
    for channel, word in (("open", "STARTTLS"), ("forged", "certificate"), ("stranger", "certificate"), ("unknown", "535")):
        r = site.ctl("notify", "test", channel, check=False)
        said = (r.stderr + r.stdout).strip()
        ok(r.returncode == 1 and word in said, f"mail by a server that is {channel} fails in words: {said[:120]}")
    ok(not careless.logins and not careless.mails and len(box.mails) == before, "and none of them was told anything, nor the password")


def bad_days(site, chat):
    chat.answers = [(400, {})]
    put_alert(site, 3, severity="critical", title=HOSTILE)
    dead = wait(lambda: site.get("messages", channel="chat", status="dead")["items"], 15)
    ok(dead and "400" in dead[0]["error"], "one that refuses leaves a dead letter, with its answer")
    said = site.ctl("doctor", check=False).stdout
    ok("chat: 1 never arrived" in said and "ok    channel        hook" in said, "doctor tells of it")
    site.ctl("notify", "retry", "chat")
    ok(wait(lambda: chat.got[-1][0] == 200, 15) and "&lt;b&gt;&amp;" in json.loads(chat.got[-1][2])["text"] and
       chat.got[-1][3] == "/bot123:abc/sendMessage", "which can be tried again")
    ok(len(site.get("messages", channel="few")["items"]) == 0, "a channel for other labels is told nothing")


def other_ends(site, key, cert):
    """Receivers that are not there, not who they should be, or never answer: nobody else waits for them."""
    r = site.ctl("notify", "test", "gone", check=False)
    ok(r.returncode == 1 and "onnect" in r.stderr + r.stdout, f"one who is not there is an error in words: {(r.stderr + r.stdout).strip()[:120]}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    got = []
    with socket.create_server(("127.0.0.1", 8005)) as listener, socket.create_server(("127.0.0.1", 8006)) as mute:
        def impostor():
            try:
                with context.wrap_socket(listener.accept()[0], server_side=True) as c:
                    got.append(c.recv(100))
            except OSError:
                pass  # the client went away, as it should
        threading.Thread(target=impostor, daemon=True).start()
        r = site.ctl("notify", "test", "false", check=False)
        ok(r.returncode == 1 and "certificate" in r.stderr + r.stdout and not any(got),
           f"one with a certificate that nobody vouches for hears nothing: {(r.stderr + r.stdout).strip()[:120]}")
        waiting = subprocess.Popen([program("daemonsec-ctl"), "--server", "unix:" + site.socket, "notify", "test", "mute"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(80):
            site.post("channels/mute/test")
        taken = mute.accept()[0]
        ok(taken.recv(4) == b"POST" and site.ctl("notify", "test", "hook").stdout.strip() == "hook: sent" and waiting.poll() is None,
           "while one takes a message and never answers, with many waiting, the others are told")
        waiting.kill()
        waiting.wait()
        taken.close()


def killed(site, box, night):
    """And quiet hours end meanwhile."""
    before = len(box.mails)
    held = lambda: sum(c["held"] for c in site.get("channels")["items"] if c["name"] == "night")
    ok(wait(lambda: night.good() and held() > 3) and all(e["data"]["severity"] == "critical" for e in night.good()),
       f"in quiet hours only what is critical is told ({len(night.good())} of it)")
    waiting = held()
    site.process.kill()
    with open(site.conf) as f:
        text = f.read()
    with open(site.conf, "w") as f:
        text = re.sub("(?m)^quiet = .*", "quiet = " + hours(2, 4), text)
        f.write(re.sub(r"\[notify\.mute\]\n(\w+ = .*\n)+", "", text))
    put_alert(site, 4)
    put_alert(site, 5)
    site.start()
    ok(wait(lambda: len(box.mails) >= before + 2, 20), "what changed while nobody could be told is told at the next start")
    dead = site.get("messages", channel="mute", status="dead")["items"]
    ok(len(dead) > 70 and all("no such channel" in m["error"] for m in dead), f"what waits for a channel that was removed is {len(dead)} dead letters")
    digests = lambda: [e["data"]["total"] for e in night.good() if e["type"].endswith("digest")]
    ok(wait(digests) and digests() == [waiting] and wait(lambda: held() == 0), f"and what waited for their end, in a digest: {digests()} of {waiting}")


def storm(site, receiver):
    for i in range(300):
        put_alert(site, 1000 + i, severity="low")
    ok(wait(lambda: any(e["type"].endswith("digest") for e in receiver.good()), 20), "a storm ends in a digest")

    def told():
        rows = site.all("messages", channel="storm", limit=1000)
        single = [m for m in rows if m["status"] == "sent" and m["event"] != "digest"]
        return len(single) + sum(m["count"] for m in rows if m["event"] == "digest" and m["status"] == "sent") >= 304

    ok(wait(told, 20), "that loses nothing")
    single = [e for e in receiver.good() if not e["type"].endswith("digest")]
    ok(len(single) <= 3, f"and is {len(single)} single messages, not hundreds")


box, site = Mailbox(), Site()
key, cert = certificate(site.dir)
smtp, forged = smtp_server(box, key, cert), smtp_server(box, key, cert, 2527)
careless = Careless()
careless_smtp = careless.start()
hook, chat, few, stormy = (Receiver(port) for port in range(8001, 8005))
rough, team, duty = (Receiver(port) for port in range(8008, 8011))
night = Receiver(8012)
subprocess.run(["ip", "address", "add", "203.0.113.9/32", "dev", "lo"], check=True)
for k, v in options(site.dir, cert).items():
    section, _, name = k.rpartition(".")
    with open(site.conf, "a") as f:
        f.write(f"[{section}]\n{name} = {v}\n")
with site:
    put_host(site)
    mails(site, box, hook)
    rough_begin(site, box, rough)
    own_address(site, box)
    refused(site, hook)
    others(site, team, duty)
    bad_mail(site, box, careless)
    partly(site, box)
    bad_days(site, chat)
    other_ends(site, key, cert)
    killed(site, box, night)
    storm(site, stormy)
    rough_end(rough)
smtp.stop()
forged.stop()
careless_smtp.stop()
done()
