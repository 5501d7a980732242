// SPDX-License-Identifier: GPL-2.0-only
/*
 * A look into a guest_memfd.
 */
#include "gmem.h"

#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/pagemap.h>

#include "compat.h"

/**
 * rmpe_gmem_pfn() - the page that a guest_memfd holds for a gfn
 * @slot: the gfn's memslot, or NULL
 * @gfn: the gfn
 * @pfn: set to the page
 *
 * Looks only: nothing is allocated, and nothing of the page is read.  It is not held, and
 * may be another VM's a moment later.
 *
 * Context: kvm->srcu (read) held; may sleep.
 * Return: false if there is none.
 */
bool rmpe_gmem_pfn(const struct kvm_memory_slot *slot, gfn_t gfn, u64 *pfn)
{
	struct folio *folio;
	struct file *file;
	pgoff_t index;

	if (!rmpe_slot_has_gmem(slot))
		return false;
	file = get_file_active((struct file **)&slot->gmem.file);
	if (!file)
		return false;
	index = gfn - slot->base_gfn + slot->gmem.pgoff;
	folio = filemap_get_folio(file->f_mapping, index);
	if (!IS_ERR(folio)) {
		*pfn = page_to_pfn(folio_file_page(folio, index));
		folio_put(folio);
	}
	fput(file);
	return !IS_ERR(folio);
}
