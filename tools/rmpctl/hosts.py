# SPDX-License-Identifier: GPL-2.0-only
"""Names of hosts: one log has the domain with it, another has not, and a bundle's name has
letters and digits only."""

import functools
import re

_ADDRESS = re.compile(r"[0-9.]+|.*:.*", re.S)


@functools.lru_cache(maxsize=4096)
def short(name):
    """What all names of a host have in common."""
    if name is None or _ADDRESS.fullmatch(name):
        return name
    return re.sub("[^A-Za-z0-9-]", "", name.partition(".")[0]).lower() or name


def is_same(one, other):
    """Whether two names may be of one host; with two domains they are not."""
    if one == other or one is None or other is None:
        return one == other
    return short(one) == short(other) and not ("." in one and "." in other)


def by_one_name(names):
    """{name: the name to show}: the one with a domain, if there is just one of that kind."""
    alike = {}
    for name in names:
        alike.setdefault(short(name), set()).add(name)
    out = {}
    for group in alike.values():
        whole = [name for name in group if name and "." in name]
        best = whole[0] if len(whole) == 1 else None if whole else max(group, key=_length)
        out |= {name: name if best is None or name in whole else best for name in group}
    return out


def _length(name):
    return len(name or ""), name or ""


class ByHost:
    """Values by (host, ...), found by any name of the host."""

    def __init__(self):
        self._exact = {}
        self._short = {}

    def note(self, host, *rest, value):
        """Keep a value, if there is none."""
        if (host, *rest) not in self._exact:
            self._exact[host, *rest] = value
            self._short.setdefault((short(host), *rest), []).append((host, value))

    def get(self, host, *rest):
        """The value, or None."""
        if (host, *rest) in self._exact:
            return self._exact[host, *rest]
        return next((value for name, value in self._short.get((short(host), *rest), ())
                     if is_same(name, host)), None)
