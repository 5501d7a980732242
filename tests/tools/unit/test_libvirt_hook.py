# SPDX-License-Identifier: GPL-2.0-only
"""The libvirt hook: domains that are started, fail, and are started again."""

import contextlib
import io
import os
import re
import subprocess
import tempfile
import time
import unittest
import unittest.mock

from rmpctl import domain, domain_policy, libvirt_hook
from rmpctl.errors import RmpctlError
from rmpctl.host import MODULE, Host

PATIENCE_S = 10
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


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


class Policies(unittest.TestCase):
    def policy(self, metadata):
        return domain_policy.Policy(f"<domain><metadata>{metadata}</metadata>"
                                    "<launchSecurity type='sev-snp'/></domain>")

    def test_ours(self):
        policy = self.policy("<a:b xmlns:a='urn:x'/><r:rmp-enforce mode='strict' "
                             f"xmlns:r='{domain_policy.NAMESPACE}'/>")
        self.assertEqual(policy.assignments(), ["mode=strict"])
        self.assertFalse(self.policy("<a:b xmlns:a='urn:x'>rmp-enforce</a:b>").is_there)

    def test_what_looks_like_ours_is_not_ignored(self):
        ours = f"xmlns='{domain_policy.NAMESPACE}'"
        for metadata, why in (
                ("<rmp-enforce mode='strict'/>", "has no namespace"),
                ("<rmp_enforce mode='strict'/>", "has no namespace"),
                ("<rmp-enforce xmlns='https://rmp-enforce.invalid/libvirt/1' mode='off'/>",
                 "has the namespace 'https://rmp-enforce.invalid/libvirt/1', which this version"),
                (f"<rmp-enforce xmlns='{domain_policy.NAMESPACE[:-1]}2' mode='strict'/>",
                 "does not know"),
                ("<x:RMP-Enforce xmlns:x='urn:x' mode='strict'/>", "has the namespace 'urn:x'"),
                ("<x:rmpenforce xmlns:x='urn:x' mode='strict'/>", "has the namespace 'urn:x'"),
                ("<x:rmp_enforce-policy xmlns:x='urn:x' mode='strict'/>", "has the namespace"),
                (f"<policy xmlns='{domain_policy.NAMESPACE[:-1]}2' mode='strict'/>",
                 "which this version does not know"),
                ("<p:policy xmlns:p='https://example.org/RMP_enforce' mode='strict'/>",
                 "which this version does not know"),
                (f"<a><rmp-enforce {ours} mode='strict'/></a>", "stands where it means nothing"),
                (f"<policy {ours} mode='strict'/>", "is none that there is"),
                (f"<rmp-enforce {ours}/>" * 2, "there are several")):
            with self.assertRaisesRegex(RmpctlError, re.escape(why)):
                self.policy(metadata)

    def test_what_would_mean_nothing(self):
        """Whoever wrote it takes the guest for guarded."""
        start = f"<r:rmp-enforce xmlns:r='{domain_policy.NAMESPACE}' "
        for rest, why in (
                ("action='vc'><mode>strict</mode></r:rmp-enforce>", "has something in it"),
                ("action='vc'>mode=strict</r:rmp-enforce>", "has something in it"),
                ("mode='strict' policy='mode=off'/>", "mode is an attribute of its own"),
                ("mode='strict' policy='vmpl=report, vmpl=enforce'/>", "has vmpl more than once"),
                ("mode='strict' r:mode='off'/>", "has no attribute")):
            with self.assertRaisesRegex(RmpctlError, re.escape(why)):
                self.policy(start + rest).assignments()
        self.assertEqual(self.policy(start + "mode='strict'>\n <!-- x --> </r:rmp-enforce>")
                         .assignments(), ["mode=strict"])

    def test_the_script_lets_through_what_the_policy_refuses(self):
        """libvirt starts it; most domains are not for Python."""
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "rmp-enforce")
            with (open(os.path.join(TOP, "tools", "libvirt", "rmp-enforce"), encoding="ascii") as
                  there, open(script, "w", encoding="ascii") as here):
                here.write(there.read().replace("tools=/usr/share/rmp-enforce-tools",
                                                f"tools='{os.path.join(TOP, 'tools')}'"))
            for metadata, status in (
                    ("<x:RMP_Enforce xmlns:x='urn:x' mode='strict'/>", 1),
                    ("<rmp_enforce mode='strict'/>", 1), ("<x:rmpenforce xmlns:x='urn:x'/>", 1),
                    ("<x:other xmlns:x='urn:x'/>", 0)):
                done = subprocess.run(
                    ["sh", script, "web1", "prepare", "begin", "-"], capture_output=True, text=True,
                    input=f"<domain><metadata>{metadata}</metadata></domain>", check=False)
                self.assertEqual((done.returncode, done.stderr.count("\n")), (status, status),
                                 metadata)

    def test_a_name_that_is_too_long_for_a_file(self):
        said = io.StringIO()
        xml = (f"<domain><metadata><rmp-enforce xmlns='{domain_policy.NAMESPACE}' mode='strict'/>"
               "</metadata><launchSecurity type='sev-snp'/></domain>")
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, MODULE))
            for name, text in (("mode", "lenient"), ("available_modes", "off lenient strict")):
                with open(os.path.join(folder, MODULE, name), "w", encoding="ascii") as file:
                    file.write(text)
            with (contextlib.redirect_stderr(said),
                  unittest.mock.patch("sys.stdin", io.StringIO(xml)),
                  unittest.mock.patch.dict(os.environ, {"RMP_ENFORCE_ROOT": folder})):
                self.assertEqual(libvirt_hook.main(["w" * 250, "start"]), 1)
        self.assertRegex(said.getvalue(), r"\Armp-enforce: domain w+: its policy can't be applied: "
                                          r".*File name too long\.\n\Z")

    def test_the_start_is_refused(self):
        said = io.StringIO()
        xml = "<domain><metadata><rmp-enforce mode='strict'/></metadata></domain>"
        with (contextlib.redirect_stderr(said),
              unittest.mock.patch("sys.stdin", io.StringIO(xml))):
            self.assertEqual(libvirt_hook.main(["web1", "prepare"]), 1)
        self.assertEqual(said.getvalue().count("\n"), 1)
        self.assertIn(f"xmlns='{domain_policy.NAMESPACE}'", said.getvalue())

    def test_documents_have_the_namespace(self):
        for name in ("docs/operators.md", "docs/rollout.md", "docs/walkthrough.md",
                     "tools/libvirt/domain-metadata.xml",
                     "packaging/debian/tests/tools", "tests/tools/host/domains.py"):
            with open(os.path.join(TOP, name), encoding="utf-8") as file:
                text = file.read()
            self.assertIn(domain_policy.NAMESPACE, text, name)
            self.assertNotIn("invalid/libvirt", text, name)
