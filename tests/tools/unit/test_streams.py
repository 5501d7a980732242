# SPDX-License-Identifier: GPL-2.0-only
"""Standard input, output and error that are full, closed, or gone; files that are no files."""

import collections
import contextlib
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import traceback
import unittest
import unittest.mock

from rmpctl import cli, files
from rmpctl.commands import COMMANDS, bundle
from test_hostile import TOOLS, FakeRoot

RMPCTL = [sys.executable, "-c", "import sys; from rmpctl.cli import main; sys.exit(main())"]
# What each command can be asked without anything but a folder; None: it prints nothing there.
ASKED = {"check": [[]], "list": [[], ["--json"], ["--ended"]], "show": [[], ["3"]],
         "watch": [["-n", "1", "-i", "0.1"], ["-i", "0.1"], ["-i", "0.1", "--json"]], "set": None,
         "map": [["3"], ["3", "--png", "-"], ["3", "--json"]], "history": [["3"]],
         "explain": [[], ["3"], ["-n", "0", "--json"]],
         "where": [["3"], ["3", "--json"]], "triage": [[], ["--json"]],
         "bundle": [["-o", "{}/made.tar.gz"]], "metrics": [[], ["--json"]], "journal": None}


CLOSED = "closed"
Done = collections.namedtuple("Done", "status out err")


def _child(words, streams, files_of):
    """The rest of a forked child: rmpctl, as if it had just been started so."""
    status = 70
    try:
        for fd, name in enumerate(("stdin", "stdout", "stderr")):
            if streams[fd] == CLOSED:
                os.close(fd)
                setattr(sys, name, None)
            else:
                os.dup2(files_of[fd].fileno(), fd)
                setattr(sys, name, open(fd, "w" if fd else "r", encoding="utf-8", closefd=False))
        status = cli.main(list(words))
        # As Python does when it ends.
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        with open("/proc/self/fd/9", "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        status = 71
    finally:
        os._exit(status)


class Case(unittest.TestCase):
    def setUp(self):
        self.root = FakeRoot(self)
        self.root.call("web1")
        self.root.put("sys/kernel/debug/rmp_enforce/ended", "")

    def rmpctl(self, *words, stdin=os.devnull, out=None, err=None):
        """In a child of ours, which costs little; a stream is a path, or CLOSED, or is kept."""
        streams = (stdin, out, err)
        with contextlib.ExitStack() as stack:
            kept = [stack.enter_context(
                tempfile.TemporaryFile("w+", encoding="utf-8") if path in (None, CLOSED) else
                open(path, "w" if fd else "r", encoding="utf-8", buffering=1 if fd else -1))
                for fd, path in enumerate(streams)]
            wrong = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            pid = os.fork()
            if pid == 0:
                os.dup2(wrong.fileno(), 9)
                _child(["--root", self.root.folder, *words], streams, kept)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            wrong.seek(0)
            self.assertEqual(wrong.read(), "", words)
            said = []
            for path, file in ((out, kept[1]), (err, kept[2])):
                if path is None:
                    file.seek(0)
                said.append(file.read() if path is None else "")
        return Done(status, *said)


class Full(Case):
    def test_a_disk_that_is_full(self):
        self.assertEqual(set(ASKED), set(COMMANDS))
        cases = [[name, *(word.format(self.root.folder) for word in words)]
                 for name, many in ASKED.items() for words in many or ()]
        cases += [["--help"], ["--version"]] + [[name, "--help"] for name in COMMANDS]
        for words in cases:
            done = self.rmpctl(*words, out="/dev/full")
            self.assertEqual(done.status, 3, words)
            self.assertRegex(done.err.splitlines()[-1],
                             r"^rmpctl: .*No space left on device\.$", words)

    def test_errors_have_their_status_all_the_same(self):
        for words, status in ((["show", "99"], 3), (["show", "pid:x"], 2), (["shwo"], 2),
                              (["list", "x"], 2), (["check"], 1)):
            for to in ("/dev/full", CLOSED):
                self.assertEqual(self.rmpctl(*words, err=to).status, status, (words, to))

    def test_a_remark_that_nobody_hears(self):
        """The table is what was asked for."""
        self.root.put("sys/kernel/rmp_enforce/totals/first_touch", "9\n")
        self.assertIn("had 8 errors", self.rmpctl("list").err)
        for to in ("/dev/full", CLOSED):
            done = self.rmpctl("list", err=to)
            self.assertEqual((done.status, "web1" in done.out), (0, True))


class Closed(Case):
    def test_output(self):
        for words in (["list"], ["metrics"], ["map", "3", "--png", "-"], ["--help"]):
            done = self.rmpctl(*words, out=CLOSED)
            self.assertEqual((done.status, done.err), (
                3, "rmpctl: the output can't be written: Bad file descriptor.\n"), words)

    def test_a_file_that_is_written_all_the_same(self):
        path = self.root.host.path("out")
        for streams in ({"out": CLOSED}, {"err": CLOSED}, {"stdin": CLOSED},
                        {"stdin": CLOSED, "out": CLOSED, "err": CLOSED}):
            self.assertEqual(self.rmpctl("metrics", "-o", path, **streams).status, 0)
            with open(path, encoding="utf-8") as file:
                self.assertTrue(file.read().startswith("# HELP rmp_enforce_up "))
            os.unlink(path)

    def test_input(self):
        """Nobody gives a log there: it is this host's."""
        for words in (["explain"], ["triage"]):
            done = self.rmpctl(*words, stdin=CLOSED)
            self.assertEqual((done.status, done.err), (0, ""))
            self.assertIn("implicit_shared", done.out)
        self.assertIn("there is no record", self.rmpctl("explain", "-", stdin=CLOSED).err)

    def test_in_a_shell(self):
        done = subprocess.run(
            ["bash", "-c", '"$@" <&- >&-; echo $?; "$@" watch -i 0.1 | head -n 1; '
             'echo ${PIPESTATUS[0]}; "$@" 2>/dev/full; echo $?', "sh", *RMPCTL, "--root",
             self.root.folder], capture_output=True, check=False, text=True,
            env=os.environ | {"PYTHONPATH": TOOLS})
        self.assertRegex(done.stdout, r"\A2\nrmp_enforce 1 .*\n0\n2\n\Z")
        self.assertNotIn("Traceback", done.stderr)


class Places(unittest.TestCase):
    """A name that is given as a file, and is something to write into."""

    def test_they_are_not_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            files.publish(fifo, "text")
            self.assertEqual(os.read(reader, 100), b"text")
            os.close(reader)
            self.assertTrue(stat.S_ISFIFO(os.stat(fifo).st_mode))
            # A device of its own: nobody else's is at risk where this fails.
            null = os.path.join(folder, "null")
            try:
                os.mknod(null, stat.S_IFCHR | 0o600, os.makedev(1, 3))
                files.publish(null, "text")
            except PermissionError:
                self.skipTest("no devices can be made or used here")
            self.assertTrue(stat.S_ISCHR(os.stat(null).st_mode))

    def test_standard_output_by_its_name(self):
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, "stdout")
            os.symlink("/proc/self/fd/1", link)
            done = subprocess.run(RMPCTL + ["--root", "/nonexistent", "metrics", "-o", link],
                                  stdout=subprocess.PIPE, text=True, check=True,
                                  env=os.environ | {"PYTHONPATH": TOOLS})
            self.assertIn("rmp_enforce_up 0\n", done.stdout)
            self.assertTrue(os.path.islink(link))

    def test_a_link_is_replaced_and_not_what_it_leads_to(self):
        """Else who may write to the folder chooses which file root writes to."""
        with tempfile.TemporaryDirectory() as folder:
            target, link = os.path.join(folder, "target"), os.path.join(folder, "link")
            with open(target, "w", encoding="ascii") as file:
                file.write("precious")
            os.symlink(target, link)
            files.publish(link, "text")
            with open(target, encoding="ascii") as file:
                self.assertEqual(file.read(), "precious")
            self.assertFalse(os.path.islink(link))


