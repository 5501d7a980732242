# SPDX-License-Identifier: GPL-2.0-only
"""Exit statuses, and the errors that end a subcommand with one sentence."""

OK = 0
FINDING = 1
USAGE = 2
NOT_HERE = 3


class RmpctlError(Exception):
    """Ends the program with this sentence and this status."""

    status = NOT_HERE


class UsageError(RmpctlError):
    """What was asked for makes no sense."""

    status = USAGE


class NoPermission(RmpctlError):
    """Only root may look at it."""


class VmGone(RmpctlError):
    """There is no such VM, or not any longer."""
