# SPDX-License-Identifier: GPL-2.0-only
"""Names that a guest, a VMM or a log line chose: data, wherever they are shown."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
import unittest.mock

from rmpctl import cli, classes, domain, klog, libvirt_hook, map_png, record, vm as vms
from rmpctl.commands import bundle, journal
from rmpctl.host import DEBUG, MODULE, Host
from rmpctl.printable import printable
from terminal import Terminal
from test_formats import LINE, TOP

TOOLS = os.path.join(TOP, "tools")
BODY = LINE.partition("violation ")[2]
NAMES = (
    "\033[2J\033]0;owned\007",              # a terminal's commands
    "\x9b31m",                              # the same in one byte
    "web1\nRMP_ENFORCE_DOMAIN=db1",         # another field of the journal
    "web1\n[ PASS ] module: all is well",   # another line
    "web1\rdb1", "web1\u2028db1", "web1\x85db1",
    "\u202edrawkcab",                       # text that runs the other way
    "a\"} 1\nrmp_enforce_up{x=\"",          # another metric
    "$(touch x)", "`touch x`", "a;b|c", "../../etc/passwd", "a b", "-rf", "%i%s{0}", "\\x1b",
    "<script>alert(1)</script>", "\ufffd\ud7ff", "é" * 300, "x" * 3000,
)


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(list(words))
    return status, out.getvalue(), err.getvalue()


class FakeRoot:
    """A host in a folder: VM 3 of process 7, which has a name of its choice."""

    def __init__(self, test):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.host = Host(folder.name)
        own = {"mode": "inherit", "action": "inherit", "effective_mode": "lenient",
               "state": "running", "history": "complete", "comm": "qemu", "pid": "7", "vcpus": "1",
               "last_violation": BODY.replace("vm=7 pid=200", "vm=3 pid=7")}
        own |= {name: "7" for name in vms.COUNTERS}
        own |= {f"violations/{name}": "1" for name in classes.CLASSES + ("enforced", "repeated")}
        own |= {f"policy/{name}": "inherit" for name in classes.POLICY_CLASSES}
        files = {f"{MODULE}/vms/3/{name}": text for name, text in own.items()}
        files |= {f"{MODULE}/{name}": text for name, text in (
            ("mode", "lenient"), ("action", "vc"), ("version", "1"),
            ("available_modes", "off lenient strict"))}
        files |= {f"{MODULE}/policy/{name}": "report" for name in classes.POLICY_CLASSES}
        files |= {f"{DEBUG}/3/page_state": "gfn=0x1 last=0x2 state=shared source=use",
                  f"{DEBUG}/3/memory": "gfn=0x0 last=0xff", f"{DEBUG}/3/psc_history": "",
                  f"{DEBUG}/3/violations": f"seq=1 psc_seq=0 age_us=3 {own['last_violation']}",
                  f"{DEBUG}/3/sites": "seq=1 at=access vcpu=0 age_us=3 rip=0xffffffff81000010 "
                                      "cpl=0 stack=none",
                  "dev/kmsg": f"4,1,5,-;rmp_enforce: violation {own['last_violation']}"}
        for name, text in files.items():
            self.put(name, text + "\n" if text else "")

    def put(self, name, text):
        path = self.host.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def call(self, name):
        self.put("proc/7/cmdline", f"qemu\0-name\0guest={name.replace(',', ',,')}\0")


class Shown(unittest.TestCase):
    COMMANDS = (["list"], ["show", "3"], ["check"], ["map", "3"], ["history", "3"],
                ["explain", "3"], ["explain"], ["where", "3"], ["watch", "-n", "1", "-i", "0.1"])

    def setUp(self):
        self.root = FakeRoot(self)

    def said(self, *words):
        with unittest.mock.patch("sys.stdin", open(os.devnull, encoding="ascii")) as null:
            status, out, err = run("--root", self.root.folder, *words)
            null.close()
        self.assertNotEqual(out, "", (words, err))
        return out + err

    def test_printable(self):
        for name in NAMES:
            self.assertTrue(printable(name).isprintable())
        self.assertEqual(printable("web-1 é"), "web-1 é")
        self.assertEqual(printable("a\033\n\u202e\ud800"), "a\\x1b\\n\\u202e\\ud800")

    def test_terminal(self):
        self.root.call("web1")
        lines = {tuple(words): len(self.said(*words).split("\n")) for words in self.COMMANDS}
        for name in NAMES:
            self.root.call(name)
            for words in self.COMMANDS:
                said = self.said(*words)
                bad = [c for c in said if not c.isprintable() and c != "\n"]
                self.assertEqual(bad, [], (name, words))
                if len(name) < 50 and words[0] != "explain":    # which wraps its lines
                    self.assertEqual(len(said.split("\n")), lines[tuple(words)], (name, words))
                self.assertNotRegex(said, r"(?m)^(RMP_ENFORCE_DOMAIN=|\[ PASS \] module: all)")

    def test_errors(self):
        for name in NAMES:
            if "\0" in name or not name.startswith("-"):
                status, out, err = run("--root", self.root.folder, "show", name)
                self.assertEqual((status in (2, 3), out, err.count("\n")), (True, "", 1))
                self.assertTrue(err[:-1].isprintable())

    def test_json(self):
        for name in NAMES:
            self.root.call(name)
            for words in (["list"], ["map", "3"], ["metrics"], ["explain", "3"]):
                out = run("--root", self.root.folder, *words, "--json")[1]
                json.loads(out)
                self.assertTrue(out.isascii())
            told = json.loads(run("--root", self.root.folder, "list", "--json")[1])
            self.assertEqual(told[0]["domain"], name[:domain.LONGEST])

    def test_metrics(self):
        sample = re.compile(r'rmp_enforce_\w+(\{\w+="(?:[^"\\\n]|\\[\\"n])*"'
                            r'(,\w+="(?:[^"\\\n]|\\[\\"n])*")*\})? \d+')
        for name in NAMES:
            self.root.call(name)
            for line in run("--root", self.root.folder, "metrics")[1].split("\n")[:-1]:
                if not line.startswith("# "):
                    self.assertRegex(line, f"^{sample.pattern}$")

    def test_metrics_in_a_terminal(self):
        """A file has names as they are; a terminal would do what they say."""
        self.root.call(NAMES[0])
        terminal = Terminal(lambda: cli.main(["--root", self.root.folder, "metrics"]), 80, 24)
        while terminal.read(0.2):
            pass
        self.assertEqual(terminal.end(), 0)
        self.assertIn(b'domain="\\x1b[2J', terminal.sent)
        self.assertNotIn(b"\033", terminal.sent)

    def test_picture(self):
        for name in NAMES:
            self.root.call(name)
            path = os.path.join(self.root.folder, "map.png")
            draw = map_png.save if name in NAMES[:3] else None
            with unittest.mock.patch.object(map_png, "save", wraps=draw) as save:
                run("--root", self.root.folder, "map", "3", "--png", path)
            self.assertTrue(save.call_args[0][1].isprintable())
            if len(name) > 1000:
                self.assertLess(len(save.call_args[0][1]), 300)

    def test_a_terminal_without_these_characters(self):
        self.root.call("wéb✓")
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from rmpctl.cli import main; sys.exit(main())",
             "--root", self.root.folder, "list"], capture_output=True, check=False,
            env={"PYTHONPATH": TOOLS, "PYTHONIOENCODING": "ascii"})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"w\\xe9b\\u2713", done.stdout)


class Lines(unittest.TestCase):
    """Who writes a log, or sends one, chooses all of it."""

    VALUES = ("\033[2J\u202e\x9b", "9" * 400, "0x" + "f" * 2000, "-1", "0x16", "\u00b2", "\uff11",
              "1_0", "007", "", "n/a", "1e9", "inf")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "log")

    def explained(self, *texts):
        with open(self.path, "w", encoding="utf-8") as file:
            file.writelines(f"rmp_enforce: violation{text}\n" for text in texts)
        for words in (["explain", "-n", "0", "-f", self.path], ["triage", self.path]):
            status, out, err = run(*words)
            self.assertIn(status, (0, 3), (texts, err))
            bad = [c for c in out + err if not c.isprintable() and c != "\n"]
            self.assertEqual(bad, [], texts)
            json.loads(run(*words, "--json")[1] or "null")

    def test_values_of_a_record(self):
        for value in self.VALUES:
            self.explained(*(re.sub(rf" {key}=\S+", lambda _, key=key: f" {key}={value}",
                                    " " + BODY) for key in record.VALUES))

    def test_keys_of_a_record(self):
        for value in self.VALUES:
            self.explained(f" vm=1 gfn=0x1 access=shared class=host {value}=1",
                           f" vm=1 gfn=0x1 access=shared class=host mode=strict {value}=",
                           f" {BODY} {value}=5")

    def test_history(self):
        root = FakeRoot(self)
        good = "seq=1 age_us=3 vcpu=0 gfn=0x1 pages=1 to=shared result=refused ret=22 redundant=no"
        for value in self.VALUES:
            lines = []
            for key in ("seq", "age_us", "vcpu", "gfn", "pages", "to", "result", "ret"):
                lines += [re.sub(rf"\b{key}=\S+", lambda _, key=key: f"{key}={value}", good),
                          re.sub(rf"\b{key}=\S+", "", good)]
            root.put(f"{DEBUG}/3/psc_history", "\n".join(lines) + "\n")
            for words in (["history", "3"], ["history", "3", "0x1"], ["explain", "3"]):
                status, out, err = run("--root", root.folder, *words)
                self.assertEqual(status, 0, lines)
                self.assertNotIn("-", err)
                self.assertEqual([c for c in out if not c.isprintable() and c != "\n"], [])


class Numbers(unittest.TestCase):
    """What should be a number, and is none."""

    def test_of_a_vm(self):
        root = FakeRoot(self)
        for name in ("\u00b2", "pid:\u00b2", "9" * 5000, "pid:" + "9" * 5000, "\uff11", "-1",
                     "3.0"):
            status, out, err = run("--root", root.folder, "show", "--", name)
            self.assertIn(status, (2, 3), name)
            self.assertEqual((out, err.count("\n")), ("", 1))

    def test_in_the_kernel_log(self):
        for head in ("x,1,5,-", "4,x,5,-", "4,1,x,-", "4,\u00b2,5,-", "4,1", "", ",,,",
                     "4,1," + "9" * 99):
            self.assertIsNone(klog.parse(f"{head};text"))

    def test_in_a_bundle(self):
        """It was made elsewhere: one sentence names the file."""
        root = FakeRoot(self)
        for name in ("pid", "vcpus", "psc_pages", "violations/host", "violations/enforced"):
            path = f"{MODULE}/vms/3/{name}"
            before = root.host.read(path)
            for text in ("x", "", "1 2", "0x" + "f" * 99, "\u00b2"):
                root.put(path, text + "\n")
                for words in (["list"], ["show", "3"], ["metrics"], ["show"]):
                    status, out, err = run("--root", root.folder, *words)
                    self.assertEqual((status, out), (3, ""), (name, text))
                    self.assertEqual(err, f"rmpctl: {root.folder}/{path} has no number in it.\n")
            root.put(path, before + "\n")

    def test_ranges_of_pages(self):
        root = FakeRoot(self)
        lines = ("gfn=0x100 last=0x50", "gfn=0x1", "last=0x1", "gfn=-1 last=5", "gfn=0x5 last=0x6",
                 "gfn=0x5 last=0x6 age_us=4", f"gfn=0x7 last={2 ** 70}")
        for name in ("page_state", "memory", "holes", "psc_unused"):
            root.put(f"{DEBUG}/3/{name}", "".join(
                f"{line} state=private source=psc asked=private\n" for line in lines))
        for words in ([], ["--unused"], ["--json", "--unused"]):
            status, out, err = run("--root", root.folder, "map", "3", *words)
            self.assertEqual((status, err), (0, ""))
        told = json.loads(out)
        self.assertEqual(told["runs"], [{"gfn": 5, "pages": 2, "kind": "private",
                                         "asked": "private"}])
        self.assertEqual(told["unused"], [{"gfn": 5, "pages": 2}])
        self.assertGreaterEqual(min(told["totals"].values()), 0)


class Journal(unittest.TestCase):
    SCRIPT = """
