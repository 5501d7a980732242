# SPDX-License-Identifier: GPL-2.0-only
"""A record in words: what happened, what usually causes it, what to look at."""

import textwrap

from . import causes, domain as domains, psc, sites, vm as vms
from .classes import NEVER_ACTED_UPON
from .errors import RmpctlError, VmGone
from .host import MODULE
from .neighbours import adjacent
from .printable import printable
from .record import ORDER
from .units import ago, plural

OPS = {"read": "read from", "write": "wrote to", "fetch": "fetched an instruction from",
       "walk": "used as a page table"}

ESCALATED = {
    "protected_mode_off": "the vCPU was in real mode, where #VC can't be delivered",
    "event_pending": "another interrupt or exception was just being delivered and would "
                     "have been lost",
    "no_progress": "the guest came back to the same access 16 times",
}


def home(host, record):
    """The host, if the record is of a VM that is here now; else None.

    Of another host, or from before the module was loaded anew, a VM with the same number
    is another one.
    """
    if host is None or record.earlier_load:
        return None
    pid = host.read_or(None, MODULE, "vms", record["vm"], "pid") if record["vm"].isdigit() else None
    return host if pid is not None and pid == record["pid"] else None


def domain_of(host, record):
    """The domain of a record's VM, as far as the record or the host knows it."""
    if record.domain is not None or host is None or record.earlier_load:
        return record.domain
    return domains.name_of_vm(host, record["vm"], record["pid"])


def _who(host, record):
    name = domain_of(host, record)
    name = f"domain {printable(name)}, " if name else ""
    load = " of an earlier load of the module" if record.earlier_load else ""
    where = f" on {printable(record.host)}" if record.host else ""
    process = f"pid {record['pid']}" if record.has("pid") else "pid not known"
    process += f", {record['comm']}" if record.has("comm") else ""
    return f"VM {record['vm']}{load}{where} ({name}{process})"


def _refused(record):
    """Sentences on a PSC that the VMM refused."""
    age = record.number("refused_age_us")
    said = psc.answer(record["refused_ret"]) if record.number("refused_ret") is not None else "no"
    yield (f"The guest asked for this page to be {record['refused']}, and the VMM refused it"
           f"{'' if age is None else f' {ago(age)} before'}: it answered {said}.")
    if record["class"] == "host" and record["refused"] == record["attr"]:
        yield (f"But KVM's attribute of the page is {record['attr']}: what the VMM answered is "
               "not what it did.")
    elif record.was_refused_this and record["class"] != "host":
        yield f"The guest used it as {record['access']} all the same."


def _taken_away(record):
    """Sentences on a page that the VMM has discarded."""
    yield (f"The VMM took this page away {ago(record.number('hole_age_us'))} before, by a hole "
           "in guest_memfd. What the guest had there is lost.")
    if record["access"] == "private":
        yield ("The new page is not validated: if the guest dies of a #VC with error code 0x404 "
               "of its own here, this is why.")


def in_short(record):
    """What ends the search, if the record has it; else None."""
    said = []
    if record.was_refused:
        said += _refused(record)
    if record.number("hole_age_us") is not None:
        said += _taken_away(record)
    if record["class"] == "unbacked":
        said.append("There is no private memory here: these are device registers, ROM, memory "
                    "without guest_memfd, or nothing at all. Unless the VMM should have given "
                    "guest_memfd, the C-bit is wrong for this address.")
    if record["class"] == "no_progress":
        said.append(f"vCPU {record['vcpu']} faults at the same page, rightly, without progress: "
                    "the page is in use, for instance as a running vCPU's VMSA.")
    return " ".join(said) or None


def _vcpu(record, key):
    """Somebody may have left out a part of the record."""
    return f"vCPU {record[key]}" if record.has(key) else "a vCPU"


def _access(record):
    gpa = f" (gpa {record['gpa']})" if record.has("gpa") else ""
    where = f"guest frame {record['gfn']}{gpa}"
    if record["op"] == "walk":
        return f"{_vcpu(record, 'vcpu')} used {where} as a page table, which is a private access"
    did = OPS.get(record["op"], record["op"]) if record.has("op") else "used"
    return f"{_vcpu(record, 'vcpu')} {did} {where} as {record['access']} memory"


def _expected(record):
    state, source = record["expected"], record["source"]
    if not record.has("expected"):
        return "what state the page was in is not known"
    if state == "initial" and record["psc"] in ("private", "shared"):
        return ("what it had asked for holds no more: the VMM has put other memory there "
                "since, or there was none then")
    if state == "initial" and record.was_refused:
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
    return f"the page was {state}" + (f" ({why})" if record.has("source") else "")


