# SPDX-License-Identifier: GPL-2.0-only
"""A record in words: what happened, what usually causes it, what to look at."""

import textwrap

from . import domain as domains, vm as vms
from .errors import RmpctlError, VmGone
from .output import ago, plural
from .record import number, parse_pairs

OPS = {"read": "read from", "write": "wrote to", "fetch": "fetched an instruction from",
       "walk": "used as a page table"}

# By class: the usual causes, then what to look at in the guest.
CAUSES = {
    "implicit_private": (
        ["A PSC back to private was forgotten, or skipped: an early return for short ranges, "
         "an off-by-one at the end of a range, an error path.",
         "Somebody still uses a private mapping of a buffer that is shared with the host "
         "now: a driver after free, a second mapping, a neighbouring object on the same page."],
        ["Where this page was made shared (set_memory_decrypted(), dma_alloc_coherent(), "
         "swiotlb, the GHCB of a vCPU), and whether whoever frees it makes it private again.",
         "Page tables: which mappings of this page have the C-bit set?"]),
    "implicit_shared": (
        ["A buffer for the host (GHCB, virtio ring, bounce buffer) is used before its PSC.",
         "An access runs behind the end, or in front, of a buffer that is shared.",
         "A shared mapping is still used after the page was made private again.",
         "load_unaligned_zeropad() of Linux reads over the end of a string into the next "
         "page: the one case that is known to be harmless."],
        ["Who maps this page with the C-bit clear (pgprot_decrypted(), early mappings of "
         "firmware, kexec and kdump code)?",
         "Whether the size that was given to the PSC is the size that is used."]),
    "first_touch": (
        ["Memory was accepted with PVALIDATE only, without the PSC that has to come before it.",
         "The guest never asks for private memory at all, because KVM converted it silently "
         "so far."],
        ["The code that accepts memory: boot stub, unaccepted-memory support, memory "
         "hotplug. Each range needs a PSC to private, then PVALIDATE."]),
    "initial_shared": (
        ["The guest used a page as shared that it never asked for. The architecture leaves "
         "pages in that state, so it is accepted, and reported once for each page.",
         "OVMF's SEC phase does so with its GHCB page."],
        ["Firmware and early boot code: a hypervisor that insists on a PSC would not run it."]),
    "in_flight": (
        ["One vCPU asked for the page, and another used it before the host had answered."],
        ["Who publishes the page to other vCPUs, and whether only after the PSC has returned."]),
    "vmpl": (
        ["The page does not permit this access at the guest's VMPL. It is not about page "
         "states: look at RMPADJUST in the SVSM or paravisor."],
        ["The permissions that VMPL0 gave to this page."]),
    "host": (
        ["The access was right, and the VMM had changed the page by itself. It is never held "
         "against the guest."],
        ["Nothing in the guest. Look at what the VMM did: KVM_SET_MEMORY_ATTRIBUTES, a hole "
         "punched into guest_memfd, ballooning, migration."]),
}

ESCALATED = {
    "protected_mode_off": "the vCPU was in real mode, where #VC can't be delivered",
    "event_pending": "another interrupt or exception was just being delivered and would "
                     "have been lost",
    "no_progress": "the guest came back to the same access 16 times",
}


def _who(host, record):
    domain = record.pairs.get("domain")
    if domain is None and host is not None:
        pid = record.number("pid")
        domain = domains.name_of(host, pid) if pid else None
    name = f"domain {domain}, " if domain else ""
    return f"VM {record['vm']} ({name}pid {record['pid']}, {record['comm']})"


def _what(record):
    text = (f"vCPU {record['vcpu']} {OPS.get(record['op'], record['op'])} "
            f"guest frame {record['gfn']} (gpa {record['gpa']}) as {record['access']} memory")
    if record["op"] == "walk":
        text = (f"vCPU {record['vcpu']} used guest frame {record['gfn']} (gpa "
                f"{record['gpa']}) as a page table, which is a private access")
    return text


def _expected(record):
    state, source = record["expected"], record["source"]
    if state == "initial":
        return "the guest has never asked for this page, and it was not launched with it"
    why = {
        "psc": "by the guest's own last request",
        "launch": "it is part of the image that the guest was launched with",
        "use": "the guest had taken it so before, without asking, and KVM had let it",
        "attribute": "says KVM; the VM is older than the module, so nobody knows what the "
                     "guest asked for",
    }.get(source, source)
    return f"the page was {state} ({why})"


