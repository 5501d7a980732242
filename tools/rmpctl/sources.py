# SPDX-License-Identifier: GPL-2.0-only
"""Where records of many hosts are: logs, journals, bundles, folders of these.

What is in them was made elsewhere.  It is read, and never unpacked to the disk.
"""

import contextlib
import gzip
import io
import lzma
import os
import re
import subprocess
import tarfile
import zlib

from . import domain, neighbours, psc
from .errors import RmpctlError
from .hosts import ByHost
from .reading import Reading
from .record import Record

# Fields of the journal that reading.py looks at, and the entries that may have a record.
FIELDS = ("MESSAGE,RMP_ENFORCE_RECORD,RMP_ENFORCE_DOMAIN,RMP_ENFORCE_KMSG_USEC,_HOSTNAME,"
          "_TRANSPORT,_UID,_BOOT_ID,_SOURCE_MONOTONIC_TIMESTAMP")
MATCHES = ("_TRANSPORT=kernel", "+", "SYSLOG_IDENTIFIER=rmp_enforce", "+",
           "SYSLOG_IDENTIFIER=kernel")

JOURNAL, GZIP, XZ = b"LPKSHHRH", b"\x1f\x8b", b"\xfd7zXZ\x00"
BUNDLE_NAME = re.compile(r"rmp_enforce-(?P<host>[A-Za-z0-9-]+?)-\d{8}-\d{6}")
# In a bundle: files with records, and what tells a VM's domain.
_IN_BUNDLE = re.compile(
    r"(?:^|/)(?:(?P<records>dev/kmsg|sys/kernel/debug/rmp_enforce/\d+/violations)|"
    r"(?P<history>sys/kernel/debug/rmp_enforce/\d+/psc_history)|proc/(?P<pid>\d+)/cmdline|"
    rf"{domain.NOTES}/(?P<vm>\d+))$")
# Of one file in a bundle; the tool that makes them cuts there, too.
LIMIT = 64 << 20


def host_of_bundle(path):
    """The host that an unpacked bundle is of, by the name of its folder."""
    path = os.path.abspath(path)
    named = BUNDLE_NAME.search(os.path.basename(path))
    return named["host"] if named else _stem(path)


