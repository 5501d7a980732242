# SPDX-License-Identifier: GPL-2.0-only
"""What packages make of documents."""

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
