# SPDX-License-Identifier: GPL-2.0-only
"""Records, the kernel log, names of domains, metrics, and what documents promise."""

import argparse
import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
import unittest.mock

from rmpctl import VERSION, causes, checks, classes, cli, domain, errors, explanation, files, klog
from rmpctl import neighbours, prometheus, psc, rates, record, settings, units, vm as vms
from rmpctl.commands import COMMANDS, bundle, history, metrics, set as setting
from rmpctl.host import DEBUG, MODULE, Host
from rmpctl.pairs import parse_pairs

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
LINE = ("rmp_enforce: violation vm=7 pid=200 comm=e2e vcpu=0 gfn=0x100 gpa=0x100000 access=shared "
        "op=write expected=private source=psc class=implicit_shared attr=private "
        "err=0x100000006(WRITE,USER,FINAL) psc=private psc_age_us=541 psc_vcpu=0 psc_gfn=0x100 "
        "psc_pages=1 launch=no pfn=none rmp=n/a rip=n/a n=1 suppressed=0 mode=strict action=vc "
        "escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a "
        "hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a")

sys.path.insert(0, os.path.join(TOP, "tests", "tools", "host"))
import abi  # noqa: E402


def text_of(*parts):
    with open(os.path.join(TOP, *parts), encoding="utf-8") as file:
        return file.read()


class Records(unittest.TestCase):
    def test_wherever_it_comes_from(self):
        for front in ("", "[   71.4] ", "Nov 23 01:00:00 host kernel: ", "<4>"):
            r = record.Record.from_line(front + LINE)
            self.assertEqual((r["vm"], r.gfn, r["class"]), ("7", 0x100, "implicit_shared"))
            self.assertEqual(r.error_bits, ["WRITE", "USER", "FINAL"])
        r = record.Record.from_line("seq=3 age_us=5 " + LINE.partition("violation ")[2])
        self.assertEqual((r.number("seq"), r.number("age_us"), r["vm"]), (3, 5, "7"))

    def test_what_is_none(self):
        for line in ("", "none", "rmp_enforce: loaded: mode=lenient", "vm=1 pid=2"):
            self.assertIsNone(record.Record.from_line(line))

    def test_classes_are_those_of_the_module(self):
        names = set(re.findall(r"violations/<class>|^\s+(\w+)  +(?:enforce|report) ",
                               text_of("docs", "ABI", "sysfs-kernel-rmp_enforce"), re.M))
        self.assertEqual(names - {""}, set(classes.POLICY_CLASSES))
        counted = re.findall(r"violations/(\w+)$",
                             text_of("docs", "ABI", "sysfs-kernel-rmp_enforce"), re.M)
        self.assertEqual(set(counted) - {"enforced", "repeated"},
                         set(classes.CLASSES) - set(classes.POLICY_CLASSES))

    def test_every_class_is_explained(self):
        for name in classes.CLASSES:
            usual, look = causes.CAUSES[name]
            self.assertTrue(usual and look)
            self.assertTrue(f"| `{name}` |" in text_of("docs", "records.md"), name)

    def test_every_key_of_a_record_is_documented(self):
        known = text_of("docs", "records.md")
        for key in parse_pairs(LINE.partition("violation ")[2]):
            self.assertTrue(f"`{key}`" in known, key)


class Timeline(unittest.TestCase):
    def test_order_is_not_that_of_ages(self):
        """The PSCs are read first, so each seems younger than it is beside a violation."""
        body = LINE.partition("violation ")[2]
        vm = unittest.mock.Mock()
        vm.open_debug.return_value = [
            f"seq={n} age_us=10 vcpu=0 gfn=0x{0xff + n:x} pages=1 to=shared result=completed"
            for n in (1, 2, 3)]
        vm.violations.return_value = [
            record.Record.from_line(f"seq={n} psc_seq=2 age_us={90 - n} {body}") for n in (1, 2)]
        self.assertEqual([e.kind for e in history.events(vm)],
                         ["psc", "psc", "violation", "violation", "psc"])
        self.assertEqual([e.kind for e in history.events(vm, 0x100)],
                         ["psc", "violation", "violation"])

    def test_the_answer_of_who_refused_and_what_was_in_vain(self):
        vm = unittest.mock.Mock()
        vm.violations.return_value = []
        line = "seq={} age_us=10 vcpu=0 gfn=0x100 pages=1 to=private result={}\n"
        vm.open_debug.return_value = [
            line.format(1, "refused ret=22 redundant=no"),
            line.format(2, "refused ret=4294967295 redundant=no"),
            line.format(3, "completed ret=0 redundant=yes"),
            line.format(4, "completed")]    # of an older module
        self.assertEqual([e.text.partition("+1  ")[2] for e in history.events(vm)],
                         ["refused: 22 (EINVAL)",
                          "refused: 4294967295 or more, or a negative number",
                          "completed, redundant", "completed"])

    def test_how_many_are_not_kept(self):
        """The ring of violations has gaps: those that were acted upon stay longer."""
        vm = unittest.mock.Mock()
        files = {"psc_history": ["seq=5 x=1\n", "seq=6 x=1\n"], "violations":
                 ["seq=2 vm=1\n", "seq=40 vm=1\n", "seq=41 vm=1\n"]}
        vm.open_debug.side_effect = lambda name: iter(files[name])
        self.assertEqual(history.lost(vm), (4, 38))
        files["violations"] = []
        self.assertEqual(history.lost(vm), (4, 0))


