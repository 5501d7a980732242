# SPDX-License-Identifier: GPL-2.0-only
"""An SNP guest under QEMU: started, watched on its console, told by QMP."""

import glob
import json
import os
import re
import socket
import subprocess
import threading
import time

import enforcer
import report

IMAGES = "/job/guest"
OVMF = "/usr/share/ovmf/OVMF.fd"
# clearcpuid: the CPUID page has XSAVEC, which the emulated CPU lacks.
CMDLINE = ("console=ttyS0 loglevel=6 printk.devkmsg=on panic=-1 tsc=reliable "
           "no_timer_check clearcpuid=xsavec")
VIRTIO = "iommu_platform=on,disable-legacy=on"


class Guest:
    """One guest; output and what QEMU says go to /out/NAME.console and .qemu."""

    def __init__(self, name, orders, cpus=1, mem="256M", args="", disks=(), net=False,
                 action="vc", kernel=IMAGES, policy=None):
        self.name, self.cpus, self.mem = name, cpus, mem
        self.lines = []         # (time, text)
        self.events = []        # QMP's
        self.changed = threading.Condition()
        self.qmp_path = "/run/%s.qmp" % name
        self.qemu_log = "/out/%s.qemu" % name
        self.vm = None
        self.status = None      # QEMU's, once it has ended by itself
        self.ended = None
        self.started = time.monotonic()
        self.progress = report.Progress(name)
        command = [
            "qemu-system-x86_64", "-name", name + ",debug-threads=on",
            "-enable-kvm", "-cpu", "EPYC-v4",
            "-machine", "q35,confidential-guest-support=sev0,memory-backend=ram1,"
                        "vmport=off,hpet=off",
            "-smp", str(cpus), "-m", mem,
            "-object", "memory-backend-memfd,id=ram1,size=%s,share=true,prealloc=false" % mem,
            "-object", "sev-snp-guest,id=sev0,cbitpos=47,reduced-phys-bits=1" +
                       (",policy=%#x" % policy if policy is not None else ""),
            "-bios", OVMF, "-nodefaults", "-display", "none", "-serial", "stdio",
            "-qmp", "unix:%s,server=on,wait=off" % self.qmp_path,
            "-device", "pcie-root-port,id=port1,slot=1",
            "-kernel", kernel + "/vmlinuz", "-initrd", kernel + "/initrd.gz",
            "-append", "%s rmp.do=%s %s" % (CMDLINE, orders, args)]
        for n, path in enumerate(disks):
            command += ["-drive", "file=%s,format=raw,if=none,id=disk%d" % (path, n),
                        "-device", "virtio-blk-pci,drive=disk%d,%s" % (n, VIRTIO)]
        if net:
            command += ["-netdev", "user,id=net0",
                        "-device", "virtio-net-pci,netdev=net0,romfile=," + VIRTIO]
        with open(self.qemu_log, "wb") as log:
            self.qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=log)
        self.reader = threading.Thread(target=self.read_console, daemon=True)
        self.reader.start()
        self.find_vm(action)
        threading.Thread(target=self.read_qmp, daemon=True).start()

    def find_vm(self, action):
        while self.vm is None and self.qemu.poll() is None:
            self.vm = enforcer.vm_of(self.qemu.pid)
            time.sleep(0.05)
        if self.vm is not None:
            enforcer.write("vms/%d/action" % self.vm, action)

    # --- console ---

    def read_console(self):
        with open("/out/%s.console" % self.name, "w", encoding="utf-8") as log:
            for raw in self.qemu.stdout:
                text = raw.decode("utf-8", "replace").rstrip("\r\n")
                # OVMF clears the screen.
                text = re.sub(r"\x1b\[[0-9;=]*[A-Za-z]", "", text)
                now = time.monotonic()
                log.write("%9.3f %s\n" % (now - self.started, text))
                log.flush()
                with self.changed:
                    self.lines.append((now, text))
                    self.changed.notify_all()

    def find(self, pattern, after=0.0):
        """(time, match) of the first line that has it, or None."""
        for when, text in self.lines:
            m = re.search(pattern, text)
            if m and when >= after:
                return when, m
        return None

    def _wait_for(self, look, seconds):
        """What @look gives, once that is something; not after the guest ends or stops."""
        limit = time.monotonic() + seconds
        with self.changed:
            while not look() and not self.stopped() and time.monotonic() < limit:
                self.progress.tell(self.vm, self.lines)
                self.changed.wait(1)
            return look()

    def wait(self, pattern, seconds, after=0.0):
        """As find(), waiting for it; None if the guest ends or stops before."""
        return self._wait_for(lambda: self.find(pattern, after), seconds)

    def kernel_release(self):
        """As the first kernel gives it, without its flavour."""
        found = self.find(r"Linux version (\d+(\.\d+)*)")
        return found[1][1] if found else "unknown"

    def said(self, order):
        """What an order printed, and whether it ended well."""
        text = [m[1] for m in (re.search(r"guest: %s: (.*)" % order, t)
                               for _, t in self.lines) if m]
        return text, self.find(r"guest: ok %s$" % order) is not None

    # --- QMP ---

    def read_qmp(self):
        """Its events, for as long as it runs."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.qmp_path)
                self.qmp_socket = s
                self.qmp_file = s.makefile("r")
                s.sendall(b'{"execute": "qmp_capabilities"}\n')
                for line in self.qmp_file:
                    with self.changed:
                        self.events.append(json.loads(line))
                        self.changed.notify_all()
        except (OSError, ValueError):
            pass

    def tell(self, command, **arguments):
        self.qmp_socket.sendall(
            json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def happened(self, event):
        return [e for e in self.events if e.get("event") == event]

    def wait_event(self, event, seconds=60):
        """As happened(), waiting for the first."""
        return self._wait_for(lambda: self.happened(event), seconds)

    # --- its threads ---

    def vcpu_thread(self, vcpu):
        """Folder in /proc of the thread that runs a vCPU."""
        for path in glob.glob("/proc/%d/task/*" % self.qemu.pid):
            try:
                with open(path + "/comm", encoding="ascii") as f:
                    if f.read().strip() == "CPU %d/KVM" % vcpu:
                        return path
            except OSError:     # QEMU's other threads come and go
                pass
        return None

    # --- the end ---

    def stopped(self):
        """It has ended, or QEMU will not run it any more."""
        return self.qemu.poll() is not None or bool(self.happened("STOP"))

    def wait_end(self, seconds):
        return self._wait_for(self.stopped, seconds)

    def end(self, patience=0):
        """
        Ends it, however it is; status stays None if it did not by itself, for which it
        has @patience seconds.
        """
        try:
            self.status = self.qemu.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        if self.status is None:
            self.qemu.terminate()
            try:
                self.qemu.wait(30)
            except subprocess.TimeoutExpired:
                self.qemu.kill()
                self.qemu.wait()
        self.reader.join(10)
        self.ended = time.monotonic()
        if os.path.exists(self.qmp_path):
            os.unlink(self.qmp_path)

    def qemu_said(self):
        with open(self.qemu_log, encoding="utf-8", errors="replace") as f:
            return [s.rstrip() for s in f if "host doesn't support requested feature" not in s]
