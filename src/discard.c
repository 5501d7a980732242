// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holes that the VMM punches into a guest_memfd.  In the course of a conversion to
 * shared KVM's attribute is shared already; with a private page the guest loses what
 * it had there, and gets #VC 0x404 from the hardware when it comes back.
 */
#include "discard.h"

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "compat.h"
#include "hook.h"
#include "slots.h"
#include "vm.h"
#include "vm_table.h"

#define MAX_RUNS	1024

/* Gfns [first, end) whose private pages are about to go. */
struct run {
	gfn_t first;
	gfn_t end;
};

/**
 * struct hole - a hole that is about to be punched
 * @kvm: whose memory it is in
 * @run: what of it matters to the guest; allocated if anything does
 * @nr: how many
 * @incomplete: there were more, or no memory
 */
struct hole {
	struct kvm *kvm;
	struct run *run;
	unsigned int nr;
	bool incomplete;
};

static void add_page(struct hole *h, gfn_t gfn)
{
	struct run *last = h->nr ? &h->run[h->nr - 1] : NULL;

	if (!kvm_mem_is_private(h->kvm, gfn))
		return;
	if (last && last->end == gfn) {
		last->end++;
		return;
	}
	if (!h->run)
		h->run = kvmalloc_array(MAX_RUNS, sizeof(*h->run), GFP_KERNEL_ACCOUNT);
	if (!h->run || h->nr == MAX_RUNS)
		h->incomplete = true;
	else
		h->run[h->nr++] = (struct run){ gfn, gfn + 1 };
}

/* The pages of [first, end), in the file, that are there. */
static void collect(struct hole *h, struct file *file, const struct rmpe_backing *b,
		    pgoff_t first, pgoff_t end)
{
	struct xarray *pages = &file->f_mapping->i_pages;
	unsigned long gfn = b->offset + first, i;
	void *folio;

	/* None is private: a conversion, as QEMU makes it. */
	if (!xa_find(&h->kvm->mem_attr_array, &gfn, b->offset + end - 1, XA_PRESENT))
		return;
	xa_for_each_range(pages, i, folio, first, end - 1) {
		unsigned long n = BIT(xa_get_order(pages, i));
		pgoff_t page = max(ALIGN_DOWN(i, n), first);
		pgoff_t last = min(ALIGN_DOWN(i, n) + n, end);

		for (; page < last; page++)
			add_page(h, b->offset + page);
		cond_resched();
	}
}

/*
 * The VM's memory from @gfn on that shows pages of the hole: the first part of it.  False
 * if there is none; @more: there are others.
 */
static bool next_backing(struct rmpe_vm *vm, const struct inode *inode, pgoff_t first,
			 pgoff_t end, gfn_t gfn, struct rmpe_backing *b, bool *more)
{
	unsigned int i, found = 0;

	mutex_lock(&vm->lock);
	for (i = 0; i < vm->backings.nr; i++) {
		const struct rmpe_backing *e = &vm->backings.entry[i];

		if (e->inode != inode || e->end <= gfn || first >= e->end - e->offset ||
		    end <= e->first - e->offset)
			continue;
		if (!found++ || e->first < b->first)
			*b = *e;
	}
	mutex_unlock(&vm->lock);
	*more = found > 1;
	return found;
}

/* The same file may be mapped in pieces.  To look through them may take long. */
static void look(struct rmpe_vm *vm, struct hole *h, struct file *file, pgoff_t first,
		 pgoff_t end)
{
	struct rmpe_backing b;
	bool more = true;
	gfn_t gfn = 0;

	while (more && next_backing(vm, file_inode(file), first, end, gfn, &b, &more)) {
		const gfn_t from = max(b.first, gfn);

		collect(h, file, &b, max(first, from - b.offset),
			min(end, b.end - b.offset));
		gfn = b.end;
	}
}

static void settle(struct rmpe_vm *vm, struct kvm *kvm)
{
	int idx = srcu_read_lock(&kvm->srcu);

	mutex_lock(&vm->lock);
	rmpe_slots_settle(vm, kvm);
	mutex_unlock(&vm->lock);
	srcu_read_unlock(&kvm->srcu, idx);
}

static void take_down(struct rmpe_vm *vm, const struct hole *h)
{
	struct rmpe_map_event ev = { .when_ns = ktime_get_ns() };
	unsigned int i;

	for (i = 0; i < h->nr; i++) {
		ev.gfn = h->run[i].first;
		ev.npages = h->run[i].end - h->run[i].first;
		rmpe_map_add(&vm->holes, &ev);
		rmpe_count(&vm->counters.pages_discarded, ev.npages);
	}
	if (h->incomplete)
		vm->holes.lost = true;
	rmpe_vm_update_watch(vm);
}

DEFINE_STATIC_CALL_NULL(rmpe_kvm_fallocate, kvm_gmem_fallocate);

/*
 * kvm_gmem_fallocate() of an SNP VM.  fallocate(2): process context, may sleep, no lock
 * held.
 */
static long gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct hole h = { .kvm = rmpe_gmem_kvm(file) };
	struct rmpe_vm *vm;
	long r;

	rmpe_hook_enter();
	vm = rmpe_vm_find(h.kvm);
	if (vm && mode & FALLOC_FL_PUNCH_HOLE) {
		if (rmpe_vm_watch(vm) & RMPE_WATCH_SLOT)
			settle(vm, h.kvm);
		look(vm, &h, file, offset >> PAGE_SHIFT, (offset + len) >> PAGE_SHIFT);
	}
	r = static_call(rmpe_kvm_fallocate)(file, mode, offset, len);
	if (!r && (h.nr || h.incomplete)) {
		mutex_lock(&vm->lock);
		take_down(vm, &h);
		mutex_unlock(&vm->lock);
	}
	kvfree(h.run);
	rmpe_hook_leave();
	return r;
}

static unsigned long notrace vm_type(struct ftrace_regs *fregs)
{
	const struct file *file = (void *)ftrace_regs_get_argument(fregs, 0);

	return rmpe_gmem_kvm(file)->arch.vm_type;
}

struct rmpe_hook rmpe_hook_gmem_fallocate = {
	.name		= "kvm_gmem_fallocate",
	.prototype	= "s64(struct file *, s32, s64, s64)",
	.wrapper	= gmem_fallocate,
	RMPE_ORIGINAL(rmpe_kvm_fallocate),
	.vm_type	= vm_type,
	.without	= "private memory that a VMM discards will not be shown",
};
