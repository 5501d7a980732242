# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl set: change settings, and warn of those that do not hold."""

from .. import settings, vm as vms
from ..classes import POLICY_CLASSES
from ..errors import OK, UsageError
from ..host import MODULE
from ..output import print_json, say

SUMMARY = "change mode, action and policies"
DETAILS = ("Without --vm, settings hold for all VMs that have none of their own. Either all of "
           "a VM's settings are changed, or none.")


def arguments(parser):
    parser.add_argument("setting", metavar="NAME=VALUE", nargs="+",
                        help="mode=off|lenient|strict, action=vc|terminate, CLASS=enforce|report; "
                        "with --vm also NAME=inherit. CLASS is one of "
                        f"{', '.join(POLICY_CLASSES)}")
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


def _warn_of_settings(host, args, wanted):
    if args.vm and host.read(MODULE, "mode") == "off":
        say("the global mode is off, which holds for every VM.")
    if wanted.get("mode") == "strict":
        for s in vms.snapshots(host):
            if s["history"] != "complete" and s["mode"] in ("strict", "inherit"):
                say(f"VM {s['vm']} has a history that is {s['history']}: what is not known of "
                    "its pages is not enforced.")
