# SPDX-License-Identifier: GPL-2.0-only
"""Lines of key=value, as the module prints them."""


def parse_pairs(line):
    """The words of a line that are key=value."""
    pairs = {}
    for word in line.split():
        key, equals, value = word.partition("=")
        if equals:
            pairs[key] = value
    return pairs


def number(text):
    """A number as the module prints it, or None for n/a, none, or nothing."""
    try:
        return int(text, 0)
    except (TypeError, ValueError):
        return None
