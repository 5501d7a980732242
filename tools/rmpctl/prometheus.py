# SPDX-License-Identifier: GPL-2.0-only
"""Prometheus's text format."""


def escape(value):
    """A label's value, as the text format wants it."""
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def labels(**values):
    return "{" + ",".join(f'{k}="{escape(v)}"' for k, v in values.items()) + "}"


class Writer:
    """Collects metrics; each one's HELP and TYPE come once, before its samples."""

    def __init__(self):
        self.lines = []

    def metric(self, name, kind, text, samples):
        samples = [(where, value) for where, value in samples if value is not None]
        if not samples:
            return
        name = f"rmp_enforce_{name}"
        self.lines.append(f"# HELP {name} {text}")
        self.lines.append(f"# TYPE {name} {kind}")
        self.lines += [f"{name}{where} {value}" for where, value in samples]

    def text(self):
        return "\n".join(self.lines) + "\n"
