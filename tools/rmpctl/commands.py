# SPDX-License-Identifier: GPL-2.0-only
"""The subcommands: each takes the host and the parsed arguments, prints, and returns
the exit status."""

import os
import shutil
import stat
import sys
import time

from . import (bundle, check, explain, journal, klog, map_png, map_text, metrics, pagemap,
               settings, timeline, vm as vms, watch)
from .errors import FINDING, OK, NoPermission, RmpctlError, UsageError
from .host import MODULE
from .output import ago, plural, print_json, size, table, use_colour
from .record import CLASSES, POLICY_CLASSES, Record

STATUS_COLOURS = {check.PASS: 32, check.WARN: 33, check.FAIL: 31, check.SKIP: 36}


def do_check(host, args):
    results = check.run(host)
    failed = any(r.status == check.FAIL for r in results)
    if args.json:
        print_json({"ok": not failed, "checks": [r._asdict() for r in results]})
        return FINDING if failed else OK
    colour = use_colour(args.color)
    for r in results:
        word = f"\033[{STATUS_COLOURS[r.status]}m{r.status}\033[0m" if colour else r.status
        print(f"[ {word} ] {r.name}: {r.detail}")
        if r.hint:
            print(f"         {r.hint}")
    return FINDING if failed else OK


def do_list(host, args):
    found = vms.snapshots(host)
    if args.json:
        print_json(found)
        return OK
    head = ("VM", "DOMAIN", "PID", "VCPUS", "MODE", "HISTORY", "STATE", "PSC", "ERRORS",
            "NOTED", "ENFORCED")
    rows = [(s["vm"], s["domain"] or f"({s['comm']})", s["pid"], s["vcpus"],
             s["effective_mode"], s["history"], s["state"], s["psc_completed"],
             vms.errors_of(s), vms.noted_of(s), s["enforced"]) for s in found]
    for line in table(head, rows, right={0, 2, 3, 7, 8, 9, 10}):
        print(line)
    if not rows:
        print(f"rmpctl: no SNP VM runs; the module is loaded, mode "
              f"{host.read(MODULE, 'mode')}.", file=sys.stderr)
    return OK


def do_show(host, args):
    vm = vms.find(host, args.vm)
    s = vm.snapshot()
    if args.json:
        print_json(s)
        return OK
    print(f"VM {s['vm']}" + (f", domain {s['domain']}" if s["domain"] else ""))
    own = "" if s["mode"] == "inherit" else " (its own)"
    lines = [
        ("process", f"{s['pid']} ({s['comm']}), {plural(s['vcpus'] or 0, 'vCPU')}"),
        ("state", s["state"]),
        ("mode", f"{s['effective_mode']}{own}"),
        ("action", s["action"] if s["action"] != "inherit" else
         f"{host.read(MODULE, 'action')} (global)"),
        ("history", s["history"]),
        ("launched", f"{plural(s['launch_pages'], 'page')} ({size(s['launch_pages'])})"),
        ("PSCs", f"{s['psc_requests']} asked, {s['psc_completed']} completed, "
                 f"{s['psc_refused']} refused; {plural(s['psc_pages'], 'page')}"),
        ("page faults", f"{s['npf_judged']} judged; {s['repeated']} the same again"),
        ("acted upon", f"{s['enforced']}, {s['vc_injected']} #VC injected"),
        ("log", f"{plural(s['log_suppressed'], 'record')} suppressed"),
        ("memory", f"{s['tracker_bytes']} bytes for page states"),
    ]
    # What an older version of the module does not count is left out.
    for name, key, noun, what in (
            ("redundant", "psc_redundant", "PSC", "asked for the state that the pages had"),
            ("taken away", "pages_discarded", "page", "by the VMM"),
            ("prefaults", "prefaults_skipped", "page", "skipped: the guest had not asked for it")):
        if s[key] is not None:
            lines.append((name, f"{plural(s[key], noun)} {what}"))
    for name, value in lines:
        print(f"  {name:<12} {value}")
    print()
    head = ("class", "violations", "policy")
    rows = []
    for name in CLASSES:
        policy = s["policy"].get(name) or "report"
        if policy == "inherit":
            policy = f"{host.read(MODULE, 'policy', name)}"
        elif name in POLICY_CLASSES:
            policy = f"{policy} (its own)"
        rows.append((name, s["violations"][name], policy))
    for line in table(head, rows, right={1}):
        print("  " + line)
    print()
    try:
        last = vm.last_violation()
        print("  last violation: " + last.line() if last else "  no violation")
    except NoPermission:
        print("  last violation: it can be read by root only")
    return OK


