# SPDX-License-Identifier: GPL-2.0-only
"""What packages make of documents, and what is installed."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from test_formats import TOP, text_of

PACKAGES = ("rmp-enforce-dkms", "rmp-enforce-tools")


class Documents(unittest.TestCase):
    def test_links_of_installed_documents_lead_somewhere(self):
        """As dh_installdocs lays them out."""
        with tempfile.TemporaryDirectory() as top:
            folders = [os.path.join(top, package) for package in PACKAGES]
            for package, folder in zip(PACKAGES, folders):
                os.mkdir(folder)
                for name in text_of("packaging", "debian", f"{package}.docs").split():
                    path = os.path.join(TOP, name)
                    copy = shutil.copytree if os.path.isdir(path) else shutil.copy
                    copy(path, os.path.join(folder, os.path.basename(name)))
            subprocess.run([os.path.join(TOP, "packaging", "doc-links"), *folders], check=True)
            count = 0
            for folder in folders:
                for name in os.listdir(folder):
                    if not name.endswith(".md"):
                        continue
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        text = file.read()
                    for path in re.findall(r"\]\((?!https?:|#)([^)#]*)", text):
                        self.assertTrue(os.path.exists(os.path.join(folder, path)), (name, path))
                        count += 1
            self.assertGreater(count, 20)
            with open(os.path.join(folders[0], "README.md"), encoding="utf-8") as file:
                text = file.read()
            self.assertIn("[docs/records.md](records.md)", text)
            self.assertIn("docs/operators.md (package rmp-enforce-tools)", text)
            self.assertIn("tests/snpsim (source)", text)
            self.assertNotIn("(README.md)", text)

    def test_rpm_has_the_documents_that_debian_has(self):
        spec = text_of("packaging", "rmp-enforce.spec")
        for package in PACKAGES:
            copied = re.search(r"(?m)^cp -pr ([^%]*)%\{buildroot\}%\{_docdir\}/" + package, spec)
            self.assertEqual(set(copied[1].replace("\\\n", "").split()),
                             {"CHANGELOG.md",
                              *text_of("packaging", "debian", f"{package}.docs").split()})


class Installed(unittest.TestCase):
    def make(self, target, folder):
        subprocess.run(["make", "-s", "-C", os.path.join(TOP, "tools"), target,
                        f"DESTDIR={folder}"], check=True)

    def files(self, folder):
        return {os.path.relpath(os.path.join(top, name), folder)
                for top, _, names in os.walk(folder) for name in names}

    def test_uninstall_leaves_no_file(self):
        with tempfile.TemporaryDirectory() as folder:
            self.make("install", folder)
            self.assertIn("usr/sbin/rmp-flapping.bt", self.files(folder))
            self.assertIn("usr/share/man/man8/rmp-flapping.bt.8", self.files(folder))
            self.assertIn("usr/share/doc/rmp-enforce-tools/examples/rmp-flapping_example.txt",
                          self.files(folder))
            self.make("uninstall", folder)
            self.assertEqual(self.files(folder), set())

    def test_every_version_is_raised(self):
        """Wherever a program reads it; what has all versions is written by hand."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("CHANGELOG.md", "dkms.conf", "docs", "packaging", "src", "tools"):
                path = os.path.join(TOP, name)
                copy = shutil.copytree if os.path.isdir(path) else shutil.copy
                copy(path, os.path.join(folder, name))
            version = os.path.join(folder, "packaging", "version")
            done = subprocess.run([version, "9.8.7"], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, "9.8.7\n"))
            self.assertEqual({line.split(":")[0] for line in done.stderr.splitlines()},
                             {"CHANGELOG.md", "packaging/debian/changelog",
                              "packaging/rmp-enforce.spec"})
            self.assertIn('"rmp_enforce 9.8.7"', text_of(folder, "tools", "bpftrace",
                                                         "rmp-flapping.bt.8"))
