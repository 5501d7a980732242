# SPDX-License-Identifier: GPL-2.0-only
"""Records what an operator types and sees, as Markdown; each step is also a test."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import textwrap
import time

from fleet import OUT, keep

COLUMNS = 112
WIDTH = 125     # of the document
LEFT_OUT = "..."


class Wrong(Exception):
    """A step that did not do what the document is about to say."""


class Recorder:
    """The document, line by line, and how many steps there were."""

    def __init__(self):
        self.lines = []
        self.steps = 0

    def heading(self, text):
        self.lines += [f"## {text}", ""]

    def say(self, text):
        """A paragraph, however it is broken into lines here."""
        self.lines += textwrap.wrap(" ".join(text.split()), WIDTH, break_long_words=False,
                                    break_on_hyphens=False) + [""]

    def typed(self, line, said=()):
        """A command and what it prints."""
        self.lines += [f"    # {line}"] + [f"    {s}".rstrip() for s in said] + [""]

    def was_run(self, line, log, *wanted, hide=None):
        """A command that was run before the host was booted; what it printed is in log."""
        with open(log, encoding="utf-8") as file:
            output = file.read()
        self.typed(line, shown(output, hide))
        self.step(line, [w for w in wanted if w not in output], output)

    def picture(self, name, what):
        self.lines += [f"![{what}](pictures/{name})", ""]

    def run(self, line, *wanted, status=0, hide=None, timeout=600):
        """A command as it is typed in a shell, and what it prints.

        wanted is what has to be in that; lines that match hide are left out of the
        document, which says so.
        """
        start = time.monotonic()
        done = subprocess.run(["bash", "-c", line], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=timeout, stdin=subprocess.DEVNULL)
        self.typed(line, shown(done.stdout, hide))
        print(f"# {time.monotonic() - start:.1f} s", flush=True)
        missing = [w for w in wanted if w not in done.stdout]
        if done.returncode != status:
            missing.append(f"exit status {status}, not {done.returncode}")
        self.step(line, missing, done.stdout)

    def step(self, name, missing, output=""):
        """A result, and the end if it is not what it should be: the rest needs it."""
        self.steps += 1
        if missing:
            for text in output.splitlines() + [f"missing: {m}" for m in missing]:
                print(f"# {text}")
            print(f"not ok {self.steps} walk-through: {name}", flush=True)
            raise Wrong(name)
        print(f"ok {self.steps} walk-through: {name}", flush=True)

    def save(self):
        keep("walkthrough.md", "\n".join(self.lines).rstrip("\n") + "\n")


def shown(output, hide):
    """Lines for the document; each run of hidden ones is three dots."""
    out = []
    for line in output.rstrip().splitlines():
        if not hide or not re.search(hide, line):
            out.append(line)
        elif not out or out[-1] != LEFT_OUT:
            out.append(LEFT_OUT)
    return out


def read_for(fd, seconds):
    """What a terminal gets in that time, or until the program ends."""
    data, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                part = os.read(fd, 65536)
            except OSError:     # the other side has closed
                break
            if not part:
                break
            data += part
    return data


def screen(args, name, rows, seconds, meanwhile=None):
    """A program in a terminal: what that is sent, in NAME.raw for tests/tools/screenshot.

    After half of the time, meanwhile is called. "q" ends the program, if it has not
    ended. Returns its exit status.
    """
    pid, fd = pty.fork()
    if pid == 0:
        time.sleep(0.5)     # until the terminal has its size
        os.environ["TERM"] = "linux"    # pyte does not understand all that xterm does
        os.execvp(args[0], args)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, COLUMNS, 0, 0))
    data = read_for(fd, seconds / 2)
    if meanwhile:
        meanwhile()
    data += read_for(fd, seconds / 2)
    with open(os.path.join(OUT, f"{name}.raw"), "wb") as file:
        file.write(data)
    keep(f"{name}.size", f"{COLUMNS} {rows}\n")
    try:
        os.write(fd, b"q")
        read_for(fd, 30)
    except OSError:     # it has ended
        pass
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
