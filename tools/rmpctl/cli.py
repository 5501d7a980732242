# SPDX-License-Identifier: GPL-2.0-only
"""The command line of rmpctl."""

import argparse
import os
import sys
import textwrap

from . import VERSION
from .commands import COMMANDS
from .errors import NOT_HERE, RmpctlError
from .host import Host

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


def _common():
    """What every subcommand takes."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parent


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

    for name, command in COMMANDS.items():
        summary = command.SUMMARY
        command.arguments(subs.add_parser(
            name, help=summary, parents=[common], formatter_class=Formatter,
            description=f"{summary[0].upper()}{summary[1:]}. {command.DETAILS}"))
    return top


def main(argv=None):
    """Run; the exit status."""
    args = parser().parse_args(argv)
    try:
        status = COMMANDS[args.command].run(Host(args.root), args)
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
