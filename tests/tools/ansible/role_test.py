# SPDX-License-Identifier: GPL-2.0-only
"""The Ansible role, in a container with a systemd, a libvirtd and apt of its own, and a
module that is made up of files."""

import glob
import os
import re
import shutil
import subprocess
import sys

from ktap import Suite, equal, has, main
from playbook import roll_out

JOB = "/job/ansible"
ROLE = "/tmp/ansible-role"     # a copy, since Ansible writes beside what it reads
SYSFS = "/sys/kernel/rmp_enforce"
OPTIONS = "/etc/modprobe.d/rmp_enforce_local.conf"
TIMER = "rmp-enforce-metrics.timer"
METRICS = "/var/lib/prometheus/node-exporter"
DEBS = {"headers": [], "debs": sorted(f"/job/debs/{name}" for name in os.listdir("/job/debs")
                                      if re.fullmatch(r"rmp-enforce-(dkms|tools)_.*\.deb", name))}


def output_of(*args, status=0):
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if (done.returncode == 0) != (status == 0):
        raise AssertionError(f"{args}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().rstrip("\n")


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def settings_now():
    return {name: read(f"{SYSFS}/{name}") for name in
            ("mode", "action", "policy/implicit_shared", "policy/first_touch")}


def reload():
    output_of("rmmod", "rmp_enforce")
    output_of("modprobe", "rmp_enforce")


def property_of(unit, name):
    return output_of("systemctl", "show", "--value", f"--property={name}", unit).strip()


def ours():
    """Files of the packages and of the role."""
    return output_of("find", "/etc", "/usr", "/var", "-xdev", "-name",
                     "*rmp[-_]enforce*").split()


class Vm:
    """One that is made up: its files, and a process with the domain's name."""

    running = []

    def __init__(self, number, name, **counted):
        self.running.append(self)
        self.folder = f"{SYSFS}/vms/{number}"
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)",
                                         "-name", f"guest={name}"])
        for setting in ("mode", "action"):
            write(f"{self.folder}/{setting}", "inherit\n")
        for other, value in (("pid", self.process.pid), ("comm", "qemu"), ("vcpus", 1),
                             ("effective_mode", "lenient"), ("state", "running"),
                             ("history", "complete"), ("last_violation", "none")):
            write(f"{self.folder}/{other}", f"{value}\n")
        for name in os.listdir(f"{SYSFS}/policy"):
            write(f"{self.folder}/policy/{name}", "inherit\n")
        self.count(**counted)

    def count(self, **counted):
        """Violations, for the VM and for the host."""
        for name, number in counted.items():
            write(f"{self.folder}/violations/{name}", f"{number}\n")
            write(f"{SYSFS}/totals/{name}", f"{number}\n")

    def setting(self, name):
        return read(f"{self.folder}/{name}")

    def end(self):
        self.running.remove(self)
        shutil.rmtree(self.folder)
        self.process.kill()
        self.process.wait()


def end_vms():
    """As after a load of the module."""
    for vm in list(Vm.running):
        vm.end()
    for name in glob.glob(f"{SYSFS}/totals/*"):
        write(name, "0\n")


suite = Suite(on_failure=end_vms)


@suite.test("yamllint finds nothing")
def _():
    os.chdir(ROLE)
    equal(output_of("yamllint", "--strict", "."), "")


@suite.test("ansible-lint finds nothing, by its profile for production")
def _():
    has(output_of("ansible-lint", "--nocolor", "--strict"),
        "Passed: 0 failure(s), 0 warning(s)", "Profile 'production' was required")


@suite.test("check mode on a bare host says what is to come, and changes nothing")
def _():
    before = ours()
    run = roll_out(ROLE, "--check", "--diff", **DEBS)
    has(" ".join(run.changed), "Copy the files of packages", "Keep the settings", "Load the module")
    equal(ours(), before)
    equal(os.path.exists(SYSFS), False)


@suite.test("lenient: from nothing to a host that guards")
def _():
    libvirtd = property_of("libvirtd.service", "MainPID")
    has(" ".join(roll_out(ROLE, **DEBS).changed), "Install the files of packages",
        "Restart a daemon that is older than the hook", "Write metrics every 30 s")
    has(output_of("dpkg", "-l", "rmp-enforce-dkms", "rmp-enforce-tools"), "ii  rmp-enforce-dkms",
        "ii  rmp-enforce-tools")
    equal(settings_now(), {"mode": "lenient", "action": "vc", "policy/implicit_shared": "enforce",
                           "policy/first_touch": "enforce"})
    equal(read("/etc/modules-load.d/rmp_enforce.conf"), "rmp_enforce")
    equal(output_of("systemctl", "is-enabled", TIMER), "enabled\n")
    equal(output_of("systemctl", "is-active", TIMER), "active\n")
    # It was started before there was a hook.
    equal(property_of("libvirtd.service", "MainPID") == libvirtd, False)


