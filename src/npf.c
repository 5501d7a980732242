// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a #NPF to a verdict, and from a verdict to what is done.
 *
 * An access that is in order costs a look-up of the VM and the tracker; no lock,
 * and nothing written that another CPU reads.  Whether KVM's
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
#include "progress.h"
#include "report.h"
#include "slots.h"
#include "suspect.h"
#include "vm.h"

/* #VCs in a row without progress before the guest is terminated instead. */
#define MAX_INJECTIONS	16

/* What becomes of a fault. */
enum disposition {
	RESOLVE,	/* KVM's business */
	USE,		/* KVM's, and if it resolves it, that is taken down */
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
 * @insn: instruction bytes, or NULL
 * @insn_len: how many
 * @refused: the error, if KVM was asked to resolve it, and has refused
 */
struct fault {
	struct kvm_vcpu *vcpu;
	const struct kvm_memory_slot *slot;
	gpa_t gpa;
	gfn_t gfn;
	u64 error_code;
	bool private;
	void *insn;
	int insn_len;
	int refused;
};

static struct fault new_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code)
{
	const gfn_t gfn = gpa_to_gfn(gpa);

	return (struct fault){
		.vcpu		= vcpu,
		/* gfn_to_memslot() would write a cache line that all vCPUs share. */
		.slot		= search_memslots(kvm_memslots(vcpu->kvm), gfn, false),
		.gpa		= gpa,
		.gfn		= gfn,
		.error_code	= error_code,
		.private	= error_code & PFERR_GUEST_ENC_MASK,
	};
}

/* KVM's part; it is asked once. */
static int resolve(const struct fault *f)
{
	return f->refused ?: rmpe_orig_page_fault(f->vcpu, f->gpa, f->error_code,
						  f->insn, f->insn_len);
}

static struct rmpe_judge_input facts(struct rmpe_vm *vm, const struct fault *f)
{
	return (struct rmpe_judge_input){
		.access_private = f->private,
		.vmpl = f->error_code & PFERR_GUEST_VMPL_MASK,
		.asked = rmpe_tracker_state(&vm->asked, f->gfn),
		.used = rmpe_tracker_state(&vm->used, f->gfn),
		.history_complete =
			READ_ONCE(vm->history_state) == RMPE_HISTORY_COMPLETE,
		.attr_private = kvm_mem_is_private(f->vcpu->kvm, f->gfn),
	};
}

static struct rmpe_record new_record(const struct fault *f,
				     const struct rmpe_judge_input *in)
{
	return (struct rmpe_record){
		.vcpu		= f->vcpu->vcpu_id,
		.gpa		= f->gpa,
		.error_code	= f->error_code,
		.attr_private	= in->attr_private,
		.launched	= in->asked == RMPE_PAGE_LAUNCHED &&
				  in->used == RMPE_PAGE_NONE,
	};
}

