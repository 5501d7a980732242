# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl on the simulated host: the real module, real VMs, and what goes wrong."""

import importlib.util
import json
import os
import subprocess
import tarfile

import abi
import fleet
from fleet import OUT, Guest, keep, rmpctl
from ktap import Suite, equal, has, main

suite = Suite()
guests = {}
# What check says of later: it depends on how this host was set up, and is never FAIL.
LATER = ("metrics", "libvirt hook", "version", "boot", "next kernel")


# --- without the module ---

@suite.test("every subcommand has help, also without the module and without rights", long=True)
def _():
    for name in ("check", "list", "show", "watch", "set", "map", "history", "explain", "where",
                 "triage", "bundle", "metrics", "journal"):
        has(rmpctl(name, "--help", uid=fleet.NOBODY).out, "usage: rmpctl", "--json")
    has(fleet.command("rmpctl", "--version").out, "rmpctl ")


@suite.test("without the module: one sentence, status 3")
def _():
    for args in (["list"], ["show", "1"], ["watch", "-n", "1"], ["set", "mode=off"],
                 ["map", "1"], ["history", "1"], ["explain", "1"], ["where", "1"]):
        done = rmpctl(*args, status=3)
        equal(done.out, "")
        equal(done.err, "rmpctl: rmp_enforce is not loaded; run 'modprobe rmp_enforce', and "
              "'rmpctl check' if it does not load.\n")


@suite.test("check without the module: what fails, and a hint")
def _():
    done = rmpctl("check", status=1)
    has(done.out, "[ PASS ] SEV-SNP", "[ FAIL ] module: rmp_enforce is not loaded")


@suite.test("metrics without the module: only that it is not there")
def _():
    equal(rmpctl("metrics").out, "# HELP rmp_enforce_up 1 if the module is loaded.\n"
          "# TYPE rmp_enforce_up gauge\nrmp_enforce_up 0\n")


@suite.test("check says why the module refused to load")
def _():
    if not subprocess.run(["insmod", fleet.KO, "mode=stirct"], check=False).returncode:
        raise AssertionError("it loads with a mode that there is not")
    has(rmpctl("check", status=1).out,
        "refusing to load: mode=stirct is none of off, lenient, strict")


# --- with the module, without VMs ---

@suite.test("check with the module: all PASS, but for what is about later")
def _():
    fleet.load()
    done = rmpctl("check")
    keep("check.txt", done.out)
    has(done.out, "all 8 functions of KVM are redirected", "[ PASS ] mode: lenient",
        "[ PASS ] history: no SNP VM runs")
    report = rmpctl("check", "--json").json()
    equal(report["ok"], True)
    equal({c["status"] for c in report["checks"] if c["name"] not in LATER}, {"PASS"})
    equal([c["name"] for c in report["checks"]][-len(LATER):], list(LATER))
    found = {c["name"]: c["status"] for c in report["checks"]}
    # The Debian host loads it at boot, the initramfs does not.
    equal(found["boot"], "PASS" if os.path.exists("/etc/modules-load.d/rmp_enforce.conf")
          else "WARN")
    equal("FAIL" in found.values(), False)


@suite.test("list without VMs says so")
def _():
    done = rmpctl("list")
    has(done.err, "no SNP VM runs; the module is loaded, mode lenient")
    equal(rmpctl("list", "--json").json(), [])
    has(rmpctl("list", "--ended").err, "no SNP VM has ended since the module was loaded")
    equal(rmpctl("list", "--ended", "--json").json(), [])


@suite.test("show without a VM: all totals of the host, none above 0")
def _():
    from rmpctl import totals
    has(rmpctl("show").out, "mode         lenient", "0 VMs met", "first_touch")
    told = rmpctl("show", "--json").json()
    equal(told["totals"], dict.fromkeys(totals.NAMES, 0))
    equal(told["vms_running"], 0)


@suite.test("an unknown VM: one sentence, status 3")
def _():
    has(rmpctl("show", "99", status=3).err, "there is no VM 99; 'rmpctl list' shows")
    has(rmpctl("show", "web9", status=3).err, "of a domain 'web9'")
    has(rmpctl("show", "pid:1", status=3).err, "process 1 has no SNP VM")
    has(rmpctl("show", "pid:x", status=2).err, "pid:x is not a process ID")


# --- with VMs ---

