# SPDX-License-Identifier: GPL-2.0-only
"""What outlives a VM: totals of the host, and the last VMs that have ended."""

import io
import json
import os
import re
import shutil
import tarfile
import tempfile
import unittest
import unittest.mock

from rmpctl import checks, classes, domain, ended, totals
from rmpctl.commands import bundle, journal
from rmpctl.host import MODULE
from test_hostile import BODY, NAMES, FakeRoot, run

OF_3 = BODY.replace("vm=7 pid=200", "vm=3 pid=7")
COMM = "qemu-system-x86"


def line(vm, pid, state="ended", comm=COMM, age_us=7200000000, **counts):
    """A line of the file ended."""
    numbers = dict.fromkeys(ended.COUNTERS + ("enforced", "repeated") + classes.CLASSES, 0) | counts
    return (f"vm={vm} pid={pid} comm={comm} state={state} history=complete age_us={age_us} " +
            " ".join(f"{k}={v}" for k, v in numbers.items()) + "\n")


class Case(unittest.TestCase):
    """A host with VM 3, which has a violation of each class; VM 1 and VM 2 have ended."""

    def setUp(self):
        self.root = FakeRoot(self)
        self.root.call("web3")
        self.count(**dict.fromkeys(classes.CLASSES, 1), vms=1)

    def count(self, **counts):
        for name in totals.NAMES:
            self.root.put(f"{totals.FOLDER}/{name}", f"{counts.get(name, 0)}\n")

    def end(self, *lines, **counts):
        self.root.put(ended.FILE, "".join(lines))
        now = {name: 1 for name in classes.CLASSES} | {"vms": 1 + len(lines),
                                                       "vms_ended": len(lines)}
        self.count(**{name: now.get(name, 0) + counts.get(name, 0)
                      for name in set(now) | set(counts)})

    def two(self):
        self.end(line(1, 410), line(2, 411, "terminated", age_us=120000000, psc_completed=5,
                                    first_touch=2, host=4, enforced=1),
                 first_touch=2, host=4, enforced=1, vms_terminated=1)

    def said(self, *words):
        with unittest.mock.patch("sys.stdin", open(os.devnull, encoding="ascii")) as null:
            told = run("--root", self.root.folder, *words)
            null.close()
        return told

    def json(self, *words):
        return json.loads(self.said(*words, "--json")[1])

    def without_rights(self):
        """debugfs is for root; root, who tests, reads all."""
        def listdir(path):
            if str(path).endswith("/debug/rmp_enforce"):
                raise PermissionError(13, "Permission denied", path)
            return plain(path)

        plain = os.listdir
        return unittest.mock.patch("os.listdir", listdir)

    def older(self):
        """A module that has neither."""
        shutil.rmtree(self.root.host.path(totals.FOLDER))
        path = self.root.host.path(ended.FILE)
        if os.path.exists(path):
            os.unlink(path)


