# SPDX-License-Identifier: GPL-2.0-only
"""What is around rmpctl, on a Debian: systemd, udev, journal, metrics, completion,
libvirt's hook, bpftrace."""

import json
import os
import re
import subprocess

import fleet
from fleet import Guest, command, rmpctl, wait_until
from ktap import Suite, equal, has, main

suite = Suite()
JOB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXTRA = os.environ["RMP_EXTRA"]
OUT = os.environ["RMP_OUT"]
PROM = "/var/lib/prometheus/node-exporter"
UNITS = ("rmp-enforce-metrics.service", "rmp-enforce-metrics.timer",
         "rmp-enforce-violation@.service")
NAMESPACE = "https://rmp-enforce.invalid/libvirt/1"


def journal(*matches):
    """Entries of the journal that match, as dictionaries."""
    subprocess.run(["journalctl", "--sync"], check=False)
    done = subprocess.run(["journalctl", "-o", "json", "-q", *matches], capture_output=True,
                          text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


@suite.test("systemd finds nothing wrong with the units")
def _():
    for unit in UNITS:
        done = command("systemd-analyze", "verify", "--man=no", unit.replace("@.", "@1."))
        equal(done.err, "")


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
    matches = ["RMP_ENFORCE_DOMAIN=web1", "RMP_ENFORCE_CLASS=implicit_shared"]
    found = wait_until("the journal's entry", lambda: journal(*matches))
    equal(len(found), 1)
    with open(os.path.join(OUT, "journal.json"), "w", encoding="utf-8") as file:
        json.dump(found[0], file, indent=2)
    for key, value in (("RMP_ENFORCE_GFN", "0x104"), ("RMP_ENFORCE_ACTION", "none"),
                       ("RMP_ENFORCE_PID", str(guest.pid)), ("PRIORITY", "4"),
                       ("SYSLOG_IDENTIFIER", "rmp_enforce")):
        equal(found[0][key], value)
    has(found[0]["MESSAGE"], "domain web1: implicit_shared, shared write of gfn 0x104")
    rmpctl("journal")
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


# --- libvirt ---

def domain_xml(name, metadata="", security=True):
    """A domain as small as can be; its firmware finds nothing to boot."""
    launch = "<launchSecurity type='sev-snp'><policy>0x00030000</policy></launchSecurity>"
    memory = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
    return f"""<domain type='kvm'>
  <name>{name}</name>
  {f"<metadata>{metadata}</metadata>" if metadata else ""}
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  {memory if security else ""}
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <loader type='rom'>/usr/share/ovmf/OVMF.fd</loader>
  </os>
  <features><acpi/><apic/><vmport state='off'/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>EPYC-v4</model></cpu>
  <clock offset='utc'><timer name='hpet' present='no'/></clock>
  <devices>
    <memballoon model='none'/>
    <controller type='usb' model='none'/>
    <video><model type='none'/></video>
  </devices>
  {launch if security else ""}
</domain>
"""


def policy(attributes):
    return f"<rmp-enforce xmlns='{NAMESPACE}' {attributes}/>"


def define(name, metadata="", security=True):
    path = f"/tmp/{name}.xml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(domain_xml(name, metadata, security))
    command("virsh", "define", path)


def start(name, status=0):
    """virsh start; what it said, for the documents."""
    done = subprocess.run(["virsh", "start", name], capture_output=True, text=True,
                          check=False, timeout=300)
    said = done.stdout + done.stderr
    if (done.returncode != 0) != (status != 0):
        log = subprocess.run(["tail", "-n", "5", f"/var/log/libvirt/qemu/{name}.log"],
                             capture_output=True, text=True, check=False)
        raise AssertionError(f"virsh start {name}: {said}\n{log.stdout}")
    with open(os.path.join(OUT, "virsh.txt"), "a", encoding="utf-8") as file:
        file.write(f"# virsh start {name}\n{said}\n")
    return said


def shown(name):
    return rmpctl("show", name, "--json").json()


def end(name):
    command("virsh", "destroy", name)
    command("virsh", "undefine", name)


@suite.test("libvirt: a domain's policy is applied when it starts")
def _():
    define("guarded", policy("mode='strict' action='terminate' policy='first_touch=report'"))
    start("guarded")
    s = shown("guarded")
    equal((s["mode"], s["action"], s["policy"]["first_touch"]), ("strict", "terminate", "report"))
    equal(s["domain"], "guarded")
    equal(s["vcpus"], 1)
    has(rmpctl("list").out, "guarded")


@suite.test("libvirt: a policy is in force before the guest's first instruction")
def _():
    # What the firmware does first is an access of class initial_shared.
    wait_until("the firmware's first access",
               lambda: shown("guarded")["violations"]["initial_shared"])
    has(rmpctl("explain", "guarded").out, "initial_shared")
    equal(shown("guarded")["last_violation"]["mode"], "strict")
    end("guarded")


@suite.test("libvirt: a domain without a policy starts as ever")
def _():
    define("plain")
    start("plain")
    s = shown("plain")
    equal((s["mode"], s["action"], s["effective_mode"]), ("inherit", "inherit", "lenient"))
    end("plain")


@suite.test("libvirt: a policy that can't be understood refuses the start, and says why")
def _():
    for name, attributes, why in (
            ("wrong1", "mode='stirct'", "mode can't be 'stirct'; it is one of off, lenient"),
            ("wrong2", "mood='strict'", "no attribute 'mood'"),
            ("wrong3", "mode='strict' policy='touch=report'", "no setting 'touch'"),
            ("wrong4", "required='yes'", "asks for nothing")):
        define(name, policy(attributes))
        has(start(name, status=1), "rmp-enforce: ", why)
        command("virsh", "undefine", name)


@suite.test("libvirt: a domain that is not SNP: a warning, or a refusal if required")
def _():
    define("ordinary", policy("mode='strict'"), security=False)
    start("ordinary")
    wait_until("the warning", lambda: "it is not an SEV-SNP domain" in
               str(journal("SYSLOG_IDENTIFIER=rmp-enforce-hook")))
    end("ordinary")
    define("needs", policy("mode='strict' required='yes'"), security=False)
    has(start("needs", status=1), "it is not an SEV-SNP domain", "required='yes'")
    command("virsh", "undefine", "needs")


@suite.test("libvirt: without the module: a warning, or a refusal if required")
def _():
    fleet.unload()
    define("free", policy("mode='strict'"), security=False)
    start("free")
    end("free")
    define("bound", policy("mode='strict' required='yes'"))
    has(start("bound", status=1), "rmp_enforce is not loaded", "required='yes'")
    command("virsh", "undefine", "bound")
    command("modprobe", "rmp_enforce")


# --- tracing ---

def bpftrace(script, seconds):
    """An example, until it is interrupted as by Ctrl-C; what it printed."""
    process = subprocess.Popen(["bpftrace", f"{JOB}/bpftrace/{script}"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    said = []
    for line in process.stdout:
        said.append(line)
        if "Attaching" in line or "Attached" in line:
            break
    # It says so before they are in place.
    try:
        process.wait(20 + seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(2)
    out, _ = process.communicate(timeout=60)
    text = "".join(said) + out
    with open(os.path.join(OUT, f"{script}.txt"), "w", encoding="utf-8") as file:
        file.write(text)
    return text


@suite.test("bpftrace: which gfns flap, how many PSCs a second, how long until the first touch")
def _():
    guest = Guest("busy", "queue1")
    text = bpftrace("flapping.bt", 10)
    if not re.search(r"@to_private\[\d+, 256\]: [1-9]", text):
        raise AssertionError(text)
    has(bpftrace("psc-rate.bt", 10), "@requests[", "@pages[")
    has(bpftrace("first-touch.bt", 10), f"@first_touch_us[{guest.pid}]", "|@")
    guest.end()


@suite.test("tracefs: the tracepoints without any tool")
def _():
    base = "/sys/kernel/tracing"
    with open(f"{base}/events/rmp_enforce/enable", "w", encoding="ascii") as file:
        file.write("1")
    guest = Guest("overrun", "web2")
    guest.wait_for("violations/implicit_shared", 1)
    with open(f"{base}/trace", encoding="utf-8") as file:
        has(file.read(), "psc_request:", "psc_complete:", "violation: ", "class=implicit_shared")
    with open(f"{base}/events/rmp_enforce/enable", "w", encoding="ascii") as file:
        file.write("0")
    guest.end()


if __name__ == "__main__":
    main(suite)
