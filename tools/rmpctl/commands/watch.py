# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl watch: VMs, their rates and the last violations, live."""

import json
import os
import sys
import time

from ..arguments import at_least
from ..errors import OK, RmpctlError
from ..host import MODULE
from ..printable import printable
from ..rates import Sampler
from ..watch_table import Table, obituary

SUMMARY = "VMs, rates and violations, live"
DETAILS = ("Full screen in a terminal; ? there has its keys. With --json, --count, or into a pipe: "
           "lines. NEW are errors since it was started. Guests that have ended with errors are "
           "there, too.")


def arguments(parser):
    parser.add_argument("-i", "--interval", type=at_least(0.1), default=1.0, metavar="S",
                        help="seconds between two looks (default 1)")
    parser.add_argument("-n", "--count", type=at_least(1), metavar="N",
                        help="print N times, then end")


def title(host):
    mode = host.read(MODULE, "mode")
    return printable(f"rmp_enforce {host.read(MODULE, 'version')}   mode {mode}   action "
                     f"{host.read(MODULE, 'action')}   {time.strftime('%H:%M:%S')}")


def log(host, interval, count, as_json):
    """A block of lines (or a line of JSON) every interval: for files and pipes."""
    sampler = Sampler(host)
    sampler.sample()
    done = 0
    while count is None or done < count:
        time.sleep(interval)
        rows = sampler.sample()
        if as_json:
            print(json.dumps({"time": time.time(), "mode": host.read(MODULE, "mode"),
                              "vms": rows, "ended": sampler.ended,
                              "nameless_errors": sampler.nameless_errors}), flush=True)
        else:
            print(title(host))
            table = Table(rows + sampler.ended)
            print(table.head())
            for row in rows + sampler.ended:
                print(table.line(row))
            if sampler.nameless_errors:
                print(obituary([], sampler.nameless_errors, 200)[1])
            print(flush=True)
        done += 1


def _has_screen():
    """Whether there is a terminal that can be drawn on, and typed into."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        return False
    return os.environ.get("TERM", "dumb") != "dumb"


def watch(host, interval, count, as_json):
    """The screen where there is one; else, or with a count, lines."""
    if as_json or count is not None or not _has_screen():
        log(host, interval, count, as_json)
        return
    try:
        import curses
        from ..watch_screen import Screen
    except ImportError:
        raise RmpctlError("this Python has no curses: use 'rmpctl watch --count N'.") from None
    try:
        Screen(host, interval).run()
    except curses.error as error:
        raise RmpctlError(f"this terminal can't be drawn on ({error}): use 'rmpctl watch --count "
                          "N'.") from None


def run(host, args):
    host.need_module()
    watch(host, args.interval, args.count, args.json)
    return OK
