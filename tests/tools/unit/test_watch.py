# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl watch on a host of 50 VMs, in terminals of several sizes."""

import os
import re
import shutil
import tempfile
import unittest

import many_vms
from rmpctl import cells, cli, units, watch_screen, watch_table
from rmpctl.host import MODULE
from terminal import Terminal
from test_formats import TOP
from test_hostile import NAMES

COMMAND = ["/usr/bin/python3", "-c", "import sys; from rmpctl.cli import main; sys.exit(main())"]
SIZES = ((80, 24), (40, 10), (200, 50))


class Case(unittest.TestCase):
    COUNT = 50

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.many = many_vms.ManyVms(folder.name, self.COUNT)

    def watch(self, columns=80, rows=24, **env):
        words = ["--root", self.many.folder, "watch", "-i", "0.2"]
        # Python asks for the encoding when it starts.
        run = COMMAND + words if "LC_ALL" in env else lambda: cli.main(words)
        terminal = Terminal(run, columns, rows, env | {"PYTHONPATH": os.path.join(TOP, "tools")})
        self.addCleanup(terminal.end)
        return terminal

    def shown(self, terminal):
        """Names in the table, as far as it is on the screen."""
        lines = terminal.lines()
        start = next((i for i, line in enumerate(lines) if re.match(r" +VM  DOMAIN", line)),
                     len(lines))
        out = []
        for line in lines[start + 1:]:
            found = re.match(r" {0,3}\d+  (ended: )?(\S+|\(.*?) {2,}", line)
            if not found:
                break
            out.append(found[2])
        return out

    def names(self, terminal, *wanted):
        """Until the table begins with these names."""
        terminal.wait_for(lambda lines: self.shown(terminal)[:len(wanted)] == list(wanted),
                          f"table that begins with {wanted}")