class Explaining(unittest.TestCase):
    def said(self, **changes):
        said = parse_pairs(LINE.partition("violation ")[2])
        said.update(changes)
        return " ".join(" ".join(explanation.text(None, record.Record(said))).split())

    def test_words(self):
        said = self.said()
        for words in ("vCPU 0 wrote to guest frame 0x100 (gpa 0x100000) as shared memory",
                      "the page was private (by the guest's own last request)",
                      "was asked for by vCPU 0 for 0x100 and answered 541 us before",
                      "#VC with error code 0x404"):
            self.assertIn(words, said)

    def test_sources_psc_and_outcomes(self):
        self.assertIn("VM is older than the module", self.said(source="attribute"))
        self.assertIn("had taken it so before", self.said(source="use"))
        self.assertIn("has never asked for this page", self.said(expected="initial", psc="none"))
        self.assertIn("is not known: the VM is older", self.said(psc="unknown"))
        self.assertIn("No page-state change of this page", self.said(psc="none"))
        self.assertIn("has used the page as shared before", self.said(used="shared"))
        self.assertIn("real mode", self.said(action="terminate", escalated="protected_mode_off"))
        self.assertIn("lenient mode", self.said(action="none", mode="lenient"))
        self.assertIn("3 records before it", self.said(suppressed="3"))
        self.assertIn("as a page table", self.said(op="walk"))
        self.assertIn("It is violation 5 of this page", self.said(n="5"))
        self.assertIn("The same fault came 7 more times", self.said(repeats="7"))
        self.assertIn("what it had asked for holds no more",
                      self.said(**{"class": "first_touch"}, expected="initial", source="none"))

    PRIVATE = {"class": "implicit_private", "access": "private", "expected": "shared",
               "psc": "shared", "attr": "shared"}
    REFUSED = {"refused": "private", "refused_age_us": "1200", "refused_ret": "22"}

    def test_a_refused_request_comes_first(self):
        said = self.said(**self.PRIVATE, **self.REFUSED)
        self.assertRegex(said, r"^implicit_private: VM 7 \(pid 200, e2e\) in short The guest asked "
                               r"for this page to be private, and the VMM refused it 1\.2 ms "
                               r"before: it answered 22 \(EINVAL\)\. The guest used it as private "
                               r"all the same\. what happened")
        self.assertIn("looks at the answer to its PSC", said)
        # It asked for the other state: no more is known than that.
        said = self.said(refused="private", refused_age_us="5", refused_ret="5")
        self.assertIn("answered 5 (EIO). what happened", said)
        self.assertNotIn("in short", self.said())
        first = self.said(**self.REFUSED | {"class": "first_touch", "access": "private",
                                            "expected": "initial", "psc": "none"})
        self.assertIn("no request for this page was ever completed", first)
        self.assertNotIn("has never asked", first)

    def test_a_vmm_that_converts_and_then_refuses(self):
        said = self.said(**self.PRIVATE | self.REFUSED | {"class": "host", "expected": "private",
                                                          "action": "none", "refused": "shared"})
        self.assertIn("KVM's attribute of the page is shared: what the VMM answered is not what it "
                      "did", said)
        self.assertIn("rightly. But KVM's attribute of the page was shared: the VMM refused that "
                      "request, but the page is as it asked", said)
        self.assertNotIn("guest_memfd", said)
        self.assertIn("never acted upon", said)
        self.assertNotIn("but the page was", said)
        self.assertNotIn("all the same", said)

    def test_a_page_that_was_taken_away_comes_first(self):
        said = self.said(**{"class": "host"}, access="private", action="none",
                         hole_age_us="3100000")
        self.assertRegex(said, r"\) in short The VMM took this page away 3\.1 s before, by a hole "
                               r"in guest_memfd\..* 0x404 .*what happened")
        self.assertIn("rightly. But the VMM had taken the page away.", said)

    def test_what_can_not_be_private(self):
        said = self.said(**{"class": "unbacked"}, access="private", expected="initial",
                         source="none", action="none")
        self.assertRegex(said, r"\) in short There is no private memory here: .* the C-bit is "
                               r"wrong for this address\. what happened .* where it has no private "
                               r"memory")
        self.assertIn("never acted upon", said)
        self.assertNotIn("converted", said)

    def test_no_progress(self):
        said = self.said(**{"class": "no_progress"}, access="private", action="none", vcpu="3")
        self.assertRegex(said, r"\) in short vCPU 3 faults at the same page, rightly, without "
                               r"progress: the page is in use, for instance as a running vCPU's "
                               r"VMSA")
        self.assertNotIn("but the page was", said)

    def test_permissions_are_no_state(self):
        said = self.said(**{"class": "vmpl"}, access="private", action="none", mode="lenient")
        self.assertIn("which the page does not permit at the guest's VMPL", said)
        self.assertNotIn("convert", said)
        self.assertNotIn("but the page was", said)

    def test_a_page_without_a_note_of_its_last_request(self):
        """The guest has asked for more ranges than are kept: it does ask."""
        said = self.said(**{"class": "first_touch"}, access="private", op="read", psc="unknown",
                         expected="initial", source="none", action="none", mode="lenient")
        self.assertIn("Its last page-state change, if there was one, is not known", said)
        self.assertIn("PVALIDATE only", said)
        self.assertNotIn("never asks for private memory at all", said)
        self.assertIn("never asks for private memory at all", self.said(
            **{"class": "first_touch"}, access="private", op="read", psc="none",
            expected="initial", source="none"))

    def test_a_shared_access_to_a_page_that_was_taken_away(self):
        """What dies of a new page is a private access."""
        said = self.said(hole_age_us="7")
        self.assertIn("The VMM took this page away 7 us before", said)
        self.assertNotIn("0x404 of its own", said)

    def test_in_flight_of_a_page_that_nobody_asked_for_before(self):
        said = self.said(**{"class": "in_flight"}, access="private", expected="initial",
                         source="none", psc="none", action="none", mode="lenient")
        self.assertIn("before the VMM had answered a request to make it private. No other request "
                      "for this page holds", said)
        self.assertNotIn("never asked", said)

    def test_in_flight(self):
        said = self.said(**self.PRIVATE | {"class": "in_flight", "action": "none"})
        self.assertIn("before the VMM had answered a request to make it private. Until then the "
                      "page was shared", said)
        self.assertIn("the vCPU waits for the VMM's answer", said)
        said = self.said(**{"class": "in_flight", "action": "none", "mode": "lenient",
                            "access": "private", "attr": "shared"})
        self.assertIn("rightly. But KVM's attribute of the page was shared already", said)

    def test_what_kvm_did(self):
        """It converts nothing by itself, and only maps what has that state already."""
        lenient = {"mode": "lenient", "action": "none"}
        self.assertIn("KVM left it to the VMM to convert the page", self.said(**lenient))
        self.assertIn("KVM mapped the page", self.said(**lenient, attr="shared"))

    def test_causes_that_fit(self):
        first = {"class": "first_touch", "access": "private", "expected": "initial", "psc": "none",
                 "source": "none"}
        said = self.said(**first, op="read")
        self.assertIn("PVALIDATE only", said)
        self.assertIn("load_unaligned_zeropad()", said)
        said = self.said(**first)
        self.assertIn("used before it is accepted", said)
        self.assertNotIn("PVALIDATE only", said)
        self.assertNotIn("load_unaligned_zeropad()", said)
        self.assertIn("BIOS tables", self.said(**first, gfn="0xf0", op="read"))
        self.assertNotIn("BIOS tables", said)
        # A search writes nothing.
        self.assertNotIn("BIOS tables", self.said(**first, gfn="0xf0"))
        self.assertIn("VGA memory, written", self.said(**first, gfn="0xb8"))
        self.assertIn("never made this memory private", self.said(**first | {"attr": "shared"}))
        self.assertIn("load_unaligned_zeropad()", self.said(**self.PRIVATE | {"op": "read"}))
        self.assertIn("load_unaligned_zeropad()", self.said(op="read"))
        self.assertNotIn("load_unaligned_zeropad()", self.said())

    REFUSED_THIS = {"refused": "shared", "refused_age_us": "5", "refused_ret": "22"}

    def test_what_was_refused_was_not_forgotten(self):
        for changes, words in (
                (self.PRIVATE | self.REFUSED, "was forgotten, or skipped"),
                (self.REFUSED_THIS, "is used before its PSC"),
                (self.REFUSED | {"class": "first_touch", "access": "private", "op": "read",
                                 "expected": "initial", "psc": "none"}, "PVALIDATE only"),
                (self.REFUSED_THIS | {"class": "initial_shared", "expected": "initial",
                                      "psc": "none"}, "never asked for")):
            said = self.said(**changes)
            self.assertNotIn(words, said)
            self.assertIn("The VMM refused the guest's request for this page", said)
            without = changes | {"refused": "none", "refused_age_us": "n/a", "refused_ret": "n/a"}
            self.assertIn(words, self.said(**without))

    def test_every_class_and_operation_has_a_cause(self):
        expected = {"implicit_private": "shared", "implicit_shared": "private", "host": "private",
                    "in_flight": "shared"}
        for name in classes.CLASSES:
            shared = name in ("implicit_shared", "initial_shared")
            for op in ("read", "write") if shared else ("read", "write", "fetch", "walk"):
                changes = {"class": name, "op": op, "access": "shared" if shared else "private",
                           "expected": expected.get(name, "initial"), "attr": "private"}
                usual, look = causes.of(record.Record(
                    parse_pairs(LINE.partition("violation ")[2]) | changes))
                self.assertTrue(usual and look, (name, op))
                if op != "read":
                    self.assertNotIn("PVALIDATE only", " ".join(usual))
                if op in ("fetch", "walk"):
                    self.assertNotIn("buffer", " ".join(usual))
                self.assertNotIn("KVM converted", " ".join(usual))

    def test_a_host_that_did_not_do_what_it_answered(self):
        host = {"class": "host", "access": "private", "expected": "private", "attr": "shared",
                "action": "none"}
        said = self.said(**host)
        self.assertIn("did not do what it answered to the guest's request, or has changed", said)
        self.assertNotIn("changed it by itself", said)
        said = self.said(**host, source="launch", psc="none")
        self.assertIn("the VMM changed it by itself", said)

    def test_history_from_before_the_module_is_not_made_up(self):
        said = self.said(**self.PRIVATE | {"source": "attribute", "psc": "unknown"})
        self.assertNotIn("forgotten", said)
        self.assertIn("shared before the module was loaded", said)

    def cut_at(self, key, more=""):
        """explain's words for a record that ends in front of a key."""
        line = LINE[:LINE.index(f" {key}=")] + more
        return " ".join(" ".join(explanation.text(None, record.Record.from_line(line))).split())

    def test_what_a_record_was_cut_before_is_not_said(self):
        said = self.cut_at("action")
        self.assertIn("what was done That is not known: the record is cut after mode=.", said)
        for words in ("only reported", "as configured", "KVM mapped", "did not happen"):
            self.assertNotIn(words, said)
        said = self.cut_at("psc")
        self.assertIn("the record is cut before psc=", said)
        self.assertIn("is not known", self.cut_at("psc_vcpu", " psc_v"))
        self.assertIn("The record is cut there", self.cut_at("psc_vcpu"))
        # What remains of a number may be another one.
        r = record.Record.from_line(LINE[:LINE.index("psc_age_us=541") + len("psc_age_us=54")])
        self.assertFalse(r.has("psc_age_us"))
        self.assertEqual(r.cut_after, "psc")
        self.assertFalse(record.Record.from_line(LINE.partition(" mode=")[0] + " mode=strict "
                                                 "action=termin").has("action"))
        # Against the guest speaks the class, not what is missing.
        host = LINE.replace("implicit_shared", "host").partition(" action=")[0]
        self.assertFalse(record.Record.from_line(host).is_guest_error)
        self.assertIsNone(record.Record.from_line(LINE).cut_after)
        older = LINE.partition(" repeats=")[0]
        self.assertIsNone(record.Record.from_line(older).cut_after)
        self.assertIsNone(record.Record.from_line(LINE + " site=a").cut_after)
        self.assertIn("The record is cut after escalated=", self.cut_at("used"))

    def test_where_it_was(self):
        self.assertNotIn("in its code", self.said())
        said = self.said(rip="0xffffffff8123abcd", cpl="0")
        self.assertIn("in its code The guest's kernel was at 0xffffffff8123abcd. what was", said)
        self.assertIn("In the kernel, that makes Linux ask the host to end it.", said)
        said = self.said(rip="0x4018c2", cpl="3", psc_rip="0xffffffff81000010", psc_cpl="0")
        self.assertIn("A process in user mode was at 0x4018c2. The last request was made by the "
                      "guest's kernel at 0xffffffff81000010.", said)
        self.assertNotIn("in the kernel, Linux", said)
        self.assertIn("The guest, at privilege level 1, was at 0x5", self.said(rip="0x5", cpl="1"))
        self.assertIn("The guest was at 0x5.", self.said(rip="0x5"))
        said = explanation.as_json(None, record.Record.from_line(LINE))
        self.assertIsNone(said["where"])
        self.assertEqual(said["record"]["rip"], "n/a")

    def test_records_of_modules_without_these_keys(self):
        older = LINE.partition(" cpl=")[0]
        r = record.Record.from_line(older)
        self.assertIsNone(r.cut_after)
        self.assertEqual(explanation.as_json(None, r) | {"record": 0},
                         explanation.as_json(None, record.Record.from_line(LINE)) | {"record": 0})
        # What is left of an address may be another one.
        for text, after in ((f"{older} cpl=0", "cpl"), (f"{older} cpl=0 psc_rip=0xfff", "cpl"),
                            (f"{older} cpl=0 psc_rip=0xfff ", "psc_rip"),
                            (LINE.partition("n/a n=1")[0] + "0xffff", "rmp")):
            r = record.Record.from_line(text)
            self.assertEqual((r.cut_after, r.has("psc_cpl")), (after, False), text)

    def test_what_somebody_has_left_out_is_not_made_up(self):
        body = LINE.partition("violation ")[2]
        for key in set(record.VALUES) - set(record.NEEDED):
            r = record.Record.from_text(re.sub(rf" {key}=\S+", "", body))
            said = " ".join(" ".join(explanation.text(None, r)).split())
            self.assertNotRegex(said, "n/a|None|  ", key)
        r = record.Record.from_text("vm=7 gfn=0x1 access=shared class=implicit_shared ... "
                                    "action=vc escalated=no")
        said = " ".join(" ".join(explanation.text(None, r)).split())
        self.assertIn("VM 7 (pid not known) what happened a vCPU used guest frame 0x1 as shared "
                      "memory, but what state the page was in is not known.", said)

    def neighbours(self, *lines, psc_seq=None, known=True, **changes):
        said = parse_pairs(LINE.partition("violation ")[2]) | changes
        if known:
            said["psc_seq"] = str(len(lines) if psc_seq is None else psc_seq)
        with (unittest.mock.patch.object(vms.Vm, "open_debug", lambda self, name: iter(
                f"seq={i} gfn={gfn:#x} pages={pages} to={to} result={result}\n"
                for i, (gfn, pages, to, result) in enumerate(lines, 1))),
              unittest.mock.patch.object(explanation, "home", lambda host, record: host)):
            return explanation.neighbours(Host("/nonexistent"), record.Record(said))

    def test_neighbours_of_a_record_of_the_log(self):
        """The log does not say after which request it was; debugfs does, if it still has it."""
        body = LINE.partition("violation ")[2]
        kept = [record.Record.from_line(f"seq=1 psc_seq=1 age_us=9 {body}")]
        lines = ((0xff, 1, "shared", "completed"), (0xff, 1, "private", "completed"))
        with unittest.mock.patch.object(vms.Vm, "violations", lambda self: iter(kept)):
            self.assertIn("belongs to 1 request", self.neighbours(*lines, known=False))
            kept.clear()
            self.assertIsNone(self.neighbours(*lines[:1], known=False))

    def test_what_the_neighbours_tell(self):
        """Who uses a page as private does not run over the end of a buffer."""
        said = self.neighbours((0xff, 1, "private", "completed"), **self.PRIVATE)
        self.assertIn("may have been too short", said)
        self.assertNotIn("over the end", said)
        self.assertIn("this may be an access over the end",
                      self.neighbours((0xff, 1, "shared", "completed")))

    def test_neighbours(self):
        done = "completed"
        self.assertIsNone(self.neighbours())
        self.assertIn("belongs to 4 requests to shared (4 pages from 0xfc on)",
                      self.neighbours(*[(gfn, 1, "shared", done) for gfn in range(0xfc, 0x100)]))
        self.assertIn("right after it belongs to a request to shared (8 pages from 0x101 on)",
                      self.neighbours((0x101, 8, "shared", done)))
        self.assertIsNone(self.neighbours((0xff, 1, "shared", "refused")))
        self.assertIsNone(self.neighbours((0xff, 1, "shared", done), **{"class": "host"}))
        self.assertIsNone(self.neighbours((0xff, 1, "shared", done), **self.REFUSED))

    def test_the_last_request_of_a_neighbour_counts(self):
        done = "completed"
        self.assertIsNone(self.neighbours((0xff, 1, "shared", done), (0xff, 1, "private", done)))
        self.assertIn("belongs to 1 request to shared (2 pages from 0xfe on)", self.neighbours(
            (0xf0, 16, "shared", done), (0xf0, 14, "private", done)))
        self.assertIn("belongs to 2 requests to shared (16 pages from 0xf0 on)", self.neighbours(
            (0xf0, 16, "private", done), (0xf0, 16, "shared", done), (0xf4, 4, "shared", done)))
        self.assertIn("right after it belongs to a request to shared (1 page from 0x101 on)",
                      self.neighbours((0x101, 8, "shared", done), (0x102, 2, "private", done)))
        # What was answered after the violation was not there yet.
        late = ((0xff, 1, "shared", done), (0xff, 1, "private", done))
        self.assertIn("belongs to 1 request", self.neighbours(*late, psc_seq=1))
        self.assertIsNone(self.neighbours(*late, psc_seq=2))
        self.assertIsNone(self.neighbours(*late, psc_seq=0))

    def test_neighbours_against_every_page(self):
        rng = random.Random(5)
        for _ in range(300):
            state, lines = {}, []
            for i in range(rng.randrange(12)):
                first, pages = rng.randrange(24), rng.randrange(1, 8)
                to = rng.choice(("shared", "private"))
                lines.append(f"seq={i + 1} gfn={first} pages={pages} to={to} result=completed\n")
                state.update(dict.fromkeys(range(first, first + pages), to))
            gfn = rng.randrange(1, 30)
            before, after = neighbours.adjacent(psc.read(lines), gfn, "shared")
            low = high = gfn
            while state.get(low - 1) == "shared":
                low -= 1
            while state.get(high + 1) == "shared":
                high += 1
            self.assertEqual(before and before[:2], (low, gfn) if low < gfn else None)
            self.assertEqual(after and after[:2], (gfn + 1, high + 1) if high > gfn else None)


