# SPDX-License-Identifier: GPL-2.0-only
"""KTAP, and what was measured, for the tables."""

import json
import time

import enforcer

PROGRESS_S = 60     # between lines that say that a guest still does something


def note(text):
    for line in str(text).split("\n"):
        print("# %s" % line, flush=True)


class Progress:
    """A line on what a guest does, now and then, for whoever waits for it."""

    def __init__(self, name, say=note):
        self.name, self.say = name, say
        self.started = self.told = time.monotonic()

    def tell(self, vm, lines):
        """@vm: its number, or None; @lines: (time, text) of its console."""
        now = time.monotonic()
        if vm is None or now < self.told + PROGRESS_S:
            return
        self.told = now
        try:
            pscs, faults = (enforcer.read("vms/%d/%s" % (vm, name))
                            for name in ("psc_completed", "npf_judged"))
        except OSError:     # it has just ended
            return
        last = next((text for _, text in reversed(lines) if text.strip()), "nothing yet")
        self.say("%s: %d s, %s PSCs, %s nested page faults; console: %s" %
                 (self.name, now - self.started, pscs, faults, last))


class Report:
    def __init__(self, path):
        self.path = path
        self.count = 0
        self.failed = 0
        self.measured = {}
        self.started = time.monotonic()
        print("KTAP version 1", flush=True)

    def check(self, ok, name, *why):
        """One result; @why is shown if it failed."""
        self.count += 1
        self.failed += not ok
        print("%sok %d %s" % ("" if ok else "not ", self.count, name))
        for line in why if not ok else ():
            self.note(line)
        print(end="", flush=True)
        return ok

    def note(self, text):
        note(text)

    def step(self, text):
        self.note("%s (after %d s)" % (text, time.monotonic() - self.started))

    def measure(self, kind, name, value):
        self.measured.setdefault(kind, {})[name] = value

    def end(self):
        with open(self.path, "w", encoding="utf-8") as f:
            json.dump(self.measured, f, indent=1)
        print("1..%d" % self.count)
        print("# Totals: pass:%d fail:%d skip:0" % (self.count - self.failed, self.failed),
              flush=True)
        return 1 if self.failed or not self.count else 0