class Screens(Case):
    def test_what_matters_is_seen_without_scrolling(self):
        self.many.violate(7, times=3)
        self.many.violate(44)
        self.many.end(44, age_us=3 * 3600 * 10 ** 6, noted=True)
        for columns, rows in SIZES:
            t = self.watch(columns, rows)
            # Errors from before are not news; guests that have ended come first all the same.
            t.wait_for("No new errors since ")
            t.wait_for(lambda lines: re.match("ENDED(?: with 1 error)?: web44 3 h ago$", lines[2]))
            self.names(t, "web44", "web07", "web01")
            self.assertEqual(t.end("q"), 0)
        for n, (columns, rows) in enumerate(SIZES, 60):
            t = self.watch(columns, rows)
            t.wait_for("No new errors since ")
            t.type("end")
            self.many.violate(50, times=2)
            self.many.come_and_go(n, first_touch=1)     # nobody has seen its name
            lines = t.wait_for(lambda lines: re.match(
                r"NEW ERRORS(?: of 2 guests)?: web50 \+2, (and 1 more|.*pid 10)", lines[1]))
            self.assertRegex(lines[2], f"^ENDED(?: with [0-9] errors)?: pid {1000 + n} 5 s ago, ")
            t.type("home")
            self.names(t, "web50")
            self.assertEqual(t.end("q"), 0)

    def test_every_line_fits(self):
        self.many.violate(9)
        self.many.end(9)
        for columns, rows in SIZES + ((81, 25), (60, 8), (20, 7), (20, 3), (12, 2), (2, 1)):
            t = self.watch(columns, rows)
            t.wait_for(lambda lines: any(lines))
            t.read(0.3)
            lines = t.lines()
            if columns >= 40:
                self.assertRegex(lines[-1], "^q quit .*help")
                self.assertIn("sort", lines[-1])
            if (columns, rows) in SIZES:
                self.assertEqual(len(self.shown(t)), {24: 14, 10: 5, 50: 40}[rows])
                self.assertEqual("Last violations in the kernel log" in t.text(), rows > 10)
            self.assertEqual(t.end("q"), 0)

    def test_columns(self):
        for size, heads in ((80, "VM DOMAIN MODE STATE ERRORS NEW NOTED PSC/s NPF/s"),
                            (40, "VM DOMAIN ERRORS NEW"),
                            (200, "VM DOMAIN MODE STATE ERRORS NEW NOTED ENFORCED PSC/s PAGES/s "
                                  "NPF/s HISTORY")):
            t = self.watch(size, 24)
            t.wait_for(f"\n{'  VM':<4}  DOMAIN")
            self.assertEqual(next(line for line in t.lines() if "DOMAIN" in line).split(),
                             heads.split())
            t.end("q")

    def test_scrolling(self):
        t = self.watch()
        self.names(t, "web01", "web02")
        for keys, first in ((("down",), 2), (("j", "j"), 4), (("up",), 3), (("k",), 2),
                            (("pgdn",), 16), ((" ",), 30), (("pgup",), 16), (("end",), 37),
                            (("down",), 37), (("pgdn",), 37), (("home",), 1), (("up",), 1),
                            (("G",), 37), (("g",), 1)):
            t.type(*keys)
            self.names(t, *(f"web{n:02}" for n in range(first, first + 14)))
            self.assertIn(f"{first}-{first + 13} of 50", t.lines()[0])
        self.assertEqual(t.end("q"), 0)

    def test_sorting(self):
        self.many.violate(30, times=2)
        self.many.violate(20, times=5)
        self.many.start(51, "a-first")
        self.many.violate(10)
        self.many.end(10)
        t = self.watch()
        for key, name, first in (("v", "errors", ["web20", "web30"]),
                                 ("i", "VM", ["web01", "web02"]),
                                 ("d", "domain", ["(pid", "a-first", "web01"]),
                                 ("a", "attention", ["(pid", "web20", "web30", "web01"])):
            t.type(key)
            t.wait_for(f"by {name}")
            t.wait_for(lambda lines, first=first: [
                word.split()[0] for word in self.shown(t)][:len(first)] == first, first)
        self.many.put(f"{MODULE}/vms/40/psc_completed", "1000000")
        t.type("p")
        self.names(t, "web40")
        self.assertIn("by PSC/s", t.lines()[0])
        self.many.put(f"{MODULE}/vms/41/npf_judged", "1000000")
        t.type("n")
        self.names(t, "web41")
        self.assertEqual(t.end("q"), 0)

    def test_another_size_meanwhile(self):
        self.many.violate(7)
        self.many.end(7)
        t = self.watch()
        t.type("end")
        t.wait_for("37-50 of 50")
        for columns, rows in ((40, 10), (200, 50), (10, 2), (80, 24), (80, 23), (80, 24)):
            t.resize(columns, rows)
            if columns >= 40:
                t.wait_for(lambda lines: lines[-1].startswith("q quit") and "of 50" in lines[0] and
                           re.match("ENDED(?: with 1 error)?: pid 1007", lines[2]))
            else:
                t.read(0.3)
        self.assertEqual(len(self.shown(t)), 14)
        self.assertEqual(t.end("q"), 0)

    def test_finding(self):
        t = self.watch()
        self.names(t, "web01")
        t.type("/", "q", "backspace", "eb4")
        t.wait_for("find: eb4_")
        self.names(t, "web40", "web41")
        self.assertIn("1-10 of 10", t.lines()[0])
        t.type("enter", "G")
        t.wait_for("found: eb4")
        t.type("esc")
        self.names(t, "web01")
        t.type("/", "nobody", "enter")
        t.wait_for("nothing is called so")
        t.type("esc")
        self.names(t, "web01")
        # By its pid, too.
        t.type("/", "1007", "enter")
        self.names(t, "web07")
        self.assertEqual(t.end("q"), 0)

    def test_help_and_keys_that_mean_nothing(self):
        t = self.watch()
        self.names(t, "web01")
        t.type("f9", "\033", "\033x", "é", "\x01", "Z")
        t.read(0.3)
        self.names(t, "web01")
        t.type("?")
        t.wait_for("ERRORS   against the guest")
        t.type("q")
        self.names(t, "web01")
        t.type("\x0c")
        self.names(t, "web01")
        self.assertEqual(t.end("q"), 0)

    def test_more_than_there_is_room_for(self):
        t = self.watch()
        t.wait_for("No new errors")
        for n in range(1, 41):
            self.many.violate(n)
        for n in range(1, 31):
            self.many.end(n, noted=True)
        t.wait_for("NEW ERRORS of 40 guests: web01 +1, ")
        lines = t.wait_for("ENDED with 30 errors: web30 5 s ago, ")
        for line in lines[1:3]:
            self.assertRegex(line, r", and \d+ more$")
        # Who runs is not hidden by who has ended: both are news.
        self.assertEqual(t.end("q"), 0)

    def test_without_rights_the_totals_tell(self):
        """debugfs can't be read: nobody knows who it was."""
        self.many.violate(7)
        self.many.end(7)
        shutil.rmtree(self.many.path("sys/kernel/debug"))
        t = self.watch()
        t.wait_for("ENDED with 1 error: root can see which guests")
        self.assertEqual(t.end("q"), 0)

    def test_the_module_goes_meanwhile(self):
        t = self.watch()
        t.wait_for("web01")
        shutil.rmtree(self.many.path(MODULE))
        t.wait_for("is not an unpacked bundle")
        self.assertEqual(t.end("q"), 3)
        self.assertNotIn("Traceback", t.text())


