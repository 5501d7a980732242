# SPDX-License-Identifier: GPL-2.0-only
"""
On the simulated host: a Linux guest under libvirt that does nothing wrong, and then does,
in strict mode; the guest's console and the host's log side by side.  Exit status 0 if all
that it shows was there to be shown.
"""

import platform
import re
import sys
import textwrap
import threading
import time

import enforcer
from clean import BOOT_S, ORDER_S
from domain import Domain, Events
from on_crash import NAME_OF_PID, name_of_pid

WIDTH = 62      # of a column
RECORD_KEYS = ("vm", "pid", "vcpu", "gfn", "access", "op", "expected", "source", "class",
               "psc", "psc_age_us", "psc_vcpu", "psc_pages", "rip", "mode", "action")


class Log(threading.Thread):
    """The host's kernel log, with the times at which its lines came."""

    def __init__(self):
        super().__init__(daemon=True)
        self.log = enforcer.KernelLog()
        self.lines = []
        self.start()

    def run(self):
        while True:
            known = len(self.lines)
            now = time.monotonic()
            self.lines += [(now, s) for s in self.log.lines()[known:]]
            time.sleep(0.1)

    def records(self):
        return [(t, s) for t, s in list(self.lines) if s.startswith("rmp_enforce: violation")]


def say(text=""):
    print(text, flush=True)


def progress(text):
    say("    ... " + text)


def short(record):
    """A record without what this is not about; the log has it whole."""
    words = [w for w in record.split()[2:] if w.split("=")[0] in RECORD_KEYS]
    return "rmp_enforce: violation " + " ".join(words)


def side_by_side(console, log):
    """Both are lists of (time, text)."""
    rows = sorted([(t, 0, text) for t, text in console] + [(t, 1, text) for t, text in log],
                  key=lambda row: row[0])
    say("    %-*s | %s" % (WIDTH, "guest's console", "host's log"))
    say("    %s-+-%s" % ("-" * WIDTH, "-" * WIDTH))
    for _, column, text in rows:
        for line in textwrap.wrap(text, WIDTH) or [""]:
            say(("    %-*s | " % (WIDTH, line if column == 0 else "") +
                 (line if column else "")).rstrip())
    say()


def texts(domain, after, until=None):
    """Lines of the console, without the kernel's times."""
    return [(t, re.sub(r"^\[ *[0-9.]+\] ", "", text)) for t, text in domain.lines
            if t >= after and (until is None or t <= until)]


