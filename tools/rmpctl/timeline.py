# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl history: page-state changes and violations of a VM, by time."""

import collections

from .output import answer
from .record import number, parse_pairs

Event = collections.namedtuple("Event", "order age_us kind text data")


def _result(pairs):
    """How a PSC ended; the VMM's number if it refused it."""
    if pairs["result"] == "refused" and number(pairs.get("ret")) is not None:
        return f"refused: {answer(pairs['ret'])}"
    return pairs["result"] + (", redundant" if pairs.get("redundant") == "yes" else "")


def _psc(pairs):
    pages = number(pairs["pages"]) or 0
    first = number(pairs["gfn"])
    return Event((number(pairs["seq"]) or 0, 0), number(pairs["age_us"]), "psc",
                 f"vCPU {pairs['vcpu']}  PSC to {pairs['to']:<7}  "
                 f"{first:#x} +{pages}  {_result(pairs)}", pairs)


def _violation(record):
    # It came after the last PSC that had been answered by then.
    return Event((record.number("psc_seq") or 0, record.number("seq") or 0),
                 record.number("age_us"), "violation",
                 f"vCPU {record['vcpu']}  {record['class']}: {record['access']} "
                 f"{record['op']} of {record['gfn']}, expected {record['expected']}"
                 f" ({record['source']})  action {record['action']}", record.pairs)


def events(vm, gfn=None):
    """All that is still known, oldest first; of one page if a gfn is given."""
    out = []
    for line in vm.open_debug("psc_history"):
        pairs = parse_pairs(line)
        first, pages = number(pairs.get("gfn")), number(pairs.get("pages"))
        if first is None or pages is None:
            continue
        if gfn is None or first <= gfn < first + pages:
            out.append(_psc(pairs))
    for record in vm.violations():
        if gfn is None or record.gfn == gfn:
            out.append(_violation(record))
    # Not by age: the two files are not read at the same moment.
    return sorted(out, key=lambda e: e.order)


def lost(vm):
    """How many older PSCs and violations are not kept any more."""
    def gaps(name):
        kept, last = 0, 0
        for line in vm.open_debug(name):
            kept, last = kept + 1, number(parse_pairs(line).get("seq")) or last
        return last - kept if kept else 0
    return gaps("psc_history"), gaps("violations")
