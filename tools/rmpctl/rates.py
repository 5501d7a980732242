# SPDX-License-Identifier: GPL-2.0-only
"""VMs from one look to the next: rates, errors that are new, and those that have ended."""

import time

from . import ended, totals, vm as vms

RATES = ("psc_completed", "psc_pages", "npf_judged")


def _which(vm):
    return vm["vm"], vm["pid"]


class Sampler:
    """Snapshots one after the other: rates between two, new errors since the first.

    After each look: ended has rows of VMs that have ended and did wrong, the newest first;
    nameless_errors counts errors of VMs that have ended and are in no row, because we may not
    look at them, or they are not kept any more.
    """

    def __init__(self, host):
        self.host = host
        self.before = {}
        self.when = None
        # By a VM's number and pid: loaded anew, the module counts VMs from 1 again.
        self.errors_at_first = {}
        self.names = {}             # domains, as they were while the VMs ran
        self.ended = []
        self.nameless_errors = 0

    def _new_errors(self, row):
        # All errors of a VM that has come since are new.
        known = row["errors"] if self.when is None else 0
        return row["errors"] - self.errors_at_first.setdefault(_which(row), known)

    def _row(self, snapshot, span):
        old = self.before.get(_which(snapshot))
        row = {k: snapshot[k] for k in ("vm", "domain", "pid", "comm", "vcpus", "history", "state")}
        row["mode"] = snapshot["effective_mode"]
        row["errors"] = vms.errors_of(snapshot)
        row["noted"] = vms.noted_of(snapshot)
        row["enforced"] = snapshot["enforced"]
        row["new_errors"] = self._new_errors(row)
        for name in RATES:
            row[name] = snapshot[name]
            row[name + "_per_s"] = (round(((row[name] or 0) - (old[name] or 0)) / span, 1)
                                    if old and span else 0.0)
        return row

    def _ended_row(self, past):
        row = {k: past[k] for k in ("vm", "domain", "pid", "comm", "history", "state", "age_us",
                                    "enforced")}
        row["domain"] = row["domain"] or self.names.get(_which(row))
        row["errors"] = vms.errors_of(past)
        row["noted"] = vms.noted_of(past)
        row["new_errors"] = self._new_errors(row)
        return row

    def sample(self):
        """A list of rows of the VMs that run: a VM's snapshot, its errors, rates per second."""
        now = time.monotonic()
        span = now - self.when if self.when is not None else None
        counted = totals.read(self.host)
        snapshots = vms.snapshots(self.host)
        rows = [self._row(s, span) for s in snapshots]
        self.names.update({_which(r): r["domain"] for r in rows if r["domain"]})
        running = {r["vm"] for r in rows}
        # One that ends just now may be in both.
        past = [self._ended_row(p) for p in ended.read_or_none(self.host) or ()
                if p["vm"] not in running]
        self.ended = [r for r in reversed(past) if r["errors"] or r["state"] == "terminated"]
        self.nameless_errors = max(totals.errors_of_ended(counted, snapshots) -
                                   sum(r["errors"] for r in self.ended), 0)
        self.before, self.when = {_which(s): s for s in snapshots}, now
        return rows
