#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compares what KVM's selftests came to with and without the module.

results.py --not-run KNOWN KERNEL: the tests that are left out.
results.py KNOWN KERNEL LOGS CPUS SETTINGS: KTAP and a table. LOGS has
the files tests (those that were to run) and there (all of this kernel), and for each
setting and number of CPUs a folder SETTING-CPUS with the files results and status.
"""
import fnmatch
import os
import re
import sys

RESULTS = ('ok', 'skip', 'fail', 'timeout', 'none')
SETTINGS = ('without', 'lenient', 'strict-vc', 'strict-terminate')


def stop(text):
    print(f'error: {text}', file=sys.stderr)
    sys.exit(2)


class Entry:
    """A line of the file known."""

    def __init__(self, line, where):
        fields = line.split(None, 5)
        if len(fields) < 6:
            stop(f'{where}: six columns are wanted, the last of them a reason.')
        self.kernel, self.cpus, self.test, self.setting, results, self.reason = fields
        self.results = results.split('/')
        self.where = where
        if not all(s == '*' or fnmatch.filter(SETTINGS, s) for s in self.setting.split(',')):
            stop(f'{where}: no setting is called {self.setting}.')
        for result in self.results:
            if result != 'not-run' and result.split('+')[0] not in RESULTS[:-1]:
                stop(f'{where}: there is no result {result}.')

    def of_kernel(self, kernel):
        return self.kernel == '*' or kernel.startswith(self.kernel + '.')

    def matches(self, cpus, test, setting):
        return (self.cpus in ('*', cpus) and self.test == test and
                any(fnmatch.fnmatchcase(setting, s) for s in self.setting.split(',')))


def read_known(path, kernel):
    """The entries for this kernel, such as 7.3.4+deb13-amd64."""
    entries = []
    with open(path, encoding='utf-8') as lines:
        for n, line in enumerate(lines, 1):
            if line.strip() and not line.startswith('#'):
                entries.append(Entry(line.strip(), f'{os.path.basename(path)}:{n}'))
    return [e for e in entries if e.of_kernel(kernel)]


def read_results(path):
    """test: result of one host; and whether the job came to its end."""
    results = {}
    with open(path, encoding='utf-8', errors='replace') as lines:
        text = lines.read().replace('\r', '')
    for line in re.findall(r'^peer (.*)$', text, re.M):
        test, status, _, classes = (line + ' ').split(' ')[:4]
        result = {'0': 'ok', '4': 'skip', 'timeout': 'timeout'}.get(status, 'fail')
        results[test] = result + ''.join('+' + c for c in classes.split(',') if c)
    whole = re.search(r'^# all have run$', text, re.M) and not re.search(r'^Bail out!', text, re.M)
    return results, bool(whole)


class Report:
    def __init__(self):
        self.lines = []
        self.failed = 0

    def result(self, good, text, remarks=()):
        self.lines.append((good, text, remarks))
        self.failed += not good

    def show(self):
        print('KTAP version 1')
        print(f'1..{len(self.lines)}')
        for n, (good, text, remarks) in enumerate(self.lines, 1):
            print(f'{"ok" if good else "not ok"} {n} {text}')
            for remark in remarks:
                print(f'# {remark}')


def judge(results, test, cpus, settings, known):
    """Remarks on what was not to be expected, and those that explain."""
    wrong, reasons = [], []
    # Without an entry: the test passes or skips itself, in each setting as in the first.
    first = results[cpus, settings[0]].get(test, 'none')
    for setting in settings:
        result = results[cpus, setting].get(test, 'none')
        entries = [e for e in known
                   if e.results != ['not-run'] and e.matches(cpus, test, setting)]
        for e in entries:
            if result not in e.results:
                wrong.append(f'{setting}: {result}, not {"/".join(e.results)} as {e.where} has it')
            elif e.reason not in reasons:
                reasons.append(e.reason)
        if entries:
            continue
        if result not in ('ok', 'skip'):
            wrong.append(f'{setting}: {result}')
        elif result != first and first in ('ok', 'skip'):
            wrong.append(f'{setting}: {result}, {settings[0]}: {first}')
    return wrong, reasons


def table(results, tests, cpu_counts, settings):
    """One row for each test, with what differs between numbers of CPUs side by side."""
    rows = [['test'] + [s.replace('-', ' ') for s in settings]]
    for test in tests:
        row = [test]
        for setting in settings:
            cells = [results[cpus, setting].get(test, 'none') for cpus in cpu_counts]
            row.append(cells[0] if len(set(cells)) == 1 else ' | '.join(cells))
        rows.append(row)
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for row in rows:
        print('  '.join(c.ljust(w) for c, w in zip(row, widths)).rstrip())


def main(known_file, kernel, logs, cpu_counts, settings):
    cpu_counts, settings = cpu_counts.split(), settings.split()
    known = read_known(known_file, kernel)
    with open(f'{logs}/tests', encoding='utf-8') as lines:
        tests = lines.read().split()
    with open(f'{logs}/there', encoding='utf-8') as lines:
        there = lines.read().split()
    if not tests:
        stop('no test was chosen.')
    report = Report()
    results = {}
    for cpus in cpu_counts:
        for setting in settings:
            host = f'{logs}/{setting}-{cpus}'
            results[cpus, setting], whole = read_results(f'{host}/results')
            with open(f'{host}/status', encoding='utf-8') as status:
                clean = status.read().strip() == '0'
            name = f'{setting} on {cpus} host CPU(s)'
            report.result(whole, f'{name}: all tests have run, and the module can go',
                          [] if whole else [f'see {host}/results'])
            report.result(clean, f"{name}: the host's log is clean",
                          [] if clean else [f'see {host}/output'])
    for test in tests:
        for cpus in cpu_counts:
            wrong, reasons = judge(results, test, cpus, settings, known)
            report.result(not wrong, f'{test} on {cpus} host CPU(s)',
                          wrong + [f'known: {r}' for r in reasons])
    for e in known:
        if e.test not in there:
            report.result(False, f'{e.where}: this kernel has no test {e.test}')
    report.show()
    print(f'\nLinux {kernel}, host CPUs: {" | ".join(cpu_counts)}\n')
    table(results, tests, cpu_counts, settings)
    print(f'\n{len(report.lines) - report.failed} passed, {report.failed} failed')
    return 1 if report.failed else 0


if __name__ == '__main__':
    if len(sys.argv) == 4 and sys.argv[1] == '--not-run':
        for entry in read_known(sys.argv[2], sys.argv[3]):
            if entry.results == ['not-run']:
                print(entry.test)
    elif len(sys.argv) == 6:
        sys.exit(main(*sys.argv[1:]))
    else:
        stop('usage: results.py [--not-run] KNOWN KERNEL [LOGS CPUS SETTINGS]')
