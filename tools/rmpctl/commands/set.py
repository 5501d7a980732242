# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl set: change settings, and warn of those that do not hold."""

from .. import settings, vm as vms
from ..classes import POLICY_CLASSES
from ..errors import OK, UsageError
from ..host import MODULE
from ..output import print_json, say

SUMMARY = "change mode, action, policies, and whether registers are asked for"
DETAILS = ("Without --vm, settings hold for all VMs that have none of their own. Either all of "
           "a VM's settings are changed, or none.")


def arguments(parser):
    parser.add_argument("setting", metavar="NAME=VALUE", nargs="+",
                        help="mode=off|lenient|strict, action=vc|terminate, CLASS=enforce|report, "
                        "sites=on|off, request_sites=on|off; with --vm also NAME=inherit. CLASS is "
                        f"one of {', '.join(POLICY_CLASSES)}")
    parser.add_argument("--vm", action="append", metavar="VM",
                        help="only this VM (may be given several times)")
    parser.add_argument("-n", "--dry-run", action="store_true",
                        help="say what would change, and change nothing")


def run(host, args):
    host.need_module()
    if not host.is_live:
        raise UsageError("a bundle can't be changed.")
    wanted = settings.parse(host, args.setting, bool(args.vm))
    targets = [(MODULE, "all VMs")]
    if args.vm:
        found = [vms.find(host, name) for name in args.vm]
        targets = [(vm.folder, f"VM {vm.id}") for vm in found]
    changes = []
    for folder, where in targets:
        changes += settings.apply(host, folder, where, wanted, args.dry_run)
    if args.json:
        print_json([c._asdict() for c in changes])
        return OK
    note = " (dry run)" if args.dry_run else ""
    for c in changes:
        print(f"{c.where}: {c.name}: {c.old} -> {c.new}{note}" if c.old != c.new else
              f"{c.where}: {c.name} is {c.new}")
    _warn_of_settings(host, args, wanted)
    return OK


def _warn_of_sites(host, args):
    """Registers are asked for where sites is on for all, and for the VM."""
    if host.read(MODULE, "sites") == "off":
        say("the global sites is off, which holds for every VM: no registers are asked for.")
        return
    for name in args.vm or ():
        vm = vms.find(host, name)
        if vm.read("sites") == "off":
            say(f"sites of VM {vm.id} is off: none of its registers are asked for.")
        elif vm.read("debuggable") == "no":
            say(f"the policy of VM {vm.id} does not allow debugging: it has no registers to show.")


def _warn_of_settings(host, args, wanted):
    if args.vm and host.read(MODULE, "mode") == "off":
        say("the global mode is off, which holds for every VM.")
    if "on" in (wanted.get("sites") if args.vm else None, wanted.get("request_sites")):
        _warn_of_sites(host, args)
    if wanted.get("mode") == "strict":
        for s in vms.snapshots(host):
            if s["history"] != "complete" and s["mode"] in ("strict", "inherit"):
                say(f"VM {s['vm']} has a history that is {s['history']}: what is not known of "
                    "its pages is not enforced.")
