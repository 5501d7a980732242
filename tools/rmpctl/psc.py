# SPDX-License-Identifier: GPL-2.0-only
"""Page-state changes: the file psc_history, and the VMM's answers."""

import collections
import errno

from .pairs import number, parse_pairs

# Where the module has no room for a larger answer: of a recent PSC, and of an old one.
LARGEST_ANSWERS = ("4294967295", "255")

# end is the gfn after the last; pairs is the line.
Psc = collections.namedtuple("Psc", "seq first end to pairs")


def read(lines):
    """The PSCs in psc_history, oldest first."""
    for line in lines:
        pairs = parse_pairs(line)
        first, pages = number(pairs.get("gfn")), number(pairs.get("pages"))
        if first is not None and pages is not None:
            yield Psc(number(pairs.get("seq")) or 0, first, first + pages, pairs.get("to"), pairs)


def answer(text):
    """The VMM's answer to a PSC, with the error's name if it is one: 22 (EINVAL)."""
    if text in LARGEST_ANSWERS:
        return f"{text} or more, or a negative number"
    name = errno.errorcode.get(number(text))
    return f"{text} ({name})" if name else text
