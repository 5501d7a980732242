# SPDX-License-Identifier: GPL-2.0-only
"""The full screen of 'rmpctl watch': what matters in the first lines, then VMs, then the log."""

import curses
import locale
import time

from . import klog, watch_table as table
from .cells import cut, ljust, width
from .errors import RmpctlError
from .host import MODULE
from .printable import printable
from .rates import Sampler

HELP = (
    "q quit  arrows PgUp PgDn scroll  / find  ? help  sort: a v i d p n",
    "q quit  ? help  / find  sort avidpn", "q quit  ? help")
HELP_PAGE = """\
ERRORS   against the guest: implicit_private, implicit_shared, first_touch
NEW      of these, since watch was started
NOTED    others, which do not speak against it: initial_shared, in_flight, ...
ENDED    a guest that has ended, with what it did in all

Up Down, k j    scroll by a line         PgUp PgDn     by a page
Home End, g G   to the first, the last   /             find; Esc ends it
sort by         a  attention: new errors, guests that have ended with errors,
                   then who else did wrong
                v  errors    i  VM       d  domain
                p  PSC/s     n  NPF/s
Ctrl-L          draw anew                q             quit

Any key goes back."""

# Lines that are always there: the title, news, the dead, the head of the table, the help.
FRAME = 5
# In less, news and the dead go.
SMALL = 8
# From so many lines on the log is there; and so many lines of it, at least.
WITH_LOG, LOG_AT_LEAST = 20, 4

ACTIONS = {"none": "reported", "vc": "#VC"}

UP = {curses.KEY_UP: -1, "k": -1, curses.KEY_DOWN: 1, "j": 1}
PAGES = {curses.KEY_PPAGE: -1, "\x02": -1, curses.KEY_NPAGE: 1, "\x06": 1, " ": 1}
ENDS = {curses.KEY_HOME: 0, "g": 0, curses.KEY_END: 1, "G": 1}
ESCAPE, ENTER = "\x1b", ("\n", "\r", curses.KEY_ENTER)
BACKSPACE = (curses.KEY_BACKSPACE, "\x7f", "\b")
REDRAW = "\x0c"


def layout(height, rows):
    """(lines for VMs, lines of the log without its heading) in so many lines of a terminal."""
    room = max(height - (FRAME if height >= SMALL else 3), 0)
    if height < WITH_LOG:
        return room, 0
    vms = min(max(rows, 1), room - LOG_AT_LEAST - 1)
    return vms, room - vms - 1


class View:
    """What somebody has chosen to look at."""

    def __init__(self):
        self.order = "a"
        self.top = 0            # the first row that is shown
        self.find = ""
        self.typing = False     # what is to be found
        self.help = False

    def key(self, key, page, rows):
        """Deal with a key; False for the end."""
        if self.help:
            self.help = False
        elif self.typing:
            self._typed(key)
        elif key == "q":
            return False
        elif key in table.ORDERS:
            self.order, self.top = key, 0
        elif key in UP:
            self.top += UP[key]
        elif key in PAGES:
            self.top += PAGES[key] * max(page, 1)
        elif key in ENDS:
            self.top = ENDS[key] * rows
        elif key == "?":
            self.help = True
        elif key == "/":
            self.find, self.typing, self.top = "", True, 0
        elif key == ESCAPE:
            self.find = ""
        self.top = max(min(self.top, rows - page), 0)
        return True

    def _typed(self, key):
        if key == ESCAPE:
            self.find, self.typing = "", False
        elif key in ENTER:
            self.typing = False
        elif key in BACKSPACE:
            self.find = self.find[:-1]
        elif isinstance(key, str) and key.isprintable() and len(self.find) < 64:
            self.find += key


