# SPDX-License-Identifier: GPL-2.0-only
"""Logs of many hosts whose guests have seven bugs, in each form that triage reads."""

import gzip
import io
import json
import os
import random
import tarfile
import time

# What the record of each bug has that others lack.  What varies within a bug is below.
BUGS = (
    # A buffer used as shared after it was made private again.
    {"access": "shared", "op": "write", "expected": "private", "source": "psc",
     "class": "implicit_shared", "attr": "private", "psc": "private", "psc_pages": 1},
    # An access over the end of a shared buffer, into the launched image.
    {"access": "shared", "op": "read", "expected": "private", "source": "launch",
     "class": "implicit_shared", "attr": "private", "psc": "none", "launch": "yes"},
    # A buffer of 2M that was never given back.
    {"access": "private", "op": "read", "expected": "shared", "source": "psc",
     "class": "implicit_private", "attr": "shared", "psc": "shared", "psc_pages": 512},
    # The request back to private was refused, and nobody looked.
    {"access": "private", "op": "write", "expected": "shared", "source": "psc",
     "class": "implicit_private", "attr": "shared", "psc": "shared", "psc_pages": 4,
     "refused": "private", "refused_ret": 22},
    # PVALIDATE without a PSC.
    {"access": "private", "op": "read", "expected": "initial", "source": "none",
     "class": "first_touch", "attr": "private", "psc": "none"},
    # A search for BIOS tables.
    {"access": "private", "op": "read", "expected": "initial", "source": "none",
     "class": "first_touch", "attr": "private", "psc": "none", "first_gfn": 0xf0, "gfns": 16},
    # A VMSA that is in use.
    {"access": "private", "op": "write", "expected": "private", "source": "psc",
     "class": "no_progress", "attr": "private", "psc": "private", "psc_pages": 1},
)
KINDS = ("syslog", "iso", "dmesg", "json", "export", "gzip", "bundle")
NOISE = ("systemd[1]: Started Session 4 of user root.",
         "rmp_enforce: loaded: mode=lenient action=vc",
         "kvm_amd: SEV-SNP enabled (ASIDs 1 - 99)", "rmp_enforce: vm=7 pid=200 ended: psc=596")


def record(bug, rng, vm, pid, n):
    """The text of one violation of a bug, from vm= on."""
    gfn = bug.get("first_gfn", 0x1000) + rng.randrange(bug.get("gfns", 1 << 20))
    pages = bug.get("psc_pages")
    first = None if pages is None else gfn - rng.randrange(pages)
    acted = rng.random() < 0.1 and bug["class"] != "no_progress"
    age = rng.randrange(1, 10 ** 9)
    values = (
        f"vm={vm} pid={pid} comm=qemu-system-x86 vcpu={rng.randrange(8)} gfn={gfn:#x} "
        f"gpa={gfn << 12:#x} access={bug['access']} op={bug['op']} expected={bug['expected']} "
        f"source={bug['source']} class={bug['class']} attr={bug['attr']} "
        f"err=0x100000006(WRITE,USER,FINAL) psc={bug['psc']} ")
    values += (f"psc_age_us={age} psc_vcpu=0 psc_gfn={first:#x} psc_pages={pages} " if pages
               else "psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a ")
    refused = (f"refused={bug['refused']} refused_age_us={age // 2} "
               f"refused_ret={bug['refused_ret']}"
               if "refused" in bug else "refused=none refused_age_us=n/a refused_ret=n/a")
    return (values + f"launch={bug.get('launch', 'no')} pfn=none rmp=n/a rip=n/a n={n} "
            f"suppressed=0 mode={'strict' if acted else 'lenient'} "
            f"action={'vc' if acted else 'none'} escalated=no repeats=0 used=no {refused} "
            "hole_age_us=n/a")


def host_records(rng, count, start, seconds):
    """(time, VM, pid, text) of one host, in order."""
    times = sorted(start + rng.random() * seconds for _ in range(count))
    for n, when in enumerate(times, 1):
        bug = BUGS[rng.randrange(len(BUGS))]
        vm = rng.randrange(1, 9)
        yield when, vm, 1000 + vm, record(bug, rng, vm, 1000 + vm, n)


def _line(kind, host, when, text):
    usec = int(when * 1e6)
    message = f"rmp_enforce: violation {text}"
    if kind in ("syslog", "gzip"):
        return time.strftime("%b %d %H:%M:%S", time.localtime(when)) + (
            f" {host} kernel: [{when % 100000:12.6f}] {message}\n")
    if kind == "iso":
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + (
            f".{usec % 1000000:06}+00:00 {host} kernel: {message}\n")
    if kind == "dmesg":
        return f"[{when % 100000:12.6f}] {message}\n"
    if kind == "json":
        return json.dumps({"MESSAGE": message, "_TRANSPORT": "kernel", "_HOSTNAME": host,
                           "__REALTIME_TIMESTAMP": str(usec), "PRIORITY": "4", "_BOOT_ID": "b",
                           "_SOURCE_MONOTONIC_TIMESTAMP": str(usec % 10 ** 11)}) + "\n"
    if kind == "export":
        return (f"__CURSOR=s={usec}\n__REALTIME_TIMESTAMP={usec}\n_TRANSPORT=kernel\n"
                f"_HOSTNAME={host}\nMESSAGE={message}\n\n")
    return f"4,{usec},{usec % 10 ** 11},-;{message}\n"


def _bundle(path, host, text, names):
    top = f"rmp_enforce-{host}-20261130-120000"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, data in [("dev/kmsg", text)] + [
                (f"proc/{pid}/cmdline", f"qemu\0-name\0guest={name}\0")
                for pid, name in names.items()]:
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(data.encode())
            tar.addfile(info, io.BytesIO(data.encode()))


def write(folder, hosts, records, start=1.7e9, seconds=86400, seed=1):
    """Write records of so many hosts into a folder; {host: how many}."""
    rng, out = random.Random(seed), {}
    for i in range(hosts):
        host, kind = f"host{i:02}", KINDS[i % len(KINDS)]
        count = records // hosts + (i < records % hosts)
        found = list(host_records(rng, count, start, seconds))
        lines = []
        for j, (when, _, _, text) in enumerate(found):
            lines.append(_line(kind, host, when, text))
            if j % 50 == 0 and kind in ("syslog", "iso", "gzip"):
                front = lines[-1].partition("rmp_enforce: violation")[0]
                lines += [f"{front}{noise}\n" for noise in NOISE]
        text = "".join(lines)
        path = os.path.join(folder, f"{host}.{'log' if kind != 'bundle' else 'tar.gz'}")
        if kind == "bundle":
            _bundle(path, host, text, {pid: f"{host}-web{vm}" for _, vm, pid, _ in found})
        elif kind == "gzip":
            with gzip.open(path + ".gz", "wt", compresslevel=1) as file:
                file.write(text)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        out[host] = count
    return out
