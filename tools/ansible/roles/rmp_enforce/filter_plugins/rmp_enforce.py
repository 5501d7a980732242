# SPDX-License-Identifier: GPL-2.0-only
"""What rmpctl is told and says on a host."""

import json


def words(settings):
    """Of settings: what rmpctl and the module take. YAML has a boolean for off."""
    return [f"{name}={'off' if value is False else value}" for name, value in settings.items()]


def changed(result):
    """Of "rmpctl set --json" as a task's result: whether a setting has another value now."""
    # A command that was not run has no start.
    return (bool(result.get("start")) and result["rc"] == 0
            and any(c["old"] != c["new"] for c in json.loads(result["stdout"])))


def sentences(checks, status, without=()):
    """Of "rmpctl check --json": those of a status, but for some by name."""
    return [f"{c['name']}: {c['detail']}" + (f" ({c['hint']})" if c["hint"] else "")
            for c in checks if c["status"] == status and c["name"] not in without]


def _counted(metrics, name, classes):
    """The samples of a metric that are of these classes, and above 0."""
    return [s for m in metrics if m["name"] == f"rmp_enforce_{name}" for s in m["samples"]
            if s["labels"].get("class") in classes and s["value"] > 0]


def violations(metrics, policies, domains, stage):
    """Of "rmpctl metrics --json": what guests did that strict mode would act upon.

    In the stage "some" of the domains that are to be strict; else of all but those that
    are to have another mode. Of a guest that has ended, the domain is not known: such
    guests count if no domain is left out.
    """
    modes = {name: settings["mode"] for name, settings in domains.items() if "mode" in settings}
    strict = {name for name, mode in modes.items() if mode == "strict"}
    spared = {name for name, mode in modes.items() if mode not in ("strict", "inherit")}
    classes = [c for c, policy in policies.items() if policy == "enforce"]

    running = _counted(metrics, "vm_violations_total", classes)
    told = []
    for sample in running:
        where = sample["labels"]
        meant = (where["domain"] in strict if stage == "some" else
                 where["domain"] not in spared)
        if meant:
            name = f" ({where['domain']})" if where["domain"] else ""
            told.append(f"VM {where['vm']}{name}: {sample['value']} {where['class']}")
    if stage == "some" or spared:
        return told
    for sample in _counted(metrics, "violations_total", classes):
        name = sample["labels"]["class"]
        ended = sample["value"] - sum(s["value"] for s in running if s["labels"]["class"] == name)
        if ended > 0:
            told.append(f"guests that have ended: {ended} {name}")
    return told


class FilterModule:
    """For Ansible."""

    def filters(self):
        return {"rmp_enforce_words": words, "rmp_enforce_changed": changed,
                "rmp_enforce_sentences": sentences, "rmp_enforce_violations": violations}
