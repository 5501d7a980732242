# SPDX-License-Identifier: GPL-2.0-only
"""The command line of rmpctl."""

import argparse
import os
import sys
import textwrap

from . import VERSION
from .errors import NOT_HERE, RmpctlError
from .host import Host
from .record import POLICY_CLASSES

EPILOG = """\
VM is the number of a VM ('rmpctl list' has them), the name of its libvirt domain, or
pid:N for the VM of process N.

exit status: 0 all is well, 1 there is a finding ('check' only), 2 wrong usage, 3 not
possible here (no module, no SNP, no rights, the VM has ended).
"""


class Formatter(argparse.HelpFormatter):
    """Text that is laid out is left alone; names with hyphens in them stay whole."""

    def _fill_text(self, text, width, indent):
        if "\n" in text:
            return textwrap.indent(text, indent)
        return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent,
                             break_on_hyphens=False)

    def _split_lines(self, text, width):
        return textwrap.wrap(text, width, break_on_hyphens=False)


def at_least(least):
    """A type of arguments: numbers like least, from it on."""
    def parse(text):
        try:
            value = type(least)(text)
        except ValueError:
            kind = "whole number" if isinstance(least, int) else "number"
            raise argparse.ArgumentTypeError(f"'{text}' is not a {kind}") from None
        if not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not {least} or more")
        return value

    return parse


def _common():
    """What every subcommand takes."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parent


def _colour(parser):
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto",
                        help="colours: in a terminal (default), always, or never")


def _vm(parser, optional=False):
    parser.add_argument("vm", metavar="VM", nargs="?" if optional else None,
                        help="number, domain name, or pid:N")


def _add_check(add):
    p = add("check", "is this host guarding its guests, and if not, why not",
            "Looks at kernel, SNP, BTF, conflicts, module, hooks, mode, histories and guests; "
            "each is PASS, WARN, FAIL or SKIP (can't be told), with a hint. Exit status 1 if "
            "one is FAIL.")
    _colour(p)


def _add_list(add):
    add("list", "the SNP VMs that run",
        "ERRORS are violations that speak against the guest (implicit_private, "
        "implicit_shared, first_touch), NOTED all others (initial_shared, in_flight, vmpl, host, "
        "unbacked, no_progress).")


def _add_show(add):
    _vm(add("show", "all about one VM"))


def _add_watch(add):
    p = add("watch", "VMs, rates and violations, live",
            "Full screen in a terminal. With --json, --count, or into a pipe: lines. NEW are "
            "errors since it was started.")
    p.add_argument("-i", "--interval", type=at_least(0.1), default=1.0, metavar="S",
                   help="seconds between two looks (default 1)")
    p.add_argument("-n", "--count", type=at_least(1), metavar="N", help="print N times, then end")


def _add_set(add):
    p = add("set", "change mode, action and policies",
            "Without --vm, settings hold for all VMs that have none of their own. Either all of "
            "a VM's settings are changed, or none.")
    p.add_argument("setting", metavar="NAME=VALUE", nargs="+",
                   help="mode=off|lenient|strict, action=vc|terminate, CLASS=enforce|report; with "
                   f"--vm also NAME=inherit. CLASS is one of {', '.join(POLICY_CLASSES)}")
    p.add_argument("--vm", action="append", metavar="VM",
                   help="only this VM (may be given several times)")


def _add_map(add):
    p = add("map", "a picture of the VM's memory: private, shared, taken without asking",
            "In the terminal, or as PNG. Needs root (debugfs).")
    _vm(p)
    p.add_argument("--png", metavar="FILE", help="draw into this file, - is standard output")
    p.add_argument("--columns", type=at_least(1), metavar="N",
                   help="width (default: the terminal's)")
    p.add_argument("--rows", type=at_least(1), metavar="N",
                   help="lines of the map (default: what the terminal has left)")
    p.add_argument("--limit", type=at_least(0), default=10, metavar="N",
                   help="name at most N places of each kind (default 10)")
    p.add_argument("--unused", action="store_true",
                   help="also name what was asked for as private and never used so")
    _colour(p)


def _add_history(add):
    p = add("history", "page-state changes and violations of a VM, by time",
            "The last 2048 page-state changes of a VM are kept, and 32 violations that were "
            "acted upon and 32 others. Needs root (debugfs).")
    _vm(p)
    p.add_argument("gfn", metavar="GFN", nargs="?", help="only this page, such as 0x809")
    p.add_argument("-n", "--lines", type=at_least(1), metavar="N", help="only the last N")


def _add_explain(add):
    p = add("explain", "a record in words: what happened, usual causes, what to look at",
            "Of a VM that runs; of records in a file, in a pipe or in standard input (VM is -), "
            "such as a kernel log or a bug report; or else of the kernel log.")
    _vm(p, optional=True)
    p.add_argument("-f", "--file", metavar="FILE",
                   help="read records from FILE, - is standard input")
    p.add_argument("-n", "--lines", type=at_least(0), default=1, metavar="N",
                   help="the last N records (default 1); 0 is all")


def _add_bundle(add):
    p = add("bundle", "all that a maintainer would ask for, in one tar file",
            "Settings, counters, page states, histories, the kernel log as far as it is of the "
            "subject, versions. No guest memory. 'rmpctl --root FOLDER' looks into an unpacked "
            "one.")
    p.add_argument("-o", "--output", metavar="FILE",
                   help="write FILE (default: rmp_enforce-HOST-DATE.tar.gz in this folder)")


def _add_metrics(add):
    p = add("metrics", "metrics in Prometheus's text format",
            "For node_exporter's textfile collector; the timer rmp-enforce-metrics.timer calls it.")
    p.add_argument("-o", "--output", metavar="FILE", help="replace FILE, in one step")


def _add_journal(add):
    p = add("journal", "write violations to the journal, with fields to match on",
            "Each record of the kernel log that was not written yet becomes an entry with "
            "fields RMP_ENFORCE_VM, RMP_ENFORCE_DOMAIN, RMP_ENFORCE_CLASS and so on. "
            "rmp-enforce-violation@.service calls it at each violation.")
    p.add_argument("--vm", type=at_least(1), metavar="ID", help="only of this VM")


ADDERS = (_add_check, _add_list, _add_show, _add_watch, _add_set, _add_map, _add_history,
          _add_explain, _add_bundle, _add_metrics, _add_journal)


def parser():
    """The parser, with all subcommands."""
    top = argparse.ArgumentParser(
        prog="rmpctl", epilog=EPILOG, formatter_class=Formatter,
        description="Asks and tells the rmp_enforce kernel module, which makes page-state "
                    "changes of SEV-SNP guests explicit.")
    top.add_argument("--version", action="version", version=f"rmpctl {VERSION}")
    top.add_argument("--root", metavar="FOLDER", default="/",
                     help="look at an unpacked bundle in place of this host")
    subs = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common = _common()

    def add(name, summary, details=""):
        return subs.add_parser(name, help=summary, parents=[common], formatter_class=Formatter,
                               description=f"{summary[0].upper()}{summary[1:]}. {details}")

    for adder in ADDERS:
        adder(add)
    return top


def main(argv=None):
    """Run; the exit status."""
    args = parser().parse_args(argv)
    from . import commands
    try:
        status = getattr(commands, f"do_{args.command}")(Host(args.root), args)
        sys.stdout.flush()
        return status
    except RmpctlError as error:
        print(f"rmpctl: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        # Whoever read us has gone, as head does; nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except PermissionError as error:
        print(f"rmpctl: {error.filename}: no permission; run as root.", file=sys.stderr)
        return NOT_HERE
