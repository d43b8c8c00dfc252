#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with a kernel of its own, Debian's, in QEMU (emulated: no KVM is wanted): which probes it accepts, that new programs
are held and killed there; that what is in effect outlives a real reboot, and a power cut between ledger and result."""
import os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import *
from outlive import OPTIONS, write_units
from sdhost import install_guard, layer, own_mounts

own_mounts()
need("qemu-system-x86_64", "mke2fs")
if os.uname().machine != "x86_64":
    skip_all("the guest is an x86-64 machine")
PACKAGES = "initramfs-tools linux-image-cloud-amd64 nftables python3 iproute2 util-linux libmnl0 libnftnl11".split()
START_S = 900  # from one word to the next, on an emulated machine beside others


class Disk:
    """What will be the guest's root."""

    def __init__(self, top):
        self.dir, self.root = top, top + "/root"
        for d in ("up", "work", "root"):
            os.mkdir(f"{top}/{d}")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={layer('guest', PACKAGES)},upperdir={top}/up,workdir={top}/work",
                        self.root], check=True)

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, "w") as f:
            f.write(text)

    def copy(self, source, path):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        shutil.copy(source, self.root + path)

    def boot_file(self, name):
        return f"{self.root}/boot/" + next(f for f in os.listdir(self.root + "/boot") if f.startswith(name))


def fill(disk):
    install_guard(disk, OPTIONS, programs=("nft",))
    write_units(disk)
    for name in os.listdir(TOP + "/tests/system"):
        if name.endswith(".py"):
            disk.copy(f"{TOP}/tests/system/{name}", f"/src/tests/system/{name}")
    disk.copy(TOP + "/tests/guest/inside.py", "/src/tests/system/inside.py")
    disk.copy(TOP + "/schema/events.def", "/src/schema/events.def")
    for name in ("agent/daemonsec-agent", "tests/system/order_sign"):
        disk.copy(f"{BUILD}/{name}", "/build/" + name)
    disk.write("/etc/systemd/system/inside.service", "[Service]\nEnvironment=top_srcdir=/src top_builddir=/build\n"
               "ExecStart=/usr/bin/python3 -u /src/tests/system/inside.py\nStandardOutput=file:/dev/ttyS0\nStandardError=inherit\n"
               "[Install]\nWantedBy=multi-user.target\n")
    systemd = disk.root + "/etc/systemd/system/"
    os.makedirs(systemd + "multi-user.target.wants", exist_ok=True)
    os.symlink("../inside.service", systemd + "multi-user.target.wants/inside.service")
    os.symlink("/dev/null", systemd + "serial-getty@ttyS0.service")


class Guest:
    """The machine; a new one has the old one's disk, as far as that was written."""

    def __init__(self, disk):
        self.p = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024", "-display", "none", "-monitor", "none",
             "-serial", "stdio", "-nic", "none", "-kernel", disk.boot_file("vmlinuz"), "-initrd", disk.boot_file("initrd.img"),
             "-append", "root=/dev/vda rw console=ttyS0 quiet loglevel=0 systemd.show_status=0 panic=1",
             "-drive", f"file={disk.dir}/image,if=virtio,format=raw,cache=writethrough"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.p.stdout.fileno(), False)
        self.rest = b""

    def lines(self):
        self.rest += self.p.stdout.read() or b""
        *lines, self.rest = self.rest.split(b"\n")
        return [line.decode(errors="replace").strip() for line in lines] or self.p.poll() is not None

    def until(self, *words):
        """What the guest says becomes ours, until it says one of these; None when it does not."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            lines = wait(self.lines, 5, 0.1)
            if lines is True:
                break
            for line in lines or []:
                said = re.match(r"(not )?ok \d+ - (.*)", line)
                if said:
                    ok(not said[1], said[2])
                elif line in words:
                    return line
                else:
                    say(line)
        return None

    def cut_power(self):
        self.p.kill()
        self.p.wait()


top = tempfile.mkdtemp(prefix="daemonsec-guest.", dir="/var/tmp")
guest = None
try:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top], check=True)
    disk = Disk(top)
    fill(disk)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", disk.root, top + "/image", "1500M"], check=True)
    guest = Guest(disk)
    if ok(guest.until("REBOOT", "END") == "REBOOT", "the guest reboots") and \
            ok(guest.until("CUT", "END") == "CUT", "it has come up again, and its power is cut"):
        guest.cut_power()
        guest = Guest(disk)
        ok(guest.until("END") == "END", "and it has come up once more")
finally:
    if guest:
        guest.cut_power()
    subprocess.run(["umount", "-l", top + "/root"], stderr=subprocess.DEVNULL)
    subprocess.run(["umount", "-l", top], stderr=subprocess.DEVNULL)
    shutil.rmtree(top, ignore_errors=True)
done()
