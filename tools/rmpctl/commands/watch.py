# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl watch: VMs, their rates and the last violations, live."""

import json
import sys
import time

from .. import klog
from ..arguments import at_least
from ..errors import OK, RmpctlError
from ..host import MODULE
from ..printable import printable
from ..rates import Sampler

# What matters most comes first: a terminal of 80 columns ends after PSC/s.
HEAD = ("VM", "DOMAIN", "MODE", "STATE", "ERRORS", "NEW", "NOTED", "PSC/s", "PAGES/s", "NPF/s",
        "HISTORY")
WIDTHS = (4, 18, 7, 10, 7, 5, 6, 7, 8, 8, 8)
LEFT = (1, 2, 3, 10)    # columns of text
SORTS = {"v": "errors", "p": "psc_completed", "n": "npf_judged", "i": "vm"}

SUMMARY = "VMs, rates and violations, live"
DETAILS = ("Full screen in a terminal. With --json, --count, or into a pipe: lines. NEW are "
           "errors since it was started.")


def arguments(parser):
    parser.add_argument("-i", "--interval", type=at_least(0.1), default=1.0, metavar="S",
                        help="seconds between two looks (default 1)")
    parser.add_argument("-n", "--count", type=at_least(1), metavar="N",
                        help="print N times, then end")


def _cells(row):
    name = printable(row["domain"] or f"({row['comm']}, {row['pid']})")
    return (row["vm"], name, row["mode"], row["state"], row["errors"], row["new_errors"],
            row["noted"], f"{row['psc_completed_per_s']:.0f}", f"{row['psc_pages_per_s']:.0f}",
            f"{row['npf_judged_per_s']:.0f}", row["history"])


def _line(cells):
    out = []
    for i, (cell, width) in enumerate(zip(cells, WIDTHS)):
        text = str(cell)[:width]
        out.append(text.ljust(width) if i in LEFT else text.rjust(width))
    return "  ".join(out).rstrip()


def title(host):
    mode = host.read(MODULE, "mode")
    return (f"rmp_enforce {host.read(MODULE, 'version')}   mode {mode}   action "
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
                              "vms": rows}), flush=True)
        else:
            print(title(host))
            print(_line(HEAD))
            for row in rows:
                print(_line(_cells(row)))
            print(flush=True)
        done += 1


class Screen:
    """The full-screen view."""

    def __init__(self, host, interval):
        self.host = host
        self.interval = interval
        self.sampler = Sampler(host)
        self.sort = "vm"
        self.rows = []
        self.colours = {}

    def run(self):
        import curses
        curses.wrapper(self._loop)

    def _setup(self, curses):
        try:
            curses.curs_set(0)
        except curses.error:
            pass
        if curses.has_colors():
            curses.use_default_colors()
            for i, (name, colour) in enumerate((("bad", curses.COLOR_RED),
                                                ("good", curses.COLOR_GREEN),
                                                ("warn", curses.COLOR_YELLOW)), 1):
                curses.init_pair(i, colour, -1)
                self.colours[name] = curses.color_pair(i)
        self.colours["head"] = curses.A_REVERSE
        self.colours["bold"] = curses.A_BOLD

    def _colour(self, name):
        return self.colours.get(name, 0)

    def _loop(self, window):
        import curses
        self._setup(curses)
        self.sampler.sample()
        window.timeout(int(self.interval * 1000))
        due = 0.0
        while True:
            if time.monotonic() >= due:
                self.rows = self.sampler.sample()
                due = time.monotonic() + self.interval
            self._draw(window)
            window.timeout(max(int((due - time.monotonic()) * 1000), 1))
            key = window.getch()
            if key in (ord("q"), 27):
                return
            if 0 < key < 256 and chr(key) in SORTS:
                self.sort = SORTS[chr(key)]

    def _put(self, window, y, text, attribute=0):
        height, width = window.getmaxyx()
        if 0 <= y < height:
            window.addnstr(y, 0, text, width - 1, attribute)

    def _draw(self, window):
        window.erase()
        height, width = window.getmaxyx()
        mode = self.host.read(MODULE, "mode")
        self._put(window, 0, title(self.host),
                  self._colour("warn" if mode == "off" else "bold"))
        self._put(window, 2, _line(HEAD).ljust(width - 1), self._colour("head"))
        rows = sorted(self.rows, key=lambda r: (r[self.sort] if self.sort == "vm" else
                                                -r[self.sort]))
        room = max(height - 16, 3)
        for y, row in enumerate(rows[:room], 3):
            colour = self._colour("good")
            if row["history"] != "complete":
                colour = self._colour("warn")
            if row["errors"] or row["state"] == "terminated":
                colour = self._colour("bad")
            if row["new_errors"]:
                colour |= self._colour("bold")
            self._put(window, y, _line(_cells(row)), colour)
        y = 3 + min(len(rows), room)
        if len(rows) > room:
            self._put(window, y, f"... and {len(rows) - room} more")
            y += 1
        elif not rows:
            self._put(window, y, "no SNP VM runs")
            y += 1
        self._draw_log(window, y + 1, height - y - 4)
        self._put(window, height - 1, "q quit   sort by: i id  v violations  p PSC  n NPF   "
                  "ERRORS: speak against the guest   NOTED: do not")

    def _draw_log(self, window, y, room):
        self._put(window, y, "Last violations in the kernel log", self._colour("bold"))
        try:
            found = klog.records_since_load(self.host)
        except RmpctlError as error:
            self._put(window, y + 1, str(error))
            return
        if not found:
            self._put(window, y + 1, "none", self._colour("good"))
        for i, (message, record) in enumerate(found[:-max(room, 0) - 1:-1]):
            line = (f"{message.usec / 1e6:8.1f}  VM {record['vm']:<3} {record['class']:<17}"
                    f"gfn {record['gfn']:<10} {record['access']:<7} {record['op']:<5} action "
                    f"{record['action']:<9}  expected {record['expected']}")
            self._put(window, y + 1 + i, line,
                      self._colour("bad") if record.is_guest_error else 0)


def watch(host, interval, count, as_json):
    """The screen where there is one; else, or with a count, lines."""
    if as_json or count is not None or not sys.stdout.isatty():
        log(host, interval, count, as_json)
        return
    try:
        Screen(host, interval).run()
    except ImportError:
        raise RmpctlError("this Python has no curses: use 'rmpctl watch --count N'.") from None


def run(host, args):
    host.need_module()
    watch(host, args.interval, args.count, args.json)
    return OK
