# SPDX-License-Identifier: GPL-2.0-or-later
"""harness - what system tests share: namespaces of their own, a server and agents started as a user would, TAP.

    from harness import *
    isolate()                        # new network, pid and mount namespace; everything dies with the test
    with Site() as site:             # a server in a directory of its own
        agent = site.agent()         # a guard and its uplink, enrolled, connected
        ok(wait(lambda: site.events("event.action:exec")), "a start arrives")
    done()

Nothing here sleeps to wait: wait() asks until the answer comes or the time is over.
"""
import calendar, copy, glob, http.client, json, os, re, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, time, urllib.parse

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ.get("top_builddir", os.getcwd())
SANITIZED = bool(os.environ.get("DS_SANITIZED"))

# Every answer to a Site's requests is compared with schema/api.yaml; made with the first Site.
contract = None

# Seconds until what should come will not come any more, on a machine that does much else.
PATIENCE = 90

_count = 0
_failed = 0
_began = time.monotonic()


def ok(condition, name):
    """One TAP line; returns the condition."""
    global _count, _failed
    _count += 1
    _failed += not condition
    print(f"{'ok' if condition else 'not ok'} {_count} - {name}", flush=True)
    return condition


def say(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def skip_all(reason):
    print(f"1..0 # SKIP {reason}", flush=True)
    sys.exit(0)


def forget_frozen():
    """Cgroups that guards made to freeze something, which died with its test."""
    for d in glob.glob("/sys/fs/cgroup/daemonsec-*") + glob.glob("/sys/fs/cgroup/unified/daemonsec-*"):
        try:
            if time.time() - os.stat(d).st_mtime > 10:  # not one that somebody is about to use
                os.rmdir(d)
        except OSError:
            pass


def done():
    forget_frozen()
    if contract:
        keeps_contract()
    say(f"took {time.monotonic() - _began:.1f} s")
    print(f"1..{_count}", flush=True)
    sys.exit(1 if _failed else 0)


def wait(ask, seconds=10, every=0.02):
    """What `ask` returns once it is true; its last false answer when the time is over. Errors of a server that is not
    up yet count as no. How long something takes says how busy the machine is, and no more: what may take some seconds
    may take PATIENCE. Shorter ones are meant as they are."""
    answer = look(ask, max(seconds, PATIENCE) if seconds >= 4 else seconds, every)
    if not answer and seconds >= 4:
        at = sys._getframe(1)
        print(f"# waited in vain at {os.path.basename(at.f_code.co_filename)}:{at.f_lineno}", flush=True)
    return answer


def never(ask, seconds, every=0.1):
    """Whether it stays false for so long."""
    return not look(ask, seconds, every)


def pause(seconds):
    """Lets time pass, where that is what is tested."""
    look(lambda: False, seconds, seconds)


def look(ask, seconds, every):
    end = time.monotonic() + seconds
    while True:
        try:
            answer = ask()
        except (OSError, http.client.HTTPException, ApiError):
            answer = None
        if answer or time.monotonic() > end:
            return answer
        time.sleep(every)


def parse_time(text):
    """RFC 3339 UTC -> us since the epoch."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * 1000000 + int((fraction + "000000")[:6])


def hold_to_contract():
    global contract
    if contract is None:
        from contract import Contract
        contract = Contract()
    return contract


def keeps_contract():
    """One TAP line: what was answered since hold_to_contract() is as described."""
    if not contract.usable:
        print("# python3-jsonschema is not here: answers were not compared with schema/api.yaml", flush=True)
        return True
    for error in contract.wrong[:40]:
        say(error)
    return ok(not contract.wrong, f"{sum(map(len, contract.seen.values()))} kinds of answers are as schema/api.yaml says")


def need_root():
    if os.geteuid() != 0:
        skip_all("needs root")


def need(*programs):
    for p in programs:
        if not shutil.which(p, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            skip_all(f"{p} is not here")


def isolate(pid=True):
    """Runs the rest of the test in namespaces of its own. With pid=True /proc is the new namespace's, and every
    process dies with the test."""
    need_root()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.environ.get("DS_ISOLATED"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    flags = ["--net", "--mount", "--uts", "--ipc"]
    if pid:
        flags += ["--pid", "--fork", "--kill-child", "--mount-proc"]
    env = dict(os.environ, DS_ISOLATED="1")
    os.execvpe("unshare", ["unshare", *flags, "--propagation", "private", sys.executable, *sys.argv], env)


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__(f"HTTP {status}: {body[:400]!r}")
        self.status, self.body = status, body


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def program(name):
    for d in ("agent", "agent/uplink", "server", "ctl", "sim"):
        p = os.path.join(BUILD, d, name)
        if os.path.exists(p):
            return p
    skip_all(f"{name} was not built")


class Process:
    """A program of ours, its log in a file; stopped at the end whatever happens."""

    def __init__(self, args, log, **kw):
        self.log = log
        self.out = open(log, "ab")
        self.p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out, **kw)
        self.pid = self.p.pid

    def alive(self):
        return self.p.poll() is None

    def kill(self):
        self.p.kill()
        self.p.wait()

    def stop(self, seconds=60):
        if self.alive():
            self.p.terminate()
            try:
                self.p.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                return False
        self.out.close()
        return True

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def tail(self, lines=20):
        return "\n".join(self.text().splitlines()[-lines:]) + "\n"


def comm(pid):
    """The name of a process; "" when it has gone."""
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return ""


class Agent:
    def __init__(self, site, name, options, monitor, prefix=()):
        self.site, self.name, self.prefix = site, name, prefix
        self.dir = os.path.join(site.dir, name)
        self.state = os.path.join(self.dir, "state")
        os.makedirs(self.state, exist_ok=True)
        os.makedirs(os.path.join(self.dir, "run"), exist_ok=True)
        self.conf = os.path.join(self.dir, "daemonsec.conf")
        self.token = os.path.join(self.dir, "token")
        sections = {
            "general": {"monitor_daemons": monitor, "state_dir": self.state, "run_dir": os.path.join(self.dir, "run"),
                        "user": "root", "uplink": program("daemonsec-uplink"), "log_level": "debug"},
            "server": {"address": f"127.0.0.1:{site.port}", "token_file": self.token},
            "spool": {"bulk_interval": "2s"},
        }
        write_conf(self.conf, sections, options)
        self.process = None

    def start(self, env=None):
        if not os.path.exists(os.path.join(self.state, "agent.pem")) and not os.path.exists(self.token):
            with open(self.token, "w") as f:
                f.write(self.site.make_token())
        self.process = Process([*self.prefix, program("daemonsec-agent"), "-c", self.conf], os.path.join(self.dir, "log"), env=env)
        return self

    def stop(self):
        return self.process.stop()

    def said(self, text):
        """How often its log, and that of its uplink, has this."""
        return self.process.text().count(text)

    def sessions(self):
        return self.said("connected server=")

    def host(self):
        """Its host's id, once it is enrolled."""
        return re.search(r"this host is enrolled host=(\S+)", self.process.text())[1]

    def uplink_pid(self):
        """Not that of a package manager that the guard asks now and then."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            pids = f.read().split()
        return next((int(pid) for pid in pids if comm(pid) == "daemonsec-uplin"), None)


def write_conf(path, sections, options):
    for key, value in (options or {}).items():
        section, _, name = key.rpartition(".")
        sections.setdefault(section, {})[name] = value
    with open(path, "w") as f:
        for section, values in sections.items():
            f.write(f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items()))


class Site:
    """A server with its directory, and the agents that talk to it. options: {"detect.learning_min": "1s", ...}"""

    def __init__(self, options=None, dir=None, port=7443, api_port=7480):
        hold_to_contract()
        self.dir = dir or tempfile.mkdtemp(prefix="daemonsec-test.")
        self.own_dir = dir is None
        self.port, self.api_port = port, api_port
        self.socket = os.path.join(self.dir, "api.sock")
        self.state = os.path.join(self.dir, "server")
        os.makedirs(self.state, exist_ok=True)
        self.conf = os.path.join(self.dir, "server.conf")
        self.sections = {
            "server": {"listen": f"127.0.0.1:{port}", "state_dir": self.state, "log_level": "debug"},
            "api": {"listen": f"127.0.0.1:{api_port}", "unix": self.socket},
        }
        write_conf(self.conf, copy.deepcopy(self.sections), options)
        self.agents = []
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if _failed or kind:
            for p in [a.process for a in self.agents] + [self.process]:
                if p:
                    say(f"--- {p.log}\n" + p.tail(40))
        self.close()

    def start(self, env=None):
        self.process = Process([program("daemonsec-server"), "-c", self.conf], os.path.join(self.dir, "server.log"), env=env)
        if not wait(lambda: self.get("status"), 20):
            raise RuntimeError("the server did not come up:\n" + self.process.tail())
        return self

    def configure(self, options):
        """Other options from now on, for the running server."""
        read = lambda: self.process.text().count("configuration read again")
        before = read()
        write_conf(self.conf, copy.deepcopy(self.sections), options)
        os.kill(self.process.pid, signal.SIGHUP)
        if not wait(lambda: read() > before):
            raise RuntimeError("the server did not take its configuration:\n" + self.process.tail())

    def close(self):
        running = [a for a in self.agents if a.process]
        for a in running:
            a.process.p.terminate()  # all at once: the kernel takes its time to put away what each had attached
        for a in running:
            a.stop()
        if self.process:
            self.process.stop()
        if self.own_dir and not os.environ.get("DS_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def request(self, method, path, body=None, timeout=60):
        c = UnixConnection(self.socket, timeout)
        try:
            data = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"} if data else {}
            c.request(method, "/api/v1/" + path, data, headers)
            r = c.getresponse()
            text = r.read()
            if contract and r.getheader("Content-Type", "").endswith("json"):
                contract.check(method, path, r.status, r.getheader("Content-Type"), json.loads(text))
            if r.status >= 400:
                raise ApiError(r.status, text)
            return json.loads(text) if text else {}
        finally:
            c.close()

    def get(self, path, **query):
        query = {k: v for k, v in query.items() if v is not None}
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path, body=None):
        return self.request("POST", path, body if body is not None else {})

    def all(self, path, **query):
        """Every item of a collection, page by page."""
        items, cursor = [], None
        while True:
            page = self.get(path, cursor=cursor, **query)
            items += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return items

    def events(self, q=None, **query):
        return self.all("events", q=q, **query)

    def alerts(self, **query):
        return self.all("alerts", **query)

    def make_token(self, **options):
        return self.post("enrolment-tokens", options)["token"]

    def agent(self, name="agent1", monitor="auto", options=None, start=True, prefix=()):
        """prefix: words before its command, such as nsenter's."""
        a = Agent(self, name, options, monitor, prefix)
        self.agents.append(a)
        if start:
            a.start()
            if not wait(lambda: a.sessions() and a.host() in [h["id"] for h in self.connected()], 20):
                raise RuntimeError("the agent did not connect:\n" + a.process.tail(40))
        return a

    def taught(self):
        """What decoys taught, as far as it is stored; workers know it before."""
        db = sqlite3.connect(os.path.join(self.state, "control.db"), timeout=60)
        row = db.execute("SELECT data FROM model_state WHERE name = 'attacks'").fetchone()
        db.close()
        return row[0] if row else b""

    def connected(self):
        return [h for h in self.get("hosts")["items"] if h.get("connected")]

    def ctl(self, *args, check=True):
        r = subprocess.run([program("daemonsec-ctl"), "--server", "unix:" + self.socket, *args], capture_output=True,
                           text=True, timeout=180)
        if check and r.returncode != 0:
            raise RuntimeError(f"daemonsec-ctl {args}: exit {r.returncode}\n{r.stdout}{r.stderr}")
        return r
