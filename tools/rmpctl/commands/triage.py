# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl triage: violations of any number of hosts, each bug once."""

import os
import sys
import time

from .. import explanation, files, klog
from ..arguments import at_least, is_input
from ..errors import OK, RmpctlError
from ..output import print_json
from ..printable import printable
from ..sources import Sources, host_of_bundle
from ..triage import Triage, domains_of, hosts_of, images_of
from ..triage_page import page, when
from ..units import plural

SUMMARY = "violations of any number of hosts, each bug once"
DETAILS = ("INPUT is a kernel log, a journal (a file of journald, JSON, or its export format), a "
           "bundle, a folder of these, or - for standard input; also as .gz or .xz. Without "
           "one: standard input if it is a pipe or a file, else this host's kernel log.")


def arguments(parser):
    parser.add_argument("input", metavar="INPUT", nargs="*", help="a log, a journal, a bundle, a "
                        "folder of these")
    parser.add_argument("--html", metavar="FILE", help="write one HTML page, which needs nothing "
                        "beside it")
    parser.add_argument("--limit", type=at_least(1), default=10, metavar="N",
                        help="name at most N hosts and domains of each bug (default 10)")


def _here(host):
    """Records of this host's kernel log, with the time at which they were."""
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) if host.is_live else None
    node = os.uname().nodename if host.is_live else host_of_bundle(host.root)
    for message, record in klog.records(host):
        record.host = node
        record.time = None if boot is None else int((boot + message.usec / 1e6) * 1e6)
        record.domain = explanation.domain_of(host, record)
        yield record


def _records(host, args, sources):
    if not args.input and is_input(sys.stdin):
        args.input = ["-"]
    if not args.input:
        sources.inputs = 1
        for record in _here(host):
            if record.domain:
                sources.domains.note(record.host, record["vm"], record["pid"],
                                     value=record.domain)
            yield record
    for path in args.input:
        if path == "-":
            sources.inputs += 1
            yield from sources.stream(sys.stdin.buffer, "standard input")
        elif not os.path.exists(path):
            raise RmpctlError(f"can't read {path}: {os.strerror(2)}.")
        else:
            yield from sources.of(path)


def _group(group, names, sources, limit):
    hosts, domains = hosts_of(group, names), domains_of(group, names, sources)
    example = group.example
    key = (example.host, example["vm"], example["pid"])
    example.domain = example.domain or sources.domain_of(*key)
    words = explanation.as_json(None, example)
    return {"id": group.id, "title": group.title, "guest_error": group.is_guest_error,
            "count": group.count, "acted_upon": group.acted_upon,
            "first_us": group.first, "last_us": group.last,
            "hosts_total": len(hosts), "hosts": [list(h) for h in hosts[:limit]],
            "domains_total": len(domains), "domains": [list(d) for d in domains[:limit]],
            "places": [list(p) for p in group.places.most_common()],
            "images": [list(i) for i in images_of(group, sources)[:limit]],
            "by_minute": sorted(group.minutes.items()),
            "example": words | {"line": example.line(), "host": example.host,
                                "time_us": example.time, "domain": example.domain}}


def report_of(triage, sources, limit):
    """All that was found, as --json prints it."""
    names = triage.hosts()
    groups = [_group(g, names, sources, limit) for g in triage.sorted()]
    firsts = [g["first_us"] for g in groups if g["first_us"] is not None]
    lasts = [g["last_us"] for g in groups if g["last_us"] is not None]
    hosts = set(names.values())
    notes = []
    if triage.repeated:
        notes.append(f"{plural(triage.repeated, 'record')} came more than once, from several "
                     "logs of a host, and counted once.")
    if triage.suppressed:
        notes.append(f"{plural(triage.suppressed, 'record')} did not reach the logs: the "
                     "module's limit kept them out.")
    if sources.cut:
        notes.append(f"{plural(sources.cut, 'record')} cut before class= could not be counted.")
    if triage.left_out:
        notes.append(f"{plural(triage.left_out, 'record')} left out: there are too many groups.")
    notes += [f"{path} could not be read: {why}." for path, why in sources.problems]
    return {"headline": f"{plural(triage.count, 'violation')} in {plural(len(groups), 'group')}, "
                        f"of {plural(len(hosts), 'host')}",
            "violations": triage.count, "hosts": len(hosts), "inputs": sources.inputs,
            "first_us": min(firsts, default=None), "last_us": max(lasts, default=None),
            "notes": notes, "groups": groups}


def _named(entries, total):
    text = ", ".join(f"{printable(name)} ({count})" for name, count in entries)
    return text + (f", and {total - len(entries)} more" if total > len(entries) else "")


def text(report):
    """Lines for a person."""
    times = ("" if report["first_us"] is None else
             f"; {when(report['first_us'])} to {when(report['last_us'])}")
    yield report["headline"] + times
    for i, g in enumerate(report["groups"], 1):
        yield ""
        yield f"{i}. {g['title']}"
        facts = [("violations", f"{g['count']}" + (f", {g['acted_upon']} acted upon"
                                                   if g["acted_upon"] else "")),
                 ("hosts", f"{g['hosts_total']}: {_named(g['hosts'], g['hosts_total'])}"),
                 ("domains", f"{g['domains_total']}: {_named(g['domains'], g['domains_total'])}"),
                 ("seen", when(None) if g["first_us"] is None else
                  f"first {when(g['first_us'])}, last {when(g['last_us'])}")]
        if g["images"]:
            facts.append(("started with", _named(g["images"], len(g["images"]))))
        if g["places"]:
            facts.append(("where", "; ".join(f"{name}: {count}" for name, count in g["places"])))
        example = g["example"]
        if example["in_short"]:
            facts.append(("in short", example["in_short"]))
        facts += [("example", f"{example['who']}: {example['what']} {example['last_psc']}"),
                  ("usual cause", example["causes"][0] if example["causes"] else "not known"),
                  ("record", printable(example["line"]))]
        for name, value in facts:
            yield from explanation.wrapped(f"   {name:<12} ", value)
    if report["notes"]:
        yield ""
        for note in report["notes"]:
            yield printable(note)


def run(host, args):
    triage, sources = Triage(), Sources()
    for record in _records(host, args, sources):
        triage.add(record)
    report = report_of(triage, sources, args.limit)
    if not triage.count and sources.problems:
        path, why = sources.problems[0]
        raise RmpctlError(f"can't read {path}: {why}.")
    if args.html:
        try:
            files.publish(args.html, page(report))
        except OSError as error:
            raise RmpctlError(f"can't write {args.html}: {error.strerror}.") from None
    if args.json:
        print_json(report)
    elif args.html:
        print(f"{printable(args.html)}: {report['headline']}")
    elif not triage.count:
        print("no violation: nothing to group")
    else:
        for line in text(report):
            print(line)
    return OK
