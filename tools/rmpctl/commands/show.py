# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl show: all that sysfs has of one VM, or of the host."""

from .. import totals, vm as vms
from ..arguments import add_vm
from ..classes import CLASSES, POLICY_CLASSES
from ..errors import OK, NoPermission
from ..host import MODULE
from ..output import print_json, table
from ..printable import printable
from ..settings import SITES
from ..units import plural, size

SUMMARY = "all about one VM, or about the host"
DETAILS = ("Without a VM: the settings, and what all VMs have done since the module was loaded, "
           "also those that have ended.")


def arguments(parser):
    add_vm(parser, optional=True)


def run(host, args):
    return _host(host, args) if args.vm is None else _vm(host, args)


def _host(host, args):
    host.need_module()
    counted = totals.read(host)
    running = vms.snapshots(host)
    past = None if counted is None else totals.of_ended(counted, running)
    policy = {c: host.read(MODULE, "policy", c) for c in POLICY_CLASSES}
    settings = {name: host.read(MODULE, name) for name in ("version", "mode", "action")}
    # None of an older module.
    settings |= {name: host.read(MODULE, name) if host.exists(MODULE, name) else None
                 for name in SITES}
    if args.json:
        print_json(settings | {"policy": policy, "vms_running": len(running), "totals": counted,
                               "of_ended": past})
        return OK
    print(f"rmp_enforce {printable(settings['version'])}")
    lines = [("mode", settings["mode"]), ("action", settings["action"]),
             *_sites(settings),
             ("VMs", plural(len(running), "VM") + (" runs" if len(running) == 1 else " run"))]
    if counted is not None:
        lines += [
            ("since load", f"{plural(counted['vms'] or 0, 'VM')} met, {counted['vms_ended']} have "
                           f"ended, {plural(counted['vms_terminated'] or 0, 'guest')} terminated"),
            ("acted upon", f"{counted['enforced']}, {counted['vc_injected']} #VC injected"),
            ("page faults", f"{counted['repeated']} the same again")]
    for name, value in lines:
        print(f"  {name:<12} {printable(value)}")
    print()
    if counted is None:
        head, right = ("class", "of VMs that run", "policy"), {1}
        rows = [(c, sum(s["violations"][c] for s in running), policy.get(c, "report"))
                for c in CLASSES]
    else:
        head, right = ("class", "since load", "of ended VMs", "policy"), {1, 2}
        rows = [(c, counted[c], past[c], policy.get(c, "report")) for c in CLASSES]
    for line in table(head, rows, right):
        print("  " + line)
    if totals.errors_of_ended(counted, running):
        print("\n  'rmpctl list --ended' has the guests that have ended.")
    return OK


def _sites(settings):
    """What is asked of firmware, if the module asks at all."""
    if settings["sites"] is None:
        return []
    return [("registers", f"at violations: {settings['sites']} (sites), at PSCs: "
                          f"{settings['request_sites']} (request_sites)")]


DEBUGGABLE = {"yes": "the guest's policy allows it", "no": "the guest's policy does not allow it",
              "unknown": "not asked yet whether the guest's policy allows it",
              "n/a": "this kernel does not have what that needs"}


def _sites_of_vm(host, s):
    """The same of a VM, and whether the guest lets it be."""
    if s["sites"] is None:
        return []
    own = {name: f"{host.read(MODULE, name)} (global)" if s[name] == "inherit" else s[name]
           for name in SITES}
    return [("registers", f"at violations: {own['sites']}, at PSCs: {own['request_sites']}; " +
             DEBUGGABLE.get(s["debuggable"], f"debuggable: {s['debuggable']}"))]


def _vm(host, args):
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
        *_sites_of_vm(host, s),
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
