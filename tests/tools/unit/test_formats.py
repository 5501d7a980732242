# SPDX-License-Identifier: GPL-2.0-only
"""Records, the kernel log, names of domains, metrics, and what documents promise."""

import contextlib
import io
import os
import re
import tempfile
import unittest
import unittest.mock

from rmpctl import check, cli, commands, domain, explain, klog, metrics, output, record, settings
from rmpctl import VERSION, errors, timeline, vm as vms, watch
from rmpctl.host import MODULE, Host

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
LINE = ("rmp_enforce: violation vm=7 pid=200 comm=e2e vcpu=0 gfn=0x100 gpa=0x100000 access=shared "
        "op=write expected=private source=psc class=implicit_shared attr=private "
        "err=0x100000006(WRITE,USER,FINAL) psc=private psc_age_us=541 psc_vcpu=0 psc_gfn=0x100 "
        "psc_pages=1 launch=no pfn=none rmp=n/a rip=n/a n=1 suppressed=0 mode=strict action=vc "
        "escalated=no")


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
        self.assertEqual(names - {""}, set(record.POLICY_CLASSES))

    def test_every_class_is_explained(self):
        for name in record.CLASSES:
            causes, look = explain.CAUSES[name]
            self.assertTrue(causes and look)

    def test_every_key_of_a_record_is_documented(self):
        known = text_of("docs", "records.md")
        for key in record.parse_pairs(LINE.partition("violation ")[2]):
            self.assertIn(f"`{key}`", known)


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
        self.assertEqual([e.kind for e in timeline.events(vm)],
                         ["psc", "psc", "violation", "violation", "psc"])
        self.assertEqual([e.kind for e in timeline.events(vm, 0x100)],
                         ["psc", "violation", "violation"])


class Explaining(unittest.TestCase):
    def said(self, **changes):
        pairs = record.parse_pairs(LINE.partition("violation ")[2])
        pairs.update(changes)
        return " ".join(" ".join(explain.text(None, record.Record(pairs))).split())

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
        self.assertIn("has never asked for this page", self.said(expected="initial"))
        self.assertIn("not known any more", self.said(psc="unknown"))
        self.assertIn("No page-state change of this page", self.said(psc="none"))
        self.assertIn("real mode", self.said(action="terminate", escalated="protected_mode_off"))
        self.assertIn("lenient mode", self.said(action="none", mode="lenient"))
        self.assertIn("3 records before it", self.said(suppressed="3"))
        self.assertIn("as a page table", self.said(op="walk"))
        self.assertIn("It is violation 5 of this page", self.said(n="5"))


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
                                            LINE, "something else")):
                    file.write(f"4,{seq},1000,-;{text}\n")
            self.assertEqual([m.seq for m, _ in klog.records(Host(folder))], [0, 2])
            self.assertEqual([m.seq for m, _ in klog.records_since_load(Host(folder))], [2])


class Watching(unittest.TestCase):
    def test_new_is_what_came_since_the_start(self):
        def snapshot(vm, errors):
            counts = dict.fromkeys(record.CLASSES, 0) | {"first_touch": errors, "host": 7}
            keys = ("domain", "pid", "comm", "vcpus", "history", "state", "effective_mode")
            return dict.fromkeys(keys, "x") | {"vm": vm, "violations": counts, "enforced": 0,
                                               "psc_completed": 0, "psc_pages": 0, "npf_judged": 0}

        looks = iter(([snapshot(1, 5)], [snapshot(1, 6), snapshot(2, 3)],
                      [snapshot(1, 6), snapshot(2, 4)]))
        sampler = watch.Sampler(None)
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
        self.assertEqual(check.hooked(text),
                         {"kvm_mmu_page_fault": True, "kvm_arch_init_vm": False})

    def test_hooks_are_those_of_the_design(self):
        for name in check.HOOKS:
            self.assertIn(f"`{name}`", text_of("docs", "design.md"))


class Metrics(unittest.TestCase):
    def test_labels_are_escaped(self):
        self.assertEqual(metrics.labels(a='x"y\\z\n', b=None), '{a="x\\"y\\\\z\\n",b=""}')

    def test_the_alert_rules_use_metrics_that_exist(self):
        known = {f"rmp_enforce_{m[0]}" for m in metrics.VM_METRICS}
        known |= {f"rmp_enforce_{n}" for n in re.findall(
            r'out\.metric\("(\w+)"', text_of("tools", "rmpctl", "metrics.py"))}
        used = set(re.findall(r"\b(rmp_enforce_\w+)", " ".join(
            line for line in text_of("tools", "prometheus", "rmp_enforce.rules.yml").splitlines()
            if "expr:" in line)))
        self.assertTrue(used)
        self.assertEqual(used - known, set())

    def test_a_failed_write_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "x"))     # can't be replaced by a file
            with self.assertRaises(OSError):
                metrics.write_atomically("a", os.path.join(folder, "x"))
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

    def test_a_vm_that_goes_while_it_is_read(self):
        with self.assertRaises(errors.VmGone):
            vms.Vm(self.host, 3).snapshot()


class Output(unittest.TestCase):
    def test_spans_and_sizes(self):
        spans = (5, 541, 12300, 4200000, 600000000, 3600000000 * 3)
        self.assertEqual([output.ago(n) for n in spans],
                         ["5 us", "541 us", "12.3 ms", "4.2 s", "10 min", "3 h"])
        self.assertEqual([output.size(n) for n in (1, 256, 1 << 18, 3 << 28)],
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

    def test_every_command_is_there(self):
        for name in self.subparsers():
            self.assertTrue(callable(getattr(commands, f"do_{name}")))
