# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl where: functions and lines of a kernel that is built here, by the real binutils."""

import json
import os
import random
import re
import subprocess
import tempfile
import time
import unittest
import unittest.mock

from rmpctl import binutils, errors, explanation, record, sites, symbols
from rmpctl.host import DEBUG, MODULE, Host
from test_hostile import BODY, FakeRoot, run as run_rmpctl

SLIDE = 0x1a000000
MODULE_AT = 0xffffffffc0560000
COLD_AT = 0xffffffffc0570000

# A kernel has its entry in assembler and the rest in C; lines are found again by their marks.
ENTRY = """\
    .globl entry_SYSCALL_64
    .text
entry_SYSCALL_64:
    call caller /* the call in the entry */
    call *%rax /* the call through a register */
    ret
    .section .note.GNU-stack, "", @progbits
"""
CODE = """\
static inline __attribute__((always_inline)) void inlined(volatile int *p)
{
    *p = 3; /* the access */
}

__attribute__((noinline)) void touch(volatile int *p)
{
    inlined(p); /* what is inlined */
}

__attribute__((noinline)) void caller(void)
{
    int x;

    touch(&x); /* the call */
    asm volatile("");
}
"""
MODULE_CODE = """\
extern void caller(void);

__attribute__((noinline, section(".text.unlikely"))) void cold(volatile int *p)
{
    *p = 4; /* the access of the module */
}

void in_module(volatile int *p)
{
    caller(); /* the call of the module */
    cold(p);
}
"""


def line_of(text, mark):
    return next(i for i, line in enumerate(text.splitlines(), 1) if f"/* {mark} */" in line)


def run(*words):
    with unittest.mock.patch("sys.stdin", open(os.devnull, encoding="ascii")) as null:
        done = run_rmpctl(*words)
        null.close()
    return done


def site(seq=5, at="access", rip=0, stack="none", lstar=None, **more):
    """A line of the file sites; rip is where the instruction is, of a request the VMGEXIT."""
    rip += 4 if at == "request" else 0
    pairs = {"seq": seq, "at": at, "vcpu": 0, "age_us": 1234} | (
        {"psc_gfn": "0x100", "psc_pages": 1} if at == "request" else {}) | {
        "rip": f"{rip:#x}", "cpl": 0, "rflags": "0x246", "rsp": "0xffffc90000013d80"} | {
        name: "0x0" for name in sites.REGISTERS[4:-1]} | {
        "lstar": f"{lstar or 0:#x}", "insn": "c70703000000c34883ec10488d7c240c"} | more
    if not isinstance(stack, str):
        stack = ",".join(f"{8 * i:#x}:{word:#x}" for i, word in enumerate(stack))
    return " ".join(f"{k}={v}" for k, v in pairs.items()) + f" stack={stack}\n"


class Built(unittest.TestCase):
    """A kernel with its entry at 0xffffffff81000000, a module, and what objdump says of them."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        flags = ["-g", "-O1", "-fno-pie", "-mcmodel=kernel", "-fno-stack-protector",
                 "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-c"]
        for name, text in (("arch/x86/entry/entry_64.S", ENTRY), ("mm/touch.c", CODE),
                           ("drivers/mod.c", MODULE_CODE)):
            os.makedirs(os.path.dirname(cls.path(name)), exist_ok=True)
            with open(cls.path(name), "w", encoding="ascii") as file:
                file.write(text)
            subprocess.run(["gcc", *flags, "-o", cls.path(f"{os.path.basename(name)}.o"),
                            cls.path(name)], check=True)
        subprocess.run(["ld", "-static", "-Ttext=0xffffffff81000000", "-e", "entry_SYSCALL_64",
                        "-o", cls.path("vmlinux"), cls.path("entry_64.S.o"),
                        cls.path("touch.c.o")], check=True)
        subprocess.run(["ld", "-r", "-o", cls.path("mod.ko"), cls.path("mod.c.o")], check=True)
        for name, options in (("stripped", ["--strip-all"]), ("nameless", ["--strip-debug"]),
                              ("debug", ["--only-keep-debug"])):
            subprocess.run(["objcopy", *options, cls.path("vmlinux"), cls.path(name)], check=True)
        said = subprocess.run(["nm", "-n", cls.path("vmlinux")], check=True, capture_output=True,
                              text=True).stdout
        cls.at = {name: int(address, 16) + SLIDE for address, _, name in
                  (line.split() for line in said.splitlines())}
        with open(cls.path("System.map"), "w", encoding="ascii") as file:
            file.write(said)
        cls.lstar = cls.at["entry_SYSCALL_64"]
        cls.call = cls.after(cls.path("vmlinux"), "call .*<touch>") + SLIDE

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @staticmethod
    def after(path, pattern):
        """The address after an instruction, by objdump."""
        said = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", path], check=True,
                              capture_output=True, text=True).stdout
        found = re.search(rf"\t{pattern}.*\n(?:.*R_X86_64.*\n)? *([0-9a-f]+):", said)
        return int(found[1], 16)

    def put(self, *lines, name="sites"):
        with open(self.path(name), "w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        return self.path(name)

    def said(self, *words, status=0):
        """What where says, with the kernel's file unless there is another."""
        got, out, err = run("where", *words)
        self.assertEqual(got, status, out + err)
        return out if status == 0 else err

    def told(self, *words):
        return json.loads(self.said(*words, "--json"))

    def one(self, *lines, files=("--vmlinux", "vmlinux")):
        files = [self.path(f) if not f.startswith("-") else f for f in files]
        return self.told("-f", self.put(*lines), *files)[0]


