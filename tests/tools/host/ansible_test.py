# SPDX-License-Identifier: GPL-2.0-only
"""The Ansible role on a Debian with the real module: each stage, twice, and the way back.

The packages are installed already, and an emulated CPU is slow: the rest is for the
container (../ansible). So there is one run, in which one host after the other is this
machine, each a stage further.
"""

import os

from fleet import JOB, MODULE, Guest, command, end_guests, keep
from ktap import Suite, equal, has, main
from playbook import roll_out

PLAYBOOK = os.path.join(JOB, "ansible")
OPTIONS = "/etc/modprobe.d/rmp_enforce_local.conf"
LOAD = "/etc/modules-load.d/rmp_enforce.conf"
TIMER = "rmp-enforce-metrics.timer"
STRICT = {"rmp_enforce_stage": "strict", "rmp_enforce_action": "terminate",
          "rmp_enforce_policy": {"first_touch": "report"}, "rmp_enforce_libvirt": False}
BUT_WEB1 = STRICT | {"rmp_enforce_domains": {"web1": {"mode": "lenient"}}}

suite = Suite(on_failure=end_guests)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def settings():
    return tuple(read(f"{MODULE}/{name}") for name in
                 ("mode", "action", "policy/implicit_shared", "policy/first_touch"))


@suite.test("Ansible: lenient, strict but for one domain, the same again, strict for all")
def _():
    command("rmmod", "rmp_enforce")     # with what guests of other tests did
    command("modprobe", "rmp_enforce")
    if os.path.exists(LOAD):            # of the image
        os.unlink(LOAD)
    guests = {"db1": Guest("clean", "db1"), "web1": Guest("overrun", "web1")}
    guests["web1"].wait_for("violations/implicit_shared", 1)
    run = roll_out(PLAYBOOK, install=False, status=2, hosts={
        "lenient": {}, "strict": BUT_WEB1, "again": BUT_WEB1, "every": STRICT})
    keep("ansible.txt", run.output)
    equal(run.changed_on("lenient"), ["Keep the settings for each load of the module",
                                      "Have the module loaded at each boot",
                                      "Write metrics every 30 s"])
    equal(run.changed_on("strict"), ["Keep the settings for each load of the module",
                                     "Apply the settings now",
                                     "Apply their settings to the VMs of single domains"])
    equal({name: (counts["changed"], counts["failed"]) for name, counts in run.recap.items()},
          {"lenient": (3, 0), "strict": (3, 0), "again": (0, 0), "every": (0, 1)})
    has(run.said, f"Strict mode would act upon what guests did: VM {guests['web1'].vm} (web1): 1 "
        "implicit_shared.")
    equal(settings(), ("strict", "terminate", "enforce", "report"))
    equal({name: read(f"{MODULE}/vms/{guest.vm}/effective_mode")
           for name, guest in guests.items()}, {"db1": "strict", "web1": "lenient"})
    equal(read(LOAD), "rmp_enforce")
    equal(command("systemctl", "is-enabled", TIMER).out, "enabled\n")
    end_guests()


@suite.test("Ansible: the settings are those of the next load, too")
def _():
    command("rmmod", "rmp_enforce")
    command("modprobe", "rmp_enforce")
    equal(settings(), ("strict", "terminate", "enforce", "report"))


@suite.test("Ansible: uninstalled, nothing of it is left")
def _():
    run = roll_out(PLAYBOOK, "--tags", "rmp_enforce_uninstall", install=False)
    has(" ".join(run.changed), "End all enforcement", "Unload the module")
    equal([path for path in (OPTIONS, LOAD, MODULE) if os.path.exists(path)], [])
    equal(command("systemctl", "is-enabled", TIMER, status=1).out, "disabled\n")


if __name__ == "__main__":
    main(suite)
