# SPDX-License-Identifier: GPL-2.0-only
"""Amounts in words: time spans, memory, counts."""


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


def size(pages):
    """An amount of memory, in 4K pages."""
    for unit, shift in (("T", 28), ("G", 18), ("M", 8)):
        if pages >= 1 << shift:
            return f"{pages / (1 << shift):.4g}{unit}"
    return f"{pages * 4}K"


def plural(count, noun):
    return f"{count} {noun}" + ("" if count == 1 else "s")
