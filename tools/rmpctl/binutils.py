# SPDX-License-Identifier: GPL-2.0-only
"""What GNU binutils know of a file: its symbols, its lines, its code."""

import bisect
import collections
import os
import re
import subprocess
import tempfile

from .errors import RmpctlError

# With all debugging information of a kernel they need seconds.
RUN_S = 300

# section is the name of one; kind is nm's letter.
Symbol = collections.namedtuple("Symbol", "section address kind name")
Section = collections.namedtuple("Section", "name address size has_code has_contents")
# function is the one whose code it is, inlined or not; line is None if it is not known.
Line = collections.namedtuple("Line", "function file line")

_SECTION = re.compile(r"\s*\d+ (\S+)\s+([0-9a-f]+)\s+([0-9a-f]+)\s+[0-9a-f]+\s+[0-9a-f]+\s+"
                      r"2\*\*\d+\s+(.*)")
_HEX = re.compile("[0-9a-f]{1,16}")
_CALL = re.compile(r"\bl?call[wlq]?\b")
_INSN = re.compile(r"\s*([0-9a-f]+):\s+(\S.*)")
NOP, PAD = b"\x90", 16      # no instruction is longer
# A function that is larger is not disassembled.
LARGEST = 1 << 16


class Unreadable(RmpctlError):
    """It is no file that has what is looked for."""


def _run(*args, stdin=None):
    try:
        return subprocess.run(args, input=stdin, capture_output=True, timeout=RUN_S, check=False,
                              text=True, errors="replace", env=os.environ | {"LC_ALL": "C"},
                              **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    except FileNotFoundError:
        raise RmpctlError(f"{args[0]} is not installed: install the package binutils.") from None
    except subprocess.TimeoutExpired:
        raise RmpctlError(f"{args[0]} took more than {RUN_S} s.") from None


def _complaint(done):
    """The last thing that a program said."""
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


def symbols(path):
    """All symbols of an ELF file."""
    done = _run("nm", "--format=sysv", "--defined-only", path)
    if done.returncode:
        raise Unreadable(f"{path} is no ELF file with symbols ({_complaint(done)}).")
    out = []
    for line in done.stdout.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and _HEX.fullmatch(fields[1]):
            out.append(Symbol(fields[6], int(fields[1], 16), fields[2], fields[0]))
    if not out:
        raise Unreadable(f"{path} has no symbols: it is stripped.")
    return out


def sections(path):
    """{name: Section}; of an object file all begin at 0."""
    done = _run("objdump", "--section-headers", "--wide", path)
    if done.returncode:
        raise Unreadable(f"{path} is no ELF file ({_complaint(done)}).")
    out = {}
    for line in done.stdout.splitlines():
        found = _SECTION.fullmatch(line)
        if found:
            flags = found[4].split(", ")
            out.setdefault(found[1], Section(found[1], int(found[3], 16), int(found[2], 16),
                                             "CODE" in flags, "CONTENTS" in flags))
    return out


def lines(path, addresses, section=None):
    """{address: [Line]}, the innermost function first; one run for all addresses.

    With a section, the addresses are offsets in it.
    """
    addresses = list(dict.fromkeys(addresses))
    if not addresses:
        return {}
    done = _run("addr2line", "--exe", path, "--addresses", "--functions", "--inlines",
                *(("--section", section) if section else ()),
                stdin="".join(f"{a:#x}\n" for a in addresses))
    if done.returncode:
        raise RmpctlError(f"addr2line can't read {path} ({_complaint(done)}).")
    out, said = {}, done.stdout.splitlines()
    starts = []
    for address in addresses:   # they come in the order in which they were asked for
        try:
            starts.append(said.index(f"0x{address:016x}", starts[-1] + 1 if starts else 0))
        except ValueError:
            break
    for address, start, end in zip(addresses, starts, starts[1:] + [len(said)]):
        pairs = said[start + 1:end]
        out[address] = [_line(function, place) for function, place in zip(pairs[::2], pairs[1::2])]
    return out


def _line(function, place):
    file, _, number = place.partition(" (discriminator")[0].rpartition(":")
    return Line(None if function == "??" else function, None if file == "??" else file,
                int(number) if number.isdecimal() and number != "0" else None)


def contents(path, section):
    """The bytes of a section; None if the file does not have them."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "section")
        _run("objcopy", "-O", "binary", f"--only-section={section}", path, out)
        try:
            with open(out, "rb") as file:
                return file.read() or None
        except FileNotFoundError:
            return None


def in_a_call(windows):
    """For each (bytes from a function's start on, position): is the byte before the position
    one of a call instruction?  None if that can't be told.

    A call that Linux replaces when it boots may be shorter then, so what counts is that the
    position is at its end or in it.  One run for all of them.
    """
    blob, where = b"", []
    for data, position in windows:
        usable = data is not None and 0 < position <= len(data) and position < LARGEST
        where.append(len(blob) + position - 1 if usable else None)
        if usable:
            blob += data[:position + PAD] + NOP * PAD
    if not blob:
        return [None] * len(where)
    with tempfile.NamedTemporaryFile() as file:
        file.write(blob)
        file.flush()
        done = _run("objdump", "--disassemble-all", "--target=binary",
                    "--architecture=i386:x86-64", "--disassemble-zeroes", "--no-show-raw-insn",
                    "--wide", file.name)
    found = [(int(m[1], 16), bool(_CALL.search(m[2])))
             for m in map(_INSN.fullmatch, done.stdout.splitlines()) if m]
    starts = [start for start, _ in found]

    def look(at):
        i = bisect.bisect_right(starts, at) - 1
        return found[i][1] if i >= 0 else None

    return [None if at is None else look(at) for at in where]
