# SPDX-License-Identifier: GPL-2.0-only
"""Records in a log, whatever wrote it: a kernel log, a journal as text, JSON or in its
export format, a mail, a document."""

import binascii
import datetime
import functools
import json
import re
import time

from . import folded
from .record import MARK, Record, start

# Of an entry as JSON; a message that is not plain text is a list of bytes.
_SUBJECT = re.compile(rb'rmp_enforce|RMP_ENFORCE_RECORD|"MESSAGE"\s*:\s*\[')
# Fields of the journal that are looked at.
_FIELDS = ("MESSAGE", "RMP_ENFORCE_RECORD", "RMP_ENFORCE_DOMAIN", "_HOSTNAME", "_TRANSPORT",
           "_UID", "__REALTIME_TIMESTAMP", "_BOOT_ID", "_SOURCE_MONOTONIC_TIMESTAMP",
           "RMP_ENFORCE_KMSG_USEC")
_FIELDS_BYTES = {name.encode(): name for name in _FIELDS}
_EXPORT = (b"__CURSOR=", b"__REALTIME_TIMESTAMP=")


_USEC = re.compile("[0-9]{1,18}")
# So many records back, at most, is the entry of the kernel that one of ours repeats.
REMEMBERED = 10000
LONGEST = 1 << 20
LONGEST_FOLDED = 1 << 15


class Reading:
    """The records of one input.

    cut is how many were cut so early that they say nothing.  domains has names that a
    journal gives later than the record: {(host, vm, pid): name}.
    """

    def __init__(self, file):
        # Of bytes; a line that never ends comes in parts.
        self.lines = iter(lambda: file.readline(LONGEST), b"")
        self.cut = 0
        self.domains = {}
        self._seen = {}

    def __iter__(self):
        first = next(self.lines, None)
        if first is None:
            return
        if first.startswith(_EXPORT):
            yield from self._of_entries(_exported(_put_back(first, self.lines)))
        else:
            yield from self._of_texts(self._plain(_put_back(first, self.lines)))

    def _made(self, text, marked):
        record = Record.from_text(text)
        if record is None and marked:
            self.cut += 1
        return record

    @staticmethod
    def _plain(lines):
        """Lines of text; entries of a journal as JSON, in whichever form, as dictionaries."""
        lines = _unquoted(lines)
        for line in lines:
            if line[:1] not in b"{[d\x1e":     # quick: most lines are of no JSON
                yield line.decode(errors="replace")
                continue
            parts = [line]
            if line.rstrip() == b"{":
                parts += _until_brace(lines)
            whole = b"".join(parts).lstrip(b"\x1e").removeprefix(b"data: ")
            entries = None
            if whole.startswith((b"{", b"[{")) and _SUBJECT.search(whole):
                entries = _entries_of_json(whole)
            if entries is None:
                entries = [part.decode(errors="replace") for part in parts]
            yield from entries

    def _of_texts(self, lines):
        entries = []

        def text_only():
            for line in lines:
                if isinstance(line, dict):
                    entries.append(line)
                    line = ""       # a record that was being put together ends here
                yield line

        for text, first in folded.texts(text_only()):
            if text is not None and not is_anybodys(first):
                record = self._made(text, MARK in first)
                if record:
                    record.host, record.time = where(first)
                    yield record
            if entries:
                yield from self._of_entries(entries)
                entries.clear()

    def _of_entries(self, entries):
        for entry in entries:
            text = _text_of(entry)
            record = self._made(text, True) if text else None
            if not record:
                continue
            record.host = _string(entry.get("_HOSTNAME"))
            record.domain = _string(entry.get("RMP_ENFORCE_DOMAIN"))
            usec = _string(entry.get("__REALTIME_TIMESTAMP"))
            record.time = int(usec) if usec and _USEC.fullmatch(usec) else None
            if record.domain:
                self.domains[record.host, record["vm"], record["pid"]] = record.domain
            if not self._is_known(entry, record):
                yield record

    def _is_known(self, entry, record):
        """A journal may have the kernel's message, and what 'rmpctl journal' made of it.

        Two CPUs may have logged in the same microsecond.
        """
        usec = (_string(entry.get("_SOURCE_MONOTONIC_TIMESTAMP"))
                if _string(entry.get("_TRANSPORT")) == "kernel" else
                _string(entry.get("RMP_ENFORCE_KMSG_USEC")))
        if usec is None:
            return False
        key = (_string(entry.get("_HOSTNAME")), _string(entry.get("_BOOT_ID")), usec,
               record["vm"], record["vcpu"], record["gfn"], record["n"])
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return False


# What syslog, journalctl and dmesg put in front of a line: the time, as each of them writes it.
_FRONT = re.compile(
    r"[>|\s]*(?:<\d+>(?:1 )?)?(?:"
    r"(?P<old>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?:\.\d+)?|"
    r"(?:[A-Z][a-z]{2} )?(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,]\d+)?"
    r"(?:(?P<zone>Z|[+-]\d\d:?\d\d)| [A-Z]{3,5}(?= ))?|"
    r"(?P<unix>\d{9,10})\.\d+|(?P<boot>\[ *\d+\.\d+\])(?:\[ *[CT]\d+\])?|"
    r"\[[A-Z][a-z]{2} (?P<ctime>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\]) ")
# Then the host, if it is named.
_HOST = re.compile(r"([^\s:=\[\]]+) ")
# Last the program, if it is named: the kernel, or somebody who writes what he likes.
_PROGRAM = re.compile(r"([^\s\[]+)(?:\[\d+\])?: *(?:\[[^\]]*\]\s*)*$")
_KERNEL = ("kernel", "klogd", "vmunix")


