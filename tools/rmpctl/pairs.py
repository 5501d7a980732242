# SPDX-License-Identifier: GPL-2.0-only
"""Lines of key=value, as the module prints them."""

import re

# No number of the module's needs more than 64 bits. Whoever writes a log may write any.
_NUMBER = re.compile("-?[0-9]{1,20}|0x[0-9a-f]{1,16}")


def parse_pairs(line):
    """The words of a line that are key=value."""
    pairs = {}
    for word in line.split():
        key, equals, value = word.partition("=")
        if equals:
            pairs[key] = value
    return pairs


def number(text):
    """A number as the module prints it, or None for n/a, none, or whatever else."""
    if text is None or text == "n/a":
        return None
    if len(text) <= 20 and text.isdecimal() and text.isascii():     # quick: most of them
        return int(text)
    try:
        return int(text, 0) if _NUMBER.fullmatch(text) else None
    except ValueError:      # a number like -007
        return None