@suite.test("VMs come")
def _():
    for way, name in (("clean", "db1"), ("overrun", "web1"), ("server", "build,7"),
                      ("busy", "queue1")):
        guests[name] = Guest(way, name.replace(",", ",,"))
    guests["web1"].wait_for("violations/implicit_shared", 1)
    guests["build,7"].wait_for("violations/first_touch", 5)


@suite.test("docs/ABI describes each file, and who may read and write it; and no other")
def _():
    from rmpctl.classes import CLASSES, POLICY_CLASSES
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ABI")
    described = abi.described(folder, POLICY_CLASSES, CLASSES)
    there = abi.existing(guests["web1"].vm)
    equal(sorted(there), sorted(described))
    equal(there, {path: abi.permissions(path, text) for path, text in described.items()})


@suite.test("list: domains, pids, vCPUs, modes, violations")
def _():
    done = rmpctl("list")
    keep("list.txt", done.out)
    rows = {line.split()[1]: line.split() for line in done.out.splitlines()[1:]}
    equal(set(rows), {"db1", "web1", "build,7", "queue1"})
    equal(rows["web1"][2:7], [str(guests["web1"].pid), "2", "lenient", "complete", "running"])
    equal(rows["web1"][8:], ["1", "0", "0"])
    equal(rows["db1"][8:], ["0", "0", "0"])
    equal(rows["build,7"][8:], ["6", "1", "0"])
    found = {s["domain"]: s for s in rmpctl("list", "--json").json()}
    equal(found["web1"]["violations"]["implicit_shared"], 1)
    equal(found["web1"]["last_violation"]["gfn"], "0x104")


@suite.test("show: by id, domain and pid", long=True)
def _():
    by_name = rmpctl("show", "web1")
    keep("show.txt", by_name.out)
    vm_id = str(rmpctl("show", "web1", "--json").json()["vm"])
    equal(rmpctl("show", vm_id).out, by_name.out)
    equal(rmpctl("show", f"pid:{guests['web1'].pid}").out, by_name.out)
    has(by_name.out, "domain web1", "implicit_shared", "last violation: vm=")


@suite.test("explain: the overrun in words, with the request before it")
def _():
    done = rmpctl("explain", "web1")
    keep("explain.txt", done.out)
    has(" ".join(done.out.split()), "implicit_shared: VM", "domain web1",
        "wrote to guest frame 0x104 (gpa 0x104000) as shared memory",
        "it is part of the image that the guest was launched with",
        "The page right in front of it belongs to 4 requests to shared (4 pages from 0x100 on)",
        "It was only reported (lenient mode)")


@suite.test("explain: from the kernel log, from standard input, from a file", long=True)
def _():
    log = fleet.command("dmesg").out
    for done in (rmpctl("explain", "-n", "0", stdin=log),
                 rmpctl("explain", "-n", "0", "-", stdin=log)):
        has(done.out, "implicit_shared: VM", "first_touch: VM")
    path = os.path.join(OUT, "log.txt")
    keep("log.txt", log)
    equal(rmpctl("explain", "-n", "0", "-f", path).out, done.out)
    has(rmpctl("explain", "-n", "0").out, "implicit_shared: VM")
    has(rmpctl("explain", "-", stdin="nothing here\n", status=3).err, "there is no record")
    has(rmpctl("explain", "-f", "/nonexistent", status=3).err, "No such file")


@suite.test("map: what was taken without asking")
def _():
    done = rmpctl("map", "build,7", "--columns", "100", "--rows", "40")
    keep("map.txt", done.out)
    has(done.out, "used as shared without asking", "Taken without asking:",
        "gfn 0x303, as shared: 1 page", "gfn 0x1c000, as shared",
        "gfn 0x3c000-0x3c004, as private: 5 pages")


@suite.test("map: coloured, as JSON, of a guest that took nothing", long=True)
def _():
    has(rmpctl("map", "build,7", "--columns", "100", "--rows", "40", "--color", "always").out,
        "\033[48;5;196m")
    totals = rmpctl("map", "build,7", "--json").json()["totals"]
    equal(totals["taken_shared"], 2)
    equal(totals["taken_private"], 5)
    asked = {r["gfn"]: r["asked"] for r in rmpctl("map", "build,7", "--json").json()["runs"]}
    equal((asked[0x303], asked[0x1c000], asked[0x3c000]), ("none", "private", "none"))
    done = rmpctl("map", "db1")
    has(done.out, "domain db1")
    if "Taken without asking" in done.out:
        raise AssertionError(done.out)


