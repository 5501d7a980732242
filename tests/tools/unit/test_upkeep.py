# SPDX-License-Identifier: GPL-2.0-only
"""What keeps a host guarded: each result of rmpctl check, and what can't be trusted or read."""

import os
import tempfile
import time
import unittest
import unittest.mock

from rmpctl import checks, upkeep
from rmpctl.host import MODULE, Host
from rmpctl.result import FAIL, PASS, SKIP, WARN
from test_formats import TOP, text_of
from test_hostile import FakeRoot, run

WANTS = "etc/systemd/system/timers.target.wants"
CONF = "etc/modules-load.d/rmp_enforce.conf"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.host = Host(folder.name)

    def put(self, name, text=""):
        path = self.host.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path

    def refused(self, name):
        """A file, or a folder and all below it, is not ours to read; root, who tests, reads all."""
        base = self.host.path(name)

        def denied(plain, and_itself):
            def call(path, *args, **kwargs):
                if (path == base and and_itself) or str(path).startswith(f"{base}/"):
                    raise PermissionError(13, "Permission denied", path)
                return plain(path, *args, **kwargs)
            return call

        for function, plain, and_itself in (("builtins.open", open, True),
                                            ("os.stat", os.stat, False),
                                            ("os.listdir", os.listdir, True)):
            self.patch(function, denied(plain, and_itself))

    def patch(self, name, value):
        patch = unittest.mock.patch(name, value)
        patch.start()
        self.addCleanup(patch.stop)

    def live(self):
        self.patch("rmpctl.host.Host.is_live", True)

    def says(self, look, status, detail, hint=None):
        result = look(self.host)
        self.assertEqual(result.status, status, result)
        self.assertIn(detail, result.detail)
        if hint is None:
            self.assertIsNone(result.hint)
        else:
            self.assertIn(hint, result.hint)

    def is_not_ours_to_read(self, look, name, told=None):
        self.refused(name)
        self.says(look, SKIP, f"{self.host.path(told or name)}: Permission denied", "run as root")


class Metrics(Case):
    SEE = "'systemctl status rmp-enforce-metrics.timer rmp-enforce-metrics.service'"

    def enable(self, folder=WANTS):
        os.makedirs(self.host.path(folder))
        os.symlink("/nonexistent/rmp-enforce-metrics.timer",    # of this host, not of that one
                   self.host.path(folder, "rmp-enforce-metrics.timer"))

    def written(self, seconds):
        then = time.time() - seconds
        os.utime(self.put(upkeep.PROM), (then, then))

    def test_without_node_exporter(self):
        self.says(upkeep.metrics, SKIP, "/var/lib/prometheus/node-exporter is not there")

    def test_a_timer_that_nobody_enabled(self):
        self.written(10)
        # Neither of these enables it.
        self.put("usr/lib/systemd/system/rmp-enforce-metrics.timer")
        for name in (f"{WANTS}/rmp-enforce-metrics.service",
                     "etc/systemd/system/timers.target.was/rmp-enforce-metrics.timer"):
            os.makedirs(os.path.dirname(self.host.path(name)))
            os.symlink("x", self.host.path(name))
        self.says(upkeep.metrics, WARN, "rmp-enforce-metrics.timer is not enabled",
                  "'systemctl enable --now rmp-enforce-metrics.timer'")

    def test_a_timer_that_somebody_enabled(self):
        for folder in (WANTS, "usr/lib/systemd/system/multi-user.target.wants",
                       "etc/systemd/system/x.target.requires"):
            self.setUp()
            self.enable(folder)
            self.written(10)
            self.says(upkeep.metrics, PASS, "rmp_enforce.prom was written 10")

    def test_a_file_that_is_gone(self):
        self.enable()
        os.makedirs(self.host.path(upkeep.NODE_EXPORTER))
        self.says(upkeep.metrics, WARN, "/rmp_enforce.prom is not there", self.SEE)

    def test_a_file_that_is_old(self):
        self.enable()
        for seconds, status, hint in ((280, PASS, None), (320, WARN, self.SEE),
                                      (-50, PASS, None)):
            self.written(seconds)
            self.says(upkeep.metrics, status, "/rmp_enforce.prom was written", hint)

    def test_a_folder_that_is_not_ours(self):
        self.enable()
        self.written(10)
        self.is_not_ours_to_read(upkeep.metrics, upkeep.NODE_EXPORTER, upkeep.PROM)

    def test_unit_and_alert_have_the_same_file_and_age(self):
        unit = text_of("tools", "systemd", "rmp-enforce-metrics.service")
        self.assertIn(f"--output /{upkeep.PROM}\n", unit)
        self.assertIn(f"ConditionPathIsDirectory=/{upkeep.NODE_EXPORTER}\n", unit)
        self.assertTrue(os.path.exists(os.path.join(TOP, "tools", "systemd", upkeep.TIMER)))
        self.assertIn(f"rmp_enforce.prom\"}} > {upkeep.STALE_S}\n",
                      text_of("tools", "prometheus", "rmp_enforce.rules.yml"))