class Log(unittest.TestCase):
    def test_entries_of_dev_kmsg(self):
        m = klog.parse("4,1234,71462936,-;" + LINE + "\n SUBSYSTEM=x\n")
        self.assertEqual((m.level, m.seq, m.usec, m.text), (4, 1234, 71462936, LINE))
        self.assertEqual(klog.parse("30,5,6,-,caller=T1;x").level, 6)
        self.assertIsNone(klog.parse("nonsense"))

    def test_violations_of_the_module_as_it_is_loaded_now(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "dev"))
            with open(os.path.join(folder, "dev", "kmsg"), "w", encoding="ascii") as file:
                for seq, text in enumerate((LINE, "rmp_enforce: loaded: mode=lenient action=vc",
                                            LINE, "something else", "systemd[1]: " + LINE)):
                    file.write(f"4,{seq},1000,-;{text}\n")
            host = Host(folder)
            self.assertEqual([m.seq for m, _ in klog.records(host)], [0, 2])
            # Not loaded: none is of the module as it is loaded now.
            self.assertEqual(klog.records_since_load(host), [])
            os.makedirs(host.path(MODULE))
            open(host.path(MODULE, "mode"), "w", encoding="ascii").close()
            self.assertEqual([m.seq for m, _ in klog.records_since_load(host)], [2])
            self.assertEqual([r.earlier_load for _, r in klog.records(host)], [True, False])

    def test_a_vm_of_an_earlier_load_is_not_todays(self):
        """Both are VM 7; the process has another VM by now."""
        with tempfile.TemporaryDirectory() as folder:
            host = Host(folder)
            for name, text in ((f"{MODULE}/vms/7/pid", "200\n"), (f"{MODULE}/mode", ""),
                               ("proc/200/cmdline", "qemu\0-name\0guest=web1\0"),
                               ("dev/kmsg", f"4,1,1,-;{LINE}\n4,2,2,-;rmp_enforce: loaded: x\n"
                                            f"4,3,3,-;{LINE}\n4,4,4,-;"
                                            f"{LINE.replace('pid=200', 'pid=199')}\n")):
                os.makedirs(os.path.dirname(host.path(name)), exist_ok=True)
                with open(host.path(name), "w", encoding="ascii") as file:
                    file.write(text)
            who = [explanation.as_json(host, r)["who"] for _, r in klog.records(host)]
            self.assertEqual(who, ["VM 7 of an earlier load of the module (pid 200, e2e)",
                                   "VM 7 (domain web1, pid 200, e2e)", "VM 7 (pid 199, e2e)"])
            first = klog.records(host)[0][1]
            self.assertIsNone(explanation.home(host, first))


