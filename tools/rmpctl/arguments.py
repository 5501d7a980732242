# SPDX-License-Identifier: GPL-2.0-only
"""Arguments that several commands take."""

import argparse
import os
import stat


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


def is_input(file):
    """A pipe or a file, not a terminal, /dev/null, or what ssh gives to a command."""
    mode = os.fstat(file.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def add_colour(parser):
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto",
                        help="colours: in a terminal (default), always, or never")


def _address(text):
    """A type of arguments: a number of 64 bits, as the kernel prints it or with 0x."""
    try:
        value = int(text, 0 if text[:2].lower() == "0x" else 16)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not an address, such as 0x1a000000"
                                         ) from None
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} has no 64 bits")
    return value


def add_symbols(parser):
    """Files that tell what is at an address of a guest's kernel."""
    parser.add_argument("--vmlinux", metavar="FILE",
                        help="the guest's kernel, uncompressed, with debugging information: for "
                        "functions and lines (needs binutils)")
    parser.add_argument("--system-map", metavar="FILE",
                        help="System.map of the guest's kernel, or a copy of its /proc/kallsyms: "
                        "for functions")
    parser.add_argument("--module", metavar="NAME=FILE.ko@ADDRESS", action="append", default=[],
                        help="a module of the guest, and where its .text is; in place of ADDRESS "
                        "also a file with what 'grep -H . /sys/module/NAME/sections/.*text*' "
                        "prints in the guest (may be given several times)")
    parser.add_argument("--slide", metavar="OFFSET", type=_address,
                        help="how far KASLR has moved the kernel, where that can't be told")


def add_vm(parser, optional=False):
    parser.add_argument("vm", metavar="VM", nargs="?" if optional else None,
                        help="number, domain name, or pid:N")
