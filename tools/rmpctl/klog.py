# SPDX-License-Identifier: GPL-2.0-only
"""The kernel log, through /dev/kmsg."""

import collections
import os

from .errors import RmpctlError
from .host import MODULE
from .pairs import number
from .record import MARK, Record

LOADED = "rmp_enforce: loaded"
UNLOADED = "rmp_enforce: unloaded"
REFUSAL = "rmp_enforce: refusing to load: "

Message = collections.namedtuple("Message", "level seq usec text")


def parse(entry):
    """One entry: "priority,sequence,usec,flags[,...];text", then details."""
    head, semicolon, rest = entry.partition(";")
    fields = [number(field) for field in head.split(",")[:3]]
    if not semicolon or len(fields) < 3 or None in fields:
        return None
    text = rest.split("\n", 1)[0]
    return Message(fields[0] & 7, fields[1], fields[2], text)


def _entries(path):
    """All that is there now; each read() of the device is one entry."""
    if not os.path.exists(path):
        return
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if os.path.isfile(path):
            with open(fd, encoding="utf-8", errors="replace", newline="\n",
                      closefd=False) as file:
                yield from file
            return
        while True:
            try:
                data = os.read(fd, 8192)
            except BlockingIOError:
                return
            except BrokenPipeError:
                continue    # overwritten meanwhile: the next read goes on after it
            if not data:
                return
            yield data.decode(errors="replace")
    finally:
        os.close(fd)


def messages(host):
    """All messages; RmpctlError without the right to read them."""
    path = host.path("dev/kmsg")
    try:
        for entry in _entries(path):
            message = parse(entry)
            if message:
                yield message
    except PermissionError:
        raise RmpctlError("the kernel log can be read by root only "
                          "(kernel.dmesg_restrict): run as root.") from None


def _record(message):
    """The violation that a message is, or None."""
    return Record.from_line(message.text) if message.text.startswith(MARK) else None


def records(host):
    """(message, record) of all violations in the log, oldest first.

    Those from before the module was loaded as it is now are marked: it counts VMs from 1
    again.
    """
    found, earlier = [], []
    for message in messages(host):
        record = _record(message)
        if record:
            found.append((message, record))
        elif message.text.startswith((LOADED, UNLOADED)):
            earlier += found
            found = []
    if not host.exists(MODULE, "mode"):
        earlier, found = earlier + found, []
    for _, record in earlier:
        record.earlier_load = True
    return earlier + found


def records_since_load(host):
    """As records(), without those of an earlier load."""
    return [(message, record) for message, record in records(host) if not record.earlier_load]


def last_refusal(host):
    """The last reason that the module gave for not loading, if it is not loaded."""
    found = None
    if host.exists(MODULE, "mode"):
        return None
    try:
        for message in messages(host):
            if REFUSAL in message.text:
                found = message.text.partition("rmp_enforce: ")[2]
            elif LOADED in message.text:
                found = None
    except RmpctlError:
        pass
    return found
