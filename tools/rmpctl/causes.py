# SPDX-License-Identifier: GPL-2.0-only
"""By class: what usually causes a violation, and what to look at in the guest.

Only what the record does not speak against is named: a write is no PVALIDATE, and what
was asked for and refused was not forgotten.
"""

import collections

# when: whether a record leaves this possible.
Cause = collections.namedtuple("Cause", "text when")

# The gfns of VGA memory; and of that, option ROMs, and BIOS tables.
VGA = range(0xa0, 0xc0)
LEGACY = range(0xa0, 0x100)


def _always(_):
    return True


def _by(*ops):
    return lambda r: r["op"] in ops


def _not_refused(record):
    return not record.was_refused_this


def _both(one, other):
    return lambda r: one(r) and other(r)


def _asked_once(record):
    """Nobody has said that the guest never asked for this page."""
    return record["psc"] != "none"


def _never_asked(record):
    return record["psc"] not in ("private", "shared") and not record.was_refused


REFUSED = Cause("The VMM refused the guest's request for this page, and the guest did not heed "
                "that.", lambda r: r.was_refused_this)

ZEROPAD = Cause("load_unaligned_zeropad() of Linux reads over the end of a string into the next "
                "page: the one case that is known to be harmless.", _by("read"))

# By class: the usual causes, most telling first; then what to look at.
CAUSES = {
    "implicit_private": (
        [REFUSED,
         Cause("A PSC back to private was forgotten, or skipped: an early return for short "
               "ranges, an off-by-one at the end of a range, an error path.",
               lambda r: not r.was_refused_this and r["source"] != "attribute"),
         Cause("The page was shared before the module was loaded. Who made it so is not known.",
               lambda r: r["source"] == "attribute"),
         Cause("Somebody still uses a private mapping of a buffer that is shared with the host "
               "now: a second mapping, or another object on the same page.",
               _by("read", "write")),
         Cause("PVALIDATE, which counts as a read, of a page that is still shared.", _by("read")),
         Cause("The guest runs code in a page that is shared with the host: the page was freed "
               "without a PSC back to private, or the jump was wrong.", _by("fetch")),
         Cause("A page table lies in a page that is shared with the host: the page was freed "
               "without a PSC back to private, or a page-table entry above it is wrong.",
               _by("walk")),
         ZEROPAD],
        ["Where this page was made shared (set_memory_decrypted(), dma_alloc_coherent(), "
         "swiotlb, the GHCB of a vCPU), and whether whoever frees it makes it private again.",
         "Page tables: which mappings of this page have the C-bit set?"]),
    "implicit_shared": (
        [REFUSED,
         Cause("A buffer for the host (GHCB, virtio ring, bounce buffer) is used before its PSC.",
               _not_refused),
         Cause("An access runs over the end of a buffer that is shared, or in front of it.",
               _not_refused),
         Cause("A shared mapping is still used after the page was made private again.",
               _both(_asked_once, _not_refused)),
         ZEROPAD],
        ["Who maps this page with the C-bit clear (pgprot_decrypted(), early mappings of "
         "firmware, kexec and kdump code)?",
         "Whether the size that was given to the PSC is the size that is used."]),
    "first_touch": (
        [REFUSED,
         Cause("KVM's attribute of the page is shared: the VMM has never made this memory "
               "private, or has taken that back.", lambda r: r["attr"] == "shared"),
         Cause("The VMM has removed memory that the guest had asked for, or put other memory in "
               "its place. The guest has to ask again.",
               lambda r: r["psc"] in ("private", "shared")),
         Cause("A search below 1 MiB for BIOS tables or option ROMs (SMBIOS, MP table, VGA), "
               "through a mapping with the C-bit set.",
               lambda r: r["op"] == "read" and r.gfn in LEGACY),
         Cause("VGA memory, written through a mapping with the C-bit set.",
               lambda r: r["op"] == "write" and r.gfn in VGA),
         Cause("Memory was accepted with PVALIDATE only, which counts as a read, without the PSC "
               "that has to come before it.", _both(_by("read"), _never_asked)),
         Cause("Memory is used before it is accepted.", _by("read")),
         Cause("Memory is used before it is accepted. It was no PVALIDATE, which counts as a "
               "read.", _by("write")),
         Cause("The guest jumps to memory that it has not accepted: the address is wrong, or the "
               "code was loaded by somebody else.", _by("fetch")),
         Cause("A page table is in memory that the guest has not accepted, or a page-table entry "
               "above it is wrong.", _by("walk")),
         Cause("The guest never asks for private memory at all, and nobody has insisted so far.",
               lambda r: (r["op"] in ("read", "write") and r["psc"] == "none" and
                          not r.was_refused)),
         ZEROPAD],
        ["The code that accepts memory: boot stub, unaccepted-memory support, memory "
         "hotplug. Each range needs a PSC to private, then PVALIDATE."]),
    "initial_shared": (
        [REFUSED,
         Cause("The guest used a page as shared that it never asked for. The architecture leaves "
               "pages in that state, so it is accepted, and reported once for each page.",
               _never_asked),
         Cause("OVMF's SEC phase does so with its GHCB page.", _never_asked),
         Cause("The VMM has removed memory that the guest had asked for, or put other memory in "
               "its place. The guest has to ask again.",
               lambda r: r["psc"] in ("private", "shared"))],
        ["Firmware and early boot code: a hypervisor that insists on a PSC would not run it."]),
    "in_flight": (
        [Cause("One vCPU asked for the page, and another used it before the host had answered.",
               _always)],
        ["Who publishes the page to other vCPUs, and whether only after the PSC has returned."]),
    "vmpl": (
        [Cause("The page does not permit this access at the guest's VMPL. It is not about page "
               "states: look at RMPADJUST in the SVSM or paravisor.", _always)],
        ["The permissions that VMPL0 gave to this page."]),
    "host": (
        [Cause("The VMM punched a hole into guest_memfd: ballooning, memory hotplug, a discard of "
               "memory.", lambda r: r["attr"] == r["access"]),
         Cause("The VMM changed KVM's attribute (KVM_SET_MEMORY_ATTRIBUTES) without a request, or "
               "not as it answered one.", lambda r: r["attr"] != r["access"])],
        ["Nothing in the guest: this is never held against it."]),
    "unbacked": (
        [Cause("Device registers, option ROM or firmware flash are mapped with the C-bit set.",
               _by("read", "write")),
         Cause("The guest runs code from firmware flash or an option ROM, which is always a "
               "private access.", _by("fetch")),
         Cause("A page-table entry points to an address that is no memory for page tables.",
               _by("walk")),
         Cause("The VMM gave the guest no guest_memfd for this memory.", _always),
         Cause("An address that is wrong: there is no memory at all.", _always)],
        ["Which mapping leads here, and who made it without clearing the C-bit "
         "(ioremap_encrypted(), memremap(), an early identity mapping)?"]),
    "no_progress": (
        [Cause("A page is used as VMSA of a vCPU that runs (AP_CREATE), and written meanwhile: "
               "the processor refuses that until the vCPU has stopped.", _by("write")),
         Cause("The page is in use in a way that KVM can't change.", _always)],
        ["Which vCPU has its VMSA at this page, and whether it still runs: kdump and kexec "
         "have to stop APs before they take their pages."]),
}


def of(record):
    """The usual causes that this record does not speak against; then what to look at."""
    causes, look = CAUSES.get(record["class"], ([], []))
    look = list(look)
    if record.was_refused and record["class"] != "host":
        look.insert(0, "Whether the code that asked looks at the answer to its PSC.")
    return [c.text for c in causes if c.when(record)], look