@suite.test("map: what was asked for and never used; what the VMM took away")
def _():
    asked = "Asked for as private, and never used so since:"
    done = rmpctl("map", "build,7", "--unused", "--columns", "100", "--rows", "40")
    has(done.out, asked, "gfn 0x1000-0x17fff: 94208 pages")
    if asked in rmpctl("map", "build,7").out:
        raise AssertionError("it was not asked for")
    guest = Guest("robbed", "robbed1")
    guest.wait_for("violations/initial_shared", 1)
    equal(rmpctl("map", "robbed1", "--json").json()["taken_away"], [])
    guest.go_on()
    guest.wait_for("pages_discarded", 2)
    done = rmpctl("map", "robbed1", "--unused")
    keep("robbed.txt", done.out)
    has(done.out, "Private memory that the VMM has taken away", "  gfn 0x101-0x102: 2 pages, ",
        f"{asked}\n  gfn 0x101-0x102: 2 pages")
    told = rmpctl("map", "robbed1", "--json", "--unused").json()
    equal([(r["gfn"], r["pages"]) for r in told["taken_away"]], [(0x101, 2)])
    equal(told["unused"], [{"gfn": 0x101, "pages": 2}])
    has(rmpctl("show", "robbed1").out, "taken away   2 pages by the VMM")
    guest.end()


@suite.test("map --png: a picture, or what it needs", long=True)
def _():
    path = os.path.join(OUT, "map.png")
    if not importlib.util.find_spec("PIL"):
        has(rmpctl("map", "build,7", "--png", path, status=3).err, "python3-pil")
        return
    rmpctl("map", "build,7", "--png", path)
    with open(path, "rb") as file:
        equal(file.read(8), b"\x89PNG\r\n\x1a\n")
    has(rmpctl("map", "build,7", "--png", "/nonexistent/x.png", status=3).err, "can't write")


@suite.test("history: of a VM, of a page", long=True)
def _():
    keep("history.txt", rmpctl("history", "web1").out)
    done = rmpctl("history", "web1", "0x103")
    equal(len(done.out.splitlines()), 1)
    has(done.out, "PSC to shared", "completed")
    done = rmpctl("history", "web1", "0x104")
    equal(len(done.out.splitlines()), 1)
    has(done.out, "! vCPU 0  implicit_shared: shared write of 0x104")
    has(rmpctl("history", "web1", "0x99999").out, "no page-state change and no violation")
    has(rmpctl("history", "web1", "here", status=2).err, "not a guest frame number")
    has(rmpctl("history", "queue1").err, "are not kept any more")


@suite.test("watch: rates of a VM that is at work; JSON lines", long=True)
def _():
    lines = rmpctl("watch", "-n", "2", "-i", "2", "--json").out.splitlines()
    equal(len(lines), 2)
    vms = {v["domain"]: v for v in json.loads(lines[1])["vms"]}
    if not vms["queue1"]["psc_completed_per_s"] > 0 or vms["db1"]["psc_completed_per_s"] != 0:
        raise AssertionError(lines[1])
    done = rmpctl("watch", "-n", "1")
    keep("watch.txt", done.out)
    has(done.out, "queue1", "PSC/s")
    has(rmpctl("watch", "-i", "0", status=2).err, "--interval")


@suite.test("set: globally, per VM, by domain name; wrong values change nothing", long=True)
def _():
    has(rmpctl("set", "mode=strict", "action=terminate", "first_touch=report").out,
        "all VMs: mode: lenient -> strict", "all VMs: action: vc -> terminate",
        "all VMs: policy/first_touch: enforce -> report")
    has(rmpctl("set", "--vm", "web1", "mode=lenient", "action=vc").out, "mode: inherit -> lenient")
    found = {s["domain"]: s for s in rmpctl("list", "--json").json()}
    equal(found["web1"]["effective_mode"], "lenient")
    equal(found["db1"]["effective_mode"], "strict")
    before = rmpctl("list", "--json").json()
    for words, said in ((["mode=strickt"], "is one of off, lenient, strict"),
                        (["mode"], "is not NAME=VALUE"), (["colour=red"], "no setting 'colour'"),
                        (["mode=inherit"], "'inherit' is for single VMs"),
                        (["mode=off", "action=none"], "action can't be 'none'")):
        has(rmpctl("set", *words, status=2).err, said)
    has(rmpctl("set", "--vm", "web9", "mode=off", status=3).err, "web9")
    equal([s["effective_mode"] for s in rmpctl("list", "--json").json()],
          [s["effective_mode"] for s in before])
    rmpctl("set", "--vm", "web1", "mode=inherit", "action=inherit")
    rmpctl("set", "mode=lenient", "action=vc", "first_touch=enforce")


