# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl list: the SNP VMs that run, or the last that have ended, one a line."""

from .. import ended, totals, vm as vms
from ..errors import OK
from ..host import MODULE
from ..output import print_json, say, table
from ..units import ago, plural

SUMMARY = "the SNP VMs that run, or have ended"
DETAILS = ("ERRORS are violations that speak against the guest (implicit_private, "
           "implicit_shared, first_touch), NOTED all others (initial_shared, in_flight, vmpl, "
           "host, unbacked, no_progress). If guests that have ended had errors, it says so.")


def arguments(parser):
    parser.add_argument("--ended", action="store_true", help="the last VMs that have ended, the "
                        "newest last, with what they did in all; needs root (debugfs)")


def run(host, args):
    return _ended(host, args) if args.ended else _running(host, args)


def _running(host, args):
    host.need_module()
    counted = totals.read(host)
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
        say(f"no SNP VM runs; the module is loaded, mode {host.read(MODULE, 'mode')}.")
    errors = totals.errors_of_ended(counted, found)
    if errors:
        say(f"guests that have ended had {plural(errors, 'error')}: 'rmpctl list --ended'.")
    return OK


def _ended(host, args):
    host.need_module()
    found = ended.read(host)
    if args.json:
        print_json(found)
        return OK
    head = ("VM", "DOMAIN", "PID", "ENDED", "HISTORY", "STATE", "PSC", "ERRORS", "NOTED",
            "ENFORCED")
    rows = [(e["vm"], e["domain"] or f"({e['comm']})", e["pid"],
             "-" if e["age_us"] is None else f"{ago(e['age_us'])} ago", e["history"], e["state"],
             e["psc_completed"], vms.errors_of(e), vms.noted_of(e), e["enforced"]) for e in found]
    for line in table(head, rows, right={0, 2, 3, 6, 7, 8, 9}):
        print(line)
    if not rows:
        say("no SNP VM has ended since the module was loaded.")
    counted = totals.read(host)
    older = (counted and counted["vms_ended"] or 0) - len(found)
    if older > 0:
        say(f"{plural(older, 'VM')} ended earlier; 'rmpctl show' has the totals of all.")
    return OK
