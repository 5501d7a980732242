# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl show: all that sysfs has of one VM."""

from .. import vm as vms
from ..arguments import add_vm
from ..classes import CLASSES, POLICY_CLASSES
from ..errors import OK, NoPermission
from ..host import MODULE
from ..output import print_json, table
from ..printable import printable
from ..units import plural, size

SUMMARY = "all about one VM"
DETAILS = ""


def arguments(parser):
    add_vm(parser)


def run(host, args):
    vm = vms.find(host, args.vm)
    s = vm.snapshot()
    if args.json:
        print_json(s)
        return OK
    print(f"VM {s['vm']}" + (f", domain {printable(s['domain'])}" if s["domain"] else ""))
    own = "" if s["mode"] == "inherit" else " (its own)"
    lines = [
        ("process", f"{s['pid']} ({s['comm']}), {plural(s['vcpus'] or 0, 'vCPU')}"),
        ("state", s["state"]),
        ("mode", f"{s['effective_mode']}{own}"),
        ("action", s["action"] if s["action"] != "inherit" else
         f"{host.read(MODULE, 'action')} (global)"),
        ("history", s["history"]),
        ("launched", f"{plural(s['launch_pages'], 'page')} ({size(s['launch_pages'])})"),
        ("PSCs", f"{s['psc_requests']} asked, {s['psc_completed']} completed, "
                 f"{s['psc_refused']} refused; {plural(s['psc_pages'], 'page')}"),
        ("page faults", f"{s['npf_judged']} judged; {s['repeated']} the same again"),
        ("acted upon", f"{s['enforced']}, {s['vc_injected']} #VC injected"),
        ("log", f"{plural(s['log_suppressed'], 'record')} suppressed"),
        ("memory", f"{s['tracker_bytes']} bytes for page states"),
    ]
    # What an older version of the module does not count is left out.
    for name, key, noun, what in (
            ("redundant", "psc_redundant", "PSC", "asked for the state that the pages had"),
            ("taken away", "pages_discarded", "page", "by the VMM"),
            ("prefaults", "prefaults_skipped", "page", "skipped: the guest had not asked for it")):
        if s[key] is not None:
            lines.append((name, f"{plural(s[key], noun)} {what}"))
    for name, value in lines:
        print(f"  {name:<12} {printable(value)}")
    print()
    head = ("class", "violations", "policy")
    rows = []
    for name in CLASSES:
        policy = s["policy"].get(name) or "report"
        if policy == "inherit":
            policy = f"{host.read(MODULE, 'policy', name)}"
        elif name in POLICY_CLASSES:
            policy = f"{policy} (its own)"
        rows.append((name, s["violations"][name], policy))
    for line in table(head, rows, right={1}):
        print("  " + line)
    print()
    try:
        last = vm.last_violation()
        print("  last violation: " + printable(last.line()) if last else "  no violation")
    except NoPermission:
        print("  last violation: it can be read by root only")
    return OK
