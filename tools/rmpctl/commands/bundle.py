# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl bundle: all that a maintainer would ask for, in one tar file.

No guest memory: the only files that have any of it are SITES, and these are left out
unless they are asked for.  Files keep their paths, so that "rmpctl --root DIR" works on
the unpacked bundle.
"""

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import time

from .. import VERSION, checks, domain, klog
from ..errors import OK, RmpctlError
from ..host import DEBUG, MODULE
from ..output import print_json, say
from ..printable import printable

# Of the kernel log, what belongs to the subject.
KLOG = re.compile(r"rmp_enforce|kvm|SEV|sev|ccp|RMP|AMD-Vi|iommu|BUG|WARNING|Oops|Call Trace|"
                  r"Command line|Linux version|livepatch|ftrace", re.ASCII)

FILES = (
    "proc/version", "proc/cmdline", "proc/modules", "proc/sys/kernel/osrelease",
    "proc/sys/kernel/tainted", "proc/sys/kernel/ftrace_enabled", "etc/os-release",
    "sys/kernel/security/lockdown", "etc/modprobe.d/rmp_enforce.conf",
    "sys/kernel/tracing/enabled_functions",
)
FOLDERS = (MODULE, DEBUG, "sys/module/rmp_enforce", "sys/module/kvm_amd/parameters",
           "sys/module/kvm/parameters", "sys/kernel/livepatch", domain.NOTES)
# Registers of guests, and words of their stacks: secrets of theirs.
SITES = re.compile(rf"{DEBUG}/[^/]+/sites")
COMMANDS = (("modinfo", "modinfo", "rmp_enforce"), ("dkms-status", "dkms", "status"),
            ("packages", "dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\n",
             "rmp-enforce*", "linux-image-*", "qemu-system-x86*", "libvirt-daemon*", "ovmf*",
             "systemd", "dkms"))

# Of a VMM's arguments, the options whose values say how the guest was set up. All others may
# be secrets: keys, credentials in SMBIOS strings, files for the guest, URLs.
SHOWN = ("name", "machine", "M", "accel", "cpu", "smp", "m", "object", "kernel", "bios", "numa",
         "device", "global", "overcommit")
HIDDEN = re.compile(r"(?<=password=)[^,]*|(?<=,data=)[^,]*|"
                    r'(?<="data":)\s*"[^"]*"|(?<="password":)\s*"[^"]*"')
LIMIT = 16 << 20    # of one file
CHUNK = 1 << 16
COMMAND_S = 60

WHERE_TO = """\
It goes to the issue tracker of the project that your package comes from. It has names of
domains and arguments of VMMs in it: if everybody can read the tracker, write there that
you have it, and send it to the maintainer who asks."""

SUMMARY = "all that a maintainer would ask for, in one tar file"
DETAILS = ("Settings, counters, page states, histories, the kernel log as far as it is of the "
           "subject, versions. No guest memory; nor registers, unless --with-sites is given. "
           "'rmpctl --root FOLDER' looks into an unpacked one.")


def arguments(parser):
    parser.add_argument("-o", "--output", metavar="FILE",
                        help="write FILE (default: rmp_enforce-HOST-DATE.tar.gz in this folder)")
    parser.add_argument("--with-sites", action="store_true",
                        help="with registers and words of the kernel's stack of guests that may "
                        "be debugged, for 'rmpctl where': they may have secrets of the guest "
                        "in them")


def without_secrets(args):
    """A VMM's arguments, those that may be secret as three dots."""
    out, option = [], None
    for i, arg in enumerate(args):
        if arg.startswith("-"):
            option = arg.lstrip("-")
            out.append(arg if "=" not in arg else arg.partition("=")[0] + "=...")
        elif i == 0:
            out.append(arg)
        else:
            out.append(HIDDEN.sub("...", arg) if option in SHOWN else "...")
    return out


def contents(with_sites):
    """What of guests is in it."""
    if with_sites:
        return ("REGISTERS OF GUESTS and words of their kernels' stacks are in it: they may have "
                "secrets of the guests in them. No other guest memory is.")
    return "There is no guest memory in it, and no registers of guests."


