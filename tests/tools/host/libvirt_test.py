# SPDX-License-Identifier: GPL-2.0-only
"""libvirt's hook, with a real libvirtd and domains with policies right, wrong and absent."""

import xml.etree.ElementTree as ElementTree

import fleet
from domains import define, end, policy, start, start_ordinary
from fleet import command, rmpctl, wait_until
from ktap import Suite, equal, has, main
from logs import journal

suite = Suite()


def shown(name):
    return rmpctl("show", name, "--json").json()


@suite.test("libvirt: a domain's policy is applied when it starts")
def _():
    define("guarded", policy(mode="strict", action="terminate", policy="first_touch=report"))
    start("guarded")
    s = shown("guarded")
    equal((s["mode"], s["action"], s["policy"]["first_touch"]), ("strict", "terminate", "report"))
    equal(s["domain"], "guarded")
    equal(s["vcpus"], 1)
    has(rmpctl("list").out, "guarded")


@suite.test("libvirt: a policy is in force before the guest's first instruction")
def _():
    # What the firmware does first is an access of class initial_shared.
    wait_until("the firmware's first access",
               lambda: shown("guarded")["violations"]["initial_shared"])
    has(rmpctl("explain", "guarded").out, "initial_shared")
    equal(shown("guarded")["last_violation"]["mode"], "strict")
    end("guarded")


@suite.test("libvirt: a domain without a policy starts as ever")
def _():
    define("plain")
    start("plain")
    s = shown("plain")
    equal((s["mode"], s["action"], s["effective_mode"]), ("inherit", "inherit", "lenient"))
    end("plain")


@suite.test("libvirt: a policy that can't be understood refuses the start, and says why")
def _():
    for name, attributes, why in (
            ("wrong1", {"mode": "stirct"}, "mode can't be 'stirct'; it is one of off, lenient"),
            ("wrong2", {"mood": "strict"}, "no attribute 'mood'"),
            ("wrong3", {"mode": "strict", "policy": "touch=report"}, "no setting 'touch'"),
            ("wrong4", {"required": "yes"}, "asks for nothing"),
            ("wrong5", {"mode": "strict", "required": "si"}, "is 'yes' or 'no'")):
        define(name, policy(**attributes))
        has(start(name, status=1), "rmp-enforce: ", why)
        command("virsh", "undefine", name)
    old = ElementTree.Element("rmp-enforce", {"xmlns": "urn:rmp-enforce:libvirt:0",
                                              "mode": "strict"})
    define("older", old)
    has(start("older", status=1), "urn:rmp-enforce:libvirt:0", "which this version does not know")
    command("virsh", "undefine", "older")


@suite.test("libvirt: a domain that is not SNP: a warning, or a refusal if required")
def _():
    define("ordinary", policy(mode="strict"), snp=False)
    start_ordinary("ordinary")
    wait_until("the warning", lambda: "it is not an SEV-SNP domain" in
               str(journal("SYSLOG_IDENTIFIER=rmp-enforce-hook")))
    end("ordinary")
    define("needs", policy(mode="strict", required="yes"), snp=False)
    has(start("needs", status=1), "it is not an SEV-SNP domain", "required='yes'")
    command("virsh", "undefine", "needs")


@suite.test("libvirt: without the module: a warning, or a refusal if required")
def _():
    fleet.unload()
    define("free", policy(mode="strict"), snp=False)
    start_ordinary("free")
    end("free")
    define("bound", policy(mode="strict", required="yes"))
    has(start("bound", status=1), "rmp_enforce is not loaded", "required='yes'")
    command("virsh", "undefine", "bound")
    command("modprobe", "rmp_enforce")


if __name__ == "__main__":
    main(suite)
