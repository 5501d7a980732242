# SPDX-License-Identifier: GPL-2.0-only
"""
What becomes of a libvirt domain that action=terminate has ended, for each <on_crash>.

The guests are ended at their very first violation, the one that OVMF's SEC phase commits
and that is only reported by default: so none of them has to boot.
"""

import re
import subprocess
import time

import enforcer
from domain import Domain, Events, virsh

SECONDS_FOR_SEC = 200   # from the start to the violation, on a busy machine

# As docs/libvirt.md has it: reads the domain's name off a record's pid.
NAME_OF_PID = "basename \"$(grep -lx %d /run/libvirt/qemu/*.pid)\" .pid"


def name_of_pid(pid):
    """What a user finds out so."""
    return subprocess.run(["sh", "-c", NAME_OF_PID % pid], stdout=subprocess.PIPE, text=True,
                          check=False).stdout.strip()


def settle(domain):
    """CPU time that the VMM uses in 3 s once the domain is where it belongs."""
    before = domain.cpu_seconds()
    time.sleep(3)
    after = domain.cpu_seconds()
    return None if before is None or after is None else after - before


def keep(report, domain, policy, state, events, records):
    report.measure("on_crash", policy, {
        "state": state, "events": events, "qemu": domain.qemu_said(),
        "records": [r["line"] for r in records]})
    report.note("virsh domstate --reason: %s" % state)
    for line in events + domain.qemu_said():
        report.note(line)


def run(report, tools, events, policy, wanted, resumed=False):
    """
    Returns the domain, in the state that is wanted or not, and its records.  One vCPU is
    in the guest when it is ended, so there is one crash; but with @resumed, libvirt may
    let the vCPUs run again, and each that does crashes again.
    """
    name = "on-crash-" + policy
    before = time.monotonic()
    vms = tools.log.lines()[:]
    domain = Domain(name, "boot", on_crash=policy)
    report.check("started" in domain.start_said or not domain.start_said,
                 "%s: libvirt starts the domain" % name, domain.defined, domain.start_said)
    state = domain.wait_state(re.escape(wanted), SECONDS_FOR_SEC)
    report.check(wanted in state, "%s: domstate is %s" % (name, wanted), state,
                 *domain.qemu_said())
    time.sleep(2)
    said = events.of(name, before)
    crashes = sum("Crashed Panicked" in e for e in said)
    report.check(crashes >= 1 if resumed else crashes == 1,
                 "%s: libvirt's events tell of the crash" % name, *said)
    lines = [s for s in tools.log.lines()[len(vms):] if s.startswith("rmp_enforce: violation")]
    records = [dict(w.split("=", 1) for w in s.split()[2:]) | {"line": s} for s in lines]
    report.check(len(records) == 1 and records[0]["action"] == "terminate" and
                 records[0]["class"] == "initial_shared", "%s: one record" % name, *lines)
    keep(report, domain, policy, state, said, records)
    return domain, records


def preserve(report, tools, events):
    domain, records = run(report, tools, events, "preserve", "crashed (panicked)")
    used = settle(domain)
    report.check(used is not None and used < 1.5, "on-crash-preserve: no vCPU spins",
                 "%s s of CPU time in 3 s" % used)
    pid = int(records[0]["pid"]) if records else 0
    found = name_of_pid(pid)
    report.check(found == domain.name, "on-crash-preserve: the record leads to the domain",
                 "pid %d: '%s'" % (pid, found))
    report.check(enforcer.read("vms/%s/state" % records[0]["vm"]) == "terminated",
                 "on-crash-preserve: the VM is there to be looked at")
    # To run it again is up to the user, but it stays ended.
    said = virsh("resume", domain.name)
    state = domain.wait_state("crashed")
    report.check("crashed" in state, "on-crash-preserve: resume does not bring it back",
                 said, state)
    report.note("virsh resume: %s" % said)
    domain.end()


def destroy(report, tools, events):
    domain, _ = run(report, tools, events, "destroy", "shut off (crashed)")
    domain.end()


def restart(report, tools, events):
    """
    libvirt restarts by a reset, which no SNP guest survives, and lets the vCPUs run, which
    crash again.  Each crash begins another attempt, in a thread of its own: how many there
    are before libvirt gives up, and which error ends it, is chance (docs/libvirt.md).
    """
    domain, _ = run(report, tools, events, "restart", "shut off", resumed=True)
    said = events.of(domain.name)
    report.check(any("Stopped" in e for e in said), "on-crash-restart: it is not there again",
                 *said)
    domain.end()


def on_crash(report, tools):
    events = Events()
    enforcer.write("action", "terminate")
    enforcer.write("policy/initial_shared", "enforce")
    try:
        for policy in (preserve, destroy, restart):
            policy(report, tools, events)
    finally:
        enforcer.write("policy/initial_shared", "report")
        enforcer.write("action", "vc")
        events.stop()
