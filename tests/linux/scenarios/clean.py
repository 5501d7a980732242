# SPDX-License-Identifier: GPL-2.0-only
"""
Guests that do nothing wrong, in strict mode: what is reported, is reported wrongly, or
has a reason that we know.
"""

import os

import phases
import services
from guest import Guest

# Long, for a busy machine: what is awaited comes in a quarter of it on an idle one.
BOOT_S = 900
ORDER_S = 400

# (phase, class): number of reports in each boot, and why.
KNOWN = {
    ("sec", "initial_shared"): (1, "OVMF's SEC phase writes to its GHCB page "
                                   "(SevEsProtocolCheck() in OvmfPkg/Sec/AmdSev.c) with the "
                                   "C-bit clear, and never asked for the page to be shared"),
}


def disk(path, size):
    """An empty disk."""
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def judge(report, tools, guest, expected_orders, deserved=()):
    """
    The guest's own results, and no reports but the known ones, for each phase; or in the
    phase @deserved, which has been looked at.
    """
    pscs, violations = tools.trace.of(guest.vm)
    summary = phases.summarize(guest, pscs, violations)
    for phase in summary:
        if phase["name"] in deserved:
            continue
        known = {cls: n for (where, cls), (n, _) in KNOWN.items() if where == phase["name"]}
        report.check(phase["violations"] == known,
                     "%s: %s: %s" % (guest.name, phase["title"],
                                     "the known report only" if known else "no report"),
                     "reports: %s, expected: %s" % (phase["violations"], known),
                     *[v for v in violations])
    for order in expected_orders:
        said, ok = guest.said(order)
        report.check(ok, "%s: the guest is content with %s" % (guest.name, order),
                     *said, *[t for _, t in guest.lines[-5:]])
    records = tools.log.records(guest.vm)
    report.check(len(records) == len(violations),
                 "%s: the log has each violation" % guest.name,
                 "%d in the log, %d traced" % (len(records), len(violations)))
    report.measure("guests", guest.name, {
        "phases": summary, "cpus": guest.cpus, "mem": guest.mem,
        "kernel": guest.kernel_release(),
        "records": [r["line"] for r in records],
        "qemu": guest.qemu_said(), "status": guest.status,
        "seconds": guest.ended - guest.started})
    return summary


def plug_and_unplug(report, guest):
    """The host's part of the order hotplug."""
    if not guest.wait("guest: hotplug: waiting for a disk", ORDER_S):
        return
    guest.tell("blockdev-add", driver="raw", **{"node-name": "new"},
               file={"driver": "file", "filename": disk("/run/new.img", 8 << 20)})
    guest.tell("device_add", driver="virtio-blk-pci", drive="new", id="newdisk", bus="port1",
               **{"iommu_platform": True, "disable-legacy": "on"})
    done = guest.wait("guest: hotplug: done with the disk|guest: not ok hotplug", ORDER_S)
    if not done or "not ok" in done[1][0]:
        report.note("QMP: %s" % guest.events)
        return
    guest.tell("device_del", id="newdisk")
    guest.wait("guest: (not )?ok hotplug", ORDER_S)
    report.check(guest.wait_event("DEVICE_DELETED"), "io: QEMU has taken the disk back",
                 *guest.events)


def io(report, tools):
    """One vCPU: memory, disk, network, hotplug, shutdown by the power button."""
    served = services.Services()
    guest = Guest("io", "boot,memory,disk,net,hotplug,shutdown", mem="384M", net=True,
                  disks=[disk("/run/disk.img", 32 << 20)], args=services.ARGS)
    report.check(guest.wait("guest: up", BOOT_S), "io: boots to userland",
                 *[t for _, t in guest.lines[-10:]], *guest.qemu_said())
    plug_and_unplug(report, guest)
    if guest.wait("guest: shutdown: waiting for the power button", ORDER_S):
        guest.tell("system_powerdown")
    guest.wait_end(ORDER_S)
    guest.end()
    report.check(guest.status == 0, "io: QEMU ends well", guest.status, *guest.qemu_said())
    report.check(guest.find("guest: shutdown: pressed"), "io: the power button was pressed")
    report.check(served.received == [served.sum], "io: the host got what the guest sent",
                 served.received)
    judge(report, tools, guest, ["boot", "memory", "disk", "net", "hotplug"])


def boot(report, tools):
    """How long it takes to userland, with one vCPU and with two."""
    for cpus in (1, 2):
        guest = Guest("boot%d" % cpus, "boot", cpus=cpus, mem="384M")
        up = guest.wait("guest: up", BOOT_S)
        report.check(up, "%s: boots to userland" % guest.name,
                     *[t for _, t in guest.lines[-10:]], *guest.qemu_said())
        if up:
            report.note("%s: userland after %.1f s" % (guest.name, up[0] - guest.started))
        guest.wait_end(ORDER_S)
        guest.end(patience=30)
        for phase in judge(report, tools, guest, ["boot"]):
            report.note("%5.1f s %4d PSCs %s" % (phase["seconds"], phase["requests"],
                                                 phase["title"]))


def smp(report, tools):
    """Two vCPUs, and a reboot at the end."""
    guest = Guest("smp", "smp,memory,disk,reboot", cpus=2,
                  mem="384M", disks=[disk("/run/disk2.img", 32 << 20)])
    report.check(guest.wait("guest: up", BOOT_S), "smp: boots to userland",
                 *[t for _, t in guest.lines[-10:]], *guest.qemu_said())
    guest.wait("guest: begin reboot", 3 * ORDER_S)
    guest.wait_end(ORDER_S)
    guest.end()
    os.unlink("/run/disk2.img")
    judge(report, tools, guest, ["smp", "memory", "disk"])
    # SNP guests can't be reset; QEMU says so, and ends.
    report.check(guest.status is not None, "smp: QEMU ends when the guest reboots",
                 *guest.events, *guest.qemu_said())
    report.note("\n".join(["QEMU, at the reboot: status %s" % guest.status] +
                          guest.qemu_said()))