class Metrics(Case):
    def samples(self):
        return {(m["name"].removeprefix("rmp_enforce_"), tuple(s["labels"].values())): s["value"]
                for m in self.json("metrics") for s in m["samples"]}

    def test_a_vm_that_ends_between_two_runs_is_seen(self):
        before = self.samples()
        self.two()
        after = self.samples()
        new = {key: value for key, value in after.items() if before.get(key) != value}
        self.assertEqual(new, {
            ("violations_total", ("first_touch",)): 3, ("violations_total", ("host",)): 5,
            ("enforced_total", ()): 1, ("vms_seen_total", ()): 3, ("vms_ended_total", ()): 2,
            ("vms_terminated_total", ()): 1,
            ("ended_vm_violations", (2, 411, COMM, "terminated", "first_touch")): 2,
            ("ended_vm_violations", (2, 411, COMM, "terminated", "host")): 4})

    def test_names_types_and_labels(self):
        self.two()
        text = self.said("metrics")[1]
        for kind, name in (("counter", "violations_total"), ("counter", "repeated_total"),
                           ("counter", "vc_injected_total"), ("gauge", "ended_vm_violations")):
            self.assertIn(f"# TYPE rmp_enforce_{name} {kind}\n", text)
        self.assertIn('rmp_enforce_violations_total{class="in_flight"} 1\n', text)
        self.assertIn(f'rmp_enforce_ended_vm_violations{{vm="2",pid="411",comm="{COMM}",'
                      'state="terminated",class="host"} 4\n', text)

    def test_nothing_breaks_where_it_can_not_be_read(self):
        self.two()
        with self.without_rights():
            status, text, err = self.said("metrics")
        self.assertEqual((status, err), (0, ""))
        self.assertIn('rmp_enforce_violations_total{class="first_touch"} 3\n', text)
        self.assertNotIn("ended_vm", text)
        os.unlink(self.root.host.path(totals.FOLDER, "repeated"))
        self.assertNotIn("rmp_enforce_repeated_total", self.said("metrics")[1])
        self.older()
        status, text, err = self.said("metrics")
        self.assertEqual((status, err), (0, ""))
        self.assertNotRegex(text, r"rmp_enforce_(violations|enforced|vms_\w+)_total|_ended_")


class List(Case):
    def test_the_newest_is_the_last(self):
        self.two()
        status, out, err = self.said("list", "--ended")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual([row.split() for row in out.splitlines()], [
            ["VM", "DOMAIN", "PID", "ENDED", "HISTORY", "STATE", "PSC", "ERRORS", "NOTED",
             "ENFORCED"],
            ["1", f"({COMM})", "410", "2", "h", "ago", "complete", "ended", "0", "0", "0", "0"],
            ["2", f"({COMM})", "411", "2", "min", "ago", "complete", "terminated", "5", "2", "4",
             "1"]])
        told = self.json("list", "--ended")
        self.assertEqual([(e["vm"], e["state"], e["violations"]["first_touch"], e["enforced"],
                           e["psc_completed"], e["domain"]) for e in told],
                         [(1, "ended", 0, 0, 0, None), (2, "terminated", 2, 1, 5, None)])

    def test_those_that_are_not_kept_any_more(self):
        self.two()
        self.assertNotIn("earlier", self.said("list", "--ended")[2])
        self.root.put(ended.FILE, line(2, 411))
        self.assertIn("1 VM ended earlier; 'rmpctl show' has the totals of all",
                      self.said("list", "--ended")[2])

    def test_none(self):
        self.root.put(ended.FILE, "")
        status, out, err = self.said("list", "--ended")
        self.assertEqual((status, len(out.splitlines())), (0, 1))
        self.assertIn("no SNP VM has ended", err)
        self.assertEqual(self.json("list", "--ended"), [])

    def test_what_can_not_be_read(self):
        self.two()
        with self.without_rights():
            status, out, err = self.said("list", "--ended")
            self.assertEqual((status, out), (3, ""))
            self.assertRegex(err, r"\Armpctl: \S+ can be read by root only: run as root\.\n\Z")
            # The totals are for everybody.
            self.assertIn("had 2 errors", self.said("list")[2])
        self.older()
        self.assertEqual(self.said("list", "--ended"), (
            3, "", "rmpctl: this version of the module does not keep what VMs did that have "
            "ended.\n"))

    def test_list_says_if_ended_guests_had_errors(self):
        self.assertEqual(self.said("list")[2], "")
        self.end(line(1, 410, host=9), host=9)
        self.assertEqual(self.said("list")[2], "")
        self.two()
        self.assertEqual(self.said("list")[2], "rmpctl: guests that have ended had 2 errors: "
                         "'rmpctl list --ended'.\n")
        self.assertEqual([s["vm"] for s in self.json("list")], [3])
        self.older()
        self.assertEqual(self.said("list")[2], "")

    def test_what_a_vm_does_meanwhile_blames_nobody(self):
        """The totals are read first; the VM has one more error when it is looked at."""
        self.root.put(f"{MODULE}/vms/3/violations/first_touch", "2\n")
        self.assertEqual(self.said("list")[2], "")

    def test_hostile_words(self):
        """What a bundle has was made elsewhere."""
        lines = [line(1, 410, comm=re.sub(r"\s", "", name) or "x") for name in NAMES]
        self.end(*lines, "", "\n", "nonsense\n", "vm=1\n", "pid=2 vm=x\n", "vm=²\n",
                 "vm=1 pid=2\n", "vm=9 pid=1 age_us=" + "9" * 500 + " first_touch=-1\n")
        for words in (["list", "--ended"], ["list"], ["check"], ["show"], ["metrics"]):
            status, out, err = self.said(*words)
            self.assertIn(status, (0, 1), (words, err))
            if words != ["metrics"]:
                self.assertEqual([c for c in out + err if not c.isprintable() and c != "\n"], [])
        told = self.json("list", "--ended")
        self.assertEqual(len(told), len(NAMES) + 2)
        self.assertEqual(told[0]["comm"], NAMES[0])


