# SPDX-License-Identifier: GPL-2.0-only
"""The files of a host: of this one, or of another's unpacked bundle."""

import os

from .errors import RmpctlError

MODULE = "sys/kernel/rmp_enforce"
DEBUG = "sys/kernel/debug/rmp_enforce"
SNP_PARAMETER = "sys/module/kvm_amd/parameters/sev_snp"


class Host:
    """Reads and writes files below a root."""

    def __init__(self, root="/"):
        self.root = root

    @property
    def is_live(self):
        return os.path.realpath(self.root) == "/"

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def exists(self, *parts):
        return os.path.exists(self.path(*parts))

    def listdir(self, *parts):
        """Names in a folder, sorted; none if it is not there."""
        try:
            return sorted(os.listdir(self.path(*parts)))
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            return []

    def read(self, *parts):
        """A file's text without the newline at its end.

        Raises OSError as open() and read() do; sysfs answers ENODEV to a reader
        whose VM has just gone.
        """
        with open(self.path(*parts), encoding="utf-8", errors="replace", newline="") as file:
            return file.read().rstrip("\n")

    def read_or(self, default, *parts):
        """As read(), with a default for whatever goes wrong."""
        try:
            return self.read(*parts)
        except OSError:
            return default

    def write(self, text, *parts):
        """Write a sysfs file, as the shell's > does; OSError as the kernel gives it."""
        fd = os.open(self.path(*parts), os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def release(self):
        """The running kernel's, or the one that a bundle was made on."""
        ours = os.uname().release if self.is_live else "unknown"
        return self.read_or(ours, "proc/sys/kernel/osrelease")

    def snp(self):
        """Whether KVM can run SNP guests: True, False, or None without kvm_amd."""
        value = self.read_or(None, SNP_PARAMETER)
        return None if value is None else value in ("Y", "1")

    def need_module(self):
        """Raise the sentence that says why there is nothing to look at."""
        if self.exists(MODULE, "mode"):
            return
        if not self.is_live:
            if not self.exists("check.json"):
                raise RmpctlError(f"{self.root} is not an unpacked bundle: there is no "
                                  "check.json in it.")
            raise RmpctlError("rmp_enforce was not loaded on the host of this bundle; "
                              f"'rmpctl --root {self.root} check' says why.")
        if self.snp() is False:
            raise RmpctlError("rmp_enforce is not loaded, and this host does not run "
                              "SEV-SNP; 'rmpctl check' says what is missing.")
        raise RmpctlError("rmp_enforce is not loaded; run 'modprobe rmp_enforce', and "
                          "'rmpctl check' if it does not load.")

    def need_debugfs(self):
        """Raise the sentence that says why debugfs can't be read."""
        base = self.path(DEBUG)
        try:
            os.listdir(base)
        except PermissionError:
            raise RmpctlError(f"{base} can be read by root only: run as root.") from None
        except OSError:
            if self.is_live and not os.path.ismount(self.path("sys/kernel/debug")):
                if os.geteuid() != 0:
                    raise RmpctlError("page states and histories are in debugfs, which "
                                      "only root can read: run as root.") from None
                raise RmpctlError("debugfs is not mounted: run 'mount -t debugfs debugfs "
                                  "/sys/kernel/debug'.") from None
            raise RmpctlError(f"{base} is not there.") from None
