# SPDX-License-Identifier: GPL-2.0-only
"""A record in words: what happened, what usually causes it, what to look at."""

import textwrap

from . import domain as domains, vm as vms
from .errors import RmpctlError, VmGone
from .output import ago, answer, plural
from .record import number, parse_pairs

OPS = {"read": "read from", "write": "wrote to", "fetch": "fetched an instruction from",
       "walk": "used as a page table"}

# Classes that nothing is ever done about, whatever the settings are.
NEVER_ACTED_UPON = ("host", "unbacked", "no_progress")

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
         "An access runs over the end of a buffer that is shared, or in front of it.",
         "A shared mapping is still used after the page was made private again."],
        ["Who maps this page with the C-bit clear (pgprot_decrypted(), early mappings of "
         "firmware, kexec and kdump code)?",
         "Whether the size that was given to the PSC is the size that is used."]),
    "first_touch": (
        ["The guest never asks for private memory at all, because KVM converted it silently "
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
        ["The VMM. It is never held against the guest."],
        ["Nothing in the guest. Look at what the VMM did: KVM_SET_MEMORY_ATTRIBUTES, a hole "
         "punched into guest_memfd, ballooning, migration."]),
    "unbacked": (
        ["Device registers, option ROM or firmware flash are mapped with the C-bit set.",
         "The VMM gave the guest no guest_memfd for this memory.",
         "An address that is wrong: there is no memory at all."],
        ["Which mapping leads here, and who made it without clearing the C-bit "
         "(ioremap_encrypted(), memremap(), an early identity mapping)?"]),
    "no_progress": (
        ["A page is used as VMSA of a vCPU that runs (AP_CREATE), and written meanwhile: the "
         "processor refuses that until the vCPU has stopped.",
         "The page is in use in another way that KVM can't change."],
        ["Which vCPU has its VMSA at this page, and whether it still runs: kdump and kexec "
         "have to stop APs before they take their pages."]),
}

ZEROPAD = ("load_unaligned_zeropad() of Linux reads over the end of a string into the next "
           "page: the one case that is known to be harmless.")
ZEROPAD_CLASSES = ("implicit_private", "implicit_shared", "first_touch")

# The gfns of VGA memory, option ROMs, and what is below 1 MiB for BIOS tables.
LEGACY = range(0xa0, 0x100)

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


def _was_refused(record):
    """The last PSC of the page was refused."""
    return record["refused"] in ("private", "shared")


def _refused(record):
    """Sentences on a PSC that the VMM refused."""
    age = record.number("refused_age_us")
    said = answer(record["refused_ret"]) if record.number("refused_ret") is not None else "no"
    yield (f"The guest asked for this page to be {record['refused']}, and the VMM refused it"
           f"{'' if age is None else f' {ago(age)} before'}: it answered {said}.")
    if record["class"] == "host" and record["refused"] == record["attr"]:
        yield (f"But KVM's attribute of the page is {record['attr']}: the VMM converted the page "
               "and then said no.")
    elif record["refused"] == record["access"] and record["class"] != "host":
        yield f"The guest used it as {record['access']} all the same."


def _taken_away(record):
    """Sentences on a page that the VMM has discarded."""
    yield (f"The VMM took this page away {ago(record.number('hole_age_us'))} before, by a hole "
           "in guest_memfd. What the guest had there is lost.")
    yield ("The new page is not validated: if the guest dies of a #VC with error code 0x404 of "
           "its own here, this is why.")


def in_short(record):
    """What ends the search, if the record has it; else None."""
    said = []
    if _was_refused(record):
        said += _refused(record)
    if record.number("hole_age_us") is not None:
        said += _taken_away(record)
    if record["class"] == "unbacked":
        said.append("There is no private memory here: these are device registers, ROM, or memory "
                    "without guest_memfd. The C-bit is wrong for this address.")
    if record["class"] == "no_progress":
        said.append(f"vCPU {record['vcpu']} faults at the same page, rightly, without progress: "
                    "the page is in use, for instance as a running vCPU's VMSA.")
    return " ".join(said) or None


def _access(record):
    text = (f"vCPU {record['vcpu']} {OPS.get(record['op'], record['op'])} "
            f"guest frame {record['gfn']} (gpa {record['gpa']}) as {record['access']} memory")
    if record["op"] == "walk":
        text = (f"vCPU {record['vcpu']} used guest frame {record['gfn']} (gpa "
                f"{record['gpa']}) as a page table, which is a private access")
    return text


