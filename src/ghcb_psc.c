// SPDX-License-Identifier: GPL-2.0-only
/*
 * PSC requests, from request to answer.
 *
 * A guest asks through the GHCB MSR protocol or the GHCB page; KVM decodes the
 * request and leaves KVM_RUN with KVM_EXIT_HYPERCALL, KVM_HC_MAP_GPA_RANGE, one
 * contiguous range at a time (arch/x86/kvm/svm/sev.c, snp_begin_psc(), snp_do_psc()).  The
 * VMM converts the range, puts its answer into run->hypercall.ret and enters
 * again.  KVM takes the answer, and tells the guest, when it calls
 * vcpu->arch.complete_userspace_io (arch/x86/kvm/x86.c,
 * kvm_arch_vcpu_ioctl_run()).  An entry may fail before that, and then the PSC is
 * not answered yet; so that function is ours while a PSC waits, and KVM's is called
 * from it.
 *
 * We never look at the guest's buffer, which the guest can change while we look.  The
 * range is copied when KVM has just written it: the run page is shared with the VMM.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "ghcb_psc.h"

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/kvm_host.h>
#include <linux/kvm_para.h>
#include <linux/ktime.h>
#include <linux/minmax.h>

#include "compat.h"
#include "in_flight.h"
#include "rmpe_trace.h"
#include "site.h"
#include "site_taker.h"
#include "slots.h"
#include "vm.h"
#include "vm_table.h"

/* What an event has room for. */
static_assert(BIT(14) >= KVM_MAX_VCPU_IDS);
static_assert(sizeof(struct rmpe_psc_kept) == 32);

static int psc_complete(struct kvm_vcpu *vcpu);

static bool is_new_psc(const struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->hypercall.nr) == KVM_HC_MAP_GPA_RANGE &&
	       vcpu->arch.complete_userspace_io &&
	       vcpu->arch.complete_userspace_io != psc_complete;
}

/* Only @vcpu's own KVM_RUN begins a PSC, or ends it. */
static void psc_begin(struct rmpe_vm *vm, struct rmpe_vcpu *v, struct kvm_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	struct rmpe_psc *psc = &v->psc;
	u64 flags = READ_ONCE(run->hypercall.args[2]);

	psc->to_private = flags & KVM_MAP_GPA_RANGE_ENCRYPTED;
	psc->gfn = gpa_to_gfn(READ_ONCE(run->hypercall.args[0]));
	psc->npages = READ_ONCE(run->hypercall.args[1]);
	psc->nr = atomic64_inc_return(&vm->psc_requests);
	psc->nr_early = 0;
	if (unlikely(psc->site)) {
		rmpe_site_put(psc->site);
		psc->site = NULL;
	}
	psc->complete = vcpu->arch.complete_userspace_io;
	vcpu->arch.complete_userspace_io = psc_complete;
	v->progress.faults = 0;		/* whoever asks gets somewhere */
	/* Pairs with rmpe_in_flight(), which does not see half of it. */
	smp_store_release(&psc->active, true);
	trace_psc_request(vm->id, vm->pid, vcpu->vcpu_id, psc, 0);
}

/**
 * struct recorder - a completed PSC on its way into the tracker
 * @vm: the VM
 * @state: what the PSC asked for
 * @nr: how many parts of its range were recorded
 * @redundant: all of them were asked to be so already
 */
struct recorder {
	struct rmpe_vm *vm;
	enum rmpe_page_state state;
	unsigned int nr;
	bool redundant;
};

static void record_part(struct recorder *r, gfn_t first, gfn_t end)
{
	r->nr++;
	r->redundant = r->redundant &&
		       rmpe_vm_all_asked(r->vm, first, end - first, r->state);
	rmpe_vm_set_asked(r->vm, first, end - first, r->state);
}

/*
 * A slot may be away for a moment, or have another one in its place, and what its
 * pages are now matters when they come back (backing.c).
 */
static void record_absent(struct recorder *r, const struct rmpe_psc *psc)
{
	unsigned int i;

	for (i = 0; i < r->vm->backings.nr; i++) {
		const struct rmpe_backing *e = &r->vm->backings.entry[i];
		gfn_t first = max(psc->gfn, e->first);
		gfn_t end = min(psc->gfn + psc->npages, e->end);

		if (first < end)
			record_part(r, first, end);
	}
}

/*
 * Record the part of a PSC that lies in guest_memfd slots: the gfns are the guest's to
 * choose, and memory for them is spent only where there is a page.  True if all of it was
 * asked for already.
 */
