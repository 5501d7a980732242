# SPDX-License-Identifier: GPL-2.0-only
"""How rmpctl is laid out: commands know nothing of each other, and all of it is installed."""

import ast
import os
import subprocess
import tempfile
import unittest

from rmpctl.commands import COMMANDS

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TOOLS = os.path.join(TOP, "tools")
INSTALLED = "usr/share/rmp-enforce-tools/rmpctl"


def modules(folder):
    """All Python files below a folder, by their paths from there."""
    return {os.path.relpath(os.path.join(where, name), folder)
            for where, _, names in os.walk(folder) for name in names if name.endswith(".py")}


def imported(path):
    """(dots, module, names) of each "from ... import ..." in a file."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return [(node.level, node.module or "", [a.name for a in node.names])
            for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


class Layout(unittest.TestCase):
    def test_a_command_is_a_module_and_the_reverse(self):
        names = {n for n in os.listdir(os.path.join(TOOLS, "rmpctl", "commands"))
                 if n.endswith(".py")}
        self.assertEqual(names - {"__init__.py"}, {f"{name}.py" for name in COMMANDS})
        for name, command in COMMANDS.items():
            self.assertEqual(command.__name__, f"rmpctl.commands.{name}")

    def test_only_the_command_line_knows_the_commands(self):
        for name in modules(os.path.join(TOOLS, "rmpctl")) - {"cli.py", "commands/__init__.py"}:
            for dots, module, names in imported(os.path.join(TOOLS, "rmpctl", name)):
                inside = name.startswith("commands/")
                self.assertFalse(inside and dots == 1, f"{name} imports another command")
                self.assertFalse(module.split(".")[0] == "commands" or "commands" in names, name)

    def test_every_module_is_installed_and_no_other(self):
        with tempfile.TemporaryDirectory() as folder:
            stale = os.path.join(folder, INSTALLED, "commands.py")
            os.makedirs(os.path.dirname(stale))
            open(stale, "w", encoding="ascii").close()
            # Not as a part of the make that may have started us.
            env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
            subprocess.run(["make", "-s", "-C", TOOLS, "install", f"DESTDIR={folder}"], check=True,
                           env=env)
            self.assertEqual(modules(os.path.join(folder, INSTALLED)),
                             modules(os.path.join(TOOLS, "rmpctl")))
