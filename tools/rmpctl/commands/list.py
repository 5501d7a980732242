# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl list: the SNP VMs that run, one a line."""

import sys

from .. import vm as vms
from ..errors import OK
from ..host import MODULE
from ..output import print_json, table

SUMMARY = "the SNP VMs that run"
DETAILS = ("ERRORS are violations that speak against the guest (implicit_private, "
           "implicit_shared, first_touch), NOTED all others (initial_shared, in_flight, vmpl, "
           "host, unbacked, no_progress).")


def arguments(parser):
    """It takes none."""


def run(host, args):
    found = vms.snapshots(host)
    if args.json:
        print_json(found)
        return OK
    head = ("VM", "DOMAIN", "PID", "VCPUS", "MODE", "HISTORY", "STATE", "PSC", "ERRORS",
            "NOTED", "ENFORCED")
    rows = [(s["vm"], s["domain"] or f"({s['comm']})", s["pid"], s["vcpus"],
             s["effective_mode"], s["history"], s["state"], s["psc_completed"],
             vms.errors_of(s), vms.noted_of(s), s["enforced"]) for s in found]
    for line in table(head, rows, right={0, 2, 3, 7, 8, 9, 10}):
        print(line)
    if not rows:
        print(f"rmpctl: no SNP VM runs; the module is loaded, mode "
              f"{host.read(MODULE, 'mode')}.", file=sys.stderr)
    return OK
