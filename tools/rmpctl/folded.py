# SPDX-License-Identifier: GPL-2.0-only
"""Records that somebody has broken into several lines: documents, mail, fold(1)."""

import re

from .record import LONGEST, MARK, ORDER, VALUES, start

# What mail programs put in front of what they quote.
_QUOTED = re.compile(r"^(?:\s*[>|])*\s*")
_WORD = re.compile(r"[\w./:,()+-]*", re.ASCII)
_BROKEN_MARK = tuple(MARK[:i] for i in range(len("rmp"), len(MARK)))


def _begins_key(word):
    return any(key.startswith(word) for key in ORDER)


def joined(text, line):
    """The text of a record with the line that continues it; None if it does not.

    A line may end within a word, so what tells is what fits: the next key, or the rest
    of the last value.
    """
    if len(text) > LONGEST or len(line) > LONGEST:
        return None
    words = _QUOTED.sub("", line, count=1).split()
    if not words or not all("=" in w for w in words[1:-1]):
        return None
    if len(words) > 1 and "=" not in words[-1] and not _begins_key(words[-1]):
        return None
    rest = " ".join(words) + (" " if line[-1:].isspace() else "")
    before = text.split()
    if not before:
        return rest if rest.startswith("vm=") else None
    last_key, equals, last_value = before[-1].partition("=")
    key = words[0].partition("=")[0]
    if "=" in words[0] and last_value and ORDER.get(key, -1) > ORDER.get(last_key, -1):
        return f"{text.rstrip()} {rest}"
    if text[-1].isspace():
        return None
    key, equals, value = (before[-1] + words[0]).partition("=")
    if not equals:
        fits = len(words) == 1 and _begins_key(key)
    else:
        whole = VALUES[key].fullmatch if key in ORDER else (lambda value: None)
        # Of a long value this may be the middle.
        fits = whole(value) or (key in ORDER and len(words) == 1 and not whole(last_value) and
                                _WORD.fullmatch(value))
    return text + rest if fits else None


def texts(lines):
    """(text of a record, its first line) for each record, and (None, line) for other lines."""
    text = first = None
    before = ""
    for line in lines:
        line = line.rstrip("\r\n")
        at = start(line)
        if at < 0 and before.endswith(_BROKEN_MARK):
            # The mark itself is in two lines.
            bare = _QUOTED.sub("", line, count=1)
            for whole in (before + bare, f"{before} {bare}"):
                if MARK in whole:
                    line, at = whole, start(whole)
                    break
        more = None
        if text is not None and (at < 0 or (not text and MARK not in line)):
            more = joined(text, line)
        before = line if more is None else ""
        if more is not None:
            text = more
            continue
        if text is not None:
            yield text, first
            text = None
        if at >= 0:
            text, first = line[at:], line
        else:
            yield None, line
    if text is not None:
        yield text, first