class Watching(unittest.TestCase):
    def test_new_is_what_came_since_the_start(self):
        def snapshot(vm, errors):
            counts = dict.fromkeys(classes.CLASSES, 0) | {"first_touch": errors, "host": 7}
            keys = ("domain", "pid", "comm", "vcpus", "history", "state", "effective_mode")
            return dict.fromkeys(keys, "x") | {"vm": vm, "violations": counts, "enforced": 0,
                                               "psc_completed": 0, "psc_pages": 0, "npf_judged": 0}

        looks = iter(([snapshot(1, 5)], [snapshot(1, 6), snapshot(2, 3)],
                      [snapshot(1, 6), snapshot(2, 4)]))
        sampler = rates.Sampler(Host("/nonexistent"))
        with unittest.mock.patch.object(vms, "snapshots", lambda host: next(looks)):
            new = [[row["new_errors"] for row in sampler.sample()] for _ in range(3)]
        self.assertEqual(new, [[0], [1, 3], [1, 4]])


class Domains(unittest.TestCase):
    def test_names(self):
        for args, name in ((["-name", "guest=web1,debug-threads=on"], "web1"),
                           (["-name", "guest=a,,b,debug-threads=on"], "a,b"),
                           (["-name", "web1"], "web1"), (["-name", "debug-threads=on"], None),
                           (["-m", "guest=x"], None), ([], None)):
            self.assertEqual(domain.name_from_cmdline(["qemu"] + args), name)


