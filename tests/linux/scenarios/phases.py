# SPDX-License-Identifier: GPL-2.0-only
"""
The phases of a guest's life, from what it says on its console and from its PSCs, and
what happened in each.

Release builds of OVMF say nothing before they start the kernel.  Its phases are told
apart by its PSCs: PEI (PlatformPei's AmdSevSnpInitialize) accepts memory from gfn 0 on;
it ends by giving back the GHCB page of SEC, the one that was used without a PSC.
"""

from collections import Counter

TITLES = {
    "sec": "OVMF: SEC",
    "pei": "OVMF: PEI",
    "dxe": "OVMF: DXE, BDS",
    "stub": "kernel: EFI stub, until the console is there",
    "kernel": "kernel: until init starts",
    "start": "userland: start",
}


def cut(guest, pscs, violations):
    """[(name, begin, end)] in order; what was not reached is missing."""
    marks = [("sec", guest.started)]

    def mark(name, when):
        if when is not None and when >= marks[-1][1]:
            marks.append((name, when))

    mark("pei", next((p.t for p in pscs if p.gfn == 0), None))
    sec_ghcb = {v.gfn for v in violations if v.cls == "initial_shared"}
    mark("dxe", next((p.t + p.took for p in pscs
                      if p.gfn in sec_ghcb and p.to == "private"), None))
    for name, pattern in (("stub", "EFI stub:"), ("kernel", r"^\[ +0\.000000\]"),
                          ("start", "Run /init|guest: up")):
        found = guest.find(pattern)
        mark(name, found and found[0])
    for when, text in guest.lines:
        if "guest: begin " in text:
            mark(text.split("guest: begin ")[1].strip(), when)
        elif "guest: end" in text:
            mark("power-off", when)
    ends = [t for _, t in marks[1:]] + [guest.ended]
    return [(name, begin, end) for (name, begin), end in zip(marks, ends)]


def sizes(pscs):
    """How many requests of 1 page, fewer than 512, 512 and more."""
    return {
        "one": sum(p.pages == 1 for p in pscs),
        "some": sum(1 < p.pages < 512 for p in pscs),
        "huge": sum(p.pages >= 512 for p in pscs),
        "largest": max((p.pages for p in pscs), default=0),
    }


def summary(phase, pscs, violations):
    """What happened in one phase; times in seconds, of the host."""
    name, begin, end = phase
    mine = [p for p in pscs if begin <= p.t < end]
    return {
        "name": name,
        "title": TITLES.get(name, name),
        "seconds": end - begin,
        "requests": len(mine),
        "refused": sum(p.ret != 0 for p in mine),
        "pages_private": sum(p.pages for p in mine if p.to == "private"),
        "pages_shared": sum(p.pages for p in mine if p.to == "shared"),
        "sizes": sizes(mine),
        "psc_seconds": sum(p.took for p in mine),
        "violations": dict(Counter(v.cls for v in violations if begin <= v.t < end)),
    }


def summarize(guest, pscs, violations):
    return [summary(p, pscs, violations) for p in cut(guest, pscs, violations)]
