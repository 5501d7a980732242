# SPDX-License-Identifier: GPL-2.0-only
"""Where in the guest it was: lines of the file sites in debugfs, saved ones, or a record.

A site is the registers of a vCPU at an access, or at a request, and what of its kernel's
stack may be return addresses.
"""

import re

from .pairs import number, parse_pairs
from .record import Record

ACCESS, REQUEST = "access", "request"
REGISTERS = ("rip", "cpl", "rflags", "rsp", "rbp", "rax", "rbx", "rcx", "rdx", "rsi", "rdi",
             *(f"r{n}" for n in range(8, 16)), "cr0", "cr3", "cr4", "efer", "cs_base", "gs_base",
             "lstar")
KEYS = ("seq", "at", "vcpu", "age_us", "psc_gfn", "psc_pages", *REGISTERS, "insn", "stack")
LAST = KEYS[-1]

# No line is longer, and no stack has more words.
LONGEST = 8192
WORDS = 64
# A guest asks by VMGEXIT, and rip is that of the instruction after it.
VMGEXIT_BYTES = 4
# Code of a kernel and its modules is that near to each other.
NEAR = 2 << 30

_START = re.compile(r"(?:^|(?<=\s))seq=\d{1,18} at=(?:access|request)(?=\s|$)")
_QUOTED = re.compile(r"^(?:\s*[>|])*\s*")
_BEGINS_KEY = re.compile(rf"(?:{'|'.join(KEYS)})=")
_REST = re.compile(r"[0-9a-fnox/:,]+")
_INSN = re.compile("(?:[0-9a-f]{2}){1,16}")
_WORD = re.compile("0x([0-9a-f]{1,6}):0x([0-9a-f]{1,16})")


class Site:
    """One site.  cut_after is the last key of a line that was cut, else None."""

    def __init__(self, pairs, cut_after=None):
        self.pairs = pairs
        self.cut_after = cut_after
        self.at = pairs["at"]
        self.insn = self._insn()
        self.stack, self.stack_more = self._stack()

    def number(self, key):
        """A number, or None; a register has no sign and 64 bits."""
        value = number(self.pairs.get(key))
        return value if value is not None and 0 <= value < 1 << 64 else None

    @property
    def seq(self):
        return self.number("seq")

    @property
    def rip(self):
        return self.number("rip")

    @property
    def cpl(self):
        return self.number("cpl")

    @property
    def lstar(self):
        return self.number("lstar")

    @property
    def address(self):
        """Where the instruction is: rip, but for firmware in other modes than 64 bit; of a
        request the VMGEXIT."""
        if self.rip is None:
            return None
        before = VMGEXIT_BYTES if self.at == REQUEST else 0
        return (self.rip - before + (self.number("cs_base") or 0)) % (1 << 64)

    @property
    def registers(self):
        """{name: value} of those that are known."""
        return {name: self.number(name) for name in REGISTERS if self.number(name) is not None}

    def _insn(self):
        text = self.pairs.get("insn", "")
        return bytes.fromhex(text) if _INSN.fullmatch(text) else None

    def _stack(self):
        """([(offset, word)], how many were too much); ([], 0) if there are none, (None, 0) if that
        is not known.  A word that is far from rip was cut, or is nobody's."""
        text = self.pairs.get(LAST)
        if text == "none":
            return [], 0
        words = []
        for part in (text or "").split(","):
            found = _WORD.fullmatch(part)
            if found:
                word = int(found[2], 16)
                if self.rip is not None and abs(word - self.rip) <= NEAR:
                    words.append((int(found[1], 16), word))
        return (words[:WORDS], max(len(words) - WORDS, 0)) if words else (None, 0)


def _site(text):
    """The site in a text that begins with it."""
    whole = text[:LONGEST]
    pairs = {k: v for k, v in parse_pairs(whole).items() if k in KEYS}
    if LAST in pairs and len(text) <= LONGEST:
        return Site(pairs)
    last = next(reversed(pairs))
    if not whole[-1:].isspace() and last not in ("seq", "at"):
        del pairs[last]     # what is left of a number may be another one
    return Site(pairs, next(reversed(pairs)))


def _continues(text, line):
    """What a line adds to the text of a site; None if it does not go on with it."""
    bare = _QUOTED.sub("", line, count=1)
    words = bare.split()
    if not words:
        return "" if line[-1:].isspace() else None      # the space that a line was broken at
    if not all("=" in w for w in words[1:-1]):
        return None
    if len(words) > 1 and "=" not in words[-1] and not any(k.startswith(words[-1]) for k in KEYS):
        return None
    if _BEGINS_KEY.match(bare):
        return " " + bare
    # It was broken within a value, or within a key.
    begun = text.rsplit(None, 1)[-1]
    fits = (_REST.fullmatch(words[0]) if "=" in begun else
            _BEGINS_KEY.match(begun + words[0]))
    return bare if fits and not text[-1].isspace() else None


def read(lines):
    """The sites in lines of text, whatever is around them, also if mail has broken them."""
    text = None
    for line in lines:
        line = line.rstrip("\r\n")
        found = _START.search(line)
        more = None
        if text is not None and not found and len(text) < LONGEST and len(line) < LONGEST:
            more = _continues(text, line)
        if more is not None:
            text += more
            continue
        if text is not None:
            yield _site(text)
        text = line[found.start():] if found else None
    if text is not None:
        yield _site(text)


def of_record(record):
    """{at: site} of what a record itself says."""
    out = {}
    for at, keys in ((ACCESS, {"rip": "rip", "cpl": "cpl", "vcpu": "vcpu"}),
                     (REQUEST, {"rip": "psc_rip", "cpl": "psc_cpl", "vcpu": "psc_vcpu",
                                "age_us": "psc_age_us", "psc_gfn": "psc_gfn",
                                "psc_pages": "psc_pages"})):
        if record.number(keys["rip"]) is not None:
            pairs = {key: record[name] for key, name in keys.items()}
            out[at] = Site({"at": at, "seq": record["seq"]} | pairs)
    return out


def grouped(sites):
    """(seq, {at: site}) for each record, in the order of the lines.

    Lines of several VMs may follow each other; each has its first site first.
    """
    out = []
    for site in sites:
        if not out or out[-1][0] != site.seq or site.at in out[-1][1]:
            out.append((site.seq, {}))
        out[-1][1][site.at] = site
    return out


def of_text(lines):
    """As grouped(), of a text that has lines of sites, or else records."""
    lines = list(lines)
    found = grouped(read(lines))
    if found:
        return found
    records = filter(None, (Record.from_line(line[:LONGEST]) for line in lines))
    return [(r.number("seq"), of_record(r)) for r in records if of_record(r)]


def of_vm(vm):
    """As grouped(), of a VM that runs, or is in a bundle; None if the module has no such file."""
    if not vm.has_debug("sites"):
        return None
    return grouped(read(vm.open_debug("sites")))


def lstar_of(found):
    """The lstar of a record's sites: at a request early in boot it may not have been set yet."""
    known = [site.lstar for site in found.values() if site.lstar is not None]
    return next(filter(None, known), known[0] if known else None)
