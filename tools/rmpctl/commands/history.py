# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl history: page-state changes and violations of a VM, by time."""

import collections

from .. import psc, vm as vms
from ..arguments import add_vm, at_least
from ..errors import OK, UsageError
from ..output import print_json, say
from ..pairs import number, parse_pairs
from ..printable import printable
from ..units import ago, plural

Event = collections.namedtuple("Event", "order age_us kind text data")

SUMMARY = "page-state changes and violations of a VM, by time"
DETAILS = ("The last 2048 page-state changes of a VM are kept, and 32 violations that were "
           "acted upon and 32 others. Needs root (debugfs).")


def arguments(parser):
    add_vm(parser)
    parser.add_argument("gfn", metavar="GFN", nargs="?", help="only this page, such as 0x809")
    parser.add_argument("-n", "--lines", type=at_least(1), metavar="N", help="only the last N")


def _result(pairs):
    """How a PSC ended; the VMM's number if it refused it."""
    result = pairs.get("result", "?")
    if result == "refused" and number(pairs.get("ret")) is not None:
        return f"refused: {psc.answer(pairs['ret'])}"
    return result + (", redundant" if pairs.get("redundant") == "yes" else "")


def _psc(p):
    return Event((p.seq, 0), number(p.pairs.get("age_us")), "psc",
                 f"vCPU {p.pairs.get('vcpu', '?')}  PSC to {p.to or '?':<7}  "
                 f"{p.first:#x} +{p.end - p.first}  {_result(p.pairs)}", p.pairs)


def _violation(record):
    # It came after the last PSC that had been answered by then.
    return Event((record.number("psc_seq") or 0, record.number("seq") or 0),
                 record.number("age_us"), "violation",
                 f"vCPU {record['vcpu']}  {record['class']}: {record['access']} "
                 f"{record['op']} of {record['gfn']}, expected {record['expected']}"
                 f" ({record['source']})  action {record['action']}", record.pairs)


def events(vm, gfn=None):
    """All that is still known, oldest first; of one page if a gfn is given."""
    out = [_psc(p) for p in psc.read(vm.open_debug("psc_history"))
           if gfn is None or p.first <= gfn < p.end]
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
        return max(last - kept, 0) if kept else 0
    return gaps("psc_history"), gaps("violations")


def parse_gfn(text):
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(f"'{text}' is not a guest frame number, such as 0x809.") from None


def run(host, args):
    gfn = None if args.gfn is None else parse_gfn(args.gfn)
    vm = vms.find(host, args.vm)
    found = events(vm, gfn)
    psc_lost, violations_lost = lost(vm)
    shown = found if args.lines is None else found[-args.lines:]
    if args.json:
        print_json({"vm": vm.id, "gfn": gfn, "psc_not_kept": psc_lost,
                    "violations_not_kept": violations_lost,
                    "events": [{"age_us": e.age_us, "kind": e.kind, **e.data} for e in shown]})
        return OK
    for e in shown:
        mark = "!" if e.kind == "violation" else " "
        print(f"{'?' if e.age_us is None else ago(e.age_us):>9} ago {mark} {printable(e.text)}")
    if not shown:
        what = "" if gfn is None else f" of gfn {gfn:#x}"
        print(f"no page-state change and no violation{what} is known")
    if psc_lost or violations_lost:
        say(f"{plural(psc_lost, 'older PSC')} and {plural(violations_lost, 'older violation')} "
            "are not kept any more.")
    return OK
