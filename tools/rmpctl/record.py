# SPDX-License-Identifier: GPL-2.0-only
"""Records of violations: lines of key=value, as docs/records.md explains them."""

MARK = "rmp_enforce: violation "
HEX = {"gfn", "gpa", "pfn", "psc_gfn"}
GUEST_ERRORS = ("implicit_private", "implicit_shared", "first_touch")
OTHERS = ("initial_shared", "in_flight", "vmpl", "host", "unbacked", "no_progress")
CLASSES = GUEST_ERRORS + OTHERS
POLICY_CLASSES = GUEST_ERRORS + ("initial_shared", "in_flight", "vmpl")


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

    def as_json(self):
        """Numbers as numbers where they are decimal, hex as it was printed."""
        out = {}
        for key, value in self.pairs.items():
            out[key] = int(value) if value.isdigit() and key not in HEX else value
        return out

    def line(self):
        return " ".join(f"{k}={v}" for k, v in self.pairs.items())
