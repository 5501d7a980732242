# SPDX-License-Identifier: GPL-2.0-only
"""Will this host still guard after its next boot, and would anybody notice if not?"""

import functools
import os
import re
import shutil
import subprocess
import time

from .host import MODULE
from .result import PASS, SKIP, WARN, Result
from .units import ago

NODE_EXPORTER = "var/lib/prometheus/node-exporter"
PROM = f"{NODE_EXPORTER}/rmp_enforce.prom"
TIMER = "rmp-enforce-metrics.timer"
UNITS = ("etc/systemd/system", "usr/lib/systemd/system")
STALE_S = 300   # as the alert RmpEnforceMetricsStale has it

LIBVIRT = "etc/libvirt"
HOOK = f"{LIBVIRT}/hooks/qemu.d/rmp-enforce"

# A name hides the same name in the folders after it, see modules-load.d(5).
MODULES_LOAD = ("etc/modules-load.d", "run/modules-load.d", "usr/local/lib/modules-load.d",
                "usr/lib/modules-load.d")
ETC_MODULES = "etc/modules"

MODULES = "lib/modules"
MODINFO_S = 10


def check(name):
    """For what returns a status, a detail and a hint; what it may not read is skipped."""
    def named(look):
        @functools.wraps(look)
        def result(host):
            try:
                return Result(name, *look(host))
            except OSError as error:
                hint = "run as root" if isinstance(error, PermissionError) else None
                return Result(name, SKIP, f"{error.filename}: {error.strerror}", hint)
        return result
    return named


def _stat(host, *parts):
    """Of a file, or None if it is not there."""
    try:
        return os.stat(host.path(*parts))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_debian(host):
    return host.exists("etc/debian_version")


def _timer_is_enabled(host):
    return any(os.path.islink(host.path(base, folder, TIMER))
               for base in UNITS for folder in host.listdir(base)
               if folder.endswith((".wants", ".requires")))


@check("metrics")
def metrics(host):
    if _stat(host, NODE_EXPORTER) is None:
        return SKIP, f"{host.path(NODE_EXPORTER)} is not there: no node_exporter", None
    if not _timer_is_enabled(host):
        return (WARN, f"{TIMER} is not enabled: nobody hears if this host stops guarding",
                f"run 'systemctl enable --now {TIMER}'")
    written = _stat(host, PROM)
    hint = f"see 'systemctl status {TIMER} {TIMER.replace('.timer', '.service')}'"
    if written is None:
        return WARN, f"{host.path(PROM)} is not there", hint
    age = max(0, time.time() - written.st_mtime)
    told = f"{host.path(PROM)} was written {ago(int(age * 1000000))} ago"
    return (WARN, told, hint) if age > STALE_S else (PASS, told, None)


@check("libvirt hook")
def libvirt_hook(host):
    # The hook brings its folder along.
    if not set(host.listdir(LIBVIRT)) - {"hooks"}:
        return SKIP, f"{host.path(LIBVIRT)} has no configuration: no libvirt", None
    hook = _stat(host, HOOK)
    if hook is None:
        again = ("apt install --reinstall -o Dpkg::Options::=--force-confmiss rmp-enforce-tools"
                 if _is_debian(host) else "make install-tools")
        return (WARN, f"{host.path(HOOK)} is not there: domains start without their policy",
                f"run '{again}', and restart libvirt's daemon")
    if not hook.st_mode & 0o111:
        return (WARN, f"{host.path(HOOK)} is not executable: libvirt ignores it",
                f"run 'chmod 755 /{HOOK}', and restart libvirt's daemon")
    return PASS, f"{host.path(HOOK)} is in place", None


