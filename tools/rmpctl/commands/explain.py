# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl explain: which records are meant; explanation.py has the words."""

import os
import sys

from .. import ended, explanation, klog, site_words, sites, vm as vms
from ..arguments import add_symbols, add_vm, at_least, is_input
from ..errors import OK, NoPermission, RmpctlError, UsageError
from ..output import print_json, say
from ..sources import Sources
from ..symbols import Symbols
from ..triage import Triage, summary
from ..units import plural

SUMMARY = "a record in words: what happened, usual causes, what to look at"
DETAILS = ("Of a VM, also of one that has ended; of records in a file, in a pipe or in standard "
           "input (VM is -), such as a kernel log or a bug report; or else of the kernel log. "
           "Many records there are grouped first, as 'triage' does.")


def arguments(parser):
    add_vm(parser, optional=True)
    parser.add_argument("-f", "--file", metavar="FILE",
                        help="read records from FILE (a log, a journal, a bundle; also as .gz or "
                        ".xz), - is standard input")
    parser.add_argument("-n", "--lines", type=at_least(0), metavar="N",
                        help="the last N records (default 1); 0 is all")
    add_symbols(parser)


def _of_vm(host, name):
    """Records of a VM; who names a file is told how that is done."""
    try:
        vm = vms.find(host, name)
    except UsageError:
        raise
    except RmpctlError:
        past = _of_ended(host, name)
        if past:
            return past
        if "/" not in name and not os.path.exists(name):
            raise
        raise UsageError(f"{name} is not a VM. To read records from a file: 'rmpctl explain -f "
                         f"{name}'.") from None
    try:
        return list(vm.violations())
    except vms.VmGone:
        raise
    except RmpctlError:
        try:
            last = vm.last_violation()      # all that sysfs has
        except NoPermission:
            raise RmpctlError("records of a VM can be read by root only: run as root.") from None
        return [last] if last else []


def _of_ended(host, name):
    """Of a VM that has ended, the records that the kernel log still has."""
    past = ended.find(host, *vms.meant(name))
    if not past:
        return []
    vm, pid = past[-1]["vm"], past[-1]["pid"]
    return [record for _, record in klog.records_since_load(host)
            if (record.number("vm"), record.number("pid")) == (vm, pid)]


def _records_of_file(path):
    """Of a log, a journal or a bundle, also compressed; - is standard input."""
    sources = Sources(names_hosts=False)
    if path in (None, "-"):
        found = list(sources.stream(sys.stdin.buffer, None))
    else:
        found = list(sources.of(path))
    for record in found:
        record.domain = record.domain or sources.domain_of(record.host, record["vm"],
                                                           record["pid"])
    if not found and sources.problems:
        path, why = sources.problems[0]
        raise RmpctlError(f"can't read {path}: {why}.")
    if not found and sources.cut:
        raise RmpctlError("the record in the input is cut before class=: nothing can be said "
                          "about it. Copy the whole line.")
    if not found:
        raise RmpctlError("there is no record of rmp_enforce in the input; it is a line with "
                          "'vm=... gfn=... class=...'.")
    return found


def _records_to_explain(host, args):
    """(records, whether their VM may still be here to ask)"""
    if args.vm and args.file:
        raise UsageError(f"either of a VM, or of a file: leave out {args.vm}, or -f {args.file}.")
    if args.vm == "-":
        args.file, args.vm = "-", None
    if args.vm:
        return _of_vm(host, args.vm), True
    if args.file or is_input(sys.stdin):
        found = _records_of_file(args.file)
        return found, False
    return [record for _, record in klog.records(host)], True


# From so many records on, explain without an argument shows first which bugs they are; but no
# more of them than leave the last record on the screen.
NOISY, GROUPS = 10, 12


def _groups(records):
    """Lines: the bugs that are in the kernel log, if there are many records."""
    triage = Triage()
    for record in records:
        triage.add(record)
    if len(records) < NOISY:
        return
    yield (f"The kernel log has {plural(triage.count, 'violation')} in "
           f"{plural(len(triage.groups), 'group')}; 'rmpctl triage' has more on each:")
    yield from summary(triage.sorted()[:GROUPS])
    if len(triage.groups) > GROUPS:
        yield f"         ... and {plural(len(triage.groups) - GROUPS, 'group')} more"
    yield ""
    yield "The last one:"
    yield ""


class _Namer:
    """What is at the addresses of records, by the files that were given."""

    def __init__(self, host, symbols):
        self.host, self.symbols = host, symbols
        self.why = None     # a slide that is not known

    def __call__(self, record):
        found = sites.of_record(record)
        if not self.symbols or not found:
            return None
        kept = explanation.sites_of(self.host, record)
        lstar = sites.lstar_of(kept[1]) if kept else None
        self.symbols.check([lstar])
        slide = self.symbols.slide(lstar)
        if self.symbols.kernels and slide.amount is None:
            self.why = slide.why
        return site_words.names(self.symbols, found, lstar)


def run(host, args):
    symbols = Symbols(args.vmlinux, args.system_map, args.module, args.slide)
    asked = args.vm or args.file or args.lines is not None
    args.lines = 1 if args.lines is None else args.lines
    found, here = _records_to_explain(host, args)
    shown = found if args.lines == 0 else found[-args.lines:]
    live = host if here else None
    names = _Namer(live, symbols)
    if args.json:
        print_json([explanation.as_json(live, r, names(r)) for r in shown])
        return OK
    if here and not asked:
        for line in _groups(found):
            print(line)
    for i, record in enumerate(shown):
        if i:
            print()
        for line in explanation.text(live, record, names(record)):
            print(line)
    if names.why:
        say(f"how far KASLR has moved the kernel is not known: {names.why}.")
    if not found:
        print("no violation: nothing to explain")
    elif len(shown) < len(found) and sys.stdout.isatty():
        say(f"{plural(len(found) - len(shown), 'earlier record')} left out; -n 0 shows all.")
    return OK
