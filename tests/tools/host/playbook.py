# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the example playbook for the roll-out, on this machine as the host."""

import json
import os
import re
import subprocess
import tempfile

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

    @property
    def changed(self):
        """Names of the tasks that changed something, on any host, in their order."""
        out = []
        task = None
        for line in self.output.splitlines():
            found = re.match(r"(?:TASK|RUNNING HANDLER) \[(?:rmp_enforce : )?(.*)\] \*", line)
            if found:
                task = found[1]
            elif line.startswith("changed: ") and task not in out:
                out.append(task)
        return out

    @property
    def said(self):
        """The output as one line, with what JSON has escaped."""
        return " ".join(self.output.replace('\\"', '"').replace("\\n", "\n").split())


def roll_out(folder, *options, hosts=None, status=0, **settings):
    """Run FOLDER/rollout.yml with an inventory that has these settings for all hosts.

    hosts are those of the inventory, with settings of their own; by default one.
    """
    inventory = {"snp_hosts": {
        "hosts": hosts or {"snp1": {}},
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3",
                 "ansible_become": False,
                 **{f"rmp_enforce_{name}": value for name, value in settings.items()}}}}
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        json.dump(inventory, file)      # which is YAML, too
        file.flush()
        extra = os.environ["RMP_EXTRA"]     # Ansible was not installed
        done = subprocess.run(
            ["ansible-playbook", "-i", file.name, os.path.join(folder, "rollout.yml"), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1",
                              "ANSIBLE_HOME": "/tmp/ansible", "LC_ALL": "C.UTF-8",
                              "ANSIBLE_REMOTE_TMP": "/tmp/ansible/remote",
                              "PYTHONPATH": f"{extra}/usr/lib/python3/dist-packages"})
    run = Run(done.returncode, done.stdout)
    if (run.status == 0) != (status == 0):
        raise AssertionError(f"status {run.status}:\n{run.output}")
    return run