class Kernel(Built):
    def test_function_and_line_of_both_sites(self):
        one = self.one(site(rip=self.at["touch"], lstar=self.lstar),
                       site(at="request", rip=self.call - 5, lstar=self.lstar))
        self.assertEqual((one["slide"], one["slide_by"]), (f"{SLIDE:#x}", "lstar"))
        place = one["access"]["place"]
        self.assertEqual((place["symbol"], place["offset"], place["module"]), ("touch", 0, None))
        self.assertEqual(place["lines"], [
            {"function": "inlined", "file": self.path("mm/touch.c"),
             "line": line_of(CODE, "the access")},
            {"function": "touch", "file": self.path("mm/touch.c"),
             "line": line_of(CODE, "what is inlined")}])
        place = one["request"]["place"]
        self.assertEqual((place["symbol"], place["lines"][0]["line"]),
                         ("caller", line_of(CODE, "the call")))
        self.assertEqual(place["size"], self.size("caller"))

    def size(self, name):
        """The symbol's own, which ends where the next one begins, or the code."""
        said = subprocess.run(["nm", "-S", self.path("vmlinux")], check=True, capture_output=True,
                              text=True).stdout
        return int(re.search(rf"^\w+ (\w+) \w {name}$", said, re.M)[1], 16)

    def test_as_text(self):
        said = self.said("-f", self.put(
            site(rip=self.at["touch"] + 2, lstar=self.lstar, stack=[self.call]),
            site(at="request", rip=self.call - 5, lstar=self.lstar)),
            "--vmlinux", self.path("vmlinux"), "--registers")
        for text in ("  the access        vCPU 0, 1.23 ms ago, in the guest's kernel\n",
                     "    where     touch+0x2/0x7\n",
                     f"              mm/touch.c:{line_of(CODE, 'the access')} (inlined(), "
                     "inlined)\n"
                     f"              mm/touch.c:{line_of(CODE, 'what is inlined')}\n",
                     f"    rip       {self.at['touch'] + 2:#x}\n",
                     "rflags    0x246 ", "      +0x0000  call  caller+0x", "  call  right after",
                     "  the last request  vCPU 0, 1.23 ms ago, in the guest's kernel, for 1 page",
                     f"    where     caller+{self.call - 5 - self.at['caller']:#x}/",
                     "  KASLR has moved the kernel by 0x1a000000, by lstar, which is "):
            self.assertIn(text, said)
        self.assertLessEqual(max(map(len, said.split("\n"))), 80)
        self.assertNotIn("linux-image-", said)

    def test_the_stack_and_how_sure_it_is(self):
        entry = self.lstar
        words = [self.call,                 # right after a call
                 entry + 5,                 # the same, of assembler
                 entry + 7,                 # after a call through a register
                 self.call - 2,             # in a call that Linux has replaced by a shorter one
                 self.at["touch"] + 3,      # within another instruction
                 entry + 8,                 # after a ret, where the next function begins
                 0xffffffffc0001234]        # of a module that nobody named
        stack = self.one(site(rip=self.at["touch"], lstar=self.lstar,
                              stack=words))["access"]["stack"]
        self.assertEqual([w["after_call"] for w in stack],
                         [True, True, True, True, False, False, None])
        self.assertEqual([w["offset"] for w in stack], [8 * i for i in range(7)])
        self.assertIsNone(stack[-1]["place"])
        # One word says nothing of another.
        for order in ([3], [3, 4, 0], [4, 3, 5, 0, 3]):
            again = self.one(site(rip=self.at["touch"], lstar=self.lstar,
                                  stack=[words[i] for i in order]))["access"]["stack"]
            self.assertEqual([w["after_call"] for w in again],
                             [stack[i]["after_call"] for i in order])
        # The line is that of the call, and not of what comes after it.
        self.assertEqual([w["place"]["lines"][-1]["line"] for w in stack[:3]],
                         [line_of(CODE, "the call"), line_of(ENTRY, "the call in the entry"),
                          line_of(ENTRY, "the call through a register")])
        self.assertEqual((stack[0]["place"]["symbol"], stack[0]["place"]["offset"]),
                         ("caller", self.call - self.at["caller"]))
        # After the last instruction of a function is that function, as the kernel prints it.
        self.assertEqual((stack[5]["place"]["symbol"], stack[5]["place"]["offset"]),
                         ("entry_SYSCALL_64", 8))

    def test_whether_the_code_is_that_of_the_file(self):
        with open(self.path("vmlinux"), "rb") as file:
            code = file.read()
        said = subprocess.run(["objdump", "-d", self.path("vmlinux")], check=True,
                              capture_output=True, text=True).stdout
        insn = bytes.fromhex(re.search(r"<touch>:\n\s*\w+:\t([0-9a-f ]+)\t", said)[1])
        self.assertIn(insn, code)
        for text, same, words in ((insn.hex(), True, "              the same as in the file\n"),
                                  ("90" + insn.hex()[2:], False, "              not as in"),
                                  ("n/a", None, ""), ("00" * 16, False, "not as")):
            path = self.put(site(rip=self.at["touch"], lstar=self.lstar, insn=text))
            told = self.told("-f", path, "--vmlinux", self.path("vmlinux"))[0]["access"]
            self.assertEqual(told["same_code"], same)
            self.assertIn(words, self.said("-f", path, "--vmlinux", self.path("vmlinux")))
        for option, name in (("--vmlinux", "debug"), ("--system-map", "System.map")):
            self.assertIsNone(self.told("-f", path, option, self.path(name))[0]["access"]
                              ["same_code"])
        # A module's code gets its addresses when it is loaded.
        path = self.put(site(rip=MODULE_AT, insn=insn.hex()))
        self.assertIsNone(self.told("-f", path, "--module", f"mod={self.path('mod.ko')}@"
                                    f"{MODULE_AT:#x}")[0]["access"]["same_code"])

    def test_names_are_data(self):
        path = self.put("ffffffff81000000 T entry_SYSCALL_64\n",
                        "ffffffff81000010 T \033[2J\x9b\u202e\t[\033[3J]\n",
                        "ffffffff81000020 T next\n", name="System.map.2")
        said = self.said("-f", self.put(site(rip=0xffffffff81000012, lstar=0xffffffff81000000)),
                         "--system-map", path)
        self.assertIn("\\x1b[2J", said)
        self.assertEqual([c for c in said if not c.isprintable() and c != "\n"], [])

    def test_each_program_runs_once(self):
        words = [self.call + i % 3 for i in range(64)]
        path = self.put(site(rip=self.at["touch"], lstar=self.lstar, stack=words),
                        site(at="request", rip=self.call, lstar=self.lstar, stack=words))
        with unittest.mock.patch.object(binutils, "_run", wraps=binutils._run) as ran:
            self.told("-f", path, "--vmlinux", self.path("vmlinux"))
        self.assertEqual(sorted(call.args[0] for call in ran.mock_calls),
                         ["addr2line", "nm", "objcopy", "objdump", "objdump"])

    def test_a_file_without_code_or_lines(self):
        """As distributions split it, or without debugging information."""
        lines = site(rip=self.at["touch"], lstar=self.lstar, stack=[self.call])
        one = self.one(lines, files=("--vmlinux", "debug"))
        self.assertEqual(one["access"]["place"]["lines"][0]["line"], line_of(CODE, "the access"))
        self.assertIsNone(one["access"]["stack"][0]["after_call"])
        one = self.one(lines, files=("--vmlinux", "nameless"))
        self.assertEqual((one["access"]["place"]["symbol"], one["access"]["place"]["lines"]),
                         ("touch", []))
        self.assertTrue(one["access"]["stack"][0]["after_call"])

    def test_system_map(self):
        one = self.one(site(rip=self.at["touch"] + 2, lstar=self.lstar, stack=[self.call]),
                       files=("--system-map", "System.map"))
        self.assertEqual(one["slide"], f"{SLIDE:#x}")
        place = one["access"]["place"]
        self.assertEqual((place["symbol"], place["offset"], place["lines"]), ("touch", 2, []))
        self.assertEqual(one["access"]["stack"][0]["place"]["symbol"], "caller")
        self.assertIsNone(one["access"]["stack"][0]["after_call"])
        self.assertIn("Which words are return addresses can't be told without the kernel's code",
                      " ".join(self.said("-f", self.path("sites"), "--system-map",
                                         self.path("System.map")).split()))

    def test_kallsyms_of_the_guest(self):
        """It has the addresses as they are, and modules."""
        path = self.put(*(f"{address:016x} T {name}\n" for name, address in self.at.items()
                          if not name.startswith("_")),
                        f"{MODULE_AT:016x} t in_module\t[mod]\n",
                        f"{MODULE_AT + 0x40:016x} t next\t[mod]\n", name="kallsyms")
        one = self.told("-f", self.put(site(rip=MODULE_AT + 4, lstar=self.lstar)),
                        "--system-map", path)[0]
        self.assertEqual(one["slide"], "0x0")
        self.assertEqual(one["access"]["place"], {"symbol": "in_module", "offset": 4, "size": 0x40,
                                                  "module": "mod", "lines": []})
        zeros = self.put("0000000000000000 T entry_SYSCALL_64\n", name="kallsyms")
        self.assertIn("are 0: copy /proc/kallsyms as root",
                      self.said("-f", self.path("sites"), "--system-map", zeros, status=3))

    def test_modules(self):
        ko = self.path("mod.ko")
        call = self.after(ko, "call ")
        self.put(f"/sys/module/mod/sections/.text:{MODULE_AT:#x}\n"
                 f".text.unlikely:{COLD_AT:#x}\n", name="sections")
        os.makedirs(self.path("folder"), exist_ok=True)
        for name, address in ((".text", MODULE_AT), (".text.unlikely", COLD_AT)):
            with open(self.path(f"folder/{name}"), "w", encoding="ascii") as file:
                file.write(f"{address:#x}\n")
        lines = site(rip=COLD_AT, lstar=self.lstar, stack=[MODULE_AT + call, self.call])
        for where in (self.path("sections"), self.path("folder")):
            one = self.told("-f", self.put(lines), "--module", f"mod={ko}@{where}", "--vmlinux",
                            self.path("vmlinux"))[0]
            place = one["access"]["place"]
            self.assertEqual((place["symbol"], place["module"], place["lines"][0]["line"]),
                             ("cold", "mod", line_of(MODULE_CODE, "the access of the module")))
            first, second = one["access"]["stack"]
            self.assertEqual((first["place"]["symbol"], first["place"]["module"],
                              first["place"]["lines"][0]["line"], first["after_call"]),
                             ("in_module", "mod", line_of(MODULE_CODE, "the call of the module"),
                              True))
            self.assertEqual((second["place"]["symbol"], second["after_call"]), ("caller", True))
        # Of .text alone, the rest is not made up.
        for where in (f"{MODULE_AT:#x}", f"{MODULE_AT:x}", self.path("folder/.text")):
            one = self.told("-f", self.path("sites"), "--module", f"mod={ko}@{where}")[0]
            self.assertIsNone(one["access"]["place"])
            self.assertEqual(one["access"]["stack"][0]["place"]["symbol"], "in_module")
        self.assertIn("in_module+0x", self.said("-f", self.path("sites"), "--module",
                                                f"mod={ko}@{MODULE_AT:#x}"))

    def test_a_slide_that_is_not_known(self):
        lines = site(rip=self.at["touch"], lstar=0)
        one = self.one(lines)
        self.assertEqual((one["slide"], one["access"]["place"]), (None, None))
        self.assertIn("How far KASLR has moved the kernel is not known: lstar is 0",
                      one["notes"][0])
        one = self.told("-f", self.path("sites"), "--vmlinux", self.path("vmlinux"), "--slide",
                        "0x1a000000")[0]
        self.assertEqual((one["slide_by"], one["access"]["place"]["symbol"]), ("given", "touch"))
        # At a request early in boot it was not set yet; at the access it was.
        one = self.one(site(rip=self.at["touch"], lstar=self.lstar),
                       site(at="request", rip=self.at["caller"], lstar=0))
        self.assertEqual(one["request"]["place"]["symbol"], "caller")

    def test_a_kernel_that_was_not_moved(self):
        one = self.one(site(rip=self.at["touch"] - SLIDE, lstar=self.lstar - SLIDE))
        self.assertEqual((one["slide"], one["access"]["place"]["symbol"]), ("0x0", "touch"))

    def test_a_file_of_another_kernel(self):
        for lstar in (self.lstar + 0x40, self.lstar - SLIDE - (2 << 20), self.lstar + (1 << 30)):
            for option, name in (("--vmlinux", "vmlinux"), ("--system-map", "System.map")):
                said = self.said("-f", self.put(site(rip=self.at["touch"], lstar=lstar)), option,
                                 self.path(name), status=3)
                self.assertIn("is not of the guest's kernel: its entry_SYSCALL_64 is at "
                              f"0xffffffff81000000, the guest's at {lstar:#x}", said)

    def test_another_kernel_after_kexec(self):
        path = self.put(site(1, rip=self.at["touch"], lstar=self.lstar),
                        site(2, rip=self.at["touch"], lstar=self.lstar + 0x40))
        told = self.told("-f", path, "-n", "0", "--vmlinux", self.path("vmlinux"))
        self.assertEqual([one["slide"] for one in told], [f"{SLIDE:#x}", None])
        self.assertIn("is not of the guest's kernel", told[1]["notes"][0])

    def test_user_mode(self):
        line = site(rip=0x4018c2, lstar=self.lstar, cpl=3, insn="n/a", stack="n/a")
        line = re.sub(r"\b(r[a-z]\w*|rflags|gs_base|r\d+)=0x\w+", r"\1=n/a", line).replace(
            "rip=n/a", "rip=0x4018c2")
        said = self.said("-f", self.put(line), "--vmlinux", self.path("vmlinux"))
        self.assertIn("in a process, in user mode", said)
        self.assertIn("    rip       0x4018c2\n    The other registers and the stack are the "
                      "process's", said)
        self.assertNotIn("return address", said)

    def test_firmware_has_a_base_of_its_code(self):
        one = self.one(site(rip=0xfff0, lstar=0, cs_base="0xffff0000"))
        self.assertEqual((one["access"]["rip"], one["access"]["address"]), ("0xfff0", "0xfffffff0"))

    def test_one_word_and_none(self):
        said = self.said("-f", self.put(site(rip=0x10570, lstar=0, stack=[0x10124])))
        self.assertIn("    stack     1 word that may be a return address:\n"
                      "      +0x0000        0x10124\n\n", said + "\n\n")
        said = self.said("-f", self.put(site(rip=0x10570, lstar=0, stack="none")))
        self.assertIn("has no word that may be a return address", said)

    def test_without_symbols(self):
        said = self.said("-f", self.put(site(rip=self.at["touch"], lstar=self.lstar,
                                             stack=[self.call])))
        for text in (f"    rip       {self.at['touch']:#x}\n", f"  {self.call:#x}\n",
                     "linux-image-VERSION-dbg", "linux-image-unsigned-VERSION-dbgsym",
                     "kernel-debuginfo", "kernel-default-debuginfo", "debuginfod-find", "kallsyms"):
            self.assertIn(text, said)
        self.assertNotIn("    where", said)


