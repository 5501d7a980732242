# SPDX-License-Identifier: GPL-2.0-only
"""Records of violations: lines of key=value, as docs/records.md explains them."""

import re

from .classes import CLASSES, GUEST_ERRORS
from .pairs import number, parse_pairs
from .printable import printable

MARK = "rmp_enforce: violation "
HEX = {"gfn", "gpa", "pfn", "psc_gfn", "rip", "psc_rip"}

_NUMBER = r"\d+|n/a"
_HEX = r"0x[0-9a-f]+|none|n/a"
_ADDRESS = r"0x[0-9a-f]+|n/a"
_RING = "[0-3]|n/a"
_STATE = "private|shared"

# The keys in their order, and what a whole value of each looks like.
VALUES = {key: re.compile(value) for key, value in {
    "vm": r"\d+", "pid": r"\d+", "comm": r"\S+", "vcpu": r"\d+", "gfn": _HEX, "gpa": _HEX,
    "access": _STATE, "op": "read|write|fetch|walk", "expected": f"{_STATE}|initial",
    "source": "psc|launch|attribute|none|use", "class": "|".join(CLASSES), "attr": _STATE,
    "err": r"0x[0-9a-f]+\([A-Z,]*\)", "psc": f"{_STATE}|none|unknown", "psc_age_us": _NUMBER,
    "psc_vcpu": r"-?\d+|n/a", "psc_gfn": _HEX, "psc_pages": _NUMBER, "launch": "yes|no",
    "pfn": _HEX, "rmp": "assigned:[01],level:(4K|2M)|unreadable|n/a", "rip": _ADDRESS,
    "n": r"\d+", "suppressed": r"\d+", "mode": "lenient|strict", "action": "none|vc|terminate",
    "escalated": "no|protected_mode_off|event_pending|no_progress", "repeats": r"\d+",
    "used": f"no|{_STATE}", "refused": f"none|{_STATE}", "refused_age_us": _NUMBER,
    "refused_ret": _NUMBER, "hole_age_us": _NUMBER, "cpl": _RING, "psc_rip": _ADDRESS,
    "psc_cpl": _RING}.items()}
ORDER = {key: i for i, key in enumerate(VALUES)}

# The last keys of a record, by the versions of the module that there have been.
ENDS = ("escalated", "used", "hole_age_us", "psc_cpl")
# Whose values say only with what follows them that they are whole.
_OPEN = {key for key, value in VALUES.items()
         if value.pattern in (_NUMBER, _HEX, _ADDRESS, r"\d+", r"-?\d+|n/a", r"\S+")}

# No record is longer.
LONGEST = 4096

NEEDED = ("vm", "gfn", "access", "class")

# Where a record begins that has nothing of ours in front of it, as in debugfs.
_BARE = re.compile(r"(?:^|(?<=\s))(?:seq=\d+ (?:\w+=\S* )*?)?vm=\d")


def start(line):
    """Where the record in a line begins, or -1; whatever is in front of it."""
    at = line.find(MARK)
    if at >= 0:
        return at + len(MARK)
    if "vm=" not in line or len(line) > LONGEST:
        return -1
    found = _BARE.search(line)
    return found.start() if found else -1


# What most records end in.
_USUAL = ("n/a", "no")
_WORD = re.compile(r"[\w/]*", re.ASCII)


def _bare(key, value):
    """A value without what follows it where a record ends: of JSON, HTML, or a sentence."""
    word = _WORD.match(value)[0]
    return word if VALUES[key].fullmatch(word) else value


class Record:
    """One violation.

    host, domain and time are what the log around it says, where it does; time is in
    microseconds since 1970.  earlier_load: the module has been loaded anew since, and
    counts VMs from 1 again.  neighbour is for triage, see sources.py.
    """

    host = domain = time = neighbour = None
    earlier_load = False

    def __init__(self, pairs, cut_after=None):
        self.pairs = pairs
        self.cut_after = cut_after

    @classmethod
    def from_text(cls, text):
        """The record in a text that begins with it; None if the needed keys are not there."""
        text = text[:LONGEST]
        pairs = parse_pairs(text)
        for key in ENDS:
            value = pairs.get(key, "n/a")
            if value not in _USUAL and not VALUES[key].fullmatch(value):
                pairs[key] = _bare(key, value)
        if not pairs.keys() >= {"vm", "gfn"}:
            return None
        cut_after = None
        last = next(reversed(pairs))
        ended = last in ENDS or last not in ORDER
        if not ended and not text[-1:].isspace():
            # What is left of a number may be another one.
            if last in _OPEN or not VALUES[last].fullmatch(pairs[last]):
                del pairs[last]
                last = next(reversed(pairs), None)
        if not ended or "action" not in pairs:
            cut_after = last
        if not pairs.keys() >= set(NEEDED):
            return None
        return cls(pairs, cut_after)

    @classmethod
    def from_line(cls, line):
        """The record in a line, whatever is in front of it; None if there is none."""
        at = start(line)
        return cls.from_text(line[at:]) if at >= 0 else None

    def __getitem__(self, key):
        """A value as text; "n/a" for a key that is not there."""
        return printable(self.pairs.get(key, "n/a"))

    def has(self, key):
        """The record got so far."""
        return key in self.pairs

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
        return self["class"] in GUEST_ERRORS or self["action"] in ("vc", "terminate")

    @property
    def was_refused(self):
        """The VMM refused the last PSC of the page."""
        return self["refused"] in ("private", "shared")

    @property
    def was_refused_this(self):
        """It refused what the guest then did all the same."""
        return self["refused"] == self["access"]

    def as_json(self):
        """Numbers as numbers where they are decimal, hex as it was printed."""
        out = {}
        for key, value in self.pairs.items():
            count = number(value) if value.isdecimal() and key not in HEX else None
            out[key] = value if count is None else count
        return out

    def line(self):
        return " ".join(f"{k}={v}" for k, v in self.pairs.items())