@suite.test("strict for one VM: #VC, and explain says so")
def _():
    rmpctl("set", "--vm", "web1", "mode=strict")
    guests["web1"].go_on()
    guests["web1"].wait_for("violations/enforced", 1)
    done = rmpctl("explain", "web1")
    has(" ".join(done.out.split()), "The guest got #VC with error code 0x404")
    equal(rmpctl("check", "--json", status=1).json()["ok"], False)


@suite.test("terminate for one VM: list, show and check say so")
def _():
    rmpctl("set", "--vm", "web1", "action=terminate")
    guests["web1"].go_on()
    guests["web1"].wait_for("violations/enforced", 2)
    found = {s["domain"]: s for s in rmpctl("list", "--json").json()}
    equal(found["web1"]["state"], "terminated")
    equal(found["db1"]["state"], "running")
    has(rmpctl("check", status=1).out, "[ FAIL ] guests: violations of VM")
    has(" ".join(rmpctl("explain", "web1").out.split()), "The guest was ended")


@suite.test("metrics: text format, all VMs; a file is replaced in one step")
def _():
    done = rmpctl("metrics")
    keep("metrics.txt", done.out)
    has(done.out, "rmp_enforce_up 1", 'rmp_enforce_mode{mode="lenient"} 1',
        'domain="web1",class="implicit_shared"} 3', 'domain="build,7",class="first_touch"} 5')
    path = os.path.join(OUT, "rmp_enforce.prom")
    rmpctl("metrics", "--output", path)
    equal(os.stat(path).st_mode & 0o777, 0o644)
    equal([n for n in os.listdir(OUT) if n.startswith(".rmp_enforce.")], [])
    has(rmpctl("metrics", "--output", "/nonexistent/x", status=3).err, "can't write")


def host_counters():
    """{name of a metric, and its labels: value} of what outlives a VM."""
    return {(m["name"].removeprefix("rmp_enforce_"), tuple(s["labels"].values())): s["value"]
            for m in rmpctl("metrics", "--json").json() for s in m["samples"]
            if not m["name"].startswith("rmp_enforce_vm_")}


@suite.test("a VM that comes, violates and ends between two runs of metrics: counted, listed, "
            "explained")
def _():
    before = host_counters()
    guest = Guest("overrun", "gone1")
    guest.wait_for("violations/implicit_shared", 1)
    last = guest.end_for_good()
    equal((last["pid"], last["comm"], last["state"], last["history"]),
          (guest.pid, "qemu-system-x86", "ended", "complete"))
    equal((last["violations"]["implicit_shared"], last["enforced"]), (1, 0))
    # It goes on until it ends.
    if last["psc_completed"] < 4:
        raise AssertionError(f"{last['psc_completed']} PSCs")
    new = {key: value - before.get(key, 0) for key, value in host_counters().items()
           if value != before.get(key)}
    for key, count in ((("violations_total", ("implicit_shared",)), 1), (("vms_seen_total", ()), 1),
                       (("vms_ended_total", ()), 1),
                       (("ended_vm_violations", (last["vm"], guest.pid, "qemu-system-x86", "ended",
                                                 "implicit_shared")), 1)):
        # Guests that still run may have done more meanwhile.
        if new.get(key, 0) < count:
            raise AssertionError(f"{key}: {new}")
    has(rmpctl("list").err, "guests that have ended had ", "'rmpctl list --ended'")
    done = rmpctl("list", "--ended")
    keep("ended.txt", done.out)
    equal(done.out.splitlines()[-1].split()[0], str(last["vm"]))
    has(done.out, " ago ")
    has(rmpctl("check", status=1).out, "by guests that have ended")
    has(rmpctl("show").out, "'rmpctl list --ended'")
    has(rmpctl("show", str(last["vm"]), status=3).err, "has ended; 'rmpctl list --ended'")
    has(rmpctl("explain", str(last["vm"])).out, f"implicit_shared: VM {last['vm']} ",
        f"pid {guest.pid}", "wrote to guest frame 0x104")