class LibvirtHook(Case):
    def test_without_libvirt(self):
        self.says(upkeep.libvirt_hook, SKIP, "no libvirt")
        # All of it is our own.
        self.put(upkeep.HOOK)
        self.says(upkeep.libvirt_hook, SKIP, "no libvirt")

    def test_a_hook_that_is_missing(self):
        self.put("etc/libvirt/libvirtd.conf")
        self.says(upkeep.libvirt_hook, WARN, "/qemu.d/rmp-enforce is not there",
                  "'make install-tools'")
        self.put("etc/debian_version", "13.1\n")
        # dpkg leaves a conffile that was removed removed, but for this.
        self.says(upkeep.libvirt_hook, WARN, "/qemu.d/rmp-enforce is not there",
                  "--force-confmiss rmp-enforce-tools'")

    def test_a_hook_that_libvirt_ignores(self):
        self.put("etc/libvirt/libvirtd.conf")
        os.chmod(self.put(upkeep.HOOK), 0o644)
        self.says(upkeep.libvirt_hook, WARN, "is not executable",
                  "'chmod 755 /etc/libvirt/hooks/qemu.d/rmp-enforce'")

    def test_a_hook_in_place(self):
        self.put("etc/libvirt/libvirtd.conf")
        os.chmod(self.put(upkeep.HOOK), 0o755)
        self.says(upkeep.libvirt_hook, PASS, "in place")

    def test_a_folder_that_is_not_ours(self):
        self.put("etc/libvirt/libvirtd.conf")
        self.is_not_ours_to_read(upkeep.libvirt_hook, upkeep.LIBVIRT)

    def test_it_is_where_it_is_installed(self):
        self.assertIn("/etc/libvirt/hooks/qemu.d\n", text_of("tools", "Makefile"))
        self.assertTrue(os.path.exists(os.path.join(TOP, "tools", "libvirt",
                                                    os.path.basename(upkeep.HOOK))))


