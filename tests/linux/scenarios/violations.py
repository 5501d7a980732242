# SPDX-License-Identifier: GPL-2.0-only
"""Guests that touch pages without asking: what they see of it, and what the host logs."""

import re
import time

import enforcer
import sites
from clean import BOOT_S, ORDER_S
from guest import Guest

# A page that the firmware never asked for: option ROM space, which Linux leaves alone.
UNASKED_GFN = 0xf0

# CASE: the record's keys
FORGOTTEN = {"class": "implicit_private", "access": "private", "expected": "shared",
             "psc": "shared", "psc_pages": "1"}
STALE = {"class": "implicit_shared", "access": "shared", "expected": "private",
         "psc": "private", "psc_pages": "1", "op": "write"}
NEVER_SHARED = {"class": "implicit_shared", "access": "shared", "expected": "private",
                "op": "write"}
FIRST_TOUCH = {"class": "first_touch", "access": "private", "expected": "initial",
               "psc": "none", "launch": "no", "gfn": hex(UNASKED_GFN)}
INITIAL_SHARED = {"class": "initial_shared", "access": "shared", "expected": "initial",
                  "psc": "none", "gfn": hex(UNASKED_GFN)}

# What a process does; whether it gets SIGBUS; the record, if there is one. In this
# order: what KVM may resolve changes the state.
USER = (
    ("forgotten:read", True, FORGOTTEN),
    ("forgotten:write", True, FORGOTTEN),
    ("stale:write", True, STALE),
    # No nested page fault, so nobody can know (docs/design.md, 7).
    ("stale:read", False, None),
    ("never_shared:write", True, NEVER_SHARED),
    ("first_touch:read", True, FIRST_TOUCH),
    ("first_touch:write", True, FIRST_TOUCH),
    ("initial_shared:write", False, INITIAL_SHARED),
)

KERNEL = (
    ("stale", STALE),
    ("forgotten", FORGOTTEN),
    ("pvalidate", dict(FORGOTTEN, op="read")),
    ("first_touch", FIRST_TOUCH),
)

BUS_OBJERR = 3

# panic=0: the guest ends as without the module, and does not reboot instead.
SHOW = "rmp.show panic=0"


def start(name, violations, action, args="", cpus=1, policy=None):
    guest = Guest(name, "violate", action=action, cpus=cpus, policy=policy,
                  args="rmp.gfn=%#x rmp.violate=%s %s" % (UNASKED_GFN, ",".join(violations),
                                                          args))
    if policy is not None and guest.vm is not None:
        enforcer.write("vms/%d/request_sites" % guest.vm, "on")
    return guest


def has(record, wanted):
    return all(record.get(k) == v for k, v in wanted.items())


def records_of(tools, guest, known=1):
    """Those of the violations; OVMF's known one comes first."""
    time.sleep(0.5)
    return tools.log.records(guest.vm)[known:]


def keep(report, guest, kind, what, records, console):
    report.measured.setdefault("violations", []).append({
        "action": kind, "what": what, "record": [r["line"] for r in records],
        "console": console, "qemu": guest.qemu_said(), "status": guest.status,
        "events": [e["event"] for e in guest.events if "event" in e]})


def lines_between(guest, begin, end):
    """Texts of the console from the first line that has begin to that which has end."""
    texts, on = [], False
    for _, text in guest.lines:
        on = on or begin in text
        if on:
            texts.append(re.sub(r"^\[ *[0-9.]+\] ", "", text))
        if on and end and end in text:
            break
    return texts


def check_record(report, guest, name, records, wanted, action):
    wanted = dict(wanted, action=action, pid=str(guest.qemu.pid))
    return report.check(len(records) == 1 and has(records[0], wanted),
                        "%s: one record, and it names the cause" % name,
                        "wanted: %s" % wanted, *[r["line"] for r in records])


def user(report, guest, tools):
    """Takes the records of all processes of USER, and returns how many there were."""
    all_records = records_of(tools, guest)
    for what, sigbus, wanted in USER:
        name = "user:" + what
        begin, end = "try " + name, "tried " + name
        console = lines_between(guest, begin, end)
        case, how = what.split(":")
        said = [t for t in console if "violate: %s %s: " % (case, how) in t]
        if sigbus:
            ok = said and re.search(r"SIGBUS code=%d .* rip=0x" % BUS_OBJERR, said[0])
            report.check(ok, name + ": SIGBUS", *console)
            report.check(any("Unsupported exit-code 0x404 in #VC" in t for t in console),
                         name + ": the guest's kernel names #VC 0x404", *console)
        else:
            report.check(said and "went through" in said[0], name + ": goes through",
                         *console)
        mine, all_records = (all_records[:1], all_records[1:]) if wanted else ([], all_records)
        if wanted:
            action = "vc" if sigbus else "none"
            if check_record(report, guest, name, mine, wanted, action):
                sites.user(report, name, mine[0], console)
        keep(report, guest, "vc", name, mine, console[1:])
    return all_records


