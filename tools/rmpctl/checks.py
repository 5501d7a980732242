# SPDX-License-Identifier: GPL-2.0-only
"""Is this host guarding its guests, and if not, why not?"""

import re

from . import klog, totals, upkeep, vm as vms
from .classes import GUEST_ERRORS
from .host import MODULE
from .result import FAIL, PASS, SKIP, WARN, Result
from .units import plural

# The functions of KVM that the module redirects (docs/design.md, section 3).
HOOKS = ("kvm_arch_init_vm", "kvm_arch_destroy_vm", "kvm_arch_vcpu_ioctl_run",
         "kvm_mmu_page_fault", "kvm_arch_vcpu_pre_fault_memory",
         "kvm_arch_prepare_memory_region", "kvm_gmem_populate", "kvm_gmem_fallocate")

# What is not known on a kernel that does not have a function; the others it must have.
DISPENSABLE = {"kvm_gmem_fallocate": "what the VMM takes away from a guest is not seen"}

# Without BTF the module loads all the same, and warns: see btf().
CONFIG = ("CONFIG_KVM_AMD_SEV", "CONFIG_DYNAMIC_FTRACE_WITH_ARGS", "CONFIG_KPROBES_ON_FTRACE")

TRACEFS = ("sys/kernel/tracing", "sys/kernel/debug/tracing")


def kernel(host):
    release = host.release()
    version = re.match(r"(\d+)\.(\d+)", release)
    if not version or (int(version[1]), int(version[2])) < (6, 11):
        return Result("kernel", FAIL, release, "KVM hosts SEV-SNP guests since Linux 6.11")
    text = host.read_or(None, f"boot/config-{release}")
    if text is None:
        return Result("kernel", PASS, f"{release} (its configuration is not in /boot)", None)
    lacking = [c for c in CONFIG if f"{c}=y" not in text.splitlines()]
    if lacking:
        return Result("kernel", FAIL, f"{release} without {', '.join(lacking)}",
                      "boot a kernel that has them; Debian's cloud flavour has no SEV")
    return Result("kernel", PASS, release, None)


def snp(host):
    value = host.snp()
    if value is None:
        return Result("SEV-SNP", FAIL, "kvm_amd is not loaded",
                      "run 'modprobe kvm_amd', and see 'dmesg | grep -iE \"sev|ccp\"'")
    if not value:
        return Result("SEV-SNP", FAIL, "kvm_amd runs without SEV-SNP",
                      "enable SNP, SMEE and the RMP in the firmware's setup, and the IOMMU "
                      "without passthrough; 'dmesg | grep -iE \"sev|rmp|ccp\"' says which is "
                      "missing")
    return Result("SEV-SNP", PASS, "kvm_amd can run SNP guests", None)


def module(host):
    version = host.read_or(None, MODULE, "version")
    if version is None:
        refusal = klog.last_refusal(host)
        if refusal:
            return Result("module", FAIL, refusal, "what it says is in the way")
        return Result("module", FAIL, "rmp_enforce is not loaded",
                      "run 'modprobe rmp_enforce'; if there is no such module, see "
                      "'dkms status'")
    return Result("module", PASS, f"rmp_enforce {version}", None)


def hooked(text):
    """From enabled_functions: which of our functions are redirected, and by whom.

    A line is "name [module] (users) FLAGS ..."; the flag I says IPMODIFY.
    """
    out = {}
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in HOOKS:
            flags = set("".join(w for w in words[1:] if re.fullmatch(r"[RIDOMC]+", w)))
            out[words[0]] = "I" in flags
    return out


def hooks(host):
    if not host.exists(MODULE, "mode"):
        return Result("hooks", SKIP, "the module is not loaded", None)
    for base in TRACEFS:
        text = host.read_or(None, base, "enabled_functions")
        if text is not None:
            break
    else:
        return Result("hooks", SKIP, "tracefs can't be read",
                      "run as root; in lockdown=confidentiality nobody can")
    found = hooked(text)
    missing = [name for name in HOOKS if not found.get(name)]
    if missing and set(missing) <= set(DISPENSABLE):
        return Result("hooks", WARN, f"all but {', '.join(missing)}",
                      f"{DISPENSABLE[missing[0]]}; the rest is guarded")
    if missing:
        return Result("hooks", FAIL, f"not redirected: {', '.join(missing)}",
                      "unload the module and load it again; if it stays so, report it with "
                      "'rmpctl bundle'")
    return Result("hooks", PASS, f"all {len(HOOKS)} functions of KVM are redirected", None)


