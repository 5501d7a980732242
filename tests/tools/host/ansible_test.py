# SPDX-License-Identifier: GPL-2.0-only
"""The Ansible role on a Debian with the real module: each stage, twice, and the way back.

With the packages installed already: that is for the container (../ansible), which is fast.
"""

import os

from fleet import JOB, MODULE, Guest, command, end_guests
from ktap import Suite, equal, has, main
from playbook import roll_out

PLAYBOOK = os.path.join(JOB, "ansible")
OPTIONS = "/etc/modprobe.d/rmp_enforce_local.conf"
LOAD = "/etc/modules-load.d/rmp_enforce.conf"
TIMER = "rmp-enforce-metrics.timer"
STRICT = {"stage": "strict", "action": "terminate", "policy": {"first_touch": "report"},
          "domains": {"legacy1": {"mode": "lenient"}}, "libvirt": False}

suite = Suite(on_failure=end_guests)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def settings():
    return tuple(read(f"{MODULE}/{name}") for name in
                 ("mode", "action", "policy/implicit_shared", "policy/first_touch"))


def strict(**how):
    """Only what the stage is about, and the question before it: an emulated CPU is slow."""
    return roll_out(PLAYBOOK, "--tags", "rmp_enforce_settings", **STRICT, **how)


def expect(changed, run):
    """These tasks have changed something, and no others."""
    equal(run.changed, changed)
    equal(run.recap["snp1"]["changed"], len(changed))


@suite.test("Ansible, lenient: a host that was not set up guards")
def _():
    command("rmmod", "rmp_enforce")
    if os.path.exists(LOAD):        # of the image
        os.unlink(LOAD)
    expect(["Keep the settings for each load of the module", "Have the module loaded at each boot",
            "Load the module", "Write metrics every 30 s"], roll_out(PLAYBOOK, install=False))
    equal(settings(), ("lenient", "vc", "enforce", "enforce"))
    equal(read(LOAD), "rmp_enforce")
    equal(command("systemctl", "is-enabled", TIMER).out, "enabled\n")


@suite.test("Ansible, strict for all but one: now; a second time, nothing changes")
def _():
    guests = {name: Guest("clean", name) for name in ("db1", "legacy1")}
    expect(["Keep the settings for each load of the module", "Apply the settings now",
            "Apply their settings to the VMs of single domains"], strict())
    equal(settings(), ("strict", "terminate", "enforce", "report"))
    equal({name: read(f"{MODULE}/vms/{guest.vm}/effective_mode")
           for name, guest in guests.items()}, {"db1": "strict", "legacy1": "lenient"})
    expect([], strict())
    for guest in guests.values():
        guest.end()


@suite.test("Ansible: the settings are those of the next load, too")
def _():
    command("rmmod", "rmp_enforce")
    command("modprobe", "rmp_enforce")
    equal(settings(), ("strict", "terminate", "enforce", "report"))


@suite.test("Ansible: a guest that errs stops the next stage, and nothing is changed")
def _():
    command("rmpctl", "set", "mode=lenient")
    guest = Guest("overrun", "web1")
    guest.wait_for("violations/implicit_shared", 1)
    run = strict(status=2)
    has(run.said, f"Strict mode would act upon what guests did: VM {guest.vm} (web1): 1 "
        "implicit_shared.")
    expect([], run)
    equal(read(f"{MODULE}/mode"), "lenient")
    guest.end()


@suite.test("Ansible: uninstalled, nothing of it is left")
def _():
    roll_out(PLAYBOOK, "--tags", "rmp_enforce_uninstall", install=False)
    equal([path for path in (OPTIONS, LOAD, MODULE) if os.path.exists(path)], [])
    equal(command("systemctl", "is-enabled", TIMER, status=1).out, "disabled\n")


if __name__ == "__main__":
    main(suite)
