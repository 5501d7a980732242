# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl where: the guest's code at an access, and at the last request for the page."""

import sys

from .. import explanation, site_words, sites, vm as vms
from ..arguments import add_symbols, add_vm, at_least, is_input
from ..errors import OK, RmpctlError, UsageError, VmGone
from ..host import MODULE
from ..output import print_json, say
from ..printable import printable
from ..symbols import Query, Symbols
from ..units import plural

SUMMARY = "where in the guest's code: the access, and the last request for the page"
DETAILS = ("Of a VM that may be debugged (record SEQ, or the last one that has it), or of saved "
           "lines of its file sites in debugfs (VM is -, or -f FILE). With --vmlinux or "
           "--system-map as functions and lines, else as addresses. The words of the stack are "
           "those that may be return addresses; which of them are, is said as far as it is known.")

# Of an input that is read.
LIMIT = 64 << 20


def arguments(parser):
    add_vm(parser, optional=True)
    parser.add_argument("seq", metavar="SEQ", nargs="?", type=at_least(1),
                        help="number of the record (seq= in debugfs)")
    parser.add_argument("-f", "--file", metavar="FILE",
                        help="read lines of sites, or records, from FILE; - is standard input")
    parser.add_argument("-n", "--lines", type=at_least(0), metavar="N", default=1,
                        help="the last N records (default 1); 0 is all")
    add_symbols(parser)
    parser.add_argument("--registers", action="store_true", help="all registers that are known")