@suite.test("the totals are those of the VMs that run and of those that have ended", long=True)
def _():
    from rmpctl.classes import CLASSES
    told = rmpctl("show", "--json").json()
    running = rmpctl("list", "--json").json()
    past = rmpctl("list", "--ended", "--json").json()
    equal(told["totals"]["vms"], len(running) + len(past))
    equal(told["totals"]["vms_ended"], len(past))
    for name in CLASSES:
        equal((name, told["totals"][name]),
              (name, sum(vm["violations"][name] for vm in running + past)))
    equal(told["totals"]["enforced"], sum(vm["enforced"] for vm in running + past))
    equal(told["totals"]["vms_terminated"], sum(vm["state"] == "terminated"
                                                for vm in running + past))


@suite.test("without rights: one sentence each")
def _():
    debugfs = "/sys/kernel/debug/rmp_enforce can be read by root only: run as root."
    for args, said in (
            (["map", "db1"], debugfs), (["history", "db1"], debugfs),
            (["list", "--ended"], debugfs), (["where", "db1"], debugfs),
            (["set", "mode=off"], "settings can be changed by root only: run as root."),
            (["set", "--vm", "db1", "mode=off"],
             "settings can be changed by root only: run as root."),
            (["explain"], "the kernel log can be read by root only (kernel.dmesg_restrict): run "
             "as root."),
            (["bundle"], "most of what belongs in a bundle can be read by root only: run as "
             "root.")):
        done = rmpctl(*args, uid=fleet.NOBODY, status=3)
        equal((done.out, done.err), ("", f"rmpctl: {said}\n"))
    equal(rmpctl("list", "--json").json()[0]["mode"], "inherit")
    # sysfs is for everybody, and so is a VMM's name where /proc is.
    has(rmpctl("show", "db1", uid=fleet.NOBODY).out, "domain db1",
        "last violation: it can be read by root only")
    has(rmpctl("check", uid=fleet.NOBODY, status=1).out,
        "[ SKIP ] hooks: tracefs can't be read\n         run as root")
    # Whoever is not root sees no record, since it has the address of a page of the host.
    equal(rmpctl("explain", "web1", uid=fleet.NOBODY, status=3).err,
          "rmpctl: records of a VM can be read by root only: run as root.\n")
    has(rmpctl("list", uid=fleet.NOBODY).out, "db1", "web1")
    found = {s["domain"]: s for s in rmpctl("list", "--json", uid=fleet.NOBODY).json()}
    equal((found["web1"]["last_violation"], found["web1"]["last_violation_readable"]),
          (None, False))
    told = rmpctl("metrics", uid=fleet.NOBODY).out
    has(told, "rmp_enforce_up 1", 'rmp_enforce_violations_total{class="implicit_shared"}')
    equal("ended_vm" in told, False)
    # The totals are for everybody.
    has(rmpctl("list", uid=fleet.NOBODY).err, "guests that have ended had ")
    has(rmpctl("show", uid=fleet.NOBODY).out, "since load")


@suite.test("where: of a guest whose policy does not allow debugging", long=True)
def _():
    """Its violations have been told, so the module has asked once."""
    equal({s["domain"]: s["debuggable"] for s in rmpctl("list", "--json").json()}["web1"], "no")
    has(rmpctl("show", "web1").out, "the guest's policy does not allow it")
    has(rmpctl("where", "web1", status=3).err, "policy of VM ", "does not allow debugging",
        "policy=0xb0000")
    has(rmpctl("set", "--vm", "web1", "request_sites=on").err, "does not allow debugging")
    rmpctl("set", "--vm", "web1", "request_sites=inherit")


@suite.test("sites and request_sites: of all VMs, and of one", long=True)
def _():
    has(rmpctl("set", "sites=off", "request_sites=on").out, "all VMs: sites: on -> off\n",
        "all VMs: request_sites: off -> on\n")
    has(rmpctl("show").out, "at violations: off (sites), at PSCs: on (request_sites)")
    has(rmpctl("check", status=1).out, "sites off, request_sites on")
    rmpctl("set", "sites=on", "request_sites=off")
    has(rmpctl("set", "--vm", "db1", "sites=off").out, "sites: inherit -> off\n")
    has(rmpctl("show", "db1").out, "at violations: off, at PSCs: off (global)")
    rmpctl("set", "--vm", "db1", "sites=inherit")


