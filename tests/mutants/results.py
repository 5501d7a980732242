# SPDX-License-Identifier: GPL-2.0-only
"""What came of mutants: kept in a file to which runs append, and summed up in a table."""

import collections
import json
import os
import threading

from mutations import digest

# Outcomes. "unseen": the object that unit tests link is the same; the module's may differ.
KILLED, SURVIVED, SAME, UNSEEN, BROKEN = "killed", "survived", "same", "unseen", "broken"
STAGES = ("unit", "e2e", "torture")


class Results:
    """One line of JSON for each mutant and stage; the last one counts."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.of = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                for line in f:
                    # The last line of a run that was killed may be half a line.
                    try:
                        r = json.loads(line)
                    except ValueError:
                        continue
                    self.of[(r["file"], r["source"], r["mutant"], r["stage"])] = r

    @staticmethod
    def place(mutant, stage):
        return mutant.file, digest(mutant.text), mutant.key(), stage

    def get(self, mutant, stage, tests=None):
        """What is known; a survivor counts only of the same tests."""
        r = self.of.get(self.place(mutant, stage))
        if r and tests is not None and r["outcome"] in (SURVIVED, UNSEEN) and r["tests"] != tests:
            return None
        return r

    def add(self, mutant, stage, tests, outcome, by="", seconds=0.0):
        file, source, key, _ = place = self.place(mutant, stage)
        r = {"file": file, "source": source, "mutant": key, "stage": stage, "tests": tests,
             "outcome": outcome, "by": by, "seconds": round(seconds, 1)}
        with self.lock:
            self.of[place] = r
            with open(self.path, "a", encoding="utf-8") as f:
                f.write("\n" * self.torn() + json.dumps(r) + "\n")
        return r

    def torn(self):
        """Does the file end within a line?"""
        if not os.path.exists(self.path) or not os.path.getsize(self.path):
            return False
        with open(self.path, "rb") as f:
            f.seek(-1, os.SEEK_END)
            return f.read() != b"\n"


class Equivalent:
    """Mutants that no test can kill. In the file, paragraphs of

        src/file.c: the reason,
        on as many lines as it takes
         the line before it, if there are several such lines
        -a line of the source
        +the same line, mutated
    """

    def __init__(self, path):
        self.entries = []  # (file, before, old, new, reason)
        with open(path, encoding="utf-8") as f:
            lines = [line for line in f if not line.startswith("#")]
        for paragraph in "".join(lines).split("\n\n"):
            if paragraph.strip():
                self.add(paragraph.strip("\n").split("\n"))

    def add(self, lines):
        before, old, new = (tuple(line[1:].strip() for line in lines if line[0] in sign)
                            for sign in (" \t", "-", "+"))
        reason = " ".join(line.strip() for line in lines if line[0] not in " \t-+")
        file, colon, reason = reason.partition(": ")
        if not (old and new and colon and reason):
            raise ValueError(f"an entry of equivalent without a reason or lines: {lines[0]}")
        self.entries.append((file, before, old, new, reason))

    @staticmethod
    def is_of(entry, mutant):
        file, before, *change, _ = entry
        if file != mutant.file or change != [tuple(s.strip() for s in c)
                                             for c in mutant.changed()]:
            return False
        above = mutant.text.splitlines()[max(mutant.line - 1 - len(before), 0):mutant.line - 1]
        return not before or before == tuple(s.strip() for s in above)

    def reason(self, mutant):
        for entry in self.entries:
            if entry[0] == mutant.file and self.is_of(entry, mutant):
                return entry[-1]
        return None

    def complaints(self, mutants):
        """Of entries that are of no mutant any more, or of more than one."""
        for entry in self.entries:
            of = {m.line for m in mutants if self.is_of(entry, m)}
            if len(of) != 1:
                yield (f"{entry[0]}: {len(of)} lines have what equivalent says of one: "
                       f"{entry[2][0]}")


def state(results, equivalent, mutant):
    """(what became of it, by what) after all stages; None if it was never tried."""
    seen = None
    for stage in STAGES:
        r = results.get(mutant, stage)
        if r and r["outcome"] in (KILLED, BROKEN, SAME):
            return (stage if r["outcome"] == KILLED else r["outcome"]), r["by"]
        if r and (seen is None or r["outcome"] == SURVIVED):
            seen = r["outcome"]
    if seen and equivalent.reason(mutant):
        return "equivalent", equivalent.reason(mutant)
    return (seen, "") if seen else None


def table(results, equivalent, mutants):
    """Lines of Markdown. Not counted: what does not compile, and what no test can see."""
    rows = collections.defaultdict(collections.Counter)
    for m in mutants:
        what = state(results, equivalent, m)
        if what:
            rows[m.file][what[0]] += 1
    lines = ["| file | mutants | killed by unit | scenarios | random guests | survivors "
             "| equivalent | same code | killed |",
             "|---|---|---|---|---|---|---|---|---|"]
    total = collections.Counter()
    for file in sorted(rows):
        lines.append(row(file, rows[file]))
        total.update(rows[file])
    lines.append(row("**all**", total))
    return lines


def row(name, n):
    killed = sum(n[stage] for stage in STAGES)
    counted = killed + n[SURVIVED]
    percent = f"{100 * killed / counted:.0f} %" if counted else ""
    cells = [counted + n["equivalent"], n["unit"], n["e2e"], n["torture"], n[SURVIVED],
             n["equivalent"], n[SAME] + n[UNSEEN], percent]
    return f"| {name} | " + " | ".join(str(c) for c in cells) + " |"


def write_table(path, lines):
    """Puts it where the document has room for it."""
    begin, end = "<!-- mutants: begin -->\n", "<!-- mutants: end -->\n"
    with open(path, encoding="utf-8") as f:
        before, _, rest = f.read().partition(begin)
    _, marker, after = rest.partition(end)
    if not marker:
        raise ValueError(f"{path} has no place for the table ({begin.strip()})")
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + begin + "\n" + "\n".join(lines) + "\n\n" + end + after)
