# SPDX-License-Identifier: GPL-2.0-only
"""One bug, shown once: violations that are the same bug, by what the records say.

The same bug has the same class and operation, and the same relation of the access to what
the guest had asked for.  Where in the last request the page was, which hosts, domains and
times: that is counted for each group, and does not make another one.
"""

import collections
import zlib

from . import causes, psc
from .classes import GUEST_ERRORS
from .hosts import by_one_name, is_same, short
from .printable import printable
from .record import VALUES
from .units import plural

# What a log may have any number of is counted for so many, the rest together.
LIMIT = 20000
GROUPS = 1000

# The request makes no difference to these.
_WITHOUT_REQUEST = ("vmpl", "unbacked", "no_progress")


def _known(record, key):
    """A value as the module writes it; all others are one."""
    value = record.pairs.get(key)
    return value if value is not None and VALUES[key].fullmatch(value) else "unknown"


def _size(record):
    """The size of the last request: what code asks for one page is not what asks for many."""
    pages = record.number("psc_pages")
    if pages is None:
        return ""
    if pages == 1:
        return " (1 page)"
    return " (2 to 511 pages)" if pages < 512 else " (512 pages or more)"


def relation(record):
    """What the access has to do with what the guest had asked for, in words."""
    if record["class"] in _WITHOUT_REQUEST:
        return ""
    if record.number("hole_age_us") is not None:
        return "that the VMM had taken away"
    if record.was_refused_this and record["class"] != "host":
        ret = record.number("refused_ret")
        said = "" if ret is None else f", with {psc.answer(str(min(ret, 4294967295)))}"
        return f"that the VMM refused to make {_known(record, 'access')}{said}"
    if record["source"] == "attribute":
        return "whose state is older than the module"
    state = _known(record, "psc")
    if state in ("private", "shared"):
        return f"last asked for as {state}{_size(record)}"
    if record["launch"] == "yes":
        return "of the launched image, never asked for"
    return "never asked for" if state == "none" else "of which no request is known"


def _place(record):
    """Where in the last request the page is; None if that is not known."""
    first, pages = record.number("psc_gfn"), record.number("psc_pages")
    if record.gfn is None or first is None or not pages or pages == 1:
        return None
    if record.gfn == first:
        return "the first page of the request"
    if record.gfn == first + pages - 1:
        return "the last page of the request"
    return "within the request" if first < record.gfn < first + pages else None


def _mode(record):
    """Who in the guest it was; None if that is not known.

    It makes no other group: of one bug some records have it, and others not.  Nor does the
    address, which is another one at each boot (KASLR).
    """
    return {0: "in the guest's kernel", 3: "in a process"}.get(record.number("cpl"))


def _symbol(record):
    """The function that the record names, if it does: without the offset, which builds change."""
    site = record.pairs.get("site", "n/a")
    return None if site == "n/a" else printable(site.partition("+")[0])[:80]


def key_of(record):
    """What makes violations the same bug."""
    name = _known(record, "class")
    low = name == "first_touch" and record.gfn in causes.LEGACY
    differs = name in ("first_touch", "host") and _known(record, "attr") == "shared"
    return (name, _known(record, "access"), _known(record, "op"), relation(record), low, differs,
            _symbol(record))


def title_of(key):
    """A group in one line."""
    name, access, op, how, low, differs, symbol = key
    page = "page below 1 MiB" if low else "page"
    return (f"{name}: {access} {op} of a {page}{' ' + how if how else ''}" +
            (", KVM's attribute is shared" if differs else "") +
            (f", in {symbol}" if symbol else ""))


class Tally(collections.Counter):
    """Counts by a key, of which there may be too many."""

    left_out = 0

    def count(self, key):
        if key in self or len(self) < LIMIT:
            self[key] += 1
        else:
            self.left_out += 1


