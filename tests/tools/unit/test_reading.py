# SPDX-License-Identifier: GPL-2.0-only
"""Records out of whatever somebody has pasted them into."""

import contextlib
import io
import json
import os
import re
import subprocess
import tempfile
import time
import unittest

from rmpctl import cli, folded, reading, record
from test_formats import LINE, TOP, text_of

LOG = "Nov 30 03:48:19 host kernel: [   71.4] "
BODY = LINE.partition("violation ")[2]


def read(text):
    """(Records, how many said nothing) of a text or of bytes."""
    data = text if isinstance(text, bytes) else text.encode()
    source = reading.Reading(io.BytesIO(data))
    return list(source), source.cut


def fold(text, *options):
    return subprocess.run(["fold", *options], input=text, capture_output=True, text=True,
                          check=True).stdout


class Folded(unittest.TestCase):
    WANT = record.Record.from_line(LINE).pairs

    def expect(self, text, count=1):
        found, cut = read(text)
        self.assertEqual([r.pairs for r in found], [self.WANT] * count, text)
        self.assertEqual(cut, 0)

    def test_documents_as_they_are(self):
        for name in ("README.md", os.path.join("docs", "records.md")):
            found, cut = read(text_of(*name.split(os.sep)))
            self.assertEqual(cut, 0)
            self.assertTrue(found, name)
            for r in found:
                self.assertIsNone(r.cut_after, name)
                self.assertTrue(r.has("hole_age_us"), name)

    def test_fold(self):
        for front in ("", LOG):
            for width in list(range(20, 100, 3)) + [72, 78, 80, 120, 132]:
                for options in ((), ("-s",)):
                    text = fold(front + LINE + "\n", "-w", str(width), *options)
                    for mail in (text, re.sub(r" +\n", "\n", text), re.sub("(?m)^", "> ", text),
                                 text.replace("\n", "\r\n")):
                        self.expect(mail)
                        self.expect(f"Hello,\n\n{mail}\nThis is what I see.\n{mail}", 2)

    def test_whole_records_take_nothing_of_the_next_line(self):
        for after in ("5", "n/a", "foo=bar", "vcpu=3", "psc_vcpu=0 is what it says", "[ 71.5] x",
                      "rmp_enforce: vm=7 pid=200 ended: psc=596 violations=3"):
            self.expect(f"{LINE}\n{after}\n")

    def test_records_of_a_log_are_not_joined(self):
        cut = LOG + LINE[:300]
        found, _ = read(f"{cut}\n{LOG}{LINE}\n{LOG}rmp_enforce: loaded: mode=lenient action=vc\n")
        self.assertEqual([r.has("action") for r in found], [False, True])

    def test_lines_that_never_end(self):
        found, _ = read(LOG + LINE[:100] + "\n" + "op=read\n" * 10000)
        self.assertEqual(len(found), 0)
        self.assertIsNone(folded.joined("vm=1 " * record.LONGEST, "gfn=0x1"))
        begun = time.process_time()
        for line in ("seq=1 " * 150000 + "vm=", "vm=1 " * 200000, "> " * 400000 + "vm=1",
                     "{" * 10 ** 6, " " * 10 ** 6 + "vm=1", LOG + LINE + " a=b" * 200000):
            read(line + "\n" + line + "\n")
        self.assertLess(time.process_time() - begun, 10)


