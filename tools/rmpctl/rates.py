# SPDX-License-Identifier: GPL-2.0-only
"""VMs from one look to the next: rates, and errors that are new."""

import time

from . import vm as vms

RATES = ("psc_completed", "psc_pages", "npf_judged")


class Sampler:
    """Snapshots one after the other: rates between two, new errors since the first."""

    def __init__(self, host):
        self.host = host
        self.before = {}
        self.when = None
        self.errors_at_first = {}   # by VM

    def sample(self):
        """A list of rows: a VM's snapshot, its errors, and rates per second."""
        now = time.monotonic()
        span = now - self.when if self.when is not None else None
        rows, current = [], {}
        for snapshot in vms.snapshots(self.host):
            old = self.before.get(snapshot["vm"])
            current[snapshot["vm"]] = snapshot
            row = {k: snapshot[k] for k in ("vm", "domain", "pid", "comm", "vcpus", "history",
                                            "state")}
            row["mode"] = snapshot["effective_mode"]
            row["errors"] = vms.errors_of(snapshot)
            row["noted"] = vms.noted_of(snapshot)
            row["enforced"] = snapshot["enforced"]
            # All errors of a VM that has come since are new.
            known = row["errors"] if self.when is None else 0
            row["new_errors"] = row["errors"] - self.errors_at_first.setdefault(row["vm"], known)
            for name in RATES:
                row[name] = snapshot[name]
                row[name + "_per_s"] = (round((snapshot[name] - old[name]) / span, 1)
                                        if old and span else 0.0)
            rows.append(row)
        self.before, self.when = current, now
        return rows
