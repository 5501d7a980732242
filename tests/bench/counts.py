#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""counts.py FILE...: instructions per operation, from callgrind's dumps, as JSON.

tracker-bench --count asks for a dump after each operation and gives it a label of
group|operation|store|how many.
"""

import json
import re
import sys


def main():
    results = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8", errors="replace") as f:
            text = f.read()
        label = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        if not label or not total:
            continue
        group, op, store, n = label.group(1).split("|")
        results.append({"group": group, "op": op, "store": store,
                        "unit": "instructions",
                        "value": int(total.group(1)) / int(n)})
    json.dump(results, sys.stdout, indent=1)
    print()


main()
