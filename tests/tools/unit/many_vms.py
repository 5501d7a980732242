# SPDX-License-Identifier: GPL-2.0-only
"""A host in a folder that runs any number of VMs, web01 and so on, for 'rmpctl --root'."""

import atexit
import os
import subprocess
import tempfile

from rmpctl import classes, domain, ended, totals, vm as vms
from rmpctl.host import MODULE

RECORD = ("vm={vm} pid={pid} comm=qemu-system-x86 vcpu=0 gfn={gfn:#x} gpa={gpa:#x} access=shared "
          "op=write expected=private source=psc class=implicit_shared attr=private "
          "err=0x100000006(WRITE,USER,FINAL) psc=private psc_age_us=541 psc_vcpu=0 "
          "psc_gfn={gfn:#x} psc_pages=1 launch=no pfn=none rmp=n/a rip=n/a n={n} suppressed=0 "
          "mode=lenient action=none escalated=no repeats=0 used=no refused=none "
          "refused_age_us=n/a refused_ret=n/a hole_age_us=n/a")


_templates = {}


def _template(count):
    """A folder with so many VMs, made once: there are 45 files of each."""
    if count not in _templates:
        folder = tempfile.TemporaryDirectory()
        atexit.register(folder.cleanup)
        made = ManyVms(folder.name)
        for n in range(1, count + 1):
            made.start(n)
        _templates[count] = folder, made.counted
    return _templates[count]


class ManyVms:
    """VM n has pid 1000 + n. Whatever is changed is seen at rmpctl's next look."""

    def __init__(self, folder, count=0):
        self.folder = folder
        self.counted = dict.fromkeys(totals.NAMES, 0)
        self.past = []
        self.log = ["4,1,1,-;rmp_enforce: loaded: mode=lenient action=vc"]
        if count:
            template, counted = _template(count)
            # Whatever changes is a new file, see put().
            subprocess.run(["cp", "-al", f"{template.name}/.", folder], check=True)
            self.counted = dict(counted)
            return
        for name, text in (("mode", "lenient"), ("action", "vc"), ("version", "0.1.0"),
                           ("available_modes", "off lenient strict")):
            self.put(f"{MODULE}/{name}", text)
        self.put("dev/kmsg", self.log[0])
        self.count(**dict.fromkeys(totals.NAMES, 0))

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, text):
        """In one step: rmpctl may look at any moment."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="utf-8", newline="") as file:
            file.write(text + "\n")
        os.rename(f"{path}.new", path)

    def get(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return int(file.read())

    def count(self, **more):
        for name, value in more.items():
            self.counted[name] += value
            self.put(f"{totals.FOLDER}/{name}", str(self.counted[name]))

    def start(self, n, name=None):
        own = {"mode": "inherit", "action": "inherit", "effective_mode": "lenient", "vcpus": "4",
               "state": "running", "history": "complete", "comm": "qemu-system-x86",
               "last_violation": "none", "pid": str(1000 + n)}
        own |= {counter: str(n * 10) for counter in vms.COUNTERS}
        own |= dict.fromkeys([f"violations/{c}" for c in classes.CLASSES + (
            "enforced", "repeated")], "0")
        own |= {f"policy/{c}": "inherit" for c in classes.POLICY_CLASSES}
        name = f"web{n:02}" if name is None else name
        self.put(f"proc/{1000 + n}/cmdline", f"qemu\0-name\0guest={name.replace(',', ',,')}\0")
        folder = self.path(f"{MODULE}/new")
        for part in ("violations", "policy"):
            os.makedirs(os.path.join(folder, part))
        for file, text in own.items():
            with open(os.path.join(folder, file), "w", encoding="ascii") as out:
                out.write(f"{text}\n")
        os.makedirs(self.path(f"{MODULE}/vms"), exist_ok=True)
        os.rename(folder, self.path(f"{MODULE}/vms/{n}"))
        self.count(vms=1)

    def violate(self, n, name="implicit_shared", times=1):
        """Guest n does wrong; the log has it."""
        path = f"{MODULE}/vms/{n}/violations/{name}"
        self.count(**{name: times})
        self.put(path, str(self.get(path) + times))
        record = RECORD.format(vm=n, pid=1000 + n, gfn=0x100 + n, gpa=(0x100 + n) << 12, n=times)
        record = record.replace("implicit_shared", name)
        usec = (len(self.log) + 1) * 1000000
        self.log.append(f"4,{len(self.log) + 1},{usec},-;rmp_enforce: violation {record}")
        self.put("dev/kmsg", "\n".join(self.log))

    def _past(self, n, age_us, counts):
        self.past.append(
            f"vm={n} pid={1000 + n} comm=qemu-system-x86 state=ended history=complete "
            f"age_us={age_us} " + " ".join(f"{c}=0" for c in ended.COUNTERS) +
            " enforced=0 repeated=0 " +
            " ".join(f"{c}={counts.get(c, 0)}" for c in classes.CLASSES))
        self.put(ended.FILE, "\n".join(self.past))
        self.count(vms_ended=1)

    def end(self, n, age_us=5000000, noted=False):
        """Guest n ends; noted: somebody has noted its domain."""
        folder = f"{MODULE}/vms/{n}"
        counts = {c: self.get(f"{folder}/violations/{c}") for c in classes.CLASSES}
        if noted:
            self.put(f"{domain.NOTES}/{n}", f"{1000 + n} web{n:02}")
        os.rename(self.path(folder), self.path(f"{MODULE}/gone{n}"))
        self._past(n, age_us, counts)

    def come_and_go(self, n, **counts):
        """Guest n has come, violated and ended, before anybody looked."""
        self.count(vms=1, **counts)
        self._past(n, 5000000, counts)