@suite.test("a second time, and in check mode, nothing is changed")
def _():
    libvirtd = property_of("libvirtd.service", "MainPID")
    for options in ((), ("--check",)):
        run = roll_out(ROLE, *options, **DEBS)
        equal(run.changed, [])
        equal(run.recap["snp1"]["changed"], 0)
    equal(property_of("libvirtd.service", "MainPID"), libvirtd)


@suite.test("packages from a repository; a directory for metrics that is not the unit's own")
def _():
    os.makedirs("/srv/metrics")
    elsewhere = {"headers": [], "metrics_directory": "/srv/metrics"}
    equal(roll_out(ROLE, **elsewhere).changed, ["Make a folder for what the unit does not have",
                                                "Name another directory for metrics"])
    output_of("systemctl", "start", "rmp-enforce-metrics.service")
    has(read("/srv/metrics/rmp_enforce.prom"), "rmp_enforce_up 1")
    equal(output_of("systemd-analyze", "verify", "--man=no", "rmp-enforce-metrics.service"), "")
    equal(roll_out(ROLE, **elsewhere).changed, [])


def stage(name, *options, status=0, **settings):
    """Only what a stage is about, and the questions before it: the rest was seen above."""
    return roll_out(ROLE, "--tags", "rmp_enforce_settings", *options, status=status, stage=name,
                    **settings)


@suite.test("report: fails with the guests that erred, and changes nothing")
def _():
    vm = Vm(1, "web1", implicit_shared=2, in_flight=7)
    run = stage("report", status=2)
    has(run.said, "Strict mode would act upon what guests did: VM 1 (web1): 2 implicit_shared.",
        "rmp_enforce_stop_on_violations")
    equal(run.changed, [])
    # A class that strict mode would only report is no reason.
    stage("report", policy={"implicit_shared": "report"})
    equal(read(f"{SYSFS}/policy/implicit_shared"), "report")
    stage("report", stop_on_violations=False)
    equal(read(f"{SYSFS}/policy/implicit_shared"), "enforce")
    vm.end()
    has(stage("report", status=2).said,
        "what guests did: guests that have ended: 2 implicit_shared.")
    end_vms()


DOMAINS = {"web1": {"mode": "strict", "action": "terminate"}, "legacy1": {"mode": "lenient"},
           "far1": {"mode": "strict"}}


@suite.test("some: single domains are strict, with a word on those that will forget it")
def _():
    write("/tmp/web1.xml", "<domain type='qemu'><name>web1</name><memory>1024</memory>"
          "<os><type arch='x86_64'>hvm</type></os><metadata><rmp-enforce "
          "xmlns='urn:rmp-enforce:libvirt:1' mode='strict'/></metadata></domain>")
    output_of("virsh", "define", "/tmp/web1.xml")
    vms = [Vm(2, "web1"), Vm(3, "legacy1", first_touch=1), Vm(4, "db1")]
    task = "Apply their settings to the VMs of single domains"
    equal(stage("some", "--check", domains=DOMAINS).changed, [task])
    equal([vm.setting("mode") for vm in vms], ["inherit"] * 3)
    run = stage("some", domains=DOMAINS)
    equal(run.changed, [task])
    equal([vm.setting("mode") for vm in vms], ["strict", "lenient", "inherit"])
    equal([vm.setting("action") for vm in vms], ["terminate", "inherit", "inherit"])
    equal(read(f"{SYSFS}/mode"), "lenient")
    has(run.said, "legacy1 has no policy in its metadata")
    equal("web1 has no policy" in run.said, False)
    equal(stage("some", domains=DOMAINS).changed, [])
    # One that is strict has erred: the next stage has to wait.
    vms[0].count(implicit_private=1)
    has(stage("some", status=2, domains=DOMAINS).said,
        "what guests did: VM 2 (web1): 1 implicit_private.")
    # Back: also for the VMs of single domains.
    equal(stage("lenient", domains=DOMAINS).changed, [task])
    equal([vm.setting("mode") for vm in vms], ["inherit"] * 3)
    end_vms()


