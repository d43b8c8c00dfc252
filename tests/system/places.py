# SPDX-License-Identifier: GPL-2.0-or-later
"""places - files of the system that a test may change: it has them in a file system of its own."""
import hashlib, os, subprocess, tempfile

from harness import wait


def own(more_mib, *places):
    """What is written below these stays in a file system of the test's own, below the directory that is returned, with
    room for so much more."""
    du = subprocess.run(["du", "-smc", *places], capture_output=True, text=True).stdout
    top = tempfile.mkdtemp(prefix="daemonsec-places.", dir="/var/tmp")
    image = top + "/image"
    with open(image, "wb") as f:
        f.truncate(int(du.split()[-2]) * 5 // 4 + more_mib << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    os.mkdir(top + "/m")
    subprocess.run(["mount", "-o", "loop", image, top + "/m"], check=True)
    for i, place in enumerate(places):
        os.makedirs(f"{top}/m/{i}")
        # Others may change the real ones meanwhile: a file that went while it was to be copied is no error the next time.
        if not wait(lambda: subprocess.run(["cp", "-a", place + "/.", f"{top}/m/{i}"]).returncode == 0, every=0.5):
            raise RuntimeError(f"{place} cannot be copied")
        subprocess.run(["mount", "--bind", f"{top}/m/{i}", place], check=True)
    return top


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def write(path, text, mode=None):
    with open(path, "wb" if isinstance(text, bytes) else "w") as f:
        f.write(text)
    if mode is not None:
        os.chmod(path, mode)


def kept(vault, path):
    """What this file is now is in the vault, by its contents and as a state of the path."""
    def has():
        now = sha256(path)
        with open(f"{vault}/paths/{hashlib.sha256(path.encode()).hexdigest()}", "rb") as f:
            known = bytes.fromhex(now) in f.read()
        return known and any(os.path.exists(f"{vault}/{d}/{now}") for d in ("objects", "evidence"))
    return wait(has)