def _host_did(record):
    """Why an access that is right is not in order."""
    if not record.has("attr"):
        return "But the VMM had changed the page."
    if record["attr"] == record["access"]:
        return "But the VMM had taken the page away."
    text = f"But KVM's attribute of the page was {record['attr']}: "
    if record["refused"] == record["attr"]:
        return text + "the VMM refused that request, but the page is as it asked."
    if record["source"] == "psc":
        return text + ("the VMM did not do what it answered to the guest's request, or has "
                       "changed the page since.")
    return text + "the VMM changed it by itself."


def _verdict(record):
    """What is wrong with the access, as the rest of the sentence."""
    right = record["access"] == record["expected"]
    if record["class"] == "host":
        return f", rightly. {_host_did(record)}"
    if record["class"] == "in_flight" and right:
        return (f", rightly. But KVM's attribute of the page was {record['attr']} already: the VMM "
                "converts it for another request, and had not answered that yet.")
    if record["class"] == "in_flight" and record["expected"] == "initial":
        return (f", before the VMM had answered a request to make it {record['access']}. No other "
                "request for this page holds, and it was not launched with the guest.")
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
    if not record.has("psc"):
        text = "What the guest asked for last is not known: the record is cut before psc=."
    elif state == "none":
        text = "No page-state change of this page was ever completed."
    elif state == "unknown":
        text = ("Its last page-state change, if there was one, is not known: the VM is older "
                "than the module, its history is lost, or it has asked for more than 32768 "
                "distinct ranges.")
    elif not record.has("psc_pages"):
        text = f"Its last page-state change was to {state}. The record is cut there."
    else:
        age = record.number("psc_age_us")
        pages = record.number("psc_pages")
        first = record["psc_gfn"] if record.has("psc_gfn") else "a page that is not known"
        range_text = (f" for {first}" if pages == 1 else
                      f" for {plural(pages, 'page')} from {first} on") if pages else ""
        text = (f"Its last page-state change, to {state}, was asked for by "
                f"{_vcpu(record, 'psc_vcpu')}{range_text} and answered "
                f"{ago(age) if age is not None else 'some time'} before.")
    if record["used"] in ("private", "shared"):
        text += (f" The guest has used the page as {record['used']} before, without asking, "
                 "and KVM let it.")
    return text


def ring(cpl):
    """Who runs at a privilege level, a number or None."""
    return {0: "the guest's kernel", 3: "a process in user mode", None: "the guest"}.get(
        cpl, f"the guest, at privilege level {cpl},")


def where(record, names=None):
    """Where the guest was, and where when it asked for the page; None if neither is known.

    names is {at: what is at that address}.
    """
    said = []
    for at, key, cpl in ((sites.ACCESS, "rip", "cpl"), (sites.REQUEST, "psc_rip", "psc_cpl")):
        if record.number(key) is None:
            continue
        by = ring(record.number(cpl))
        who = (f"{by.capitalize()} was" if at == sites.ACCESS else
               f"The last request was made by {by}")
        name = (names or {}).get(at)
        said.append(f"{who} at {record[key]}" + (f", {name}." if name else "."))
    return " ".join(said) or None


def sites_of(host, record):
    """(seq, {at: site}) that debugfs has of a record, or None; only while the VM is there."""
    host = home(host, record)
    if host is None or (record.number("rip") is None and record.number("psc_rip") is None):
        return None
    try:
        vm = vms.Vm(host, int(record["vm"]))
        kept = record if record.has("seq") else _kept(vm, record)
        return next(((seq, found) for seq, found in sites.of_vm(vm) or ()
                     if kept is not None and seq == kept.number("seq")), None)
    except (RmpctlError, VmGone, OSError, ValueError):
        return None


def _left_to_kvm(record):
    """What KVM does with an access that nobody stops."""
    if record["class"] == "unbacked":
        return "KVM leaves it to the VMM (KVM_EXIT_MEMORY_FAULT)."
    if record["class"] == "vmpl":
        return ("KVM does not change the permissions of a page: the vCPU may come back to it "
                "without end.")
    if record["class"] == "no_progress":
        return "The vCPU goes on trying."
    if not record.has("attr"):
        return "What KVM did then is not known."
    if record["attr"] == record["access"]:
        return "KVM mapped the page, as it always does."
    return ("KVM left it to the VMM to convert the page (KVM_EXIT_MEMORY_FAULT), as it always "
            "does.")


def _cut(record):
    """The last key that is whole. Whoever wrote the log may have keys of his own."""
    return printable(record.cut_after)


