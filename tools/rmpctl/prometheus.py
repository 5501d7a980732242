# SPDX-License-Identifier: GPL-2.0-only
"""Prometheus's text format."""


def escape(value):
    """A label's value, as the text format wants it."""
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def labels(values):
    """A sample's labels, or nothing if it has none."""
    return "{" + ",".join(f'{k}="{escape(v)}"' for k, v in values.items()) + "}" if values else ""


class Writer:
    """Collects metrics; each one's HELP and TYPE come once, before its samples."""

    def __init__(self):
        self.metrics = []

    def metric(self, name, kind, text, samples):
        """samples are (labels, value); those without a value are left out."""
        samples = [{"labels": where, "value": value} for where, value in samples
                   if value is not None]
        if samples:
            self.metrics.append({"name": f"rmp_enforce_{name}", "type": kind, "help": text,
                                 "samples": samples})

    def text(self):
        lines = []
        for m in self.metrics:
            lines.append(f"# HELP {m['name']} {m['help']}")
            lines.append(f"# TYPE {m['name']} {m['type']}")
            lines += [f"{m['name']}{labels(s['labels'])} {s['value']}" for s in m["samples"]]
        return "\n".join(lines) + "\n"
