# SPDX-License-Identifier: GPL-2.0-only
"""What Grafana asks of Prometheus for the dashboard, and what the panels then show."""

import re

import scaled
from rmpctl.classes import CLASSES, GUEST_ERRORS

POINTS = 600            # as many as a panel on a screen has
SCRAPE_MIN = 1


def _variable(board, name):
    return next(v for v in board["templating"]["list"] if v["name"] == name)


def _choice(board, name):
    """How a query has "All" of a variable."""
    return _variable(board, name)["allValue"]


def expression(board, panel, target, span_s, minute_s):
    """A query without variables, and the seconds between two points; on a clock on which a
    minute is minute_s. As Grafana has them: $__interval is the time between two points, and
    $__rate_interval a scrape more, and at least four scrapes."""
    factor = minute_s / 60
    interval = max(span_s / POINTS, scaled.seconds(panel.get("interval", "0s")) * factor,
                   SCRAPE_MIN * minute_s)
    rate = max(interval + SCRAPE_MIN * minute_s, 4 * SCRAPE_MIN * minute_s)
    text = scaled.scale(target["expr"], factor)
    for name, value in (("$__rate_interval", f"{round(rate * 1000)}ms"),
                        ("$__interval", f"{round(interval * 1000)}ms"),
                        ("$instance", _choice(board, "instance"))):
        text = text.replace(name, value)
    assert "$" not in text, text
    return text, interval


def ask(board, api, now, span, minute_s):
    """The answers to all queries of the dashboard, of the last span seconds."""
    source = _variable(board, "instance")["query"]["query"]
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", source).groups()
    hosts = api.get(f"api/v1/label/{label}/values", **{"match[]": metric})
    out = {"now": now, "span": span, "variables": {"instance": hosts}, "panels": []}
    for panel in board["panels"]:
        targets = []
        for target in panel["targets"]:
            query, step = expression(board, panel, target, span, minute_s)
            result = (api.instant(query, now) if target["instant"] else
                      api.range(query, now - span, now, step))
            targets.append({"expr": query, "legend": target.get("legendFormat"),
                            "result": result, "step": step})
        out["panels"].append({"title": panel["title"], "targets": targets})
    return out


def legend(text, labels):
    """Of a series: its labels, put into legendFormat."""
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), text).strip()


def columns(panel):
    """[(field, title)] of a table, in order, by its transformation."""
    organize = panel["transformations"][0]["options"]
    shown = [name for name in organize["indexByName"] if name not in organize["excludeByName"]]
    return [(name, organize["renameByName"].get(name, name))
            for name in sorted(shown, key=organize["indexByName"].get)]


def cells(panel, result):
    """The rows of a table, sorted as its options say."""
    out = [tuple(value if field == "Value" else labels.get(field, "")
                 for field, _ in columns(panel)) for labels, value in result]
    by = panel["options"]["sortBy"][0]
    at = [title for _, title in columns(panel)].index(by["displayName"])
    return sorted(sorted(out, key=str), key=lambda row: row[at], reverse=by["desc"])


def shown(panel, targets):
    """A panel's number; or the set of its rows, of its lines' names, or of its bars' names with
    their sums."""
    results = [t["result"] for t in targets]
    if panel["type"] == "stat":
        return results[0][0][1] if results[0] else None
    if panel["type"] == "table":
        return set(cells(panel, results[0]))
    series = [(legend(t["legend"], labels), sum(value for _, value in points))
              for t in targets for labels, points in t["result"]]
    bars = panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] == "bars"
    return set(series) if bars else {name for name, _ in series}


def silent(hosts):
    """{host: why} that do not guard; without metrics of their own they are in no count."""
    out = {}
    for host in hosts:
        if not host.has_metrics:
            out[host.name] = "no metrics"
        elif not host.loaded:
            out[host.name] = "the module is not loaded"
        elif host.mode == "off":
            out[host.name] = "its mode is off"
        elif not host.writes:
            out[host.name] = "its metrics are old"
    return out


def expected(hosts):
    """{title: what it has to show} by what the hosts really are."""
    why = silent(hosts)
    seen = [host for host in hosts if host.has_metrics and host.loaded]
    running = [(host, vm) for host in seen for vm in host.vms.values()]
    errors = {(vm.domain or "", str(vm.number), host.name, c, vm.violations[c])
              for host, vm in running for c in GUEST_ERRORS if vm.violations[c]}
    ended = set()
    for host in seen:
        for c in GUEST_ERRORS:
            count = host.totals[c] - sum(vm.violations[c] for vm in host.vms.values())
            if count and not host.keeps_ended:
                ended.add(("", "", "", host.name, c, "", count))
        for pairs in (dict(word.split("=") for word in line.split()) for line in host.ended):
            if host.keeps_ended:
                ended |= {(pairs["vm"], pairs["comm"], pairs["pid"], host.name, c, pairs["state"],
                           int(pairs[c])) for c in GUEST_ERRORS if int(pairs[c])}
    return {
        "Hosts that guard": len(hosts) - len(why),
        "Hosts that do not guard": len(why),
        "SNP guests": len(running),
        "Guests with errors": len({row[1:3] for row in errors}),
        "Errors of ended guests": sum(row[-1] for row in ended),
        "Guests ended by rmp_enforce": sum(host.totals["vms_terminated"] for host in seen),
        "Which hosts do not guard": set(why.items()),
        "Violations by class": {(c, sum(host.totals[c] for host in seen)) for c in CLASSES
                                if any(host.totals[c] for host in seen)},
        "Which guests have errors": errors,
        "Which ended guests had errors": ended,
        "Page-state changes a second": {"completed", "redundant", "refused"},
        "Private pages that VMMs took away": {
            (f"{host.name} VM {vm.number} {vm.domain or ''}".strip(),
             vm.counters["pages_discarded"])
            for host, vm in running if vm.counters["pages_discarded"]},
        "Guests whose history is incomplete": {
            (vm.domain or "", str(vm.number), host.name, vm.history) for host, vm in running
            if vm.history != "complete"},
    }
