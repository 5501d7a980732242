// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a fault to a verdict, and from a verdict to what is done: all of it under the
 * VM's lock.
 */
#include "enforce.h"

#include <linux/kvm_host.h>

#include "action.h"
#include "in_flight.h"
#include "judge.h"
#include "report.h"
#include "slots.h"
#include "suspect.h"
#include "vm.h"

/* #VCs in a row without progress before the guest is terminated instead. */
#define MAX_INJECTIONS	16

static struct rmpe_judge_input facts(struct rmpe_vm *vm, const struct rmpe_fault *f)
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

static struct rmpe_record new_record(const struct rmpe_fault *f,
				     const struct rmpe_judge_input *in, enum rmpe_mode mode)
{
	return (struct rmpe_record){
		.vcpu		= f->vcpu->vcpu_id,
		.gpa		= f->gpa,
		.error_code	= f->error_code,
		.mode		= mode,
		.attr_private	= in->attr_private,
		.launched	= in->asked == RMPE_PAGE_LAUNCHED &&
				  in->used == RMPE_PAGE_NONE,
		.verdict	= rmpe_judge(in),
	};
}

/* Is it to be acted upon, by the class that it is? */
static bool is_enforced(struct rmpe_vm *vm, enum rmpe_mode mode,
			const struct rmpe_verdict *verdict)
{
	return mode == RMPE_MODE_STRICT && verdict->enforceable &&
	       rmpe_effective_policy(&vm->settings, verdict->class) ==
			RMPE_POLICY_ENFORCE;
}

static enum rmpe_disposition act(struct rmpe_vm *vm, struct rmpe_suspect *s,
				 const struct rmpe_fault *f, struct rmpe_record *rec)
{
	enum rmpe_action action = rmpe_effective_action(&vm->settings);

	if (action == RMPE_ACTION_VC) {
		rec->escalated = rmpe_can_inject_vc(f->vcpu);
		if (rec->escalated == RMPE_ESCALATED_NO &&
		    s->injected >= MAX_INJECTIONS)
			rec->escalated = RMPE_ESCALATED_NO_PROGRESS;
		if (rec->escalated == RMPE_ESCALATED_NO) {
			s->injected++;
			rmpe_count_event(vm, vc_injected);
			rec->outcome = RMPE_OUTCOME_VC;
			rmpe_inject_vc(f->vcpu);
			return RMPE_RETRY;
		}
	}

	rec->outcome = RMPE_OUTCOME_TERMINATE;
	rmpe_terminate(vm, f->vcpu, &(struct rmpe_exit){
		.gpa = f->gpa,
		.error_code = f->error_code,
		.class = rec->verdict.class,
	});
	return RMPE_TERMINATED;
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
		   const struct rmpe_fault *f, const struct rmpe_record *rec)
{
	bool resolving = is_change(s->told) && rec->attr_private == f->private;
	bool waiting = s->told == RMPE_CLASS_IN_FLIGHT;

	if (rec->outcome != RMPE_OUTCOME_NONE || !(resolving || waiting))
		rmpe_report_repeat(vm, &s->record);
}

static void tell(struct rmpe_vm *vm, struct rmpe_suspect *s, const struct rmpe_fault *f,
		 struct rmpe_record *rec, struct rmpe_report *report)
{
	const bool acted = rec->outcome != RMPE_OUTCOME_NONE;

	if (s->told == rec->verdict.class && s->acted == acted &&
	    rec->outcome != RMPE_OUTCOME_TERMINATE) {
		repeat(vm, s, f, rec);
		return;
	}
	if (acted)
		rmpe_count_event(vm, enforced);
	rmpe_vm_count_violation(vm, f->gfn, rec);
	rmpe_report_begin(vm, rec, report);
	s->record = report->told;
	s->told = rec->verdict.class;
	s->acted = acted;
}

static struct rmpe_early early_access(const struct rmpe_fault *f,
				      const struct rmpe_suspect *s, enum rmpe_mode mode)
{
	return (struct rmpe_early){
		.gpa		= f->gpa,
		.error_code	= f->error_code,
		.psc_requests	= s->psc_requests,
		.vcpu		= f->vcpu->vcpu_id,
		.mode		= mode,
	};
}

