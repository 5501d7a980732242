# SPDX-License-Identifier: GPL-2.0-only
"""Where in the guest: what the host says of it, beside what the guest says of itself."""

import json
import os
import re
import subprocess

import enforcer

# Bit 19: the guest may be debugged. The others are QEMU's default.
DEBUG = 0xb0000

SOURCE = "/job/guest/violate.c"
MODULE = "/job/guest/violate.ko"
# The line that is at fault, by CASE, and the one that has asked for the page.
ACCESS = {"pvalidate": "PVALIDATE returned %d"}
TOUCH = "WRITE_ONCE(*p, 1)"
ASKED = {"stale": "set_memory_encrypted(va, 1)"}
DECRYPTED = "set_memory_decrypted(va, 1)"


def line_of(text):
    with open(SOURCE, encoding="utf-8") as f:
        return next(n for n, line in enumerate(f, 1) if text in line)


def symbols(guest):
    """{name: address} that the guest has printed of its own kernel."""
    return {m[1]: int(m[2], 16) for m in (re.search(r"guest: violate: at (\S+) ([0-9a-f]+)$", t)
                                          for _, t in guest.lines) if m}


def said_rip(console, at):
    """The address in the guest kernel's own RIP line, and its text."""
    for text in console:
        m = re.search(r"RIP: 0010:((\S+)\+(0x[0-9a-f]+))/0x[0-9a-f]+ \[violate\]", text)
        if m and m[2] in at:
            return at[m[2]] + int(m[3], 16), m[1]
    return None, None


def of(vm):
    """{(number of the record, at): keys} of a VM, which must still be there."""
    path = "%s/%d/sites" % (enforcer.DEBUGFS, vm)
    with open(path, encoding="ascii") as f:
        lines = [dict(w.split("=", 1) for w in line.split()) for line in f]
    return {(int(s["seq"]), s["at"]): s for s in lines}


def seq_of(vm, record):
    """The number of a record of the kernel log."""
    path = "%s/%d/violations" % (enforcer.DEBUGFS, vm)
    with open(path, encoding="ascii") as f:
        for line in f:
            words = dict(w.split("=", 1) for w in line.split())
            if words["gfn"] == record["gfn"] and words["rip"] == record["rip"]:
                return int(words["seq"])
    return None


def where(guest, seq):
    """What rmpctl makes of it, with the guest's module, as JSON and as text."""
    sections = "/tmp/%s.sections" % guest.name
    with open(sections, "w", encoding="ascii") as f:
        for _, text in guest.lines:
            m = re.search(r"guest: violate: section (\S+)$", text)
            if m:
                f.write(m[1] + "\n")
    command = ["rmpctl", "where", str(guest.vm), str(seq), "--module",
               "violate=%s@%s" % (MODULE, sections)]
    told = [subprocess.run(c, capture_output=True, text=True, check=False)
            for c in (command + ["--json"], command)]
    os.unlink(sections)
    if told[0].returncode:
        return {}, told[0].stderr
    return json.loads(told[0].stdout)[0], told[1].stdout


def user(report, name, record, console):
    """A process: rip is what the signal handler was given, and that is all there is."""
    m = re.search(r"SIGBUS .* rip=(0x[0-9a-f]+)", "\n".join(console))
    report.check(record.get("cpl") == "3" and (not m or record.get("rip") == m[1]),
                 name + ": the record has the process's rip", record["line"], *console)


def _lines(place):
    return [(os.path.basename(n["file"]), n["line"]) for n in (place or {}).get("lines", ())]


def kernel(report, guest, name, record, console, asked):
    """The guest's kernel: rip, the line of it, the stack, and the last request."""
    case = name.split(":")[1]
    at = symbols(guest)
    rip, text = said_rip(console, at)
    if rip:
        report.check(record.get("rip") == hex(rip), name + ": the record has the RIP that the "
                     "guest prints", record["line"], text, *console)
    report.check(record.get("cpl") == "0", name + ": cpl=0", record["line"])
    seq = seq_of(guest.vm, record)
    found = of(guest.vm)
    access = found.get((seq, "access"), {})
    report.check(access.get("lstar") == hex(at.get("entry_SYSCALL_64", 0)),
                 name + ": lstar is the guest's entry_SYSCALL_64", access, at)
    one, words = where(guest, seq)
    line = line_of(ACCESS.get(case, TOUCH))
    report.check(("violate.c", line) in _lines((one.get("access") or {}).get("place")),
                 name + ": rmpctl where names violate.c:%d, which is at fault" % line, words)
    if text:
        place = (one.get("access") or {}).get("place") or {}
        report.check("%s+%#x" % (place.get("symbol"), place.get("offset", 0)) == text,
                     name + ": and the symbol that the guest prints", words)
    if asked:
        line = line_of(ASKED.get(case, DECRYPTED))
        stack = (one.get("request") or {}).get("stack") or ()
        report.check(record.get("psc_cpl") == "0" and
                     any(("violate.c", line) in _lines(w["place"]) for w in stack),
                     name + ": the last request's stack names violate.c:%d, which asked" % line,
                     words)
    report.measured.setdefault("sites", {})[name] = words
