# SPDX-License-Identifier: GPL-2.0-only
"""What an operator would do, from the packages to their purge: docs/walkthrough.md and
its pictures. Run on a Debian in which the packages are installed, and nothing was done yet."""

import os
import subprocess
import sys

import domains
from fleet import OUT, Guest, wait_until
from logs import journal
from recorder import Recorder, Wrong, screen

# What apt and dpkg say of any package.
CHATTER = (r"^(Reading|Building dep|Solving|Selecting|Preparing|Fetched|Get:|\(Reading|debconf:|"
           r"Suggested|Note|The following|Installing:|Summary:|  Upgrading|  Download|  Space|"
           r"REMOVING:|  Freed|  rmp-enforce-|WARNING:|\d+ upgraded|After this|Need to get|N:|$|"
           r"  \S+ \S+|Sign command|Signing key|Public certificate|Certificate or key|openssl|"
           r"Please install|dpkg: warning)|unsandboxed")


def introduction(r):
    r.lines += ["# A walk-through", ""]
    r.say(f"""What an operator does, in order, and what it prints. `make test-tools
        PARTS=debian` does all of it, checks it, and writes this page. It runs on a Debian 13
        with libvirt, on the simulated SNP host (Linux {os.uname().release}, host CPUs:
        {os.cpu_count()}), with nothing but the two packages. They were installed before that
        host was booted: DKMS would need ten minutes on an emulated machine. Times are those of
        such a machine. Three dots stand for lines of apt that are left out.""")
    r.say("""The guests are small test guests, with names as libvirt gives them to QEMU. `db1`
        is clean. `web1` asked for four shared pages, and writes to the page after them.
        Whenever it is told to, it writes to one page more. `build7` is a server of 2 GiB. It
        uses three places in a state that it never asked for. `queue1` asks all the time.
        `test1` is a guest under test: its policy allows debugging. `guarded` and `typo` are
        domains of libvirt, with QEMU and OVMF.""")


def install(r):
    r.heading("Install")
    r.was_run("apt-get -y install ./rmp-enforce-dkms_*.deb ./rmp-enforce-tools_*.deb",
              "/var/log/apt-install", "Setting up rmp-enforce-tools", hide=CHATTER)
    r.run("dkms status", ": installed")
    r.say("""Load the module at each boot, before any guest, and load it now. Then restart
        libvirtd: it looks for hooks when it starts. Guests keep running.""")
    r.run("echo rmp_enforce >/etc/modules-load.d/rmp_enforce.conf")
    r.run("modprobe rmp_enforce")
    r.run("systemctl try-restart libvirtd")


def guarding(r):
    r.heading("Is the host guarding?")
    r.run("rmpctl check", "[ PASS ] SEV-SNP", "[ PASS ] hooks", "[ PASS ] mode: lenient")
    r.say("""If the module did not load, `check` says why, with a hint. A guest that starts from
        now on is tracked from its first instruction.""")


def looking(r, guests):
    r.heading("Which VMs, and what did they do?")
    r.run("rmpctl list", "web1", "build7")
    r.say("ERRORS speak against the guest, NOTED do not. `web1` and `build7` have some.")
    r.heading("What did web1 do?")
    r.run("rmpctl explain web1", "implicit_shared", "guest frame 0x104", "4 requests to shared")
    r.say("""What `web1` asked for, by time. Then the same for two single pages: the last one
        that it may use, and the one after it.""")
    r.run("rmpctl history web1", "PSC to shared")
    r.run("rmpctl history web1 0x103", "PSC to shared")
    r.run("rmpctl history web1 0x104", "! vCPU 0  implicit_shared")
    r.heading("Where in its memory?")
    r.run("rmpctl map build7 --columns 90 --rows 34", "Taken without asking:",
          "gfn 0x3c000-0x3c004, as private: 5 pages")
    status = screen(["rmpctl", "map", "build7", "--columns", "90", "--rows", "34", "--color",
                     "always"], "map-terminal", 60, 30)
    r.step("the map in a terminal", [] if status == 0 else [f"exit status 0, not {status}"])
    r.say("In a terminal it has colours:")
    r.picture("map-terminal.png", "map of a guest's memory, in a terminal")
    r.run("rmpctl map build7 --png map.png", "written")
    r.picture("map.png", "map of a guest's memory")
    r.say("""Blue is private, and yellow is shared: the guest asked for it. Red and magenta it
        took without asking. The enlarged places show what is wrong: a page between the rings, a
        page after the end of the bounce buffer, and five pages in memory that it never asked
        for, but validated.""")
    r.heading("Where in its code?")
    r.say("""The registers of `web1` are encrypted. A guest under test is started with a policy
        that allows debugging, and then the host can know. Where the guest made its requests is
        asked only if you say so, because each request waits for it:""")
    r.run("rmpctl set request_sites=on", "request_sites: off -> on")
    guests["test1"] = Guest("stale", "test1")
    guests["test1"].wait_for("violations/implicit_shared", 1)
    r.say("`test1` has started, and writes to a page that it has just made private again:")
    r.run("rmpctl where test1", "the access", "the last request", ", after the VMGEXIT")
    r.say("""Of a Linux guest it names functions and lines, if you give it the kernel's symbols:
        [linux-guest.md](linux-guest.md#where-it-was).""")
    r.run("rmpctl set request_sites=off", "request_sites: on -> off")
    r.heading("Live")
    status = screen(["rmpctl", "watch"], "watch", 22, 24, guests["web1"].go_on)
    guests["web1"].wait_for("violations/implicit_shared", 2)
    r.step("rmpctl watch", [] if status == 0 else [f"exit status 0, not {status}"])
    r.typed("rmpctl watch")
    r.picture("watch.png", "rmpctl watch")
    r.say("`web1` has just done it again. In a pipe, or with `--count`, `watch` prints lines:")
    r.run("rmpctl watch --count 1", "queue1")
    r.say("Each violation that is logged is in the journal, too. Its fields can be matched:")
    wait_until("the journal's entry", lambda: journal("RMP_ENFORCE_GFN=0x105"))
    r.run("journalctl -q --no-hostname -o short-monotonic RMP_ENFORCE_DOMAIN=web1",
          "implicit_shared, shared write of gfn 0x105")