class Group:
    """One bug."""

    def __init__(self, key):
        self.key = key
        self.count = self.acted_upon = self.escalated = 0
        self.first = self.last = self.example = None
        self._score = -1
        self.vms = Tally()      # by (host, vm, pid)
        self.places = Tally()
        self.minutes = Tally()

    @property
    def id(self):
        """The same in every run, for those who compare two."""
        return f"{zlib.crc32(repr(self.key).encode()):08x}"

    @property
    def title(self):
        return title_of(self.key)

    @property
    def is_guest_error(self):
        return self.key[0] in GUEST_ERRORS or self.acted_upon > 0

    def add(self, record):
        self.count += 1
        if record["action"] in ("vc", "terminate"):
            self.acted_upon += 1
        self.vms.count((record.host, record["vm"], record["pid"]))
        for place in (_place(record), _mode(record), record.neighbour):
            if place:
                self.places.count(place)
        when = record.time
        if when is not None:
            self.first = when if self.first is None else min(self.first, when)
            self.last = when if self.last is None else max(self.last, when)
            self.minutes.count(when // 60000000)
        score = self._score_of(record)
        if score > self._score:
            self._score, self.example = score, record

    @staticmethod
    def _score_of(record):
        """What a person would rather look at: a whole record, of a known guest and time."""
        return ((record.cut_after is None) * 8 + (record.domain is not None) * 4 +
                (record.time is not None) * 2 + (record.number("psc_age_us") is not None))


class Triage:
    """Groups of all records that were added."""

    def __init__(self):
        self.groups = {}
        self.count = self.repeated = self.suppressed = self.left_out = 0
        self._one = {}      # (host,) is the same object for all its records
        self._seen = {}     # by what makes a record the same: a host, or several

    def add(self, record):
        # The same violation, from the log and from the journal or a bundle of one host.
        pairs = record.pairs
        same = hash((short(record.host), pairs["vm"], pairs.get("pid"), pairs.get("vcpu"),
                     pairs.get("gpa"), pairs["access"], pairs.get("op"), pairs["class"],
                     pairs.get("n"), pairs.get("psc_age_us"), pairs.get("refused_age_us")))
        hosts = self._seen.get(same, ())
        if hosts and any(is_same(record.host, host) for host in hosts):
            self.repeated += 1
            return
        self._seen[same] = (*hosts, record.host) if hosts else self._one.setdefault(
            record.host, (record.host,))
        self.count += 1
        self.suppressed += record.number("suppressed") or 0
        key = key_of(record)
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= GROUPS:
                self.left_out += 1
                return
            group = self.groups[key] = Group(key)
        group.add(record)

    def hosts(self):
        """{a host, as a log has it: its one name}."""
        return by_one_name({host for g in self.groups.values() for host, _, _ in g.vms})

    def sorted(self):
        """What speaks against guests first; of these what most hosts have."""
        names = self.hosts()
        return sorted(self.groups.values(), key=lambda g: (
            not g.is_guest_error, -len({names[host] for host, _, _ in g.vms}), -g.count,
            g.key[:4]))


def hosts_of(group, names):
    """(host, count), most first; names are those of Triage.hosts()."""
    out = collections.Counter()
    for (host, _, _), count in group.vms.items():
        out[names[host]] += count
    return out.most_common()


def domains_of(group, names, sources):
    """(domain or VM, count), most first; a VM without a name is one of its host."""
    out = collections.Counter()
    for (host, vm, pid), count in group.vms.items():
        out[sources.domain_of(host, vm, pid) or f"VM {vm} of {names[host]}"] += count
    return out.most_common()


def images_of(group, sources):
    """(kernel or firmware that the guest was started with, count), where that is known."""
    out = collections.Counter()
    for (host, _, pid), count in group.vms.items():
        image = sources.images.get(host, pid)
        if image:
            out[image] += count
    return out.most_common()


def summary(groups):
    """Lines of a few words for each group, for whoever looks at something else."""
    for group in groups:
        vms = sorted({vm for _, vm, _ in group.vms}, key=lambda vm: (len(vm), vm))
        vms = (", ".join(f"VM {vm}" for vm in vms) if len(group.vms) < 5 else
               plural(len(group.vms), "VM"))
        yield f"{group.count:>7}  {group.title} ({vms})"