def do_watch(host, args):
    host.need_module()
    watch.run(host, args.interval, args.count, args.json)
    return OK


def do_set(host, args):
    host.need_module()
    if not host.is_live:
        raise UsageError("a bundle can't be changed.")
    wanted = settings.parse(host, args.setting, bool(args.vm))
    targets = [(MODULE, "all VMs")]
    if args.vm:
        found = [vms.find(host, name) for name in args.vm]
        targets = [(vm.folder, f"VM {vm.id}") for vm in found]
    changes = []
    for folder, where in targets:
        changes += settings.apply(host, folder, where, wanted)
    if args.json:
        print_json([c._asdict() for c in changes])
        return OK
    for c in changes:
        print(f"{c.where}: {c.name}: {c.old} -> {c.new}" if c.old != c.new else
              f"{c.where}: {c.name} is {c.new}")
    _warn_of_settings(host, args, wanted)
    return OK


def _warn_of_settings(host, args, wanted):
    if args.vm and host.read(MODULE, "mode") == "off":
        print("rmpctl: the global mode is off, which holds for every VM.", file=sys.stderr)
    if wanted.get("mode") == "strict":
        for s in vms.snapshots(host):
            if s["history"] != "complete" and s["mode"] in ("strict", "inherit"):
                print(f"rmpctl: VM {s['vm']} has a history that is {s['history']}: what is not "
                      "known of its pages is not enforced.", file=sys.stderr)


def do_map(host, args):
    if args.png == "-" and sys.stdout.isatty():
        raise UsageError("a PNG is nothing for a terminal: name a file, or redirect it.")
    vm = vms.find(host, args.vm)
    host.need_debugfs()
    name = vm.domain
    page_map = pagemap.PageMap.of_vm(vm)
    holes = pagemap.read_holes(_lines_of(vm, "holes"))
    unused = pagemap.read_memory(_lines_of(vm, "psc_unused")) if args.unused else []
    if args.json:
        print_json({"vm": vm.id, "domain": name, "totals": page_map.totals(),
                    "memory_known": page_map.memory_known,
                    "memory": [{"gfn": r.first, "pages": r.end - r.first}
                               for r in page_map.memory],
                    "runs": [{"gfn": r.first, "pages": r.end - r.first, "kind": r.kind,
                              "asked": r.asked} for r in page_map.runs],
                    "taken_away": [{"gfn": r.first, "pages": r.end - r.first, "age_us": age}
                                   for r, age in holes]} |
                   ({"unused": [{"gfn": r.first, "pages": r.end - r.first} for r in unused]}
                    if args.unused else {}))
        return OK
    title = f"VM {vm.id}" + (f", domain {name}" if name else "")
    if args.png:
        details = [f"{vm.read('comm')}, pid {vm.pid}; mode {vm.read('effective_mode')}, "
                   f"history {vm.read('history')}; {time.strftime('%Y-%m-%d %H:%M:%S')}"]
        _save_png(page_map, title, details, args.png)
        return OK
    colour = use_colour(args.color)
    columns, rows = shutil.get_terminal_size((100, 40))
    print(f"{title}: {plural(len(page_map.runs), 'run')} of pages")
    for line in map_text.legend(page_map, colour):
        print(line)
    if not page_map.memory_known:
        print("  (the VM is older than the module: memory that it has not touched is not shown)")
    print()
    for line in map_text.draw(page_map, args.columns or columns,
                              args.rows or max(rows - 16, 16), colour):
        print(line)
    for line in map_text.taken(page_map, args.limit):
        print(line)
    for line in map_text.discarded(holes, args.limit):
        print(line)
    for line in map_text.unused(unused, args.limit) if args.unused else ():
        print(line)
    return OK


def _lines_of(vm, name):
    """Of a file that older versions of the module do not have."""
    return vm.open_debug(name) if vm.has_debug(name) else ()


