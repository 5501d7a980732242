# SPDX-License-Identifier: GPL-2.0-only
"""Page states: what the files page_state, memory, holes and psc_unused say."""

import collections

from .pairs import number, parse_pairs

# The kinds of a page.
TAKEN_SHARED = "taken_shared"
TAKEN_PRIVATE = "taken_private"
SHARED = "shared"
PRIVATE = "private"
LAUNCHED = "launched"
UNASKED = "unasked"
HOLE = "hole"

KINDS = (TAKEN_SHARED, TAKEN_PRIVATE, SHARED, PRIVATE, LAUNCHED, UNASKED, HOLE)
ALARMING = (TAKEN_SHARED, TAKEN_PRIVATE)
KNOWN = (SHARED, PRIVATE, LAUNCHED)

MEANING = {
    TAKEN_SHARED: "used as shared without asking",
    TAKEN_PRIVATE: "used as private without asking",
    SHARED: "shared, the guest asked for it",
    PRIVATE: "private, the guest asked for it",
    LAUNCHED: "private, launched with the guest",
    UNASKED: "memory that it never asked for",
    HOLE: "no memory",
}

SHORT = {TAKEN_SHARED: "taken as shared", TAKEN_PRIVATE: "taken as private",
         UNASKED: "never asked for", HOLE: "no memory"}

# first and end are gfns, end is after the last.  asked is what the guest asked for, where
# the module says it.
Run = collections.namedtuple("Run", "first end kind asked", defaults=(None,))
Range = collections.namedtuple("Range", "first end")


def kind_of(state, source):
    """The kind of a run in the file page_state."""
    if source == "use":
        return TAKEN_SHARED if state == "shared" else TAKEN_PRIVATE
    return {"shared": SHARED, "private": PRIVATE}.get(state, LAUNCHED)


def _parse_run(line):
    """(pairs, first, end) of a line; first and end are None if it has no range of pages."""
    pairs = parse_pairs(line)
    first, last = number(pairs.get("gfn")), number(pairs.get("last"))
    if first is None or last is None or not 0 <= first <= last:
        return pairs, None, None
    return pairs, first, last + 1


def read_runs(lines):
    """Runs from page_state, in ascending order.

    What changes while the file is read may be there twice, or overlap: the later
    line counts from where the earlier one ends.
    """
    end = 0
    for line in lines:
        pairs, first, run_end = _parse_run(line)
        if first is None or run_end <= end:
            continue
        yield Run(max(first, end), run_end,
                  kind_of(pairs.get("state"), pairs.get("source")), pairs.get("asked"))
        end = run_end


def read_memory(lines):
    """Ranges from the file memory: ascending, those that meet joined."""
    ranges = []
    for line in lines:
        _, first, end = _parse_run(line)
        if first is not None:
            ranges.append(Range(first, end))
    return join(ranges)


def read_holes(lines):
    """What the VMM has taken away, from the file holes: (range, age in us), in order."""
    out = []
    for line in lines:
        pairs, first, end = _parse_run(line)
        if first is not None:
            out.append((Range(first, end), number(pairs.get("age_us"))))
    return sorted(out, key=lambda hole: hole[0])


def join(ranges):
    joined = []
    for r in sorted(ranges):
        if joined and r.first <= joined[-1].end:
            joined[-1] = Range(joined[-1].first, max(joined[-1].end, r.end))
        else:
            joined.append(Range(r.first, r.end))
    return joined


def short(kind):
    """A kind in two or three words."""
    return SHORT.get(kind, kind)
