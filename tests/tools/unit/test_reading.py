# SPDX-License-Identifier: GPL-2.0-only
"""Records out of whatever somebody has pasted them into."""

import contextlib
import gzip
import io
import json
import lzma
import os
import quopri
import re
import subprocess
import tarfile
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
                     "{" * 10 ** 6, " " * 10 ** 6 + "vm=1", LOG + LINE + " a=b" * 200000,
                     LOG + "a" * 10 ** 6 + LINE, LOG + "a: " * 300000 + LINE,
                     LOG + "[" * 10 ** 6 + LINE, ">" * 10 ** 6 + LOG + LINE,
                     "Content-Transfer-Encoding: quoted-printable\n" + "a=\n" * 300000 + LINE,
                     "boundary=" * 100000 + LINE, "{\n" + "x\n" * 400000 + LINE,
                     "x" * 10 ** 6 + LINE + "\"" * 10 ** 6):
            read(line + "\n" + line + "\n")
        self.assertLess(time.process_time() - begun, 10)


class Texts(unittest.TestCase):
    def test_what_stands_right_after_it(self):
        for end in (".", "</p>", "`", '"', '",', "\033[0m", ")", ", and so on", "&lt;"):
            for key, value in (("hole_age_us", "5"), ("used", "shared")):
                line = re.sub(rf" {key}=.*", f" {key}={value}", LINE)
                found, _ = read(line + end + "\n")
                self.assertEqual(found[0][key], value, end)
                self.assertIsNone(found[0].cut_after)

    def test_what_another_program_wrote(self):
        """Whoever may log may write any line, but the log says who it was."""
        for front in ("Nov 30 03:48:19 host kernel: ", "Nov 30 03:48:19 host kernel: [   71.4] ",
                      "2026-11-30T03:48:19+01:00 host kernel: ", "[   71.4] ",
                      "<4>1 2026-11-30T03:48:19.1Z host kernel - - - [   71.4] ",
                      "Nov 30 03:48:19 host kern.warn kernel: ", "Nov 30 03:48:19 host klogd: ",
                      "Nov 30 03:48:19 10.0.0.5 [   71.4] "):
            for line in (LINE, BODY):
                self.assertEqual(len(read(front + line + "\n")[0]), 1, front)
        for front in ("Nov 30 03:48:19 host logger: ", "Nov 30 03:48:19 host joe[77]: ",
                      "2026-11-30T03:48:19+01:00 host joe: ", "> Nov 30 03:48:19 host joe: ",
                      "[   71.4] systemd[1]: ", "Nov 30 03:48:19 host joe: kernel: x: ",
                      "Nov 30 03:48:19 host joe[77]: [   71.4] "):
            for line in (LINE, BODY):
                self.assertEqual(read(front + line + "\n"), ([], 0), front)

    def test_mail_that_is_quoted_printable(self):
        head = "From: x\nContent-Transfer-Encoding: Quoted-Printable\n\n"
        parts = ('Content-Type: multipart/mixed; boundary="=_b1"\n\n--=_b1\n' + head)
        for front in ("", LOG):
            body = quopri.encodestring(f"Hi,\n------\n{front}{LINE}\nBye =3D\n".encode()).decode()
            for mail in (head + body, parts + body + "\n--=_b1--\n",
                         parts + "none\n--=_b1\n" + head + body,
                         (head + body).replace("\n", "\r\n")):
                found, cut = read(mail + f"From y\n{LINE.replace('vm=7', 'vm=12')}\n")
                self.assertEqual([r["vm"] for r in found], ["7", "12"], mail)
                self.assertEqual((found[0].pairs, cut), (record.Record.from_line(LINE).pairs, 0))


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

    def test_json_in_every_form(self):
        """journalctl -o json-seq, json-sse, json-pretty; jq -s; what ends in a number."""
        line = LINE.replace("hole_age_us=n/a", "hole_age_us=5")
        entry = self.entry(MESSAGE=line, _PID="0")
        text = json.dumps(entry)
        for form in (f"\x1e{text}\n", f"data: {text}\n\n", f"[{text}]\n",
                     json.dumps(entry, indent=8) + "\n", f"x\n{text}\n"):
            found, cut = read(form * 2)
            self.assertEqual([(r.host, r.time, r.number("hole_age_us")) for r in found],
                             [("h1", 1700000000000000, 5)] * 2, form)
            self.assertEqual(cut, 0)
        # Half of such an entry is text.
        found, _ = read(json.dumps(entry, indent=8).rpartition("}")[0])
        self.assertEqual(found[0].number("hole_age_us"), 5)

    def test_two_cpus_in_the_same_microsecond(self):
        entries = [self.entry(MESSAGE=LINE.replace("vcpu=0", f"vcpu={i}"), _BOOT_ID="b",
                              _SOURCE_MONOTONIC_TIMESTAMP="71") for i in (0, 1)]
        found, _ = read("".join(json.dumps(e) + "\n" for e in entries))
        self.assertEqual([r["vcpu"] for r in found], ["0", "1"])

    def test_json_without_end(self):
        for deep in ("[" * 100000, '{"a":' * 100000, "9" * 100000):
            self.assertEqual(read('{"rmp_enforce": ' + deep + "\n"), ([], 0))
            self.assertEqual(read("{\n" + deep + "\n"), ([], 0))

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
        self.assertIn("wrote to guest frame 0xdbdd", out)
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

    def test_a_log_that_was_rotated_a_journal_a_bundle(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, pack in (("kern.log.2.gz", gzip.compress), ("kern.log.2.xz", lzma.compress)):
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(pack(f"{LINE}\n".encode()))
                status, out, _ = self.said("explain", "-f", os.path.join(folder, name))
                self.assertEqual((status, out.split("\n", 1)[0]),
                                 (0, "implicit_shared: VM 7 (pid 200, e2e)"))
            path = os.path.join(folder, "b.tar")
            with tarfile.open(path, "w") as tar:
                for name, data in (("dev/kmsg", f"4,1,5,-;{LINE}\n"),
                                   ("proc/200/cmdline", "qemu\0-name\0guest=web1\0")):
                    info = tarfile.TarInfo(f"rmp_enforce-h1-20261130-120000/{name}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data.encode()))
            self.assertIn("VM 7 on h1 (domain web1, pid 200, e2e)",
                          self.said("explain", "-f", path)[1])
            with open(path + ".gz", "wb") as file:
                file.write(b"\x1f\x8b\x08\x00 not really")
            status, _, err = self.said("explain", "-f", path + ".gz")
            self.assertEqual((status, err.startswith(f"rmpctl: can't read {path}.gz: ")),
                             (3, True))

    def test_a_vm_and_a_file(self):
        status, out, err = self.said("explain", "web1", "-f", "kern.log")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("leave out web1, or -f kern.log", err)

    def test_a_record_that_says_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kern.log")
            with open(path, "w", encoding="ascii") as file:
                file.write(LOG + LINE.partition(" access=")[0] + "\n")
            status, _, err = self.said("explain", "-f", path)
            self.assertEqual(status, 3)
            self.assertIn("cut before class=", err)