class Names(Case):
    """The module knows no domains; whoever knew one while the VM ran has noted it."""

    def test_journal_notes_them(self):
        host = self.root.host
        self.root.call("web3, é")
        journal.write(host, None, lambda entry: None)
        shutil.rmtree(host.path(MODULE, "vms/3"))
        self.end(line(3, 7, first_touch=1), line(4, 7), line(5, 8))
        self.assertEqual([e["domain"] for e in self.json("list", "--ended")],
                         ["web3, é", None, None])
        self.assertIn("web3, é", self.said("list", "--ended")[1])
        for words in (["show", "3"], ["show", "web3, é"], ["show", "pid:7"], ["map", "3"]):
            status, _, err = self.said(*words)
            self.assertEqual(status, 3)
            self.assertIn(" has ended; 'rmpctl list --ended' has what it did", err)
        self.assertIn("VM 4 (qemu-system-x86, 7) has ended", self.said("show", "4")[2])
        self.assertIn("there is no VM 9", self.said("show", "9")[2])

    def test_a_vm_of_the_same_process_and_one_of_the_same_number(self):
        host = self.root.host
        domain.remember(host, 7, 3, "old3")
        domain.remember(host, 7, 4, "new4")
        self.assertEqual(domain.name_of_vm(host, 4, 7), "new4")
        shutil.rmtree(host.path(MODULE, "vms/3"))
        self.assertEqual(domain.name_of_vm(host, 3, 7), "old3")
        self.assertIsNone(domain.name_of_vm(host, 3, 8))

    def test_notes_end(self):
        host = self.root.host
        with unittest.mock.patch.object(domain, "NOTES_KEPT", 3):
            for vm in range(6):
                domain.remember(host, 100, vm, "x")
                os.utime(host.path(domain.NOTES, str(vm)), (vm, vm))
        self.assertEqual(host.listdir(domain.NOTES), ["3", "4", "5"])

    def test_what_is_noted_is_not_written_again(self):
        domain.remember(self.root.host, 7, 3, "web3")
        with unittest.mock.patch("rmpctl.files.publish", side_effect=AssertionError):
            domain.remember(self.root.host, 7, 3, "web3")


class Check(Case):
    def guests(self):
        return next(c for c in self.json("check")["checks"] if c["name"] == "guests")

    def clean(self):
        for name in classes.CLASSES:
            self.root.put(f"{MODULE}/vms/3/violations/{name}", "0\n")

    def test_guests_that_have_ended(self):
        found = self.guests()
        self.assertEqual((found["status"], found["detail"]),
                         (checks.FAIL, "violations of VM 3 (web3)"))
        self.two()
        found = self.guests()
        self.assertEqual((found["status"], found["detail"]), (
            checks.FAIL, "violations of VM 3 (web3); 2 violations by guests that have ended"))
        self.assertIn("'rmpctl list --ended'", found["hint"])
        self.clean()
        self.count(first_touch=1)
        found = self.guests()
        self.assertEqual((found["status"], found["detail"], found["hint"]), (
            checks.WARN, "none that runs violated; 1 violation by guests that have ended",
            "run 'rmpctl list --ended'"))
        self.count(host=3)
        self.assertEqual(self.guests()["detail"],
                         "no violation of a guest that runs, or has ended")
        self.older()
        self.assertEqual(self.guests()["detail"], "no violation of a guest that runs")


