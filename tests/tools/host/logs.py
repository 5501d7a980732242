# SPDX-License-Identifier: GPL-2.0-only
"""The journal of the simulated host."""

import json
import subprocess


def journal(*matches):
    """Entries of the journal that match, as dictionaries."""
    subprocess.run(["journalctl", "--sync"], check=False)
    done = subprocess.run(["journalctl", "-o", "json", "-q", *matches], capture_output=True,
                          text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]
