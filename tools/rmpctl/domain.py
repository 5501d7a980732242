# SPDX-License-Identifier: GPL-2.0-only
"""From a VMM's pid to the name of its libvirt domain, without asking libvirt.

libvirt starts QEMU with "-name guest=NAME,debug-threads=on"; in QEMU's options a
comma within a value is written twice.  A VM that has ended is looked up in the notes
that the libvirt hook and 'rmpctl journal' have made while it ran.
"""

import os

from . import files
from .host import MODULE

# A file for each VM, by its number: "PID NAME".
NOTES = "run/rmp-enforce/domains"
# Far more than the module keeps of VMs that have ended.
NOTES_KEPT = 1000
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
    noted_pid, _, name = host.read_or("", NOTES, str(vm_id)).partition(" ")
    return name if name and noted_pid == str(pid) else None


def remember(host, pid, vm_id, name):
    """For whoever asks for the name when the VM is gone."""
    note = f"{pid} {name}"
    if host.read_or(None, NOTES, str(vm_id)) == note:
        return
    os.makedirs(host.path(NOTES), exist_ok=True)
    files.publish(host.path(NOTES, str(vm_id)), note)
    notes = []
    for old in host.listdir(NOTES):
        path = host.path(NOTES, old)
        try:
            notes.append((os.stat(path).st_mtime, path))
        except FileNotFoundError:   # somebody else who remembers was faster
            pass
    for _, path in sorted(notes)[:-NOTES_KEPT]:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
