#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How many lines `daemonsec-ctl import fail2ban` understands: fail2ban.py DATA CTL [FAIL2BAN]. DATA has logs of fail2ban's
form, each line behind a JSON comment that says whether it is a failure, and of which host; FAIL2BAN is an installation's
root ("": this machine, else what its package would install), whose filters are imported. Right: a failure found with its host, or nothing found where none is.
Our additions to those filters (dist/filter.d, or ADDITIONS=DIR) count. Where fail2ban's own program is installed, its verdict
on the same lines is the other measure, without the additions and of the filters that it has. Prints `eval fail2ban METRIC VALUE`."""
import atexit, json, os, re, shutil, subprocess, sys, tempfile

DATA, CTL = sys.argv[1], sys.argv[2]
ROOT = sys.argv[3] if len(sys.argv) > 3 else ""


def unpacked():
    """The distribution's package, not installed: it would start to ban. "" where it cannot be had."""
    top = tempfile.mkdtemp(prefix="daemonsec-fail2ban.")
    atexit.register(shutil.rmtree, top, True)
    os.chmod(top, 0o755)
    script = "apt-get -qq download fail2ban && dpkg-deb -x fail2ban_*.deb ."
    done = shutil.which("apt-get") and subprocess.run(["sh", "-c", script], cwd=top, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return top if done and done.returncode == 0 else ""


if not ROOT and not os.path.isdir("/etc/fail2ban/filter.d"):
    ROOT = unpacked()
CONF = ROOT + "/etc/fail2ban"
ADDITIONS = os.environ.get("ADDITIONS", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../dist/filter.d"))
VERBOSE = bool(os.environ.get("VERBOSE"))
DIRECTIVE = re.compile(r"^#+ ?(failJSON|fileOptions|filterOptions|addFILE):(.+)$")
NOW = 1124013599


def spec(name, options):
    given = ",".join(f'{k}="{v}"' for k, v in options.items() if not k.startswith("test."))
    return f"{name}[{given}]" if given else name


def condition(options, name):
    """"name=='x'": which filter a file without one of its own is for."""
    m = re.fullmatch(r"name\s*==\s*'([\w-]+)'", options.get("test.condition", ""))
    return m.group(1) if m else name


def holds(constraint, options, name):
    """Whether a label is for this reading: "name == 'x'", "opts.get('mode') != 'y'", or none."""
    m = re.fullmatch(r"(?:(name)|opts\.get\('([\w.-]+)'\))\s*(==|!=)\s*'([\w-]+)'", constraint)
    return m is None or ((name if m.group(1) else options.get(m.group(2))) == m.group(4)) == (m.group(3) == "==")


def cases(path):
    """Of each line: its filter, the options of each reading, the line, what is expected or None."""
    name, common, chosen, expected = os.path.basename(path), {}, [{}], None
    for line in open(path, encoding="utf-8", errors="surrogateescape"):
        line = line.rstrip("\r\n")
        m = DIRECTIVE.match(line)
        if m and m.group(1) != "addFILE":
            try:
                value = json.loads(m.group(2))
            except ValueError:
                print(f"# {path}: a comment that is no JSON, left out: {line[:80]}")
                continue
            if m.group(1) == "failJSON":
                expected = value
            elif m.group(1) == "fileOptions":
                common = value
            else:
                chosen = [{**common, **o} for o in (value if isinstance(value, list) else [value])]
            continue
        if expected is None and (line.startswith("#") or not line.strip()):
            continue
        for options in chosen:
            text = options.get("test.prefix-line", "") + line
            label = expected or {"match": False}
            # What is not for this reading is not read either: the comment before it says what is.
            if holds(label.get("constraint", ""), options, condition(options, name)):
                yield condition(options, name), options, text, label
        expected = None


def ours(name, options, lines, additions):
    """[host or None] of the lines, and whether the filter could be taken; None when there is none."""
    r = subprocess.run([CTL, "import", "fail2ban", "--dir", CONF, "--additions", additions, "--filter", spec(name, options), "--try"],
                       input="".join(l + "\n" for l in lines).encode("utf-8", "surrogateescape"), capture_output=True)
    if b" filter: " in r.stderr:
        return None
    answers = r.stdout.decode("utf-8", "replace").splitlines()
    assert len(answers) == len(lines), (name, r.stderr.decode())
    if VERBOSE and b"left out" in r.stderr:
        print("#", name, options, *[l for l in r.stderr.decode().splitlines() if l.startswith("left out")], file=sys.stderr)
    return [None if a == "-" else a.split("\t")[1] for a in answers]


def theirs(name, options, lines):
    """The same by fail2ban itself."""
    from fail2ban.client.filterreader import FilterReader
    from fail2ban.server.filter import Filter
    given = {k: v for k, v in options.items() if not k.startswith("test.")}
    reader = FilterReader(name, "jail", given, basedir=CONF)
    reader.read()
    reader.getOptions({})
    f = Filter(None)
    f.returnRawHost, f.checkFindTime, f.active = True, False, True
    setters = {"usedns": f.setUseDns, "prefregex": lambda v: setattr(f, "prefRegex", v), "addfailregex": f.addFailRegex,
               "addignoreregex": f.addIgnoreRegex, "maxlines": f.setMaxLines, "datepattern": f.setDatePattern}
    for command in reader.convert():
        for value in command[3] if command[0] == "multi-set" else [command[3]]:
            if command[2] in setters:
                try:
                    setters[command[2]](value)
                except Exception as e:  # it would not start with this expression
                    print(f"# fail2ban refuses {name}'s {command[2]}: {str(e)[:100]}", file=sys.stderr)
    found = []
    for line in lines:
        r = f.processLine(("", "", line), NOW) if given.get("logtype") == "journal" else f.processLine(line)
        r = [x for x in r if x[1] is not None and not x[3].get("nofail")]
        fail = r[0][3] if r else {}
        host = next((str(fail[k]) for k in ("ip4", "ip6", "dns", "fid") if fail.get(k) is not None), None)
        found.append(host or (str(r[0][1]) if r else None))
    return found


def fits(verdict, expected):
    if not expected.get("match"):
        return verdict is None
    return verdict is not None and ("host" not in expected or verdict == expected["host"])


def peer():
    """Whether fail2ban itself can be asked, and its version."""
    sys.path.insert(0, ROOT + "/usr/lib/python3/dist-packages")
    try:
        import logging
        from fail2ban.server.mytime import MyTime
        logging.getLogger("fail2ban").setLevel(logging.CRITICAL)
        MyTime.alternateNow = MyTime.now().replace(year=2005)
        MyTime.myTime = None
        import fail2ban.server.strptime  # builds its table of centuries from that
        from fail2ban.version import version
        return version
    except ImportError:
        return None


def main():
    if not os.path.isdir(DATA):
        print(f"# fail2ban: {DATA} is not there, skipped")
        return
    files = [p for p in (os.path.join(DATA, n) for n in sorted(os.listdir(DATA)) if "." not in n and n != "README")
             if os.path.isfile(p)]
    if not files or not os.path.isdir(CONF + "/filter.d"):
        print(f"# fail2ban: no {'logs in ' + DATA if not files else 'filters in ' + CONF}, skipped")
        return
    version = peer()
    total = right = peer_right = agree = missing = shared = 0
    for path in files:
        groups = {}
        for name, options, line, expected in cases(path):
            groups.setdefault((name, json.dumps(options)), []).append((line, expected))
        for (name, options), rows in groups.items():
            lines, options = [r[0] for r in rows], json.loads(options)
            total += len(rows)
            mine = ours(name, options, lines, ADDITIONS)
            if mine is None:
                missing += len(rows)
                print(f"# no filter {name}: {len(rows)} lines", file=sys.stderr)
                continue
            plain = ours(name, options, lines, "/nonexistent") if version else None
            shared += len(rows) if plain is not None else 0
            his = theirs(name, options, lines) if plain is not None else [None] * len(lines)
            for (line, expected), a, b, c in zip(rows, mine, his, plain or his):
                right += fits(a, expected)
                if plain is not None:
                    peer_right += fits(b, expected)
                    agree += c == b
                if VERBOSE and (not fits(a, expected) or (version and a != b)):
                    print(f"{name} {options} expected {expected.get('host') if expected.get('match') else None} here {a}"
                          f"{' there ' + str(b) if version else ''}\n  {line[:300]}", file=sys.stderr)
    known = total - missing
    print(f"eval fail2ban lines {total}")
    print(f"eval fail2ban lines_without_filter {missing}")
    if known == 0:
        print(f"# fail2ban: of {DATA} no line has a filter in {CONF}")
        return
    print(f"eval fail2ban lines_right {right / known:.4f}")
    if version:
        print(f"# fail2ban {version}")
        print(f"eval fail2ban lines_right_by_fail2ban {peer_right / shared:.4f}")
        print(f"eval fail2ban lines_as_fail2ban {agree / shared:.4f}")


main()