import os, socket, sys
from rmpctl.commands import journal
from rmpctl.host import Host
os.makedirs("/run/systemd/journal")
journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journald.bind("/run/systemd/journal/socket")
journal.write(Host(sys.argv[1]), None, journal.sender(Host("/")))
sys.stdout.buffer.write(journald.recv(1 << 20))
"""

    def fields(self, data):
        """journald's own reading of an entry."""
        out = []
        while data:
            key, end, data = data.partition(b"\n")
            if b"=" in key:
                key, _, value = key.partition(b"=")
            else:
                size = int.from_bytes(data[:8], "little")
                value, data = data[8:8 + size], data[9 + size:]
            out.append((key.decode(), value.decode()))
        return out

    def test_through_systemds_library(self):
        root = FakeRoot(self)
        for name in NAMES:
            root.call(name)
            done = subprocess.run(
                ["unshare", "--mount", "--map-root-user", "sh", "-c",
                 'mount -t tmpfs tmpfs /run && exec "$@"', "sh", "/usr/bin/python3", "-c",
                 self.SCRIPT, root.folder], capture_output=True, check=False,
                env=os.environ | {"PYTHONPATH": TOOLS})
            if b"unshare" in done.stderr or b"mount:" in done.stderr:
                self.skipTest("no namespaces here")
            self.assertEqual(done.stderr, b"")
            fields = self.fields(done.stdout)
            found = dict(fields)
            self.assertEqual(len(found), len(fields), "a field is there twice")
            self.assertEqual(found["RMP_ENFORCE_DOMAIN"], name[:domain.LONGEST])
            self.assertTrue(found["MESSAGE"].isprintable())
            self.assertEqual(found["RMP_ENFORCE_VM"], "3")
            os.unlink(root.host.path(journal.STATE + ".3"))

    def test_keys_of_a_log_line(self):
        """A key can't stand for a field that is ours, nor be one that journald drops."""
        root = FakeRoot(self)
        r = record.Record.from_line(f"{LINE} domain=db1 record=x kmsg_usec=1 A-b=1 é=1 x\033=2")
        told = journal.fields(root.host, unittest.mock.Mock(level=4, usec=5), r)
        self.assertNotIn("RMP_ENFORCE_DOMAIN", told)
        self.assertEqual(told["RMP_ENFORCE_KMSG_USEC"], "5")
        for key in told:
            self.assertRegex(key, r"^[A-Z][A-Z0-9_]{0,63}$")