def _outcome(record):
    if not record.has("action"):
        return (f"That is not known: the record is cut after {_cut(record)}=. The whole one is "
                "in the kernel log and in last_violation.")
    if record["action"] == "vc":
        text = ("The access did not happen. The guest got #VC with error code 0x404 at that "
                "instruction. ")
        if record.number("cpl") == 3:
            return text + "Linux sends SIGBUS to the process."
        if record.number("cpl") == 0:
            return text + "In the kernel, that makes Linux ask the host to end it."
        return text + ("Linux sends SIGBUS to the process. If it was in the kernel, Linux "
                       "asks the host to end it; linux-guest.md says how to see where that was.")
    if record["action"] == "terminate":
        why = ESCALATED.get(record["escalated"])
        if why:
            return f"The guest was ended; it will not run again. #VC was asked for, but {why}."
        return ("The guest was ended; it will not run again" +
                (", as configured." if record.has("escalated") else "."))
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


def _kept(vm, record):
    """The same record in debugfs, of one from the log, or None."""
    def body(r):
        return {k: v for k, v in r.pairs.items()
                if k in ORDER and k not in ("repeats", "suppressed")}

    return next((kept for kept in vm.violations() if body(kept) == body(record)), None)


def _seen_at(vm, record):
    """After which PSC of its VM the record was made, or None if that is not known.

    debugfs has that beside its records; for one from the log, look there for the same.
    """
    if record.has("psc_seq"):
        return record.number("psc_seq")
    kept = _kept(vm, record)
    return kept.number("psc_seq") if kept else None


def neighbours(host, record):
    """A sentence about PSCs that end or begin at this page: the off-by-one.

    Only while the VM is there and we may look; else nothing.  Where the VMM has refused
    a request, that is the reason, and not a neighbour.
    """
    host = home(host, record)
    if (host is None or record.gfn is None or in_short(record) or
            record["class"] in ("host", "vmpl", "in_flight")):
        return None
    try:
        vm = vms.Vm(host, int(record["vm"]))
        until = _seen_at(vm, record)
        if until is None:
            return None     # what was asked for since would count
        pscs = list(psc.read(vm.open_debug("psc_history")))
    except (RmpctlError, VmGone, OSError, ValueError):
        return None
    before, after = adjacent(pscs, record.gfn, record["access"], until)
    shared = record["access"] == "shared"
    asked = "request" if before and before[2] == 1 else "requests"
    if before:
        size = plural(before[1] - before[0], "page")
        return (f"The page right in front of it belongs to {before[2]} {asked} to "
                f"{record['access']} ({size} from {before[0]:#x} on). " +
                ("So this may be an access over the end of that buffer, or the request was too "
                 "short." if shared else "So the request may have been too short."))
    if after:
        size = plural(after[1] - after[0], "page")
        return (f"The page right after it belongs to a request to {record['access']} ({size} "
                f"from {after[0]:#x} on). " +
                ("So this may be an access in front of that buffer, or the request began too "
                 "late." if shared else "So the request may have begun too late."))
    return None


def as_json(host, record, names=None):
    """names is that of where()."""
    usual, look = causes.of(record)
    kept = sites_of(host, record)
    return {"record": record.as_json(), "who": _who(host, record), "in_short": in_short(record),
            "what": _what(record), "expected": _expected(record), "last_psc": _psc(record),
            "where": where(record, names), "site": kept and kept[0],
            "neighbours": neighbours(host, record), "outcome": _outcome(record),
            "guest_error": record.is_guest_error, "cut_after": record.cut_after,
            "causes": usual, "look_at": look}


def wrapped(first, text, width=88):
    """Lines of a paragraph; those that follow begin below the first one's text."""
    hang = len(first) + (2 if text.startswith("- ") else 0)
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=" " * hang,
                         break_on_hyphens=False)


def text(host, record, names=None):
    """Lines for a person; names is that of where()."""
    said = as_json(host, record, names)
    yield f"{record['class']}: {said['who']}"
    yield ""
    if said["in_short"]:
        yield from wrapped("  in short       ", said["in_short"])
    yield from wrapped("  what happened  ", said["what"])
    if record["class"] != "unbacked":
        yield from wrapped("  last request   ", said["last_psc"])
    if said["where"]:
        more = (f" 'rmpctl where {record['vm']} {said['site']}' shows the code and the stack."
                if said["site"] is not None else "")
        yield from wrapped("  in its code    ", said["where"] + more)
    if said["neighbours"]:
        yield from wrapped("  next to it     ", said["neighbours"])
    yield from wrapped("  what was done  ", said["outcome"])
    if record.cut_after and record.has("action"):
        yield from wrapped("  not known      ", f"The record is cut after {_cut(record)}=.")
    for i, cause in enumerate(said["causes"]):
        yield from wrapped("  usual causes   " if not i else "                 ", "- " + cause)
    for i, look in enumerate(said["look_at"]):
        yield from wrapped("  in the guest   " if not i else "                 ", "- " + look)
