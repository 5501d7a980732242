# SPDX-License-Identifier: GPL-2.0-only
"""The libvirt hook: domains that are started, fail, and are started again."""

import os
import tempfile
import time
import unittest
import unittest.mock

from rmpctl import domain, libvirt_hook
from rmpctl.errors import RmpctlError
from rmpctl.host import MODULE, Host

PATIENCE_S = 10


class FakeHost(Host):
    """Its sysfs is of ordinary files, which keep what is not written over."""

    def write(self, text, *parts):
        os.truncate(self.path(*parts), 0)
        super().write(text, *parts)


class Starting(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.host = FakeHost(folder.name)
        self.put("", MODULE, "mode")
        os.makedirs(self.host.path(MODULE, "vms"))

    def put(self, text, *parts):
        path = self.host.path(*parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def appear(self, vm, pid, name):
        """QEMU, and its VM; last what the hook looks at first."""
        self.put(f"qemu\0-name\0guest={name}\0", "proc", str(pid), "cmdline")
        self.put("inherit\n", MODULE, "new", "mode")
        self.put(f"{pid}\n", MODULE, "new", "pid")
        os.rename(self.host.path(MODULE, "new"), self.host.path(MODULE, "vms", str(vm)))

    def mode(self, vm):
        return self.host.read(MODULE, "vms", str(vm), "mode")

    def children_end(self, count):
        for _ in range(count):
            end = time.monotonic() + PATIENCE_S
            while not os.waitpid(-1, os.WNOHANG)[0]:
                self.assertLess(time.monotonic(), end, "a process of the hook does not end")
                time.sleep(0.02)

    def test_the_policy_of_the_last_start_counts(self):
        libvirt_hook.start(self.host, "web1", {"mode": "off"})      # QEMU did not start
        libvirt_hook.start(self.host, "web1", {"mode": "strict"})
        self.children_end(1)
        self.appear(1, 100, "db1")
        self.appear(2, 200, "web1")
        libvirt_hook.started(self.host, "web1")
        self.children_end(1)
        self.assertEqual((self.mode(1), self.mode(2)), ("inherit", "strict"))
        self.assertEqual(domain.name_of_vm(self.host, 2, 200), "web1")

    def test_names_that_another_hook_forgets_meanwhile(self):
        """The note of a process that has gone long ago vanishes while it is looked at."""
        def stat(path, *args, **kwargs):
            if str(path).endswith("/300"):
                raise FileNotFoundError(2, "No such file or directory", path)
            return plain(path, *args, **kwargs)

        plain = os.stat
        self.put("old", "run/rmp-enforce/domains/300")
        with unittest.mock.patch.object(os, "stat", stat):
            domain.remember(self.host, 200, 2, "web1")
        self.assertEqual(domain.name_of_vm(self.host, 2, 200), "web1")

    def test_the_pid_belongs_to_another_vm_by_now(self):
        domain.remember(self.host, 200, 2, "web1")
        self.appear(3, 200, "db1")
        self.assertEqual(domain.name_of_vm(self.host, 2, 200), "web1")
        self.assertEqual(domain.name_of_vm(self.host, 3, 200), "db1")
        self.assertIsNone(domain.name_of_vm(self.host, 4, 200))

    def test_another_vmm_that_has_the_name_does_not_get_the_policy(self):
        self.appear(1, 100, "web1")
        self.appear(2, 200, "web1")
        self.put("200", "run/libvirt/qemu/web1.pid")
        libvirt_hook.start(self.host, "web1", {"mode": "strict"})
        self.children_end(1)
        self.assertEqual((self.mode(1), self.mode(2)), ("inherit", "strict"))

    def test_nothing_waits_for_a_domain_that_was_released(self):
        libvirt_hook.start(self.host, "web1", {"mode": "strict"})
        os.unlink(self.host.path("run/rmp-enforce/hook/web1.waiting"))
        self.children_end(1)
        self.appear(1, 100, "web1")
        self.assertEqual(self.mode(1), "inherit")

    def test_what_can_not_be_set_is_known_when_it_has_started(self):
        libvirt_hook.start(self.host, "web1", {"nothing": "strict"})
        self.appear(1, 100, "web1")
        with self.assertRaises(RmpctlError):
            libvirt_hook.started(self.host, "web1")
        self.children_end(1)