class Demo:
    def __init__(self):
        self.log = Log()
        self.events = Events()
        self.wrong = []
        self.summary = []

    def expect(self, ok, what):
        if not ok:
            self.wrong.append(what)
            say("    !! not as expected: " + what)

    def boot(self, name, violations, action, on_crash):
        """A domain, up to userland."""
        enforcer.write("action", action)
        domain = Domain(name, "boot,violate", on_crash=on_crash, cpus=1, say=progress,
                        args="rmp.show rmp.violate=" + ",".join(violations))
        say("    virsh start %s: %s" % (name, domain.start_said or "started"))
        found = domain.wait("guest: up after", BOOT_S)
        self.expect(found, "%s reaches userland" % name)
        took = time.monotonic() - domain.started
        say("    userland after %.0f s; mode=%s action=%s" %
            (took, enforcer.read("mode"), enforcer.read("action")))
        return domain, took

    def clean_boot(self):
        say("1. Strict mode, action=vc: Linux under OVMF boots as ever")
        domain, took = self.boot("snp-vc", ["user:stale:write", "kernel:forgotten"], "vc",
                                 "preserve")
        records = self.log.records()
        domain.wait("guest: (not )?ok boot", ORDER_S)
        telling = re.compile("EFI stub: Loaded|Linux version|guest: (up|boot)")
        side_by_side([(t, s.split(" (debian-kernel")[0])
                      for t, s in texts(domain, domain.started) if telling.search(s)],
                     [(t, short(s)) for t, s in records])
        base = "vms/%s/" % domain.vm
        say("    PSCs completed: %s, pages: %s, nested page faults judged: %s" % tuple(
            enforcer.read(base + c)
            for c in ("psc_completed", "psc_pages", "npf_judged")))
        known = [s for _, s in records if "class=initial_shared" in s and "action=none" in s]
        say("    violations: %d, of which %d: OVMF's SEC phase uses its GHCB page as shared "
            "without asking; reported, not acted upon" % (len(records), len(known)))
        self.expect(len(records) == len(known) == 1, "the known report and no other")
        self.summary.append(("strict boot", "%.0f s" % took, "%d unexplained" %
                             (len(records) - len(known))))
        say()
        return domain

    def vc(self, domain):
        say("2. A process of this guest writes to a page through a stale shared mapping")
        begin = domain.wait(r"violate: try user", ORDER_S)
        end = domain.wait(r"violate: tried user", ORDER_S)
        self.expect(begin and end, "the guest goes on after its process was stopped")
        lines = texts(domain, begin[0], end[0]) if begin and end else []
        records = self.log.records()[1:2]
        side_by_side(lines, [(t, short(s)) for t, s in records])
        self.expect(any("SIGBUS" in s for _, s in lines), "the process gets SIGBUS")
        self.expect(any("0x404" in s for _, s in lines), "the guest's kernel names 0x404")
        self.expect(records and "class=implicit_shared" in records[0][1], "one record")
        self.summary.append(("process, action=vc", "#VC 0x404, SIGBUS", "guest runs on"))

        say("3. Now the guest's kernel itself touches a page as private that it left shared")
        begin = domain.wait(r"violate: try kernel", ORDER_S)
        state = domain.wait_state("paused|crashed|shut off")
        time.sleep(1)
        panic = domain.wait("Kernel panic", 1)
        lines = texts(domain, begin[0], panic and panic[0]) if begin else []
        wanted = re.compile(r"try kernel|0x404|^RIP: 0010:.*violate|Kernel panic")
        records = self.log.records()[2:3]
        others = [(t, s) for t, s in self.log.lines
                  if records and t >= records[0][0] and re.search("SEV.*terminat", s)]
        # The panic prints some of it once more.
        first = {}
        for t, text in lines:
            if wanted.search(text):
                first.setdefault(text, t)
        side_by_side([(t, text) for text, t in first.items()],
                     [(t, short(s)) for t, s in records] + others)
        self.expect(any("RIP: " in s and "violate" in s for _, s in lines),
                    "the guest's console has the RIP of the violator")
        self.expect(records and "class=implicit_private" in records[0][1] and
                    "action=vc" in records[0][1], "one record")
        say("    virsh domstate --reason: %s" % state)
        for line in domain.qemu_said()[:2]:
            say("    QEMU: " + line)
        say("    (A kernel in that place asks the host to terminate it, before its console has "
            "printed why;")
        say("    this one has rmp_enforce_guest: it panics first. With panic=-1 it then reboots, "
            "<on_reboot>destroy.)")
        say()
        self.summary.append(("kernel, action=vc", "#VC 0x404, RIP on its console", state))
        domain.end()

    def terminate(self):
        say("4. The same write, action=terminate, <on_crash>preserve")
        domain, _ = self.boot("snp-terminate", ["user:stale:write"], "terminate", "preserve")
        known = len(self.log.records())
        begin = domain.wait(r"violate: try user", ORDER_S)
        state = domain.wait_state("paused|crashed|shut off")
        time.sleep(2)
        records = self.log.records()[-1:]
        lines = texts(domain, begin[0]) if begin else []
        side_by_side(lines, [(t, short(s)) for t, s in records])
        self.expect(state == "crashed (panicked)", "the domain has crashed")
        self.expect(not any("SIGBUS" in s for _, s in lines), "the guest runs no more")
        self.expect(known <= 5 and records and "action=terminate" in records[0][1],
                    "the record has action=terminate")
        say("    virsh domstate --reason: %s" % state)
        for line in self.events.of("snp-terminate", domain.started):
            if "Crashed" in line:
                say("    virsh event: " + line)
        pid = re.search(r" pid=(\d+) ", records[0][1])[1] if records else "0"
        say("    which domain is pid %s?  %s: %s" % (
            pid, NAME_OF_PID % int(pid), name_of_pid(int(pid))))
        self.summary.append(("process, action=terminate", "no vCPU runs any more", state))
        domain.end()
        say()

    def run(self):
        say("An SNP host: Linux %s with KVM, rmp_enforce, QEMU and libvirt. Its processor is "
            "simulated." % platform.release())
        say("Its guest: the same Linux, started by OVMF.")
        say()
        enforcer.write("mode", "strict")
        domain = self.clean_boot()
        self.vc(domain)
        self.terminate()
        self.events.stop()
        say("What was shown")
        for row in self.summary:
            say("    %-28s %-34s %s" % row)
        say()
        if self.wrong:
            say("NOT as expected: " + "; ".join(self.wrong))
        return 1 if self.wrong else 0


if __name__ == "__main__":
    sys.exit(Demo().run())
