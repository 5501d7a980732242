# SPDX-License-Identifier: GPL-2.0-only
"""Modes, actions, policies, and whether registers are asked for; of all VMs or of one."""

import collections
import errno

from .classes import POLICY_CLASSES
from .errors import RmpctlError, UsageError, VmGone
from .host import MODULE

Change = collections.namedtuple("Change", "where name old new")

POLICIES = ("enforce", "report")
# Whether the module asks firmware for registers: at violations, and at PSCs.
SITES = ("sites", "request_sites")
PLAIN = ("mode", "action") + SITES


def words_for(host, name):
    """What a setting may be."""
    if name == "mode":
        return tuple(host.read(MODULE, "available_modes").split())
    if name == "action":
        return tuple(host.read(MODULE, "available_actions").split())
    if name in SITES:
        return ("on", "off")
    return POLICIES


def parse(host, assignments, per_vm):
    """{file: value} of "name=value" words, each checked against what is allowed."""
    out = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"'{text}' is not NAME=VALUE, such as mode=strict.")
        if name not in PLAIN + POLICY_CLASSES:
            raise UsageError(f"there is no setting '{name}'; there are {', '.join(PLAIN)} and the "
                             f"classes {', '.join(POLICY_CLASSES)}.")
        if name in SITES and not host.exists(MODULE, name):
            raise RmpctlError(f"this version of the module has no setting '{name}': it does not "
                              "read registers of guests.")
        words = words_for(host, name) + (("inherit",) if per_vm else ())
        if value not in words:
            hint = ""
            if value == "inherit":
                hint = " ('inherit' is for single VMs)"
            raise UsageError(f"{name} can't be '{value}'; it is one of {', '.join(words)}{hint}.")
        out[name if name in PLAIN else f"policy/{name}"] = value
    return out


def apply(host, folder, where, wanted, dry_run=False):
    """Write settings; what changed (or with dry_run: would change), in the order given.

    If one can't be written, those before it are put back.
    """
    done = []
    for name, value in wanted.items():
        try:
            old = host.read(folder, name)
            if not dry_run:
                host.write(value, folder, name)
        except OSError as error:
            for change in done:
                try:
                    host.write(change.old, folder, change.name)
                except OSError:
                    pass
            raise _explain(error, host, folder, where, name, value) from None
        done.append(Change(where, name, old, value))
    return done


def _explain(error, host, folder, where, name, value):
    if isinstance(error, PermissionError):
        return RmpctlError("settings can be changed by root only: run as root.")
    if error.errno in (errno.ENODEV, errno.ENOENT):
        return VmGone(f"{where} is gone: it has ended.")
    if error.errno == errno.EINVAL:
        return UsageError(f"the module does not take {name}={value}.")
    return RmpctlError(f"{host.path(folder, name)}: {error.strerror}.")
