# SPDX-License-Identifier: GPL-2.0-only
"""Made-up hosts: a sysfs and a debugfs in a folder, as the module would have them, of which
rmpctl makes the text for node_exporter."""

import os
import shutil

from rmpctl import classes, vm as vms
from rmpctl.cli import main as rmpctl
from rmpctl.host import DEBUG, MODULE

SETTINGS = {"version": "0.1.0", "action": "vc", "available_modes": "off lenient strict",
            "available_actions": "vc terminate"}
TOTALS = classes.CLASSES + ("enforced", "repeated", "vc_injected",
                            "vms", "vms_ended", "vms_terminated")
# Of a VM that has ended, before its violations.
LAST = ("launch_pages", "psc_requests", "psc_completed", "psc_refused", "psc_pages",
        "psc_redundant", "pages_discarded", "prefaults_skipped", "npf_judged", "vc_injected",
        "log_suppressed")
FIRST_PID = 1000


class Vm:
    """What the module knows of one VM."""

    def __init__(self, number, domain, history):
        self.number, self.pid, self.domain = number, FIRST_PID + number, domain
        self.state, self.history = "running", history
        self.counters = dict.fromkeys(vms.COUNTERS, 0) | {"launch_pages": 2080,
                                                          "tracker_bytes": 98304}
        self.violations = dict.fromkeys(classes.CLASSES, 0)
        self.enforced = 0

    def files(self):
        out = {"pid": self.pid, "comm": "qemu-system-x86", "vcpus": 4, "mode": "inherit",
               "action": "inherit", "effective_mode": "lenient", "state": self.state,
               "history": self.history, "last_violation": "none",
               "sites": "inherit", "request_sites": "inherit", "debuggable": "no",
               "violations/enforced": self.enforced, "violations/repeated": 0}
        out |= {f"policy/{name}": "inherit" for name in classes.POLICY_CLASSES}
        return out | self.counters | {f"violations/{c}": n for c, n in self.violations.items()}

    def line(self):
        """Of the VMs that have ended."""
        pairs = {"vm": self.number, "pid": self.pid, "comm": "qemu-system-x86",
                 "state": "terminated" if self.state == "terminated" else "ended",
                 "history": self.history, "age_us": 1000}
        pairs |= {name: self.counters[name] for name in LAST}
        pairs |= {"enforced": self.enforced, "repeated": 0} | self.violations
        return " ".join(f"{key}={value}" for key, value in pairs.items())


class Host:
    """One host; its text is in folder/text/NAME."""

    def __init__(self, folder, name):
        self.name = name
        self.root = os.path.join(folder, "root", name)
        self.text = os.path.join(folder, "text", name)
        self.prom = os.path.join(self.text, "rmp_enforce.prom")
        os.makedirs(self.root)
        os.makedirs(self.text)
        self.vms = {}
        self.mode = "lenient"
        self.keeps_ended = True     # it can tell which VMs have ended
        self.loaded = False
        self.writes = True          # its timer is on
        self.written = {}

    # What happens on it.

    def load(self):
        self.ended, self.next = [], 1
        self.totals = dict.fromkeys(TOTALS, 0)
        self.loaded = True

    def unload(self):
        assert not self.vms, "the module is in use"
        self.loaded = False

    def start(self, domain, history="complete"):
        vm = Vm(self.next, domain, history)
        self.next += 1
        self.vms[vm.number] = vm
        self.totals["vms"] += 1
        return vm

    def violate(self, vm, name, count=1):
        vm.violations[name] += count
        self.totals[name] += count

    def terminate(self, vm):
        vm.state = "terminated"
        vm.enforced += 1
        self.totals["enforced"] += 1
        self.totals["vms_terminated"] += 1

    def end(self, vm):
        del self.vms[vm.number]
        self.totals["vms_ended"] += 1
        self.ended = (self.ended + [vm.line()])[-64:]

    def work(self, pages):
        """Page-state changes of all its guests."""
        for vm in self.vms.values():
            if vm.state == "running":
                vm.counters["psc_requests"] += pages // 8
                vm.counters["psc_completed"] += pages // 8
                vm.counters["psc_pages"] += pages
                vm.counters["npf_judged"] += pages

    # What it looks like.

    def _files(self):
        out = {}
        if not self.loaded:
            return out
        for name, value in (SETTINGS | {"mode": self.mode}).items():
            out[f"{MODULE}/{name}"] = value
        for name in classes.POLICY_CLASSES:
            out[f"{MODULE}/policy/{name}"] = "report"
        for name, value in self.totals.items():
            out[f"{MODULE}/totals/{name}"] = value
        for vm in self.vms.values():
            for name, value in vm.files().items():
                out[f"{MODULE}/vms/{vm.number}/{name}"] = value
            out[f"{DEBUG}/{vm.number}/psc_history"] = ""
            if vm.domain:
                out[f"proc/{vm.pid}/cmdline"] = f"qemu\0-name\0guest={vm.domain},debug-threads=on\0"
        if self.keeps_ended:
            out[f"{DEBUG}/ended"] = "\n".join(self.ended)
        return out

    def _write(self):
        files = self._files()
        for name in self.written.keys() - files.keys():
            os.unlink(os.path.join(self.root, name))
        for vm in {n.split("/")[4] for n in self.written.keys() - files.keys()
                   if n.startswith(f"{MODULE}/vms/")}:
            shutil.rmtree(os.path.join(self.root, MODULE, "vms", vm))
        for name, text in files.items():
            if self.written.get(name) != text:
                path = os.path.join(self.root, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f"{text}\n" if text != "" else "")
        self.written = files

    def publish(self):
        """What rmp-enforce-metrics.timer does, with rmpctl itself."""
        self._write()
        status = rmpctl(["--root", self.root, "metrics", "--output", self.prom])
        assert status == 0, f"rmpctl metrics of {self.name} ended with {status}"
