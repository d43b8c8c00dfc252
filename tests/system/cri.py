#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Container Runtime Interface as far as tests need it, which is what a kubelet says to containerd: gRPC with one call to a
connection, for there is no client of it in Debian; and images made by hand."""
import gzip, hashlib, io, json, socket, struct, tarfile

from orders import varint


def message(fields):
    """{number: text, int, bytes, message as dict, or list of those}, as protobuf."""
    out = b""
    for number, values in fields.items():
        for v in values if isinstance(values, list) else [values]:
            if isinstance(v, int):
                out += varint(number << 3) + varint(v)
                continue
            v = v.encode() if isinstance(v, str) else message(v) if isinstance(v, dict) else v
            out += varint(number << 3 | 2) + varint(len(v)) + v
    return out


def _text(data):
    """The first field of an answer, a short text."""
    return data[2:2 + data[1]].decode() if data[:1] == b"\x0a" else ""


def _frame(kind, flags, stream, data):
    return struct.pack(">I", len(data))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + data


def _header(name, value):
    """Literal, not indexed, no Huffman code."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def call(path, method, fields):
    """One call of runtime.v1.RuntimeService; the text that is its answer's first field."""
    head = b"".join(_header(*h) for h in ((":method", "POST"), (":scheme", "http"), (":path", "/runtime.v1.RuntimeService/" + method),
                                          (":authority", "localhost"), ("content-type", "application/grpc"), ("te", "trailers")))
    body = message(fields)
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(120)
        s.connect(path)
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"") + _frame(1, 4, 1, head) +
                  _frame(0, 1, 1, b"\0" + struct.pack(">I", len(body)) + body))
        f = s.makefile("rb")
        answer, said = None, b""
        while len(h := f.read(9)) == 9:
            data = f.read(struct.unpack(">I", b"\0" + h[:3])[0])
            if h[3] == 0:
                answer = (answer or b"") + data
            elif h[3] == 1 and h[4] & 1:
                said = data
            if h[4] & 1 and h[3] in (0, 1):
                break
    if answer is None:
        raise RuntimeError(f"{method} failed: {said!r}")
    return _text(answer[5:])


class Pod:
    """In a network of its own, or else the host's, for which no plugin needs to be there."""
    def __init__(self, path, name, namespace="shop", parent="", own_network=False):
        self.path, self.name = path, name
        self.config = {1: {1: name, 2: name + "-uid", 3: namespace}, 3: "/tmp", 8: {1: parent, 2: {1: {1: 0 if own_network else 2}}}}
        self.id = call(path, "RunPodSandbox", {1: self.config})

    def run(self, name, image, *args):
        """The id of a container of the pod that has been started."""
        id = call(self.path, "CreateContainer", {1: self.id, 2: {1: {1: name}, 2: {1: image}, 3: list(args)}, 3: self.config})
        call(self.path, "StartContainer", {1: id})
        return id

    def remove(self):
        for method in ("StopPodSandbox", "RemovePodSandbox"):
            call(self.path, method, {1: self.id})


def archive(tree, path, name, entrypoint, env="RUN=one"):
    """An image of one layer, as `ctr images import` takes it; the manifest's digest."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as t:
        t.add(tree, ".")
    layer = layer.getvalue()
    sha = lambda data: hashlib.sha256(data).hexdigest()
    blobs = {}

    def blob(data, kind):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        blobs[sha(data)] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": "sha256:" + sha(data), "size": len(data)}

    config = blob({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": entrypoint, "Env": [env]},
                   "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(layer)]}}, "config.v1+json")
    manifest = blob({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                     "layers": [blob(gzip.compress(layer, 1), "layer.v1.tar+gzip")]}, "manifest.v1+json")
    index = {"schemaVersion": 2, "manifests": [dict(manifest, annotations={"io.containerd.image.name": name})]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode()}
    files.update({"blobs/sha256/" + digest: data for digest, data in blobs.items()})
    with tarfile.open(path, "w") as t:
        for file, data in files.items():
            info = tarfile.TarInfo(file)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return manifest["digest"]
