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
# No RPM of it.
GUEST = "rmp-enforce-guest-dkms"


class Documents(unittest.TestCase):
    def test_links_of_installed_documents_lead_somewhere(self):
        """As dh_installdocs lays them out."""
        packages = (*PACKAGES, GUEST)
        control = text_of("packaging", "debian", "control")
        self.assertEqual(set(re.findall(r"(?m)^Package: (.*)", control)), set(packages))
        rules = text_of("packaging", "debian", "rules")
        self.assertEqual(set(re.findall(r"debian/\S+/usr/share/doc/(\S+)", rules)), set(packages))
        with tempfile.TemporaryDirectory() as top:
            folders = [os.path.join(top, package) for package in packages]
            for package, folder in zip(packages, folders):
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
            with open(os.path.join(folders[2], "README.md"), encoding="utf-8") as file:
                self.assertIn("(docs/linux-guest.md (package rmp-enforce-tools))", file.read())

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

    def test_source_for_dkms_is_whole(self):
        """From a source package: what DKMS is given has all that it builds, and no more."""
        for target, module, more in (("dkms-source", "rmp_enforce", {"Makefile"}),
                                     ("guest-dkms-source", "rmp_enforce_guest", set())):
            with self.subTest(target), tempfile.TemporaryDirectory() as folder:
                source, root = os.path.join(folder, "source"), os.path.join(folder, "root")
                lib = os.path.join(TOP, "packaging", "lib.sh")
                subprocess.run(["bash", "-c", '. "$1"; source_to "$2"', "sh", lib, source],
                               check=True)
                subprocess.run(["make", "-s", "-C", source, target, f"DESTDIR={root}"],
                               check=True)
                conf = text_of(source, "dkms.conf" if more else "guest/dkms.conf")
                name, version = (re.search(rf'(?m)^PACKAGE_{key}="(.*)"', conf)[1]
                                 for key in ("NAME", "VERSION"))
                self.assertEqual(name, module)
                self.assertIn(f'BUILT_MODULE_NAME[0]="{module}"', conf)
                there = os.path.join(root, "usr", "src", f"{module}-{version}")
                self.assertEqual(os.listdir(os.path.join(root, "usr", "src")),
                                 [f"{module}-{version}"])
                kbuild = text_of(there, "Kbuild")
                self.assertIn(f"obj-m := {module}.o", kbuild)
                objects = set(re.findall(r"(?m)\b(src/\w+)\.o", kbuild)) or {module}
                sources = {name for name in self.files(there)
                           if name.endswith(".c") and not name.startswith("compat/")}
                self.assertEqual(sources, {f"{name}.c" for name in objects})
                self.assertEqual({name for name in self.files(there) if "/" not in name} - sources,
                                 {"Kbuild", "dkms.conf"} | more)

    def test_every_version_is_raised(self):
        """Wherever a program reads it; what has all versions is written by hand."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("CHANGELOG.md", "dkms.conf", "docs", "guest", "packaging", "src",
                         "tools"):
                path = os.path.join(TOP, name)
                copy = shutil.copytree if os.path.isdir(path) else shutil.copy
                copy(path, os.path.join(folder, name))
            version = os.path.join(folder, "packaging", "version")
            done = subprocess.run([version, "9.8.7"], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, "9.8.7\n"))
            self.assertEqual({line.split(":")[0] for line in done.stderr.splitlines()},
                             {"CHANGELOG.md", "packaging/debian/changelog",
                              "packaging/rmp-enforce.spec"})
            self.assertIn('PACKAGE_VERSION="9.8.7"', text_of(folder, "guest", "dkms.conf"))
            self.assertIn('MODULE_VERSION("9.8.7")',
                          text_of(folder, "guest", "rmp_enforce_guest.c"))
            self.assertIn('"rmp_enforce 9.8.7"', text_of(folder, "tools", "bpftrace",
                                                         "rmp-flapping.bt.8"))
