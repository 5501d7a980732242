# SPDX-License-Identifier: GPL-2.0-only
"""What happens on the fifty hosts, which alerts that must make, and how it ends."""

import os
import time

HOSTS = 50
GUESTS = ("web", "db", "app")


class Incident:
    """happen(host) at a minute, mend(host) when all alerts have fired; keep(host) every third
    minute in between. alerts are (name, summary)."""

    def __init__(self, number, minute, alerts, happen, mend=None, keep=None):
        self.number, self.minute, self.alerts = number, minute, alerts
        self.happen, self.mend, self.keep = happen, mend, keep


def violates(vm, name, count=1):
    return lambda host: host.violate(host.vms[vm], name, count)


def terminated(host):
    host.violate(host.vms[2], "first_touch")
    host.terminate(host.vms[2])


def its_vmm_goes(host):
    host.end(host.vms[2])


def new_guest(domain, name, count=1):
    """One whose counter is above 0 when it is first seen."""
    def happen(host):
        host.violate(host.start(domain), name, count)
    return happen


def unseen(name, ended=False, known=True):
    """A guest that comes, violates, perhaps is ended for it, and is gone before anyone looks."""
    def happen(host):
        host.keeps_ended = known
        vm = host.start("short")
        host.violate(vm, name, 2)
        if ended:
            host.terminate(vm)
        host.end(vm)
    return happen


def seen_and_gone(host):
    """What has been seen for some minutes is gone."""
    for vm in [vm for vm in host.vms.values() if vm.violations["first_touch"]]:
        host.end(vm)


def discards(host):
    host.vms[1].counters["pages_discarded"] += 512


def unloads(host):
    for vm in list(host.vms.values()):
        host.end(vm)
    host.unload()


def loads(host):
    host.load()
    for name in GUESTS:
        host.start(f"{name}{host.name[-2:]}")


def mode(name):
    def happen(host):
        host.mode = name
    return happen


def old_guest(host):
    """One that is older than the module."""
    host.vms[3].history = "partial"


def restarted(host):
    domain = host.vms[3].domain
    host.end(host.vms[3])
    host.start(domain)


def stops_writing(host):
    """Its timer has not run for ten minutes."""
    host.writes = False
    then = time.time() - 600
    os.utime(host.prom, (then, then))


def loses_its_file(host):
    host.writes = False
    os.unlink(host.prom)


def never_wrote(host):
    host.writes = False


def writes_again(host):
    host.writes = True


def goes_down(host):
    host.exporter.end()


def comes_up(host):
    host.export()


VIOLATION, ENDED = "RmpEnforceViolation", "RmpEnforceEndedVmViolation"
TERMINATED, NO_PROGRESS = "RmpEnforceTerminated", "RmpEnforceNoProgress"
NOT_GUARDING, GONE = "RmpEnforceNotGuarding", "RmpEnforceMetricsGone"
HANGS = "hangs at a page that is in use"

# Minute -1 is before anybody looks.
INCIDENTS = (
    Incident(10, -1, [("RmpEnforceHistoryIncomplete", "app10 on host10 is only half-guarded")],
             old_guest, restarted),
    Incident(14, -1, [("RmpEnforceNeverReported",
                       "host14 has had no metrics of rmp_enforce for a day")],
             never_wrote, writes_again),
    # Guests that run.
    Incident(2, 0, [(VIOLATION, "web02 on host02: implicit_shared")],
             violates(1, "implicit_shared", 3)),
    Incident(3, 2, [(VIOLATION, "VM 4 on host03: first_touch")],
             new_guest(None, "first_touch", 4)),
    Incident(4, 4, [(VIOLATION, "db04 on host04: first_touch"),
                    (TERMINATED, "db04 on host04 was ended by rmp_enforce")],
             terminated, its_vmm_goes),
    Incident(5, 1, [(NO_PROGRESS, f"a vCPU of app05 on host05 {HANGS}")],
             violates(3, "no_progress")),
    Incident(6, 3, [(NO_PROGRESS, f"a vCPU of VM 4 on host06 {HANGS}")],
             new_guest(None, "no_progress")),
    Incident(7, 2, [("RmpEnforcePagesTakenAway",
                     "the VMM of web07 on host07 takes private pages away")], discards,
             keep=discards),
    Incident(21, 0, [(VIOLATION, "web21 on host21: implicit_private")],
             violates(1, "implicit_private"), keep=violates(1, "implicit_private")),
    Incident(22, 8, [(VIOLATION, "db22 on host22: implicit_shared")],
             violates(2, "implicit_shared", 2), keep=violates(2, "implicit_shared", 2)),
    # Guests that end.
    Incident(15, 2, [(ENDED, "VM 4 (qemu-system-x86, pid 1004) on host15 has ended: "
                             "implicit_private")], unseen("implicit_private")),
    Incident(16, 5, [(ENDED, "a guest on host16 has ended: first_touch")],
             unseen("first_touch", known=False)),
    Incident(17, 6, [(ENDED, "VM 4 (qemu-system-x86, pid 1004) on host17 has ended: first_touch"),
                     (TERMINATED, "VM 4 (qemu-system-x86, pid 1004) on host17 was ended by "
                                  "rmp_enforce")], unseen("first_touch", ended=True)),
    Incident(18, 7, [(ENDED, "a guest on host18 has ended: implicit_shared"),
                     (TERMINATED, "a guest that is gone on host18 was ended by rmp_enforce")],
             unseen("implicit_shared", ended=True, known=False)),
    Incident(20, 1, [(VIOLATION, "job20 on host20: first_touch")],
             new_guest("job20", "first_touch", 2), keep=seen_and_gone),
    # Hosts.
    Incident(8, 1, [(NOT_GUARDING, "rmp_enforce does not guard host08")], unloads, loads),
    Incident(9, 2, [(NOT_GUARDING, "rmp_enforce does not guard host09")], mode("off"),
             mode("lenient")),
    Incident(11, 1, [("RmpEnforceMetricsStale",
                      "metrics of rmp_enforce on host11 are not written any more")],
             stops_writing, writes_again),
    Incident(12, 1, [(GONE, "host12 has no metrics of rmp_enforce any more")], loses_its_file,
             writes_again),
    Incident(13, 2, [(GONE, "host13 has no metrics of rmp_enforce any more")], goes_down,
             comes_up),
    # Nothing to tell anybody of.
    Incident(19, 3, [], violates(1, "initial_shared")),
    Incident(23, 3, [], unseen("vmpl")),
    Incident(24, 3, [], lambda host: host.end(host.vms[2])),
)

EXPECTED = {alert for incident in INCIDENTS for alert in incident.alerts}
