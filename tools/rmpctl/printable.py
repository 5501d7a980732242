# SPDX-License-Identifier: GPL-2.0-only
"""Text that others chose, for a terminal, a log or a picture.

A guest, a VMM or a log line may have names with escape sequences, line breaks or marks
that turn the direction of writing round.  They are shown, and do nothing.
"""


def printable(text):
    """The text with each character that is not printable as its escape: \\x1b, \\n."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace")
                   .decode("ascii") for c in text)
