#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""profile.py DIR FUNCTION SECONDS: the second half of profile, see there.

DIR has QEMU's monitor and, growing, the output of profiled (out). QEMU is told to
translate and log each instruction by itself for a while.
"""

import base64
import bisect
import collections
import gzip
import os
import re
import socket
import statistics
import sys
import time

PC = re.compile(r"\[[0-9a-f]+/([0-9a-f]+)/")
LOOKS = 60
ENOUGH = 50


def give_up(why):
    sys.exit("error: " + why)


class Symbols:
    """Names of addresses; the simulator is where its link.ld has it."""

    def __init__(self, text):
        found = sorted((int(a, 16), n) for a, n in (s.split() for s in text.splitlines()))
        self.addresses = [a for a, _ in found]
        self.names = [n for _, n in found]
        self.known = {}

    def entries(self, function):
        return {a for a, n in zip(self.addresses, self.names) if n.split("[")[0] == function}

    def name(self, pc):
        if pc not in self.known:
            if pc >= 1 << 63:
                self.known[pc] = self.names[bisect.bisect(self.addresses, pc) - 1]
            elif 0x20000000 <= pc < 0x40000000:
                self.known[pc] = "(the simulated hardware)"
            else:
                self.known[pc] = "(VMM and guest)"
        return self.known[pc]


def wait_for_symbols(path):
    """They are there, and the first measurement has ended."""
    for _ in range(1200):
        time.sleep(0.1)
        if not os.path.exists(path):
            continue
        with open(path, encoding="ascii", errors="replace") as f:
            text = f.read()
        found = re.search(r"symbols\r?\n(.*)\nend\r?\n.*^\{", text, re.S | re.M)
        if found:
            return Symbols(gzip.decompress(base64.b64decode(found.group(1))).decode())
    return give_up("the host did not measure anything within two minutes")


class Monitor:
    """QEMU's, in its human form."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.answer()
        self.tell("stop")

    def answer(self):
        data = b""
        while not data.rstrip().endswith(b"(qemu)"):
            data += self.socket.recv(65536)

    def tell(self, *commands):
        for command in commands:
            self.socket.sendall(command.encode() + b"\n")
            self.answer()

    def go_on(self, seconds, single):
        # The first is QEMU 7's name, the second that of later ones.
        self.tell(f"singlestep {single}", f"one-insn-per-tb {single}", "cont")
        time.sleep(seconds)
        self.tell("stop")

    def look(self, log, seconds):
        """The program counters of all instructions of that time."""
        self.tell(f"logfile {log}", "log exec,nochain")
        self.go_on(seconds, "on")
        self.tell("log none")
        with open(log, encoding="ascii", errors="replace") as f:
            pcs = [int(m[1], 16) for m in map(PC.search, f) if m]
        os.unlink(log)
        return pcs

    def quit(self):
        self.socket.sendall(b"quit\n")


def runs_of(pcs, entries):
    """From one entry to the next, without the making of a VM in between."""
    begins = [i for i, pc in enumerate(pcs) if pc in entries]
    runs = [pcs[a:b] for a, b in zip(begins, begins[1:])]
    usual = statistics.median(map(len, runs)) if runs else 0
    return [r for r in runs if len(r) < 2 * usual]


def main():
    folder, function, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    symbols = wait_for_symbols(f"{folder}/out")
    entries = symbols.entries(function)
    monitor = Monitor(f"{folder}/monitor")
    runs = []
    for look in range(LOOKS):
        found = runs_of(monitor.look(f"{folder}/trace{look}", seconds), entries)
        runs += found
        if len(runs) >= ENOUGH:
            break
        if not found:
            monitor.go_on(seconds, "off")
    monitor.quit()
    if not runs:
        give_up(f"{function} did not run")

    counts = collections.Counter(symbols.name(pc) for run in runs for pc in run)
    print(f"{function} ran {len(runs)} times; instructions for each, by function:")
    print(f"{sum(counts.values()) / len(runs):9.1f}  all")
    for name, n in counts.most_common(120):
        print(f"{n / len(runs):9.1f}  {name}")


main()