@functools.lru_cache(maxsize=1024)
def _seconds(form, text):
    """Seconds since 1970 of a local time; None if there is no such time."""
    try:
        return time.mktime(time.strptime(text, form))
    except (ValueError, OverflowError):
        return None


@functools.lru_cache(maxsize=1024)
def _iso(text, zone):
    try:
        if zone in (None, "Z"):
            zone = "+00:00" if zone else ""
        return datetime.datetime.fromisoformat(text + zone).timestamp()
    except (ValueError, OverflowError):
        return None


def _this_year(text):
    """syslog's old form has no year: it is the last time that this was."""
    now = time.time()
    year = time.localtime(now).tm_year
    then = _seconds("%Y %b %d %H:%M:%S", f"{year} {text}")
    if then is None or then > now + 86400:
        then = _seconds("%Y %b %d %H:%M:%S", f"{year - 1} {text}")
    return then


@functools.lru_cache(maxsize=2)
def _front(line):
    """What is in front of a line; it is asked for twice."""
    return _FRONT.match(line)


def where(line):
    """(host, microseconds since 1970) by what is in front of a line of a log, or None."""
    found = _front(line)
    if not found:
        return None, None
    if found["iso"]:
        then = _iso(found["iso"], found["zone"])
    elif found["old"]:
        then = _this_year(found["old"])
    elif found["unix"]:
        then = int(found["unix"])
    elif found["boot"]:
        then = None
    else:
        then = _seconds("%b %d %H:%M:%S %Y", found["ctime"])
    host = None if found["ctime"] else _HOST.match(line, found.end())
    return host and host[1], None if then is None else int(then * 1e6)


def is_anybodys(line):
    """Whether a log says that another program than the kernel wrote this line."""
    front = _front(line)
    if not front:
        return False
    # The end of it is enough, and a line may be very long.
    program = _PROGRAM.search(line[front.end():start(line)].removesuffix(MARK)[-200:])
    return bool(program) and program[1] not in _KERNEL


def _entries_of_json(text):
    """The entries in a text; None if it is something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    entries = value if isinstance(value, list) else [value]
    return entries if all(isinstance(entry, dict) for entry in entries) else None


def _until_brace(lines):
    """The rest of an entry that is laid out for people."""
    size, parts = 0, []
    for line in lines:
        parts.append(line)
        size += len(line)
        if line.rstrip() in (b"}", b"},") or size > LONGEST:
            break
    return parts


_QUOTED = re.compile(rb"content-transfer-encoding:\s*quoted-printable", re.I)
_BOUNDARY = re.compile(rb'boundary="?([^";\s]+)', re.I)


def _unquoted(lines):
    """Lines; those of a mail that is quoted-printable as they were written."""
    is_quoted, boundary, begun = False, None, b""
    for line in lines:
        if is_quoted and (line.startswith(b"From ") or (boundary and line.startswith(boundary))):
            is_quoted = False
        if not is_quoted:
            if begun:
                yield binascii.a2b_qp(begun)
                begun = b""
            found = _BOUNDARY.search(line) if b"oundary=" in line else None
            boundary = b"--" + found[1] if found else boundary
            is_quoted = line[:1] in b"cC" and bool(_QUOTED.match(line))
            yield line
            continue
        bare = line.rstrip()
        if bare.endswith(b"=") and len(begun) < LONGEST_FOLDED:
            begun += bare[:-1]
            continue
        yield binascii.a2b_qp(begun + line)
        begun = b""
    if begun:
        yield binascii.a2b_qp(begun)


def _put_back(first, rest):
    yield first
    yield from rest


def _string(value):
    """A field of a journal as JSON: text, or a list of bytes, or a list of either."""
    if isinstance(value, list):
        if value and all(isinstance(b, int) and 0 <= b < 256 for b in value):
            return bytes(value).decode(errors="replace")
        value = value[0] if value else None
    return value if isinstance(value, str) else None


def _text_of(entry):
    """The record of an entry; None if there is none, or if just anybody may have written it."""
    if _string(entry.get("_TRANSPORT")) != "kernel" and _string(entry.get("_UID")) not in ("0",
                                                                                           None):
        return None
    own = _string(entry.get("RMP_ENFORCE_RECORD"))
    if own:
        return own
    message = _string(entry.get("MESSAGE")) or ""
    return message[start(message):] if MARK in message else None


def _exported(lines):
    """Entries of the journal's export format, as dictionaries of what is looked at."""
    entry = {}
    for line in lines:
        if line == b"\n":
            if entry:
                yield entry
            entry = {}
            continue
        key, equals, value = line.partition(b"=")
        if equals:
            value = value[:-1] if value.endswith(b"\n") else value
        else:
            # A value that may have anything in it: its size, then the value.
            key, value = line[:-1], _binary(lines)
            if value is None:
                return
        name = _FIELDS_BYTES.get(key)
        if name:
            entry[name] = value.decode(errors="replace")
    if entry:
        yield entry


def _binary(lines):
    data = b""
    while len(data) < 8:
        more = next(lines, None)
        if more is None:
            return None
        data += more
    size = int.from_bytes(data[:8], "little")
    data = data[8:]
    kept, length = [data], len(data)
    while length < size + 1:
        more = next(lines, None)
        if more is None:
            return None
        length += len(more)
        if length <= LONGEST:
            kept.append(more)
    return b"".join(kept)[:size]
