#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The API over a large fleet: every list, one search by host and hour, and the stream to many clients at once.

Environment: HOSTS (10000), EVENTS (100000000), ALERTS (50000), STATE (a directory to keep the filled store in)."""
import multiprocessing, os, select, socket, subprocess, sys, time, urllib.parse
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *

HOSTS, ALERTS = int(os.environ.get("HOSTS", "10000")), int(os.environ.get("ALERTS", "50000"))
EVENTS = int(float(os.environ.get("EVENTS", "1e8")))
FLEET_STORE = os.path.join(BUILD, "tests", "bench", "fleet_store")
LISTS = {
    "status": "status",
    "hosts": "hosts?limit=100",
    "hosts_last": f"hosts?limit=100&cursor={HOSTS - 200}",
    "hosts_query": "hosts?limit=100&q=host.name:host-09*",
    "hosts_rare": "hosts?limit=100&q=nosuchword",
    "host": f"hosts/host-{HOSTS - 5:05}",
    "daemons": "daemons?limit=100",
    "daemons_last": f"daemons?limit=100&cursor={4 * HOSTS - 200}",
    "daemons_query": "daemons?limit=100&q=state:learning",
    "daemons_rare": "daemons?limit=100&q=nosuchword",
    "daemons_host": f"daemons?limit=100&q=host.name:host-{HOSTS // 2:05}",
    "daemon": f"daemons/dmn_{4 * HOSTS - 7}",
    "alerts": "alerts?limit=100",
    "alerts_open": "alerts?limit=100&status=open",
    "alerts_query": "alerts?limit=100&q=kind:login+and+severity:critical",
    "alerts_host": f"alerts?limit=100&q=host.name:host-{HOSTS // 2:05}",
    "alerts_rare": "alerts?limit=100&q=nosuchword",
    "alerts_either": "alerts?limit=100&q=assignee:nobody+or+score:>100",
    "alerts_cause": f"alerts?limit=100&cause=alr_{7:026}",
    "alerts_summary": "alerts/summary",
    "reactions": "reactions?limit=100",
    "reactions_last": f"reactions?limit=100&cursor=rct_{200:026}",
    "reactions_rare": "reactions?limit=100&status=failed",
    "reactions_host": f"reactions?limit=100&host=host-{HOSTS // 2:05}",
    "reactions_alert": f"reactions?limit=100&alert=alr_{77:026}",
    "models": "models",
    "messages": "messages?limit=100",
    "messages_last": "messages?limit=100&cursor=200",
    "messages_rare": "messages?limit=100&status=dead",
    "messages_channel": "messages?limit=100&channel=siem",
    "messages_alert": f"messages?limit=100&alert=alr_{77:026}",
    "audit": "audit?limit=100",
    "audit_last": "audit?limit=100&cursor=200",
    "enrolment_tokens": "enrolment-tokens",
    "events": "events?limit=100",
}


def bench(name, value, unit, digits=2):
    print(f"bench {name} {value:.{digits}f} {unit}", flush=True)


def timed(ask, n):
    took = []
    for i in range(n):
        t = time.monotonic()
        ask(i)
        took.append((time.monotonic() - t) * 1000)
    return sorted(took)


def get(site, path):
    """Bytes only: what Python takes to parse is not the server's."""
    c = UnixConnection(site.socket, 60)
    c.request("GET", "/api/v1/" + path)
    r = c.getresponse()
    text = r.read()
    c.close()
    if r.status != 200:
        raise ApiError(r.status, text)
    return text


