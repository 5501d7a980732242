# SPDX-License-Identifier: GPL-2.0-only
"""docs/ABI against the files that there are.

An entry is fields of "Name:<tab>text", of which What may be there several times; what
follows a Description is indented.  <id> is the number of a VM, <class> a class: below
policy one that has a policy, elsewhere any.  A description begins with (RO) or (RW);
what says "root only" is for root.
"""

import os
import re
import stat

FIELDS = ["What", "Date", "KernelVersion", "Contact", "Description"]
FOLDERS = ("/sys/kernel/rmp_enforce", "/sys/kernel/debug/rmp_enforce",
           "/sys/module/rmp_enforce/parameters")


def entries(folder):
    """Of all files in a folder: each entry as {field: [values]}."""
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="ascii") as file:
            entry = {}
            for line in file:
                field = re.match(r"([A-Z]\w+):\t+(.*)", line)
                if field and field[1] == "What" and "Description" in entry:
                    yield entry
                    entry = {}
                if field:
                    entry.setdefault(field[1], []).append(field[2])
                elif line.strip():
                    entry["Description"][-1] += " " + line.strip()
            yield entry


def described(folder, policy_classes, classes):
    """{file with <id> in it: its description}."""
    out = {}
    for entry in entries(folder):
        for what in entry["What"]:
            names = policy_classes if "/policy/" in what else classes
            for name in names if "<class>" in what else ("",):
                out[what.replace("<class>", name)] = entry["Description"][0]
    return {path: text for path, text in out.items() if not path.endswith("/")}


def existing(vm_id):
    """{file: its permissions}, with <id> for this VM; those of other VMs are left out."""
    out = {}
    for folder in FOLDERS:
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                place = re.sub(rf"/{vm_id}/", "/<id>/", path)
                if not re.search(r"/\d+/", place):
                    out[place] = stat.S_IMODE(os.stat(path).st_mode)
    return out


def permissions(path, text):
    """What a description promises."""
    if text.startswith("(RW)"):
        return 0o644
    for_root = path.startswith("/sys/kernel/debug/") or "root only" in text
    return 0o400 if for_root else 0o444
