# SPDX-License-Identifier: GPL-2.0-only
"""Tables, numbers, times, colours and JSON."""

import errno
import json
import os
import sys


def print_json(value):
    json.dump(value, sys.stdout, indent=2, sort_keys=False)
    sys.stdout.write("\n")


def use_colour(choice):
    """auto, always or never, as ls and grep have it; NO_COLOR counts for auto."""
    if choice == "auto":
        return (sys.stdout.isatty() and "NO_COLOR" not in os.environ and
                os.environ.get("TERM", "dumb") != "dumb")
    return choice == "always"


def table(head, rows, right=()):
    """Lines of columns; those in right (by index) are numbers."""
    cells = [head] + [[("-" if c is None else str(c)) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        yield "  ".join(c.rjust(w) if i in right else c.ljust(w)
                        for i, (c, w) in enumerate(zip(row, widths))).rstrip()


def ago(usec):
    """A time span, short: 541 us, 12.3 ms, 4.2 s, 7 min, 3 h, 2 d."""
    if usec < 1000:
        return f"{usec} us"
    if usec < 1000000:
        return f"{usec / 1000:.3g} ms"
    seconds = usec / 1000000
    if seconds < 60:
        return f"{seconds:.3g} s"
    for unit, size, limit in (("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


# Where the module has no room for a larger answer: of a recent PSC, and of an old one.
LARGEST_ANSWERS = ("4294967295", "255")


def answer(text):
    """The VMM's answer to a PSC, with the error's name if it is one: 22 (EINVAL)."""
    if text in LARGEST_ANSWERS:
        return f"{text} or more, or a negative number"
    name = errno.errorcode.get(int(text))
    return f"{text} ({name})" if name else text


def size(pages):
    """An amount of memory, in 4K pages."""
    for unit, shift in (("T", 28), ("G", 18), ("M", 8)):
        if pages >= 1 << shift:
            return f"{pages / (1 << shift):.4g}{unit}"
    return f"{pages * 4}K"


def plural(count, noun):
    return f"{count} {noun}" + ("" if count == 1 else "s")