class Refused(Built):
    """What can't be done is one sentence, and status 3."""

    def refused(self, option, name, *patterns, status=3):
        path = self.put(site(rip=self.at["touch"], lstar=self.lstar))
        said = self.said("-f", path, option, name, status=status)
        self.assertEqual(said.count("\n"), 1, said)
        for pattern in patterns:
            self.assertRegex(said, pattern)

    def test_files(self):
        self.refused("--vmlinux", self.path("nothing"), "can't read .*: No such file")
        self.refused("--vmlinux", self.folder, "can't read .*: Is a directory")
        self.refused("--vmlinux", self.path("stripped"), "has no symbols: it is stripped",
                     "debugging information")
        self.refused("--vmlinux", self.path("System.map"), "is no ELF file",
                     "a System.map is for --system-map")
        self.refused("--vmlinux", self.path("mod.ko"), "mod.ko has no symbol entry_SYSCALL_64")
        self.refused("--system-map", self.path("vmlinux"), "is no System.map",
                     "A vmlinux is for --vmlinux")
        self.refused("--system-map", "/dev/null", "is no System.map")
        self.refused("--system-map", self.put("0000000000001000 T main\n", name="other"),
                     "has no symbol entry_SYSCALL_64")

    def test_modules(self):
        ko = self.path("mod.ko")
        for text in ("mod", f"mod={ko}", f"={ko}@0x1", "mod=@0x1", f"mod={ko}@"):
            self.refused("--module", text, "does not say where the module is",
                         "sections/.text has in the guest", status=2)
        self.refused("--module", "mod=/nothing.ko@0x1", "can't read /nothing.ko")
        self.refused("--module", f"mod={ko}@/nothing", "can't read /nothing")
        self.refused("--module", f"mod={ko}@/dev/null", "names no section of code",
                     r"has \.text, \.text\.unlikely")
        self.refused("--module", f"mod={self.put('x', name='mod.ko.xz')}@0x1", "Unpack it first")

    def test_binutils_that_are_not_there(self):
        path = self.put(site(rip=self.at["touch"], lstar=self.lstar, stack=[self.call]))
        for missing in ("nm", "addr2line", "objdump", "objcopy"):
            with tempfile.TemporaryDirectory() as folder:
                for name in {"nm", "addr2line", "objdump", "objcopy"} - {missing}:
                    os.symlink(f"/usr/bin/{name}", os.path.join(folder, name))
                with unittest.mock.patch.dict(os.environ, {"PATH": folder}):
                    said = self.said("-f", path, "--vmlinux", self.path("vmlinux"), status=3)
            self.assertEqual(said, f"rmpctl: {missing} is not installed: install the package "
                                   "binutils.\n")

    def test_a_program_that_does_not_end(self):
        with unittest.mock.patch("subprocess.run", side_effect=subprocess.TimeoutExpired("nm", 1)):
            with self.assertRaisesRegex(errors.RmpctlError, "nm took more than"):
                binutils.symbols("/bin/true")

    def test_slides(self):
        for text in ("x", "-1", "0x1ffffffffffffffff", ""):
            status, _, err = run("where", "-f", self.path("sites"), f"--slide={text}")
            self.assertEqual(status, 2, text)
        self.assertEqual(symbols.Symbols(slide=5).slide(None).why, "there is no file of the kernel")

    def test_inputs(self):
        self.assertIn("there are no lines of the file sites in the input",
                      self.said("-f", "/dev/null", status=3))
        self.assertIn("can't read /nothing", self.said("-f", "/nothing", status=3))
        path = self.put(site(seq=5), site(seq=6))
        self.assertIn("the input has no record 7", self.said("-f", path, "7", status=3))
        self.assertIn("either of a VM, or of a file", self.said("web1", "-f", path, status=2))
        self.assertIn("either of a VM, or of a file", self.said("3", "5", "-f", path, status=2))
        self.assertIn("name a VM, or a file", self.said(status=2))
        self.assertEqual([r["seq"] for r in self.told("-f", path, "5")], [5])
        self.assertEqual([r["seq"] for r in self.told("-f", path)], [6])
        self.assertEqual([r["seq"] for r in self.told("-f", path, "-n", "0")], [5, 6])


