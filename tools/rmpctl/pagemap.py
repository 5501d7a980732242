# SPDX-License-Identifier: GPL-2.0-only
"""The page-state map: runs of pages, and how they fall into cells of a picture.

A cell stands for many pages: it shows what was taken without asking if there is one
such page in it, else the most frequent kind of those that are known, so that a few
rings in empty memory are seen.

All costs go by runs and cells, never by pages: a guest of 1 TiB has 268 million
of these.
"""

import bisect
import itertools

from .page_state import (ALARMING, HOLE, KINDS, KNOWN, UNASKED, Range, join, read_memory,
                         read_runs)


class PageMap:
    """All that is known of a VM's pages at one moment."""

    def __init__(self, runs, memory):
        self.runs = list(runs)
        # A VM older than the module has no ranges: what was touched is all we know.
        self.memory_known = bool(memory)
        self.memory = join(list(memory) + [Range(r.first, r.end) for r in self.runs])
        self._firsts = [r.first for r in self.runs]

    @classmethod
    def of_vm(cls, vm):
        return cls(read_runs(vm.open_debug("page_state")),
                   read_memory(vm.open_debug("memory")))

    def kind_at(self, gfn):
        i = bisect.bisect_right(self._firsts, gfn) - 1
        if i >= 0 and gfn < self.runs[i].end:
            return self.runs[i].kind
        if any(r.first <= gfn < r.end for r in self.memory):
            return UNASKED
        return HOLE

    def totals(self):
        """Pages of each kind."""
        out = dict.fromkeys(KINDS[:-1], 0)
        for run in self.runs:
            out[run.kind] += run.end - run.first
        pages = sum(r.end - r.first for r in self.memory)
        out[UNASKED] = pages - sum(out.values())
        return out

    def taken(self):
        """Runs that the guest took without asking; neighbours that are alike as one."""
        out = []
        for run in self.runs:
            if run.kind not in ALARMING:
                continue
            if (out and out[-1].end == run.first and
                    (out[-1].kind, out[-1].asked) == (run.kind, run.asked)):
                out[-1] = out[-1]._replace(end=run.end)
            else:
                out.append(run)
        return out

    def cells(self, section, pages_per_cell):
        """What each cell of a section shows: a list of kinds."""
        grid = Grid(section, pages_per_cell)
        for part in self.memory:
            grid.add(part.first, part.end, UNASKED)
        start = max(bisect.bisect_right(self._firsts, section.first) - 1, 0)
        for run in itertools.islice(self.runs, start, None):
            if run.first >= section.end:
                break
            grid.add(run.first, run.end, run.kind)
        return grid.kinds()


class Grid:
    """How many pages of each kind every cell has.

    A run's whole cells are entered as a step up and a step down, and summed at the
    end, so that a run costs the same whatever its length.
    """

    def __init__(self, section, pages_per_cell):
        self.section = section
        self.per_cell = pages_per_cell
        self.count = -(-(section.end - section.first) // pages_per_cell)
        self.steps = {kind: {} for kind in KINDS}
        self.parts = {kind: {} for kind in KINDS}

    def add(self, first, end, kind):
        first = max(first, self.section.first) - self.section.first
        end = min(end, self.section.end) - self.section.first
        if first >= end:
            return
        low, high = first // self.per_cell, (end - 1) // self.per_cell
        parts, steps = self.parts[kind], self.steps[kind]
        if low == high:
            parts[low] = parts.get(low, 0) + end - first
            return
        parts[low] = parts.get(low, 0) + (low + 1) * self.per_cell - first
        parts[high] = parts.get(high, 0) + end - high * self.per_cell
        steps[low + 1] = steps.get(low + 1, 0) + 1
        steps[high] = steps.get(high, 0) - 1

    def _amounts(self, kind):
        whole, out = 0, [0] * self.count
        for i in range(self.count):
            whole += self.steps[kind].get(i, 0)
            out[i] = whole * self.per_cell + self.parts[kind].get(i, 0)
        return out

    def kinds(self):
        amounts = {kind: self._amounts(kind) for kind in KINDS}
        out = []
        for i in range(self.count):
            of_cell = {kind: amounts[kind][i] for kind in KINDS}
            # UNASKED was entered for all memory, with or without a state.
            of_cell[UNASKED] -= sum(of_cell[k] for k in KINDS if k not in (UNASKED, HOLE))
            out.append(shown(of_cell))
        return out


def shown(amounts):
    """The kind that a cell of these amounts shows."""
    for kind in ALARMING:
        if amounts[kind]:
            return kind
    best = max(KNOWN, key=lambda kind: amounts[kind])
    if amounts[best]:
        return best
    return UNASKED if amounts[UNASKED] else HOLE


def sections(page_map, pages_per_cell, per_row, gap_rows=1):
    """The parts of the address space that a picture shows, row by row.

    Each begins and ends at the border of a row; parts that are less than gap_rows
    apart are one, so that small holes are seen as holes.
    """
    step = pages_per_cell * per_row
    ranges = [Range(r.first // step * step, -(-r.end // step) * step)
              for r in page_map.memory]
    out = []
    for r in ranges:
        if out and r.first - out[-1].end <= gap_rows * step:
            out[-1] = Range(out[-1].first, max(r.end, out[-1].end))
        else:
            out.append(r)
    return out


def fit(page_map, per_row, max_rows):
    """The smallest number of pages per cell, a power of two, with which all fits."""
    pages_per_cell = 1
    while True:
        rows = sum((s.end - s.first) // (pages_per_cell * per_row)
                   for s in sections(page_map, pages_per_cell, per_row))
        if rows <= max_rows:
            return pages_per_cell
        pages_per_cell *= 2
