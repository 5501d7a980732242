# SPDX-License-Identifier: GPL-2.0-only
"""Tests as functions, results as KTAP."""

import os
import sys
import time
import traceback


class Suite:
    """Collects tests in the order of their definition, and runs them.

    With RMP_SHORT set, those that are not long only.
    """

    def __init__(self, on_failure=None):
        self.tests = []
        self.on_failure = on_failure    # what to call after a test that failed

    def test(self, name, long=False):
        def add(function):
            if not (long and "RMP_SHORT" in os.environ):
                self.tests.append((name, function))
            return function
        return add

    def run(self):
        """0 if all passed."""
        failed = 0
        print("KTAP version 1")
        print(f"1..{len(self.tests)}", flush=True)
        for number, (name, function) in enumerate(self.tests, 1):
            start = time.monotonic()
            try:
                function()
                word = "ok"
            except Exception:       # whatever it is, the next test is to run
                for line in traceback.format_exc().splitlines():
                    print(f"# {line}")
                word = "not ok"
                failed += 1
                if self.on_failure:
                    self.on_failure()
            print(f"# {time.monotonic() - start:.1f} s")
            print(f"{word} {number} {name}", flush=True)
        return int(failed > 0)


def has(text, *wanted):
    """Each of wanted is in the text."""
    for w in wanted:
        if w not in text:
            raise AssertionError(f"no {w!r} in:\n{text}")


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"{got!r}, not {expected!r}")


def main(suite):
    sys.exit(suite.run())
