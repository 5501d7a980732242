# SPDX-License-Identifier: GPL-2.0-only
"""Standard output and error: JSON, colours, tables, remarks."""

import json
import os
import sys

from .printable import printable


def open_streams():
    """Make standard input, output and error fit for any text, also where they are closed.

    What is closed is /dev/null for reading: so nothing else gets its number, and whoever
    writes to it is told that it can't be.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.open(os.devnull, os.O_RDONLY), mode, encoding="utf-8")
            setattr(sys, name, stream)
        if mode == "w" and hasattr(stream, "reconfigure"):
            # A character that the terminal's encoding lacks is no reason to stop.
            stream.reconfigure(errors="backslashreplace")


def give_up(stream):
    """Nothing more is written, so that Python does not try again and complain when it ends."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text):
    """A remark, to standard error. If it is full or closed, that is no reason to stop."""
    try:
        print(printable(f"rmpctl: {text}"), file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)


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