/* Would it be acted upon in strict mode, by the class that it is? */
static bool is_enforced(struct rmpe_vm *vm, const struct rmpe_verdict *verdict)
{
	return rmpe_vm_mode(vm) == RMPE_MODE_STRICT && verdict->enforceable &&
	       rmpe_effective_policy(&vm->settings, verdict->class) ==
			RMPE_POLICY_ENFORCE;
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

/* Does KVM make the page what the access takes it for? */
static bool is_change(enum rmpe_class class)
{
	switch (class) {
	case RMPE_CLASS_IMPLICIT_PRIVATE:
	case RMPE_CLASS_IMPLICIT_SHARED:
	case RMPE_CLASS_FIRST_TOUCH:
	case RMPE_CLASS_INITIAL_SHARED:
		return true;
	default:
		return false;
	}
}

/*
 * The same as was told.  It counts, unless it is no more than KVM on its way to resolve
 * it, or a vCPU that waits.
 */
static void repeat(struct rmpe_vm *vm, const struct rmpe_suspect *s,
		   const struct fault *f, const struct rmpe_record *rec)
{
	bool resolving = is_change(s->told) && rec->attr_private == f->private;
	bool waiting = s->told == RMPE_CLASS_IN_FLIGHT;

	if (rec->outcome != RMPE_OUTCOME_NONE || !(resolving || waiting))
		rmpe_report_repeat(vm, &s->record);
}

static void tell(struct rmpe_vm *vm, struct rmpe_suspect *s, const struct fault *f,
		 struct rmpe_record *rec)
{
	const bool acted = rec->outcome != RMPE_OUTCOME_NONE;

	if (s->told == rec->verdict.class && s->acted == acted &&
	    rec->outcome != RMPE_OUTCOME_TERMINATE) {
		repeat(vm, s, f, rec);
		return;
	}
	if (acted)
		rmpe_count(&vm->counters.enforced, 1);
	rmpe_vm_count_violation(vm, f->gfn, rec);
	s->record = rmpe_report(vm, f->slot, rec);
	s->told = rec->verdict.class;
	s->acted = acted;
}

static struct rmpe_early early_access(const struct rmpe_vm *vm, const struct fault *f)
{
	return (struct rmpe_early){
		.gpa		= f->gpa,
		.error_code	= f->error_code,
		.vcpu		= f->vcpu->vcpu_id,
		.mode		= rmpe_vm_mode(vm),
	};
}

static void remember_early(const struct rmpe_vm *vm, struct rmpe_psc *psc,
			   const struct fault *f)
{
	unsigned int i;

	for (i = 0; i < psc->nr_early; i++)
		if (psc->early[i].vcpu == f->vcpu->vcpu_id &&
		    gpa_to_gfn(psc->early[i].gpa) == f->gfn)
			return;
	if (psc->nr_early < RMPE_NR_EARLY)
		psc->early[psc->nr_early++] = early_access(vm, f);
}

/*
 * A PSC in flight would make the access right: what it is will be known when that is
 * answered.  Where the guest might be found guilty then, the vCPU waits for it.  Else
 * KVM resolves it, and the PSC remembers it.
 */
static enum disposition let_pass(struct rmpe_vm *vm, struct rmpe_psc *psc,
				 struct rmpe_suspect *s, const struct fault *f,
				 struct rmpe_record *rec,
				 const struct rmpe_verdict *without)
{
	enum disposition disposition = USE;

	/* It was asked for; a PSC that is under way takes it back. */
	if (!rec->verdict.enforceable)
		disposition = RESOLVE;
	else if (is_enforced(vm, without))
		disposition = RETRY;
	else
		remember_early(vm, psc, f);
	tell(vm, s, f, rec);
	return disposition;
}

static enum disposition judge_locked(struct rmpe_vm *vm, const struct fault *f)
{
	struct rmpe_vcpu *v = rmpe_vcpu_get(vm, f->vcpu);
	struct rmpe_psc *to_private, *to_shared;
	enum disposition disposition = RESOLVE;
	struct rmpe_verdict without;
	struct rmpe_map_event hole;
	struct rmpe_judge_input in;
	struct rmpe_suspect *s;
	struct rmpe_record rec;
	bool again, enforce;

	/* Another vCPU may have been faster. */
	if (rmpe_terminated(vm))
		return TERMINATED;
	if (!v) {	/* what it does cannot be followed */
		rmpe_vm_lose_history(vm);
		return RESOLVE;
	}

	rmpe_slots_settle(vm, f->vcpu->kvm);
	in = facts(vm, f);
	in.discarded = rmpe_map_last(&vm->holes, f->gfn, &hole);
	without = rmpe_judge(&in);
	if (without.class == RMPE_CLASS_NONE)
		return in.used != RMPE_PAGE_NONE || in.discarded ? USE : RESOLVE;

	s = rmpe_suspect_seen(&v->suspects, f->gfn, f->private, f->vcpu->stat.exits,
			      vm->counters.psc_requests, &vm->history, &again);
	/* A PSC that was asked for after the access does not make it right. */
	to_private = rmpe_psc_in_flight(vm, f->gfn, true, s->psc_requests);
	to_shared = rmpe_psc_in_flight(vm, f->gfn, false, s->psc_requests);
	in.inflight_private = to_private;
	in.inflight_shared = to_shared;
	rec = new_record(f, &in);
	rec.mode = rmpe_vm_mode(vm);
	rec.verdict = rmpe_judge(&in);

	enforce = is_enforced(vm, &rec.verdict);
	if (rec.verdict.class == RMPE_CLASS_IN_FLIGHT && !enforce)
		return let_pass(vm, f->private ? to_private : to_shared, s, f, &rec,
				&without);
	/*
	 * Another vCPU may have changed the page between the #NPF and our look at it,
	 * so a first mismatch only makes the guest try again.
	 */
	if (!again)
		return RETRY;
	if (enforce)
		disposition = act(vm, s, f, &rec);
	else if (is_change(rec.verdict.class) || in.discarded)
		disposition = USE;
	tell(vm, s, f, &rec);
	/* The VMM's doing is told as often as it does it. */
	if (rec.verdict.class == RMPE_CLASS_HOST)
		s->active = false;
	return disposition;
}

/* While KVM resolved an access that came too early its PSC was refused. */
static bool is_refused(struct rmpe_vm *vm, const struct rmpe_suspect *s)
{
	return s->told == RMPE_CLASS_IN_FLIGHT &&
	       !rmpe_psc_in_flight(vm, s->gfn, s->private, s->psc_requests);
}

/*
 * KVM has resolved the access, as its attribute shows: that is how the page is used
 * now.
 */
static void take_down_use(struct rmpe_vm *vm, const struct fault *f)
{
	struct kvm_vcpu *vcpu = f->vcpu;
	const bool private = f->private;
	const gfn_t gfn = f->gfn;
	struct rmpe_suspect *s = NULL;
	enum rmpe_page_state asked;
	struct rmpe_early early;

	mutex_lock(&vm->lock);
	rmpe_slots_settle(vm, vcpu->kvm);
	asked = rmpe_tracker_state(&vm->asked, gfn);
	if (kvm_mem_is_private(vcpu->kvm, gfn) != private)
		goto unlock;
	if (vm->vcpus[vcpu->vcpu_idx])
		s = rmpe_suspect_find(&vm->vcpus[vcpu->vcpu_idx]->suspects, gfn, private);
	if (private)
		rmpe_map_forget(&vm->holes, gfn, 1);
	if (rmpe_state_allows(asked, private)) {
		rmpe_vm_set_used(vm, gfn, RMPE_PAGE_NONE);
	} else if (asked != RMPE_PAGE_NONE ||
		   vm->history_state == RMPE_HISTORY_COMPLETE) {
		rmpe_vm_set_used(vm, gfn, private ? RMPE_PAGE_PRIVATE :
						    RMPE_PAGE_SHARED);
		early = early_access(vm, f);
		if (s && is_refused(vm, s))
			rmpe_psc_settle(vm, vcpu->kvm, &early, private);
	}	/* else KVM's attribute is what we compare with, and it follows */
	if (s)
		s->active = false;
unlock:
	mutex_unlock(&vm->lock);
}

/* Is the access one that was asked for, with nothing more to be looked at? */
static bool in_order(const struct rmpe_vm *vm, gfn_t gfn, u64 error_code)
{
	u8 watch;

	if (error_code & PFERR_GUEST_VMPL_MASK ||
	    !rmpe_state_allows(rmpe_tracker_state(&vm->asked, gfn),
			       error_code & PFERR_GUEST_ENC_MASK))
		return false;
	watch = READ_ONCE(vm->watch);
	return !watch || (watch == RMPE_WATCH_USED &&
			  rmpe_tracker_state(&vm->used, gfn) == RMPE_PAGE_NONE);
}

static enum disposition judge(struct rmpe_vm *vm, const struct fault *f)
{
	struct rmpe_judge_input in = facts(vm, f);
	enum disposition disposition;

	if (rmpe_judge(&in).class == RMPE_CLASS_NONE && in.used == RMPE_PAGE_NONE &&
	    !(READ_ONCE(vm->watch) & ~RMPE_WATCH_USED))
		return RESOLVE;

	mutex_lock(&vm->lock);
	disposition = judge_locked(vm, f);
	mutex_unlock(&vm->lock);
	return disposition;
}

/* It comes again and again.  Is it in order? */
static void report_no_progress(struct rmpe_vm *vm, const struct fault *f)
{
	struct rmpe_judge_input in;
	struct rmpe_record rec;

	mutex_lock(&vm->lock);
	in = facts(vm, f);
	rec = new_record(f, &in);
	rec.mode = rmpe_vm_mode(vm);
	rec.verdict = rmpe_judge(&in);
	if (rec.verdict.class == RMPE_CLASS_NONE) {
		rec.verdict.class = RMPE_CLASS_NO_PROGRESS;
		rmpe_vm_count_violation(vm, f->gfn, &rec);
		rmpe_report(vm, f->slot, &rec);
	}
	mutex_unlock(&vm->lock);
}

/*
 * A private access, and no private memory there.  KVM tells the VMM, and has the last
 * word; that it happened is worth a record.
 */
static void report_unbacked(struct rmpe_vm *vm, const struct fault *f)
{
	struct rmpe_judge_input in;
	struct rmpe_suspect *s;
	struct rmpe_record rec;
	struct rmpe_vcpu *v;
	bool again;

	mutex_lock(&vm->lock);
	v = rmpe_vcpu_get(vm, f->vcpu);
	if (v) {
		in = facts(vm, f);
		rec = new_record(f, &in);
		rec.mode = rmpe_vm_mode(vm);
		rec.verdict = rmpe_judge(&in);
		rec.verdict.class = RMPE_CLASS_UNBACKED;
		s = rmpe_suspect_seen(&v->suspects, f->gfn, true, f->vcpu->stat.exits,
				      vm->counters.psc_requests, &vm->history, &again);
		tell(vm, s, f, &rec);
	}
	mutex_unlock(&vm->lock);
}

static bool is_memory_fault(const struct kvm_vcpu *vcpu, int r)
{
	return r == -EFAULT &&
	       READ_ONCE(vcpu->run->exit_reason) == KVM_EXIT_MEMORY_FAULT;
}

static int fault_without_gmem(struct rmpe_vm *vm, const struct fault *f, bool off)
{
	int r = resolve(f);

	if (f->private && is_memory_fault(f->vcpu, r) && !off)
		report_unbacked(vm, f);
	return r;
}

/* Nothing is judged; but how the guest uses its pages is known when that changes. */
static int resolve_quietly(struct rmpe_vm *vm, const struct fault *f)
{
	int r = resolve(f);

	if (r > 0 && !in_order(vm, f->gfn, f->error_code))
		take_down_use(vm, f);
	return r;
}

static int judge_and_resolve(struct rmpe_vm *vm, const struct fault *f)
{
	enum disposition disposition = judge(vm, f);
	int r;

	switch (disposition) {
	case RETRY:
		return 1;
	case TERMINATED:
		return rmpe_exit_terminated(vm, f->vcpu);
	case RESOLVE:
	case USE:
		break;
	}
	r = resolve(f);
	if (r > 0 && disposition == USE)
		take_down_use(vm, f);
	if (r > 0 && rmpe_no_progress(vm, f->vcpu, f->gfn))
		report_no_progress(vm, f);
	return r;
}

/*
 * An access that was not asked for, or (@refused) one that was, and KVM does not resolve:
 * its attribute differs, or it has reasons of its own.  Out of line, as the next one is,
 * so that accesses that are in order do not set up its stack.
 */
static noinline int fault_not_in_order(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
				       gpa_t gpa, u64 error_code, void *insn,
				       int insn_len, int refused)
{
	struct fault f = new_fault(vcpu, gpa, error_code);
	bool off;

	f.insn = insn;
	f.insn_len = insn_len;
	f.refused = refused;
	if (!vm)
		return resolve(&f);
	if (rmpe_terminated(vm))
		return rmpe_exit_terminated(vm, vcpu);
	off = rmpe_effective_mode(&vm->settings) == RMPE_MODE_OFF;
	if (!rmpe_slot_has_gmem(f.slot))
		return fault_without_gmem(vm, &f, off);
	if (off)
		return resolve_quietly(vm, &f);
	if (!refused)
		this_cpu_inc(*vm->npf_judged);
	return judge_and_resolve(vm, &f);
}

static noinline void stuck(struct rmpe_vm *vm, struct kvm_vcpu *vcpu, gpa_t gpa,
			   u64 error_code)
{
	struct fault f = new_fault(vcpu, gpa, error_code);

	if (rmpe_slot_has_gmem(f.slot))
		report_no_progress(vm, &f);
}

/**
 * rmpe_page_fault() - kvm_mmu_page_fault() of an SNP vCPU
 * @vcpu: the vCPU
 * @gpa: the faulting address
 * @error_code: of the #NPF, with KVM's own bits
 * @insn: instruction bytes, or NULL
 * @insn_len: how many
 *
 * What was asked for was asked for memory of a guest_memfd; so its memslot is looked up
 * for the others only.
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
	int r;

	if (!vm || rmpe_terminated(vm) ||
	    rmpe_effective_mode(&vm->settings) == RMPE_MODE_OFF ||
	    !in_order(vm, gpa_to_gfn(gpa), error_code))
		return fault_not_in_order(vm, vcpu, gpa, error_code, insn, insn_len, 0);

	this_cpu_inc(*vm->npf_judged);
	r = rmpe_orig_page_fault(vcpu, gpa, error_code, insn, insn_len);
	if (r == -EFAULT)
		return fault_not_in_order(vm, vcpu, gpa, error_code, insn, insn_len, r);
	if (r > 0 && rmpe_no_progress(vm, vcpu, gpa_to_gfn(gpa)))
		stuck(vm, vcpu, gpa, error_code);
	return r;
}
