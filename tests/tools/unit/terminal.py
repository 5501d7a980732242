# SPDX-License-Identifier: GPL-2.0-only
"""A program in a terminal of any size, and what somebody sees there."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
import traceback

import pyte

PATIENCE_S = 120
# What pyte understands; xterm has some that it does not.
TERM = "linux"
# What such a terminal sends for a key.
KEYS = {"up": "\033[A", "down": "\033[B", "home": "\033[1~", "end": "\033[4~", "pgup": "\033[5~",
        "pgdn": "\033[6~", "esc": "\033", "enter": "\r", "backspace": "\x7f", "f9": "\033[20~"}


class Terminal:
    """Runs a command, or a function in a child of ours; text() is the screen as it is now."""

    def __init__(self, run, columns, rows, env=None):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.sent = b""
        mine, theirs = pty.openpty()
        self._set_size(mine, columns, rows)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(mine)
            self._login(theirs)
            self._run(run, {"TERM": TERM} | (env or {}))
        os.close(theirs)
        self.fd = mine
        self.status = None

    @staticmethod
    def _run(run, env):
        """The rest of the child."""
        status = 70
        try:
            os.environ.update(env)
            for name in ("LINES", "COLUMNS"):
                os.environ.pop(name, None)
            # A job in the background of a shell ignores it, and so would all that it starts.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if not callable(run):
                os.execvp(run[0], run)
            # As a program that has just been started.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.stdin, sys.stdout, sys.stderr = (open(fd, mode, encoding="utf-8", closefd=False)
                                                 for fd, mode in ((0, "r"), (1, "w"), (2, "w")))
            status = run()
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    @staticmethod
    def _login(fd):
        os.setsid()
        fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
        for n in range(3):
            os.dup2(fd, n)

    @staticmethod
    def _set_size(fd, columns, rows):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self._set_size(self.fd, columns, rows)
        os.kill(self.pid, signal.SIGWINCH)

    def type(self, *keys):
        for key in keys:
            os.write(self.fd, KEYS.get(key, key).encode())

    def read(self, seconds=0.1):
        """Take what has come; False once the program has closed the terminal."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return True
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            if not data:
                return False
            self.sent += data
            self.stream.feed(data)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait_for(self, condition, what="the screen"):
        """Until a condition, of the screen's lines, is true, or a text is on the screen."""
        wanted = condition if callable(condition) else (
            lambda lines: condition in "\n".join(lines))
        end, goes_on = time.monotonic() + PATIENCE_S, True
        while not wanted(self.lines()):
            goes_on = goes_on and time.monotonic() < end and self.read()
            if not goes_on and not wanted(self.lines()):
                what = what if callable(condition) else repr(condition)
                raise AssertionError(f"no {what} on:\n{self.text()}")
        return self.lines()

    def end(self, key=None):
        """Type a key that ends it, if it has not ended; its exit status."""
        if self.status is None:
            if key:
                self.type(key)
                stop = time.monotonic() + PATIENCE_S
                while self.read(0.2):
                    if time.monotonic() >= stop:
                        self.end()
                        raise AssertionError(f"{key!r} does not end it:\n{self.text()}")
            else:
                os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self.fd)
        return self.status