def strict(r, guests):
    r.heading("Strict, for one guest")
    r.run("rmpctl set mode=strict --vm web1", "mode: inherit -> strict")
    guests["web1"].go_on()
    guests["web1"].wait_for("violations/enforced", 1)
    r.say("""`web1` does it again. Now the write does not happen: the guest gets #VC 0x404 at
        that instruction.""")
    r.run("rmpctl explain web1 | grep -A 3 'what was done'", "#VC with error code 0x404")
    r.say("Or the guest is terminated, at that instruction:")
    r.run("rmpctl set action=terminate --vm web1", "action: inherit -> terminate")
    guests["web1"].go_on()
    guests["web1"].wait_for("violations/enforced", 2)
    r.run("rmpctl list", "terminated")
    r.run("rmpctl explain web1 | grep 'what was done'", "The guest was ended")
    r.run("rmpctl check | grep -A 1 -E '] (mode|guests)'", "[ FAIL ] guests: violations of VM")


def with_libvirt(r):
    r.heading("A domain with its own policy")
    domains.define("guarded", domains.policy(mode="strict", action="terminate"))
    domains.define("typo", domains.policy(mode="stirct"))
    r.run("virsh dumpxml guarded | grep -B 1 -A 1 '<rmp-enforce'", "mode=")
    r.run("virsh start guarded", "started")
    r.run("rmpctl list | grep -E 'VM|guarded'", "strict")
    r.run("rmpctl set action=vc --vm guarded", "action: terminate -> vc")
    r.say("The hook does not understand this policy. So the domain does not start:")
    r.run("virsh start typo", "mode can't be 'stirct'", status=1)


def around(r):
    r.heading("For monitoring")
    r.run("rmpctl metrics | grep -E '^rmp_enforce_(up|vms|mode|vm_violations_total.*web1)'",
          "rmp_enforce_up 1", 'domain="web1",class="implicit_shared"} 4')
    r.say("""Is prometheus-node-exporter there? A timer writes the metrics for its textfile
        collector:""")
    r.run("mkdir -p /var/lib/prometheus/node-exporter    # that package's")
    r.run("systemctl enable --now rmp-enforce-metrics.timer")
    r.run("systemctl start rmp-enforce-metrics.service; ls -l /var/lib/prometheus/node-exporter",
          "rmp_enforce.prom")
    r.heading("For a bug report")
    r.run("rmpctl bundle -o bundle.tar.gz", "no guest memory in it")
    r.say("On any other machine that has rmpctl, look into the bundle:")
    r.run("mkdir /tmp/look && tar -C /tmp/look -xzf bundle.tar.gz")
    r.run("rmpctl --root /tmp/look/rmp_enforce-* explain web1 | head -n 5", "implicit_shared")


def left_over():
    """Files with our name, but what is of this run or was asked for by hand."""
    ours = subprocess.run(["find", "/", "-xdev", "-regextype", "egrep", "-regex",
                           "/(job|out|tmp|run|var/log)", "-prune", "-o",
                           "-name", "*rmp[-_]enforce*", "-print"],
                          capture_output=True, text=True, check=True).stdout.split()
    return [name for name in ours if not name.endswith("node-exporter/rmp_enforce.prom")]


def the_end(r, guests):
    r.heading("When it bites")
    r.run("rmpctl set mode=off", "all VMs: mode: lenient -> off")
    r.run("rmpctl list", "off")
    r.say("""All enforcement has ended, at once, for every VM. No guest was touched. A guest
        that was terminated stays terminated. What to do next:
        [rollout.md](rollout.md#when-it-bites).""")
    r.heading("Uninstall")
    r.run("rmmod rmp_enforce", "in use", status=1)
    r.say("A guest is never left half-guarded. So end the SNP VMs first:")
    r.run("virsh destroy guarded", "destroyed")
    for guest in guests.values():
        guest.end()
    r.run("rmmod rmp_enforce")
    r.run("systemctl disable --now rmp-enforce-metrics.timer")
    r.run("apt-get -y purge rmp-enforce-tools rmp-enforce-dkms", "Purging configuration files",
          hide=CHATTER)
    r.run("rm /etc/modules-load.d/rmp_enforce.conf")
    r.run("dkms status; modinfo rmp_enforce", "not found", status=1)
    r.step("nothing of the packages is left", left_over())


def main():
    r = Recorder()
    guests = {}
    introduction(r)
    print("KTAP version 1", flush=True)
    os.chdir(OUT)
    try:
        install(r)
        guarding(r)
        for way, name in (("clean", "db1"), ("overrun", "web1"), ("server", "build7"),
                          ("busy", "queue1")):
            guests[name] = Guest(way, name)
        guests["web1"].wait_for("violations/implicit_shared", 1)
        guests["build7"].wait_for("violations/first_touch", 5)
        looking(r, guests)
        strict(r, guests)
        with_libvirt(r)
        around(r)
        the_end(r, guests)
    except Wrong:
        return 1
    finally:
        r.save()
    print(f"1..{r.steps}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
