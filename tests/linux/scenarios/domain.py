# SPDX-License-Identifier: GPL-2.0-only
"""An SNP guest as a libvirt domain, made from docs/examples/snp-domain.xml."""

import os
import re
import subprocess
import threading
import time
import xml.etree.ElementTree as ET

import enforcer
import report
from guest import CMDLINE, IMAGES

EXAMPLE = "/job/snp-domain.xml"
LOGS = "/var/log/libvirt/qemu"
PATIENCE_S = 120    # for what libvirt does by itself


def virsh(*args):
    """What virsh says, errors too."""
    done = subprocess.run(("virsh", "-q") + args, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=PATIENCE_S, check=False)
    return done.stdout.strip()


class Events(threading.Thread):
    """What `virsh event` says of all domains from now on: (time, text)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = []
        # pylint: disable=consider-using-with
        self.virsh = subprocess.Popen(
            ["stdbuf", "-oL", "virsh", "-q", "event", "--all", "--loop"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        self.start()
        # It says nothing when it has begun; a question that is asked after it is answered later.
        time.sleep(2)

    def run(self):
        for line in self.virsh.stdout:
            self.seen.append((time.monotonic(), line.strip()))

    def of(self, name, after=0.0):
        return [text for when, text in self.seen
                if when >= after and "domain '%s'" % name in text]

    def stop(self):
        self.virsh.terminate()
        self.virsh.wait()


class Domain:
    """One domain; its console and the log that libvirt keeps of it go to /out."""

    def __init__(self, name, orders, on_crash="preserve", cpus=2, mem=256, args="",
                 say=report.note):
        self.name = name
        self.console = "%s/%s-console.log" % (LOGS, name)
        self.log = "%s/%s.log" % (LOGS, name)
        self.xml = "/run/%s.xml" % name
        self.lines = []         # (time, text) of the console
        self.running = True
        self.progress = report.Progress(name, say)
        disk = "/var/tmp/%s.img" % name
        with open(disk, "wb") as f:
            f.truncate(32 << 20)
        self.write_xml({
            "name": name, "memory": str(mem), "vcpu": str(cpus), "on_crash": on_crash,
            "os/kernel": IMAGES + "/vmlinuz", "os/initrd": IMAGES + "/initrd.gz",
            "os/cmdline": "%s rmp.do=%s %s" % (CMDLINE, orders, args)},
            {"devices/disk/source": ("file", disk),
             "devices/serial/source": ("path", self.console)})
        self.defined = virsh("define", self.xml)
        self.started = time.monotonic()
        self.start_said = virsh("start", name)
        self.pid = self.vm = None
        # A guest that was terminated at once, and its domain destroyed, has no pid file.
        try:
            with open("/run/libvirt/qemu/%s.pid" % name, encoding="ascii") as f:
                self.pid = int(f.read())
            self.vm = enforcer.vm_of(self.pid)
        except OSError:
            pass
        self.reader = threading.Thread(target=self.read_console, daemon=True)
        self.reader.start()

    def write_xml(self, texts, attributes):
        tree = ET.parse(EXAMPLE)
        for path, text in texts.items():
            tree.find(path).text = text
        for path, (key, value) in attributes.items():
            tree.find(path).set(key, value)
        tree.write(self.xml)

    def read_console(self):
        part = ""
        at = 0
        while True:
            last = not self.running
            if os.path.exists(self.console):
                with open(self.console, "rb") as f:
                    f.seek(at)
                    new = f.read()
                at += len(new)
                *whole, part = (part + new.decode("utf-8", "replace")).split("\n")
                for text in whole:
                    # OVMF clears the screen.
                    text = re.sub(r"\x1b\[[0-9;=]*[A-Za-z]", "", text.strip("\r"))
                    self.lines.append((time.monotonic(), text))
            if last:
                return
            time.sleep(0.2)

    def wait(self, pattern, seconds):
        """Waits for a line of the console; None if it does not come or the domain ends."""
        limit = time.monotonic() + seconds
        state = time.monotonic()
        while time.monotonic() < limit:
            for when, text in list(self.lines):
                m = re.search(pattern, text)
                if m:
                    return when, m
            if time.monotonic() > state + 3:
                if not self.state().startswith("running"):
                    return None
                state = time.monotonic()
            self.progress.tell(self.vm, self.lines)
            time.sleep(0.2)
        return None

    def state(self):
        return virsh("domstate", "--reason", self.name).split("\n")[0]

    def wait_state(self, pattern, seconds=PATIENCE_S):
        """The first state that has it, or the last one."""
        limit = time.monotonic() + seconds
        while True:
            state = self.state()
            if re.search(pattern, state) or time.monotonic() > limit:
                return state
            time.sleep(0.5)

    def qemu_said(self):
        """What QEMU printed: the log without the command line and what TCG lacks."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            text = f.read().split("-msg timestamp=on\n")[-1]
        return [s for s in text.splitlines() if "doesn't support requested feature" not in s]

    def cpu_seconds(self):
        """CPU time of the VMM so far, or None if it has ended."""
        try:
            with open("/proc/%d/stat" % self.pid, encoding="ascii") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        """Ends and forgets it."""
        virsh("destroy", self.name)
        self.running = False
        self.reader.join(5)
        virsh("undefine", self.name)
        for path in (self.console, self.log):
            if os.path.exists(path):
                with open(path, "rb") as f, open("/out/" + os.path.basename(path), "wb") as g:
                    g.write(f.read())
                os.unlink(path)
