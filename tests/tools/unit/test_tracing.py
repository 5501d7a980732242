# SPDX-License-Identifier: GPL-2.0-only
"""The scripts for bpftrace: what each says, and the manual page and example beside it. What
they trace: tests/tools/host/tracing_test.py."""

import glob
import os
import re
import subprocess
import unittest

from test_formats import TOP, text_of

FOLDER = os.path.join(TOP, "tools", "bpftrace")
SCRIPTS = sorted(os.path.basename(path) for path in glob.glob(os.path.join(FOLDER, "*.bt")))


def of(name):
    return text_of("tools", "bpftrace", name)


class Scripts(unittest.TestCase):
    def test_are_found_by_the_tools_name(self):
        self.assertTrue(SCRIPTS)
        for name in SCRIPTS:
            self.assertRegex(name, r"^rmp-[a-z-]+\.bt$")
            self.assertTrue(of(name).startswith("#!/usr/bin/bpftrace\n"), name)

    def test_say_what_they_trace_and_how_to_stop(self):
        for name in SCRIPTS:
            self.assertRegex(of(name), r'(?m)^BEGIN\n\{\n\tprintf\("Tracing [^"]+\.\.\. '
                             r'Hit Ctrl-C to end\.\\n"\);', name)

    def test_have_an_example_of_what_they_print(self):
        for name in SCRIPTS:
            script = of(name)
            text = of(name.replace(".bt", "_example.txt"))
            self.assertTrue(text.startswith(f"Demonstration of {name}, which "), name)
            self.assertIn(f"\n# {name}\n", text)
            self.assertIn(re.search(r'"(Tracing [^"]+)\\n"', script)[1], text)
            probes = len(re.findall(r"(?m)^(?:BEGIN|END|\w+:\S+)$", script))
            self.assertIn(f"\nAttaching {probes} probes...\n", text)
            maps = set(re.findall(r"(?m)^@\w+", text))
            self.assertTrue(maps)
            self.assertLessEqual(maps, set(re.findall(r"@\w+", script)), name)

    def test_are_in_the_documents(self):
        text = text_of("docs", "operators.md")
        for name in SCRIPTS:
            self.assertIn(f"| `{name}` |", text)
        self.assertEqual(set(re.findall(r"`(\S+\.bt)`", text)), set(SCRIPTS))


class Pages(unittest.TestCase):
    """Manual pages, of all tools and of the module."""
    ALL = ["docs/rmp_enforce.4", "tools/rmpctl.1",
           *(f"tools/bpftrace/{name}.8" for name in SCRIPTS)]

    def test_are_right_to_man(self):
        env = dict(os.environ, LC_ALL="C.UTF-8", MANROFFSEQ="", MANWIDTH="80")
        for page in self.ALL:
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
                                  cwd=TOP, env=env, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def test_are_found_by_apropos(self):
        for page in self.ALL:
            name = re.sub(r"\.\d$", "", os.path.basename(page))
            done = subprocess.run(["lexgrog", page], cwd=TOP, capture_output=True, text=True,
                                  check=False)
            self.assertIn(f'"{name} - ', done.stdout, page)

    def test_of_scripts_name_what_they_print(self):
        for name in SCRIPTS:
            page = of(f"{name}.8")
            printed = re.findall(r"(?m)^@\w+", of(name.replace(".bt", "_example.txt")))
            for shown in set(printed):
                self.assertIn(f"\n.B {shown}\n", page, name)
