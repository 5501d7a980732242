# SPDX-License-Identifier: GPL-2.0-only
"""The second stage: the module with one mistake on the simulated host, as
tests/planted/run does it. First the nearest scenarios, then random guests."""

import fnmatch
import os
import re
import shutil
import subprocess
import time

from mutations import HERE
from results import BROKEN, KILLED, SAME, SURVIVED


class Failed(Exception):
    """The host can't be run, or fails without a mutant."""


def nearest(file):
    """The scenarios of a file, of the table in scenarios."""
    with open(os.path.join(HERE, "scenarios"), encoding="utf-8") as f:
        for line in f:
            words = line.split()
            if words and words[0] != "#" and fnmatch.fnmatch(file, words[0]):
                return words[1:]
    return []


class Host:
    """A folder of its own for one mutated module after the other."""

    def __init__(self, top, build):
        self.top, self.build = top, build
        self.patches = os.path.join(build, "patches")
        self.original = os.path.join(build, "original")
        os.makedirs(self.patches, exist_ok=True)
        self.env = dict(os.environ, RMP_BUILD=build, RMP_PATCHES=self.patches)

    def run(self, name):
        """What tests/planted/run says of NAME.patch: its log."""
        log = os.path.join(self.build, "log")
        with open(log, "w", encoding="utf-8") as out:
            subprocess.run([os.path.join(self.top, "tests/planted/run"), name], check=False,
                           stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env)
        with open(log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def start(self):
        """Without a mutant nothing is found; keeps the objects of the module as it is."""
        text = self.run("none")
        if not re.search(r"^ok 1 none", text, re.M):
            raise Failed(f"the host fails without a mutant: see {self.build}/log")
        shutil.rmtree(self.original, ignore_errors=True)
        shutil.copytree(self.objects(), self.original)

    def objects(self):
        return os.path.join(self.build, "planted/debian/rmp_enforce/src")

    def code(self, folder):
        """The module's code, without what tells lines."""
        code = {}
        for name in sorted(os.listdir(folder)):
            if name.endswith(".o"):
                target = os.path.join(self.build, "stripped.o")
                subprocess.run(["objcopy", "--strip-debug", "--remove-section=.BTF*",
                                os.path.join(folder, name), target], check=True)
                with open(target, "rb") as f:
                    code[name] = f.read()
        return code

    def find(self, mutant, test):
        """Outcome of one line "Test:", and what has found it."""
        with open(os.path.join(self.patches, "mutant.patch"), "w", encoding="utf-8") as f:
            f.write(f"Test: {test}\n\n{mutant.patch()}")
        text = self.run("mutant")
        if "the copy does not build" in text:
            return BROKEN, ""
        result = re.search(r"^(not )?ok 1 mutant", text, re.M)
        if not result:
            raise Failed(f"tests/planted/run gave no result: see {self.build}/log")
        if not result[1]:
            by = re.search(r"^# found by (.*)", text, re.M) or re.search(r"^# (.*)", text, re.M)
            return KILLED, by[1][:100] if by else "the host's end"
        same = self.code(self.objects()) == self.code(self.original)
        return (SAME if same else SURVIVED), ""

    def test(self, mutant):
        """Yields (stage, outcome, by, seconds), until one is no survivor."""
        patterns = nearest(mutant.file)
        for stage, test in (("e2e", "e2e " + " ".join(patterns)), ("torture", "torture")):
            if stage == "e2e" and not patterns:
                continue
            start = time.monotonic()
            outcome, by = self.find(mutant, test)
            yield stage, outcome, by, time.monotonic() - start
            if outcome != SURVIVED:
                return