class Show(Case):
    def test_the_host(self):
        self.two()
        status, out, _ = self.said("show")
        self.assertEqual(status, 0)
        rows = {words[0]: words[1:] for words in map(str.split, out.splitlines()) if words}
        self.assertEqual(rows["first_touch"], ["3", "2", "report"])
        self.assertEqual(rows["host"], ["5", "4", "report"])
        self.assertIn("1 VM runs", out)
        self.assertIn("3 VMs met, 2 have ended, 1 guest terminated", out)
        self.assertIn("'rmpctl list --ended'", out)
        told = self.json("show")
        self.assertEqual((told["totals"]["first_touch"], told["of_ended"]["first_touch"],
                          told["vms_running"], told["policy"]["vmpl"]), (3, 2, 1, "report"))

    def test_of_an_older_module(self):
        self.older()
        status, out, _ = self.said("show")
        self.assertEqual(status, 0)
        self.assertIn("of VMs that run", out)
        self.assertNotIn("ended", out)
        self.assertEqual((self.json("show")["totals"], self.json("show")["of_ended"]),
                         (None, None))


class Explain(Case):
    def test_a_vm_that_has_ended(self):
        self.root.put("dev/kmsg", f"4,1,1,-;rmp_enforce: violation {OF_3.replace('pid=7', 'pid=8')}"
                      f"\n4,2,2,-;rmp_enforce: loaded: x\n4,3,3,-;rmp_enforce: violation {OF_3}\n")
        domain.remember(self.root.host, 7, 3, "web3")
        shutil.rmtree(self.root.host.path(MODULE, "vms/3"))
        self.end(line(3, 7, implicit_shared=1), line(4, 9))
        for name in ("3", "pid:7", "web3"):
            status, out, _ = self.said("explain", "-n", "0", name)
            self.assertEqual(status, 0)
            self.assertEqual(re.findall(r"(?m)^implicit_shared: .*", out),
                             ["implicit_shared: VM 3 (domain web3, pid 7, e2e)"])
        self.assertIn("VM 4 (qemu-system-x86, 9) has ended", self.said("explain", "4")[2])


class Bundles(Case):
    def test_they_are_in_it(self):
        self.two()
        domain.remember(self.root.host, 411, 2, "db2")
        self.root.put("dev/kmsg", "4,1,1,-;rmp_enforce: violation "
                      f"{BODY.replace('vm=7 pid=200', 'vm=2 pid=411')}\n")
        file = io.BytesIO()
        top = "rmp_enforce-h1-20261130-120000"
        bundle.Bundle(self.root.host, file, top, lambda text: None).fill()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"{top}.tar.gz")
            with open(path, "wb") as out:
                out.write(file.getvalue())
            report = json.loads(run("triage", "--json", path)[1])
            self.assertIn(["db2", 1], [d for g in report["groups"] for d in g["domains"]])
            with tarfile.open(path) as tar:
                tar.extractall(folder)
            there = ["--root", os.path.join(folder, top)]
            self.assertEqual([e["domain"] for e in
                              json.loads(run(*there, "list", "--ended", "--json")[1])],
                             [None, "db2"])
            self.assertEqual(json.loads(run(*there, "show", "--json")[1])["totals"]["host"], 5)
            report = json.loads(run("triage", "--json", os.path.join(folder, top))[1])
            self.assertIn(["db2", 1], [d for g in report["groups"] for d in g["domains"]])


if __name__ == "__main__":
    unittest.main()
