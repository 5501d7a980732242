// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a #NPF to a verdict, and from a verdict to what is done.
 *
 * An access that is in order costs a look-up of the VM, the memslot and the
 * tracker; no lock, and nothing written that another CPU reads.  Whether KVM's
 * attribute agrees, KVM looks itself, and refuses if it does not.  The rest,
 * under the VM's lock, is for the others.
 */
#include "npf.h"

#include <linux/kvm_host.h>
#include <linux/percpu.h>

#include "action.h"
#include "compat.h"
#include "ghcb_psc.h"
#include "hook.h"
#include "judge.h"
#include "report.h"
#include "vm.h"

/*
 * How many exits a vCPU may have between two faults that count as one and the
 * same: it faults again at once, but for interrupts.
 */
#define NEAR_EXITS	64

/* #VCs in a row without progress before the guest is terminated instead. */
#define MAX_INJECTIONS	16

/* What becomes of a fault. */
enum disposition {
	RESOLVE,	/* KVM's business */
	RETRY,		/* enter the guest again */
	TERMINATED,	/* leave KVM_RUN */
};

/**
 * struct fault - a #NPF
 * @vcpu: the vCPU
 * @slot: its gfn's memslot
 * @gpa: as the hardware reported it
 * @gfn: of @gpa
 * @error_code: with KVM's own bits
 * @private: the C-bit was set, or did not matter
 */
struct fault {
	struct kvm_vcpu *vcpu;
	const struct kvm_memory_slot *slot;
	gpa_t gpa;
	gfn_t gfn;
	u64 error_code;
	bool private;
};

static struct rmpe_judge_input facts(const struct rmpe_vm *vm, const struct fault *f)
{
	return (struct rmpe_judge_input){
		.access_private = f->private,
		.vmpl = f->error_code & PFERR_GUEST_VMPL_MASK,
		.state = rmpe_tracker_state(&vm->tracker, f->gfn),
		.history_complete =
			READ_ONCE(vm->history_state) == RMPE_HISTORY_COMPLETE,
		.attr_private = kvm_mem_is_private(f->vcpu->kvm, f->gfn),
	};
}

/*
 * Is this the second time?  Another vCPU may have changed the page between the
 * #NPF and our look at it, so a first mismatch only makes the guest try again.
 */
static bool seen_before(const struct rmpe_vm *vm, struct rmpe_suspect *s,
			const struct fault *f)
{
	u64 exits = f->vcpu->stat.exits;
	bool again = s->active && s->gfn == f->gfn &&
		     s->access_private == f->private &&
		     exits - s->exits <= NEAR_EXITS &&
		     !rmpe_history_changed_since(&vm->history, f->gfn, s->psc_seq);

	if (!again)
		*s = (struct rmpe_suspect){
			.active = true,
			.access_private = f->private,
			.gfn = f->gfn,
			.psc_seq = vm->history.seq,
		};
	s->exits = exits;
	return again;
}

/* KVM may resolve it: what the guest made of the page is what it is now. */
static void accept(struct rmpe_vm *vm, const struct fault *f,
		   const struct rmpe_verdict *verdict)
{
	switch (verdict->class) {
	case RMPE_CLASS_IMPLICIT_PRIVATE:
	case RMPE_CLASS_IMPLICIT_SHARED:
	case RMPE_CLASS_FIRST_TOUCH:
	case RMPE_CLASS_INITIAL_SHARED:
		break;
	default:
		return;
	}
	/* There KVM's attribute is what we compare with, and it follows. */
	if (verdict->source == RMPE_SOURCE_ATTRIBUTE)
		return;
	rmpe_vm_set_state_by_use(vm, f->gfn, f->private ? RMPE_PAGE_PRIVATE :
							  RMPE_PAGE_SHARED);
}

static enum disposition act(struct rmpe_vm *vm, struct rmpe_suspect *s,
			    const struct fault *f, struct rmpe_record *rec)
{
	enum rmpe_action action = rmpe_effective_action(&vm->settings);

	if (action == RMPE_ACTION_VC) {
		rec->escalated = rmpe_can_inject_vc(f->vcpu);
		if (rec->escalated == RMPE_ESCALATED_NO &&
		    s->injected >= MAX_INJECTIONS)
			rec->escalated = RMPE_ESCALATED_NO_PROGRESS;
		if (rec->escalated == RMPE_ESCALATED_NO) {
			s->injected++;
			rmpe_count(&vm->counters.vc_injected, 1);
			rec->outcome = RMPE_OUTCOME_VC;
			rmpe_inject_vc(f->vcpu);
			return RETRY;
		}
	}

	rec->outcome = RMPE_OUTCOME_TERMINATE;
	rmpe_terminate(vm, f->vcpu, &(struct rmpe_exit){
		.gpa = f->gpa,
		.error_code = f->error_code,
		.class = rec->verdict.class,
	});
	return TERMINATED;
}

/* Count a violation, and take down what speaks for it. */
static void take_down(struct rmpe_vm *vm, const struct fault *f,
		      const struct rmpe_judge_input *in, struct rmpe_record *rec)
{
	struct rmpe_note *note = rmpe_vm_note(vm, f->gfn);

	rmpe_count(&vm->counters.class[rec->verdict.class], 1);
	if (note)
		rec->violations = ++note->violations;
	rec->by_use = rmpe_vm_is_by_use(vm, f->gfn);
	rec->gpa = f->gpa;
	rec->error_code = f->error_code;
	rec->attr_private = in->attr_private;
	rec->launched = in->state == RMPE_PAGE_LAUNCHED;
}

