# SPDX-License-Identifier: GPL-2.0-only
"""The module, SNP VMs and rmpctl, for tests that run on the simulated host."""

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

MODULE = "/sys/kernel/rmp_enforce"
DEBUG = "/sys/kernel/debug/rmp_enforce"
TOOLS = os.environ.get("RMP_TOOLS", "/usr/share/rmp-enforce-tools")
KO = os.environ.get("RMP_KO", "/mod/rmp_enforce.ko")
JOB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.environ.get("RMP_OUT", tempfile.gettempdir())
PATIENCE_S = 60
NOBODY = 65534

sys.path.insert(0, TOOLS)


def keep(name, text):
    """For the documents, and for whoever looks into a failure."""
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as file:
        file.write(text)


def wait_until(what, condition):
    """What it returned, once that is true."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {PATIENCE_S} s")


class Done:
    """What a command did."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"status {self.status}\n{self.out}\n{self.err}"


def command(*args, status=0, stdin=None, env=None):
    """Run; it must end with this status."""
    how = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    completed = subprocess.run(args, capture_output=True, text=True, check=False, timeout=120,
                               env=env, **how)
    done = Done(completed.returncode, completed.stdout, completed.stderr)
    if done.status != status:
        raise AssertionError(f"{' '.join(args)}: {done}")
    return done


def _once_found(then):
    """Have rmpctl do this when it has found its VM, before it looks at it."""
    from rmpctl import vm
    find = vm.find

    def find_then(host, name):
        found = find(host, name)
        then()
        return found

    vm.find = find_then


def _run_child(args, files, uid, once_found):
    """The rest of a forked child: rmpctl, as if it had just been started."""
    status = 70
    try:
        if once_found:
            _once_found(once_found)
        for fd, file in enumerate(files):
            os.dup2(file.fileno(), fd)
        sys.stdin, sys.stdout, sys.stderr = (open(0, encoding="utf-8"),
                                             open(1, "w", encoding="utf-8"),
                                             open(2, "w", encoding="utf-8"))
        if uid:
            os.setgid(uid)
            os.setuid(uid)
        from rmpctl import cli
        try:
            status = cli.main(list(args))
        except SystemExit as end:
            status = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:       # as Python itself would
        traceback.print_exc()
        sys.stderr.flush()
        status = 1
    finally:
        os._exit(status)


def rmpctl(*args, status=0, stdin="", uid=0, once_found=None):
    """rmpctl in a child of this process; it must end with this status.

    Forked, since an emulated CPU takes a second to start Python; what is run is the
    same but for that. once_found is what happens when it has found the VM it is for.
    """
    importlib.import_module("rmpctl.cli")      # once, not in each child
    files = [tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(3)]
    files[0].write(stdin)
    files[0].seek(0)
    null = open(os.devnull, encoding="utf-8")
    pid = os.fork()
    if pid == 0:
        _run_child(args, [files[0] if stdin else null, files[1], files[2]], uid, once_found)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for file in files:
        file.seek(0)
    done = Done(code, files[1].read(), files[2].read())
    for file in files + [null]:
        file.close()
    if done.status != status:
        raise AssertionError(f"rmpctl {' '.join(args)}: {done}")
    return done


def load(*parameters):
    command("insmod", KO, *parameters)


def unload():
    command("rmmod", "rmp_enforce")


class Guest:
    """An SNP VM of snpvm, with a domain's name as libvirt gives it."""

    started = []

    def __init__(self, way, name):
        self.name = name
        self.started.append(self)
        self.process = subprocess.Popen(
            ["snpvm", way, "-name", f"guest={name},debug-threads=on"],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != "started\n":
            raise AssertionError(f"snpvm {way}: {line}")

    @property
    def pid(self):
        return self.process.pid

    @property
    def vm(self):
        """Its number; found by the pid, not by what is tested."""
        for vm_id in os.listdir(f"{MODULE}/vms"):
            try:
                with open(f"{MODULE}/vms/{vm_id}/pid", encoding="ascii") as file:
                    if int(file.read()) == self.pid:
                        return vm_id
            except OSError:     # another one, which has just ended
                pass
        raise AssertionError(f"no VM of pid {self.pid}")

    def counter(self, name):
        """Of the module."""
        with open(f"{MODULE}/vms/{self.vm}/{name}", encoding="ascii") as file:
            return int(file.read())

    def wait_for(self, name, least):
        wait_until(f"{self.name}: {name} >= {least}", lambda: self.counter(name) >= least)

    def go_on(self):
        self.process.send_signal(signal.SIGUSR1)

    def vanish(self):
        """End it, also from another process than the one that started it."""
        folders = (f"{MODULE}/vms/{self.vm}", f"{DEBUG}/{self.vm}")
        os.kill(self.pid, signal.SIGTERM)
        wait_until(f"{self.name} ends", lambda: not any(os.path.exists(f) for f in folders))

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def end_for_good(self):
        """As end(); what rmpctl has of the VM, once it is among those that have ended."""
        vm_id = int(self.vm)
        self.end()

        def found():
            return [e for e in rmpctl("list", "--ended", "--json").json() if e["vm"] == vm_id]

        return wait_until(f"{self.name} is among those that have ended", found)[0]


def end_guests():
    """All that still run: of a test that failed, so that the next begins without them."""
    for guest in Guest.started:
        guest.end()
