#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""mutate.py TOP BUILD: the mutation run; called by run, which says what the environment
is for. Exit status 1 if a mutant has survived."""

import os
import queue
import signal
import sys
import threading
import time

import host
import unit
from mutations import drawn, found_sites, mutants_in
from results import (BROKEN, KILLED, SAME, SURVIVED, UNSEEN, Equivalent, Results, state, table,
                     write_table)

GONE = (KILLED, BROKEN, SAME)


class Run:
    """What all lanes share."""

    def __init__(self, top, build):
        env = os.environ
        self.top, self.build = top, build
        self.seed = env.get("SEED") or "1"
        self.count = int(env.get("COUNT") or 20)
        self.lanes = int(env.get("N") or 1)
        self.stages = (env.get("STAGE") or "unit host").split()
        self.slow = int(env.get("RMP_SLOW") or 1)
        self.results = Results(os.path.join(build, "results"))
        self.equivalent = Equivalent(os.path.join(top, "tests/mutants/equivalent"))
        self.all = {file: self.mutants_of(file) for file in self.files(env.get("FILES"))}
        self.stop = threading.Event()
        self.busy = False  # lanes are at work
        self.error = None
        self.print = threading.Lock()

    def files(self, patterns):
        there = sorted(f"{folder}/{name}" for folder in ("include", "src")
                       for name in os.listdir(os.path.join(self.top, folder))
                       if name.endswith((".c", ".h")))
        return [f for f in there if not patterns or
                any(f == p or os.path.basename(f).partition(".")[0] == p
                    for p in patterns.split())]

    def mutants_of(self, file):
        path = os.path.join(self.top, file)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        return list(mutants_in(file, text, found_sites(path, os.path.join(self.build, "sites"))))

    def in_lanes(self, stage, files, start, work):
        """COUNT mutants of each file: a lane has one file at a time. start(lane) makes what
        the lane needs, work(that, mutant) says (outcome, by) or None, if it needs no run."""
        todo = queue.Queue()
        for f in files:
            todo.put(f)
        progress = {"file": 0, "files": len(files)}

        def lane(number):
            mine = None
            try:
                while not self.stop.is_set():
                    file = todo.get_nowait()
                    mine = mine or start(number)
                    self.of_file(stage, file, mine, work, progress)
            except queue.Empty:
                pass
            except Exception as e:  # pylint: disable=broad-except
                self.error = e
                self.stop.set()

        threads = [threading.Thread(target=lane, args=(n,)) for n in range(self.lanes)]
        self.busy = True
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.busy = False
        if self.error:
            raise self.error

    def of_file(self, stage, file, mine, work, progress):
        """Those that count, up to COUNT: what does not compile or differ makes room."""
        progress["file"] += 1
        name = f"{stage} {progress['file']}/{progress['files']} {file}"
        tried = 0
        for mutant in drawn(self.all[file], self.seed, file):
            if self.stop.is_set() or tried >= self.count:
                break
            begin = time.monotonic()
            answer = work(mine, mutant)
            if answer is None:
                continue
            outcome, by, fresh = answer
            tried += outcome not in (BROKEN, SAME, UNSEEN)
            if fresh:
                with self.print:
                    print(f"{name} {tried}/{self.count}: line {mutant.line}, {mutant.kind}: "
                          f"{outcome}{' by ' * bool(by)}{by} "
                          f"({time.monotonic() - begin:.0f} s)", flush=True)

    def interrupted(self, *_):
        """Lanes end after their mutant; whatever else is under way ends now."""
        self.stop.set()
        if not self.busy:
            sys.exit("interrupted")

    def unit(self):
        programs = unit.Programs(self.top, self.build, self.slow, self.seed)
        files = [f for f in self.all if self.all[f] and programs.touched_by(f)]

        def work(lane, mutant):
            known = self.results.get(mutant, "unit", programs.tests)
            if not known and self.equivalent.reason(mutant):
                known = self.results.add(mutant, "unit", programs.tests, SURVIVED)
            if known:
                return known["outcome"], known["by"], False
            begin = time.monotonic()
            outcome, by = lane.test(mutant)
            self.results.add(mutant, "unit", programs.tests, outcome, by,
                             time.monotonic() - begin)
            return outcome, by, True

        self.in_lanes("unit", files, lambda n: unit.Lane(
            programs, os.path.join(self.build, f"lane-{n}")), work)

    def host(self):
        """Those that the first stage has not killed, or could not try."""
        def start(number):
            h = host.Host(self.top, os.path.join(self.build, f"host-{number}"))
            h.start()
            return h

        def work(h, mutant):
            of_unit = self.results.get(mutant, "unit")
            # A file that no unit test links has no result of theirs.
            linked = of_unit or not any(r["file"] == mutant.file and r["stage"] == "unit"
                                        for r in list(self.results.of.values()))
            if not linked or of_unit and of_unit["outcome"] in GONE:
                return (of_unit["outcome"], "", False) if of_unit else None
            if self.equivalent.reason(mutant):
                return SURVIVED, "", False
            known = self.results.get(mutant, "torture") or self.results.get(mutant, "e2e")
            if known and (known["stage"] == "torture" or known["outcome"] in GONE):
                return known["outcome"], known["by"], False
            for stage, outcome, by, seconds in h.test(mutant):
                self.results.add(mutant, stage, "", outcome, by, seconds)
            return outcome, by, True

        self.in_lanes("host", [f for f in self.all if self.all[f]], start, work)

    def report(self):
        """Survivors with their lines, and the table; true if there is no survivor."""
        mutants = [m for file in self.all for m in self.all[file]]
        left = [m for m in mutants
                if (state(self.results, self.equivalent, m) or ("",))[0] == SURVIVED]
        for m in left:
            print(f"{m.file}:{m.line}: {m.kind} survives")
            old, new = m.changed()
            print("\n".join(["-" + s for s in old] + ["+" + s for s in new]) + "\n")
        wrong = [c for c in self.equivalent.complaints(mutants) if c.split(":")[0] in self.all]
        for complaint in wrong:
            print(complaint)
        lines = table(self.results, self.equivalent, mutants)
        print("\n".join(lines))
        if os.environ.get("WRITE"):
            write_table(os.path.join(self.top, "docs/reliability.md"), lines)
        return not left and not wrong


def main():
    run = Run(os.path.realpath(sys.argv[1]), os.path.realpath(sys.argv[2]))
    for s in (signal.SIGINT, signal.SIGTERM):
        signal.signal(s, run.interrupted)
    try:
        for stage in run.stages:
            if stage not in ("unit", "host"):
                raise host.Failed(f"no stage is called {stage}; there are: unit host.")
            if not run.stop.is_set():
                getattr(run, stage)()
    except (unit.Failed, host.Failed) as e:
        sys.exit(f"error: {e}")
    return 0 if run.report() and not run.stop.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
