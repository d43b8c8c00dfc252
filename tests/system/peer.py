# SPDX-License-Identifier: GPL-2.0-or-later
"""peer - a peer of the server in a few lines, for what no agent of ours would do: frames and messages by hand over
TLS, keys and certificates by openssl(1). See schema/wire.md."""
import base64, os, socket, ssl, struct, subprocess, time

HELLO, WELCOME, BATCH, ACK, PING, PONG, ERROR, ENROL, CERTIFICATE, RENEW = range(1, 11)
(BAD_FRAME, BAD_VERSION, REVOKED, PENDING, BUSY, TOKEN_UNKNOWN, TOKEN_USED, TOKEN_EXPIRED, CSR, IDENTITY, DISK_FULL,
 SHUTDOWN, INTERNAL, DUPLICATE, TOKEN_ADDRESS, COPY) = range(1, 17)
CRITICAL = 1


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def message(fields):
    """{tag: number, bytes or text} -> payload."""
    out = b""
    for tag, value in fields.items():
        if isinstance(value, int):
            out += varint(tag * 2) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(tag * 2 + 1) + varint(len(value)) + value
    return out


def read_varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return n, at


def fields(payload):
    out, at = {}, 0
    while at < len(payload):
        key, at = read_varint(payload, at)
        value, at = read_varint(payload, at)
        if key & 1:
            value, at = payload[at:at + value], at + value
        out[key >> 1] = value
    return out


def frame(kind, payload=b"", flags=0, size=None):
    return struct.pack(">2sBBBxxxI", b"DS", 1, kind, flags, len(payload) if size is None else size) + payload


class Token:
    def __init__(self, text):
        raw = base64.urlsafe_b64decode(text.strip()[5:] + "===")
        n, at = read_varint(raw, 0)
        self.address, at = raw[at:at + n].decode(), at + n
        self.pin, at = raw[at:at + 32], at + 32
        n, at = read_varint(raw, at)
        self.id, at = raw[at:at + n].decode(), at + n
        self.secret = raw[at:at + 32]


def openssl(*args, data=None):
    r = subprocess.run(["openssl", *args], input=data, capture_output=True)
    if r.returncode != 0:
        raise RuntimeError(f"openssl {args}: {r.stderr.decode()}")
    return r.stdout


class Authority:
    """Signs what it is asked to; key and certificate of a server's own, or a foreign one made here."""

    def __init__(self, dir, key=None, cert=None):
        self.dir = dir
        os.makedirs(dir, exist_ok=True)
        self.key, self.cert = key or f"{dir}/ca.key", cert or f"{dir}/ca.crt"
        if not key:
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-keyout", self.key, "-out", self.cert, "-subj", "/CN=foreign")
        with open(f"{dir}/ca.conf", "w") as f:
            f.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={dir}/index\nnew_certs_dir={dir}\ndefault_md=sha256\n"
                    "policy=p\nunique_subject=no\nrand_serial=yes\ndefault_days=30\n[p]\ncommonName=supplied\n")
        open(f"{dir}/index", "w").close()

    def sign(self, name, uri=None, use="clientAuth", start=-1, end=30):
        """A key and a certificate valid from `start` to `end` days from now, in one file: its path."""
        path, ext = f"{self.dir}/{name}.pem", f"{self.dir}/{name}.ext"
        day = lambda n: time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + n * 86400))
        with open(ext, "w") as f:
            f.write(f"basicConstraints=CA:FALSE\nextendedKeyUsage={use}\n")
            f.write(f"subjectAltName=URI:{uri}\n" if uri else "")
        key = make_key(f"{self.dir}/{name}.key")
        csr = openssl("req", "-new", "-key", key, "-subj", f"/CN={name}")
        cert = openssl("ca", "-batch", "-notext", "-config", f"{self.dir}/ca.conf", "-keyfile", self.key, "-cert",
                       self.cert, "-extfile", ext, "-startdate", day(start), "-enddate", day(end), "-in", "/dev/stdin",
                       data=csr)
        with open(path, "wb") as f:
            f.write(open(key, "rb").read() + cert)
        return path


def make_key(path):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    return path


class Peer:
    """A connection to the server. cert: a file with key and certificate, or None."""

    def __init__(self, port, cert=None, source="127.0.0.1", timeout=90):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the agent's side of it has its own tests
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if cert:
            context.load_cert_chain(cert)
        self.raw = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        self.tls = context.wrap_socket(self.raw)
        self.data = b""

    def close(self):
        self.tls.close()

    def send_bytes(self, data):
        """False when the server has closed."""
        try:
            self.tls.sendall(data)
            return True
        except OSError:
            return False

    def send(self, kind, payload=b"", flags=CRITICAL):
        return self.send_bytes(frame(kind, payload, flags))

    def receive(self):
        """(type, payload); (None, why) when the server closed."""
        try:
            while len(self.data) < 12 or len(self.data) < 12 + struct.unpack(">I", self.data[8:12])[0]:
                more = self.tls.recv(65536)
                if not more:
                    return None, "closed"
                self.data += more
        except socket.timeout:
            raise
        except OSError as e:
            return None, getattr(e, "reason", None) or str(e)
        size = struct.unpack(">I", self.data[8:12])[0]
        kind, payload, self.data = self.data[3], self.data[12:12 + size], self.data[12 + size:]
        return kind, payload

    def await_frame(self, *kinds):
        """The next frame of these kinds, or the end."""
        while True:
            kind, payload = self.receive()
            if kind is None or kind in kinds:
                return kind, payload

    def ask(self, kind, payload, *answers):
        """("ok", fields), ("error", code) or ("closed", why)."""
        self.send(kind, payload)
        got, payload = self.await_frame(ERROR, *answers)
        if got is None:
            return "closed", payload
        if got == ERROR:
            return "error", fields(payload).get(1, 0)
        return "ok", fields(payload)

    def hello(self, epoch=1):
        return self.ask(HELLO, message({1: 1, 2: 1, 3: epoch, 5: int(time.time() * 1e6), 6: "test", 7: "peer"}), WELCOME)

    def ping(self):
        """Whether the server answers."""
        return self.send(PING, b"?", 0) and self.await_frame(PONG)[0] == PONG


def enrol(port, token, key, machine="m"):
    """(path of the certificate with its key, or None; "ok", "error" or "closed"; what came with it)."""
    der = openssl("req", "-new", "-key", key, "-subj", "/", "-outform", "DER")
    facts = message({1: 1, 2: 1, 7: os.path.basename(key), 11: machine})
    peer = Peer(port)
    what, answer = peer.ask(ENROL, message({1: token.id, 2: token.secret, 3: der, 4: facts}), CERTIFICATE)
    peer.close()
    if what != "ok":
        return None, what, answer
    path = key + ".pem"
    with open(path, "wb") as f:
        f.write(open(key, "rb").read() + openssl("x509", "-inform", "DER", data=answer[2]))
    return path, what, answer
