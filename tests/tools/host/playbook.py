# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the example playbook for the roll-out, on this machine as the host."""

import json
import os
import re
import subprocess
import tempfile


# It asks its workers a thousand times a second otherwise: too much for an emulated CPU.
CONFIGURATION = """[defaults]
internal_poll_interval = 0.05
pipelining = True
nocolor = True
home = /tmp/ansible
remote_tmp = /tmp/ansible/remote
"""


class Run:
    """What a run did, and said."""

    def __init__(self, status, output):
        self.status = status
        self.output = output
        self.recap = {}     # of each host, the numbers
        for line in output.partition("PLAY RECAP")[2].splitlines():
            name, colon, counts = line.partition(" : ")
            if colon:
                self.recap[name.strip()] = {key: int(n) for key, n in
                                            re.findall(r"(\w+)=(\d+)", counts)}

    def changed_on(self, host):
        """Names of the tasks that changed something there, in their order."""
        out = []
        task = None
        for line in self.output.splitlines():
            found = re.match(r"(?:TASK|RUNNING HANDLER) \[(?:rmp_enforce : )?(.*)\] \*", line)
            if found:
                task = found[1]
            elif line.startswith(f"changed: [{host}]") and task not in out:
                out.append(task)
        return out

    @property
    def changed(self):
        return self.changed_on("snp1")

    @property
    def said(self):
        """The output as one line, with what JSON has escaped."""
        return " ".join(self.output.replace('\\"', '"').replace("\\n", "\n").split())


def roll_out(folder, *options, hosts=None, status=0, **settings):
    """Run FOLDER/rollout.yml with an inventory that has these settings for all hosts.

    hosts are those of the inventory, with variables of their own; by default one, snp1.
    """
    inventory = {"snp_hosts": {
        "hosts": hosts or {"snp1": {}},
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3",
                 "ansible_become": False,
                 **{f"rmp_enforce_{name}": value for name, value in settings.items()}}}}
    extra = os.environ["RMP_EXTRA"]     # Ansible was not installed
    with tempfile.TemporaryDirectory() as work:
        for name, text in (("ansible.cfg", CONFIGURATION), ("hosts.json", json.dumps(inventory))):
            with open(os.path.join(work, name), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run(
            ["ansible-playbook", "-i", os.path.join(work, "hosts.json"),
             os.path.join(folder, "rollout.yml"), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False,
            env=os.environ | {"ANSIBLE_CONFIG": os.path.join(work, "ansible.cfg"),
                              "LC_ALL": "C.UTF-8",
                              "PYTHONPATH": f"{extra}/usr/lib/python3/dist-packages"})
    run = Run(done.returncode, done.stdout)
    if (run.status == 0) != (status == 0):
        raise AssertionError(f"status {run.status}:\n{run.output}")
    return run
