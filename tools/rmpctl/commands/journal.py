# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl journal: violations from the kernel log as journal entries with fields.

Each key of a record becomes a field RMP_ENFORCE_<KEY>, so that
"journalctl RMP_ENFORCE_DOMAIN=web1 RMP_ENFORCE_CLASS=first_touch" finds them.
What has been written of each VM is remembered by its number in the kernel log: every
violation that was logged is written once, also those of a VM that has ended since.
"""

import errno
import os
import re

from .. import domain, files, klog
from ..arguments import at_least
from ..errors import OK, RmpctlError
from ..output import print_json
from ..printable import printable
from ..units import plural

SOCKET = "run/systemd/journal/socket"
STATE = "run/rmp-enforce/journal"
# What journald takes as a field's name, after our prefix.
KEY = re.compile(r"[a-z0-9_]{1,48}", re.ASCII)
MESSAGE_ID = "5f1b1cbb1c2b4b0fa1c7d0ee0c2a6c11"

SUMMARY = "write violations to the journal, with fields to match on"
DETAILS = ("Each record of the kernel log that was not written yet becomes an entry with "
           "fields RMP_ENFORCE_VM, RMP_ENFORCE_DOMAIN, RMP_ENFORCE_CLASS and so on. "
           "rmp-enforce-violation@.service calls it at each violation.")


def arguments(parser):
    parser.add_argument("--vm", type=at_least(1), metavar="ID", help="only of this VM")


def _state(vm_id):
    return f"{STATE}.{vm_id}"


def _boot_id(host):
    return host.read_or("", "proc/sys/kernel/random/boot_id")


def _last(host, vm_id):
    """The number of the last message that was written of this VM, or -1."""
    words = host.read_or("", _state(vm_id)).split()
    if len(words) == 2 and words[0] == _boot_id(host) and words[1].isdigit():
        return int(words[1])
    return -1


def _remember(host, vm_id, seq):
    files.replace(host.path(_state(vm_id)), f"{_boot_id(host)} {seq}\n")


def fields(host, message, record):
    """The fields of one entry, names and values as text."""
    name = None if record.earlier_load else domain.name_of_vm(host, record["vm"], record["pid"])
    guest = (f"domain {printable(name)}" if name else
             f"VM {record['vm']} (pid {record['pid']})")
    # Keys first: none of them can stand for what is ours.
    out = {f"RMP_ENFORCE_{key.upper()}": value for key, value in record.pairs.items()
           if KEY.fullmatch(key)}
    out.pop("RMP_ENFORCE_DOMAIN", None)
    if name:
        out["RMP_ENFORCE_DOMAIN"] = name
    return out | {
        "MESSAGE": (f"{guest}: {record['class']}, {record['access']} {record['op']} of gfn "
                    f"{record['gfn']}, action {record['action']}"),
        "MESSAGE_ID": MESSAGE_ID,
        "PRIORITY": str(message.level),
        "SYSLOG_IDENTIFIER": "rmp_enforce",
        "OBJECT_PID": record["pid"],
        "RMP_ENFORCE_RECORD": record.line(),
        "RMP_ENFORCE_KMSG_USEC": str(message.usec),
    }


def sender(host):
    """What writes one entry: systemd's own library, which takes any value as it is."""
    if not host.is_live:
        raise RmpctlError("a bundle has no journal to write to.")
    if not host.exists(SOCKET):
        # The library is content with that, and nothing would be written.
        raise RmpctlError(f"the journal can't be reached at {host.path(SOCKET)}: "
                          f"{os.strerror(errno.ENOENT)}.")
    try:
        from systemd import journal
    except ImportError:
        raise RmpctlError("the journal needs systemd's library for Python: install the package "
                          "python3-systemd.") from None

    def send(entry):
        try:
            journal.sendv(*(f"{key}={value}" for key, value in entry.items()))
        except OSError as error:
            raise RmpctlError(f"the journal does not take the entry: {error.strerror}.") from None
    return send


def new_entries(host, vm_id=None):
    """(VM, seq, fields) of what has not been written yet, of one VM or of all."""
    last = {}
    for message, record in klog.records(host):
        vm = record.number("vm")
        if vm_id not in (None, vm):
            continue
        if vm not in last:
            last[vm] = _last(host, vm)
        if message.seq > last[vm]:
            yield vm, message.seq, fields(host, message, record)


def write(host, vm_id=None, send=None):
    """Write what is new to the journal; how many."""
    send = send or sender(host)
    count = 0
    for vm, seq, entry in new_entries(host, vm_id):
        # First: whoever has seen the entry finds the name, also if the VM ends at once.
        if "RMP_ENFORCE_DOMAIN" in entry:
            domain.remember(host, entry["RMP_ENFORCE_PID"], vm, entry["RMP_ENFORCE_DOMAIN"])
        send(entry)
        _remember(host, vm, seq)
        count += 1
    return count


def run(host, args):
    count = write(host, args.vm)
    if args.json:
        print_json({"written": count})
    else:
        print(f"{plural(count, 'violation')} written to the journal")
    return OK
