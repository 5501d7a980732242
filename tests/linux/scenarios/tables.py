#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
tables.py DOCUMENT SECONDS MEASURED...: writes the tables of docs/linux-guest.md, from
what each host has measured in a run of so many seconds, between their marks in the
document.
"""

import json
import os
import re
import sys

from phases import TITLES


def markdown(head, rows):
    lines = ["| %s |" % " | ".join(head), "|%s|" % "|".join("---" for _ in head)]
    lines += ["| %s |" % " | ".join(str(c) for c in row) for row in rows]
    return "\n".join(lines) + "\n"


def reports_in(phases):
    total = {}
    for phase in phases:
        for cls, n in phase["violations"].items():
            total[cls] = total.get(cls, 0) + n
    return total


def in_words(reports):
    return ", ".join("%d `%s`" % (n, cls) for cls, n in sorted(reports.items())) or "0"


def false_positives(measured):
    """One row for each thing that a guest did; what comes before userland is one."""
    rows = []
    for name, guest in measured["guests"].items():
        size = "%d vCPU, %s, Linux %s" % (guest["cpus"], guest["mem"], guest["kernel"])
        boot = [p for p in guest["phases"] if p["name"] in TITLES]
        rest = [p for p in guest["phases"] if p["name"] not in TITLES]
        parts = [("from power-on to userland", boot)] + [(p["title"], [p]) for p in rest]
        for title, phases in parts:
            rows.append((name, size, title.replace("_", " "),
                         "%.0f" % sum(p["seconds"] for p in phases),
                         sum(p["requests"] for p in phases),
                         in_words(reports_in(phases))))
    return markdown(("guest", "what it is", "what it does", "s", "PSCs", "reports"), rows)


def pscs(measured):
    """The whole life of the guest that does the most."""
    guest = measured["guests"]["io"]
    rows = []
    for p in guest["phases"]:
        n, size = p["requests"], p["sizes"]
        rows.append((p["title"], "%.1f" % p["seconds"], n or "",
                     p["pages_private"] or "", p["pages_shared"] or "",
                     size["one"] or "", size["some"] or "", size["huge"] or "",
                     size["largest"] or "",
                     "%.0f" % (p["psc_seconds"] / n * 1e6) if n else ""))
    sums = [sum(p[k] for p in guest["phases"])
            for k in ("requests", "pages_private", "pages_shared")]
    sizes = [sum(p["sizes"][k] for p in guest["phases"]) for k in ("one", "some", "huge")]
    rows.append(("**all**", "%.1f" % guest["seconds"], *sums, *sizes,
                 max(p["sizes"]["largest"] for p in guest["phases"]),
                 "%.0f" % (sum(p["psc_seconds"] for p in guest["phases"]) / sums[0] * 1e6)))
    return markdown(("phase", "s", "PSCs", "pages to private", "pages to shared",
                     "of 1 page", "of 2 to 511", "of 512 and more", "largest",
                     "answered after, us"), rows)


def keys(record, wanted):
    """A record's words that have these keys, in its order."""
    return " ".join(w for w in record.split() if w.split("=")[0] in wanted)


def second_kernels(measured):
    """The report of each guest that went into another kernel and was stopped."""
    rows = [(name, "`%s`" % keys(record, KEYS + ("gfn", "psc_age_us", "psc_gfn")))
            for name, guest in measured["guests"].items() for record in guest["records"]
            if "class=initial_shared" not in record]
    return markdown(("guest", "the record"), rows)


KEYS = ("class", "access", "op", "expected", "source", "psc", "psc_pages", "launch", "rip",
        "action", "cpl")


def seen_by_guest(v):
    """What of the guest's console says what it saw."""
    text = "\n".join(v["console"])
    for pattern in (r"violate: \S+ \S+: (SIGBUS .*|went through)",
                    r"the kernel (went on)",
                    r"Unsupported (exit-code 0x404 in #VC exception)(?s:.*)"
                    r"(RIP: 0010:\S+ \[violate\])"):
        m = re.search(pattern, text)
        if m:
            return ", ".join(m.groups())
    if any("unknown exit reason 24" in line for line in v["qemu"]):
        return "its console shows nothing; it asked to be terminated"
    return "nothing: it runs no more"


def violations(measured):
    rows = []
    for v in measured["violations"]:
        record = "; ".join(keys(r, KEYS) for r in v["record"])
        qemu = next((e for e in v["events"] if e == "GUEST_PANICKED"), None)
        rows.append((v["what"], v["action"], seen_by_guest(v),
                     "`%s`" % record if record else "none", qemu or ""))
    return markdown(("who:case:how", "action", "what the guest sees", "the record", "QEMU"),
                    rows)


def sites(measured):
    """What rmpctl where says of the first violation of a guest's kernel."""
    name = "kernel:stale"
    text = measured["sites"][name]
    # Where the guest was built.
    text = re.sub(r"/\S*/guest/(?:guest/)?violate/", "", text)
    # Words of which no file was given.
    text = re.sub(r"(?m)(^ +\+0x[0-9a-f]{4} +0x[0-9a-f]+\n)+", "      ...\n", text)
    return "    rmpctl where vc0 --module violate=violate.ko@sections\n\n" + "".join(
        "    %s\n" % line if line else "\n" for line in text.rstrip().split("\n"))


def merge(paths):
    """What all hosts have measured, in the order in which they are named."""
    measured = {"guests": {}, "violations": [], "sites": {}}
    for path in paths:
        with open(path, encoding="utf-8") as f:
            one = json.load(f)
        measured["guests"].update(one.get("guests", {}))
        measured["violations"] += one.get("violations", [])
        measured["sites"].update(one.get("sites", {}))
        measured["host"] = one["host"]
    return measured


def between_marks(document, name, text):
    """The document with text between the marks of that name."""
    begin = "<!-- %s: begin, written by make test-linux -->\n" % name
    end = "<!-- %s: end -->\n" % name
    head, rest = document.split(begin, 1)
    return head + begin + text + end + rest.split(end, 1)[1]


def main():
    path, seconds, *paths = sys.argv[1:]
    measured = merge(paths)
    took = "The run took %d minutes on %d cores; its hosts, %d, ran beside each other.\n" % (
        round(int(seconds) / 60), os.cpu_count(), len(paths))
    with open(path, encoding="utf-8") as f:
        document = f.read()
    for name, table in (("false-positives", false_positives), ("pscs", pscs),
                        ("second-kernels", second_kernels), ("violations", violations),
                        ("sites", sites)):
        text = "%s\n\n%s" % (measured["host"], table(measured))
        document = between_marks(document, name, text)
    document = between_marks(document, "run", took)
    with open(path, "w", encoding="utf-8") as f:
        f.write(document)


if __name__ == "__main__":
    main()
