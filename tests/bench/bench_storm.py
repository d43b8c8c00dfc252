#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A storm of ALERTS (100 000) alerts within SECONDS (60), written as the detector would, and a webhook that is told: until
all of them are in a message or in a digest that was sent, from the first one's writing and from the last one's; and how many
posts that took. At the defaults of a channel but for a digest every 10 s. About two minutes."""
import json, os, sqlite3, sys, threading, time
import http.server
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *
from notify_rows import put_host

ALERTS, SECONDS = int(os.environ.get("ALERTS", "100000")), int(os.environ.get("SECONDS", "60"))
STEPS = SECONDS * 10


class Receiver(http.server.BaseHTTPRequestHandler):
    posts = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.posts += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def put_some(db, first, count):
    now = int(time.time() * 1e6)
    about = json.dumps({"explanation": [{"feature": "child executable", "baseline": "none", "observed": "/bin/sh"}],
                        "peers": {"seen": 0, "of": 312}, "threat": [{"id": "T1059.004", "name": "Unix Shell"}]})
    db.executemany("INSERT INTO alert(id, key, host, daemon, kind, status, severity, title, reason, score, created_us, updated_us,"
                   " first_us, last_us, count, json) VALUES (?, ?, 1, 'nginx', 'new_child', 'open', 'high', 'nginx started /bin/sh',"
                   " 'it never did', 90, ?, ?, ?, ?, 1, ?)",
                   [(f"alr_{i:08}", f"k{i}", now, now, now, now, about) for i in range(first, first + count)])
    db.commit()


def main():
    isolate()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 8001), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Site({"notify.hook.type": "webhook", "notify.hook.url": "http://127.0.0.1:8001/", "notify.hook.allow_private": "true",
               "notify.hook.digest": "10s", "server.log_level": "info"}) as site:
        put_host(site)
        db = sqlite3.connect(os.path.join(site.state, "control.db"), timeout=60)

        def told():
            return db.execute("SELECT coalesce(sum(CASE event WHEN 'digest' THEN count ELSE 1 END), 0) FROM message"
                              " WHERE status = 'sent'").fetchone()[0]

        begun = time.monotonic()
        for step in range(STEPS):
            put_some(db, ALERTS * step // STEPS, ALERTS * (step + 1) // STEPS - ALERTS * step // STEPS)
            time.sleep(max(0, begun + (step + 1) * SECONDS / STEPS - time.monotonic()))
        written = time.monotonic()
        look(lambda: told() >= ALERTS, 300, 0.05)
        print(f"bench storm_written {written - begun:.1f} s")
        # The host that is not there makes one more, of its silence.
        print(f"bench storm_told {told()} of_{db.execute('SELECT count(*) FROM alert').fetchone()[0]}")
        print(f"bench storm_told_after {time.monotonic() - written:.1f} s")
        print(f"bench storm_posts {Receiver.posts} posts")
        db.close()


main()