def _of_file(path):
    """(seq, sites) of a file or standard input."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(LIMIT)
        else:
            with open(path, "rb") as file:
                data = file.read(LIMIT)
    except OSError as error:
        raise RmpctlError(f"can't read {path}: {error.strerror}.") from None
    found = sites.of_text(data.decode(errors="replace").split("\n"))
    if not found:
        raise RmpctlError("there are no lines of the file sites in the input, nor records with "
                          "rip=; such a line begins with 'seq=5 at=access'.")
    return found


def _record_of(vm, seq):
    """The record with a number, if it is still kept."""
    return next((r for r in vm.violations() if r.number("seq") == seq), None)


def _why_not(host, vm, seq):
    """Why a VM has no site at all, or not of one record."""
    who = f"VM {vm.id}"
    if not vm.has_debug("sites"):
        return "this version of the module does not read registers of guests."
    if vm.read("debuggable") == "no":
        return (f"the policy of {who} does not allow debugging, so its registers can't be read. "
                "Start the guest with bit 19 in its policy (QEMU: policy=0xb0000).")
    if vm.read("debuggable") == "n/a":
        return ("this host's kernel does not have what it takes to read registers of guests; the "
                "kernel log says what is missing.")
    if host.read_or("on", MODULE, "sites") == "off":
        return "sites is off: no registers are read. 'rmpctl set sites=on' is for the next ones."
    if vm.read("sites") == "off":
        return (f"sites of {who} is off: its registers are not read. 'rmpctl set --vm {vm.id} "
                "sites=on' is for the next ones.")
    if seq is None:
        if next(iter(vm.violations()), None) is None:
            return f"{who} has no violation."
        return (f"no registers of {who} were read: firmware was busy or did not answer, the limits "
                "of the log left the records out, or sites was off then.")
    if _record_of(vm, seq) is None:
        return (f"{who} has no record {seq}, or not any longer: its last 32 that were acted upon "
                "are kept, and its last 32 others.")
    return (f"record {seq} of {who} has no registers: firmware was busy or did not answer, the "
            "limits of the log left the record out, or sites was off then.")


def _of_vm(host, vm, seq):
    """(seq, sites) of a VM; RmpctlError says why there are none."""
    host.need_debugfs()
    found = [(number, at) for number, at in sites.of_vm(vm) or ()
             if seq in (None, number)]
    if not found:
        raise RmpctlError(_why_not(host, vm, seq))
    return found


def _why_no_request(vm, record):
    """Why there is no site of the last request."""
    if record is not None and record["psc"] == "none":
        return "nobody has asked for this page."
    if record is not None and record["psc"] == "unknown":
        return "the last request for this page is not known."
    own = "inherit" if vm is None else vm.read("request_sites")
    if vm is not None and own == "inherit":
        own = vm.host.read_or(None, MODULE, "request_sites")
    if own == "off":
        return "request_sites is off. 'rmpctl set request_sites=on' is for the next requests."
    return ("where that was is not known: request_sites was off when it was made, or firmware was "
            "busy, or did not answer.")


def _notes(symbols, found):
    """Sentences on the files that were given."""
    lstar = sites.lstar_of(found)
    slide = symbols.slide(lstar)
    if not symbols.kernels:
        return slide, []
    if slide.amount is None:
        return slide, [f"How far KASLR has moved the kernel is not known: {slide.why}. So "
                       "addresses of the kernel are shown as they are."]
    by = "as --slide says" if slide.by == "given" else "by lstar, which is entry_SYSCALL_64"
    return slide, [f"KASLR has moved the kernel by {slide.amount:#x}, {by}."]


class _Shown:
    """One record with its sites, looked up."""

    def __init__(self, host, vm, seq, found, symbols):
        self.vm, self.seq, self.found = vm, seq, found
        self.record = _record_of(vm, seq) if vm is not None else None
        asked = list(dict.fromkeys(q for site in found.values() for q in site_words.queries(site)))
        insns = {Query(site.address): site.insn for site in found.values()
                 if site.at == sites.ACCESS}     # of a request it is what comes after it
        self.places = symbols.look(asked, sites.lstar_of(found), insns)
        self.unknown = [q for q in asked if q not in self.places and not q.return_to]
        self.slide, self.notes = _notes(symbols, found)
        self.root = symbols.root
        self.words = explanation.as_json(host, self.record) if self.record else None
        self.symbols = symbols
        if symbols and self.unknown and self.slide.amount is not None:
            self.notes.append("What is not in the files is a module's (--module), BPF's, "
                              "firmware's, or of the time before the kernel proper.")

    def as_json(self):
        by_at = {at: site_words.as_json(site, self.places) for at, site in self.found.items()}
        return {"vm": self.vm.id if self.vm is not None else None, "seq": self.seq,
                "record": self.record.as_json() if self.record else None,
                "what": self.words and self.words["what"],
                "slide": None if self.slide.amount is None else f"{self.slide.amount:#x}",
                "slide_by": self.slide.by, "notes": self.notes,
                "access": by_at.get(sites.ACCESS), "request": by_at.get(sites.REQUEST)}

    def text(self, registers):
        number = "" if self.seq is None else f"record {self.seq}"
        if self.words:
            yield f"{self.record['class']}: {printable(self.words['who'])}, {number}"
            yield from explanation.wrapped("  ", self.words["what"], site_words.WIDTH)
        elif self.vm is not None:
            yield f"VM {self.vm.id}, {number}"
        else:
            yield number or "a record"
        for at in (sites.ACCESS, sites.REQUEST):
            yield ""
            if at in self.found:
                yield from site_words.text(self.found[at], self.places, registers, self.root)
            else:
                why = (_why_no_request(self.vm, self.record) if at == sites.REQUEST else
                       "where that was is not in the input." if self.vm is None else
                       "where that was is not known: firmware was busy, or did not answer.")
                yield from site_words.wrapped(f"  {site_words.TITLES[at]:<16}  ", why)
        more = list(site_words.legend(self.places))
        if more or self.notes:
            yield ""
        yield from more
        for note in self.notes:
            yield from site_words.wrapped("  ", note)


def _asked(host, args):
    """(vm or None, [(seq, sites)])"""
    if args.file and args.vm and args.seq is None:
        if not vms.DIGITS.fullmatch(args.vm):
            raise UsageError(f"either of a VM, or of a file: leave out {args.vm}, or -f "
                             f"{args.file}.")
        args.vm, args.seq = None, int(args.vm)      # where -f FILE SEQ
    if args.file and args.vm:
        raise UsageError(f"either of a VM, or of a file: leave out {args.vm}, or -f {args.file}.")
    if args.vm == "-":
        args.file, args.vm = "-", None
    if args.vm:
        vm = vms.find(host, args.vm)
        return vm, _of_vm(host, vm, args.seq)
    if not args.file and not is_input(sys.stdin):
        raise UsageError("name a VM, or a file with -f; 'rmpctl list' shows the VMs.")
    found = _of_file(args.file or "-")
    if args.seq is not None:
        found = [(seq, at) for seq, at in found if seq == args.seq]
        if not found:
            raise RmpctlError(f"the input has no record {args.seq}.")
    return None, found


def run(host, args):
    symbols = Symbols(args.vmlinux, args.system_map, args.module, args.slide)
    vm, found = _asked(host, args)
    chosen = found if args.lines == 0 else found[-args.lines:]
    symbols.check([sites.lstar_of(at) for _, at in chosen])
    try:
        shown = [_Shown(host, vm, seq, at, symbols) for seq, at in chosen]
    except VmGone:
        raise RmpctlError(f"VM {vm.id} has ended meanwhile.") from None
    if args.json:
        print_json([s.as_json() for s in shown])
        return OK
    for i, one in enumerate(shown):
        if i:
            print()
        for line in one.text(args.registers):
            print(line)
    if not symbols:
        print()
        print(site_words.HOW_TO_GET)
    if len(shown) < len(found) and sys.stdout.isatty():
        say(f"{plural(len(found) - len(shown), 'earlier record')} left out; -n 0 shows all.")
    return OK
