# SPDX-License-Identifier: GPL-2.0-only
"""The alert rules for a clock on which a minute is shorter: each duration, which are "for",
ranges and offsets, is multiplied by the same number. Nothing else is touched, so the literal
300 of RmpEnforceMetricsStale still is 300 s."""

import re

import yaml

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
ONE = re.compile(r"([0-9]+)(ms|[smhdwy])")
DURATION = re.compile(r"(?<=\[)(?:[0-9]+(?:ms|[smhdwy]))+(?=\])"
                      r"|(?<=\boffset )(?:[0-9]+(?:ms|[smhdwy]))+")

LEFT = re.compile(r"\b[0-9]+(?:ms|[smhdwy])")


def seconds(text):
    return sum(int(number) * UNITS[unit] for number, unit in ONE.findall(text))


def durations(expression):
    """Of ranges and offsets, in seconds."""
    return [seconds(found) for found in DURATION.findall(expression)]


def without_durations(expression):
    """And without layout: Prometheus breaks lines where they get too long."""
    return re.sub(r"\s+", " ", DURATION.sub("T", expression)).replace("( ", "(").replace(" )", ")")


def scale(expression, factor):
    return DURATION.sub(lambda found: f"{round(seconds(found[0]) * factor * 1000)}ms", expression)


def rules(text):
    """The rules of all groups."""
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def scaled(text, factor):
    """The text of such a rule file, for a clock on which a minute is 60 * factor s."""
    told = yaml.safe_load(text)
    for group in told["groups"]:
        for rule in group["rules"]:
            rule["expr"] = scale(rule["expr"], factor)
            if "for" in rule:
                rule["for"] = f"{round(seconds(rule['for']) * factor * 1000)}ms"
    return yaml.safe_dump(told, sort_keys=False)


def differences(text, loaded, printed, factor):
    """What is not as it should be in the rules that Prometheus has loaded: the API's form of
    them. printed(expression) is how Prometheus prints one, so that layout does not count."""
    out = []
    written = {rule["alert"]: rule for rule in rules(text)}
    if sorted(written) != sorted(rule["name"] for rule in loaded):
        return ["other alerts"]
    for rule in loaded:
        ours = written[rule["name"]]
        was, now = printed(ours["expr"]), printed(rule["query"])
        if without_durations(was) != without_durations(now):
            out.append(f"{rule['name']}: {now}")
        pairs = list(zip(durations(was), durations(now), strict=True))
        pairs.append((seconds(str(ours.get("for", ""))), rule["duration"]))
        if LEFT.search(re.sub(r'"[^"]*"', "", without_durations(now))):
            out.append(f"{rule['name']}: a duration that is not known as one: {now}")
        if any(abs(a * factor - b) > 0.001 for a, b in pairs):
            out.append(f"{rule['name']}: {pairs}")
        if rule["annotations"] != ours["annotations"] or rule["labels"] != ours["labels"]:
            out.append(f"{rule['name']}: labels or annotations")
    return out
