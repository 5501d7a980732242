# SPDX-License-Identifier: GPL-2.0-only
"""A site for people and for programs: where in the guest's code, its registers, its stack."""

import textwrap

from .printable import printable
from .sites import ACCESS
from .symbols import Query
from .units import ago, plural

WIDTH = 80
TITLES = {ACCESS: "the access", "request": "the last request"}
MODES = {0: "in the guest's kernel", 3: "in a process, in user mode"}

HOW_TO_GET = """\
For functions and lines, get the symbols of the guest's kernel ('uname -r' in the
guest has its VERSION), and give the file as --vmlinux:
  Debian        package linux-image-VERSION-dbg
  Ubuntu        package linux-image-unsigned-VERSION-dbgsym, of the archive ddebs
  Fedora, RHEL  package kernel-debuginfo ('dnf debuginfo-install kernel')
  SUSE          package kernel-default-debuginfo
  any           'eu-unstrip -n -k' in the guest has the kernel's build ID before
                the @; 'debuginfod-find debuginfo ID' gets the file
The packages have it below /usr/lib/debug. For functions alone: --system-map, with
/boot/System.map-VERSION, or with what root reads in the guest's /proc/kallsyms."""

SAME_CODE = {True: "the same as in the file",
             False: "not as in the file: Linux replaced it, or that is another build"}
CERTAIN = {True: "call", False: "?", None: ""}


def queries(site):
    """What a site has to look up."""
    out = [Query(word, True) for _, word in site.stack or ()]
    if site.address is not None and site.cpl != 3:
        out.append(Query(site.address))
    return out


def name_of(place):
    """As the kernel prints it: symbol+0x1/0x2 [module]."""
    module = f" [{place.module}]" if place.module else ""
    return f"{printable(place.symbol)}+{place.offset:#x}/{place.size:#x}{printable(module)}"


def names(symbols, found, lstar):
    """{at: function and line} of a record's sites, as far as they are known."""
    asked = {at: Query(site.address) for at, site in found.items()
             if site.cpl != 3 and site.address is not None}
    places = symbols.look(list(asked.values()), lstar)
    out = {}
    for at, query in asked.items():
        place = places.get(query)
        if place:
            files = [text for line in place.lines if (text := _file_line(line, symbols.root))]
            out[at] = name_of(place) + (f" ({', in '.join(files)})" if files else "")
    return out


def _file_line(line, root=""):
    if line.file is None:
        return None
    return printable(line.file.removeprefix(root)) + (f":{line.line}" if line.line else "")


def _place_json(place):
    if place is None:
        return None
    return {"symbol": place.symbol, "offset": place.offset, "size": place.size,
            "module": place.module,
            "lines": [line._asdict() for line in place.lines if line.file is not None]}


def as_json(site, places):
    """One site; places is {query: Place}."""
    stack = None
    if site.stack is not None:
        stack = []
        for offset, word in site.stack:
            place = places.get(Query(word, True))
            stack.append({"offset": offset, "address": f"{word:#x}", "place": _place_json(place),
                          "after_call": place.after_call if place else None})
    address = site.address
    place = None if address is None else places.get(Query(address))
    same_code = place.same_code if place else None
    return {"at": site.at, "seq": site.seq, "vcpu": site.number("vcpu"),
            "age_us": site.number("age_us"), "psc_gfn": site.pairs.get("psc_gfn"),
            "psc_pages": site.number("psc_pages"), "cpl": site.cpl,
            "rip": None if site.rip is None else f"{site.rip:#x}",
            "address": None if address is None else f"{address:#x}",
            "place": _place_json(place),
            "registers": {name: f"{value:#x}" for name, value in site.registers.items()},
            "insn": site.insn.hex() if site.insn else None, "same_code": same_code, "stack": stack,
            "cut_after": site.cut_after}


def wrapped(first, text):
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
                         break_on_hyphens=False, break_long_words=False)


