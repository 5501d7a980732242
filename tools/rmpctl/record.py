# SPDX-License-Identifier: GPL-2.0-only
"""Records of violations: lines of key=value, as docs/records.md explains them."""

from .classes import GUEST_ERRORS
from .pairs import number, parse_pairs

MARK = "rmp_enforce: violation "
HEX = {"gfn", "gpa", "pfn", "psc_gfn"}


class Record:
    """One violation."""

    def __init__(self, pairs):
        self.pairs = pairs

    @classmethod
    def from_line(cls, line):
        """The record in a line, whatever is in front of it; None if there is none."""
        at = line.find(MARK)
        text = line[at + len(MARK):] if at >= 0 else line
        at = text.find("vm=")
        if at < 0:
            return None
        pairs = parse_pairs(text[at:] if text.find("seq=") < 0 else text)
        if not {"vm", "gfn", "class", "access"} <= pairs.keys():
            return None
        return cls(pairs)

    def __getitem__(self, key):
        """A value as text; "n/a" for a key that is not there."""
        return self.pairs.get(key, "n/a")

    def number(self, key):
        return number(self.pairs.get(key))

    @property
    def gfn(self):
        return self.number("gfn")

    @property
    def error_bits(self):
        _, bracket, names = self["err"].partition("(")
        return names.rstrip(")").split(",") if bracket else []

    @property
    def is_guest_error(self):
        return self["class"] in GUEST_ERRORS or self["action"] != "none"

    @property
    def was_refused(self):
        """The VMM refused the last PSC of the page."""
        return self["refused"] in ("private", "shared")

    def as_json(self):
        """Numbers as numbers where they are decimal, hex as it was printed."""
        out = {}
        for key, value in self.pairs.items():
            out[key] = int(value) if value.isdigit() and key not in HEX else value
        return out

    def line(self):
        return " ".join(f"{k}={v}" for k, v in self.pairs.items())
