# SPDX-License-Identifier: GPL-2.0-only
"""From addresses in a guest's kernel to functions and lines: vmlinux, System.map, modules.

A kernel runs elsewhere than it was linked for (KASLR).  How far it was slid is told by
lstar, which Linux sets to entry_SYSCALL_64.
"""

import bisect
import collections
import os
import re

from . import binutils
from .errors import RmpctlError, UsageError

ENTRY = "entry_SYSCALL_64"
# Where that is in the source, below its top.
_ENTRY_FILE = "arch/x86/entry/entry_64.S"
# Of x86-64 Linux: what a slide is a multiple of, and below what it is.
ALIGN, LIMIT = 2 << 20, 1 << 30

TEXT = "tTwW"
# They are where code ends, and not in it.
_ENDS = ("_etext", "_einittext", "__entry_text_end", "_end", "__end_of_kernel_reserve")
_MAP_LINE = re.compile(r"([0-9a-f]{16}) (\S) (\S+)(?:\s+\[(\S+)\])?\s*")
_SECTION_LINE = re.compile(r"(?:.*/)?(\.[\w.]+)[\s:=]+0x([0-9a-f]{1,16})\s*", re.ASCII)
LARGEST_MAP = 64 << 20

# return_to: it was found on a stack, so the call is right in front of it.
Query = collections.namedtuple("Query", "address return_to", defaults=(False,))
# lines are of binutils.Line, innermost function first; after_call is None if that can't be told,
# and so is same_code: whether the guest has there what the file has.
Place = collections.namedtuple("Place", "symbol offset size module lines after_call same_code")
# Where an address is in a file: file_address is what addr2line wants.
_Spot = collections.namedtuple("_Spot", "image section file_address name start end")


def _check(path):
    """The path, of a file that can be read."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        raise RmpctlError(f"can't read {path}: {error.strerror}.") from None
    return os.path.abspath(path)    # no option of the programs that get it


class Table:
    """Symbols by address; of several at one address, the one that people know."""

    def __init__(self, symbols):
        best = {}
        for s in symbols:
            rank = (s.kind not in "tT", s.name in _ENDS, s.name.startswith("_"), s.kind != "T",
                    s.name)
            if s.address not in best or rank < best[s.address][0]:
                best[s.address] = rank, s
        self.starts = sorted(best)
        self.symbols = [best[a][1] for a in self.starts]

    def find(self, address, end=None):
        """(symbol, the address after it); None where no code is."""
        i = bisect.bisect_right(self.starts, address) - 1
        if i < 0:
            return None
        symbol = self.symbols[i]
        after = min([a for a in (*self.starts[i + 1:i + 2], end) if a is not None], default=None)
        if symbol.kind not in TEXT or symbol.name in _ENDS or after is None:
            return None
        return symbol, after


class Kernel:
    """A kernel's symbols; each of its addresses is slid by the same."""

    has_lines = False
    is_linked = True    # its code has its addresses in it
    module = None

    def __init__(self, path):
        self.path = _check(path)
        self.entry = None

    def slide_for(self, lstar):
        """By how much the kernel was slid, by lstar; RmpctlError says why it can't be that."""
        if self.entry is None:
            raise RmpctlError(f"{self.path} has no symbol {ENTRY}: it is no kernel for x86-64, or "
                              "it is stripped. '--slide' would do without.")
        slide = lstar - self.entry
        if slide % ALIGN or not 0 <= slide < LIMIT:
            raise RmpctlError(f"{self.path} is not of the guest's kernel: its {ENTRY} is at "
                              f"{self.entry:#x}, the guest's at {lstar:#x}, and no KASLR makes "
                              "that difference.")
        return slide


class Map(Kernel):
    """System.map, or /proc/kallsyms of the guest, which also has its modules."""

    def __init__(self, path):
        super().__init__(path)
        symbols, self.modules = [], {}
        with open(self.path, encoding="ascii", errors="replace") as file:
            for line in file.read(LARGEST_MAP).splitlines():
                found = _MAP_LINE.fullmatch(line)
                if not found:
                    continue
                address = int(found[1], 16)
                symbols.append(binutils.Symbol(None, address, found[2], found[3]))
                if found[4]:
                    self.modules[address] = found[4]
                elif found[3] == ENTRY:
                    self.entry = address
        if not symbols:
            raise RmpctlError(f"{self.path} is no System.map: it has no lines of address, type and "
                              "name. A vmlinux is for --vmlinux.")
        if not any(s.address for s in symbols):
            raise RmpctlError(f"all addresses in {self.path} are 0: copy /proc/kallsyms as root.")
        self.table = Table(symbols)

    def spot(self, address, slide):
        found = self.table.find(address - slide)
        if found is None:
            return None
        symbol, after = found
        return _Spot(self, None, address - slide, symbol.name, symbol.address, after)

    def module_of(self, spot):
        return self.modules.get(spot.start)


