# SPDX-License-Identifier: GPL-2.0-only
"""The tracepoints as the documents use them: the scripts for bpftrace, lines of perf,
and tracefs without any tool."""

import os
import re
import shutil
import signal
import subprocess

from fleet import Guest, command, end_guests, keep, rmpctl, wait_until
from ktap import Suite, has, main

suite = Suite(on_failure=end_guests)
TRACEFS = "/sys/kernel/tracing"
READY_S = 240       # until bpftrace has compiled its program, on an emulated machine
LOOK_S = 12


def bpftrace(script):
    """A script of the package, until it is interrupted as by Ctrl-C; what it printed."""
    installed = shutil.which(script)
    if not installed:
        raise AssertionError(f"{script} is not found in {os.environ['PATH']}")
    # bpftrace is where this test has it; into a pipe, it keeps its output back.
    with subprocess.Popen(["bpftrace", "-B", "line", installed],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Tracing "):
                break
        # It says so before all probes are in place.
        try:
            process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=READY_S)
    text = "".join(said) + out
    keep(f"{script}.txt", text)
    has(text, "Hit Ctrl-C to end.")
    return text


def watch_busy_guest(script):
    """What a script prints of a guest that converts pages all the time; and the guest."""
    guest = Guest("busy", "queue1")
    text = bpftrace(script)
    guest.end()
    return text, guest


def found(pattern, text):
    if not re.search(pattern, text, re.M):
        raise AssertionError(f"no {pattern!r} in:\n{text}")


@suite.test("bpftrace: which gfns flap")
def _():
    text, _ = watch_busy_guest("rmp-flapping.bt")
    # It makes each of its pages, from 0x100 on, shared and private again and again.
    found(r"^@to_private\[\d+, (25[6-9]|2[6-9]\d|3[01]\d)\]: [1-9]", text)
    found(r"^@to_shared\[\d+, (25[6-9]|2[6-9]\d|3[01]\d)\]: [1-9]", text)


@suite.test("bpftrace: how many page-state changes and pages a second, by VM")
def _():
    text, _ = watch_busy_guest("rmp-psc-rate.bt")
    found(r"^@requests\[\d+\]: [1-9]", text)
    found(r"^@pages\[\d+\]: [1-9]", text)


@suite.test("bpftrace: how long from a page-state change to the page's first use")
def _():
    text, guest = watch_busy_guest("rmp-first-use.bt")
    has(text, f"@first_use_us[{guest.pid}]")
    found(r"\|@+", text)


@suite.test("perf: events a second; page-state changes by range; violations")
def _():
    guest = Guest("busy", "queue1")
    done = command("perf", "stat", "-a", "-e", "rmp_enforce:*", "-I", "1000", "--", "sleep", "3")
    keep("perf-stat.txt", done.err)
    found(r"^ +\d+\.\d+ +[1-9]\d* +rmp_enforce:psc_complete", done.err)
    vm = rmpctl("show", "queue1", "--json").json()["vm"]
    data = "/tmp/perf.data"
    command("perf", "record", "-q", "-a", "-o", data, "-e", "rmp_enforce:psc_complete",
            "--filter", f"vm == {vm} && to_private == 1", "--", "sleep", "3")
    text = command("perf", "script", "-i", data).out
    keep("perf-psc.txt", text)
    found(fr"rmp_enforce:psc_complete: vm={vm} .* to=private ret=0", text)
    if "to=shared" in text:
        raise AssertionError("the filter lets others pass")
    # What it is to run, it starts when it records already.
    with subprocess.Popen(["perf", "record", "-q", "-a", "-o", data, "-e",
                           "rmp_enforce:violation", "--", "sh", "-c",
                           "touch /tmp/recording; sleep 10"]) as recording:
        wait_until("perf records", lambda: os.path.exists("/tmp/recording"))
        broken = Guest("overrun", "web1")
        broken.wait_for("violations/implicit_shared", 1)
        recording.wait()
    text = command("perf", "script", "-i", data).out
    keep("perf-violation.txt", text)
    has(text, "rmp_enforce:violation: ", "gfn=0x104", "class=implicit_shared")
    broken.end()
    guest.end()


def events(enable):
    with open(f"{TRACEFS}/events/rmp_enforce/enable", "w", encoding="ascii") as file:
        file.write(enable)


@suite.test("tracefs: the tracepoints without any tool")
def _():
    events("1")
    guest = Guest("overrun", "web2")
    guest.wait_for("violations/implicit_shared", 1)
    with open(f"{TRACEFS}/trace", encoding="utf-8") as file:
        has(file.read(), "psc_request:", "psc_complete:", "violation: ", "class=implicit_shared")
    events("0")
    guest.end()


if __name__ == "__main__":
    main(suite)
