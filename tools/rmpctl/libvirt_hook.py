# SPDX-License-Identifier: GPL-2.0-only
"""libvirt's hook: the policy in a domain's metadata is applied when the domain starts.

prepare   the policy is read; what can't be understood refuses the start, before
          anything was set up
start     QEMU is about to be started: a process of ours goes on, which waits for the VM
          to appear and applies the policy to it, while libvirt still sets it up
started   QEMU runs: wait for that, so that a policy that could not be applied is known
release   it has ended, or could not be started: that process has nothing to wait for

libvirt is never asked, since it waits for us: the VM is found by the name in QEMU's
arguments.
"""

import os
import sys
import syslog
import time

from . import domain, files, settings, vm as vms
from .domain_policy import Policy
from .errors import RmpctlError, VmGone
from .host import MODULE, Host
from .printable import printable

PATIENCE_S = 60
STATE = "run/rmp-enforce/hook"
PID_FILES = "run/libvirt/qemu"


def say(text):
    """To the system's log; standard error is libvirt's only if the start is refused."""
    syslog.openlog("rmp-enforce-hook", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_WARNING, printable(text))


def _state(host, name):
    """Where the process that applies the policy says how that went."""
    return host.path(STATE, f"{name}.result")


def _waiting(name):
    """Where the token of the process stands that is to apply the policy."""
    return f"{STATE}/{name}.waiting"


def vms_of(host, name):
    """VMs of the QEMU that runs this domain.

    Any VMM may say that this is its name; libvirt's pid file, where there is one, tells
    whose it is.
    """
    pid, found = host.read_or(None, PID_FILES, f"{name}.pid"), []
    for vm in vms.all_vms(host):
        try:
            if domain.name_of(host, vm.pid) == name and pid in (None, str(vm.pid)):
                found.append(vm)
        except VmGone:
            pass
    return found


def apply(host, name, wanted, token):
    """Wait for the domain's VM and give it the policy; (its number, its pid).

    None if the domain was released or started anew meanwhile, which says another token.
    """
    end = time.monotonic() + PATIENCE_S
    while True:
        if host.read_or(None, _waiting(name)) != token:
            return None
        for vm in vms_of(host, name):
            settings.apply(host, vm.folder, f"VM {vm.id}", wanted)
            return vm.id, vm.pid
        if time.monotonic() > end:
            raise RmpctlError(f"domain {name}: no SNP VM of it appeared in {PATIENCE_S} s.")
        time.sleep(0.02)


def check(host, policy, name):
    """prepare: whether it can be applied; the settings, or None if it can't matter."""
    words = policy.assignments()
    if not host.exists(MODULE, "mode"):
        problem = "rmp_enforce is not loaded, so its policy does not hold"
    elif not policy.is_snp:
        problem = "it is not an SEV-SNP domain, so its rmp-enforce policy means nothing"
    else:
        return settings.parse(host, words, per_vm=True)
    if policy.is_required:
        raise RmpctlError(f"domain {name}: {problem}, and it has required='yes'.")
    say(f"domain {name}: {problem}")
    return None


def start(host, name, wanted):
    """Start a process that applies the policy as soon as there is a VM."""
    state, token = _state(host, name), str(time.monotonic_ns())
    os.makedirs(os.path.dirname(state), exist_ok=True)
    if os.path.exists(state):
        os.unlink(state)
    files.replace(host.path(_waiting(name)), token)
    if os.fork():
        return
    os.setsid()
    # libvirt waits for the end of our standard error.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    try:
        found = apply(host, name, wanted, token)
        if found is None:
            os._exit(0)
        vm_id, pid = found
        domain.remember(host, pid, vm_id, name)
        result = "done"
    except (RmpctlError, OSError) as error:
        say(f"domain {name}: {error}")
        result = str(error)
    files.replace(state, result)
    os._exit(0)


def started(host, name):
    """Wait for that process; RmpctlError if it failed."""
    state = _state(host, name)
    end = time.monotonic() + PATIENCE_S + 5
    while not os.path.exists(state) and time.monotonic() < end:
        time.sleep(0.02)
    try:
        with open(state, encoding="utf-8") as file:
            result = file.read()
        os.unlink(state)
    except FileNotFoundError:
        result = "the process that was to apply the policy is gone"
    if result != "done":
        raise RmpctlError(f"domain {name}: its policy was not applied: {result}")


def main(argv):
    """The hook; its status is libvirt's answer."""
    host = Host(os.environ.get("RMP_ENFORCE_ROOT", "/"))
    name, operation = argv
    try:
        if "/" in name:
            raise RmpctlError(f"no domain is called '{name}': a name has no '/' in it.")
        policy = Policy(sys.stdin.read())
        if not policy.is_there:
            return 0
        wanted = check(host, policy, name) if operation in ("prepare", "start", "started") else None
        if wanted is None:
            return 0
        if operation == "start":
            start(host, name, wanted)
        elif operation == "started":
            started(host, name)
    except RmpctlError as error:
        print(printable(f"rmp-enforce: {error}"), file=sys.stderr)
        return 1
    except OSError as error:
        print(printable(f"rmp-enforce: domain {name}: its policy can't be applied: "
                        f"{error.filename or 'the hook'}: {error.strerror}."), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