class Terminals(Case):
    COUNT = 3

    def test_names_are_data(self):
        for n, name in enumerate(NAMES + ("漢字" * 50, "e" + "\u0301" * 500), 10):
            self.many.start(n, name)
        t = self.watch(80, 50)
        t.wait_for("No new errors")
        self.many.violate(10)
        self.many.violate(11)
        self.many.end(11)
        t.wait_for("NEW ERRORS of 2 guests")
        for raw in (b"\033]0;", b"\033[2J\033]", b"\xc2\x9b31m", "\u202e".encode(),
                    b"\nRMP_ENFORCE"):
            self.assertNotIn(raw, t.sent)
        # Columns are below each other, however wide a character is.
        head = next(line for line in t.lines() if "STATE" in line)
        for line in t.lines():
            if re.match(r" {2,3}\d+  ", line) and " gfn " not in line:
                before = cells.cut(line, head.index("STATE"))
                self.assertRegex(line[len(before):], "^(running|ended) ")
        self.assertEqual(t.end("q"), 0)

    def test_an_encoding_that_lacks_characters(self):
        self.many.start(9, "wéb✓")
        t = self.watch(LC_ALL="C", PYTHONUTF8="0")
        t.wait_for("w\\xe9b\\u2713")
        self.assertEqual(t.end("q"), 0)

    def test_a_terminal_that_nobody_knows(self):
        t = self.watch(TERM="nonexistent")
        t.wait_for("this terminal can't be drawn on")
        self.assertEqual(t.end("q"), 3)

    def test_what_is_no_screen_gets_lines(self):
        t = self.watch(TERM="dumb")
        t.wait_for(lambda lines: t.text().count("web01") > 1)
        self.assertNotIn("quit", t.text())
        # There nobody can type "q".
        command = " ".join(f"'{word}'" for word in COMMAND)
        t = Terminal(
            ["sh", "-c", f"exec {command} --root {self.many.folder} watch -i 0.1 </dev/null"], 80,
            24, {"PYTHONPATH": os.path.join(TOP, "tools")})
        self.addCleanup(t.end)
        t.wait_for(lambda lines: t.text().count("web01") > 1)
        self.assertEqual(t.end("\x03"), 130)


class Parts(unittest.TestCase):
    def test_cells(self):
        for text, size in (("abc", 3), ("漢字", 4), ("e\u0301", 1), ("", 0), ("한", 2)):
            self.assertEqual(cells.width(text), size)
        self.assertEqual(cells.cut("漢字", 3), "漢")
        self.assertEqual(cells.ljust("漢字", 3), "漢 ")
        self.assertEqual(cells.cut("abc", 0), "")
        self.assertEqual(cells.cut("e" + "\u0301" * 9, 1), "e\u0301\u0301")

    def test_a_number_is_not_cut(self):
        for number, size, text in ((12345, 5, "12345"), (123456, 5, " 123k"),
                                   (12345678, 5, "12.3M"), (999999, 5, "1000k"),
                                   (2 ** 64, 6, "18447P"), (0, 3, "  0")):
            self.assertEqual(cells.count(number, size), text)

    def test_layout_uses_all_lines_once(self):
        for height in range(1, 80):
            for rows in (0, 1, 4, 50, 500):
                vms, log = watch_screen.layout(height, rows)
                self.assertGreaterEqual(min(vms, log), 0)
                if height >= watch_screen.SMALL:
                    self.assertEqual(watch_screen.FRAME + vms + (log and log + 1), height)
                if height >= watch_screen.WITH_LOG:
                    self.assertGreaterEqual(log, watch_screen.LOG_AT_LEAST)

    def test_every_order_is_in_the_help(self):
        for key, order in watch_table.ORDERS.items():
            self.assertRegex(watch_screen.HELP_PAGE, rf"\b{key}  {order.name}\b")
            self.assertTrue(all(key in text.partition("sort")[2]
                                for text in watch_screen.HELP if "sort" in text))
        self.assertLess(max(map(len, watch_screen.HELP + tuple(
            watch_screen.HELP_PAGE.split("\n")))), 80)

    def test_the_table_fits(self):
        row = {"vm": 1, "domain": "x" * 60, "pid": 7, "comm": "q", "state": "running",
               "mode": "lenient", "errors": 10 ** 9, "new_errors": 10 ** 9, "noted": 10 ** 9,
               "enforced": 1, "history": "complete"}
        past = row | {"age_us": 119 * 60 * 10 ** 6}
        for size in range(30, 220):
            table = watch_table.Table([row, past], size)
            for line in (table.head(), table.line(row), table.line(past)):
                self.assertLessEqual(len(line), size)
        self.assertEqual(units.ago(past["age_us"]), "119 min")
        self.assertIn("1000000000", watch_table.Table([row]).line(row))


if __name__ == "__main__":
    unittest.main()