def _psc(record):
    state = record["psc"]
    if state == "none":
        return "No page-state change of this page was ever completed."
    if state == "unknown":
        return ("Whether the guest ever asked for this page is not known any more: the "
                "history keeps the last 2048 requests, and none before the module came.")
    age = record.number("psc_age_us")
    pages = record.number("psc_pages")
    range_text = (f"for {record['psc_gfn']}" if pages == 1 else
                  f"for {plural(pages, 'page')} from {record['psc_gfn']} on") if pages else ""
    return (f"Its last page-state change, to {state}, was asked for by vCPU "
            f"{record['psc_vcpu']} {range_text} and answered "
            f"{ago(age) if age is not None else 'some time'} before.")


def _outcome(record):
    if record["action"] == "vc":
        return ("The access did not happen. The guest got #VC with error code 0x404 at that "
                "instruction. Linux sends SIGBUS to the process; if it was in the kernel, it asks "
                "the host to end it, and its console says where only if it is helped "
                "(see linux-guest.md).")
    if record["action"] == "terminate":
        why = ESCALATED.get(record["escalated"])
        return ("The guest was ended; it will not run again" +
                (f". #VC was asked for, but {why}." if why else ", as configured."))
    if record["mode"] == "lenient":
        return "It was only reported (lenient mode): KVM converted the page as it always does."
    return ("It was only reported: the policy of this class, or the page's history, asks for no "
            "more.")


def neighbours(host, record):
    """A sentence about PSCs that end or begin at this page: the off-by-one.

    Only while the VM is there and we may look; else nothing.
    """
    if host is None or record.gfn is None:
        return None
    try:
        lines = list(vms.Vm(host, int(record["vm"])).open_debug("psc_history"))
    except (RmpctlError, VmGone, OSError, ValueError):
        return None
    before, behind = _adjacent(lines, record.gfn, record["access"])
    asked = "request" if before and before[2] == 1 else "requests"
    if before:
        size = plural(before[1] - before[0], "page")
        return (f"The page right in front of it belongs to {before[2]} {asked} to "
                f"{record['access']} ({size} from {before[0]:#x} on): this is an access behind "
                "the end of that buffer, or the request was too short.")
    if behind:
        size = plural(behind[1] - behind[0], "page")
        return (f"The page right behind it belongs to a request to {record['access']} ({size} "
                f"from {behind[0]:#x} on): this is an access in front of that buffer, or the "
                "request began too late.")
    return None


def _adjacent(lines, gfn, access):
    """What was asked to be as the access, and ends or begins at a page.

    Each is (first, end, requests), or None.  Requests that meet are taken together: a
    guest that uses the MSR protocol asks for a buffer page by page.
    """
    ranges = []
    for line in lines:
        pairs = parse_pairs(line)
        first, pages = number(pairs.get("gfn")), number(pairs.get("pages"))
        if first is None or pages is None or pairs.get("result") != "completed":
            continue
        if pairs.get("to") == access:
            ranges.append((first, first + pages))
    joined = []
    for first, end in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]), joined[-1][2] + 1)
        else:
            joined.append((first, end, 1))
    before = [r for r in joined if r[1] == gfn]
    behind = [r for r in joined if r[0] == gfn + 1]
    return before[0] if before else None, behind[0] if behind else None


def as_json(host, record):
    causes, look = CAUSES.get(record["class"], ([], []))
    return {"record": record.as_json(), "who": _who(host, record), "what": _what(record),
            "expected": _expected(record), "last_psc": _psc(record),
            "neighbours": neighbours(host, record), "outcome": _outcome(record),
            "guest_error": record.is_guest_error, "causes": causes, "look_at": look}


def _wrapped(first, text, width=88):
    """Lines of a paragraph; those that follow begin below the first one's text."""
    hang = len(first) + (2 if text.startswith("- ") else 0)
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=" " * hang,
                         break_on_hyphens=False)


def text(host, record):
    """Lines for a person."""
    said = as_json(host, record)
    count = record.number("n")
    times = "" if not count or count == 1 else f" It is violation {count} of this page."
    suppressed = record.number("suppressed")
    if suppressed:
        times += f" {plural(suppressed, 'record')} before it did not reach the log."
    yield f"{record['class']}: {said['who']}"
    yield ""
    yield from _wrapped("  what happened  ", f"{said['what']}, but {said['expected']}.{times}")
    yield from _wrapped("  last request   ", said["last_psc"])
    if said["neighbours"]:
        yield from _wrapped("  next to it     ", said["neighbours"])
    yield from _wrapped("  what was done  ", said["outcome"])
    for i, cause in enumerate(said["causes"]):
        yield from _wrapped("  usual causes   " if not i else "                 ", "- " + cause)
    for i, look in enumerate(said["look_at"]):
        yield from _wrapped("  in the guest   " if not i else "                 ", "- " + look)