class Journals(unittest.TestCase):
    def entry(self, **more):
        return {"MESSAGE": LINE, "_TRANSPORT": "kernel", "_HOSTNAME": "h1",
                "__REALTIME_TIMESTAMP": "1700000000000000"} | more

    def test_json(self):
        older = LINE.partition(" repeats=")[0]      # escalated= is the last
        for message in (LINE, older, list(LINE.encode())):
            found, _ = read(json.dumps(self.entry(MESSAGE=message)) + "\n")
            self.assertEqual(found[0]["escalated"], "no")
            self.assertEqual((found[0].host, found[0].time), ("h1", 1700000000000000))
        terminated = older.replace("escalated=no", "escalated=no_progress").replace("=vc", "="
                                                                                    "terminate")
        found, _ = read(json.dumps(self.entry(MESSAGE=terminated)) + "\n")
        self.assertEqual(found[0]["escalated"], "no_progress")
        self.assertIsNone(found[0].cut_after)

    def test_json_for_people(self):
        found, _ = read(json.dumps(self.entry(), indent=8))
        self.assertEqual(found[0].pairs, record.Record.from_line(LINE).pairs)

    def test_one_violation_once(self):
        """The kernel's message, and what 'rmpctl journal' has made of it."""
        own = {"_TRANSPORT": "journal", "_UID": "0", "RMP_ENFORCE_RECORD": BODY, "_HOSTNAME": "h1",
               "MESSAGE": "web1: ...", "RMP_ENFORCE_DOMAIN": "web1", "RMP_ENFORCE_KMSG_USEC": "71"}
        kernel = self.entry(_SOURCE_MONOTONIC_TIMESTAMP="71")
        source = reading.Reading(io.BytesIO("".join(json.dumps(e) + "\n" for e in
                                                    (kernel, own)).encode()))
        self.assertEqual(len(list(source)), 1)
        self.assertEqual(source.domains, {("h1", "7", "200"): "web1"})
        found, _ = read(json.dumps(own) + "\n")
        self.assertEqual(found[0].domain, "web1")

    def test_what_just_anybody_may_write(self):
        for entry in (self.entry(_TRANSPORT="syslog", _UID="1000"),
                      {"_TRANSPORT": "journal", "_UID": "1000", "RMP_ENFORCE_RECORD": BODY}):
            self.assertEqual(read(json.dumps(entry) + "\n"), ([], 0))
        for line in ('{"rmp_enforce: ', '{"MESSAGE": null, "x": "rmp_enforce"}', "{}",
                     '{"MESSAGE": [1, 999, "rmp_enforce"]}', '{"MESSAGE": {"rmp_enforce": 1}}'):
            self.assertEqual(read(line + "\n"), ([], 0))

    def test_export(self):
        def binary(name, value):
            return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"

        text = (b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=17\n_TRANSPORT=kernel\n_HOSTNAME=h1\n"
                + binary(b"X", b"\n\n" * 200 + b"_HOSTNAME=h2\nMESSAGE=y")
                + binary(b"MESSAGE", LINE.encode())
                + b"\n__CURSOR=s=2\n_TRANSPORT=kernel\nMESSAGE=" + LINE.encode() + b"\n\n")
        found, _ = read(text)
        self.assertEqual([(r.host, r.time, r["escalated"]) for r in found],
                         [("h1", 17, "no"), (None, None, "no")])
        for end in range(0, len(text), 7):
            read(text[:end])


class Command(unittest.TestCase):
    def said(self, *words):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(list(words))
        return status, out.getvalue(), err.getvalue()

    def test_readme_in_words(self):
        status, out, _ = self.said("explain", "-f", os.path.join(TOP, "README.md"))
        self.assertEqual(status, 0)
        self.assertIn("wrote to guest frame 0x100", out)
        self.assertIn("0x404", out)

    def test_a_file_without_f(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kern.log")
            with open(path, "w", encoding="ascii") as file:
                file.write(LINE + "\n")
            self.assertEqual(self.said("--root", folder, "explain", path), (
                2, "", f"rmpctl: {path} is not a VM. To read records from a file: 'rmpctl explain "
                f"-f {path}'.\n"))
            self.assertEqual(self.said("explain", "-f", path)[0], 0)

    def test_a_record_that_says_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kern.log")
            with open(path, "w", encoding="ascii") as file:
                file.write(LOG + LINE.partition(" access=")[0] + "\n")
            status, _, err = self.said("explain", "-f", path)
            self.assertEqual(status, 3)
            self.assertIn("cut before class=", err)