class Checking(unittest.TestCase):
    def test_enabled_functions(self):
        text = ("kvm_mmu_page_fault [kvm] (1) R I \ttramp: 0xffffffffc0a5e000 (x+0x0/0x10 [y])\n"
                "kvm_arch_init_vm [kvm] (1) R   D \tdirect\nother (1) I\n")
        self.assertEqual(checks.hooked(text),
                         {"kvm_mmu_page_fault": True, "kvm_arch_init_vm": False})

    def test_hooks_that_are_missing(self):
        for missing, status in (((), checks.PASS), (("kvm_gmem_fallocate",), checks.WARN),
                                (("kvm_gmem_fallocate", "kvm_mmu_page_fault"), checks.FAIL),
                                (("kvm_arch_vcpu_pre_fault_memory",), checks.FAIL)):
            text = "".join(f"{name} [kvm] (1) R I\n" for name in checks.HOOKS
                           if name not in missing)
            host = unittest.mock.Mock()
            host.read_or.return_value = text
            result = checks.hooks(host)
            self.assertEqual(result.status, status)
            for name in missing:
                self.assertIn(name, result.detail)

    def with_files(self, *names):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        host = Host(folder.name)
        for name in names:
            os.makedirs(os.path.dirname(host.path(name)), exist_ok=True)
            with open(host.path(name), "w", encoding="ascii") as file:
                file.write("6.12.0\n" if name.endswith("osrelease") else
                           "".join(f"{c}=y\n" for c in checks.CONFIG))
        return host

    def test_a_kernel_without_btf_is_not_refused(self):
        """src/shape.c warns, and takes the kernel to be as its headers say."""
        self.assertIn('pr_warn("no BTF in', text_of("src", "shape.c"))
        with unittest.mock.patch.object(Host, "is_live", True):
            host = self.with_files("proc/sys/kernel/osrelease", "boot/config-6.12.0",
                                   "sys/module/kvm/initstate", "sys/kernel/btf/vmlinux")
            result = checks.btf(host)
            self.assertEqual(result.status, checks.WARN)
            self.assertIn("sys/kernel/btf/kvm", result.detail)
            self.assertNotIn("btf/vmlinux", result.detail)
            self.assertNotIn("refuse", result.hint)
            self.assertEqual(checks.kernel(host).status, checks.PASS)
        needed = re.search('BUILD_EXCLUSIVE_CONFIG="(.*)"', text_of("dkms.conf"))[1]
        self.assertEqual(set(checks.CONFIG), set(needed.split()))

    def test_hooks_are_those_of_the_design(self):
        named = re.findall(r"(?m)^\| `(kvm_\w+)` \|", text_of("docs", "design.md"))
        self.assertEqual(sorted(checks.HOOKS), sorted(named))
        self.assertLessEqual(set(checks.DISPENSABLE), set(checks.HOOKS))


