# SPDX-License-Identifier: GPL-2.0-only
"""From a VMM's pid to the name of its libvirt domain, without asking libvirt.

libvirt starts QEMU with "-name guest=NAME,debug-threads=on"; in QEMU's options a
comma within a value is written twice.  A VM that has ended is looked up in the notes
that the libvirt hook has made.
"""

import os
import time

from .host import MODULE

NOTES = "run/rmp-enforce/domains"
# libvirt's are names of files, too; a VMM may say anything.
LONGEST = 255


def _split_commas(text):
    """QEMU's option syntax: parts between single commas, ",," is a comma."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def name_from_cmdline(args):
    """The domain's name in QEMU's arguments, or None."""
    for option, value in zip(args, args[1:]):
        if option not in ("-name", "--name"):
            continue
        for i, part in enumerate(_split_commas(value)):
            key, equals, name = part.partition("=")
            if equals and key == "guest":
                return name[:LONGEST]
            if not equals and i == 0:
                return part[:LONGEST]
    return None


def cmdline(host, pid):
    """A process's arguments; none if it is gone or not ours to see."""
    try:
        return host.read("proc", str(pid), "cmdline").rstrip("\0").split("\0")
    except OSError:
        return []


def name_of(host, pid):
    """The name of the domain whose VMM runs with this pid, or None."""
    return name_from_cmdline(cmdline(host, pid))


def name_of_vm(host, vm_id, pid):
    """The name of a VM's domain, also if the VM has ended; None if it is not known.

    Only if VM and process still belong together: another VMM may have the pid by now.
    """
    if host.read_or(None, MODULE, "vms", str(vm_id), "pid") == str(pid):
        name = name_of(host, pid)
        if name is not None:
            return name
    noted_vm, _, name = host.read_or("", NOTES, str(pid)).partition(" ")
    return name if name and noted_vm == str(vm_id) else None


def remember(host, pid, vm_id, name):
    """For whoever asks for the name when the VM is gone."""
    path = host.path(NOTES)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, str(pid)), "w", encoding="utf-8") as file:
        file.write(f"{vm_id} {name}")
    # Names of processes that have gone long ago.
    for old in os.listdir(path):
        note = os.path.join(path, old)
        try:
            if not host.exists("proc", old) and time.time() - os.stat(note).st_mtime > 86400:
                os.unlink(note)
        except FileNotFoundError:   # the hook of another domain was faster
            pass