class Bundle:
    """A tar file that is being filled; what could not be read is noted in it."""

    def __init__(self, host, file, top, say, with_sites=False):
        self.host = host
        self.with_sites = with_sites
        self.tar = tarfile.open(fileobj=file, mode="w:gz")
        self.top = top
        self.say = say
        self.missing = []

    def add(self, name, data):
        """A file of text or bytes."""
        if isinstance(data, str):
            data = data.encode(errors="replace")
        info = tarfile.TarInfo(f"{self.top}/{name}")
        info.size, info.mtime, info.mode = len(data), int(time.time()), 0o644
        self.tar.addfile(info, io.BytesIO(data))

    def copy(self, name):
        """A file of the host, at the same place.

        Files of sysfs and debugfs have no size: read until the end, in small parts,
        since those of /proc/sys allocate what they are asked for.
        """
        data = b""
        try:
            with open(self.host.path(name), "rb", buffering=0) as file:
                while len(data) <= LIMIT:
                    part = file.read(CHUNK)
                    if not part:
                        break
                    data += part
        except OSError as error:
            self.missing.append(f"{name}: {error.strerror}")
            return
        if len(data) > LIMIT:
            self.missing.append(f"{name}: cut at {LIMIT} bytes")
            data = data[:data.rfind(b"\n", 0, LIMIT) + 1]
        self.add(name, data)

    def copy_folder(self, name):
        """A folder, its links as they are followed by nobody."""
        base = self.host.path(name)
        if not os.path.isdir(base):
            self.missing.append(f"{name}: not there")
            return
        for folder, folders, files in os.walk(base):
            # Section addresses and notes of modules are of no use.
            folders[:] = sorted(f for f in folders if f not in ("sections", "notes", "holders",
                                                                "drivers"))
            for file in sorted(files):
                path = os.path.join(folder, file)
                name = os.path.relpath(path, self.host.path())
                if SITES.fullmatch(name) and not self.with_sites:
                    self.missing.append(f"{name}: left out, registers of the guest; --with-sites "
                                        "takes them along")
                    continue
                try:
                    readable = os.stat(path).st_mode & 0o444 and os.access(path, os.R_OK)
                except OSError as error:    # a VM may end meanwhile
                    self.missing.append(f"{name}: {error.strerror}")
                    continue
                if readable:
                    self.copy(name)

    def command(self, name, *args):
        """What a program prints; it may not be there, or fail."""
        if not shutil.which(args[0]):
            self.missing.append(f"{args[0]}: not installed")
            return
        try:
            done = subprocess.run(args, capture_output=True, timeout=COMMAND_S, check=False,
                                  stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            self.missing.append(f"{args[0]}: took more than {COMMAND_S} s")
            return
        self.add(f"commands/{name}", done.stdout + done.stderr)

    def kernel_log(self):
        try:
            lines = [f"{m.level},{m.seq},{m.usec},-;{m.text}\n"
                     for m in klog.messages(self.host) if KLOG.search(m.text)]
        except RmpctlError as error:
            self.missing.append(f"dev/kmsg: {error}")
            return
        self.add("dev/kmsg", "".join(lines))

    def vmms(self):
        """The arguments of each VMM, which have the domain's name; no secrets."""
        for vm_id in self.host.listdir(MODULE, "vms"):
            pid = self.host.read_or("", MODULE, "vms", vm_id, "pid")
            args = domain.cmdline(self.host, pid) if pid else []
            if args:
                self.add(f"proc/{pid}/cmdline", "\0".join(without_secrets(args)) + "\0")

    def fill(self):
        self.say("settings, counters, page states")
        for folder in FOLDERS:
            self.copy_folder(folder)
        self.say("kernel, configuration, log")
        for name in FILES:
            self.copy(name)
        release = self.host.read_or(os.uname().release, "proc/sys/kernel/osrelease")
        self.copy(f"boot/config-{release}")
        self.kernel_log()
        self.vmms()
        if self.host.is_live:
            self.say("versions of packages")
            for name, *args in COMMANDS:
                self.command(name, *args)
        results = [r._asdict() for r in checks.run(self.host)]
        self.add("check.json", json.dumps(results, indent=2) + "\n")
        self.add("not-there.txt", "".join(f"{m}\n" for m in self.missing))
        self.add("README.txt", f"Made by rmpctl {VERSION}. Look at it with\n"
                 "\n    rmpctl --root THIS_FOLDER list\n\n"
                 "and so on. check.json is what 'rmpctl check' said, not-there.txt what could "
                 f"not be read.\n\n{contents(self.with_sites)} {WHERE_TO}\n")
        self.tar.close()


def default_name(host):
    stamp = time.strftime("%Y%m%d-%H%M%S")
    node = os.uname().nodename.split(".")[0] if host.is_live else "bundle"
    node = re.sub(r"[^A-Za-z0-9-]", "", node) or "host"
    return f"rmp_enforce-{node}-{stamp}"


def write(host, path=None, with_sites=False):
    """Make the bundle; its path.  It may hold names of domains: for root only."""
    top = default_name(host)
    # A name that can be guessed may have been taken by somebody, in /tmp for instance.
    mode = os.O_TRUNC if path else os.O_EXCL
    path = path or f"{top}.tar.gz"

    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
    except OSError as error:
        raise RmpctlError(f"can't write {path}: {error.strerror}.") from None
    try:
        with os.fdopen(fd, "wb") as file:
            Bundle(host, file, top, lambda text: say(f"{text} ..."), with_sites).fill()
    except BaseException:
        # Half of one looks like a whole one.
        if os.path.isfile(path):
            os.unlink(path)
        raise
    return path


def run(host, args):
    if host.is_live and os.geteuid() != 0:
        raise RmpctlError("most of what belongs in a bundle can be read by root only: "
                          "run as root.")
    path = write(host, args.output, args.with_sites)
    if args.json:
        print_json({"file": path, "bytes": os.path.getsize(path)})
    else:
        has = "registers of guests" if args.with_sites else "no guest memory"
        print(f"{printable(path)}: {os.path.getsize(path)} bytes, {has} in it")
        print(WHERE_TO)
        if args.with_sites:
            say("registers and stacks of guests are in it: send it to nobody who may not see "
                "the guests' secrets.")
    return OK
