# SPDX-License-Identifier: GPL-2.0-only
"""Runs the unit tests of the tools; output is TAP."""

import os
import sys
import unittest


class TapResult(unittest.TestResult):
    """One line a test; what is wrong in front of it."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def _line(self, word, test):
        self.number += 1
        print(f"{word} {self.number} - {test.id()}", flush=True)

    def addSuccess(self, test):     # noqa: N802
        self._line("ok", test)

    def addSkip(self, test, reason):    # noqa: N802
        super().addSkip(test, reason)
        self.number += 1
        print(f"ok {self.number} - {test.id()} # SKIP {reason}", flush=True)

    def _bad(self, test, error):
        for line in self._exc_info_to_string(error, test).splitlines():
            print(f"# {line}")
        self._line("not ok", test)

    def addFailure(self, test, err):    # noqa: N802
        super().addFailure(test, err)
        self._bad(test, err)

    def addError(self, test, err):      # noqa: N802
        super().addError(test, err)
        self._bad(test, err)

    def addSubTest(self, test, subtest, err):   # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._bad(subtest, err)


def main():
    suite = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)))
    print(f"1..{suite.countTestCases()}")
    result = TapResult()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
