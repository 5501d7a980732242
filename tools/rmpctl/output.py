# SPDX-License-Identifier: GPL-2.0-only
"""Standard output: JSON, colours, tables."""

import json
import os
import sys

from .printable import printable


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
    cells = [head] + [[("-" if c is None else printable(c)) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        yield "  ".join(c.rjust(w) if i in right else c.ljust(w)
                        for i, (c, w) in enumerate(zip(row, widths))).rstrip()