def lists(site):
    worst = 0
    for name, path in LISTS.items():
        get(site, path)
        took = timed(lambda i: get(site, path), 100)
        bench(f"api_{name}_p50", took[len(took) // 2], "ms")
        bench(f"api_{name}_p99", took[len(took) * 99 // 100], "ms")
        worst = max(worst, took[len(took) * 99 // 100])
    bench("api_list_worst_p99", worst, "ms")


def search(site):
    now = time.time()

    def ask(i):
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3600 * (1 + i % 20)))
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3600 * (i % 20)))
        q = urllib.parse.quote(f"host.name:host-{i * 37 % HOSTS:05}")
        return get(site, f"events?limit=100&q={q}&since={since}&until={until}")

    took = timed(ask, 400)
    bench("api_search_p50", took[len(took) // 2], "ms")
    bench("api_search_p99", took[len(took) * 99 // 100], "ms")


def open_stream(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(b"GET /api/v1/stream?topics=alert HTTP/1.1\r\nHost: x\r\n\r\n")
    return s


def listen(path, clients, pipe):
    """A process of its own, so that reading does not hold up what is measured: who heard of which alert, and when."""
    streams = {}
    poll = select.epoll()
    for _ in range(clients):
        s = open_stream(path)
        s.setblocking(False)
        streams[s.fileno()] = [s, b""]
        poll.register(s, select.EPOLLIN)
    poll.register(pipe.fileno(), select.EPOLLIN)
    heard, first = [], b'event: alert\ndata: {"id":"'
    while True:
        for fd, _ in poll.poll():
            if fd == pipe.fileno():
                pipe.send(heard)
                return
            one = streams[fd]
            text = one[1] + one[0].recv(1 << 20)
            t, at = time.monotonic(), 0
            while (end := text.find(b"\n\n", at)) >= 0:
                begin = text.find(first, at, end) + len(first)
                if begin >= len(first):
                    heard.append((text[begin:text.index(b'"', begin)].decode(), t))
                at = end + 2
            one[1] = text[at:]


def fan_out(site, clients, seconds=10, rate=100):
    """Alerts that change `rate` times a second, told to so many clients: how late each of them hears of each,
    from when the change was asked for; commit is the part of it until it was stored."""
    ours, theirs = multiprocessing.Pipe()
    listener = multiprocessing.Process(target=listen, args=(site.socket, clients, theirs))
    listener.start()
    wait(lambda: site.get("status")["ingest"]["followers"] >= clients, 30)
    c, sent, took, begin = UnixConnection(site.socket, 60), {}, [], time.monotonic()
    while (now := time.monotonic()) - begin < seconds:
        due = begin + len(sent) / rate
        if now < due:
            time.sleep(due - now)
        alert = f"alr_{len(sent) + 1:026}"
        sent[alert] = time.monotonic()
        c.request("POST", f"/api/v1/alerts/{alert}/ack", "{}", {"Content-Type": "application/json"})
        c.getresponse().read()
        took.append((time.monotonic() - sent[alert]) * 1000)
    pause(3)
    ours.send("enough")
    late = sorted((t - sent[alert]) * 1000 for alert, t in ours.recv() if alert in sent)
    listener.join()
    bench(f"api_stream_{clients}_rate", len(sent) / seconds, "alerts/s", 1)
    bench(f"api_stream_{clients}_heard", len(late) / (len(sent) * clients), "ratio", 4)
    bench(f"api_stream_{clients}_commit_p99", sorted(took)[len(took) * 99 // 100], "ms")
    bench(f"api_stream_{clients}_p50", late[len(late) // 2], "ms")
    bench(f"api_stream_{clients}_p99", late[len(late) * 99 // 100], "ms")


def vanish(site):
    """A thousand look on, half of them go without a word; the others hear, and the server forgets who went."""
    streams = [open_stream(site.socket) for _ in range(1000)]
    wait(lambda: site.get("status")["ingest"]["followers"] >= 250, 30)
    n = site.get("status")["ingest"]["followers"]
    bench("api_stream_followers", n, "clients", 0)
    for s in streams[::2]:
        s.close()
    t = time.monotonic()
    site.post("alerts/alr_%026d/ack" % 40001)
    wait(lambda: site.get("status")["ingest"]["followers"] <= n // 2 + 50, 60)
    bench("api_stream_vanished", time.monotonic() - t, "s")
    for s in streams[1::2]:
        s.close()


def main():
    isolate()
    if not os.path.exists(FLEET_STORE):
        skip_all("fleet_store was not built")
    kept = os.environ.get("STATE")
    site = Site({"storage.max_size": "100G"}, dir=kept)
    if not os.path.exists(os.path.join(site.state, "control.db")):
        t = time.monotonic()
        subprocess.run([FLEET_STORE, site.state, str(HOSTS), str(EVENTS), str(ALERTS)], check=True)
        bench("api_filled", time.monotonic() - t, "s", 0)
    with site:
        bench("api_rss", next(int(l.split()[1]) for l in open(f"/proc/{site.process.pid}/status") if l.startswith("VmRSS")) / 1024, "MiB", 1)
        lists(site)
        search(site)
        fan_out(site, 200)
        wait(lambda: site.get("status")["ingest"]["followers"] == 0, 60)
        vanish(site)


main()
