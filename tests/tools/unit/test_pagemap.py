# SPDX-License-Identifier: GPL-2.0-only
"""Runs, cells and pictures, against a slow and simple way to the same."""

import io
import random
import time
import unittest

from rmpctl import map_png, map_text, page_state
from rmpctl.page_state import Range, Run
from rmpctl.pagemap import PageMap, sections

STATES = (("private", "psc"), ("shared", "psc"), ("launched", "launch"), ("shared", "use"),
          ("private", "use"), (None, None))


def lines_of(pages, first=0):
    """page_state of a list of (state, source), as the module prints it."""
    out, start = [], 0
    for i in range(1, len(pages) + 1):
        if i < len(pages) and pages[i] == pages[start]:
            continue
        state, source = pages[start]
        if state:
            out.append(f"gfn={first + start:#x} last={first + i - 1:#x} state={state} "
                       f"source={source}\n")
        start = i
    return out


def slow_cell(pages):
    """The rule in words: taken first, then the most frequent of what is known."""
    kinds = [page_state.kind_of(*p) if p[0] else page_state.UNASKED for p in pages]
    for kind in page_state.ALARMING:
        if kind in kinds:
            return kind
    known = [k for k in kinds if k != page_state.UNASKED]
    if not known:
        return page_state.UNASKED
    return max(page_state.KNOWN, key=known.count)


class Parsing(unittest.TestCase):
    def test_kinds(self):
        got = list(page_state.read_runs(["gfn=0x1 last=0x2 state=launched source=launch\n",
                                         "gfn=0x3 last=0x3 state=shared source=use\n"]))
        self.assertEqual(got, [Run(1, 3, page_state.LAUNCHED), Run(3, 4, page_state.TAKEN_SHARED)])

    def test_what_was_asked_for(self):
        lines = ["gfn=0x1 last=0x2 state=shared source=use asked=launched\n",
                 "gfn=0x3 last=0x3 state=shared source=use asked=none\n",
                 "gfn=0x4 last=0x4 state=private source=use asked=shared\n",
                 "gfn=0x5 last=0x5 state=private source=psc asked=private\n"]
        page_map = PageMap(page_state.read_runs(lines), [])
        self.assertEqual([(r.kind, r.asked) for r in page_map.taken()],
                         [(page_state.TAKEN_SHARED, "launched"), (page_state.TAKEN_SHARED, "none"),
                          (page_state.TAKEN_PRIVATE, "shared")])
        self.assertEqual(list(map_text.taken(page_map, 10))[2:], [
            "  gfn 0x1-0x2, as shared: 2 pages, launched with the guest; before it: no memory, "
            "after it: taken as shared",
            "  gfn 0x3, as shared: 1 page, which it never asked for; before it: taken as shared, "
            "after it: taken as private",
            "  gfn 0x4, as private: 1 page, which it asked for as shared; before it: taken as "
            "shared, after it: private"])

    def test_what_the_vmm_took_away(self):
        holes = page_state.read_holes(["gfn=0x200 last=0x203 age_us=1200\n",
                                       "gfn=0x100 last=0x100 age_us=5\n", "\n"])
        self.assertEqual(holes, [(Range(0x100, 0x101), 5), (Range(0x200, 0x204), 1200)])
        self.assertEqual(list(map_text.discarded(holes, 1))[2:],
                         ["  gfn 0x100: 1 page, 5 us ago", "  ... and 1 run more (--json has all)"])
        self.assertEqual(list(map_text.discarded([], 1)), [])

    def test_what_was_never_used(self):
        self.assertEqual(list(map_text.unused([Range(1, 3)], 9))[2:], ["  gfn 0x1-0x2: 2 pages"])
        self.assertEqual(list(map_text.unused([], 9))[2:], ["  nothing"])

    def test_torn_and_overlapping_lines(self):
        got = list(page_state.read_runs(["gfn=0x0 last=0x9 state=private source=psc\n",
                                         "gfn=0x5 last=0xc state=shared source=psc\n",
                                         "gfn=0x6 last=0x7 state=shared source=psc\n",
                                         "gfn=0xd la\n", "\n"]))
        self.assertEqual(got, [Run(0, 10, page_state.PRIVATE), Run(10, 13, page_state.SHARED)])

    def test_memory_is_joined(self):
        got = page_state.read_memory(["gfn=0x10 last=0x1f\n", "gfn=0x0 last=0xf\n",
                                      "gfn=0x40 last=0x4f\n"])
        self.assertEqual(got, [Range(0, 0x20), Range(0x40, 0x50)])


