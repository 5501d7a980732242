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


def add_vm(parser, optional=False):
    parser.add_argument("vm", metavar="VM", nargs="?" if optional else None,
                        help="number, domain name, or pid:N")