class Bundles(Case):
    def test_half_a_bundle_does_not_stay(self):
        path = self.root.host.path("half.tar.gz")
        with unittest.mock.patch.object(bundle.Bundle, "vmms", side_effect=OSError(28, "full")):
            with self.assertRaises(OSError):
                bundle.write(self.root.host, path)
        self.assertFalse(os.path.exists(path))

    def test_a_program_that_hangs(self):
        def hang(args, timeout, **_):
            raise subprocess.TimeoutExpired(args, timeout)

        path = self.root.host.path("made.tar.gz")
        with (unittest.mock.patch("rmpctl.host.Host.is_live", True),
              unittest.mock.patch("shutil.which", return_value="/usr/bin/dkms"),
              unittest.mock.patch("subprocess.run", hang),
              unittest.mock.patch.object(bundle, "say")):
            bundle.write(self.root.host, path)
        with tarfile.open(path) as tar:
            name = next(n for n in tar.getnames() if n.endswith("/not-there.txt"))
            self.assertIn(b"dkms: took more than 60 s\n", tar.extractfile(name).read())
            name = next(n for n in tar.getnames() if n.endswith("/check.json"))
            json.loads(tar.extractfile(name).read())


class Arguments(unittest.TestCase):
    def test_what_is_said_of_them(self):
        for words in (["list", "\033[2J"], ["\033[2J"], ["map", "1", "--color", "\033"],
                      ["set", "--vm", "1", "\033=1", "--\033"]):
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(cli.main(words), 2)
            self.assertNotIn("\033", said.getvalue())
            self.assertIn("usage: rmpctl", said.getvalue())


if __name__ == "__main__":
    unittest.main()
