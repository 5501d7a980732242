// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are populated at launch: private from the start, although the guest never
 * asked.
 */
#include "launch.h"

#include <linux/kvm_host.h>

#include "compat.h"
#include "hook.h"
#include "life.h"
#include "slots.h"
#include "vm.h"

static void launched(struct kvm *kvm, gfn_t gfn, long npages)
{
	struct rmpe_vm *vm = rmpe_vm_find_or_adopt(kvm);

	if (!vm)
		return;
	mutex_lock(&vm->lock);
	rmpe_slots_settle(vm, kvm);
	rmpe_count(&vm->counters.launch_pages, npages);
	rmpe_vm_set_asked(vm, gfn, npages, RMPE_PAGE_LAUNCHED);
	mutex_unlock(&vm->lock);
}

DEFINE_STATIC_CALL_NULL(rmpe_kvm_populate, kvm_gmem_populate);

/*
 * kvm_gmem_populate() of an SNP VM, which returns how many pages it did.
 * SNP_LAUNCH_UPDATE: process context, kvm->slots_lock held.
 */
static long populate(struct kvm *kvm, gfn_t gfn, void __user *src, long npages,
		     RMPE_POPULATE_PARAM kvm_gmem_populate_cb post_populate, void *opaque)
{
	long r;

	rmpe_hook_enter();
	r = static_call(rmpe_kvm_populate)(kvm, gfn, src, npages,
					   RMPE_POPULATE_ARG post_populate, opaque);
	if (r > 0)
		launched(kvm, gfn, r);
	rmpe_hook_leave();
	return r;
}

struct rmpe_hook rmpe_hook_populate = {
	.name		= "kvm_gmem_populate",
	.prototype	= "s64(struct kvm *, u64, void *, s64, " RMPE_POPULATE_BTF
			  "fn *, void *)",
	.wrapper	= populate,
	RMPE_ORIGINAL(rmpe_kvm_populate),
	.vm_type	= rmpe_hook_type_of_kvm,
};
