# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl metrics: what node_exporter's textfile collector reads."""

import sys

from .. import ended, files, totals, vm as vms
from ..classes import CLASSES
from ..errors import OK, RmpctlError, UsageError
from ..host import MODULE
from ..output import print_json
from ..printable import printable
from ..prometheus import Writer

# name, type, help, then how to get it from a VM's snapshot
VM_METRICS = (
    ("vm_vcpus", "gauge", "vCPUs of the VM.", "vcpus"),
    ("vm_launch_pages_total", "counter", "4K pages populated at launch.", "launch_pages"),
    ("vm_psc_requests_total", "counter", "Page-state changes that KVM forwarded to the VMM.",
     "psc_requests"),
    ("vm_psc_completed_total", "counter", "Page-state changes that the VMM completed.",
     "psc_completed"),
    ("vm_psc_refused_total", "counter", "Page-state changes that the VMM refused.",
     "psc_refused"),
    ("vm_psc_redundant_total", "counter",
     "Completed page-state changes that asked for the state their pages had.", "psc_redundant"),
    ("vm_psc_pages_total", "counter", "4K pages in completed page-state changes.", "psc_pages"),
    ("vm_pages_discarded_total", "counter", "Private 4K pages that the VMM has taken away.",
     "pages_discarded"),
    ("vm_prefaults_skipped_total", "counter",
     "4K pages that the VMM was not let map before the guest asked for them.",
     "prefaults_skipped"),
    ("vm_npf_judged_total", "counter", "Nested page faults that were judged.", "npf_judged"),
    ("vm_enforced_total", "counter", "Violations that were acted upon.", "enforced"),
    ("vm_repeated_total", "counter", "Faults that were the same again, and are no new record.",
     "repeated"),
    ("vm_vc_injected_total", "counter", "#VC exceptions queued.", "vc_injected"),
    ("vm_log_suppressed_total", "counter", "Records that the limit kept from the kernel log.",
     "log_suppressed"),
    ("vm_tracker_bytes", "gauge", "Memory that the page states take up.", "tracker_bytes"),
)

SUMMARY = "metrics in Prometheus's text format"
DETAILS = "For node_exporter's textfile collector; the timer rmp-enforce-metrics.timer calls it."


def arguments(parser):
    parser.add_argument("-o", "--output", metavar="FILE", help="replace FILE, in one step")


def render(host):
    """All metrics; without the module only that it is not there."""
    out = Writer()
    loaded = host.exists(MODULE, "mode")
    out.metric("up", "gauge", "1 if the module is loaded.", [({}, int(loaded))])
    if not loaded:
        return out

    mode = host.read(MODULE, "mode")
    out.metric("info", "gauge", "Version and settings of the module, always 1.",
               [({"version": host.read(MODULE, "version"), "mode": mode,
                  "action": host.read(MODULE, "action")}, 1)])
    out.metric("mode", "gauge", "1 for the mode that the module is in.",
               [({"mode": m}, int(m == mode))
                for m in host.read(MODULE, "available_modes").split()])

    _of_the_host(out, host)
    found = vms.snapshots(host)
    out.metric("vms", "gauge", "SNP VMs that run.", [({}, len(found))])
    where = {s["vm"]: {"vm": s["vm"], "domain": s["domain"]} for s in found}
    out.metric("vm_info", "gauge", "The VM, its mode in force and how far its history goes, "
               "always 1.",
               [(where[s["vm"]] | {"pid": s["pid"], "comm": s["comm"],
                                   "mode": s["effective_mode"], "history": s["history"]}, 1)
                for s in found])
    out.metric("vm_terminated", "gauge", "1 if the module has ended the guest.",
               [(where[s["vm"]], int(s["state"] == "terminated")) for s in found])
    out.metric("vm_history_complete", "gauge", "1 if all page states of the VM are known.",
               [(where[s["vm"]], int(s["history"] == "complete")) for s in found])
    out.metric("vm_violations_total", "counter", "Accesses that were not asked for, by class.",
               [(where[s["vm"]] | {"class": c}, n)
                for s in found for c, n in s["violations"].items()])
    for name, kind, text, key in VM_METRICS:
        out.metric(name, kind, text, [(where[s["vm"]], s[key]) for s in found])
    return out


def _of_the_host(out, host):
    """What outlives VMs; of a module that is too old to have it, nothing."""
    counted = totals.read(host)
    if counted is not None:
        out.metric("violations_total", "counter", "Accesses that were not asked for, of all VMs "
                   "since the module was loaded, by class.",
                   [({"class": c}, counted[c]) for c in CLASSES])
        out.metric("enforced_total", "counter", "Violations of all VMs that were acted upon.",
                   [({}, counted["enforced"])])
        out.metric("repeated_total", "counter", "Faults of all VMs that were the same again.",
                   [({}, counted["repeated"])])
        out.metric("vc_injected_total", "counter", "#VC exceptions queued for all VMs.",
                   [({}, counted["vc_injected"])])
        out.metric("vms_seen_total", "counter", "SNP VMs that the module has met.",
                   [({}, counted["vms"])])
        out.metric("vms_ended_total", "counter", "SNP VMs that have ended.",
                   [({}, counted["vms_ended"])])
        out.metric("vms_terminated_total", "counter", "Guests that the module has ended.",
                   [({}, counted["vms_terminated"])])
    out.metric("ended_vm_violations", "gauge", "Accesses that were not asked for, of the last VMs "
               "that have ended, by class; in debugfs, for root only.",
               [({"vm": vm["vm"], "pid": vm["pid"], "comm": vm["comm"], "state": vm["state"],
                  "class": c}, n)
                for vm in ended.read_or_none(host) or () for c, n in vm["violations"].items() if n])


def _for_reader(text):
    """Whoever scrapes it takes names as they are; a terminal would do what they say."""
    if not sys.stdout.isatty():
        return text
    return "\n".join(map(printable, text.split("\n")))


def run(host, args):
    found = render(host)
    if args.output is None:
        if args.json:
            print_json(found.metrics)
        else:
            sys.stdout.write(_for_reader(found.text()))
        return OK
    if args.json:
        raise UsageError("--output is for node_exporter, which reads no JSON: leave out --json.")
    try:
        files.publish(args.output, found.text())
    except OSError as error:
        raise RmpctlError(f"can't write {args.output}: {error.strerror}.") from None
    return OK