class Bundles(unittest.TestCase):
    def test_names_are_data_in_it_and_out_of_it(self):
        root = FakeRoot(self)
        for name in NAMES:
            root.call(name)
            file = io.BytesIO()
            bundle.Bundle(root.host, file, "top", lambda text: None).fill()
            file.seek(0)
            with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=file) as tar:
                for member in tar.getnames():
                    self.assertNotIn("..", member)
                    self.assertTrue(member.isprintable())
                tar.extractall(folder)
                status, out, _ = run("--root", os.path.join(folder, "top"), "list", "--json")
                self.assertEqual((status, json.loads(out)[0]["domain"]),
                                 (0, name[:domain.LONGEST]))

    def test_registers_and_stack_of_a_guest(self):
        """They are its secrets; the record has its rip already."""
        root = FakeRoot(self)
        record_of = f"seq=1 psc_seq=0 age_us=3 {BODY.replace('rip=n/a n=', 'rip=0x1234abcd n=')}"
        root.put(f"{DEBUG}/3/violations", record_of + "\n")
        root.put(f"{DEBUG}/3/sites", "seq=1 at=access vcpu=0 age_us=3 rip=0x1234abcd cpl=0 "
                 "rax=0x5ec2e7 lstar=0xffffffff82000080 insn=5ec2e75ec2e7 "
                 "stack=0x18:0xffffffff815ec2e7\nseq=1 at=request rip=0xffffffff815ec2e7\n")
        root.put(f"{MODULE}/sites", "on\n")
        root.put(f"{MODULE}/vms/3/sites", "inherit\n")
        for words in ([], ["--with-sites"]):
            path = os.path.join(root.folder, "bundle.tar.gz")
            status, out, err = run("--root", root.folder, "bundle", "-o", path, *words)
            self.assertEqual(status, 0)
            with tarfile.open(path) as tar:
                texts = {name: tar.extractfile(name).read().decode() for name in tar.getnames()}
            os.unlink(path)
            top = next(iter(texts)).split("/")[0]
            missing, readme = (texts[f"{top}/{n}"] for n in ("not-there.txt", "README.txt"))
            secrets = [name for name, text in texts.items() if "5ec2e7" in text]
            self.assertEqual(texts[f"{top}/{MODULE}/sites"], "on\n")   # the setting
            self.assertIn(f"{top}/{MODULE}/vms/3/sites", texts)
            if words:
                self.assertEqual(secrets, [f"{top}/{DEBUG}/3/sites"])
                self.assertIn("REGISTERS OF GUESTS", readme)
                self.assertIn("registers of guests in it", out)
                self.assertIn("send it to nobody", err)
                self.assertNotIn("left out", missing)
            else:
                self.assertEqual(secrets, [])
                self.assertIn(f"{DEBUG}/3/sites: left out, registers of the guest; --with-sites "
                              "takes them along\n", missing)
                self.assertIn("no guest memory in it, and no registers of guests", readme)
                self.assertIn("no guest memory in it", out)
            self.assertEqual({name.removeprefix(top) for name, text in texts.items()
                              if "1234abcd" in text} - {f"/{DEBUG}/3/sites"},
                             {f"/{DEBUG}/3/violations"})

    def test_secrets_of_a_vmm(self):
        """What says how a guest was set up stays; of the rest only that it was there."""
        root = FakeRoot(self)
        kept = ("guest=web1,debug-threads=on", "q35,confidential-guest-support=lsec0",
                '{"qom-type":"sev-snp-guest","id":"lsec0","policy":196608}')
        args = ["qemu", "-name", kept[0], "-machine", kept[1], "-object", kept[2], "-object",
                '{"qom-type":"secret","id":"s0","data":"SECRET1","password": "SECRET2"}',
                "-object", "secret,id=s1,data=SECRET3,format=raw", "-smbios",
                "type=11,value=io.systemd.credential:root.password=SECRET4", "-fw_cfg",
                "name=opt/com.coreos/config,string=SECRET5", "-append", "root=/dev/sda key=SECRET6",
                "-blockdev", '{"driver":"https","url":"https://u:SECRET7@h/"}', "-vnc=SECRET8",
                "-nographic"]
        root.put("proc/7/cmdline", "\0".join(args) + "\0")
        file = io.BytesIO()
        bundle.Bundle(root.host, file, "top", lambda text: None).fill()
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            said = tar.extractfile("top/proc/7/cmdline").read().decode()
        self.assertNotIn("SECRET", said)
        for text in kept + ("-smbios", "-append", "-nographic", "-vnc"):
            self.assertIn(text, said)