class Version(Case):
    def with_modinfo(self, script):
        """A modinfo that does so; the only one that there is."""
        path = self.put("bin/modinfo", f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)
        self.patch("shutil.which", lambda name, path: self.host.path("bin", name))

    def loaded(self):
        self.live()
        self.put("sys/module/rmp_enforce/version", "0.1.0\n")

    def test_without_the_module(self):
        self.live()
        self.says(upkeep.version, SKIP, "not loaded")

    def test_a_bundle_has_no_installed_module(self):
        self.put("sys/module/rmp_enforce/version", "0.1.0\n")
        with unittest.mock.patch("subprocess.run", side_effect=AssertionError):
            self.says(upkeep.version, SKIP, "a bundle does not have")

    def test_without_modinfo(self):
        self.loaded()
        with unittest.mock.patch("shutil.which", return_value=None):
            self.says(upkeep.version, SKIP, "modinfo finds no module")

    def test_modinfo_that_is_in_no_path(self):
        with unittest.mock.patch("shutil.which", return_value=None) as which:
            with unittest.mock.patch.dict(os.environ, {"PATH": "/usr/bin"}):
                upkeep._installed_version()
        self.assertEqual(which.call_args, unittest.mock.call(
            "modinfo", path="/usr/bin:/usr/sbin:/sbin"))

    def test_no_module_is_installed(self):
        self.loaded()
        self.with_modinfo("echo 'modinfo: ERROR: Module rmp_enforce not found.' >&2; exit 1")
        self.says(upkeep.version, SKIP, "modinfo finds no module")

    def test_a_modinfo_that_hangs(self):
        self.loaded()
        self.with_modinfo("echo 0.1.0; exec sleep 30")
        with unittest.mock.patch.object(upkeep, "MODINFO_S", 0.2):
            self.says(upkeep.version, SKIP, "modinfo finds no module")

    def test_the_same_version(self):
        self.loaded()
        self.with_modinfo('[ "$*" = "-F version rmp_enforce" ] && echo 0.1.0')
        self.says(upkeep.version, PASS, "0.1.0 is loaded and installed")

    def test_another_version(self):
        self.loaded()
        self.with_modinfo("echo 0.2.0")
        self.says(upkeep.version, WARN, "0.1.0 is loaded, 0.2.0 is installed: it becomes current "
                  "at the next load", "'rmmod rmp_enforce && modprobe rmp_enforce'")

    def test_a_version_that_is_no_text(self):
        self.loaded()
        self.with_modinfo(r"printf '\377\033[2J\n'")
        self.says(upkeep.version, WARN, "\ufffd\033[2J is installed", "modprobe")


class Boot(Case):
    FIX = "'echo rmp_enforce >/etc/modules-load.d/rmp_enforce.conf'"

    def loaded(self):
        self.put(f"{MODULE}/mode", "lenient\n")

    def test_every_place(self):
        for name in (CONF, "usr/lib/modules-load.d/snp.conf", "run/modules-load.d/snp.conf",
                     "usr/local/lib/modules-load.d/snp.conf", "etc/modules"):
            for module in ("rmp_enforce", "rmp-enforce"):
                self.setUp()
                self.put(name, f"# for SNP\nkvm_amd\n \t{module} \n")
                self.says(upkeep.boot, PASS, f"{self.host.path(name)} has the module loaded")
                self.loaded()
                self.says(upkeep.boot, PASS, f"{self.host.path(name)} has the module loaded")

    def test_nothing_loads_it(self):
        self.put(CONF, "# rmp_enforce\n;rmp_enforce\nrmp_enforce_test\nkvm_amd rmp_enforce\n")
        self.put("etc/modules-load.d/README", "rmp_enforce\n")
        self.put("etc/modules-load.d/rmp.conf.bak", "rmp_enforce\n")
        self.put("etc/modprobe.d/rmp_enforce.conf", "rmp_enforce\n")
        self.says(upkeep.boot, SKIP, "not loaded")
        self.loaded()
        self.says(upkeep.boot, WARN, "nothing loads it at the next boot", self.FIX)

    def test_what_the_package_brings_loads_nothing(self):
        self.put("etc/modules-load.d/x.conf", text_of("packaging", "rmp_enforce.conf"))
        self.loaded()
        self.says(upkeep.boot, WARN, "nothing loads it", self.FIX)

    def test_an_administrators_file_hides_the_other(self):
        self.put("usr/lib/modules-load.d/rmp_enforce.conf", "rmp_enforce\n")
        os.makedirs(os.path.dirname(self.host.path(CONF)))
        os.symlink(os.devnull, self.host.path(CONF))
        self.loaded()
        self.says(upkeep.boot, WARN, "nothing loads it", self.FIX)

    def test_the_kernel_command_line(self):
        self.loaded()
        for words, status in (("modules_load=rmp_enforce", PASS),
                              ("modules-load=a,rmp-enforce", PASS),
                              ('rd.modules_load="rmp_enforce,kvm"', PASS),
                              ("rmp_enforce.mode=off", WARN), ("modules_load=rmp_enforce2", WARN),
                              ("module_blacklist=rmp_enforce", WARN)):
            self.put("proc/cmdline", f"ro {words} quiet\n")
            self.put("etc/modules")
            self.says(upkeep.boot, status, "module", None if status == PASS else self.FIX)

    def test_a_bundle_without_these_files(self):
        self.loaded()
        self.put("proc/cmdline", "ro quiet\n")
        self.says(upkeep.boot, SKIP, "/etc/modules-load.d is not there")
        self.live()
        self.says(upkeep.boot, WARN, "nothing loads it", self.FIX)

    def test_characters_that_only_look_like_a_line(self):
        self.loaded()
        for between in ("\x0b", "\x0c", "\x85", "\u2028", "\x1b[2J", "\0", "\x1c"):
            self.put(CONF, f"kvm{between}rmp_enforce{between}x\n")
            self.says(upkeep.boot, WARN, "nothing loads it", self.FIX)
            self.put(CONF, f"{between}rmp_enforce{between}\n")
            self.says(upkeep.boot, WARN, "nothing loads it", self.FIX)
            self.put(CONF, f"{between}x\nrmp_enforce\n")
            self.says(upkeep.boot, PASS, "has the module loaded")

    def test_bytes_that_are_no_text(self):
        self.loaded()
        with open(self.put(CONF), "wb") as file:
            file.write(b"\xff\xfe\n\xc3\nrmp_enforce\r\n\x80")
        self.says(upkeep.boot, PASS, "has the module loaded")

    def test_a_file_that_is_not_ours_to_read(self):
        self.loaded()
        self.put(CONF, "rmp_enforce\n")
        self.put("usr/lib/modules-load.d/snp.conf", "kvm\n")
        self.is_not_ours_to_read(upkeep.boot, CONF)
        # Another one answers.
        self.put("usr/lib/modules-load.d/snp.conf", "rmp_enforce\n")
        self.says(upkeep.boot, PASS, "usr/lib/modules-load.d/snp.conf has the module loaded")

    def test_a_folder_that_is_not_ours_to_read(self):
        self.loaded()
        self.put(CONF, "rmp_enforce\n")
        self.is_not_ours_to_read(upkeep.boot, "etc/modules-load.d")

    def test_what_is_no_file(self):
        self.loaded()
        os.makedirs(self.host.path("etc/modules-load.d/a.conf"))
        os.symlink("nothing", self.host.path("etc/modules-load.d/b.conf"))
        os.symlink("c.conf", self.host.path("etc/modules-load.d/c.conf"))
        self.says(upkeep.boot, WARN, "nothing loads it", self.FIX)
        self.put(CONF, "rmp_enforce\n")
        self.says(upkeep.boot, PASS, "has the module loaded")