class Reading(unittest.TestCase):
    WHOLE = site(rip=0xffffffff81000010, stack=[0xffffffff81000020, 0xffffffff81000030],
                 lstar=0xffffffff82000080)

    def test_a_line(self):
        s, = sites.read([f"[  5.1] host: {self.WHOLE}"])
        self.assertEqual((s.seq, s.at, s.rip, s.cpl, s.lstar, s.cut_after),
                         (5, "access", 0xffffffff81000010, 0, 0xffffffff82000080, None))
        self.assertEqual(s.stack, [(0, 0xffffffff81000020), (8, 0xffffffff81000030)])
        self.assertEqual(s.insn[:2], b"\xc7\x07")
        for text, stack in (("none", []), ("n/a", None)):
            s, = sites.read([site(rip=0xffffffff81000010, stack=text)])
            self.assertEqual((s.stack, s.cut_after), (stack, None))

    def test_cut_anywhere(self):
        """What is left of a value is no value."""
        whole, = sites.read([self.WHOLE])
        line = self.WHOLE.rstrip("\n")
        for end in range(len(line)):
            for s in sites.read([line[:end]]):
                for name, value in s.registers.items():
                    self.assertEqual(value, whole.registers[name], (line[:end], name))
                self.assertLessEqual(set(s.stack or ()), set(whole.stack))
                self.assertIn(s.insn, (None, whole.insn))
                if "stack=" not in line[:end]:
                    self.assertIsNotNone(s.cut_after)
        self.assertEqual(list(sites.read([line[:len("seq=5 at=acc")]])), [])

    def test_broken_by_mail(self):
        want, = sites.read([self.WHOLE])
        for width in range(20, 120, 3):
            for options in ((), ("-s",)):
                text = subprocess.run(["fold", "-w", str(width), *options], input=self.WHOLE,
                                      capture_output=True, text=True, check=True).stdout
                for mail in (text, re.sub("(?m)^", "> ", text.rstrip("\n")),
                             text.replace("\n", "\r\n")):
                    got, = sites.read(mail.split("\n"))
                    self.assertEqual(got.pairs, want.pairs, (width, options))

    def test_several(self):
        lines = [site(5), site(5, "request"), "noise\n", site(6), site(6), site(7, "request")]
        self.assertEqual([(seq, sorted(at)) for seq, at in sites.of_text(lines)],
                         [(5, ["access", "request"]), (6, ["access"]), (6, ["access"]),
                          (7, ["request"])])

    def test_records(self):
        """A kernel log has the addresses, too."""
        text = BODY.replace("rip=n/a n=", "rip=0x10 n=").replace(
            "cpl=n/a psc_rip=n/a psc_cpl=n/a", "cpl=0 psc_rip=0x20 psc_cpl=0")
        (seq, found), = sites.of_text([f"rmp_enforce: violation {text}"])
        self.assertEqual((seq, found["access"].rip, found["request"].rip), (None, 0x10, 0x20))
        self.assertIsNone(found["access"].lstar)
        self.assertEqual(sites.of_text([f"rmp_enforce: violation {BODY}"]), [])

    def test_hostile(self):
        rng = random.Random(7)
        values = ("\033[2J\u202e\x9b", "9" * 400, "0x" + "f" * 2000, "-1", "0x16", "\u00b2", "",
                  "n/a", "none", "zz", "0x10:0x20", ":,:,", "0x0:0x" + "f" * 17, "c7" * 1000, "c",
                  "0xffffffffffffffff")
        lines = [re.sub(rf" {key}=\S+", lambda _, key=key, value=value: f" {key}={value}",
                        " " + self.WHOLE) for key in sites.KEYS for value in values]
        lines += [self.WHOLE[:rng.randrange(len(self.WHOLE))] + rng.choice(values) + "\n"
                  for _ in range(200)]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sites")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(lines)
            for words in ((), ("--registers",)):
                status, out, err = run("where", "-f", path, "-n", "0", *words)
                self.assertEqual((status, err), (0, ""))
                self.assertEqual([c for c in out if not c.isprintable() and c != "\n"], [])
            told = run("where", "-f", path, "-n", "0", "--json")[1]
            self.assertTrue(told.isascii())
            json.loads(told)

    def test_huge(self):
        word = ",".join(f"{8 * i:#x}:{0xffffffff81000000 + i:#x}" for i in range(200))
        s, = sites.read([site(rip=0xffffffff81000010, stack=word)])
        self.assertEqual((len(s.stack), s.stack_more), (sites.WORDS, 200 - sites.WORDS))
        begun = time.process_time()
        for text in (site(rip=1, stack=word * 5000), "seq=1 at=access " * 100000,
                     "seq=1 at=access " + "a" * 10 ** 6, "seq=" * 10 ** 6, "> " * 10 ** 6,
                     "seq=1 at=access rip=0x1\n" + "0x1:0x2,\n" * 100000,
                     "seq=1 at=access\n" + "rip=0x1\n" * 100000):
            for found in sites.read(text.split("\n")):
                self.assertLessEqual(len(found.stack or ()), sites.WORDS)
        self.assertLess(time.process_time() - begun, 5)

    def test_words_that_are_far_from_rip(self):
        """Such a word was cut, or the module would not have it."""
        s, = sites.read([site(rip=0xffffffff81000010, stack="0x0:0xffffffff81000020,0x8:0xffffff")])
        self.assertEqual(s.stack, [(0, 0xffffffff81000020)])


