# SPDX-License-Identifier: GPL-2.0-only
"""What an operator would do, from check to uninstall, with what it prints: the text and
the pictures of docs/walkthrough.md."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import services_test as services
from fleet import Guest

OUT = os.environ["RMP_OUT"]
COLUMNS, ROWS = 112, 26


class Text:
    """The document's recorded part."""

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines += ["", text, ""]

    def run(self, line, hide=None):
        """A command as it would be typed, and what it printed."""
        print(f"# {line}", flush=True)
        done = subprocess.run(["bash", "-c", line], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
                              stdin=subprocess.DEVNULL)
        self.lines.append(f"    # {line}")
        for said in done.stdout.splitlines():
            if not hide or not re.search(hide, said):
                self.lines.append(f"    {said}".rstrip())
        if done.returncode:
            self.lines.append(f"    (exit status {done.returncode})")
        self.lines.append("")

    def save(self):
        with open(os.path.join(OUT, "walkthrough.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")


def screen(args, seconds, name):
    """What a full-screen program shows after some time, as a terminal gets it."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(args[0], args)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    os.kill(pid, signal.SIGWINCH)
    data, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                data += os.read(fd, 65536)
            except OSError:
                break
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)
    try:
        os.write(fd, b"q")
    except OSError:
        pass
    # It has something to say at its end, and nobody to say it to else.
    while select.select([fd], [], [], 5)[0]:
        try:
            if not os.read(fd, 65536):
                break
        except OSError:
            break
    os.close(fd)
    os.waitpid(pid, 0)


def main():
    text = Text()
    ways = {"db1": "clean", "web1": "overrun", "build7": "server", "queue1": "busy"}
    guests = {name: Guest(way, name) for name, way in ways.items()}
    guests["web1"].wait_for("violations/implicit_shared", 1)
    guests["build7"].wait_for("violations/first_touch", 5)

    text.say("Is the host guarding?")
    text.run("rmpctl check")
    text.say("Whom, and what has it seen?")
    text.run("rmpctl list")
    text.say("web1 has an error. Which?")
    text.run("rmpctl explain web1")
    text.say("What did web1 ask for, around that page?")
    text.run("rmpctl history web1 0x103")
    text.run("rmpctl history web1 0x104")
    text.say("The memory of build7, in the terminal (the picture below is of the same moment):")
    text.run("rmpctl map build7 --columns 90 --rows 36")
    text.run("rmpctl map build7 --png /out/map.png")
    text.say("The journal can be asked for a guest, a class, a page:")
    text.run("journalctl -q --no-hostname -o short RMP_ENFORCE_DOMAIN=web1")
    text.say("Strict, for this one guest. The access does not happen any more:")
    text.run("rmpctl set mode=strict --vm web1")
    guests["web1"].go_on()
    guests["web1"].wait_for("violations/enforced", 1)
    text.run("rmpctl show web1 | head -n 12")
    text.run("rmpctl explain web1 | sed -n '1,/usual/p' | head -n 14")
    text.say("A domain that brings its policy along:")
    services.define("guarded", services.policy("mode='strict' action='terminate'"))
    text.run("virsh dumpxml guarded | grep -A1 rmp-enforce")
    text.run("virsh start guarded")
    text.run("rmpctl list")
    services.define("typo", services.policy("mode='stirct'"))
    text.run("virsh start typo")
    text.say("What monitoring gets:")
    text.run("rmpctl metrics | grep -E '^rmp_enforce_(up|mode|vms|vm_violations_total.*web1)'")
    screen(["rmpctl", "watch"], 15, "watch.raw")
    text.say("For a bug report:")
    text.run("rmpctl bundle -o /tmp/bundle.tar.gz 2>/dev/null")
    text.run("tar -tzf /tmp/bundle.tar.gz | wc -l")
    text.say("When it bites: all enforcement ends at once, without touching the guests.")
    text.run("rmpctl set mode=off")
    text.run("rmpctl check | grep -A1 mode:")
    text.say("The end: no guest is left half-guarded.")
    text.run("rmmod rmp_enforce")
    subprocess.run(["virsh", "destroy", "guarded"], check=False, stdout=subprocess.DEVNULL)
    for guest in guests.values():
        guest.end()
    text.run("rmmod rmp_enforce && rmpctl list")
    text.run("dpkg --purge rmp-enforce-tools rmp-enforce-dkms 2>&1 | grep -v warning")
    text.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