class _Elf:
    """What an ELF file has, by section."""

    has_lines = True

    def _load(self):
        self.sections = {name: s for name, s in binutils.sections(self.path).items() if s.has_code}
        by_section = collections.defaultdict(list)
        for s in binutils.symbols(self.path):
            by_section[s.section].append(s)
        self.tables = {name: Table(by_section[name]) for name in self.sections}
        self._bytes = {}
        return by_section

    def _spot(self, section, file_address):
        """A spot by an address of the file; None where no function is."""
        s = self.sections[section]
        found = self.tables[section].find(file_address, s.address + s.size)
        return found and _Spot(self, section, file_address, found[0].name, found[0].address,
                               found[1])

    def code(self, spot, start):
        """The file's bytes from an address of it on, in the section of a spot; or None."""
        section = self.sections[spot.section]
        if spot.section not in self._bytes:
            self._bytes[spot.section] = (binutils.contents(self.path, spot.section)
                                         if section.has_contents else None)
        data = self._bytes[spot.section]
        first = start - section.address
        return data and data[first:first + binutils.LARGEST + binutils.PAD]

    def module_of(self, _):
        return self.module


class Vmlinux(_Elf, Kernel):
    """A kernel with debugging information, or at least with symbols."""

    def __init__(self, path):
        super().__init__(path)
        self.root = ""      # what all paths of the source begin with
        try:
            by_section = self._load()
        except binutils.Unreadable as error:
            raise RmpctlError(f"{error} --vmlinux wants the uncompressed kernel with debugging "
                              "information; a System.map is for --system-map.") from None
        self.entry = next((s.address for symbols in by_section.values() for s in symbols
                           if s.name == ENTRY), None)

    def spot(self, address, slide):
        address -= slide
        for name, s in self.sections.items():
            if s.address <= address < s.address + s.size:
                return self._spot(name, address)
        return None

    def lines(self, spots):
        """{spot: its lines}"""
        entry = [] if self.entry is None else [self.entry]
        found = binutils.lines(self.path, [s.file_address for s in spots] + entry)
        for line in found.get(self.entry, []):
            if line.file and line.file.endswith("/" + _ENTRY_FILE):
                self.root = line.file[:-len(_ENTRY_FILE)]
        return {s: found.get(s.file_address, []) for s in spots}


class Module(_Elf):
    """A module of the guest: NAME=FILE.ko@ADDRESS, or @ a file or folder with its sections."""

    is_linked = False
    FORM = ("NAME=FILE.ko@ADDRESS, with what /sys/module/NAME/sections/.text has in the guest, or "
            "@FILE with what 'grep -H . /sys/module/NAME/sections/.*text*' prints there")

    def __init__(self, text):
        self.module, equals, rest = text.partition("=")
        path, at, where = rest.rpartition("@")
        if not (self.module and equals and path and at and where):
            raise UsageError(f"'{text}' does not say where the module is: --module wants "
                             f"{self.FORM}.")
        self.path = _check(path)
        try:
            self._load()
        except binutils.Unreadable as error:
            hint = (" Unpack it first." if path.endswith((".xz", ".zst", ".gz")) else "")
            raise RmpctlError(f"{error}{hint}") from None
        self.where = self._where(where)
        if not self.where.keys() & self.sections.keys():
            raise RmpctlError(f"{where} names no section of code of {path}: that has "
                              f"{', '.join(self.sections) or 'none'}.")

    @staticmethod
    def _where(text):
        """{section: its address in the guest}"""
        if re.fullmatch("(0x)?[0-9a-f]{1,16}", text) and not os.path.exists(text):
            return {".text": int(text, 16)}
        if os.path.isdir(text):
            lines = [f"{name}:{_first_line(os.path.join(text, name))}"
                     for name in os.listdir(text)]
        else:
            path = _check(text)
            with open(path, encoding="ascii", errors="replace") as file:
                lines = file.read(1 << 20).splitlines()
        if len(lines) == 1 and lines[0].startswith("0x"):   # the file .text itself
            lines = [f".text:{lines[0]}"]
        found = filter(None, map(_SECTION_LINE.fullmatch, lines))
        return {m[1]: int(m[2], 16) for m in found}

    def spot(self, address, _):
        for name, base in self.where.items():
            s = self.sections.get(name)
            if s and base <= address < base + s.size:
                return self._spot(name, address - base + s.address)
        return None

    def lines(self, spots):
        out = {}
        for section in dict.fromkeys(s.section for s in spots):
            mine = [s for s in spots if s.section == section]
            found = binutils.lines(self.path, [s.file_address for s in mine], section)
            out |= {s: found.get(s.file_address, []) for s in mine}
        return out


