# SPDX-License-Identifier: GPL-2.0-only
"""What rmp_enforce tells on the host: its files, its tracepoints, its log lines."""

import glob
import os
import re
import threading
import time
from collections import namedtuple

SYSFS = "/sys/kernel/rmp_enforce"
DEBUGFS = "/sys/kernel/debug/rmp_enforce"
TRACING = "/sys/kernel/tracing"

# t: seconds of CLOCK_MONOTONIC, as time.monotonic() has it; took: until the answer.
Psc = namedtuple("Psc", "t took vcpu gfn pages to ret")
Violation = namedtuple("Violation", "t vcpu gfn cls expected action")

EVENT = re.compile(r"(\d+\.\d+): (psc_request|psc_complete|violation): (.*)")


def write(name, value):
    with open(os.path.join(SYSFS, name), "w", encoding="ascii") as f:
        f.write(value)


def read(name):
    with open(os.path.join(SYSFS, name), encoding="ascii") as f:
        return f.read().strip()


def vm_of(pid):
    """Number of the VM of this VMM, or None."""
    for path in glob.glob(SYSFS + "/vms/*/pid"):
        try:
            with open(path, encoding="ascii") as f:
                if int(f.read()) == pid:
                    return int(path.split("/")[-2])
        except OSError:     # it has just ended
            pass
    return None


class Trace(threading.Thread):
    """All PSCs and violations from now on, by VM."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.pscs = {}
        self.violations = {}
        self.waiting = {}
        self.lost = 0
        for name, value in (("trace_clock", "mono"), ("buffer_size_kb", "4096"),
                            ("events/rmp_enforce/enable", "1")):
            with open(os.path.join(TRACING, name), "w", encoding="ascii") as f:
                f.write(value)
        self.start()

    def run(self):
        with open(TRACING + "/trace_pipe", encoding="ascii", errors="replace") as pipe:
            for line in pipe:
                m = EVENT.search(line)
                if m:
                    fields = dict(f.split("=", 1) for f in m[3].split())
                    with self.lock:
                        self.take(float(m[1]), m[2], fields)
                elif "LOST" in line:
                    self.lost += 1

    def take(self, t, event, f):
        vm, vcpu = int(f["vm"]), int(f["vcpu"])
        gfn = int(f["gfn"], 16)
        if event == "violation":
            self.violations.setdefault(vm, []).append(
                Violation(t, vcpu, gfn, f["class"], f["expected"], f["action"]))
        elif event == "psc_request":
            self.waiting[vm, vcpu] = t
        else:
            asked = self.waiting.pop((vm, vcpu), t)
            self.pscs.setdefault(vm, []).append(
                Psc(asked, t - asked, vcpu, gfn, int(f["pages"]), f["to"], int(f["ret"])))

    def of(self, vm):
        """(PSCs, violations) of a VM so far."""
        time.sleep(0.5)     # what is still in the pipe
        with self.lock:
            return list(self.pscs.get(vm, ())), list(self.violations.get(vm, ()))


class KernelLog:
    """The host's kernel log from now on."""

    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)
        self.seen = []

    def lines(self):
        while True:
            try:
                record = os.read(self.fd, 8192).decode("utf-8", "replace")
            except BlockingIOError:
                return self.seen
            except BrokenPipeError:     # overwritten before it was read
                continue
            self.seen.append(record.split(";", 1)[-1].split("\n", 1)[0])

    def records(self, vm):
        """The violation records of a VM, each a dict."""
        found = []
        for line in self.lines():
            if line.startswith("rmp_enforce: violation vm=%d " % vm):
                words = line.split()[2:]
                found.append(dict(w.split("=", 1) for w in words))
                found[-1]["line"] = line
        return found