def _lines(place, indent, root):
    """Where a place is in the source, innermost first; the last one is the function itself."""
    known = [line for line in place.lines if line.file is not None]
    for i, line in enumerate(known):
        text = f"{indent}{_file_line(line, root)}"
        if i + 1 < len(known):      # its code is in another function's
            inlined = f"{printable(line.function or 'a function')}(), inlined"
            text += (f" ({inlined})" if len(text) + len(inlined) + 3 <= WIDTH else
                     f"\n{indent}  ({inlined})")
        yield from text.split("\n")


def _title(site):
    vcpu = site.number("vcpu")
    said = ["a vCPU" if vcpu is None else f"vCPU {vcpu}"]
    if site.number("age_us") is not None:
        said.append(f"{ago(site.number('age_us'))} ago")
    if site.cpl is not None:
        said.append(MODES.get(site.cpl, f"in the guest, at privilege level {site.cpl}"))
    pages = site.number("psc_pages")
    if pages and site.number("psc_gfn") is not None:
        said.append(f"for {plural(pages, 'page')} from {site.number('psc_gfn'):#x} on")
    return ", ".join(said)


def _registers(site):
    cells = [f"{name:<8}  {value:#x}" for name, value in site.registers.items()
             if name not in ("rip", "cpl")]     # they are there already
    for i in range(0, len(cells), 2):
        yield ("    " + "  ".join(f"{cell:<32}" for cell in cells[i:i + 2])).rstrip()


def _stack(site, places, root):
    if site.stack is None:
        return
    if not site.stack:
        yield "    stack     has no word that may be a return address"
        return
    many = f", and {site.stack_more} more" if site.stack_more else ""
    may_be = "a return address" if len(site.stack) == 1 else "return addresses"
    yield f"    stack     {plural(len(site.stack), 'word')} that may be {may_be}{many}:"
    for offset, word in site.stack:
        place = places.get(Query(word, True))
        certain = CERTAIN[place.after_call] if place else ""
        head = f"      +{offset:#06x}  {certain:<4}  "
        if place is None:
            yield f"{head}{word:#x}"
            continue
        name = name_of(place)
        yield head + name
        if place.after_call is not False:
            yield from _lines(place, " " * len(head), root)


def text(site, places, registers=False, root=""):
    """Lines for a person."""
    yield from wrapped(f"  {TITLES[site.at]:<16}  ", _title(site))
    if site.rip is None:
        yield "    where     not known: the line is cut before rip="
    else:
        place = places.get(Query(site.address))
        at = f"{site.rip:#x}"
        if site.at != ACCESS:
            at += ", after the VMGEXIT"
        elif site.address != site.rip:
            at += f", with cs_base {site.address:#x}"
        if place:
            yield f"    where     {name_of(place)}"
            yield from _lines(place, "              ", root)
        yield f"    rip       {at}"
        if site.insn:
            yield f"    code      {site.insn.hex(' ')}"
            if place and place.same_code is not None:
                yield f"              {SAME_CODE[place.same_code]}"
    if registers:
        yield from _registers(site)
    if site.cpl == 3:
        yield "    The other registers and the stack are the process's, and are not read."
    yield from _stack(site, places, root)
    if site.cut_after:
        yield f"    not known what comes after {printable(site.cut_after)}=: the line is cut"


def legend(all_places):
    """Lines that say how sure the words of a stack are, of the words that there are."""
    marks = {place.after_call for q, place in all_places.items() if q.return_to}
    if True in marks:
        yield from wrapped("  call  ", "right after a call instruction: it was a return address, "
                           "perhaps of a call that is over.")
    if False in marks:
        yield from wrapped("  ?     ", "in the code, but not after a call: it only looks like a "
                           "return address.")
    if marks == {None}:
        yield from wrapped("  ", "Which words are return addresses can't be told without the "
                           "kernel's code: that needs --vmlinux.")
