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


def net(v):
    """Without what the loop around look-ups costs by itself."""
    return {store: n - v.get("loop", 0) for store, n in v.items()}


def tracker_tables(results, counts):
    if not results:
        return
    for group, title in (("range", "Requests"), ("lookup", "Look-ups")):
        times = by_op(results, group, "ns")
        instr = by_op(counts, group, "instructions")
        print(f"### {title}, on this machine\n")
        rows = []
        for op, v in times.items():
            i = net(instr.get(op, {}))
            row = [op, number(v.get("tracker")), number(v.get("xarray")), ratio(v),
                   number(i.get("tracker")), number(i.get("xarray")), ratio(i)]
            if group == "range":
                row.append(number(v["tracker"] / v["memset"]) if v.get("memset") else "")
            rows.append(row)
        head = [title.lower(), "tracker, ns", "xarray, ns", "xarray / tracker",
                "tracker, instructions", "xarray, instructions", "xarray / tracker"]
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


def middle(rounds, key="value"):
    return statistics.median(r[key] for r in rounds)


def hooks_table(results, unit):
    if not results:
        return
    print(f"### Guests on the simulated host ({unit})\n")
    print("Each operation by itself: the median without the module, and what is added to it, if\n"
          "that is more than the IQR: from one quartile to the other, the largest of the four.\n")
    cells = {}
    for r in results:
        key = (r["vm"], r["op"], r["vcpus"])
        cells.setdefault(key, {}).setdefault(r["config"], []).append(r)
    rows = []
    for (vm, op, vcpus), v in sorted(cells.items(), key=lambda c: c[0][2]):
        base = middle(v["absent"])
        row = [vm, op, str(vcpus), str(v["absent"][0]["n"]), number(base)]
        iqr = max(middle(x, "q3") - middle(x, "q1") for x in v.values())
        for c in CONFIGS[1:]:
            added = middle(v[c]) - base
            row.append(f"{added:+,.0f} ({100 * added / base:+.1f}%)" if abs(added) > iqr
                       else "within")
        rows.append(row + [number(iqr) if iqr else "0"])
    table(["VM", "what", "vCPUs", "times", "module absent", "off", "lenient", "strict", "IQR"],
          rows)


def ten_thousand(results):
    """What a violation costs more than the silent conversion, and all of them."""
    for config in ("lenient", "strict"):
        found = {r["config"]: r for r in results if r["op"] == "violation, one of 10,000"}
        if config in found and "absent" in found:
            r = found[config]
            print(f"Ten thousand violations, {config}: {number(r['mean'] * r['n'])} in all, "
                  f"{number(found['absent']['mean'] * found['absent']['n'])} without the module.\n")


def boot_table(results):
    if not results:
        return
    print("### Boot of a Linux SNP guest on the simulated host\n")
    cells = {}
    for r in results:
        cells.setdefault(r["op"], {}).setdefault(r["config"], []).append(r["value"])
    rows = []
    for op, v in cells.items():
        row = [op]
        for config in ("absent", "strict"):
            x = sorted(v.get(config, []))
            row.append(f"{number(statistics.median(x))} ({number(x[0])} to {number(x[-1])})"
                       if x else "")
        if "absent" in v and "strict" in v:
            row.append(f"{statistics.median(v['strict']) / statistics.median(v['absent']):.3f}")
        else:
            row.append("")
        rows.append(row)
    table(["to userland; median (least to most)", "module absent", "strict", "strict / absent"],
          rows)


def bars(out, name, title, rows, series, settings):
    """A group of bars for each of rows (its name, values); series has a name and a colour
    for each value."""
    data = os.path.join(out, name + ".dat")
    with open(data, "w", encoding="utf-8") as f:
        for row, values in rows:
            f.write(f'"{row}" {" ".join(map(str, values))}\n')
    plots = ", ".join(
        f'"{data}" using {n}{":xtic(1)" if n == 2 else ""} title "{what}" lc rgb "{colour}"'
        for n, (what, colour) in enumerate(series, 2))
    script = f"""
set terminal svg size 900,420 font "sans,12" background "white"
set output "{out}/{name}.svg"
set title "{title}"
set style data histograms
set style fill solid 0.8 border -1
set boxwidth 0.9
set grid ytics
{settings}
plot {plots}
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def plot_tracker(out, name, title, unit, ops):
    """Both stores, on a logarithmic scale."""
    rows = [(op, (v["tracker"], v["xarray"])) for op, v in ops.items()
            if "tracker" in v and "xarray" in v]
    bars(out, name, title, rows, (("tracker", "#2b6cb0"), ("xarray", "#dd6b20")),
         f'set logscale y; set ylabel "{unit}"; set xtics rotate by -20; set key top left')


def plot_hooks(out, results):
    """What each mode adds, for SNP guests with one vCPU, in per cent."""
    ops = {}
    for r in results:
        if r["vm"] == "snp" and r["vcpus"] == 1 and not r["op"].startswith("violation"):
            ops.setdefault(r["op"], {})[r["config"]] = r["value"]
    if not ops:
        return
    rows = [(op, [f"{100 * (v[c] / v['absent'] - 1):.3f}" for c in CONFIGS[1:]])
            for op, v in ops.items()]
    bars(out, "hooks",
         "What the module adds to an SNP guest's operations (instructions, simulated host)",
         rows, (("off", "#a0aec0"), ("lenient", "#2b6cb0"), ("strict", "#dd6b20")),
         'set ylabel "%"; set yrange [0:*]; set xtics rotate by -15; set key top right')


def main():
    out = sys.argv[1]
    tracker = load(f"{out}/tracker.json")
    with open(f"{out}/about", encoding="utf-8") as f:
        print("".join(f"- {line}" for line in f))
    tracker_tables(tracker, load(f"{out}/counts.json"))
    kernel_table(load(f"{out}/kernel.json"))
    instructions = load(f"{out}/hooks-instructions.json")
    hooks_table(instructions, "instructions, one host CPU")
    ten_thousand(instructions)
    hooks_table(load(f"{out}/hooks-time.json"), "time: ticks of this machine's TSC")
    boot_table(load(f"{out}/boot.json"))
    plot_hooks(out, instructions)
    for group, name, title, unit in (
            ("range", "requests", "A request (on this machine)", "ns"),
            ("lookup", "lookups", "A look-up (on this machine)", "ns"),
            ("memory", "memory", "Memory for a guest of 16 GiB", "bytes")):
        if tracker:
            plot_tracker(out, name, title, unit, by_op(tracker, group, unit))


main()