class Metrics(unittest.TestCase):
    def test_labels_are_escaped(self):
        self.assertEqual(prometheus.labels({"a": 'x"y\\z\n', "b": None}),
                         '{a="x\\"y\\\\z\\n",b=""}')

    def test_every_counter_of_a_vm_is_a_metric(self):
        used = {m[3] for m in metrics.VM_METRICS}
        self.assertEqual(set(vms.COUNTERS) | {"enforced", "repeated"}, used - {"vcpus"})

    def test_every_counter_is_documented(self):
        known = text_of("docs", "ABI", "sysfs-kernel-rmp_enforce")
        for name in vms.COUNTERS + ("violations/enforced", "violations/repeated"):
            self.assertTrue(f"/vms/<id>/{name}\n" in known, name)

    def test_a_failed_write_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "x"))     # can't be replaced by a file
            with self.assertRaises(OSError):
                files.publish(os.path.join(folder, "x"), "a")
            self.assertEqual(os.listdir(folder), ["x"])


class FakeHost(Host):
    """A sysfs in a folder, in which a file can be made to fail."""

    def __init__(self, root):
        super().__init__(root)
        self.refuse = None

    def write(self, text, *parts):
        if parts[-1] == self.refuse:
            raise OSError(22, "Invalid argument")
        with open(self.path(*parts), "w", encoding="utf-8") as file:
            file.write(text)