static noinline bool record_range(struct rmpe_vm *vm, struct kvm *kvm,
				  const struct rmpe_psc *psc, enum rmpe_page_state state)
{
	struct recorder r = { .vm = vm, .state = state, .redundant = true };
	const gfn_t start = psc->gfn, end = psc->gfn + psc->npages;
	const struct kvm_memory_slot *slot;
	u64 absent = psc->npages;
	struct kvm_memslot_iter iter;

	if (end <= start)
		return false;

	/* Mostly it is one slot's. */
	slot = search_memslots(kvm_memslots(kvm), start, false);
	if (rmpe_slot_has_gmem(slot) && end <= slot->base_gfn + slot->npages) {
		record_part(&r, start, end);
		return r.redundant;
	}

	kvm_for_each_memslot_in_gfn_range(&iter, kvm_memslots(kvm), start, end) {
		gfn_t first = max(start, iter.slot->base_gfn);
		gfn_t last = min(end, iter.slot->base_gfn + iter.slot->npages);

		if (!rmpe_slot_has_gmem(iter.slot))
			continue;
		absent -= last - first;
		record_part(&r, first, last);
	}
	if (absent)
		record_absent(&r, psc);
	return r.nr && r.redundant;
}

/* Record a completed PSC.  True if the guest asked for nothing new. */
static bool psc_record(struct rmpe_vm *vm, struct kvm *kvm, const struct rmpe_psc *psc)
{
	const enum rmpe_page_state state = psc->to_private ? RMPE_PAGE_PRIVATE :
							     RMPE_PAGE_SHARED;
	enum rmpe_page_state was = RMPE_PAGE_NONE;

	if (vm->watch & RMPE_WATCH_SLOT)
		rmpe_slots_settle(vm, kvm);
	/* A page of which something is known is a guest_memfd's, or was: no need to look. */
	if (psc->npages == 1)
		was = rmpe_vm_replace_asked(vm, psc->gfn, state);
	return was != RMPE_PAGE_NONE ? rmpe_state_allows(was, psc->to_private) :
				       record_range(vm, kvm, psc, state);
}

static void psc_end(struct rmpe_vm *vm, struct rmpe_vcpu *v, struct kvm_vcpu *vcpu,
		    u64 ret)
{
	struct rmpe_psc_kept *ev = rmpe_history_add(&vm->history);

	lockdep_assert_held(&vm->lock);
	ev->when_ns = ktime_get_ns();
	ev->gfn = v->psc.gfn;
	ev->npages = v->psc.npages;
	ev->vcpu = vcpu->vcpu_id;
	ev->ret = min(ret, U32_MAX);
	ev->to_private = v->psc.to_private;
	ev->completed = !ret;
	ev->redundant = false;
	WRITE_ONCE(v->psc.active, false);
	trace_psc_complete(vm->id, vm->pid, vcpu->vcpu_id, &v->psc, ret);
	if (ret) {
		rmpe_count(&vm->counters.psc_refused, 1);
		rmpe_in_flight_refused(vm, vcpu->kvm, &v->psc);
		return;
	}
	rmpe_count(&vm->counters.psc_completed, 1);
	/* A plain hypercall may name more pages than there are. */
	rmpe_count(&vm->counters.psc_pages, min(ev->npages, RMPE_MAX_GFNS));
	if (unlikely(v->psc.site || vm->request_sites.nr)) {
		rmpe_site_map_set(&vm->request_sites, ev->gfn, ev->npages, v->psc.site);
		v->psc.site = NULL;
	}
	ev->redundant = psc_record(vm, vcpu->kvm, &v->psc);
	rmpe_count(&vm->counters.psc_redundant, ev->redundant);
}

/* KVM takes the VMM's answer; kvm->srcu (read) is held. */
static int psc_complete(struct kvm_vcpu *vcpu)
{
	struct rmpe_vm *vm = rmpe_vm_find(vcpu->kvm);
	struct rmpe_vcpu *v = READ_ONCE(vm->vcpus[vcpu->vcpu_idx]);

	mutex_lock(&vm->lock);
	psc_end(vm, v, vcpu, READ_ONCE(vcpu->run->hypercall.ret));
	mutex_unlock(&vm->lock);
	return v->psc.complete(vcpu);
}

/**
 * rmpe_psc_seen() - KVM has left with a hypercall: a PSC?
 * @vm: the VM
 * @vcpu: the vCPU
 *
 * KVM has just left KVM_RUN or, of a VM that is older than the module, had left
 * before: then we know of the PSC what the run page still says.
 *
 * Context: KVM_RUN of @vcpu: process context, vcpu->mutex held, before or after KVM's
 * part of it, so without kvm->srcu; rmpe_may_be_psc() is true.
 */
void rmpe_psc_seen(struct rmpe_vm *vm, struct kvm_vcpu *vcpu)
{
	struct rmpe_vcpu *v;

	if (!is_new_psc(vcpu))
		return;
	v = READ_ONCE(vm->vcpus[vcpu->vcpu_idx]);
	if (unlikely(!v))
		v = rmpe_vcpu_meet(vm, vcpu);
	if (!v)
		return;
	psc_begin(vm, v, vcpu);
	if (unlikely(rmpe_effective_request_sites(&vm->settings)))
		v->psc.site = rmpe_site_take(vm, vcpu);
}