def _first_line(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline(64).strip()
    except OSError:
        return ""


class Slide:
    """How far a kernel was slid: by is "lstar" or "given"; amount is None if it isn't known,
    and why says why."""

    def __init__(self, amount=None, by=None, why=None):
        self.amount, self.by, self.why = amount, by, why


class Symbols:
    """All files that the user has named."""

    def __init__(self, vmlinux=None, system_map=None, modules=(), slide=None):
        self.given = slide
        self.kernels = ([Vmlinux(vmlinux)] if vmlinux else []) + ([Map(system_map)] if system_map
                                                                  else [])
        self.modules = [Module(text) for text in modules]

    def __bool__(self):
        return bool(self.kernels or self.modules)

    @property
    def root(self):
        """What all paths of the kernel's source begin with, after look(); "" if not known."""
        return next((k.root for k in self.kernels if k.has_lines), "")

    def slide(self, lstar):
        """The slide of the first kernel."""
        if not self.kernels:
            return Slide(why="there is no file of the kernel")
        return self._slide(self.kernels[0], lstar)

    def _slide(self, kernel, lstar):
        if self.given is not None:
            return Slide(self.given, "given")
        if lstar is None:
            return Slide(why="lstar is not known here; --slide gives it")
        if not lstar:
            return Slide(why="lstar is 0: the guest's kernel had not set its system call entry "
                             "yet, or uses FRED, which has none; --slide gives it")
        try:
            return Slide(kernel.slide_for(lstar), "lstar")
        except RmpctlError as error:
            return Slide(why=str(error).rstrip("."))

    def check(self, lstars):
        """RmpctlError, if no file can be of the guest's kernel, at none of these.

        After kexec the guest has another one: then a file fits some of them.
        """
        failed = None
        if self.given is not None:
            return
        for kernel in self.kernels:
            for lstar in filter(None, lstars):
                try:
                    kernel.slide_for(lstar)
                    return
                except RmpctlError as error:
                    failed = failed or error
        if failed:
            raise failed

    def _spot(self, query, lstar):
        at = query.address - (1 if query.return_to else 0)
        for module in self.modules:
            found = module.spot(at, 0)
            if found:
                return found
        for kernel in self.kernels:
            slide = self._slide(kernel, lstar)
            found = None if slide.amount is None else kernel.spot(at, slide.amount)
            if found:
                return found
        return None

    def look(self, queries, lstar, insns=None):
        """{query: Place} of those that are in code that is known; each program runs once a file.

        insns is {query: the bytes that the guest has there}.
        """
        spots = {q: s for q in queries if (s := self._spot(q, lstar))}
        lines = {}
        for image in dict.fromkeys(s.image for s in spots.values()):
            if image.has_lines:
                mine = list(dict.fromkeys(s for s in spots.values() if s.image is image))
                lines |= image.lines(mine)
        asked = [q for q, s in spots.items() if q.return_to and s.image.has_lines]
        calls = dict(zip(asked, binutils.in_a_call(
            [(spots[q].image.code(spots[q], spots[q].start),
              spots[q].file_address + 1 - spots[q].start) for q in asked])))
        return {q: Place(s.name, s.file_address + q.return_to - s.start, s.end - s.start,
                         s.image.module_of(s), lines.get(s, []), calls.get(q),
                         self._is_same(s, (insns or {}).get(q)))
                for q, s in spots.items()}

    @staticmethod
    def _is_same(spot, insn):
        """Whether the file has these bytes there; None if that can't be told."""
        if not insn or not spot.image.has_lines or not spot.image.is_linked:
            return None
        code = spot.image.code(spot, spot.file_address)
        return None if code is None or len(code) < len(insn) else code.startswith(insn)
