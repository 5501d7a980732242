# SPDX-License-Identifier: GPL-2.0-only
"""Alert rules and dashboard, without a Prometheus: that they fit the metrics, and each other."""

import json
import os
import re
import sys
import tempfile
import unittest

from rmpctl import classes
from test_formats import TOP, text_of

sys.path.append(os.path.join(TOP, "tests", "tools", "monitoring"))

import made_up  # noqa: E402

RULES = text_of("tools", "prometheus", "rmp_enforce.rules.yml")
BOARD = json.loads(text_of("tools", "prometheus", "rmp_enforce-dashboard.json"))
COLUMNS, SCREEN = 24, 27    # a screen of 1080 lines shows so many rows of Grafana's grid


def queries():
    """(panel, its query)"""
    return [(panel, target) for panel in BOARD["panels"] for target in panel["targets"]]


class Metrics(unittest.TestCase):
    def known(self):
        """The names of all metrics that rmpctl has."""
        with tempfile.TemporaryDirectory() as folder:
            host = made_up.Host(folder, "host01")
            host.load()
            guest = host.start("web1")
            host.violate(guest, "first_touch")
            host.end(guest)
            host.start("db1")
            host.publish()
            with open(host.prom, encoding="utf-8") as file:
                return set(re.findall(r"(?m)^(rmp_enforce_\w+)", file.read()))

    def test_rules_and_dashboard_use_metrics_that_exist(self):
        known = self.known()
        for name, text in (("rules", RULES), ("dashboard", json.dumps(BOARD))):
            used = set(re.findall(r"\b(rmp_enforce_\w+)", text))
            self.assertGreater(len(used), 5, name)
            self.assertEqual(used - known, set(), name)

    def test_made_up_hosts_have_all_that_is_documented(self):
        """Else alerts and dashboard would be tried on less than there is."""
        abi = text_of("docs", "ABI", "sysfs-kernel-rmp_enforce")
        vm = made_up.Vm(1, "web1", "complete").files()
        for name in re.findall(r"(?m)^What:\t\t/sys/kernel/rmp_enforce/vms/<id>/(\w+)$", abi):
            self.assertIn(name, vm)


class Rules(unittest.TestCase):
    def test_every_summary_names_the_host_and_who(self):
        summaries = re.findall(r"(?m)^ *summary: '(.*)'$", RULES)
        self.assertEqual(len(summaries), RULES.count("- alert: "))
        for text in summaries:
            self.assertIn("{{ $labels.instance }}", text)
            # A VMM that is not libvirt's has no domain.
            if "$labels.domain" in text:
                self.assertIn("VM {{ $labels.vm }}", text)


class Dashboard(unittest.TestCase):
    def test_source_and_hosts_can_be_chosen(self):
        names = [v["name"] for v in BOARD["templating"]["list"]]
        self.assertEqual(names, ["datasource", "instance"])
        for panel, target in queries():
            for source in (panel["datasource"], target["datasource"]):
                self.assertEqual(source, {"type": "prometheus", "uid": "${datasource}"})
            for metric in re.finditer(r"\b(?:rmp_enforce|node)_\w+(\{[^}]*\})?", target["expr"]):
                # What is subtracted from something of the hosts needs not be chosen again.
                before = target["expr"][:metric.start()]
                if not re.search(r"unless on \(instance\) $", before):
                    self.assertIn('instance=~"$instance"', metric[1] or "", target["expr"])

    def test_panels_are_on_one_screen_and_none_covers_another(self):
        taken = set()
        for panel in BOARD["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                     for y in range(at["y"], at["y"] + at["h"])}
            self.assertEqual(taken & cells, set(), panel["title"])
            taken |= cells
        self.assertEqual(taken, {(x, y) for x in range(COLUMNS) for y in range(SCREEN)})

    def test_numbers_and_titles_are_used_once(self):
        for key in ("id", "title"):
            values = [panel[key] for panel in BOARD["panels"]]
            self.assertEqual(len(values), len(set(values)))

    def test_a_table_shows_columns_that_its_query_has(self):
        tables = [panel for panel in BOARD["panels"] if panel["type"] == "table"]
        self.assertEqual(len(tables), 4)
        for panel in tables:
            organize = panel["transformations"][0]["options"]
            titles = organize["renameByName"]
            self.assertEqual(set(titles), set(organize["indexByName"]))
            self.assertIn(panel["options"]["sortBy"][0]["displayName"], titles.values())
            for override in panel["fieldConfig"]["overrides"]:
                self.assertIn(override["matcher"]["options"], titles.values())
            for label in titles.keys() - {"Value"}:
                self.assertRegex(panel["targets"][0]["expr"], rf"\b{label}\b")

    def test_each_class_has_a_colour(self):
        panel = next(p for p in BOARD["panels"] if p["title"] == "Violations by class")
        self.assertEqual([o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]],
                         list(classes.CLASSES))

    def test_it_is_installed(self):
        self.assertIn("prometheus/rmp_enforce-dashboard.json", text_of("tools", "Makefile"))
        for name in ("rmp_enforce.rules.yml", "rmp_enforce-dashboard.json"):
            self.assertIn(f"examples/{name}", text_of("docs", "operators.md"))


if __name__ == "__main__":
    unittest.main()
