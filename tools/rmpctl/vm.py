# SPDX-License-Identifier: GPL-2.0-only
"""VMs as sysfs shows them."""

import errno
import re

from . import domain, ended
from .classes import CLASSES, GUEST_ERRORS, OTHERS, POLICY_CLASSES
from .errors import NoPermission, RmpctlError, UsageError, VmGone
from .host import DEBUG, MODULE
from .pairs import number
from .record import Record

COUNTERS = ("launch_pages", "psc_requests", "psc_completed", "psc_refused", "psc_redundant",
            "psc_pages", "pages_discarded", "prefaults_skipped", "npf_judged", "vc_injected",
            "log_suppressed", "tracker_bytes")
WORDS = ("pid", "comm", "vcpus", "mode", "action", "effective_mode", "state", "history", "sites",
         "request_sites", "debuggable")

# What the module and people call a number.
DIGITS = re.compile("[0-9]{1,18}")


class Vm:
    """One VM; every read says VmGone once it has ended."""

    def __init__(self, host, vm_id):
        self.host = host
        self.id = vm_id

    @property
    def folder(self):
        return f"{MODULE}/vms/{self.id}"

    def _gone(self):
        return VmGone(f"VM {self.id} is gone: it has ended.")

    def read(self, name):
        try:
            return self.host.read(self.folder, name)
        except (FileNotFoundError, NotADirectoryError):
            if self.host.exists(self.folder):
                return None     # a file that this version of the module lacks
            raise self._gone() from None
        except PermissionError:
            raise NoPermission(f"{self.host.path(self.folder, name)} can be read by root only: "
                               "run as root.") from None
        except OSError as error:
            if error.errno == errno.ENODEV:
                raise self._gone() from None
            raise

    def number(self, name):
        """A number; None if this version of the module lacks the file."""
        text = self.read(name)
        value = number(text)
        if value is None and text is not None:
            raise RmpctlError(f"{self.host.path(self.folder, name)} has no number in it.")
        return value

    def has_debug(self, name):
        """Whether this version of the module has such a file."""
        return self.host.exists(DEBUG, str(self.id), name)

    def open_debug(self, name):
        """Lines of a file in debugfs."""
        self.host.need_debugfs()
        try:
            with open(self.host.path(DEBUG, str(self.id), name), encoding="ascii",
                      errors="replace") as file:
                yield from file
        except FileNotFoundError:
            raise self._gone() from None
        except PermissionError:
            raise RmpctlError("debugfs can be read by root only: run as root.") from None
        except OSError as error:
            if error.errno in (errno.ENODEV, errno.EIO, errno.ENOENT):
                raise self._gone() from None
            raise

    @property
    def pid(self):
        return self.number("pid")

    @property
    def domain(self):
        return domain.name_of_vm(self.host, self.id, self.pid)

    def last_violation(self):
        """The last record; None if there is none.  For root only."""
        return Record.from_line(self.read("last_violation") or "")

    def violations(self):
        """The last records in debugfs, oldest first."""
        for line in self.open_debug("violations"):
            record = Record.from_line(line)
            if record:
                yield record

    def snapshot(self):
        """All that sysfs has, in one dictionary: what --json prints.

        Whoever is not root can't read the last violation, and is told so by
        last_violation_readable.
        """
        out = {"vm": self.id, "domain": self.domain}
        for name in WORDS:
            out[name] = self.number(name) if name in ("pid", "vcpus") else self.read(name)
        for name in COUNTERS:
            out[name] = self.number(name)
        out["policy"] = {c: self.read(f"policy/{c}") for c in POLICY_CLASSES}
        out["violations"] = {c: self.number(f"violations/{c}") or 0 for c in CLASSES}
        for name in ("enforced", "repeated"):
            out[name] = self.number(f"violations/{name}") or 0
        try:
            last, readable = self.last_violation(), True
        except NoPermission:
            last, readable = None, False
        out["last_violation"] = last.as_json() if last else None
        out["last_violation_readable"] = readable
        return out


def errors_of(snapshot):
    """How many accesses spoke against the guest."""
    return sum(snapshot["violations"][c] for c in GUEST_ERRORS)


def noted_of(snapshot):
    """How many were only noted: not, or not surely, an error of the guest."""
    return sum(snapshot["violations"][c] for c in OTHERS)


def all_vms(host):
    """All VMs, in the order of their creation."""
    host.need_module()
    names = [n for n in host.listdir(MODULE, "vms") if DIGITS.fullmatch(n)]
    return [Vm(host, int(n)) for n in sorted(names, key=int)]


def snapshots(host):
    """Snapshots of all VMs; one that ends meanwhile is left out."""
    out = []
    for vm in all_vms(host):
        try:
            out.append(vm.snapshot())
        except VmGone:
            pass
    return out


def meant(name):
    """How an operator calls a VM: ("vm", 3), ("pid", 410) or ("domain", "web1").

    A domain whose name is a number is "domain:NAME".
    """
    kind, colon, rest = name.partition(":")
    if colon and kind == "domain":
        return "domain", rest
    if colon and kind == "pid":
        if not DIGITS.fullmatch(rest):
            raise UsageError(f"pid:{rest} is not a process ID.")
        return "pid", int(rest)
    return ("vm", int(name)) if DIGITS.fullmatch(name) else ("domain", name)


def _none(host, kind, value):
    """The sentence for a VM that does not run."""
    past = ended.find(host, kind, value)
    if past:
        last = past[-1]
        return (f"VM {last['vm']} ({ended.name_of(last)}) has ended; 'rmpctl list --ended' has "
                "what it did.")
    if kind == "vm":
        return f"there is no VM {value}; 'rmpctl list' shows those that run."
    if kind == "pid":
        return f"process {value} has no SNP VM; 'rmpctl list' shows those that run."
    return f"no SNP VM that runs is of a domain '{value}'; 'rmpctl list' shows them."


def find(host, name):
    """The VM that an operator means, which runs."""
    vms = all_vms(host)
    kind, value = meant(name)
    found = []
    for vm in vms:
        try:
            if getattr(vm, "id" if kind == "vm" else kind) == value:
                found.append(vm)
        except VmGone:
            pass
    if not found:
        raise VmGone(_none(host, kind, value))
    if len(found) > 1:
        ids = ", ".join(str(vm.id) for vm in found)
        raise UsageError(f"{name} has several SNP VMs: name one of {ids} by its number.")
    return found[0]