/*
 * A PSC in flight would make the access right: what it is will be known when that is
 * answered.  Where the guest might be found guilty then, the vCPU waits for it.  Else
 * KVM resolves it, and the PSC remembers it.
 */
static enum rmpe_disposition let_pass(struct rmpe_vm *vm, struct rmpe_psc *psc,
				      struct rmpe_suspect *s, const struct rmpe_fault *f,
				      struct rmpe_record *rec,
				      const struct rmpe_verdict *without,
				      struct rmpe_report *report)
{
	const struct rmpe_early early = early_access(f, s, rec->mode);
	enum rmpe_disposition disposition = RMPE_USE;

	/* It was asked for; a PSC that is under way takes it back. */
	if (!rec->verdict.enforceable)
		disposition = RMPE_RESOLVE;
	else if (is_enforced(vm, rec->mode, without))
		disposition = RMPE_RETRY;
	else
		rmpe_in_flight_remember(psc, &early);
	tell(vm, s, f, rec, report);
	return disposition;
}

/*
 * Was the access a mismatch when it was last seen?  That has been made right: by the VMM,
 * where KVM's attribute is what we compare with.  Suspects are their vCPU's own, so its
 * thread may look at them without the VM's lock.
 */
static bool was_suspect(const struct rmpe_vm *vm, const struct rmpe_fault *f)
{
	struct rmpe_vcpu *v = READ_ONCE(vm->vcpus[f->vcpu->vcpu_idx]);

	return v && rmpe_suspect_find(&v->suspects, f->gfn, f->private);
}

static enum rmpe_disposition judge_locked(struct rmpe_vm *vm, const struct rmpe_fault *f,
					  struct rmpe_report *report)
{
	/* Once: it may change meanwhile. */
	const enum rmpe_mode mode = rmpe_vm_mode(vm);
	struct rmpe_vcpu *v = rmpe_vcpu_get(vm, f->vcpu);
	struct rmpe_psc *to_private, *to_shared;
	enum rmpe_disposition disposition = RMPE_RESOLVE;
	struct rmpe_verdict without;
	struct rmpe_map_event hole;
	struct rmpe_judge_input in;
	struct rmpe_suspect *s;
	struct rmpe_record rec;
	bool again, enforce;

	/* Another vCPU may have been faster. */
	if (rmpe_terminated(vm))
		return RMPE_TERMINATED;
	if (!v)		/* what it does cannot be followed */
		return RMPE_RESOLVE;
	if (mode == RMPE_MODE_OFF)
		return RMPE_USE;

	rmpe_slots_settle(vm, f->vcpu->kvm);
	in = facts(vm, f);
	in.discarded = rmpe_map_last(&vm->holes, f->gfn, &hole);
	without = rmpe_judge(&in);
	if (without.class == RMPE_CLASS_NONE)
		return in.used != RMPE_PAGE_NONE || in.discarded || was_suspect(vm, f) ?
			RMPE_USE : RMPE_RESOLVE;

	s = rmpe_suspect_seen(&v->suspects, f->gfn, f->private, f->vcpu->stat.exits,
			      atomic64_read(&vm->psc_requests), &vm->history, &again);
	/* A PSC that was asked for after the access does not make it right. */
	to_private = rmpe_in_flight(vm, f->gfn, true, s->psc_requests);
	to_shared = rmpe_in_flight(vm, f->gfn, false, s->psc_requests);
	in.inflight_private = to_private;
	in.inflight_shared = to_shared;
	rec = new_record(f, &in, mode);

	enforce = is_enforced(vm, mode, &rec.verdict);
	if (rec.verdict.class == RMPE_CLASS_IN_FLIGHT && !enforce)
		return let_pass(vm, f->private ? to_private : to_shared, s, f, &rec,
				&without, report);
	/*
	 * Another vCPU may have changed the page between the #NPF and our look at it,
	 * so a first mismatch only makes the guest try again.
	 */
	if (!again)
		return RMPE_RETRY;
	if (enforce)
		disposition = act(vm, s, f, &rec);
	else if (is_change(rec.verdict.class) || in.discarded)
		disposition = RMPE_USE;
	tell(vm, s, f, &rec, report);
	/* The VMM's doing is told as often as it does it. */
	if (rec.verdict.class == RMPE_CLASS_HOST)
		s->active = false;
	return disposition;
}

