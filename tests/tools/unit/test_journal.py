# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl journal: each violation of the kernel log becomes one entry, once."""

import os
import socket
import tempfile
import unittest

from rmpctl import errors
from rmpctl.commands import journal
from rmpctl.host import Host

RECORD = ("4,{seq},1000,-;rmp_enforce: violation vm={vm} pid=4711 comm=qemu vcpu=0 gfn=0x104 "
          "gpa=0x104000 access=shared op=write class=implicit_shared action=none\n")


class Writing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.host = Host(folder.name)
        for name in ("dev", "run/systemd/journal", "proc/sys/kernel/random"):
            os.makedirs(self.host.path(name))
        self.boot("first")

    def boot(self, boot_id):
        with open(self.host.path("proc/sys/kernel/random/boot_id"), "w", encoding="ascii") as file:
            file.write(boot_id + "\n")
        open(self.host.path("dev/kmsg"), "w", encoding="ascii").close()

    def listen(self):
        self.journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.journald.close)
        self.journald.bind(self.host.path(journal.SOCKET))

    def log(self, vm, seq):
        with open(self.host.path("dev/kmsg"), "a", encoding="ascii") as file:
            file.write(RECORD.format(vm=vm, seq=seq))

    def test_once_whoever_asks(self):
        self.listen()
        self.log(1, 10)
        self.log(2, 11)
        self.assertEqual(journal.write(self.host, 2), 1)
        self.assertEqual(journal.write(self.host), 1)       # that of VM 1
        self.assertEqual(journal.write(self.host), 0)
        self.log(2, 12)
        self.assertEqual(journal.write(self.host), 1)
        self.assertEqual(journal.write(self.host, 2), 0)
        entry = self.journald.recv(65536).decode().splitlines()
        self.assertIn("RMP_ENFORCE_VM=2", entry)
        self.assertIn("RMP_ENFORCE_GFN=0x104", entry)
        self.assertIn("PRIORITY=4", entry)

    def test_numbers_begin_anew_with_a_boot(self):
        self.listen()
        self.log(1, 10)
        self.assertEqual(journal.write(self.host), 1)
        self.boot("second")
        self.log(1, 3)
        self.assertEqual(journal.write(self.host), 1)

    def test_without_a_journal(self):
        self.log(1, 10)
        with self.assertRaisesRegex(errors.RmpctlError, "the journal can't be reached"):
            journal.write(self.host)