def _installed_version():
    """Of the module that modprobe would load, or None if that can't be told."""
    # It is not in everybody's PATH.
    modinfo = shutil.which("modinfo", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if modinfo is None:
        return None
    try:
        done = subprocess.run([modinfo, "-F", "version", "rmp_enforce"], capture_output=True,
                              timeout=MODINFO_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.decode(errors="replace").strip() or None


@check("version")
def version(host):
    loaded = host.read_or(None, "sys/module/rmp_enforce/version")
    if loaded is None:
        return SKIP, "the module is not loaded", None
    if not host.is_live:
        return SKIP, "a bundle does not have the module that is installed", None
    installed = _installed_version()
    if installed is None:
        return SKIP, "modinfo finds no module that is installed for this kernel", None
    if installed != loaded:
        return (WARN, f"{loaded} is loaded, {installed} is installed: it becomes current at the "
                "next load", "run 'rmmod rmp_enforce && modprobe rmp_enforce' while no SNP VM runs")
    return PASS, f"{loaded} is loaded and installed", None


def _configurations(host):
    """The files that systemd-modules-load reads."""
    seen = set()
    for folder in MODULES_LOAD:
        for name in host.listdir(folder):
            if name.endswith(".conf") and name not in seen:
                seen.add(name)
                yield os.path.join(folder, name)
    yield ETC_MODULES


def _lists_us(text):
    """A line is a module, or a comment."""
    return any(line.strip(" \t\r").replace("-", "_") == "rmp_enforce" for line in text.split("\n"))


def _loading_file(host):
    """The file that has the module loaded at boot, or None; the error, if one can't be read."""
    refused = None
    for name in _configurations(host):
        try:
            if _lists_us(host.read(name)):
                return host.path(name)
        except PermissionError as error:
            refused = error
        except OSError:     # as systemd goes on
            pass
    if refused:
        raise refused
    return None


def _command_line_loads(host):
    for word in host.read_or("", "proc/cmdline").split():
        key, _, value = word.partition("=")
        if key.replace("-", "_") in ("modules_load", "rd.modules_load"):
            if "rmp_enforce" in value.strip('"').replace("-", "_").split(","):
                return True
    return False


@check("boot")
def boot(host):
    if _command_line_loads(host):
        return PASS, "the kernel command line has the module loaded", None
    if not host.is_live and not any(host.exists(p) for p in MODULES_LOAD + (ETC_MODULES,)):
        return SKIP, f"{host.path(MODULES_LOAD[0])} is not there", None
    path = _loading_file(host)
    if path:
        return PASS, f"{path} has the module loaded", None
    if not host.exists(MODULE, "mode"):
        return SKIP, "the module is not loaded", None
    return (WARN, "the module is loaded now, and nothing loads it at the next boot",
            "run 'echo rmp_enforce >/etc/modules-load.d/rmp_enforce.conf'")


def _order(release):
    """For sorting: 6.9 is before 6.10, and 6.12-rc1 before 6.12."""
    parts = [(2, int(p), "") if p.isdigit() else (0 if p == "rc" else 1, 0, p)
             for p in re.findall(r"[0-9]+|[A-Za-z]+", release)]
    return parts + [(1, 0, "")]


def _kernels(host):
    """Releases; what a kernel that was removed has left has no folder of modules."""
    names = [name for name in host.listdir(MODULES)
             if re.fullmatch(r"\d[\w.+~-]*", name, re.ASCII)]     # parts of a hint, see below
    return [name for name in names if host.exists(MODULES, name, "kernel")]


def _has_module(host, release):
    return any(name.startswith("rmp_enforce.ko")
               for _, _, names in os.walk(host.path(MODULES, release)) for name in names)


@check("next kernel")
def next_kernel(host):
    kernels = _kernels(host)
    if not kernels:
        return SKIP, f"{host.path(MODULES)} has no kernel", None
    others = [release for release in kernels if release != host.release()]
    if not others:
        return PASS, "no other kernel is installed", None
    release = max(others, key=_order)
    if _has_module(host, release):
        return PASS, f"{release} has the module", None
    if host.exists(MODULES, release, "build"):
        return PASS, f"{release} has its headers", None
    hint = (f"run 'apt install linux-headers-{release}'" if _is_debian(host)
            else f"install the headers of {release}")
    return WARN, f"{release} has neither the module nor headers to build it", hint


def run(host):
    return [look(host) for look in (metrics, libvirt_hook, version, boot, next_kernel)]
