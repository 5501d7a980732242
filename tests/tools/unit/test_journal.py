# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl journal: each violation of the kernel log becomes one entry, once."""

import os
import sys
import tempfile
import unittest
import unittest.mock

from rmpctl import errors
from rmpctl.commands import journal
from rmpctl.host import MODULE, Host

RECORD = ("4,{seq},1000,-;rmp_enforce: violation vm={vm} pid=4711 comm=qemu vcpu=0 gfn=0x104 "
          "gpa=0x104000 access=shared op=write class=implicit_shared action=none\n")


class Writing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.host = Host(folder.name)
        self.entries = []
        for name in ("dev", MODULE, "proc/sys/kernel/random"):
            os.makedirs(self.host.path(name))
        open(self.host.path(MODULE, "mode"), "w", encoding="ascii").close()
        self.boot("first")

    def boot(self, boot_id):
        with open(self.host.path("proc/sys/kernel/random/boot_id"), "w", encoding="ascii") as file:
            file.write(boot_id + "\n")
        open(self.host.path("dev/kmsg"), "w", encoding="ascii").close()

    def write(self, vm=None):
        return journal.write(self.host, vm, self.entries.append)

    def log(self, vm, seq):
        with open(self.host.path("dev/kmsg"), "a", encoding="ascii") as file:
            file.write(RECORD.format(vm=vm, seq=seq))

    def test_once_whoever_asks(self):
        self.log(1, 10)
        self.log(2, 11)
        self.assertEqual(self.write(2), 1)
        self.assertEqual(self.write(), 1)       # that of VM 1
        self.assertEqual(self.write(), 0)
        self.log(2, 12)
        self.assertEqual(self.write(), 1)
        self.assertEqual(self.write(2), 0)
        entry = self.entries[0]
        self.assertEqual([entry[k] for k in ("RMP_ENFORCE_VM", "RMP_ENFORCE_GFN", "PRIORITY")],
                         ["2", "0x104", "4"])

    def test_numbers_begin_anew_with_a_boot(self):
        self.log(1, 10)
        self.assertEqual(self.write(), 1)
        self.boot("second")
        self.log(1, 3)
        self.assertEqual(self.write(), 1)

    def test_without_a_journal(self):
        self.log(1, 10)
        with self.assertRaisesRegex(errors.RmpctlError, "a bundle has no journal"):
            journal.write(self.host)
        with unittest.mock.patch.object(Host, "is_live", True):
            with self.assertRaisesRegex(errors.RmpctlError, "the journal can't be reached"):
                journal.write(self.host)
            with (unittest.mock.patch.object(Host, "exists", lambda *args: True),
                  unittest.mock.patch.dict(sys.modules, {"systemd": None})):
                with self.assertRaisesRegex(errors.RmpctlError, "package python3-systemd"):
                    journal.write(self.host)
        self.assertEqual(self.write(), 1)       # nothing was taken for written
