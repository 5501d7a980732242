# SPDX-License-Identifier: GPL-2.0-only
"""The command line of rmpctl."""

import argparse
import errno
import sys
import textwrap

from . import VERSION
from .commands import COMMANDS
from .errors import NOT_HERE, USAGE, RmpctlError
from .host import Host
from .output import give_up, open_streams, say
from .printable import printable

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


class Parser(argparse.ArgumentParser):
    """What it says of an argument has that argument in it."""

    def error(self, message):
        try:
            super().error(printable(message))
        except OSError:     # standard error is full
            self.exit(USAGE)


def _common():
    """What every subcommand takes."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parent


def parser():
    """The parser, with all subcommands."""
    top = Parser(
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


def _run(argv):
    try:
        args = parser().parse_args(argv)
    except SystemExit as end:   # help, or wrong usage
        give_up(sys.stderr)
        return end.code
    return COMMANDS[args.command].run(Host(args.root), args)


# What only a file that is written can answer.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF)


def main(argv=None):
    """Run; the exit status."""
    open_streams()
    try:
        status = _run(argv)
        sys.stdout.flush()
        return status
    except RmpctlError as error:
        give_up(sys.stdout)
        say(error)
        return error.status
    except BrokenPipeError:
        # Whoever read us has gone, as head does; nobody is there to be told.
        give_up(sys.stdout)
        return 0
    except KeyboardInterrupt:
        give_up(sys.stdout)
        return 130
    except PermissionError as error:
        say(f"{error.filename}: no permission; run as root.")
    except OSError as error:
        give_up(sys.stdout)
        if error.filename is None and error.errno in NO_ROOM:
            say(f"the output can't be written: {error.strerror}.")
        elif error.filename is None:
            say(f"a file of the module can't be read: {error.strerror}. Was it unloaded "
                "meanwhile?")
        else:
            say(f"{error.filename}: {error.strerror}.")
    return NOT_HERE
