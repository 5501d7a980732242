# SPDX-License-Identifier: GPL-2.0-only
"""The last VMs that have ended, with what they did: a file in debugfs."""

from . import domain
from .classes import CLASSES
from .errors import RmpctlError
from .host import DEBUG
from .pairs import number, parse_pairs

FILE = f"{DEBUG}/ended"
COUNTERS = ("launch_pages", "psc_requests", "psc_completed", "psc_refused", "psc_redundant",
            "psc_pages", "pages_discarded", "prefaults_skipped", "npf_judged", "vc_injected",
            "log_suppressed")


def _parse(host, line):
    """One line, in the form of a snapshot; None if it does not say which VM it was."""
    pairs = parse_pairs(line)
    vm, pid = number(pairs.get("vm")), number(pairs.get("pid"))
    if vm is None or pid is None:
        return None
    return {"vm": vm, "domain": domain.name_of_vm(host, vm, pid), "pid": pid,
            "comm": pairs.get("comm", "?"), "state": pairs.get("state", "?"),
            "history": pairs.get("history", "?"), "age_us": number(pairs.get("age_us")),
            **{name: number(pairs.get(name)) for name in COUNTERS},
            "violations": {name: number(pairs.get(name)) or 0 for name in CLASSES},
            **{name: number(pairs.get(name)) or 0 for name in ("enforced", "repeated")}}


def read(host):
    """The VMs, oldest first; RmpctlError says why not."""
    host.need_debugfs()
    try:
        text = host.read(FILE)
    except FileNotFoundError:
        raise RmpctlError("this version of the module does not keep what VMs did that have "
                          "ended.") from None
    except PermissionError:
        raise RmpctlError(f"{host.path(FILE)} can be read by root only: run as root.") from None
    return [vm for vm in (_parse(host, line) for line in text.split("\n")) if vm]


def read_or_none(host):
    """The VMs, or None where they can't be read: by others than root, of an older module."""
    try:
        return read(host)
    except (RmpctlError, OSError):
        return None


def find(host, kind, value):
    """Those whose "vm", "pid" or "domain" is this, the last one last; none if that is not known."""
    return [vm for vm in read_or_none(host) or () if vm[kind] == value]


def name_of(vm):
    """By its domain, else by what the module has noted."""
    return vm["domain"] or f"{vm['comm']}, {vm['pid']}"