/**
 * rmpe_fault_judge() - a fault that is not known to be in order
 * @vm: the VM
 * @f: the fault, on memory of a guest_memfd
 *
 * If it is to be acted upon, that is done.
 *
 * Context: KVM_RUN of the vCPU: process context, may sleep; kvm->srcu (read) held.
 * Return: what the caller has to do.
 */
enum rmpe_disposition rmpe_fault_judge(struct rmpe_vm *vm, const struct rmpe_fault *f)
{
	const u8 watch = rmpe_vm_watch(vm);
	struct rmpe_judge_input in = facts(vm, f);
	struct rmpe_report report;
	enum rmpe_disposition disposition;

	if (rmpe_judge(&in).class == RMPE_CLASS_NONE && in.used == RMPE_PAGE_NONE &&
	    !(watch & ~RMPE_WATCH_USED) && !was_suspect(vm, f))
		return RMPE_RESOLVE;

	report.is_due = false;
	mutex_lock(&vm->lock);
	disposition = judge_locked(vm, f, &report);
	mutex_unlock(&vm->lock);
	rmpe_report_end(vm, f->vcpu, &report);
	return disposition;
}

/**
 * rmpe_fault_no_progress() - it comes again and again, and KVM resolves it
 * @vm: the VM
 * @f: the fault, on memory of a guest_memfd
 *
 * It is reported if it is in order; else that was told.
 *
 * Context: as rmpe_fault_judge().
 */
void rmpe_fault_no_progress(struct rmpe_vm *vm, const struct rmpe_fault *f)
{
	struct rmpe_report report;
	struct rmpe_judge_input in;
	struct rmpe_record rec;

	report.is_due = false;
	mutex_lock(&vm->lock);
	in = facts(vm, f);
	rec = new_record(f, &in, rmpe_vm_mode(vm));
	if (rec.verdict.class == RMPE_CLASS_NONE) {
		rec.verdict.class = RMPE_CLASS_NO_PROGRESS;
		rmpe_vm_count_violation(vm, f->gfn, &rec);
		rmpe_report_begin(vm, &rec, &report);
	}
	mutex_unlock(&vm->lock);
	rmpe_report_end(vm, f->vcpu, &report);
}

/**
 * rmpe_fault_unbacked() - a private access, and no private memory there
 * @vm: the VM
 * @f: the fault
 *
 * KVM tells the VMM, and has the last word; that it happened is worth a record.
 *
 * Context: as rmpe_fault_judge().
 */
void rmpe_fault_unbacked(struct rmpe_vm *vm, const struct rmpe_fault *f)
{
	struct rmpe_report report;
	struct rmpe_judge_input in;
	struct rmpe_suspect *s;
	struct rmpe_record rec;
	struct rmpe_vcpu *v;
	bool again;

	report.is_due = false;
	mutex_lock(&vm->lock);
	v = rmpe_vcpu_get(vm, f->vcpu);
	if (v) {
		in = facts(vm, f);
		rec = new_record(f, &in, rmpe_vm_mode(vm));
		rec.verdict.class = RMPE_CLASS_UNBACKED;
		s = rmpe_suspect_seen(&v->suspects, f->gfn, true, f->vcpu->stat.exits,
				      atomic64_read(&vm->psc_requests), &vm->history, &again);
		tell(vm, s, f, &rec, &report);
	}
	mutex_unlock(&vm->lock);
	rmpe_report_end(vm, f->vcpu, &report);
}

/**
 * rmpe_fault_used() - KVM has resolved an access
 * @vm: the VM
 * @f: the fault, on memory of a guest_memfd
 *
 * If KVM's attribute shows it, that is how the page is used now.
 *
 * Context: as rmpe_fault_judge().
 */
void rmpe_fault_used(struct rmpe_vm *vm, const struct rmpe_fault *f)
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
		/* Its PSC may have been refused while KVM resolved it. */
		if (s && s->told == RMPE_CLASS_IN_FLIGHT) {
			early = early_access(f, s, rmpe_vm_mode(vm));
			rmpe_in_flight_settle(vm, vcpu->kvm, &early, private);
		}
	}	/* else KVM's attribute is what we compare with, and it follows */
	if (s)
		s->active = false;
unlock:
	mutex_unlock(&vm->lock);
}