class OfVm(Built):
    """VM 3 has record 1; the rest is for each test to say."""

    def setUp(self):
        self.root = FakeRoot(self)
        self.root.call("web1")
        self.record(f"rip={self.at['touch']:#x}", "cpl=0 psc_rip=n/a psc_cpl=n/a")
        for name, value in (("sites", "on"), ("request_sites", "off"), ("vms/3/sites", "inherit"),
                            ("vms/3/request_sites", "inherit"), ("vms/3/debuggable", "yes")):
            self.root.put(f"{MODULE}/{name}", value + "\n")
        self.sites(site(1, rip=self.at["touch"], lstar=self.lstar, stack=[self.call]))

    def record(self, rip, more):
        self.text = BODY.replace("vm=7 pid=200", "vm=3 pid=7").replace(
            "rip=n/a n=", f"{rip} n=").replace("cpl=n/a psc_rip=n/a psc_cpl=n/a", more)
        self.root.put(f"{DEBUG}/3/violations", f"seq=1 psc_seq=0 age_us=3 {self.text}\n")
        self.root.put("dev/kmsg", f"4,1,5,-;rmp_enforce: violation {self.text}\n")

    def sites(self, *lines):
        self.root.put(f"{DEBUG}/3/sites", "".join(lines))

    def setting(self, name, value):
        self.root.put(f"{MODULE}/{name}", value + "\n")

    def asked(self, *words, status=0):
        got, out, err = run("--root", self.root.folder, *words)
        self.assertEqual(got, status, out + err)
        return " ".join((out + err).split())

    def test_of_a_vm(self):
        said = self.asked("where", "web1", "--vmlinux", self.path("vmlinux"))
        self.assertIn("implicit_shared: VM 3 (domain web1, pid 7, e2e), record 1 vCPU 0 wrote to",
                      said)
        self.assertIn("where touch+0x0/0x7 mm/touch.c", said)
        self.assertIn("the last request request_sites is off. 'rmpctl set request_sites=on'", said)
        self.assertEqual(said, self.asked("where", "3", "1", "--vmlinux", self.path("vmlinux")))
        told = json.loads(run("--root", self.root.folder, "where", "3", "--json")[1])[0]
        self.assertEqual((told["vm"], told["seq"], told["record"]["class"], told["request"]),
                         (3, 1, "implicit_shared", None))

    def test_why_there_is_no_last_request(self):
        for change, said in (({}, "request_sites is off"),
                             ({"vms/3/request_sites": "on"}, "request_sites was off when it was "
                                                             "made"),
                             ({"request_sites": "on"}, "request_sites was off when it was made")):
            self.setUp()
            for name, value in change.items():
                self.setting(name, value)
            self.assertIn(said, self.asked("where", "3"))
        self.record(f"rip={self.at['touch']:#x}", "cpl=0 psc_rip=n/a psc_cpl=n/a")
        self.root.put(f"{DEBUG}/3/violations", f"seq=1 psc_seq=0 age_us=3 "
                      f"{self.text.replace(' psc=private', ' psc=none')}\n")
        self.assertIn("the last request nobody has asked for this page.", self.asked("where", "3"))

    def test_why_there_is_none(self):
        self.sites()
        said = self.asked("where", "3", status=3)
        self.assertIn("no registers of VM 3 were read: firmware was busy", said)
        self.assertIn("record 1 of VM 3 has no registers", self.asked("where", "3", "1", status=3))
        self.assertIn("VM 3 has no record 9, or not any longer",
                      self.asked("where", "3", "9", status=3))
        for name, value, text in (
                ("vms/3/sites", "off", "sites of VM 3 is off: its registers are not read. 'rmpctl "
                                       "set --vm 3 sites=on'"),
                ("sites", "off", "sites is off: no registers are read."),
                ("vms/3/debuggable", "n/a", "this host's kernel does not have what it takes"),
                ("vms/3/debuggable", "no", "the policy of VM 3 does not allow debugging")):
            self.setting(name, value)
            self.assertIn(text, self.asked("where", "3", status=3))
        os.unlink(self.root.host.path(DEBUG, "3/sites"))
        self.assertIn("this version of the module does not read registers of guests",
                      self.asked("where", "3", status=3))

    def test_a_vm_without_violations(self):
        self.sites()
        self.root.put(f"{DEBUG}/3/violations", "")
        self.assertIn("VM 3 has no violation.", self.asked("where", "3", status=3))

    def test_a_record_that_is_not_kept_any_longer(self):
        self.root.put(f"{DEBUG}/3/violations", "")
        self.assertIn("VM 3, record 1 the access", self.asked("where", "3"))

    def test_a_bundle(self):
        """With its registers it can be asked as the host was."""
        path = os.path.join(self.root.folder, "b.tar.gz")
        self.asked("bundle", "-o", path, "--with-sites")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["tar", "-xzf", path, "-C", folder], check=True)
            top, = os.listdir(folder)
            status, out, _ = run("--root", os.path.join(folder, top), "where", "web1", "--vmlinux",
                                 self.path("vmlinux"))
        self.assertEqual(status, 0)
        self.assertIn("    where     touch+0x0/0x7\n", out)

    def test_explain_says_where_the_code_is(self):
        """Also of the same record in the kernel log."""
        for words in (["explain", "3"], ["explain"]):
            said = self.asked(*words)
            self.assertIn(f"in its code The guest's kernel was at {self.at['touch']:#x}. 'rmpctl "
                          "where 3 1' shows the code and the stack.", said)
            self.assertEqual(json.loads(run("--root", self.root.folder, *words, "--json")[1])[0]
                             ["site"], 1)
        self.sites()
        self.assertNotIn("rmpctl where", self.asked("explain", "3"))
        os.unlink(self.root.host.path(DEBUG, "3/sites"))
        self.assertNotIn("rmpctl where", self.asked("explain", "3"))

    def test_explain_with_symbols(self):
        self.record(f"rip={self.at['touch']:#x}",
                    f"cpl=0 psc_rip={self.call - 5:#x} psc_cpl=0")
        said = self.asked("explain", "3", "--vmlinux", self.path("vmlinux"))
        self.assertIn(f"was at {self.at['touch']:#x}, touch+0x0/0x7 (mm/touch.c:"
                      f"{line_of(CODE, 'the access')}, in mm/touch.c:"
                      f"{line_of(CODE, 'what is inlined')}). The last request was made by the "
                      f"guest's kernel at {self.call - 5:#x}, caller+0x", said)
        self.assertIn(f"(mm/touch.c:{line_of(CODE, 'the call')}). 'rmpctl where 3 1'", said)
        said = self.asked("explain", "3", "--system-map", self.path("System.map"))
        self.assertIn(", touch+0x0/0x7. The last request", said)
        # A file has no lstar.
        path = self.put(f"rmp_enforce: violation {self.text}\n", name="log")
        said = self.asked("explain", "-f", path, "--vmlinux", self.path("vmlinux"))
        self.assertIn(f"was at {self.at['touch']:#x}. The", said)
        self.assertIn("how far KASLR has moved the kernel is not known: lstar is not known here; "
                      "--slide gives it.", said)
        said = self.asked("explain", "-f", path, "--vmlinux", self.path("vmlinux"), "--slide",
                          "1a000000")
        self.assertIn("touch+0x0/0x7", said)

    def test_explain_of_old_records(self):
        self.root.put(f"{DEBUG}/3/violations",
                      f"seq=1 psc_seq=0 age_us=3 {self.text.partition(' cpl=')[0]}\n".replace(
                          f"rip={self.at['touch']:#x}", "rip=n/a"))
        said = self.asked("explain", "3", "--vmlinux", self.path("vmlinux"))
        self.assertNotIn("in its code", said)

    def test_of_the_process_that_was_there_then(self):
        r = record.Record.from_line(self.text)
        self.assertEqual(explanation.sites_of(Host(self.root.folder), r)[0], 1)
        r = record.Record.from_line(self.text.replace("pid=7", "pid=8"))
        self.assertIsNone(explanation.sites_of(Host(self.root.folder), r))


if __name__ == "__main__":
    unittest.main()
