# SPDX-License-Identifier: GPL-2.0-only
"""Domains of libvirt, made from docs/examples/snp-domain.xml, that have or lack a policy
of rmp_enforce."""

import os
import subprocess
import xml.etree.ElementTree as ElementTree

from fleet import JOB, OUT, command

NAMESPACE = "urn:rmp-enforce:libvirt:1"
EXAMPLE = os.path.join(JOB, "snp-domain.xml")
PATIENCE_S = 300    # QEMU has to be started on an emulated machine


def policy(**attributes):
    """The element for a domain's metadata."""
    return ElementTree.Element("rmp-enforce", {"xmlns": NAMESPACE, **attributes})


def define(name, wanted=None, snp=True):
    """A domain as small as can be: its firmware finds nothing to boot."""
    domain = ElementTree.parse(EXAMPLE).getroot()
    domain.find("name").text = name
    domain.find("memory").text = "128"
    domain.find("vcpu").text = "1"
    for path, tags in (("os", ("kernel", "initrd", "cmdline")),
                       ("devices", ("disk", "interface", "serial")),
                       (".", () if snp else ("launchSecurity", "memoryBacking"))):
        parent = domain.find(path)
        for tag in tags:
            parent.remove(parent.find(tag))
    if wanted is not None:
        ElementTree.SubElement(domain, "metadata").append(wanted)
    path = f"/tmp/{name}.xml"
    ElementTree.ElementTree(domain).write(path)
    command("virsh", "define", path)


def start(name, *options, status=0):
    """virsh start; what it said."""
    done = subprocess.run(["virsh", "start", name, *options], capture_output=True, text=True,
                          check=False, timeout=PATIENCE_S)
    said = done.stdout + done.stderr
    if (done.returncode != 0) != (status != 0):
        with open(f"/var/log/libvirt/qemu/{name}.log", encoding="utf-8") as log:
            raise AssertionError(f"virsh start {name}: {said}\n" + "".join(log.readlines()[-5:]))
    with open(os.path.join(OUT, "virsh.txt"), "a", encoding="utf-8") as file:
        file.write(f"# virsh start {name}\n{said}\n")
    return said


def start_ordinary(name, **how):
    """A domain that is not SNP, and does not run: what QEMU 7.2 emulates of the nested
    virtualization of such a guest may end in an assertion (CR8 written with an interrupt
    pending)."""
    return start(name, "--paused", **how)


def end(name):
    command("virsh", "destroy", name)
    command("virsh", "undefine", name)