def _save_png(page_map, title, details, path):
    try:
        if path == "-":
            map_png.save(page_map, title, details, sys.stdout.buffer)
            return
        map_png.save(page_map, title, details, path)
    except OSError as error:
        raise RmpctlError(f"can't write {path}: {error.strerror}.") from None
    print(f"{path} written")


def parse_gfn(text):
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(f"'{text}' is not a guest frame number, such as 0x809.") from None


def do_history(host, args):
    gfn = None if args.gfn is None else parse_gfn(args.gfn)
    vm = vms.find(host, args.vm)
    found = timeline.events(vm, gfn)
    psc_lost, violations_lost = timeline.lost(vm)
    shown = found if args.lines is None else found[-args.lines:]
    if args.json:
        print_json({"vm": vm.id, "gfn": gfn, "psc_not_kept": psc_lost,
                    "violations_not_kept": violations_lost,
                    "events": [{"age_us": e.age_us, "kind": e.kind, **e.data} for e in shown]})
        return OK
    for e in shown:
        mark = "!" if e.kind == "violation" else " "
        print(f"{ago(e.age_us):>9} ago {mark} {e.text}")
    if not shown:
        what = "" if gfn is None else f" of gfn {gfn:#x}"
        print(f"no page-state change and no violation{what} is known")
    if psc_lost or violations_lost:
        print(f"rmpctl: {plural(psc_lost, 'older PSC')} and "
              f"{plural(violations_lost, 'older violation')} are not kept any more.",
              file=sys.stderr)
    return OK


def _is_input(file):
    """A pipe or a file, not a terminal, /dev/null, or what ssh gives to a command."""
    mode = os.fstat(file.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _records_to_explain(host, args):
    """(records, whether their VM may still be here to ask)"""
    if args.vm == "-":
        args.file, args.vm = "-", None
    if args.vm:
        vm = vms.find(host, args.vm)
        try:
            found = list(vm.violations())
        except vms.VmGone:
            raise
        except RmpctlError:
            try:
                last = vm.last_violation()      # all that sysfs has
            except NoPermission:
                raise RmpctlError("records of a VM can be read by root only: run as "
                                  "root.") from None
            found = [last] if last else []
        return found, True
    if args.file or _is_input(sys.stdin):
        try:
            with (open(args.file, encoding="utf-8", errors="replace")
                  if args.file and args.file != "-" else sys.stdin) as file:
                found = [r for r in map(Record.from_line, file) if r]
        except OSError as error:
            raise RmpctlError(f"can't read {args.file}: {error.strerror}.") from None
        if not found:
            raise RmpctlError("there is no record of rmp_enforce in the input; it is a line "
                              "with 'vm=... gfn=... class=...'.")
        return found, False
    return [record for _, record in klog.records(host)], True


def do_explain(host, args):
    found, here = _records_to_explain(host, args)
    shown = found if args.lines == 0 else found[-args.lines:]
    live = host if here else None
    if args.json:
        print_json([explain.as_json(live, r) for r in shown])
        return OK
    for i, record in enumerate(shown):
        if i:
            print()
        for line in explain.text(live, record):
            print(line)
    if not found:
        print("no violation: nothing to explain")
    elif len(shown) < len(found) and sys.stdout.isatty():
        print(f"\nrmpctl: {plural(len(found) - len(shown), 'earlier record')} left out; -n 0 "
              "shows all.", file=sys.stderr)
    return OK


def do_bundle(host, args):
    if host.is_live and os.geteuid() != 0:
        raise RmpctlError("most of what belongs in a bundle can be read by root only: "
                          "run as root.")
    path = bundle.write(host, args.output)
    if args.json:
        print_json({"file": path, "bytes": os.path.getsize(path)})
    else:
        print(f"{path}: {os.path.getsize(path)} bytes, no guest memory in it")
    return OK


def do_metrics(host, args):
    text = metrics.render(host)
    if args.output is None:
        sys.stdout.write(text)
        return OK
    try:
        metrics.write_atomically(text, args.output)
    except OSError as error:
        raise RmpctlError(f"can't write {args.output}: {error.strerror}.") from None
    return OK


def do_journal(host, args):
    count = journal.write(host, args.vm)
    if args.json:
        print_json({"written": count})
    else:
        print(f"{plural(count, 'violation')} written to the journal")
    return OK
