# SPDX-License-Identifier: GPL-2.0-only
"""
Guests that start a second kernel: kexec, and kdump after a crash.

A kernel that does not give its shared pages back first leaves the second one with pages
that it takes for private: a bug, and every report of it is right.  Linux gives them back
since 6.13 (commit 3074152e56c9), but then needs DebugSwap, or help: see
tests/linux/guest/kexec/kexec_dr7.c.
"""

import shutil

from clean import BOOT_S, ORDER_S, judge
from guest import IMAGES, Guest

NEWER = IMAGES + "-newer"
# In 384M there is not always room for it beside a kernel that is anywhere.
CRASH = "crashkernel=128M nokaslr"


def start(name, order, kernel, mem, args=""):
    second = "/run/%s.tar" % name
    shutil.copy(kernel + "/second.tar", second)
    return Guest(name, order, mem=mem, disks=[second], args=args, kernel=kernel)


def into_second(report, guest, order, sign):
    """Lets it go as far as it gets; whether the second kernel did its work."""
    report.check(guest.wait("guest: up", BOOT_S), guest.name + ": boots to userland",
                 *[t for _, t in guest.lines[-10:]], *guest.qemu_said())
    guest.wait("guest: %s: " % order + sign, ORDER_S)
    guest.wait_end(BOOT_S + ORDER_S)
    guest.end()


def gives_back(report, tools, name, order, sign, second_order, mem, args=""):
    guest = start(name, order, NEWER, mem, args + " rmp.dr7")
    into_second(report, guest, order, sign)
    judge(report, tools, guest, [second_order])


def does_not(report, tools, name, order, sign, second_order, mem, args=""):
    """
    Stopped at the first page that is still shared, which the record says: before or in
    the second kernel's order.
    """
    guest = start(name, order, IMAGES, mem, args)
    into_second(report, guest, order, sign)
    begin = guest.find("guest: %s: " % order + sign)
    _, violations = tools.trace.of(guest.vm)
    records = [r for r in tools.log.records(guest.vm) if r["class"] != "initial_shared"]
    late = [v for v in violations if begin and v.t > begin[0]]
    report.check(late and all(v.cls == "implicit_private" for v in late),
                 name + ": what was left shared is used as private", *violations)
    report.check(records and records[0]["psc"] == "shared" and
                 records[0]["action"] == "vc", name + ": the record says so",
                 *[r["line"] for r in records])
    judge(report, tools, guest, [], deserved=[order, second_order])


def kexec(report, tools):
    does_not(report, tools, "kexec", "kexec", "going into", "after_kexec", "384M")


def kexec_newer(report, tools):
    gives_back(report, tools, "kexec-newer", "kexec", "going into", "after_kexec", "384M")


def kdump(report, tools):
    does_not(report, tools, "kdump", "kdump", "crashing", "vmcore", "384M", CRASH)


def kdump_newer(report, tools):
    gives_back(report, tools, "kdump-newer", "kdump", "crashing", "vmcore", "384M", CRASH)
