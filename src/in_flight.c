// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses that a PSC would make right which is not answered yet.  What KVM was let
 * resolve is settled when the answer is known.
 */
#include "in_flight.h"

#include <linux/kvm_host.h>

#include "judge.h"
#include "report.h"
#include "vm.h"

/**
 * rmpe_in_flight() - is a PSC of a gfn not answered yet?
 * @vm: the VM
 * @gfn: the gfn
 * @to_private: the direction
 * @since: only those among the VM's first @since requests count
 *
 * Context: process context; under @vm->lock.
 * Return: one, or NULL.
 */
struct rmpe_psc *rmpe_in_flight(struct rmpe_vm *vm, gfn_t gfn, bool to_private, u64 since)
{
	unsigned int i;

	lockdep_assert_held(&vm->lock);
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct rmpe_psc *psc;

		if (!vm->vcpus[i])
			continue;
		psc = &vm->vcpus[i]->psc;
		/* Pairs with psc_begin(); it ends under the lock only. */
		if (smp_load_acquire(&psc->active) && psc->to_private == to_private &&
		    psc->nr <= since && gfn >= psc->gfn && gfn - psc->gfn < psc->npages)
			return psc;
	}
	return NULL;
}

/**
 * rmpe_in_flight_remember() - KVM is let resolve an access for a PSC in flight
 * @psc: the PSC
 * @e: the access
 *
 * Context: under the VM's lock.
 */
void rmpe_in_flight_remember(struct rmpe_psc *psc, const struct rmpe_early *e)
{
	unsigned int i;

	for (i = 0; i < psc->nr_early; i++)
		if (psc->early[i].vcpu == e->vcpu &&
		    gpa_to_gfn(psc->early[i].gpa) == gpa_to_gfn(e->gpa))
			return;
	if (psc->nr_early < RMPE_NR_EARLY)
		psc->early[psc->nr_early++] = *e;
}

static void tell(struct rmpe_vm *vm, struct kvm *kvm, const struct rmpe_early *e,
		 bool private)
{
	const gfn_t gfn = gpa_to_gfn(e->gpa);
	const struct rmpe_judge_input in = {
		.access_private	= private,
		.asked		= rmpe_tracker_state(&vm->asked, gfn),
		.history_complete = vm->history_state == RMPE_HISTORY_COMPLETE,
		.attr_private	= private,
	};
	struct rmpe_record rec = {
		.gpa		= e->gpa,
		.error_code	= e->error_code,
		.vcpu		= e->vcpu,
		.mode		= e->mode,
		.attr_private	= private,
		.verdict	= rmpe_judge(&in),
	};

	if (rec.verdict.class == RMPE_CLASS_NONE || rmpe_vm_mode(vm) == RMPE_MODE_OFF)
		return;
	rmpe_vm_count_violation(vm, gfn, &rec);
	rmpe_report_now(vm, &rec);
}

/**
 * rmpe_in_flight_settle() - an access was let pass for a PSC that was refused
 * @vm: the VM
 * @kvm: its KVM
 * @e: the access, which KVM has resolved
 * @private: how
 *
 * Now it is known what it was; unless another PSC that is not answered yet was there
 * before the access.  With mode=off nothing is told.  It is never acted upon: where that
 * was to be, the vCPU has waited (enforce.c).
 *
 * Context: process context, may sleep; kvm->srcu (read) held; under @vm->lock.
 */
void rmpe_in_flight_settle(struct rmpe_vm *vm, struct kvm *kvm, const struct rmpe_early *e,
			   bool private)
{
	struct rmpe_psc *other = rmpe_in_flight(vm, gpa_to_gfn(e->gpa), private,
						e->psc_requests);

	if (other)
		rmpe_in_flight_remember(other, e);
	else
		tell(vm, kvm, e, private);
}

/**
 * rmpe_in_flight_refused() - a PSC was refused: settle what was let pass for it
 * @vm: the VM
 * @kvm: its KVM
 * @psc: the PSC
 *
 * Accesses that KVM has not resolved yet will be judged anew.
 *
 * Context: process context, may sleep; kvm->srcu (read) held; under @vm->lock.
 */
void rmpe_in_flight_refused(struct rmpe_vm *vm, struct kvm *kvm,
			    const struct rmpe_psc *psc)
{
	unsigned int i;

	for (i = 0; i < psc->nr_early; i++) {
		const struct rmpe_early *e = &psc->early[i];
		enum rmpe_page_state used =
			rmpe_tracker_state(&vm->used, gpa_to_gfn(e->gpa));

		if (rmpe_state_allows(used, psc->to_private))
			rmpe_in_flight_settle(vm, kvm, e, psc->to_private);
	}
}
