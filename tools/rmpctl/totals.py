# SPDX-License-Identifier: GPL-2.0-only
"""Counters of the whole host since the module was loaded: they outlive the VMs."""

from .classes import CLASSES, GUEST_ERRORS
from .host import MODULE
from .pairs import number

FOLDER = f"{MODULE}/totals"
ACTS = ("enforced", "repeated", "vc_injected")
VMS = ("vms", "vms_ended", "vms_terminated")
NAMES = CLASSES + ACTS + VMS


def read(host):
    """{name: number, or None}; None if the module is too old to have them.

    Whoever compares them with VMs reads the totals first, see of_ended().
    """
    if not host.exists(FOLDER):
        return None
    return {name: number(host.read_or(None, FOLDER, name)) for name in NAMES}


def of_ended(totals, running):
    """{name: number} of what guests that have ended did: what the VMs that run have not done.

    running are snapshots that were taken after the totals were read. So what one of them does
    meanwhile can only hide something for a moment, and never blames a guest that has ended.
    """
    out = {}
    for name in CLASSES + ACTS:
        now = sum(s["violations"].get(name, s.get(name)) or 0 for s in running)
        out[name] = max((totals[name] or 0) - now, 0)
    return out


def errors_of_ended(totals, running):
    """How many accesses of guests that have ended spoke against them; 0 if nobody counted."""
    if totals is None:
        return 0
    ended = of_ended(totals, running)
    return sum(ended[name] for name in GUEST_ERRORS)
