# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl map: a VM's page states as a picture, in the terminal or as PNG."""

import shutil
import sys
import time

from .. import map_png, map_text, page_state, vm as vms
from ..arguments import add_colour, add_vm, at_least
from ..errors import OK, RmpctlError, UsageError
from ..output import print_json, use_colour
from ..pagemap import PageMap
from ..printable import printable
from ..units import plural

SUMMARY = "a picture of the VM's memory: private, shared, taken without asking"
DETAILS = "In the terminal, or as PNG. Needs root (debugfs)."


def arguments(parser):
    add_vm(parser)
    parser.add_argument("--png", metavar="FILE", help="draw into this file, - is standard output")
    parser.add_argument("--columns", type=at_least(1), metavar="N",
                        help="width (default: the terminal's)")
    parser.add_argument("--rows", type=at_least(1), metavar="N",
                        help="lines of the map (default: what the terminal has left)")
    parser.add_argument("--limit", type=at_least(0), default=10, metavar="N",
                        help="name at most N places of each kind (default 10)")
    parser.add_argument("--unused", action="store_true",
                        help="also name what was asked for as private and never used so")
    add_colour(parser)


def run(host, args):
    if args.png == "-" and sys.stdout.isatty():
        raise UsageError("a PNG is nothing for a terminal: name a file, or redirect it.")
    vm = vms.find(host, args.vm)
    host.need_debugfs()
    name = vm.domain
    page_map = PageMap.of_vm(vm)
    holes = page_state.read_holes(_lines_of(vm, "holes"))
    unused = page_state.read_memory(_lines_of(vm, "psc_unused")) if args.unused else []
    if args.json:
        print_json({"vm": vm.id, "domain": name, "totals": page_map.totals(),
                    "memory_known": page_map.memory_known,
                    "memory": [{"gfn": r.first, "pages": r.end - r.first}
                               for r in page_map.memory],
                    "runs": [{"gfn": r.first, "pages": r.end - r.first, "kind": r.kind,
                              "asked": r.asked} for r in page_map.runs],
                    "taken_away": [{"gfn": r.first, "pages": r.end - r.first, "age_us": age}
                                   for r, age in holes]} |
                   ({"unused": [{"gfn": r.first, "pages": r.end - r.first} for r in unused]}
                    if args.unused else {}))
        return OK
    title = f"VM {vm.id}" + (f", domain {printable(name)}" if name else "")
    if args.png:
        details = [f"{printable(vm.read('comm'))}, pid {vm.pid}; mode {vm.read('effective_mode')}, "
                   f"history {vm.read('history')}; {time.strftime('%Y-%m-%d %H:%M:%S')}"]
        _save_png(page_map, title, details, args.png)
        return OK
    colour = use_colour(args.color)
    columns, rows = shutil.get_terminal_size((100, 40))
    print(f"{title}: {plural(len(page_map.runs), 'run')} of pages")
    for line in map_text.legend(page_map, colour):
        print(line)
    if not page_map.memory_known:
        print("  (the VM is older than the module: memory that it has not touched is not shown)")
    print()
    for line in map_text.draw(page_map, args.columns or columns,
                              args.rows or max(rows - 16, 16), colour):
        print(line)
    for line in map_text.taken(page_map, args.limit):
        print(line)
    for line in map_text.discarded(holes, args.limit):
        print(line)
    for line in map_text.unused(unused, args.limit) if args.unused else ():
        print(line)
    return OK


def _lines_of(vm, name):
    """Of a file that older versions of the module do not have."""
    return vm.open_debug(name) if vm.has_debug(name) else ()


def _save_png(page_map, title, details, path):
    if path == "-":
        map_png.save(page_map, title, details, sys.stdout.buffer)
        return
    try:
        map_png.save(page_map, title, details, path)
    except OSError as error:
        raise RmpctlError(f"can't write {path}: {error.strerror}.") from None
    print(f"{printable(path)} written")
