# SPDX-License-Identifier: GPL-2.0-only
"""What 'rmpctl watch' shows of VMs: columns that fit, in an order, and what matters in a line."""

import collections

from .cells import count, cut, ljust, width
from .printable import printable
from .units import ago, plural

GAP = "  "
# For a domain's name: in a narrow terminal, before other columns get any room, and at most.
NAME_AT_LEAST, NAME_WANTED, NAME_AT_MOST = 12, 20, 40
NARROW = 60

# key is of a row; size 0 is as wide as there is room. The first to be kept in a narrow terminal
# is the one with the lowest rank.
Column = collections.namedtuple("Column", "head key size is_text rank")
COLUMNS = (
    Column("VM", "vm", 4, False, 0), Column("DOMAIN", "name", 0, True, 0),
    Column("MODE", "mode", 7, True, 6), Column("STATE", "status", 12, True, 3),
    Column("ERRORS", "errors", 6, False, 1), Column("NEW", "new_errors", 5, False, 2),
    Column("NOTED", "noted", 5, False, 4), Column("ENFORCED", "enforced", 8, False, 7),
    Column("PSC/s", "psc_completed_per_s", 6, False, 5),
    Column("PAGES/s", "psc_pages_per_s", 7, False, 10),
    Column("NPF/s", "npf_judged_per_s", 6, False, 9), Column("HISTORY", "history", 8, True, 8))


def _attention(row):
    """New errors first, then guests that have ended with errors, then who else did wrong."""
    if row["new_errors"]:
        return 0, -row["new_errors"]
    if "age_us" in row:
        return 1, row["age_us"] or 0
    if row["errors"] or row["state"] == "terminated":
        return 2, -row["errors"]
    return (3 if row["history"] != "complete" else 4), 0


# By the key that chooses it: its name, and the order.
Order = collections.namedtuple("Order", "name key")
ORDERS = {"a": Order("attention", _attention),
          "v": Order("errors", lambda row: -row["errors"]),
          "i": Order("VM", lambda row: 0),
          "d": Order("domain", lambda row: name(row).casefold()),
          "p": Order("PSC/s", lambda row: -row.get("psc_completed_per_s", 0)),
          "n": Order("NPF/s", lambda row: -row.get("npf_judged_per_s", 0))}


def name(row):
    """How an operator knows a VM."""
    return printable(row["domain"] or f"(pid {row['pid']}, {row['comm']})")


def ordered(rows, order):
    """Rows as one of ORDERS has them; what is alike by the number of the VM."""
    return sorted(rows, key=lambda row: (ORDERS[order].key(row), row["vm"]))


def found(rows, text):
    """Rows whose name, VM, pid or process has the text in it."""
    text = text.casefold()
    return [row for row in rows
            if any(text in str(value).casefold()
                   for value in (name(row), row["vm"], row["pid"], row["comm"]))]


class Table:
    """Columns for so many cells; with None, all of them, and no number is rounded."""

    def __init__(self, rows, cells=None):
        self.cells = cells
        longest = max([width(self._text(row, "name", True)) for row in rows], default=0)
        name_size = NAME_AT_LEAST
        if cells is None or cells >= NARROW:
            name_size = min(max(longest, NAME_AT_LEAST), NAME_WANTED)
        used, kept = -len(GAP), {}
        for column in sorted(COLUMNS, key=lambda c: c.rank):
            size = len(GAP) + (column.size or name_size)
            if cells is None or used + size <= cells:
                used += size
                kept[column.head] = column.size or name_size
        self.columns = [c for c in COLUMNS if c.head in kept]
        room = NAME_AT_MOST if cells is None else name_size + max(cells - used, 0)
        kept["DOMAIN"] = min(max(longest, name_size), room, NAME_AT_MOST)
        self.sizes = kept

    @staticmethod
    def _text(row, key, has_state):
        has_ended = "age_us" in row
        if key == "name":
            return ("ended: " if has_ended and not has_state else "") + name(row)
        if key == "status":
            if not has_ended:
                return printable(row["state"])
            return "ended" if row["age_us"] is None else f"ended {ago(row['age_us'])}"
        value = row.get(key)
        return "-" if value is None else printable(value)

    def _line(self, text_of):
        out = []
        for column in self.columns:
            text, size = text_of(column), self.sizes[column.head]
            out.append(ljust(text, size) if column.is_text else text.rjust(size))
        return GAP.join(out).rstrip()

    def head(self):
        return self._line(lambda column: column.head)

    def line(self, row):
        # Where there is no room for the state, the name has it.
        has_state = "STATE" in self.sizes

        def text(column):
            value = row.get(column.key)
            if column.is_text or value is None or column.key == "vm":
                return self._text(row, column.key, has_state)
            whole = round(value)
            return str(whole) if self.cells is None else count(whole, self.sizes[column.head])

        return self._line(text)


def _named(rows, what, cells):
    """Names, as many as fit, and how many more there are."""
    out = ""
    for i, row in enumerate(rows):
        more = f", and {len(rows) - i - 1} more" if i + 1 < len(rows) else ""
        text = f"{out}{', ' if out else ''}{what(row)}"
        if width(text) + len(more) > cells:
            if i:
                return f"{out}, and {len(rows) - i} more"
            return cut(text, max(cells - len(more), 0)) + more
        out = text
    return out


def news(rows, since, cells):
    """(whether there is any, a line on errors since watch was started)."""
    new = [row for row in ordered(rows, "a") if row["new_errors"]]
    if not new:
        return False, f"No new errors since {since}"
    start = ("NEW ERRORS: " if cells < NARROW else
             f"NEW ERRORS of {plural(len(new), 'guest')}: ")
    return True, start + _named(new, lambda row: f"{name(row)} +{row['new_errors']}",
                                cells - len(start))


def obituary(past, nameless, cells):
    """(whether there is any, a line on guests that have ended with errors)."""
    wrong = [row for row in past if row["errors"]]
    errors = sum(row["errors"] for row in wrong) + nameless
    if not errors:
        return False, "No errors of guests that have ended"
    start = "ENDED: " if cells < NARROW else f"ENDED with {plural(errors, 'error')}: "

    def words(row):
        when = "" if row["age_us"] is None else f" {ago(row['age_us'])} ago"
        return f"{printable(row['domain'] or 'pid ' + str(row['pid']))}{when}"

    names = (_named(wrong, words, cells - len(start)) if wrong else
             "root can see which guests")
    return True, start + names
