# SPDX-License-Identifier: GPL-2.0-only
"""One bug, shown once: groups, inputs of all forms, and what is made of them."""

import contextlib
import html.parser
import io
import json
import os
import random
import re
import subprocess
import tarfile
import tempfile
import time
import unittest
import unittest.mock

import many_hosts
from rmpctl import cli, hosts, reading, record, triage
from rmpctl.host import MODULE
from test_formats import LINE
from test_hostile import NAMES, FakeRoot

BODY = LINE.partition("violation ")[2]


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with (contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
          unittest.mock.patch("sys.stdin", open(os.devnull, encoding="ascii")) as null):
        status = cli.main(list(words))
        null.close()
    return status, out.getvalue(), err.getvalue()


def grouped(*texts):
    found = triage.Triage()
    for text in texts:
        found.add(record.Record.from_text(text))
    return found


class Page(html.parser.HTMLParser):
    """Whether all that is opened is closed, and what the page would load or run."""

    VOID = {"meta", "line", "rect", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.outside = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.outside += [(k, v) for k, v in attrs if k in ("src", "srcset", "action") or
                         k.startswith("on") or (k == "href" and not v.startswith("#"))]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes nothing")

    def handle_data(self, data):
        self.text.append(data)


class Groups(unittest.TestCase):
    def same(self, **changes):
        """Whether a record with changes is the same bug as the one without."""
        other = dict(record.Record.from_text(BODY).pairs) | {"vm": "99"} | changes
        text = " ".join(f"{k}={v}" for k, v in other.items())
        return len(grouped(BODY, text).groups) == 1

    def test_what_makes_no_other_bug(self):
        for changes in ({"gfn": "0x5", "gpa": "0x5000"}, {"pid": "1", "comm": "x"}, {"vcpu": "3"},
                        {"psc_age_us": "9"}, {"action": "none", "mode": "lenient"}, {"n": "4"},
                        {"psc_gfn": "0x77", "psc_vcpu": "2"}, {"rmp": "unreadable"},
                        {"rip": "0xffffffff8123abcd", "cpl": "0"}, {"rip": "0x4018c2", "cpl": "3"},
                        {"psc_rip": "0xffffffff81000010", "psc_cpl": "0"}):
            self.assertTrue(self.same(**changes), changes)

    def test_what_does(self):
        for changes in ({"class": "in_flight"}, {"op": "read"}, {"psc": "none"}, {"psc": "shared"},
                        {"psc_pages": "4"}, {"psc_pages": "512"}, {"source": "attribute"},
                        {"refused": "shared", "refused_ret": "22"}, {"hole_age_us": "5"},
                        {"site": "set_memory+0x12"}):
            self.assertFalse(self.same(**changes), changes)
        # Offsets change from build to build.
        again = BODY.replace("n=1", "n=2")
        self.assertEqual(len(grouped(f"{BODY} site=f+0x1", f"{again} site=f+0x2").groups), 1)

    def test_who_in_the_guest_is_counted(self):
        texts = [re.sub("cpl=n/a psc_rip", f"cpl={cpl} psc_rip", BODY.replace("n=1 ", f"n={i} "))
                 for i, cpl in enumerate(("0", "0", "3", "n/a", "1", "x"))]
        group, = grouped(*texts).sorted()
        self.assertEqual(dict(group.places), {"in the guest's kernel": 2, "in a process": 1})

    def test_titles(self):
        def title(**changes):
            pairs = record.Record.from_text(BODY).pairs | changes
            return triage.title_of(triage.key_of(record.Record(pairs)))

        self.assertEqual(title(), "implicit_shared: shared write of a page last asked for as "
                                  "private (1 page)")
        self.assertEqual(title(refused="shared", refused_ret="22"), "implicit_shared: shared write "
                         "of a page that the VMM refused to make shared, with 22 (EINVAL)")
        self.assertEqual(title(**{"class": "vmpl", "access": "private"}),
                         "vmpl: private write of a page")
        self.assertEqual(title(**{"class": "first_touch"}, psc="none", access="private", op="read",
                               gfn="0xf0", attr="shared"),
                         "first_touch: private read of a page below 1 MiB never asked for, KVM's "
                         "attribute is shared")

    def test_the_same_record_counts_once(self):
        again = BODY.replace("repeats=0", "repeats=77")
        found = grouped(BODY, again, f"seq=4 psc_seq=3 age_us=9 {BODY}")
        self.assertEqual((found.count, found.repeated), (1, 2))

    def test_values_of_its_own_make_no_groups(self):
        """Whoever writes a log chooses all of it."""
        rng = random.Random(3)
        found = triage.Triage()
        for i in range(5000):
            pairs = record.Record.from_text(BODY).pairs | {"n": str(i)}
            key = rng.choice(("class", "op", "access", "psc", "refused", "source", "attr"))
            found.add(record.Record(pairs | {key: f"x{i}\033<b>"}))
        self.assertLess(len(found.groups), 20)
        for i in range(2 * triage.GROUPS):
            found.add(record.Record(pairs | {"n": f"b{i}", "site": f"f{i}"}))
        self.assertEqual(len(found.groups), triage.GROUPS)
        self.assertGreater(found.left_out, 0)

    def test_tallies_end(self):
        tally = triage.Tally()
        for i in range(triage.LIMIT + 5):
            tally.count(i)
            tally.count(0)
        self.assertEqual((len(tally), tally.left_out, tally[0]),
                         (triage.LIMIT, 5, triage.LIMIT + 6))


class Hosts(unittest.TestCase):
    def test_names_of_one_host(self):
        for one, other, same in (("h1", "h1", True), ("h1", "h1.a.org", True),
                                 ("h_1.a.org", "h1", True), ("H1", "h1", True),
                                 ("h1.a.org", "h1.b.org", False), ("h1", "h2", False),
                                 ("10.0.0.5", "10.0.0.6", False), ("10", "10.0.0.5", False),
                                 ("fe80::1", "fe80::2", False), (None, "h1", False),
                                 (None, None, True), ("-", "_", False)):
            self.assertEqual((hosts.is_same(one, other), hosts.is_same(other, one)),
                             (same, same), (one, other))

    def test_which_name_is_shown(self):
        self.assertEqual(hosts.by_one_name({"h1", "h1.a.org", "h_2", "h2", "10.0.0.5", None}),
                         {"h1": "h1.a.org", "h1.a.org": "h1.a.org", "h_2": "h_2", "h2": "h_2",
                          "10.0.0.5": "10.0.0.5", None: None})
        self.assertEqual(hosts.by_one_name({"h1", "h1.a", "h1.b"}),
                         {"h1": "h1", "h1.a": "h1.a", "h1.b": "h1.b"})


class Times(unittest.TestCase):
    def test_where_and_when(self):
        utc = 1700000000
        local = time.strftime("%b %d %H:%M:%S", time.localtime(utc))
        iso = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(utc))
        for front, host, seconds in (
                (f"{iso}.123456+00:00 h1 kernel: ", "h1", utc), (f"{iso}Z h1 kernel: ", "h1", utc),
                (time.strftime("[%a %b %d %H:%M:%S %Y] ", time.localtime(utc)), None, utc),
                ("[   71.4] ", None, None), ("", None, None), ("> <4>", None, None),
                ("[   71.4][  T123] ", None, None), ("[   71.4] h1 kernel: ", "h1", None),
                (f"{iso},123456+00:00 ", None, utc), (f"{iso.replace('T', ' ')}Z h1 kernel: ", "h1",
                                                      utc),
                (f"{utc}.123456 h1 kernel: ", "h1", utc),
                (time.strftime("%a %Y-%m-%d %H:%M:%S CET h1 kernel: ", time.localtime(utc)), "h1",
                 utc),
                (f"<4>1 {iso}.1+00:00 h1 kernel - - - [   71.4] ", "h1", utc),
                (f"<4>{iso}Z 10.0.0.5 [   71.4] ", "10.0.0.5", utc),
                ("Feb 31 00:00:00 h1 kernel: ", "h1", None)):
            host_found, usec = reading.where(front + LINE)
            self.assertEqual((host_found, usec and usec // 1000000), (host, seconds), front)
        host, usec = reading.where(f"{local} h1 kernel: {LINE}")
        self.assertEqual(host, "h1")
        self.assertLessEqual(usec / 1e6, time.time() + 86400)
        self.assertEqual(time.strftime("%b %d %H:%M:%S", time.localtime(usec / 1e6)), local)


class Inputs(unittest.TestCase):
    HOSTS, RECORDS = 14, 2800

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_seven_bugs_on_many_hosts(self):
        wanted = many_hosts.write(self.folder, self.HOSTS, self.RECORDS,
                                  start=time.time() - 90000)
        page = os.path.join(self.folder, "page.html")
        report = json.loads(run("triage", "--json", "--html", page, "--limit", "99",
                                self.folder)[1])
        self.assertEqual((len(report["groups"]), report["violations"], report["inputs"]),
                         (len(many_hosts.BUGS), self.RECORDS, self.HOSTS))
        found = dict.fromkeys(wanted, 0)
        for g in report["groups"]:
            self.assertEqual(g["hosts_total"], self.HOSTS)
            self.assertEqual(sum(n for _, n in g["domains"]) <= g["count"], True)
            for host, count in g["hosts"]:
                found[host] += count
        self.assertEqual(found, wanted)
        self.assertEqual([g["guest_error"] for g in report["groups"]], [True] * 6 + [False])
        refused = [g for g in report["groups"] if "refused to make private" in g["title"]][0]
        self.assertIn("EINVAL", refused["example"]["in_short"])
        self.assertEqual(sum(n for _, n in refused["places"]), refused["count"])
        self.assertIn("host06-web", " ".join(name for name, _ in refused["domains"]))
        # Those of bundles and of dmesg have no time.
        self.assertGreater(refused["first_us"], 1.69e15)
        with open(page, encoding="utf-8") as file:
            read = Page(file.read())
        self.assertEqual((read.open, read.outside), ([], []))
        self.assertEqual(read.tags.count("section"), 7)
        self.assertGreater(read.tags.count("rect"), 100)
        again = json.loads(run("triage", "--json", "--limit", "99", self.folder)[1])
        self.assertEqual([g["id"] for g in again["groups"]], [g["id"] for g in report["groups"]])
        lines = run("triage", self.folder)[1]
        self.assertIn(f"{self.RECORDS} violations in 7 groups, of {self.HOSTS} hosts", lines)
        for line in lines.split("\n"):
            self.assertTrue(line.isprintable())

    def put(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def test_names_are_data(self):
        for name in NAMES:
            path = self.put("log", json.dumps({
                "_TRANSPORT": "journal", "_UID": "0", "RMP_ENFORCE_RECORD": BODY, "_HOSTNAME": name,
                "RMP_ENFORCE_DOMAIN": name, "__REALTIME_TIMESTAMP": "9" * 18}) + "\n")
            page = os.path.join(self.folder, "page.html")
            self.assertEqual(run("triage", "--html", page, path)[0], 0)
            with open(page, encoding="utf-8") as file:
                read = Page(file.read())
            self.assertNotIn("script", read.tags)
            self.assertNotIn("\u202e", "".join(read.text))
            self.assertEqual(read.outside, [])
            out = run("triage", path)[1]
            self.assertEqual([c for c in out if not c.isprintable() and c != "\n"], [])

    def test_a_bundle_has_neighbours_domains_and_images(self):
        text = BODY.replace("gfn=0x100 ", "gfn=0x104 ", 1)
        top = "rmp_enforce-h7-20261130-120000"
        path = os.path.join(self.folder, "b.tar")
        with tarfile.open(path, "w") as tar:
            for name, data in (
                    ("sys/kernel/debug/rmp_enforce/7/psc_history",
                     "seq=1 age_us=9 vcpu=0 gfn=0x100 pages=4 to=shared result=completed\n"),
                    ("sys/kernel/debug/rmp_enforce/7/violations",
                     f"seq=1 psc_seq=1 age_us=3 {text}\n"),
                    ("proc/200/cmdline", "qemu\0-name\0guest=web1\0-kernel\0/boot/vmlinuz-6.9\0"),
                    ("dev/kmsg", f"4,1,5,-;rmp_enforce: violation {text}\n")):
                info = tarfile.TarInfo(f"{top}/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data.encode()))
        report = json.loads(run("triage", "--json", path)[1])
        group = report["groups"][0]
        self.assertEqual((report["violations"], group["hosts"], group["domains"], group["images"]),
                         (1, [["h7", 1]], [["web1", 1]], [["vmlinuz-6.9", 1]]))
        self.assertEqual(group["places"],
                         [["right after pages that were asked for as shared", 1]])
        with tarfile.open(path) as tar:
            tar.extractall(self.folder)
        with open(os.path.join(self.folder, top, "check.json"), "w", encoding="ascii") as file:
            file.write("[]")
        os.unlink(path)
        again = json.loads(run("triage", "--json", self.folder)[1])
        self.assertEqual(again["groups"], report["groups"])

    def test_what_is_broken_is_named_and_the_rest_read(self):
        self.put("good", f"{LINE}\n")
        self.put("bad.gz", b"\x1f\x8b\x08\x00 not really")
        self.put("bad.journal", b"LPKSHHRH" + bytes(100))
        self.put("bad.xz", b"\xfd7zXZ\x00 not really")
        self.put("binary", bytes(range(256)) * 100)
        report = json.loads(run("triage", "--json", self.folder)[1])
        self.assertEqual(report["violations"], 1)
        self.assertEqual(len([n for n in report["notes"] if "could not be read" in n]), 3)
        self.assertEqual(run("triage", os.path.join(self.folder, "bad.gz"))[0], 3)
        self.assertEqual(run("triage", "/nonexistent")[0], 3)

    def test_a_tar_file_that_somebody_has_made_up(self):
        for pax in ({"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1,x"},
                    {"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                     "GNU.sparse.realsize": "zz"}):
            path = os.path.join(self.folder, "b.tar")
            with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
                info = tarfile.TarInfo("rmp_enforce-h1-20261130-120000/dev/kmsg")
                info.size, info.pax_headers = len(LINE), pax
                tar.addfile(info, io.BytesIO(LINE.encode()))
            self.assertEqual(run("triage", path),
                             (3, "", f"rmpctl: can't read {path}: it is broken.\n"))

    def test_a_folder_that_is_not_ours_to_read(self):
        """Those beside it are read, and it is named."""
        def scandir(path):
            if str(path).endswith("/secret"):
                raise PermissionError(13, "Permission denied", path)
            return plain(path)

        plain = os.scandir
        os.mkdir(os.path.join(self.folder, "secret"))
        self.put("good", f"{LINE}\n")
        with unittest.mock.patch("os.scandir", scandir):
            report = json.loads(run("triage", "--json", self.folder)[1])
        self.assertEqual((report["violations"], report["notes"]), (
            1, [f"{self.folder}/secret could not be read: Permission denied."]))

    def test_a_host_by_several_names(self):
        """A journal has it with its domain, syslog without, a bundle letters and digits only."""
        entry = {"_TRANSPORT": "kernel", "MESSAGE": LINE, "_HOSTNAME": "h_1.example.org",
                 "__REALTIME_TIMESTAMP": "1700000000000000"}
        self.put("a.json", json.dumps(entry) + "\n")
        self.put("b.log", f"Nov 30 03:48:19 h_1 kernel: {LINE}\n")
        other = LINE.replace("n=1 ", "n=2 ")
        path = os.path.join(self.folder, "rmp_enforce-h1-20261130-120000.tar")
        with tarfile.open(path, "w") as tar:
            for name, data in (("dev/kmsg", f"4,1,5,-;{LINE}\n4,2,6,-;{other}\n"),
                               ("proc/200/cmdline", "qemu\0-name\0guest=web1\0")):
                info = tarfile.TarInfo(f"rmp_enforce-h1-20261130-120000/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data.encode()))
        report = json.loads(run("triage", "--json", self.folder)[1])
        self.assertEqual((report["violations"], report["hosts"]), (2, 1))
        self.assertEqual(report["groups"][0]["hosts"], [["h_1.example.org", 2]])
        self.assertEqual(report["groups"][0]["domains"], [["web1", 2]])
        # With two domains they are two hosts, whatever else is the same.
        self.put("c.json", json.dumps(entry | {"_HOSTNAME": "h_1.example.com"}) + "\n")
        report = json.loads(run("triage", "--json", self.folder)[1])
        self.assertEqual(report["violations"], 3)

    def test_a_bundle_as_this_host(self):
        root = FakeRoot(self)
        out = run("--root", root.folder, "triage")[1]
        self.assertNotIn("None", out)
        self.assertIn(f"VM 3 of {os.path.basename(root.folder)} (1)", out)
        self.assertRegex(out, r"\A1 violation in 1 group, of 1 host\n")

    def test_a_journal_is_read_by_journalctl(self):
        """A journalctl that says what it was asked for, and gives an entry."""
        fake = self.put("journalctl", "#!/bin/sh\necho \"$@\" >\"${0%/*}/asked\"\n"
                        "printf '__CURSOR=s=1\\n_TRANSPORT=kernel\\n_HOSTNAME=h3\\nMESSAGE="
                        f"{LINE}\\n\\n'\n")
        os.chmod(fake, 0o755)
        path = self.put("user-1.journal", b"LPKSHHRH" + bytes(100))
        with unittest.mock.patch.dict(os.environ, {"PATH": f"{self.folder}:{os.environ['PATH']}"}):
            report = json.loads(run("triage", "--json", path)[1])
        self.assertEqual(report["groups"][0]["hosts"], [["h3", 1]])
        with open(os.path.join(self.folder, "asked"), encoding="ascii") as file:
            self.assertIn(f"--file={path} --output=export", file.read())

    def test_a_file_of_journald(self):
        remote = "/lib/systemd/systemd-journal-remote"
        if not os.path.exists(remote):
            self.skipTest("systemd-journal-remote is not installed")
        found = many_hosts.write(self.folder, 5, 200, start=time.time() - 90000)
        path = os.path.join(self.folder, "remote.journal")
        subprocess.run([remote, f"--output={path}", os.path.join(self.folder, "host04.log")],
                       check=True, capture_output=True)
        report = json.loads(run("triage", "--json", path)[1])
        self.assertEqual((report["violations"], len(report["groups"]), report["notes"]),
                         (found["host04"], len(many_hosts.BUGS), []))
        self.assertEqual(report["groups"][0]["hosts"][0][0], "host04")

    def test_standard_input(self):
        done = subprocess.run(
            ["/usr/bin/python3", "-c", "from rmpctl.cli import main; main()", "triage"],
            input=f"{LINE}\n", capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(triage.__file__))})
        self.assertIn("1 violation in 1 group, of 1 host", done.stdout)


class Here(unittest.TestCase):
    def test_explain_of_a_noisy_log_shows_groups_first(self):
        root = FakeRoot(self)
        root.call("web1")
        lines = []
        for i in range(12):
            text = BODY.replace("vm=7 pid=200", "vm=3 pid=7").replace("n=1 ", f"n={i} ")
            lines.append(text.replace("psc=private", "psc=shared") if i % 2 else text)
        for count, said in ((12, True), (3, False)):
            root.put("dev/kmsg", "".join(f"4,{i},{i},-;rmp_enforce: violation {text}\n"
                                         for i, text in enumerate(lines[:count])))
            out = run("--root", root.folder, "explain")[1]
            self.assertEqual("The kernel log has 12 violations in 2 groups" in out, said)
            self.assertIn("wrote to guest frame", out)
        root.put("dev/kmsg", "".join(f"4,{i},{i},-;rmp_enforce: violation {text}\n"
                                     for i, text in enumerate(lines)))
        self.assertNotIn("groups", run("--root", root.folder, "explain", "-n", "1")[1])
        out = run("--root", root.folder, "triage")[1]
        self.assertIn("12 violations in 2 groups, of 1 host", out)
        self.assertIn("web1 (6)", out)
        self.assertTrue(root.host.exists(MODULE))
        # One bug a thousand times is noise, too; and a thousand bugs leave room for the record.
        same = [lines[0].replace("n=0 ", f"n={i} ") for i in range(1000)]
        for texts, said in ((same, "has 1000 violations in 1 group;"),
                            ([f"{t} site=f{i}" for i, t in enumerate(same)],
                             "... and 988 groups more\n\nThe last one:")):
            root.put("dev/kmsg", "".join(f"4,{i},{i},-;rmp_enforce: violation {text}\n"
                                         for i, text in enumerate(texts)))
            out = run("--root", root.folder, "explain")[1]
            self.assertIn(said, out)
            self.assertLess(out.count("\n"), 60)
        root.put("dev/kmsg", "")
        self.assertIn("no violation: nothing to group", run("--root", root.folder, "triage")[1])