class Cells(unittest.TestCase):
    def test_against_every_page(self):
        rng = random.Random(7)
        for _ in range(60):
            count = rng.randrange(1, 400)
            pages = []
            while len(pages) < count:
                pages += [rng.choice(STATES)] * rng.choice((1, 1, 2, 7, 64))
            pages = pages[:count]
            per_cell = rng.choice((1, 2, 8, 32, 128))
            page_map = PageMap(page_state.read_runs(lines_of(pages)), [Range(0, count)])
            end = -(-count // per_cell) * per_cell
            got = page_map.cells(Range(0, end), per_cell)
            want = [slow_cell(pages[i:i + per_cell]) for i in range(0, count, per_cell)]
            self.assertEqual(got, want)
            self.assertEqual(sum(page_map.totals().values()), count)
            for gfn in rng.sample(range(count), min(count, 20)):
                want = page_state.kind_of(*pages[gfn]) if pages[gfn][0] else page_state.UNASKED
                self.assertEqual(page_map.kind_at(gfn), want)

    def test_holes(self):
        page_map = PageMap([Run(0, 2, page_state.PRIVATE)], [Range(0, 4), Range(8, 10)])
        self.assertEqual(page_map.cells(Range(0, 12), 2),
                         [page_state.PRIVATE, page_state.UNASKED, page_state.HOLE, page_state.HOLE,
                          page_state.UNASKED, page_state.HOLE])
        self.assertEqual(page_map.kind_at(5), page_state.HOLE)

    def test_without_memory_ranges(self):
        page_map = PageMap([Run(5, 6, page_state.SHARED)], [])
        self.assertFalse(page_map.memory_known)
        self.assertEqual(page_map.memory, [Range(5, 6)])

    def test_sections_leave_large_holes_out(self):
        page_map = PageMap([], [Range(0, 100), Range(1 << 20, (1 << 20) + 100)])
        parts = sections(page_map, 1, 64)
        self.assertEqual(parts, [Range(0, 128), Range(1 << 20, (1 << 20) + 128)])

    def test_taken_joins_neighbours(self):
        page_map = PageMap([Run(1, 2, page_state.TAKEN_SHARED), Run(2, 4, page_state.TAKEN_SHARED),
                            Run(4, 5, page_state.TAKEN_PRIVATE)], [])
        self.assertEqual(page_map.taken(), [Run(1, 4, page_state.TAKEN_SHARED),
                                            Run(4, 5, page_state.TAKEN_PRIVATE)])


class Terabyte(unittest.TestCase):
    """A guest of 1 TiB with 200,000 runs."""

    def setUp(self):
        pages, lines = 1 << 28, []
        step = pages // 200000
        for i in range(200000):
            state = "shared" if i % 2 else "private"
            lines.append(f"gfn={i * step:#x} last={(i + 1) * step - 1:#x} state={state} "
                         "source=psc\n")
        lines[100001] = lines[100001].replace("psc", "use")
        self.lines = lines
        self.pages = pages

    def test_drawn_in_seconds(self):
        start = time.process_time()     # what others do on this machine does not count
        page_map = PageMap(page_state.read_runs(self.lines), [Range(0, self.pages)])
        text = list(map_text.draw(page_map, 120, 40, False))
        named = list(map_text.taken(page_map, 10))
        map_png.save(page_map, "VM 1", ["1 TiB"], io.BytesIO())
        took = time.process_time() - start
        print(f"# 200000 runs of 1 TiB read, drawn as text and as PNG: {took:.1f} s of CPU")
        self.assertLess(took, 30)
        self.assertEqual(sum("!" in line for line in text), 1)
        self.assertTrue(any("gfn" in line for line in named))


class Png(unittest.TestCase):
    def test_what_was_taken_is_red(self):
        from PIL import Image
        file = io.BytesIO()
        map_png.save(PageMap([Run(0, 1000, page_state.PRIVATE),
                              Run(1000, 1001, page_state.TAKEN_SHARED)],
                             [Range(0, 4096)]), "VM 1", [], file)
        image = Image.open(file)
        colours = {c for _, c in image.getcolors(1 << 24)}
        self.assertIn(map_png.COLOURS[page_state.TAKEN_SHARED], colours)
        self.assertIn(map_png.COLOURS[page_state.PRIVATE], colours)

    def test_nothing_taken_nothing_red(self):
        from PIL import Image
        file = io.BytesIO()
        map_png.save(PageMap([Run(0, 1000, page_state.PRIVATE)], [Range(0, 4096)]), "VM 1", [],
                     file)
        colours = {c for _, c in Image.open(file).getcolors(1 << 24)}
        # The legend has no red either, since there is none to explain.
        self.assertNotIn(map_png.COLOURS[page_state.TAKEN_SHARED], colours)