def btf(host):
    """The module compares KVM with the BTF when it loads; so if it is loaded, it fits."""
    if not host.is_live:
        return Result("BTF", SKIP, "a bundle does not have the kernel's BTF", None)
    where = ["sys/kernel/btf/vmlinux"]
    if host.exists("sys/module/kvm/initstate"):
        where.append("sys/kernel/btf/kvm")
    missing = [host.path(name) for name in where if not host.exists(name)]
    if missing:
        return Result("BTF", WARN, f"the kernel has no {' and no '.join(missing)}",
                      "the module loads, but can't compare KVM with what it was built for: be "
                      "sure that it was built with this kernel's own headers, or boot a kernel "
                      "with BTF")
    refusal = klog.last_refusal(host)
    if refusal and ("BTF" in refusal or "in this kernel, and was" in refusal):
        return Result("BTF", FAIL, refusal,
                      "the module was built for another kernel: 'dkms status', 'dkms build'")
    if not host.exists(MODULE, "mode"):
        return Result("BTF", PASS, "there; whether it matches, loading tells", None)
    return Result("BTF", PASS, "matches what the module was built for", None)


def conflicts(host):
    """Whatever else may redirect KVM."""
    patches = [p for p in host.listdir("sys/kernel/livepatch")
               if host.exists("sys/kernel/livepatch", p, "kvm")]
    if patches:
        return Result("conflicts", FAIL, f"livepatch {', '.join(patches)} changes kvm",
                      "only one can redirect a function: 'echo 0 > /sys/kernel/livepatch/"
                      f"{patches[0]}/enabled'")
    refusal = klog.last_refusal(host)
    if refusal and "already redirected" in refusal:
        return Result("conflicts", FAIL, refusal, "unload what holds that function")
    if host.read_or("1", "proc/sys/kernel/ftrace_enabled") == "0":
        return Result("conflicts", FAIL, "ftrace is switched off",
                      "run 'sysctl kernel.ftrace_enabled=1' before the module is loaded")
    return Result("conflicts", PASS, "no livepatch of kvm", None)


def mode(host):
    if not host.exists(MODULE, "mode"):
        return Result("mode", SKIP, "the module is not loaded", None)
    value = host.read(MODULE, "mode")
    action = host.read(MODULE, "action")
    if value == "off":
        return Result("mode", FAIL, "off: nothing is judged, whatever a VM's own mode is",
                      "run 'rmpctl set mode=lenient'")
    detail = value if value == "lenient" else f"{value}, action {action}"
    for name, usual in (("sites", "on"), ("request_sites", "off")):
        asked = host.read_or(usual, MODULE, name)   # an older module does not ask
        detail += "" if asked == usual else f", {name} {asked}"
    return Result("mode", PASS, detail, None)


def history(host, snapshots):
    if not snapshots:
        return Result("history", PASS, "no SNP VM runs", None)
    bad = [s for s in snapshots if s["history"] != "complete"]
    if bad:
        names = ", ".join(f"VM {s['vm']} ({s['history']})" for s in bad)
        return Result("history", WARN, names,
                      "partial: started before the module was loaded, restart the guest; "
                      "lost: the host had no memory for it, restart the guest")
    return Result("history", PASS, f"complete for {plural(len(snapshots), 'VM')}", None)


def guests(host, snapshots, counted=None):
    """Those that run, and by the totals (of before the snapshots) those that have ended.

    A guest that has ended did wrong for good: nothing but a new load of the module takes that
    back. So it is no FAIL, which somebody may act upon each time.
    """
    bad = [s for s in snapshots if vms.errors_of(s) or s["state"] == "terminated"]
    past = totals.errors_of_ended(counted, snapshots)
    before = f"{plural(past, 'violation')} by guests that have ended" if past else ""
    if bad:
        names = ", ".join(f"VM {s['vm']}" + (f" ({s['domain']})" if s["domain"] else "")
                          for s in bad)
        hint = (f"run 'rmpctl explain {bad[0]['vm']}'" +
                (", and 'rmpctl list --ended'" if past else "") +
                f"; classes that count: {', '.join(GUEST_ERRORS)}")
        return Result("guests", FAIL, f"violations of {names}" + (f"; {before}" if past else ""),
                      hint)
    if past:
        return Result("guests", WARN, f"none that runs violated; {before}",
                      "run 'rmpctl list --ended'")
    return Result("guests", PASS, "no violation of a guest that runs" +
                  ("" if counted is None else ", or has ended"), None)


def run(host):
    """All checks, in the order in which one needs the other."""
    loaded = host.exists(MODULE, "mode")
    counted = totals.read(host) if loaded else None
    snapshots = vms.snapshots(host) if loaded else []
    results = [kernel(host), snp(host), btf(host), conflicts(host), module(host), hooks(host),
               mode(host)]
    if loaded:
        results += [history(host, snapshots), guests(host, snapshots, counted)]
    return results + upkeep.run(host)