static enum disposition judge_locked(struct rmpe_vm *vm, const struct fault *f)
{
	struct rmpe_vcpu *v = rmpe_vcpu_get(vm, f->vcpu);
	struct rmpe_judge_input in = facts(vm, f);
	enum disposition disposition = RESOLVE;
	struct rmpe_record rec = { };
	bool enforce, again;

	/* Another vCPU may have been faster. */
	if (rmpe_terminated(vm))
		return TERMINATED;

	in.inflight_private = rmpe_psc_in_flight(vm, f->gfn, true);
	in.inflight_shared = rmpe_psc_in_flight(vm, f->gfn, false);
	rec.verdict = rmpe_judge(&in);
	if (rec.verdict.class == RMPE_CLASS_NONE)
		return RESOLVE;
	if (!v) {	/* what it does cannot be followed */
		rmpe_vm_lose_history(vm);
		return RESOLVE;
	}

	rec.mode = rmpe_vm_mode(vm);
	enforce = rec.mode == RMPE_MODE_STRICT && rec.verdict.enforceable &&
		  rmpe_effective_policy(&vm->settings, rec.verdict.class) ==
			RMPE_POLICY_ENFORCE;

	again = seen_before(vm, &v->suspect, f);
	if (rec.verdict.class == RMPE_CLASS_IN_FLIGHT && !enforce) {
		/* To try again would be to wait for the VMM; once said is enough. */
		if (again)
			return RESOLVE;
	} else if (!again) {
		return RETRY;
	}

	if (enforce) {
		bool acted = v->suspect.injected;

		disposition = act(vm, &v->suspect, f, &rec);
		/* The #VC did not get through, or changed nothing: still the same. */
		if (acted && rec.outcome == RMPE_OUTCOME_VC)
			return disposition;
		rmpe_count(&vm->counters.enforced, 1);
	} else if (rec.verdict.class != RMPE_CLASS_IN_FLIGHT) {
		v->suspect.active = false;
	}

	take_down(vm, f, &in, &rec);
	if (!enforce)
		accept(vm, f, &rec.verdict);
	rmpe_report(vm, f->vcpu, f->slot, &rec);
	return disposition;
}

/* Does the guest use the page as it has asked to? */
static bool as_asked(const struct rmpe_vm *vm, gfn_t gfn, u64 error_code)
{
	return !(error_code & PFERR_GUEST_VMPL_MASK) &&
	       rmpe_state_allows(rmpe_tracker_state(&vm->tracker, gfn),
				 error_code & PFERR_GUEST_ENC_MASK);
}

/* Out of line, so that accesses that are in order do not set up its stack. */
static noinline enum disposition judge(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
				       const struct kvm_memory_slot *slot,
				       gpa_t gpa, u64 error_code)
{
	struct fault f = {
		.vcpu = vcpu,
		.slot = slot,
		.gpa = gpa,
		.gfn = gpa_to_gfn(gpa),
		.error_code = error_code,
		.private = error_code & PFERR_GUEST_ENC_MASK,
	};
	struct rmpe_judge_input in = facts(vm, &f);
	enum disposition disposition;

	if (rmpe_judge(&in).class == RMPE_CLASS_NONE)
		return RESOLVE;

	mutex_lock(&vm->lock);
	disposition = judge_locked(vm, &f);
	mutex_unlock(&vm->lock);
	return disposition;
}

/**
 * rmpe_page_fault() - kvm_mmu_page_fault() of an SNP vCPU
 * @vcpu: the vCPU
 * @gpa: the faulting address
 * @error_code: of the #NPF, with KVM's own bits
 * @insn: instruction bytes, or NULL
 * @insn_len: how many
 *
 * Context: KVM_RUN of @vcpu: process context, vcpu->mutex and kvm->srcu (read)
 * held, preemptible.
 * Return: as the original: negative for an error, 0 to leave KVM_RUN with
 * run->exit_reason set, positive to enter the guest.
 */
int rmpe_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code,
		    void *insn, int insn_len)
{
	struct rmpe_vm *vm = rmpe_vm_find_or_adopt(vcpu->kvm);
	const struct kvm_memory_slot *slot;
	int refused = 0;

	if (!vm)
		goto resolve;
	if (rmpe_terminated(vm))
		return rmpe_exit_terminated(vm, vcpu);
	if (rmpe_effective_mode(&vm->settings) == RMPE_MODE_OFF)
		goto resolve;
	/* gfn_to_memslot() would write a cache line that all vCPUs share. */
	slot = search_memslots(kvm_memslots(vcpu->kvm), gpa_to_gfn(gpa), false);
	if (!rmpe_slot_has_gmem(slot))
		goto resolve;

	this_cpu_inc(*vm->npf_judged);
	if (as_asked(vm, gpa_to_gfn(gpa), error_code)) {
		refused = rmpe_orig_page_fault(vcpu, gpa, error_code, insn, insn_len);
		if (refused != -EFAULT)
			return refused;
		/* Its attribute differs, or it has reasons of its own. */
	}
	switch (judge(vm, vcpu, slot, gpa, error_code)) {
	case RETRY:
		return 1;
	case TERMINATED:
		return rmpe_exit_terminated(vm, vcpu);
	case RESOLVE:
		break;
	}
	if (refused)
		return refused;
resolve:
	return rmpe_orig_page_fault(vcpu, gpa, error_code, insn, insn_len);
}