class Screen:
    """The terminal, and what was seen last."""

    def __init__(self, host, interval):
        self.host = host
        self.interval = interval
        self.sampler = Sampler(host)
        self.view = View()
        self.start = time.strftime("%H:%M:%S")
        self.settings = self.rows = self.log = ()
        self.running = 0
        self.names = {}
        self.colours = {}
        self.encoding = locale.nl_langinfo(locale.CODESET)

    def run(self):
        # Else a lone Esc takes a second.
        curses.set_escdelay(50)
        curses.wrapper(self._loop)

    def _setup(self):
        self.colours |= {"head": curses.A_REVERSE, "bold": curses.A_BOLD, "dim": curses.A_DIM}
        try:
            curses.curs_set(0)
        except curses.error:
            pass
        try:
            curses.use_default_colors()
        except curses.error:    # it has none
            return
        if curses.has_colors():
            for i, (name, colour) in enumerate((("bad", curses.COLOR_RED),
                                                ("good", curses.COLOR_GREEN),
                                                ("warn", curses.COLOR_YELLOW)), 1):
                curses.init_pair(i, colour, -1)
                self.colours[name] = curses.color_pair(i)

    def _look(self):
        running = self.sampler.sample()
        try:
            self.settings = [self.host.read(MODULE, name)
                             for name in ("version", "mode", "action")]
        except FileNotFoundError:
            self.host.need_module()
            raise
        self.rows = running + self.sampler.ended
        self.running = len(running)
        self.names = {(str(r["vm"]), str(r["pid"])): table.name(r) for r in self.rows}
        try:
            self.log = klog.records_since_load(self.host)
        except RmpctlError as error:
            self.log = str(error)

    def _loop(self, window):
        self._setup()
        self._look()
        due = time.monotonic() + self.interval
        while True:
            if time.monotonic() >= due:
                self._look()
                due = time.monotonic() + self.interval
            page, rows = self._draw(window)
            window.timeout(max(int((due - time.monotonic()) * 1000), 1))
            try:
                key = window.get_wch()
            except curses.error:    # nothing was typed
                continue
            if key == REDRAW:
                window.clear()
            elif key != curses.KEY_RESIZE and not self.view.key(key, page, rows):
                return

    def _put(self, window, y, text, *names):
        height, cells = window.getmaxyx()
        # A character that the terminal's encoding lacks is shown, as in lines.
        text = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        attributes = 0
        for name in names:
            attributes |= self.colours.get(name, 0)
        if 0 <= y < height and cells > 1:
            try:
                window.addstr(y, 0, cut(text, cells - 1), attributes)
            except curses.error:    # the terminal has become smaller meanwhile
                pass

    def _draw(self, window):
        """Draw all; (how many rows of the table are shown, how many there are)."""
        window.erase()
        height, cells = window.getmaxyx()
        rows = table.ordered(table.found(self.rows, self.view.find), self.view.order)
        page, log = layout(height, len(rows))
        self.view.top = max(min(self.view.top, len(rows) - page), 0)
        shown = rows[self.view.top:self.view.top + page]
        self._put(window, 0, self._title(len(rows), len(shown), cells),
                  "warn" if self.settings[1] == "off" else "bold")
        y = 1
        if self.view.help:
            for y, line in enumerate(HELP_PAGE.split("\n"), 2):
                self._put(window, y, line)
            window.refresh()
            return page, len(rows)
        if height >= SMALL:
            self._news(window, cells - 1)
            y = 3
        self._table(window, y, rows, shown, cells - 1)
        if log:
            self._draw_log(window, y + 1 + page, log)
        self._put(window, height - 1, self._help(cells - 1))
        window.refresh()
        return page, len(rows)

    def _title(self, total, shown, cells):
        version, mode, action = map(printable, self.settings)
        first = self.view.top + 1 if shown else 0
        parts = [(0, f"{mode}, {action}"), (4, f"rmp_enforce {version}"),
                 (3, f"{self.running} VMs"), (1, f"{first}-{self.view.top + shown} of {total}"),
                 (2, f"by {table.ORDERS[self.view.order].name}"), (5, time.strftime("%H:%M:%S"))]
        kept, used = set(), 0
        for rank, text in sorted(parts):
            if used + width(text) + 2 <= cells:
                kept.add(rank)
                used += width(text) + 2
        order = (4, 0, 3, 1, 2, 5)
        return "  ".join(text for rank, text in sorted(parts, key=lambda p: order.index(p[0]))
                         if rank in kept)

    def _news(self, window, cells):
        is_bad, text = table.news(self.rows, self.start, cells)
        self._put(window, 1, text, *(("bad", "bold") if is_bad else ("good",)))
        is_bad, text = table.obituary(self.sampler.ended, self.sampler.nameless_errors, cells)
        self._put(window, 2, text, "bad" if is_bad else "good")

    def _table(self, window, y, rows, shown, cells):
        layout_of = table.Table(rows, cells)
        self._put(window, y, ljust(layout_of.head(), cells), "head")
        for i, row in enumerate(shown, y + 1):
            colours = ["good"]
            if row["history"] != "complete":
                colours = ["warn"]
            if row["errors"] or row["state"] == "terminated":
                colours = ["bad"]
            if row["new_errors"]:
                colours.append("bold")
            elif "age_us" in row:
                colours.append("dim")
            self._put(window, i, layout_of.line(row), *colours)
        if not rows:
            self._put(window, y + 1, "nothing is called so" if self.view.find else
                      "no SNP VM runs")

    def _help(self, cells):
        if self.view.typing:
            return f"find: {self.view.find}_"
        if self.view.find:
            return f"found: {printable(self.view.find)}   Esc ends it   q quit"
        return next((text for text in HELP if len(text) <= cells), HELP[-1])

    def _draw_log(self, window, y, room):
        self._put(window, y, "Last violations in the kernel log", "bold")
        if isinstance(self.log, str):
            self._put(window, y + 1, printable(self.log))
        elif not self.log:
            self._put(window, y + 1, "none", "good")
        else:
            for i, (message, record) in enumerate(self.log[:-room - 1:-1], y + 1):
                self._put(window, i, self._log_line(message, record),
                          *(("bad",) if record.is_guest_error else ()))

    def _log_line(self, message, record):
        known = self.names.get((record["vm"], record["pid"]), f"VM {record['vm']}")
        return (f"{message.usec / 1e6:8.1f}  {ljust(known, 12)}  {record['class']:<16} gfn "
                f"{record['gfn']:<10} {record['access']:<7} {record['op']:<5} "
                f"{ACTIONS.get(record['action'], record['action']):<9}  expected "
                f"{record['expected']}")