@suite.test("bundle: another machine can look into it", long=True)
def _():
    path = os.path.join(OUT, "bundle.tar.gz")
    done = rmpctl("bundle", "-o", path)
    has(done.out, "no guest memory in it")
    equal(os.stat(path).st_mode & 0o777, 0o600)
    with tarfile.open(path) as tar:
        names = tar.getnames()
        folder = os.path.join(OUT, names[0].split("/")[0])
        tar.extractall(OUT)
    has(" ".join(names), "sys/kernel/rmp_enforce/mode", "dev/kmsg", "page_state", "check.json",
        "README.txt", "/holes", "/psc_unused", "rmp_enforce/ended", "totals/vms_ended",
        "rmp_enforce/request_sites")
    equal([name for name in names if "/debug/" in name and name.endswith("/sites")], [])
    with open(os.path.join(folder, "not-there.txt"), encoding="utf-8") as file:
        has(file.read(), "/sites: left out, registers of the guest")
    equal([e["vm"] for e in rmpctl("--root", folder, "list", "--ended", "--json").json()],
          [e["vm"] for e in rmpctl("list", "--ended", "--json").json()])
    for args in (["show", "web1"], ["map", "build,7", "--rows", "20"], ["history", "web1"],
                 ["list"], ["explain", "-n", "0"]):
        # But for ages, and for numbers that get longer, and columns with them: here it goes on.
        there, here = (rmpctl(*where, *args).out.splitlines()[0].rpartition(" ago ")[2].split()
                       for where in (["--root", folder], []))
        equal(there, here)
    has(rmpctl("--root", folder, "check", status=1).out, os.uname().release,
        "all 8 functions of KVM are redirected", "a bundle does not have the kernel's BTF")
    has(rmpctl("--root", folder, "set", "mode=off", status=2).err, "can't be changed")
    has(rmpctl("bundle", "-o", "/nonexistent/x", status=3).err, "can't write")


@suite.test("a guest of 1 TiB: map in seconds", long=True)
def _():
    guests["huge"] = Guest("huge", "huge")
    guests["huge"].wait_for("psc_pages", 64 * 15 << 18)
    done = rmpctl("map", "huge", "--rows", "30")
    has(done.out, "huge")


@suite.test("a VM that ends between being found and being looked at: one sentence", long=True)
def _():
    for args in (["show", "brief"], ["map", "brief"], ["history", "brief"], ["explain", "brief"],
                 ["set", "mode=strict", "--vm", "brief"]):
        guest = Guest("clean", "brief")
        gone = f"rmpctl: VM {guest.vm} is gone: it has ended.\n"
        done = rmpctl(*args, status=3, once_found=guest.vanish)
        equal((done.out, done.err), ("", gone))
        guest.end()
    equal(rmpctl("show", "brief", status=3).err,
          "rmpctl: no SNP VM that runs is of a domain 'brief'; 'rmpctl list' shows them.\n")


@suite.test("a VM that ends while others look all the time", long=True)
def _():
    guests["db1"].end()
    has(rmpctl("show", "db1", status=3).err, "db1")
    equal({s["domain"] for s in rmpctl("list", "--json").json()} & {"db1", "web1"}, {"web1"})
    # While somebody looks all the time.
    looking = subprocess.Popen(["rmpctl", "watch", "-n", "30", "-i", "0.1", "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    looking.stdout.readline()
    guests["web1"].end()
    guests["queue1"].end()
    out, err = looking.communicate(timeout=120)
    equal(err, "")
    equal(looking.returncode, 0)
    equal({v["domain"] for v in json.loads(out.splitlines()[-1])["vms"]}, {"build,7", "huge"})


@suite.test("a VMM's name is data: nothing of it reaches the terminal, or is a metric", long=True)
def _():
    name = "a\033[2J\nrmp_enforce_up 0"
    guest = Guest("clean", name)
    for args in (["list"], ["show", guest.vm], ["map", guest.vm], ["watch", "-n", "1"]):
        out = rmpctl(*args).out
        equal([c for c in out if not c.isprintable() and c != "\n"], [])
    has(rmpctl("list").out, "a\\x1b[2J\\nrmp_enforce_up 0")
    has([s["domain"] for s in rmpctl("list", "--json").json()], name)
    equal(rmpctl("metrics").out.count("\nrmp_enforce_up "), 1)
    guest.end()


@suite.test("all VMs end, the module unloads")
def _():
    for guest in guests.values():
        guest.end()
    fleet.unload()
    has(rmpctl("list", status=3).err, "not loaded")


if __name__ == "__main__":
    main(suite)
