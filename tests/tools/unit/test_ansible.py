# SPDX-License-Identifier: GPL-2.0-only
"""What the Ansible role makes of rmpctl's answers, and what its files and documents promise."""

import importlib.util
import json
import os
import re
import subprocess
import tempfile
import unittest

from test_formats import TOP, text_of

ROLE = ("tools", "ansible", "roles", "rmp_enforce")
POLICIES = {"implicit_private": "enforce", "implicit_shared": "enforce", "first_touch": "report"}


def plugin():
    path = os.path.join(TOP, *ROLE, "filter_plugins", "rmp_enforce.py")
    spec = importlib.util.spec_from_file_location("role_filters", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


filters = plugin()


def metric(name, *samples):
    return {"name": f"rmp_enforce_{name}", "samples": [{"labels": labels, "value": value}
                                                       for labels, value in samples]}


def of_vm(number, domain, name, value):
    return {"vm": number, "domain": domain, "class": name}, value


def files_of(folder):
    """But for what is hidden, or was compiled."""
    out = []
    for where, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f[0] != "." and f != "__pycache__"]
        out += [os.path.relpath(os.path.join(where, n), folder) for n in names if n[0] != "."]
    return sorted(out)


class Violations(unittest.TestCase):
    """Whether the next stage may begin."""

    METRICS = [metric("up", ({}, 1)),
               metric("vm_violations_total", of_vm(1, "web1", "implicit_shared", 2),
                      of_vm(1, "web1", "implicit_private", 0), of_vm(1, "web1", "in_flight", 9),
                      of_vm(2, None, "implicit_private", 1), of_vm(3, "db1", "first_touch", 4)),
               metric("violations_total", ({"class": "implicit_shared"}, 5),
                      ({"class": "implicit_private"}, 1), ({"class": "first_touch"}, 8))]

    def found(self, stage="strict", policies=None, **domains):
        return filters.violations(self.METRICS, policies or POLICIES, domains, stage)

    def test_what_strict_mode_would_act_upon(self):
        self.assertEqual(self.found(), [
            "VM 1 (web1): 2 implicit_shared", "VM 2: 1 implicit_private",
            "guests that have ended: 3 implicit_shared"])
        self.assertEqual(self.found("report"), self.found())
        self.assertEqual(self.found(policies={"first_touch": "enforce"}),
                         ["VM 3 (db1): 4 first_touch", "guests that have ended: 4 first_touch"])

    def test_domains_that_are_left_out(self):
        """Then nobody knows which of the guests that have ended were theirs."""
        self.assertEqual(self.found(web1={"mode": "lenient"}), ["VM 2: 1 implicit_private"])
        self.assertEqual(self.found(web1={"mode": False}), ["VM 2: 1 implicit_private"])
        self.assertEqual(self.found(web1={"action": "terminate"}), self.found())
        self.assertEqual(self.found(web1={"mode": "inherit"}), self.found())

    def test_single_domains(self):
        self.assertEqual(self.found("some", db1={"mode": "strict"}), [])
        self.assertEqual(self.found("some", web1={"mode": "strict"}, db1={"mode": "lenient"}),
                         ["VM 1 (web1): 2 implicit_shared"])

    def test_a_module_without_totals(self):
        self.assertEqual(filters.violations(self.METRICS[:2], POLICIES, {}, "strict"),
                         ["VM 1 (web1): 2 implicit_shared", "VM 2: 1 implicit_private"])
        self.assertEqual(filters.violations([], POLICIES, {}, "strict"), [])


class Words(unittest.TestCase):
    def test_off_is_a_boolean_in_yaml(self):
        self.assertEqual(filters.words({"mode": False, "action": "vc"}), ["mode=off", "action=vc"])

    def test_whether_a_setting_has_changed(self):
        def result(*pairs, start="10:00", rc=0):
            return {"start": start, "rc": rc, "stdout": json.dumps(
                [{"where": "all VMs", "name": "mode", "old": old, "new": new}
                 for old, new in pairs])}

        self.assertFalse(filters.changed(result(("vc", "vc"))))
        self.assertTrue(filters.changed(result(("vc", "vc"), ("lenient", "strict"))))
        self.assertFalse(filters.changed(result(("lenient", "strict"), rc=3)))
        self.assertFalse(filters.changed({"start": None, "rc": 0, "stdout": "skipped"}))

    def test_what_check_found(self):
        checks = [{"name": "mode", "status": "FAIL", "detail": "off", "hint": "run it"},
                  {"name": "BTF", "status": "WARN", "detail": "none", "hint": None},
                  {"name": "guests", "status": "FAIL", "detail": "VM 1", "hint": None}]
        self.assertEqual(filters.sentences(checks, "FAIL"), ["mode: off (run it)", "guests: VM 1"])
        self.assertEqual(filters.sentences(checks, "FAIL", ["mode", "guests"]), [])
        self.assertEqual(filters.sentences(checks, "WARN"), ["BTF: none"])


class Files(unittest.TestCase):
    def test_policies_are_the_module_s(self):
        abi = dict(re.findall(r"^\s+(\w+)  +(enforce|report) ",
                              text_of("docs", "ABI", "sysfs-kernel-rmp_enforce"), re.M))
        ours = dict(re.findall(r"^  (\w+): (enforce|report)$", text_of(*ROLE, "vars", "main.yml"),
                               re.M))
        self.assertEqual(ours, abi)
        for name in abi:
            self.assertIn(f"{name}: ", text_of(*ROLE, "meta", "argument_specs.yml"))

    def test_each_default_is_described(self):
        defaults = re.findall(r"^(rmp_enforce_\w+):", text_of(*ROLE, "defaults", "main.yml"), re.M)
        described = re.findall(r"^      (rmp_enforce_\w+):",
                               text_of(*ROLE, "meta", "argument_specs.yml"), re.M)
        self.assertEqual(sorted(defaults), sorted(described))

    def test_the_readme_knows_stages_and_tags(self):
        readme = text_of(*ROLE, "README.md")
        stages = re.search(r"choices: \[(lenient, .*)\]", text_of(*ROLE, "meta",
                                                                  "argument_specs.yml"))[1]
        for stage in stages.split(", "):
            self.assertIn(f"| `{stage}` |", readme)
            self.assertIn(f"`{stage}`", text_of("docs", "rollout.md"))
        tags = set(re.findall(r"rmp_enforce_\w+", " ".join(
            re.findall(r"tags: (.*)", text_of(*ROLE, "tasks", "main.yml")))))
        self.assertEqual(set(re.findall(r"-t (rmp_enforce_\w+)", readme)), tags)

    def test_all_of_it_is_installed(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["make", "-s", "-C", os.path.join(TOP, "tools"), "install",
                            f"DESTDIR={folder}"], check=True)
            there = files_of(os.path.join(folder, "usr/share/doc/rmp-enforce-tools/examples",
                                          "ansible"))
            self.assertEqual(there, files_of(os.path.join(TOP, "tools", "ansible")))
            self.assertIn("roles/rmp_enforce/tasks/main.yml", there)


if __name__ == "__main__":
    unittest.main()
