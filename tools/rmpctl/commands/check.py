# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl check: each check a line, and a hint where one is not content."""

from .. import checks
from ..arguments import add_colour
from ..errors import FINDING, OK
from ..output import print_json, use_colour
from ..printable import printable

COLOURS = {checks.PASS: 32, checks.WARN: 33, checks.FAIL: 31, checks.SKIP: 36}

SUMMARY = "is this host guarding its guests, and if not, why not"
DETAILS = ("Looks at kernel, SNP, BTF, conflicts, module, hooks, mode, histories and guests; "
           "and at what keeps the host guarded: metrics, libvirt hook, version, boot, next "
           "kernel. Each is PASS, WARN, FAIL or SKIP (can't be told), with a hint. Exit status 1 "
           "if one is FAIL.")


def arguments(parser):
    add_colour(parser)


def run(host, args):
    results = checks.run(host)
    failed = any(r.status == checks.FAIL for r in results)
    if args.json:
        print_json({"ok": not failed, "checks": [r._asdict() for r in results]})
        return FINDING if failed else OK
    colour = use_colour(args.color)
    for r in results:
        word = f"\033[{COLOURS[r.status]}m{r.status}\033[0m" if colour else r.status
        print(f"[ {word} ] {r.name}: {printable(r.detail)}")
        if r.hint:
            print(f"         {printable(r.hint)}")
    return FINDING if failed else OK
