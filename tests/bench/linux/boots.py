# SPDX-License-Identifier: GPL-2.0-only
"""
boots.py ROUNDS: on the simulated host, as root: how long a Linux SNP guest takes from
the start of its QEMU to its userland, without the module and with it in strict mode.
One line of JSON for each figure.
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, "/job/scenarios")
import enforcer                     # pylint: disable=wrong-import-position
from guest import IMAGES, OVMF, Guest  # pylint: disable=wrong-import-position

BOOT_S = 900
TICKS = 100     # a second, in /proc/stat


class Booted(Guest):
    """A guest of which nothing is asked: there may be no module."""

    def find_vm(self, action):
        pass


def busy_seconds():
    """CPU time of the host so far, guests included."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def use_config(config):
    if os.path.exists("/sys/module/rmp_enforce"):
        # Not modprobe -r: that takes what the module wants loaded before it, KVM, with it.
        subprocess.run(["rmmod", "rmp_enforce"], check=True)
    if config != "absent":
        subprocess.run(["modprobe", "rmp_enforce", "mode=" + config], check=True)


def boot(name, config):
    use_config(config)
    start = busy_seconds()
    guest = Booted(name, "boot", mem="256M")
    up = guest.wait("guest: up", BOOT_S)
    busy = busy_seconds() - start
    figures = {}
    if up:
        figures = {"seconds to userland": up[0] - guest.started,
                   "CPU seconds of the host": busy}
        vm = enforcer.vm_of(guest.qemu.pid)
        if vm is not None:
            for title, name in (("PSCs", "psc_completed"), ("pages in PSCs", "psc_pages"),
                                ("#NPFs judged", "npf_judged")):
                figures[title] = float(enforcer.read("vms/%d/%s" % (vm, name)))
    guest.end()
    if not up:
        print("# no userland:", *[t for _, t in guest.lines[-5:]], *guest.qemu_said(), sep="\n# ")
    for title, value in figures.items():
        print(json.dumps({"group": "boot", "op": title, "config": config, "value": value}),
              flush=True)
    return bool(up)


def main():
    # What is read from the disk is not to count for the first.
    for path in (IMAGES + "/vmlinuz", IMAGES + "/initrd.gz", OVMF, "/usr/bin/qemu-system-x86_64"):
        with open(path, "rb") as f:
            while f.read(1 << 20):
                pass
    done = True
    for n in range(int(sys.argv[1])):
        order = ("absent", "strict") if n % 2 == 0 else ("strict", "absent")
        for config in order:
            done = boot("%s%d" % (config, n), config) and done
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