class NextKernel(Case):
    def setUp(self):
        super().setUp()
        self.put("proc/sys/kernel/osrelease", "6.12.9-amd64\n")

    def kernel(self, release, *more):
        for name in ("kernel", *more):
            self.put(f"lib/modules/{release}/{name}/x")

    def test_without_kernels(self):
        self.says(upkeep.next_kernel, SKIP, "/lib/modules has no kernel")

    def test_none_but_this_one(self):
        self.kernel("6.12.9-amd64")
        # A kernel that was removed, and headers without their kernel.
        self.put("lib/modules/6.12.10-amd64/updates/dkms/x")
        self.put("lib/modules/6.12.11-amd64/build/Makefile")
        self.says(upkeep.next_kernel, PASS, "no other kernel")

    def test_neither_module_nor_headers(self):
        self.kernel("6.12.9-amd64", "build")
        self.kernel("6.12.10-amd64")
        os.symlink("/nonexistent", self.host.path("lib/modules/6.12.10-amd64/build"))
        said = "6.12.10-amd64 has neither the module nor headers"
        self.says(upkeep.next_kernel, WARN, said, "the headers of 6.12.10-amd64")
        self.put("etc/debian_version", "13.1\n")
        self.says(upkeep.next_kernel, WARN, said, "'apt install linux-headers-6.12.10-amd64'")

    def test_headers(self):
        self.kernel("6.12.9-amd64")
        self.kernel("6.12.10-amd64", "build")
        self.says(upkeep.next_kernel, PASS, "6.12.10-amd64 has its headers")

    def test_a_module_wherever_it_is(self):
        self.kernel("6.12.9-amd64")
        for name in ("updates/dkms/rmp_enforce.ko", "extra/rmp_enforce.ko.xz",
                     "updates/rmp_enforce.ko.zst"):
            path = self.put(f"lib/modules/6.12.10-amd64/{name}")
            self.kernel("6.12.10-amd64")
            self.says(upkeep.next_kernel, PASS, "6.12.10-amd64 has the module")
            os.unlink(path)
        self.put("lib/modules/6.12.10-amd64/kernel/rmp_enforce_test.ko")
        self.says(upkeep.next_kernel, WARN, "6.12.10-amd64 has neither", "headers")

    def test_the_newest_counts(self):
        self.kernel("6.12.9-amd64")
        self.kernel("6.9.12-amd64")
        self.says(upkeep.next_kernel, WARN, "6.9.12-amd64 has neither", "headers")
        for release in ("6.12.10-amd64", "6.12.107-amd64", "7.3-rc2-amd64", "7.3-amd64",
                        "7.3.1-200.fc44.x86_64"):
            self.kernel(release)
            self.says(upkeep.next_kernel, WARN, f"{release} has neither", "headers")

    def test_the_order_of_releases(self):
        ordered = ["6.9", "6.12-rc1", "6.12-rc10", "6.12", "6.12.9-1", "6.12.10",
                   "6.12.10+deb13-amd64", "6.12.10+deb13-rt-amd64", "10.1"]
        self.assertEqual(sorted(reversed(ordered), key=upkeep._order), ordered)

    def test_a_name_that_is_no_release(self):
        """It would be a part of a command that somebody copies."""
        self.kernel("6.12.9-amd64")
        for name in ("9$(touch x)", "9;reboot", "9\033[2J", "9\n10", "9 1", "extra", "-9", "9é"):
            self.kernel(name)
        self.says(upkeep.next_kernel, PASS, "no other kernel")

    def test_a_folder_that_is_not_ours(self):
        self.kernel("6.12.10-amd64")
        self.is_not_ours_to_read(upkeep.next_kernel, "lib/modules")


