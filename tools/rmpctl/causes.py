# SPDX-License-Identifier: GPL-2.0-only
"""By class: what usually causes a violation, and what to look at in the guest."""

# By class: the usual causes, then what to look at.
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


def of(record):
    """The usual causes, those that this record speaks for first; then what to look at."""
    causes, look = CAUSES.get(record["class"], ([], []))
    causes, look, op = list(causes), list(look), record["op"]
    if record.was_refused and record["class"] != "host":
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
