# SPDX-License-Identifier: GPL-2.0-only
"""The first stage: one mutated file, and the unit tests that link it."""

import json
import math
import os
import resource
import shlex
import shutil
import signal
import subprocess

from mutations import digest
from results import BROKEN, KILLED, SAME, SURVIVED, UNSEEN

VARIANTS = ("asan", "tsan")
# What gcc only warns of, and the module's build must not have.
STRICT = ["-Werror=incompatible-pointer-types", "-Werror=int-conversion"]
LEAST = float(os.environ.get("MUTANTS_LIMIT") or 10)  # seconds that a test may do nothing
MEMORY = 2048  # MB that a test may use
OUTPUT = 16 << 20  # bytes that it may print
# Kinds and calls of which this machine's headers may make nothing, where the kernel's don't.
EMPTY_HERE = ("lock", "statement", "arguments", "constant")


class Failed(Exception):
    """The tests can't be run, or fail without a mutant."""


def run(command, log=None, cwd=None, env=None, cpu=600, asleep=math.inf):
    """Status of a command and of all that it starts; None if it has taken more than cpu
    seconds of a CPU, or none at all for asleep seconds: a busy machine makes it slow, not
    idle."""
    def limits():
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(cpu), math.ceil(cpu) + 1))

    with open(log or os.devnull, "wb") as out:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                              env=env, process_group=0, preexec_fn=limits) as child:
            try:
                idle, tick = 0, 0.05
                while True:
                    try:
                        status = child.wait(tick)
                        return None if -status in (signal.SIGXCPU, signal.SIGKILL) else status
                    except subprocess.TimeoutExpired:
                        idle = idle + tick if all_asleep(child.pid) else 0
                        tick = min(2 * tick, 0.5)
                        if idle >= asleep:
                            return None
            finally:
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


def all_asleep(pid):
    """Is no thread of a process running, or ready to?"""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as f:
                if f.read().rpartition(")")[2].split()[0] in "RD":
                    return False
    except OSError:
        return False
    return True