class Settings(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.host = FakeHost(self.folder.name)
        os.makedirs(self.host.path(MODULE, "policy"))
        for name, value in (("available_modes", "off lenient strict"),
                            ("available_actions", "vc terminate"), ("mode", "lenient"),
                            ("action", "vc"), ("policy/vmpl", "report")):
            with open(self.host.path(MODULE, name), "w", encoding="utf-8") as file:
                file.write(value + "\n")

    def test_one_that_fails_takes_back_the_others(self):
        self.host.refuse = "policy/vmpl"
        wanted = settings.parse(self.host, ["mode=strict", "vmpl=enforce"], False)
        with self.assertRaises(errors.UsageError):
            settings.apply(self.host, MODULE, "all VMs", wanted)
        self.assertEqual(self.host.read(MODULE, "mode"), "lenient")

    def test_a_dry_run_says_what_would_change_and_changes_nothing(self):
        parser = argparse.ArgumentParser()
        setting.arguments(parser)
        parser.add_argument("--json", action="store_true")
        args = parser.parse_args(["--dry-run", "mode=strict", "action=vc"])
        out = io.StringIO()
        with unittest.mock.patch.object(Host, "is_live", True), contextlib.redirect_stdout(out):
            self.assertEqual(setting.run(self.host, args), errors.OK)
        self.assertEqual(out.getvalue(), "all VMs: mode: lenient -> strict (dry run)\n"
                         "all VMs: action is vc\n")
        self.assertEqual(self.host.read(MODULE, "mode"), "lenient")

    def put(self, name, value):
        os.makedirs(os.path.dirname(self.host.path(MODULE, name)), exist_ok=True)
        with open(self.host.path(MODULE, name), "w", encoding="utf-8") as file:
            file.write(value + "\n")

    def set(self, *words):
        """What set says, to standard output and error."""
        parser = argparse.ArgumentParser()
        setting.arguments(parser)
        parser.add_argument("--json", action="store_true")
        out, err = io.StringIO(), io.StringIO()
        with (unittest.mock.patch.object(Host, "is_live", True), contextlib.redirect_stdout(out),
              contextlib.redirect_stderr(err)):
            self.assertEqual(setting.run(self.host, parser.parse_args(words)), errors.OK)
        return out.getvalue(), err.getvalue()

    def test_what_is_asked_of_firmware(self):
        with self.assertRaisesRegex(errors.RmpctlError, "this version of the module has no "
                                    "setting 'sites': it does not read registers"):
            settings.parse(self.host, ["sites=off"], False)
        self.put("sites", "on")
        self.put("request_sites", "off")
        with self.assertRaisesRegex(errors.UsageError, "sites can't be 'yes'; it is one of on"):
            settings.parse(self.host, ["sites=yes"], False)
        self.assertEqual(self.set("request_sites=on"),
                         ("all VMs: request_sites: off -> on\n", ""))
        self.assertEqual(self.set("sites=off"), ("all VMs: sites: on -> off\n", ""))
        self.assertIn("the global sites is off, which holds for every VM",
                      self.set("request_sites=on")[1])

    def test_what_is_asked_of_firmware_of_one_vm(self):
        for name, value in (("sites", "on"), ("request_sites", "off"), ("vms/3/pid", "7"),
                            ("vms/3/sites", "inherit"), ("vms/3/request_sites", "inherit"),
                            ("vms/3/debuggable", "no")):
            self.put(name, value)
        out, err = self.set("--vm", "3", "request_sites=on")
        self.assertEqual(out, "VM 3: request_sites: inherit -> on\n")
        self.assertIn("the policy of VM 3 does not allow debugging", err)
        self.put("vms/3/debuggable", "unknown")
        self.assertEqual(self.set("--vm", "3", "request_sites=inherit")[1], "")
        self.put("vms/3/sites", "off")
        self.assertIn("sites of VM 3 is off", self.set("--vm", "3", "request_sites=on")[1])
        self.put("sites", "off")
        self.assertIn("the global sites is off", self.set("--vm", "3", "sites=on")[1])

    def test_a_vm_that_goes_while_it_is_read(self):
        with self.assertRaises(errors.VmGone):
            vms.Vm(self.host, 3).snapshot()


class Rights(unittest.TestCase):
    """What is not for everybody: one sentence, and the rest goes on."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.host = Host(self.folder.name)
        for name in ("mode", "action", "version", "available_modes", "vms/3/violations/enforced",
                     "vms/3/mode", "vms/3/action", "vms/3/effective_mode", "vms/3/state",
                     "vms/3/history", "vms/3/comm"):
            self.put(name, "1")
        for name in ("pid", "vcpus") + vms.COUNTERS:
            self.put(f"vms/3/{name}", "7")
        for name in classes.POLICY_CLASSES:
            self.put(f"policy/{name}", "report")
            self.put(f"vms/3/policy/{name}", "inherit")
        self.put("vms/3/last_violation", LINE.partition("violation ")[2])

    def put(self, name, text):
        path = self.host.path(MODULE, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    def without_rights(self):
        def read(host, *parts):
            if parts[-1] == "last_violation":
                raise PermissionError(13, "Permission denied", "last_violation")
            return plain(host, *parts)

        plain = Host.read
        return unittest.mock.patch.object(Host, "read", read)

    def said(self, *words):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(["--root", self.folder.name, *words])
        return status, out.getvalue(), err.getvalue()

    def test_as_root(self):
        s = vms.Vm(self.host, 3).snapshot()
        self.assertEqual((s["last_violation"]["gfn"], s["last_violation_readable"]),
                         ("0x100", True))
        self.assertEqual((s["psc_redundant"], s["violations"]["unbacked"]), (7, 0))
        status, out, _ = self.said("show", "3")
        self.assertEqual(status, 0)
        for words in ("last violation: vm=7", "taken away   7 pages by the VMM",
                      "redundant    7 PSCs asked", "prefaults    7 pages skipped", "no_progress",
                      "unbacked"):
            self.assertIn(words, out)

    def test_as_somebody_else(self):
        with self.without_rights():
            s = vms.Vm(self.host, 3).snapshot()
            self.assertEqual((s["last_violation"], s["last_violation_readable"]), (None, False))
            for words in (("list",), ("metrics",), ("watch", "-n", "1", "-i", "0.1")):
                self.assertEqual(self.said(*words)[0], 0)
            status, out, _ = self.said("show", "3")
            self.assertEqual(status, 0)
            self.assertIn("last violation: it can be read by root only", out)
            self.assertNotIn("no violation", out)
            self.assertEqual(self.said("explain", "3"), (
                3, "", "rmpctl: records of a VM can be read by root only: run as root.\n"))

    def test_metrics_as_json(self):
        told = json.loads(self.said("metrics", "--json")[1])
        text = self.said("metrics")[1]
        self.assertEqual(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text),
                         [(m["name"], m["type"]) for m in told])
        by_name = {m["name"]: m["samples"] for m in told}
        self.assertEqual(by_name["rmp_enforce_vm_psc_pages_total"],
                         [{"labels": {"vm": 3, "domain": None}, "value": 7}])
        self.assertEqual(self.said("metrics", "--json", "-o", "x")[0], errors.USAGE)

    def test_whether_registers_are_read(self):
        self.assertNotIn("registers", self.said("show")[1] + self.said("show", "3")[1])
        self.assertIsNone(json.loads(self.said("list", "--json")[1])[0]["debuggable"])
        for name, value in (("sites", "on"), ("request_sites", "off"), ("vms/3/sites", "inherit"),
                            ("vms/3/request_sites", "on"), ("vms/3/debuggable", "no")):
            self.put(name, value)
        self.assertIn("registers    at violations: on (sites), at PSCs: off (request_sites)",
                      self.said("show")[1])
        self.assertIn("registers    at violations: on (global), at PSCs: on; the guest's policy "
                      "does not allow it", self.said("show", "3")[1])
        told = json.loads(self.said("list", "--json")[1])[0]
        self.assertEqual((told["sites"], told["request_sites"], told["debuggable"]),
                         ("inherit", "on", "no"))
        self.assertEqual(json.loads(self.said("show", "--json")[1])["request_sites"], "off")

    def test_check_says_what_is_not_as_usual(self):
        self.put("mode", "lenient")
        self.assertEqual(checks.mode(self.host).detail, "lenient")
        self.put("sites", "on")
        self.put("request_sites", "off")
        self.assertEqual(checks.mode(self.host).detail, "lenient")
        self.put("sites", "off")
        self.put("request_sites", "on")
        self.assertEqual(checks.mode(self.host).detail, "lenient, sites off, request_sites on")

    def test_an_older_module(self):
        for name in ("psc_redundant", "pages_discarded", "prefaults_skipped"):
            os.unlink(self.host.path(MODULE, "vms/3", name))
        status, out, _ = self.said("show", "3")
        self.assertEqual(status, 0)
        self.assertNotIn("taken away", out)
        self.assertNotIn("pages_discarded", self.said("metrics")[1])


class Bundles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.host = Host(folder.name)
        self.vm = self.host.path(DEBUG, "3")
        os.makedirs(self.vm)
        for name in ("page_state", "holes", "psc_unused", "violations"):
            with open(os.path.join(self.vm, name), "w", encoding="ascii") as file:
                file.write(f"{name}\n")

    def names(self):
        file = io.BytesIO()
        made = bundle.Bundle(self.host, file, "top", lambda text: None)
        made.fill()
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            return {os.path.basename(n) for n in tar.getnames()}, made.missing

    def test_all_files_of_a_vm(self):
        self.assertLessEqual({"page_state", "holes", "psc_unused", "violations"}, self.names()[0])

    def test_a_vm_that_ends_meanwhile(self):
        """Its files vanish between being listed and being looked at."""
        def stat(path, *args, **kwargs):
            if str(path).endswith("/holes"):
                raise FileNotFoundError(2, "No such file or directory", path)
            return plain(path, *args, **kwargs)

        plain = os.stat
        with unittest.mock.patch.object(os, "stat", stat):
            names, missing = self.names()
        self.assertLessEqual({"psc_unused", "violations"}, names)
        self.assertNotIn("holes", names)
        self.assertIn(f"{DEBUG}/3/holes: No such file or directory", missing)


class Output(unittest.TestCase):
    def test_answers(self):
        self.assertEqual([psc.answer(n) for n in ("0", "22", "1", "5000", "255", "4294967295")],
                         ["0", "22 (EINVAL)", "1 (EPERM)", "5000",
                          "255 or more, or a negative number",
                          "4294967295 or more, or a negative number"])

    def test_spans_and_sizes(self):
        spans = (5, 541, 12300, 4200000, 600000000, 3600000000 * 3)
        self.assertEqual([units.ago(n) for n in spans],
                         ["5 us", "541 us", "12.3 ms", "4.2 s", "10 min", "3 h"])
        self.assertEqual([units.size(n) for n in (1, 256, 1 << 18, 3 << 28)],
                         ["4K", "1M", "1G", "3T"])


class Arguments(unittest.TestCase):
    def test_numbers_that_make_no_sense(self):
        for words in ("watch -i 0", "watch -i nan", "watch -i inf", "watch -n 0", "map 1 --rows -1",
                      "map 1 --columns 0", "map 1 --limit -1", "history 1 -n 0", "explain -n -1",
                      "explain -n x", "journal --vm 0"):
            said = io.StringIO()
            with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
                cli.parser().parse_args(words.split())
            self.assertEqual(end.exception.code, errors.USAGE, words)
            self.assertIn("error: argument ", said.getvalue())

    def test_numbers_that_do(self):
        args = cli.parser().parse_args(["watch", "-i", "0.1", "-n", "1"])
        self.assertEqual((args.interval, args.count), (0.1, 1))
        self.assertEqual(cli.parser().parse_args(["explain", "-n", "0"]).lines, 0)


class Documents(unittest.TestCase):
    def subparsers(self):
        return cli.parser()._subparsers._group_actions[0].choices

    def test_the_manual_has_every_command_and_option(self):
        manual = text_of("tools", "rmpctl.1").replace("\\-", "-")
        for name, parser in self.subparsers().items():
            # All of it in one line: the next one is the text already.
            head = re.search(rf"(?m)^\.TP\n((?:\.B |\\fB){name}\b.*)", manual.replace("\\\n", ""))
            self.assertTrue(head, name)
            for action in parser._actions:
                for option in action.option_strings:
                    if option not in ("-h", "--help", "--json"):
                        self.assertIn(option, head[1], f"{name} {option}")

    def test_completion_has_every_command(self):
        completion = text_of("tools", "completion", "rmpctl.bash")
        for name in self.subparsers():
            self.assertRegex(completion, rf"\b{name}\b")

    def test_the_version_is_the_modules(self):
        self.assertIn(f'PACKAGE_VERSION="{VERSION}"', text_of("dkms.conf"))

    def anchors(self, path):
        """The headings of a document, as links name them."""
        with open(path, encoding="utf-8") as file:
            heads = re.findall(r"(?m)^#+ (.*)", file.read())
        return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads}

    def test_links_lead_somewhere(self):
        folders = (TOP, os.path.join(TOP, "docs"))
        pages = [os.path.join(f, n) for f in folders for n in os.listdir(f) if n.endswith(".md")]
        self.assertGreater(len(pages), 10)
        for page in pages:
            with open(page, encoding="utf-8") as file:
                links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", file.read())
            for path, anchor in links:
                there = os.path.join(os.path.dirname(page), path) if path else page
                self.assertTrue(os.path.exists(there), f"{page}: {path}")
                if anchor:
                    self.assertIn(anchor, self.anchors(there), f"{page}: {path}#{anchor}")

    def test_whatever_says_the_version_says_the_same(self):
        done = subprocess.run([os.path.join(TOP, "packaging", "version")], capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{VERSION}\n", ""))

    def test_every_file_has_all_fields(self):
        """Whether they are the files that there are, host/rmpctl_test.py asks the module."""
        maintainer = re.search(r"(?m)^Maintainer: (.*)", text_of("packaging", "debian", "control"))
        found = list(abi.entries(os.path.join(TOP, "docs", "ABI")))
        self.assertGreater(len(found), 20)
        for entry in found:
            self.assertEqual(list(entry), abi.FIELDS, entry["What"])
            self.assertEqual(entry["Contact"], [maintainer[1]], entry["What"])
            if not entry["What"][0].endswith("/"):
                self.assertRegex(entry["Description"][0], r"^\(R[OW]\) ", entry["What"])

    def test_every_command_is_there(self):
        for name in self.subparsers():
            self.assertTrue(callable(COMMANDS[name].run))
