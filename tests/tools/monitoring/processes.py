# SPDX-License-Identifier: GPL-2.0-only
"""Servers that listen on a free port of this machine's own, and end with us."""

import os
import re
import subprocess
import time

LISTENS = re.compile(r'"Listening on" address=(127\.0\.0\.1:[0-9]+)')
START_S, END_S = 60, 20


class Failure(Exception):
    """The test could not be run; its text says why."""


class Server:
    """A program; what it prints is in a log. With a folder share, it has that as /usr/share."""

    def __init__(self, log, words, share=None):
        self.log, self.name = log, os.path.basename(words[0])
        # It ends with us, also if we are killed.
        words = ["setpriv", "--pdeathsig", "KILL", "--", *words]
        if share is not None:
            rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
            words = ["unshare", "--mount", *rights, "--", "sh", "-c",
                     'mount --bind "$0" /usr/share && exec "$@"', share, *words]
        with open(log, "wb") as file:
            # In a session of its own, so that Ctrl-C ends us first.
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def address(self, slow=1):
        """Where it listens; the kernel has chosen the port."""
        until = time.monotonic() + START_S * slow
        while True:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                text = file.read()
            found = LISTENS.search(text)
            if found:
                return found[1]
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended at once: {text[-1000:]}")
            if time.monotonic() > until:
                raise Failure(f"{self.name} does not listen: {text[-1000:]}")
            time.sleep(0.05)

    def ask_to_end(self):
        if self.process.poll() is None:
            self.process.terminate()

    def end(self):
        self.ask_to_end()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Servers:
    """Those that run."""

    def __init__(self):
        self.all = []

    def start(self, log, *words, share=None):
        server = Server(log, words, share)
        self.all.append(server)
        return server

    def end(self):
        for server in self.all:
            server.ask_to_end()
        for server in self.all:
            server.end()