class Programs:
    """The unmutated programs: how they are built, what they link, how long they take."""

    def __init__(self, top, build, slow, seed):
        self.top, self.slow = top, slow
        self.dir = os.path.join(top, "tests/unit")
        self.out = os.path.join(build, "unit")
        self.make = ["make", "-s", "-C", self.dir, f"O={self.out}"]
        self.make += os.environ.get("MUTANTS_MAKE", "").split()
        self.flags = {v: self.words(f"{v}-flags") for v in VARIANTS}
        self.cflags = [w for w in self.words("CFLAGS") if w not in ("-g", "-Werror")]
        self.cppflags = [w for w in self.words("CPPFLAGS") if w not in ("-MMD", "-MP")]
        self.names = [f"{v}/test_{t}" for v in VARIANTS for t in self.words(f"{v}-tests")]
        self.owned = {t: self.words(f"own-{t}") for v in VARIANTS
                      for t in self.words(f"{v}-tests")}
        status = run(self.make + [os.path.join(self.out, n) for n in self.names],
                     os.path.join(build, "unit.log"))
        if status != 0:
            raise Failed(f"the unit tests do not build: see {build}/unit.log")
        self.tests = self.of_tests()
        self.env = dict(os.environ, RMPE_SEED=str(seed),
                        ASAN_OPTIONS=f"hard_rss_limit_mb={MEMORY}",
                        TSAN_OPTIONS=f"hard_rss_limit_mb={MEMORY}")
        self.prefix = {"asan": [], "tsan": []}
        if run(["setarch", "-R", "true"]) == 0:
            self.prefix["tsan"] = ["setarch", "-R"]
        self.depends = {n: self.sources(n) for n in self.names}
        self.times = self.measured(os.path.join(build, "times"))

    def words(self, variable):
        """A variable of the Makefile, as a shell would have it."""
        return shlex.split(subprocess.run(self.make + [f"print-{variable}"], check=True,
                                          capture_output=True, text=True).stdout)

    def of_tests(self):
        """Stands for the tests: another one may kill what has survived."""
        texts = []
        for folder, folders, files in os.walk(self.dir):
            folders.sort()
            for name in sorted(files):
                if name.endswith((".c", ".h", "Makefile")):
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        texts += [name, f.read()]
        return digest(*texts)

    def own(self, name):
        """The objects of a program that are not of the archive."""
        variant, _, test = name.partition("/test_")
        return [os.path.join(self.out, variant, f"{o}.o") for o in self.owned[test]]

    def sources(self, name):
        """{object: the files it was made of}: of the program's own, and of the module's
        that it links."""
        variant = name.partition("/")[0]
        base = os.path.join(self.out, variant)
        own = self.own(name)
        trace = subprocess.run(
            ["gcc", *self.flags[variant], "-pthread", "-Wl,--trace,--trace", "-o", os.devnull,
             *own, f"{base}/all.a", "-lcmocka"],
            check=True, capture_output=True, text=True).stdout
        # Said twice, as in "(all.a)judge.o", it also names what comes from an archive.
        linked = {line.rpartition(")")[2] for line in trace.splitlines() if "all.a)" in line}
        objects = {}
        for folder, _, files in os.walk(base):
            for o in files:
                path = os.path.join(folder, o)
                if path in own or o.endswith(".o") and o in linked:
                    objects[path] = self.made_of(path[:-2] + ".d")
        return objects

    def made_of(self, path):
        with open(path, encoding="utf-8") as f:
            rule = f.read().split("\n\n")[0].split("\n" + os.sep)[0].replace("\\\n", " ")
        return [os.path.normpath(os.path.join(self.dir, w)) for w in rule.split()[1:]]

    def measured(self, path):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                tests, times = json.load(f)
            if tests == self.tests and set(times) == set(self.names):
                return times
        times = {}
        for n in self.names:
            start = cpu_of_children()
            log = os.path.join(self.out, n + ".log")
            status = self.execute(n, os.path.join(self.out, n), log, asleep=600)
            if status != 0:
                raise Failed(f"{n} fails without a mutant (status {status}): see {log}")
            times[n] = cpu_of_children() - start
        with open(path, "w", encoding="utf-8") as f:
            json.dump([self.tests, times], f)
        return times

    def execute(self, name, program, log, **limits):
        return run(self.prefix[name.split("/")[0]] + [program], log, self.dir, self.env, **limits)

    def touched_by(self, file):
        """[(program, objects to build anew)]: those of the file's name first, then the
        quick ones."""
        path = os.path.join(self.top, file)
        own = os.path.basename(file).partition(".")[0]

        def is_other(name):
            test = name.partition("/test_")[2]
            return own not in test and test.partition("_")[0] not in own

        found = []
        for n in self.names:
            objects = [o for o, made_of in self.depends[n].items() if path in made_of]
            if objects:
                found.append((n, objects))
        return sorted(found, key=lambda f: (is_other(f[0]), self.times[f[0]]))


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Lane:
    """A folder of its own with a copy of include/ and the file that is mutated."""

    def __init__(self, programs, path):
        self.p, self.path = programs, path
        self.file, self.same = None, {}

    def place(self, file, text):
        """The mutated file, and the others as they are."""
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(os.path.join(self.p.top, "include"), os.path.join(self.path, "include"))
        os.mkdir(os.path.join(self.path, "src"))
        self.write(file, text)

    def write(self, file, text):
        with open(os.path.join(self.path, file), "w", encoding="utf-8") as f:
            f.write(text)

    def compile(self, source, target, flags):
        include = os.path.join(self.p.top, "include")
        mine = os.path.join(self.path, os.path.relpath(source, self.p.top))
        command = ["gcc"] + [os.path.join(self.path, "include") if w == include else w
                             for w in self.p.cppflags]
        command += self.p.cflags + flags + STRICT
        if not os.path.exists(mine):
            # Of a mutated header: under the same name, so that the same code is the same.
            if source.startswith(self.p.dir):
                mine = source
            else:
                shutil.copy(source, mine)
        return run(command + ["-c", "-o", target, mine], self.path + ".cc", self.p.dir) == 0

    def plain(self, source):
        """What a source is compiled to, optimized as the kernel is; None if it does not
        compile."""
        target = os.path.join(self.path, "plain.o")
        if not self.compile(source, target, ["-O2", "-fno-strict-aliasing"]):
            return None
        with open(target, "rb") as f:
            return f.read()

    def as_it_was(self, mutant, source):
        """The same of the file without the mistake: under the same name, and kept."""
        if self.file != (mutant.file, mutant.text):
            self.file, self.same = (mutant.file, mutant.text), {}
        if source not in self.same:
            self.write(mutant.file, mutant.text)
            self.same[source] = self.plain(source)
            self.write(mutant.file, mutant.mutated())
        return self.same[source]

    def differs(self, mutant, sources):
        """BROKEN, SAME or UNSEEN; None if there is something to test."""
        self.place(mutant.file, mutant.mutated())
        for source in sources:
            code = self.plain(source)
            if code is None:
                return BROKEN
            if code != self.as_it_was(mutant, source):
                return None
        # Of a header, there may be other users than those that unit tests link.
        header = mutant.file.endswith(".h")
        return UNSEEN if header or mutant.kind in EMPTY_HERE else SAME

    def test(self, mutant):
        """(outcome, which program and test killed it)."""
        touched = self.p.touched_by(mutant.file)
        sources = {self.p.depends[n][o][0] for n, objects in touched for o in objects}
        # The module's own first: they show a difference sooner.
        own = os.path.basename(mutant.file).partition(".")[0] + ".c"
        sources = sorted(sources, key=lambda s: (os.path.basename(s) != own,
                                                 s.startswith(self.p.dir), s))
        outcome = self.differs(mutant, sources)
        if outcome:
            return outcome, ""
        built = {}
        for name, objects in touched:
            killer = self.kills(name, objects, built)
            if killer is not None:
                return (KILLED, f"{name} {killer}".strip()) if killer != BROKEN else (BROKEN, "")
        return SURVIVED, ""

    def kills(self, name, objects, built):
        """Which test of a program fails; None if none does."""
        variant, test = name.split("/")
        base = os.path.join(self.p.out, variant)
        for o in objects:
            if o not in built:
                built[o] = os.path.join(self.path, o.replace(self.p.out, "").replace("/", "_"))
                if not self.compile(self.p.depends[name][o][0], built[o], self.p.flags[variant]):
                    return BROKEN
        own = self.p.own(name)
        program = os.path.join(self.path, test)
        # An object that is there already is not taken from the archive.
        if run(["gcc", *self.p.flags[variant], "-pthread", "-o", program,
                *[built.get(o, o) for o in own], *[built[o] for o in objects if o not in own],
                f"{base}/all.a", "-lcmocka"],
               self.path + ".ld") != 0:
            return BROKEN
        log = self.path + ".log"
        status = self.p.execute(name, program, log, asleep=LEAST * self.p.slow,
                                cpu=(LEAST + 10 * self.p.times[name]) * self.p.slow)
        if status == 0:
            return None
        return "took too long" if status is None else first_failure(log)


def first_failure(log):
    with open(log, encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.startswith("[  FAILED  ]") or line.startswith("not ok"):
                return line.split()[-1]
            for said in ("SUMMARY: ", "runtime error: "):
                if said in line:
                    return line.partition(said)[2].strip()[:100]
    return "died"