class Hook(unittest.TestCase):
    def test_what_it_says(self):
        for name in NAMES:
            said, logged = io.StringIO(), []
            xml = "<domain><metadata><rmp-enforce/></metadata></domain>"
            with (contextlib.redirect_stderr(said),
                  unittest.mock.patch("sys.stdin", io.StringIO(xml))):
                self.assertEqual(libvirt_hook.main([name, "prepare"]), 1)
            self.assertEqual(said.getvalue().count("\n"), 1)
            self.assertTrue(said.getvalue()[:-1].isprintable())
            with unittest.mock.patch("syslog.syslog", lambda level, text: logged.append(text)):
                libvirt_hook.say(f"domain {name}: no")
            self.assertTrue(logged[0].isprintable())

    def test_a_name_is_no_path(self):
        for operation in ("release", "prepare", "start"):
            done = subprocess.run(["sh", os.path.join(TOOLS, "libvirt", "rmp-enforce"),
                                   "../../../etc/x", operation, "end", "-"], capture_output=True,
                                  text=True, input="<domain/>", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no domain is called", done.stderr)


class Completion(unittest.TestCase):
    SCRIPT = """
rmpctl() {{ cat list.json; }}
_init_completion() {{ cur= prev=show words=(rmpctl show "") cword=2; }}
complete() {{ :; }}
. {path}
_rmpctl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

    def test_nothing_of_a_name_is_run(self):
        root = FakeRoot(self)
        for name in NAMES + ("web1", "build.7:a@b+c-d"):
            root.call(name)
            with tempfile.TemporaryDirectory() as folder:
                with open(os.path.join(folder, "list.json"), "w", encoding="ascii") as file:
                    file.write(run("--root", root.folder, "list", "--json")[1])
                done = subprocess.run(
                    ["bash", "-c", self.SCRIPT.format(
                        path=os.path.join(TOOLS, "completion", "rmpctl.bash"))],
                    cwd=folder, capture_output=True, text=True, check=False)
                self.assertEqual(done.stderr, "", name)
                self.assertEqual(os.listdir(folder), ["list.json"], name)
                plain = re.fullmatch(r"[\w.:+@-]+", name, re.ASCII) and not name.startswith("-")
                self.assertEqual(done.stdout.split("\n")[:-1],
                                 ["3"] + ([name[:domain.LONGEST]] if plain else []))