class All(Case):
    NAMES = ["metrics", "libvirt hook", "version", "boot", "next kernel"]

    def test_check_has_them_all_and_none_fails(self):
        """They are about later: whoever acts upon status 1 wants to know of now."""
        for root in (self.host, FakeRoot(self).host):
            found = [r for r in checks.run(root) if r.name in self.NAMES]
            self.assertEqual([r.name for r in found], self.NAMES)
            self.assertNotIn(FAIL, {r.status for r in found})

    def test_a_bundle_skips_what_it_does_not_hold(self):
        root = FakeRoot(self)
        root.put("check.json", "[]")
        root.put("sys/module/rmp_enforce/version", "1\n")
        root.put("proc/cmdline", "quiet\n")
        root.put("etc/modprobe.d/rmp_enforce.conf", "")
        self.assertEqual({r.status for r in upkeep.run(root.host)}, {SKIP})

    def test_names_of_files_reach_no_terminal(self):
        root = FakeRoot(self)
        root.put("etc/modules-load.d/\033[2J\n[ PASS ] x.conf", "rmp_enforce\n")
        said = run("--root", root.folder, "check")[1]
        self.assertRegex(said, r"(?m)^\[ PASS \] boot: .*\\x1b\[2J\\n\[ PASS \] x\.conf has")
        self.assertEqual([c for c in said if not c.isprintable() and c != "\n"], [])

    def test_a_disk_that_fails(self):
        os.makedirs(self.host.path("etc/libvirt"))
        with unittest.mock.patch("os.listdir", side_effect=OSError(5, "Input/output error", "/x")):
            self.says(upkeep.libvirt_hook, SKIP, "/x: Input/output error")

    def test_documents_name_them(self):
        manual = text_of("tools", "rmpctl.1")
        for name in self.NAMES:
            self.assertIn(f"| {name} |", text_of("docs", "operators.md"))
            self.assertRegex(manual, rf"\b{name}\b")


if __name__ == "__main__":
    unittest.main()
