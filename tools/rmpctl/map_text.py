# SPDX-License-Identifier: GPL-2.0-only
"""The page-state map in a terminal: a letter a cell, and a colour where it has some."""

from . import page_state, pagemap
from .units import ago, plural, size

LETTERS = {
    page_state.TAKEN_SHARED: "!",
    page_state.TAKEN_PRIVATE: "#",
    page_state.SHARED: "s",
    page_state.PRIVATE: "p",
    page_state.LAUNCHED: "l",
    page_state.UNASKED: ".",
    page_state.HOLE: " ",
}

# 256-colour codes, background and foreground: the same as in the PNG, as near as
# they come.
COLOURS = {
    page_state.TAKEN_SHARED: (196, 231),
    page_state.TAKEN_PRIVATE: (201, 231),
    page_state.SHARED: (220, 94),
    page_state.PRIVATE: (25, 75),
    page_state.LAUNCHED: (38, 23),
    page_state.UNASKED: (252, 245),
}


def _paint(cells, colour):
    if not colour:
        return "".join(LETTERS[k] for k in cells)
    out, last = [], None
    for kind in cells:
        if kind != last:
            out.append("\033[0m")
            if kind in COLOURS:
                out.append("\033[48;5;{}m\033[38;5;{}m".format(*COLOURS[kind]))
            last = kind
        out.append(LETTERS[kind])
    return "".join(out) + "\033[0m"


def legend(page_map, colour):
    totals = page_map.totals()
    for kind, pages in totals.items():
        if pages or kind in (page_state.SHARED, page_state.PRIVATE):
            yield (f"  {_paint([kind], colour)}  {page_state.MEANING[kind]:<34}"
                   f"{plural(pages, 'page'):>18}  {size(pages):>7}")


def draw(page_map, columns, rows, colour):
    """Lines of the map, as wide as the terminal and about as high."""
    per_row = 16
    while per_row * 2 + 16 <= columns:
        per_row *= 2
    per_cell = pagemap.fit(page_map, per_row, rows)
    yield f"One character is {size(per_cell)}, one line {size(per_cell * per_row)}."
    yield ""
    last = None
    for section in pagemap.sections(page_map, per_cell, per_row):
        if last is not None and section.first > last:
            yield f"{'':12}  ({size(section.first - last)} without memory)"
        last = section.end
        cells = page_map.cells(section, per_cell)
        for i in range(0, len(cells), per_row):
            gpa = (section.first + i * per_cell) << 12
            yield f"{gpa:#012x}  {_paint(cells[i:i + per_row], colour)}"


ASKED = {"launched": ", launched with the guest", "private": ", which it asked for as private",
         "shared": ", which it asked for as shared", "none": ", which it never asked for"}


def span(first, end):
    """A range of pages by its gfns; end is after the last."""
    return f"gfn {first:#x}" if end == first + 1 else f"gfn {first:#x}-{end - 1:#x}"


def taken(page_map, limit):
    """Lines that name what was taken without asking."""
    runs = page_map.taken()
    if not runs:
        return
    yield ""
    yield "Taken without asking:"
    for run in runs[:limit]:
        before = page_map.kind_at(run.first - 1) if run.first else page_state.HOLE
        after = page_map.kind_at(run.end)
        state = "shared" if run.kind == page_state.TAKEN_SHARED else "private"
        yield (f"  {span(run.first, run.end)}, as {state}: "
               f"{plural(run.end - run.first, 'page')}{ASKED.get(run.asked, '')}; "
               f"before it: {page_state.short(before)}, after it: {page_state.short(after)}")
    if len(runs) > limit:
        yield f"  ... and {plural(len(runs) - limit, 'run')} more (--json has all)"


def discarded(holes, limit):
    """Lines that name what the VMM has taken away."""
    if not holes:
        return
    yield ""
    yield "Private memory that the VMM has taken away, not asked for or touched since:"
    for run, age in holes[:limit]:
        when = "" if age is None else f", {ago(age)} ago"
        yield f"  {span(run.first, run.end)}: {plural(run.end - run.first, 'page')}{when}"
    if len(holes) > limit:
        yield f"  ... and {plural(len(holes) - limit, 'run')} more (--json has all)"


def unused(ranges, limit):
    """Lines that name what was asked for as private, and is not there."""
    yield ""
    yield "Asked for as private, and never used so since:"
    for run in ranges[:limit]:
        yield f"  {span(run.first, run.end)}: {plural(run.end - run.first, 'page')}"
    if not ranges:
        yield "  nothing"
    if len(ranges) > limit:
        yield f"  ... and {plural(len(ranges) - limit, 'run')} more (--json has all)"
