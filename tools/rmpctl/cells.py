# SPDX-License-Identifier: GPL-2.0-only
"""Text in a terminal's cells: a character may take two of them, or none."""

import unicodedata


def _cells(char):
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def width(text):
    """How many cells a text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text, cells):
    """As much of a text as fits, and no more marks on a character than a terminal can keep."""
    if text.isascii():
        return text[:max(cells, 0)]
    out, used, marks = [], 0, 0
    for char in text:
        size = _cells(char)
        marks = 0 if size else marks + 1
        if used + size > cells:
            break
        if marks <= 2:
            out.append(char)
        used += size
    return "".join(out)


def ljust(text, cells):
    """Cut and filled up, as a column of text."""
    text = cut(text, cells)
    return text + " " * (cells - width(text))


def count(number, cells):
    """A number in so many cells: not cut, but rounded where it does not fit."""
    text = str(number)
    for unit in "kMGTPE":
        if len(text) <= cells:
            break
        number /= 1000
        text = f"{number:.3g}{unit}" if number < 999.5 else f"{number:.0f}{unit}"
    return text.rjust(cells)
