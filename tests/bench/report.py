#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""report.py DIR: the tables of a benchmark run in Markdown, and its plots (SVG)."""

import json
import os
import statistics
import subprocess
import sys


def load(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line]


def number(x):
    if x is None:
        return ""
    if x >= 100:
        return f"{x:,.0f}"
    return f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def by_op(results, group, unit):
    """{operation: {store: value}}, in the order of the run."""
    ops = {}
    for r in results:
        if r["group"] == group and r["unit"] == unit:
            ops.setdefault(r["op"], {})[r["store"]] = r["value"]
    return ops


def ratio(v):
    if not v.get("tracker") or "xarray" not in v:
        return ""
    return number(v["xarray"] / v["tracker"]) + " x"


def tracker_tables(results, counts):
    for group, title in (("range", "Requests"), ("lookup", "Look-ups")):
        times = by_op(results, group, "ns")
        instr = by_op(counts, group, "instructions")
        print(f"### {title}, on this machine\n")
        rows = []
        for op, v in times.items():
            i = instr.get(op, {})
            row = [op, number(v.get("tracker")), number(v.get("xarray")), ratio(v),
                   number(i.get("tracker")), number(i.get("xarray"))]
            if group == "range":
                row.append(number(v["tracker"] / v["memset"]) if v.get("memset") else "")
            rows.append(row)
        head = [title.lower(), "tracker, ns", "xarray, ns", "xarray / tracker",
                "tracker, instructions", "xarray, instructions"]
        table(head + (["tracker / memset"] if group == "range" else []), rows)
    print("### Memory for a guest of 16 GiB\n")
    table(["pattern", "tracker, bytes", "xarray, bytes", "xarray / tracker"],
          [[op, number(v["tracker"]), number(v["xarray"]), ratio(v)]
           for op, v in by_op(results, "memory", "bytes").items()])


def kernel_table(results):
    if not results:
        return
    print("### The same pair inside a kernel (instructions)\n")
    table(["operation", "tracker", "xarray", "xarray / tracker"],
          [[op, number(v["tracker"]), number(v["xarray"]), ratio(v)]
           for group in ("range", "lookup")
           for op, v in by_op(results, group, "ticks").items()])


CONFIGS = ("absent", "off", "lenient", "strict")


def hooks_table(results, unit):
    if not results:
        return
    print(f"### Guests on the simulated host ({unit}; median of the rounds)\n")
    cells = {}
    for r in results:
        key = (r["vm"], r["op"], r["vcpus"])
        cells.setdefault(key, {}).setdefault(r["config"], []).append(r["value"])
    rows = []
    for (vm, op, vcpus), v in cells.items():
        m = {c: statistics.median(v[c]) for c in CONFIGS}
        row = [vm, op, str(vcpus), number(m["absent"])]
        row += [f"{m[c] - m['absent']:+,.0f} ({100 * (m[c] / m['absent'] - 1):+.1f}%)"
                for c in CONFIGS[1:]]
        spread = max(max(x) - min(x) for x in v.values())
        rows.append(row + [number(spread)])
    table(["VM", "what", "vCPUs", "module absent", "off", "lenient", "strict",
           "largest spread"], rows)


def plot(out, name, title, ylabel, ops):
    """Bars of both stores, on a logarithmic scale."""
    data = os.path.join(out, name + ".dat")
    with open(data, "w", encoding="utf-8") as f:
        for op, v in ops.items():
            if "tracker" in v and "xarray" in v:
                f.write(f'"{op}" {v["tracker"]} {v["xarray"]}\n')
    script = f"""
set terminal svg size 900,420 font "sans,12" background "white"
set output "{out}/{name}.svg"
set title "{title}"
set style data histograms
set style fill solid 0.8 border -1
set boxwidth 0.9
set logscale y
set ylabel "{ylabel}"
set grid ytics
set xtics rotate by -20
set key top left
plot "{data}" using 2:xtic(1) title "tracker" lc rgb "#2b6cb0", \
     "" using 3 title "xarray" lc rgb "#dd6b20"
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    out = sys.argv[1]
    tracker = load(f"{out}/tracker.json")
    with open(f"{out}/about", encoding="utf-8") as f:
        print("".join(f"- {line}" for line in f))
    tracker_tables(tracker, load(f"{out}/counts.json"))
    kernel_table(load(f"{out}/kernel.json"))
    hooks_table(load(f"{out}/hooks-instructions.json"), "instructions, one host CPU")
    hooks_table(load(f"{out}/hooks-time.json"), "ticks of the TSC, two host CPUs")
    plot(out, "requests", "A request (on this machine)", "ns", by_op(tracker, "range", "ns"))
    plot(out, "lookups", "A look-up (on this machine)", "ns", by_op(tracker, "lookup", "ns"))
    plot(out, "memory", "Memory for a guest of 16 GiB", "bytes",
         by_op(tracker, "memory", "bytes"))


main()