def _expected(record):
    state, source = record["expected"], record["source"]
    if state == "initial" and record["psc"] in ("private", "shared"):
        return ("what it had asked for holds no more: the VMM has put other memory there "
                "since, or there was none then")
    if state == "initial" and _was_refused(record):
        return ("no request for this page was ever completed, and it was not launched with "
                "the guest")
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


def _verdict(record):
    """What is wrong with the access, as the rest of the sentence."""
    right = record["access"] == record["expected"]
    if record["class"] == "host":
        if record["attr"] == record["access"]:
            return ", rightly. But the VMM had taken the page away."
        return (f", rightly. But KVM's attribute of the page was {record['attr']}: the VMM changed "
                "it by itself.")
    if record["class"] == "in_flight" and right:
        return (f", rightly. But KVM's attribute of the page was {record['attr']} already: the VMM "
                "converts it for another request, and had not answered that yet.")
    if record["class"] == "in_flight":
        return (f", before the VMM had answered a request to make it {record['access']}. Until "
                f"then {_expected(record)}.")
    if record["class"] == "vmpl":
        return ", which the page does not permit at the guest's VMPL."
    if record["class"] == "unbacked":
        return ", where it has no private memory."
    if record["class"] == "no_progress":
        return ", again and again. It may, but nothing comes of it."
    return f", but {_expected(record)}."


def _what(record):
    """What happened, and how often."""
    text = _access(record) + _verdict(record)
    count, repeats = record.number("n"), record.number("repeats")
    if count and count > 1:
        text += f" It is violation {count} of this page."
    if repeats:
        text += f" The same fault came {plural(repeats, 'more time')}."
    suppressed = record.number("suppressed")
    if suppressed:
        text += f" {plural(suppressed, 'record')} before it did not reach the log."
    return text


def _psc(record):
    state = record["psc"]
    if state == "none":
        text = "No page-state change of this page was ever completed."
    elif state == "unknown":
        text = ("Whether the guest ever asked for this page is not known: the VM is older than "
                "the module, its history is lost, or it has asked for more than 32768 distinct "
                "ranges.")
    else:
        age = record.number("psc_age_us")
        pages = record.number("psc_pages")
        range_text = (f"for {record['psc_gfn']}" if pages == 1 else
                      f"for {plural(pages, 'page')} from {record['psc_gfn']} on") if pages else ""
        text = (f"Its last page-state change, to {state}, was asked for by vCPU "
                f"{record['psc_vcpu']} {range_text} and answered "
                f"{ago(age) if age is not None else 'some time'} before.")
    if record["used"] in ("private", "shared"):
        text += (f" The guest has used the page as {record['used']} before, without asking, "
                 "and KVM let it.")
    return text


def _left_to_kvm(record):
    """What KVM does with an access that nobody stops."""
    if record["class"] == "unbacked":
        return "KVM leaves it to the VMM (KVM_EXIT_MEMORY_FAULT)."
    if record["class"] == "vmpl":
        return ("KVM does not change the permissions of a page: the vCPU may come back to it "
                "without end.")
    if record["class"] == "no_progress":
        return "The vCPU goes on trying."
    if record["attr"] == record["access"]:
        return "KVM mapped the page, as it always does."
    return ("KVM left it to the VMM to convert the page (KVM_EXIT_MEMORY_FAULT), as it always "
            "does.")


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
    if record["class"] in NEVER_ACTED_UPON:
        why = " (this class is never acted upon)"
    elif record["mode"] == "lenient":
        why = " (lenient mode)"
    elif record["class"] == "in_flight":
        return ("It was only reported. If strict mode would act upon the access without that "
                "request, the vCPU waits for the VMM's answer. If that is no, a second record "
                "follows.")
    else:
        why = ", since the policy of this class, or the page's history, asks for no more"
    return f"It was only reported{why}. {_left_to_kvm(record)}"


def causes_of(record):
    """The usual causes, those that this record speaks for first; then what to look at."""
    causes, look = CAUSES.get(record["class"], ([], []))
    causes, look, op = list(causes), list(look), record["op"]
    if _was_refused(record) and record["class"] != "host":
        look.insert(0, "Whether the code that asked looks at the answer to its PSC.")
    if record["class"] == "implicit_private" and op == "read":
        causes.append("PVALIDATE, which counts as a read, of a page that is still shared.")
    if record["class"] == "first_touch":
        if op == "read":
            causes.insert(0, "Memory was accepted with PVALIDATE only, which counts as a read, "
                             "without the PSC that has to come before it.")
        else:
            causes.insert(0, "Memory is used before it is accepted. It was no PVALIDATE, which "
                             "counts as a read.")
        if record.gfn in LEGACY:
            causes.insert(0, "A search below 1 MiB for BIOS tables or option ROMs (SMBIOS, MP "
                             "table, VGA), through a mapping with the C-bit set.")
        if record["attr"] == "shared":
            causes.insert(0, "KVM's attribute of the page is shared: the VMM has never made this "
                             "memory private, or has taken that back.")
    if op == "read" and record["class"] in ZEROPAD_CLASSES:
        causes.append(ZEROPAD)
    return causes, look


