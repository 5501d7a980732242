# SPDX-License-Identifier: GPL-2.0-only
"""What is around rmpctl, on a Debian: systemd, udev, journal, metrics, completion."""

import json
import os

from fleet import Guest, command, end_guests, keep, rmpctl, wait_until
from ktap import Suite, equal, has, main
from logs import journal

suite = Suite(on_failure=end_guests)
EXTRA = os.environ["RMP_EXTRA"]
PROM = "/var/lib/prometheus/node-exporter"
UNITS = ("rmp-enforce-metrics.service", "rmp-enforce-metrics.timer",
         "rmp-enforce-violation@.service")


@suite.test("systemd finds nothing wrong with the units")
def _():
    for unit in UNITS:
        done = command("systemd-analyze", "verify", "--man=no", unit.replace("@.", "@1."))
        equal(done.err, "")


@suite.test("services are in a sandbox: systemd calls their exposure less than 3")
def _():
    for unit in UNITS:
        if unit.endswith(".service"):
            command("systemd-analyze", "security", "--no-pager", "--threshold=29",
                    unit.replace("@.", "@1."))


@suite.test("the metrics' timer is off until somebody enables it")
def _():
    equal(command("systemctl", "is-enabled", "rmp-enforce-metrics.timer", status=1).out,
          "disabled\n")


@suite.test("without node_exporter's folder, nothing is written")
def _():
    command("systemctl", "start", "rmp-enforce-metrics.service")
    equal(os.path.exists(PROM), False)


@suite.test("the timer writes metrics for node_exporter")
def _():
    os.makedirs(PROM)
    command("systemctl", "start", "rmp-enforce-metrics.timer")
    path = f"{PROM}/rmp_enforce.prom"
    # It counts from the boot, which may be long over.
    wait_until("the metrics", lambda: os.path.exists(path))
    with open(path, encoding="utf-8") as file:
        has(file.read(), "rmp_enforce_up 1\n")
    equal(os.listdir(PROM), ["rmp_enforce.prom"])
    command("systemctl", "stop", "rmp-enforce-metrics.timer")


@suite.test("a violation is in the journal, with fields to match on, once")
def _():
    guest = Guest("overrun", "web1")
    guest.wait_for("violations/implicit_shared", 1)
    # Others have had that name.
    matches = ["RMP_ENFORCE_DOMAIN=web1", "RMP_ENFORCE_CLASS=implicit_shared",
               f"RMP_ENFORCE_PID={guest.pid}"]
    found = wait_until("the journal's entry", lambda: journal(*matches))
    equal(len(found), 1)
    keep("journal.json", json.dumps(found[0], indent=2))
    for key, value in (("RMP_ENFORCE_GFN", "0x104"), ("RMP_ENFORCE_ACTION", "none"),
                       ("RMP_ENFORCE_PID", str(guest.pid)), ("PRIORITY", "4"),
                       ("SYSLOG_IDENTIFIER", "rmp_enforce")):
        equal(found[0][key], value)
    has(found[0]["MESSAGE"], "domain web1: implicit_shared, shared write of gfn 0x104")
    rmpctl("journal")
    equal(len(journal(*matches)), 1)
    guest.go_on()
    guest.wait_for("violations/implicit_shared", 2)
    wait_until("the second entry", lambda: len(journal(*matches)) == 2)
    guest.end()


@suite.test("also of VMs that ended at once")
def _():
    guest = Guest("never-asks", "short1")
    guest.wait_for("violations/first_touch", 1)
    pid = str(guest.pid)
    guest.end()
    wait_until("the journal's entry",
               lambda: journal(f"RMP_ENFORCE_PID={pid}", "RMP_ENFORCE_CLASS=first_touch"))


@suite.test("the metrics' sandbox lets it see VMs that have ended; the journal's unit notes their "
            "domains")
def _():
    guest = Guest("overrun", "gone2")
    wait_until("the journal's entry", lambda: journal(f"RMP_ENFORCE_PID={guest.pid}"))
    last = guest.end_for_good()
    equal(last["domain"], "gone2")
    command("systemctl", "start", "rmp-enforce-metrics.service")
    with open(f"{PROM}/rmp_enforce.prom", encoding="utf-8") as file:
        has(file.read(), f'rmp_enforce_ended_vm_violations{{vm="{last["vm"]}",pid="{guest.pid}",'
            'comm="qemu-system-x86",state="ended",class="implicit_shared"} 1\n',
            'rmp_enforce_violations_total{class="implicit_shared"} ')
    has(rmpctl("list", "--ended").out, "gone2")


@suite.test("a VMM's name is one field of the journal, whatever is in it")
def _():
    name = "web1\nRMP_ENFORCE_DOMAIN=db9"
    guest = Guest("overrun", name)
    found = wait_until("the journal's entry", lambda: journal(f"RMP_ENFORCE_PID={guest.pid}"))
    equal(found[0]["RMP_ENFORCE_DOMAIN"], name)
    has(found[0]["MESSAGE"], "web1\\nRMP_ENFORCE_DOMAIN=db9")
    equal(journal("RMP_ENFORCE_DOMAIN=db9"), [])
    guest.end()


@suite.test("what an administrator adds to the unit is not in its sandbox")
def _():
    folder = "/run/systemd/system/rmp-enforce-violation@.service.d"
    seen = "/var/lib/on-violation"
    os.makedirs(folder)
    with open(f"{folder}/more.conf", "w", encoding="utf-8") as file:
        file.write(f"[Service]\nExecStart=+/usr/bin/touch {seen}\n")
    command("systemctl", "daemon-reload")
    guest = Guest("overrun", "web2")
    wait_until("the added command", lambda: os.path.exists(seen))
    guest.end()
    os.unlink(f"{folder}/more.conf")
    command("systemctl", "daemon-reload")


@suite.test("completion: commands, options, VMs, settings")
def _():
    guest = Guest("clean", "db1")

    def words(*typed):
        script = (f". {EXTRA}/usr/share/bash-completion/bash_completion\n"
                  ". /usr/share/bash-completion/completions/rmpctl\n"
                  f"COMP_WORDS=({' '.join(repr(t) for t in typed)})\n"
                  f"COMP_CWORD={len(typed) - 1}\nCOMP_LINE='{' '.join(typed)}'\n"
                  "COMP_POINT=${#COMP_LINE}\n_rmpctl\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
        return command("bash", "-c", script).out.split()

    equal(words("rmpctl", "ex"), ["explain"])
    has(" ".join(words("rmpctl", "map", "--p")), "--png")
    equal(words("rmpctl", "show", "d"), ["db1"])
    guest.end()


if __name__ == "__main__":
    main(suite)