@suite.test("strict: now, and at each load from then on, whatever the package's own file says")
def _():
    write("/etc/modprobe.d/rmp_enforce.conf",
          "options rmp_enforce mode=off action=vc policy=first_touch=enforce\n")
    strict = {"action": "terminate", "policy": {"first_touch": "report"}}
    equal(stage("strict", **strict).changed,
          ["Keep the settings for each load of the module", "Apply the settings now"])
    wanted = {"mode": "strict", "action": "terminate", "policy/implicit_shared": "enforce",
              "policy/first_touch": "report"}
    equal(settings_now(), wanted)
    equal(stage("strict", **strict).changed, [])
    reload()
    equal(settings_now(), wanted)


@suite.test("off on the kernel command line is stronger than any file")
def _():
    write("/tmp/cmdline", read("/proc/cmdline") + " rmp_enforce.mode=off\n")
    output_of("mount", "--bind", "/tmp/cmdline", "/proc/cmdline")
    reload()
    equal(read(f"{SYSFS}/mode"), "off")
    output_of("umount", "/proc/cmdline")
    reload()
    equal(read(f"{SYSFS}/mode"), "strict")


@suite.test("switched off, now and at each load; the next run takes it back")
def _():
    run = roll_out(ROLE, "--tags", "rmp_enforce_off", stage="strict")
    equal(run.changed, ["End all enforcement", "Keep it so at the next load"])
    equal(read(f"{SYSFS}/mode"), "off")
    has(read(OPTIONS), "mode=off")
    equal(roll_out(ROLE, "--tags", "rmp_enforce_off", stage="strict").changed, [])
    # YAML's off is a boolean. That the mode is off is no finding then.
    roll_out(ROLE, "--tags", "rmp_enforce_settings,rmp_enforce_verify", mode=False)
    equal(read(f"{SYSFS}/mode"), "off")
    stage("strict")
    equal(read(f"{SYSFS}/mode"), "strict")
    has(read(OPTIONS), "mode=strict")


@suite.test("one host after the other: the first whose guests erred ends it")
def _():
    Vm(5, "web1", first_touch=3)
    run = stage("strict", status=2, hosts={"snp1": {}, "snp2": {}})
    equal((run.recap["snp1"]["failed"], run.recap.get("snp2")), (1, None))
    end_vms()


@suite.test("a setting that can't be is refused before anything is done")
def _():
    run = stage("stirct", status=2)
    has(run.said, "value of rmp_enforce_stage must be one of: lenient, report, some, strict, got: "
        "stirct")
    equal(run.changed, [])
    run = stage("strict", status=2, policy={"host": "enforce"})
    has(run.said, "host", "Supported parameters include")
    equal(run.changed, [])


@suite.test("a host that does not guard: the play fails with what check says")
def _():
    output_of("rmmod", "rmp_enforce")
    shutil.move("/sys/module/kvm_amd", "/sys/module/kvm_none")
    guarding = ("--tags", "rmp_enforce_settings,rmp_enforce_verify")
    run = roll_out(ROLE, *guarding, status=2)
    has(run.said, "SEV-SNP: kvm_amd is not loaded (run 'modprobe kvm_amd'",
        "module: rmp_enforce is not loaded")
    shutil.move("/sys/module/kvm_none", "/sys/module/kvm_amd")
    roll_out(ROLE, *guarding)


@suite.test("uninstalled while there are VMs: off, and the module stays until the reboot")
def _():
    vm = Vm(6, "web1")
    run = roll_out(ROLE, "--tags", "rmp_enforce_uninstall", metrics_directory="/srv/metrics")
    has(run.said, "the module stays loaded until the next reboot")
    equal(read(f"{SYSFS}/mode"), "off")
    equal(ours(), [])
    equal(roll_out(ROLE, "--tags", "rmp_enforce_uninstall").changed, [])
    vm.end()


@suite.test("uninstalled: nothing is left")
def _():
    roll_out(ROLE, "--tags", "rmp_enforce_uninstall")
    equal((os.path.exists(SYSFS), ours(), os.listdir("/srv/metrics")), (False, [], []))
    has(output_of("dpkg", "-l", "rmp-enforce-*", status=1), "no packages found")


if __name__ == "__main__":
    shutil.copytree(JOB, ROLE)
    main(suite)