def neighbours(host, record):
    """A sentence about PSCs that end or begin at this page: the off-by-one.

    Only while the VM is there and we may look; else nothing.  Where the VMM has refused
    a request, that is the reason, and not a neighbour.
    """
    if (host is None or record.gfn is None or in_short(record) or
            record["class"] in ("host", "vmpl", "in_flight")):
        return None
    try:
        lines = list(vms.Vm(host, int(record["vm"])).open_debug("psc_history"))
    except (RmpctlError, VmGone, OSError, ValueError):
        return None
    before, after = _adjacent(lines, record.gfn, record["access"], record.number("psc_seq"))
    asked = "request" if before and before[2] == 1 else "requests"
    if before:
        size = plural(before[1] - before[0], "page")
        return (f"The page right in front of it belongs to {before[2]} {asked} to "
                f"{record['access']} ({size} from {before[0]:#x} on): this is an access over "
                "the end of that buffer, or the request was too short.")
    if after:
        size = plural(after[1] - after[0], "page")
        return (f"The page right after it belongs to a request to {record['access']} ({size} "
                f"from {after[0]:#x} on): this is an access in front of that buffer, or the "
                "request began too late.")
    return None


def _completed(lines, until):
    """(first, end, state) of the completed PSCs, the last one first; until that number."""
    out = []
    for line in lines:
        pairs = parse_pairs(line)
        first, pages = number(pairs.get("gfn")), number(pairs.get("pages"))
        if first is None or pages is None or pairs.get("result") != "completed":
            continue
        if until is None or (number(pairs.get("seq")) or 0) <= until:
            out.append((first, first + pages, pairs.get("to")))
    return out[::-1]


def _reach(pscs, page, access, step):
    """How far pages from this one on, in steps of 1 or -1, were last asked to be so.

    (the last of them, the number of requests), or None if the first one is not.
    """
    found, used = None, set()
    while True:
        for i, (first, end, state) in enumerate(pscs):
            if first <= page < end:
                break
        else:
            return found
        if state != access:
            return found
        used.add(i)
        # As far as this request goes, or to what was asked for later.
        later = pscs[:i]
        if step > 0:
            edge = min([first for first, _, _ in later if first > page] + [end]) - 1
        else:
            edge = max([end for _, end, _ in later if end <= page] + [first])
        found, page = (edge, len(used)), edge + step


def _adjacent(lines, gfn, access, until=None):
    """What was last asked to be as the access, and ends or begins at a page.

    Each is (first, end, requests), or None.  Requests that meet are taken together: a
    guest that uses the MSR protocol asks for a buffer page by page.
    """
    pscs = _completed(lines, until)
    before, after = _reach(pscs, gfn - 1, access, -1), _reach(pscs, gfn + 1, access, 1)
    return (before and (before[0], gfn, before[1]),
            after and (gfn + 1, after[0] + 1, after[1]))


def as_json(host, record):
    causes, look = causes_of(record)
    return {"record": record.as_json(), "who": _who(host, record), "in_short": in_short(record),
            "what": _what(record), "expected": _expected(record), "last_psc": _psc(record),
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
    yield f"{record['class']}: {said['who']}"
    yield ""
    if said["in_short"]:
        yield from _wrapped("  in short       ", said["in_short"])
    yield from _wrapped("  what happened  ", said["what"])
    if record["class"] != "unbacked":
        yield from _wrapped("  last request   ", said["last_psc"])
    if said["neighbours"]:
        yield from _wrapped("  next to it     ", said["neighbours"])
    yield from _wrapped("  what was done  ", said["outcome"])
    for i, cause in enumerate(said["causes"]):
        yield from _wrapped("  usual causes   " if not i else "                 ", "- " + cause)
    for i, look in enumerate(said["look_at"]):
        yield from _wrapped("  in the guest   " if not i else "                 ", "- " + look)
