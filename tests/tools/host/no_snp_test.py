# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl on a host that runs KVM, but not SEV-SNP: what it says, word for word."""

import os
import subprocess
import tarfile
import tempfile

import fleet
from fleet import command, rmpctl
from ktap import Suite, equal, has, main

suite = Suite()
NOT_LOADED = ("rmpctl: rmp_enforce is not loaded; run 'modprobe rmp_enforce', and 'rmpctl check' "
              "if it does not load.\n")
NO_SNP = ("rmpctl: rmp_enforce is not loaded, and this host does not run SEV-SNP; 'rmpctl check' "
          "says what is missing.\n")
ASKING = (["list"], ["show", "1"], ["watch", "-n", "1"], ["set", "mode=strict"], ["map", "1"],
          ["history", "1"], ["explain", "1"])


def refused(said):
    for args in ASKING:
        done = rmpctl(*args, status=3)
        equal((done.out, done.err), ("", said))


@suite.test("without KVM: each command says that the module is not loaded, check that KVM is not")
def _():
    refused(NOT_LOADED)
    has(rmpctl("check", status=1).out, "[ FAIL ] SEV-SNP: kvm_amd is not loaded\n"
        "         run 'modprobe kvm_amd'", "[ FAIL ] module: rmp_enforce is not loaded",
        "[ SKIP ] hooks: the module is not loaded", "[ SKIP ] mode: the module is not loaded")


@suite.test("with KVM, without SNP: each command says so in one sentence, status 3")
def _():
    command("/job/load-kvm")
    refused(NO_SNP)


@suite.test("check: what the firmware and the kernel lack, and why the module stayed out")
def _():
    if not subprocess.run(["insmod", fleet.KO], check=False, stderr=subprocess.DEVNULL).returncode:
        raise AssertionError("the module loads on a host without SNP")
    has(rmpctl("check", status=1).out, "[ FAIL ] SEV-SNP: kvm_amd runs without SEV-SNP\n"
        "         enable SNP, SMEE and the RMP in the firmware's setup",
        "[ FAIL ] module: refusing to load: this host does not run SEV-SNP")
    refused(NO_SNP)


@suite.test("metrics: the module is not there; a bundle of such a host says why")
def _():
    has(rmpctl("metrics").out, "rmp_enforce_up 0\n")
    path = os.path.join(tempfile.gettempdir(), "no-snp.tar.gz")
    rmpctl("bundle", "-o", path)
    with tarfile.open(path) as tar:
        folder = os.path.join(tempfile.gettempdir(), tar.getnames()[0].split("/")[0])
        tar.extractall(tempfile.gettempdir())
    has(rmpctl("--root", folder, "check", status=1).out, "kvm_amd runs without SEV-SNP",
        "this host does not run SEV-SNP")
    equal(rmpctl("--root", folder, "list", status=3).err,
          "rmpctl: rmp_enforce was not loaded on the host of this bundle; "
          f"'rmpctl --root {folder} check' says why.\n")
    equal(rmpctl("--root", "/proc", "list", status=3).err,
          "rmpctl: /proc is not an unpacked bundle: there is no check.json in it.\n")


if __name__ == "__main__":
    main(suite)