class Sources:
    """Records of all inputs, one after the other.

    domains has names by (host, vm, pid).  Of bundles, pids has them by (host, pid), and images
    the kernel or firmware that the guest was started with.  cut counts records that say nothing,
    problems has (input, what is wrong with it).  names_hosts: an input whose lines do not name
    their host is a host by its own name.
    """

    def __init__(self, names_hosts=True):
        self.names_hosts = names_hosts
        self.cut = 0
        self.inputs = 0
        self.domains, self.pids, self.images = ByHost(), ByHost(), ByHost()
        self._history = []
        self.problems = []

    def of(self, path):
        """The records of a file, of a bundle, or of all files in a folder."""
        if os.path.isdir(path) and not os.path.exists(os.path.join(path, "check.json")):
            for folder, folders, files in os.walk(path, onerror=self._not_read):
                bundles = [name for name in folders if self._is_bundle(folder, name)]
                folders[:] = sorted(set(folders) - set(bundles))
                for name in sorted(files + bundles):
                    full = os.path.join(folder, name)
                    if name in bundles or os.path.isfile(full):
                        yield from self._try(full)
        else:
            yield from self._try(path)

    def _not_read(self, error):
        self.problems.append((error.filename, error.strerror))

    @staticmethod
    def _is_bundle(folder, name):
        return os.path.exists(os.path.join(folder, name, "check.json"))

    def _try(self, path):
        self.inputs += 1
        try:
            if os.path.isdir(path):
                yield from self._unpacked(path)
            else:
                yield from self._file(path)
        except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError,
                RmpctlError) as error:
            self.problems.append((path, getattr(error, "strerror", None) or str(error)))
        except (ValueError, LookupError, OverflowError):
            # tarfile lets them out, of a header that somebody has made up.
            self.problems.append((path, "it is broken"))

    def _file(self, path):
        with open(path, "rb") as file:
            head = file.peek(512)
            if head.startswith(JOURNAL):
                yield from self._journal(path)
                return
            with _plain(file, head) as plain:
                if plain.peek(512)[257:262] == b"ustar":
                    yield from self._bundle(path, plain)
                else:
                    yield from self.stream(plain, _stem(path))

    def stream(self, file, name):
        """The records of one stream; name stands for a host that the lines do not name."""
        name = name if self.names_hosts else None
        source = Reading(file)
        for record in source:
            record.host = record.host or name
            yield record
        self.cut += source.cut
        for (host, vm, pid), found in source.domains.items():
            self.domains.note(host or name, vm, pid, value=found)

    def _journal(self, path):
        """journalctl knows what all versions of the file's format are."""
        try:
            process = subprocess.Popen(
                ["journalctl", "--quiet", f"--file={path}", "--output=export",
                 f"--output-fields={FIELDS}", *MATCHES], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        except FileNotFoundError:
            raise RmpctlError("a journal is read by journalctl, which is not installed") from None
        with process:
            yield from self.stream(process.stdout, _stem(path))
            said = process.stderr.read().decode(errors="replace").strip()
        if process.returncode:
            raise RmpctlError(said.split("\n")[-1] or "journalctl can't read it")

    def _bundle(self, path, file):
        named = BUNDLE_NAME.search(os.path.basename(path))
        host = named["host"] if named else None
        with tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                found = _IN_BUNDLE.search(member.name)
                if host is None:
                    named = BUNDLE_NAME.match(member.name)
                    host = named["host"] if named else _stem(path)
                if not found or not member.isfile() or member.size > LIMIT:
                    continue
                yield from self._of_bundle(host, found, tar.extractfile(member))

    def _unpacked(self, path):
        host = host_of_bundle(path)
        for folder, folders, files in os.walk(path):
            # As in the tar file: dev/kmsg last, and psc_history before violations.
            folders.sort(key=lambda name: (name == "dev", name))
            for name in sorted(files):
                full = os.path.join(folder, name)
                found = _IN_BUNDLE.search(os.path.relpath(full, path))
                if found and os.path.isfile(full) and not os.path.islink(full):
                    with open(full, "rb") as file:
                        yield from self._of_bundle(host, found, file)

    def _of_bundle(self, host, found, file):
        if found["pid"]:
            args = file.read(1 << 20).decode(errors="replace").rstrip("\0").split("\0")
            name = domain.name_from_cmdline(args)
            if name:
                self.pids.note(host, found["pid"], value=name)
            for option, value in zip(args, args[1:]):
                if option in ("-kernel", "-bios"):
                    self.images.note(host, found["pid"], value=os.path.basename(value)[:255])
            return
        if found["vm"]:
            pid, _, name = file.read(1 << 12).decode(errors="replace").partition(" ")
            if name:
                self.domains.note(host, found["vm"], pid, value=name[:domain.LONGEST])
            return
        if found["history"]:
            self._history = list(psc.read(line.decode(errors="replace") for line in _lines(file)))
            return
        for line in _lines(file):
            record = Record.from_line(line.decode(errors="replace").rstrip("\n"))
            if record:
                record.host = host
                record.neighbour = self._neighbour(record)
                yield record

    def _neighbour(self, record):
        """What the pages next to this one were asked for as; psc_history comes before records."""
        until = record.number("psc_seq")
        if until is None or record.gfn is None:
            return None
        before, after = neighbours.adjacent(self._history, record.gfn, record["access"], until)
        if before:
            return f"right after pages that were asked for as {record['access']}"
        return f"right before pages that were asked for as {record['access']}" if after else None

    def domain_of(self, host, vm, pid):
        """The domain of a VM, as far as any input says it."""
        return self.domains.get(host, vm, pid) or self.pids.get(host, pid)


def _lines(file):
    return iter(lambda: file.readline(1 << 16), b"")


@contextlib.contextmanager
def _plain(file, head):
    """What is in a file that may be compressed."""
    if head.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as plain:
            yield io.BufferedReader(plain)
    elif head.startswith(XZ):
        with lzma.LZMAFile(file) as plain:
            yield io.BufferedReader(plain)
    else:
        yield file


def _stem(path):
    return re.sub(r"(\.(log|txt|json|export|journal|gz|xz|tar|tgz))+$", "",
                  os.path.basename(path)) or path