def kernel_died(report, guest, tools, what, records, wanted, show):
    """
    The guest's kernel was the one that touched, and asks to be terminated.  Its console
    shows nothing: #VC handlers print as NMI handlers do, later, and this one never returns.
    With @show (the module in guest/ is loaded) all comes out before it asks.
    """
    name = "kernel:" + what
    console = lines_between(guest, "try " + name, None)
    if show:
        report.check(any("Unsupported exit-code 0x404 in #VC" in t for t in console),
                     name + ": the guest's kernel names #VC 0x404", *console)
        report.check(any(re.search(r"RIP: 0010:.*\[violate\]", t) for t in console),
                     name + ": it prints the RIP, which is the violator's", *console)
        # SEV_TERM_SET_GEN, GHCB_SEV_ES_GEN_REQ
        report.check(any("asks the host to terminate this guest: reason set 0, code 0" in t
                         for t in console), name + ": it prints the reason", *console)
    report.check(any("unknown exit reason 24" in t for t in guest.qemu_said()),
                 name + ": the guest asks to be terminated, which QEMU does not know",
                 *guest.qemu_said())
    report.check(guest.happened("STOP"), name + ": QEMU keeps it, stopped", *guest.events)
    report.check(not any("the kernel went on" in t for t in console),
                 name + ": not carried out", *console)
    if check_record(report, guest, name, records, wanted, "vc"):
        sites.kernel(report, guest, name, records[0], console, wanted["psc"] != "none")
    keep(report, guest, "vc", name, records, console[1:])


def firmware(report, tools, guest):
    """OVMF's own: its SEC phase uses its GHCB page without having asked."""
    first = tools.log.records(guest.vm)[0]
    report.check(first["gfn"] == "0x809" and first["cpl"] == "0" and
                 0xffc00000 <= int(first["rip"], 16) < 1 << 32,
                 "OVMF's gfn 0x809: rip is in its SEC phase, in the flash", first["line"])


def without_policy(report, tools):
    """The same, of a guest that may not be debugged."""
    guest = start("no-debug", ["user:stale:write"], "vc")
    report.check(guest.wait("tried user:stale:write", BOOT_S + ORDER_S),
                 "no-debug: does its violation", *[t for _, t in guest.lines[-10:]])
    records = tools.log.records(guest.vm)
    report.check(records and all(r["rip"] == "n/a" and r["cpl"] == "n/a" for r in records),
                 "no-debug: rip=n/a", *[r["line"] for r in records])
    why = [t for t in tools.log.lines() if t.startswith("rmp_enforce: vm=%d " % guest.vm) and
           "the guest's policy does not allow debugging" in t]
    report.check(len(why) == 1 and enforcer.read("vms/%d/debuggable" % guest.vm) == "no",
                 "no-debug: the log says why, once", *why)
    guest.end()


def vc(report, tools):
    """Processes, then the kernel of the same guest; then a guest for each other case."""
    for n, (what, wanted) in enumerate(KERNEL):
        before = ["user:" + w for w, _, _ in USER] if n == 0 else []
        guest = start("vc%d" % n, before + ["kernel:" + what], "vc",
                      SHOW if n > 0 else "", policy=sites.DEBUG)
        report.check(guest.wait("guest: up", BOOT_S), guest.name + ": boots to userland",
                     *[t for _, t in guest.lines[-10:]], *guest.qemu_said())
        guest.wait("try kernel:", ORDER_S)
        guest.wait_end(60)
        rest = user(report, guest, tools) if n == 0 else records_of(tools, guest)
        # QEMU keeps the VM, and so there is what debugfs has of it.
        kernel_died(report, guest, tools, what, rest, wanted, show=n > 0)
        if n == 0:
            firmware(report, tools, guest)
        guest.end()
    without_policy(report, tools)


KVM_RUN = "0xae80"


def halted(thread):
    """Whether a vCPU sleeps in KVM_RUN: the guest has nothing for it to do."""
    with open(thread + "/syscall", encoding="ascii") as f:
        # "running", or the number of the system call and its arguments
        call = f.read().split()
    return call[0] == "16" and call[2] == KVM_RUN


def watch(guest, vcpu):
    """[(time, halted)] of a vCPU until the guest stops."""
    seen = []
    thread = guest.vcpu_thread(vcpu)
    limit = time.monotonic() + ORDER_S
    try:
        while not guest.stopped() and time.monotonic() < limit:
            seen.append((time.monotonic(), halted(thread)))
            time.sleep(0.02)
    except OSError:     # it has ended
        pass
    return seen


def terminate(report, tools):
    """
    The other action: the process never gets a signal, and the guest has ended.  So has
    its second vCPU, which is halted meanwhile and does not notice: QEMU must be able to
    end it all the same, and not take it for another crash.
    """
    # The first CPU does it all.
    guest = start("terminate", ["user:stale:write"], "terminate", "isolcpus=1", cpus=2)
    report.check(guest.wait("guest: up", BOOT_S), "terminate: boots to userland",
                 *[t for _, t in guest.lines[-10:]], *guest.qemu_said())
    guest.wait("try user:stale:write", ORDER_S)
    vcpu1 = watch(guest, 1)
    guest.end(patience=60)
    name = "user:stale:write"
    console = lines_between(guest, "try " + name, None)
    report.check(not any("SIGBUS" in t or "tried" in t for t in console),
                 "terminate: the guest runs no more", *console)
    records = records_of(tools, guest)
    check_record(report, guest, "terminate", records, dict(STALE, vcpu="0"), "terminate")
    _, violations = tools.trace.of(guest.vm)
    before = [is_halted for t, is_halted in vcpu1 if t < violations[-1].t][-10:]
    report.check(sum(before) >= 8, "terminate: the second vCPU was halted",
                 "the last looks: %s" % before)
    report.check(len(guest.happened("GUEST_PANICKED")) == 1,
                 "terminate: QEMU takes it for one crash", *guest.events)
    report.check(guest.status is not None, "terminate: QEMU ends", *guest.events,
                 *guest.qemu_said())
    keep(report, guest, "terminate", name, records, console[1:])
