// SPDX-License-Identifier: GPL-2.0-only
/* Comparing what happened with what was to happen. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "evidence.h"
#include "verify.h"

/* Emulated CPUs do not set it beside the bit of a reserved one. */
#define PF_PRESENT	1ull

struct finding {
	char *why;
	size_t size;
};

static bool differs(const struct finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static bool differs(const struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->why, f->size, fmt, ap);
	va_end(ap);
	return false;
}

static bool faulted_once(const volatile struct guest_result *g, unsigned int vector)
{
	return g->state == RESULT_FAULT && g->vector == vector && g->faults == 1;
}

static bool verify_access(const struct finding *f, const struct plan_op *op,
			  const volatile struct guest_result *g, bool ends)
{
	const struct outcome *o = &op->outcome;

	if (ends) {
		if (g->state != RESULT_STARTED)
			return differs(f, "the guest went on after its end");
		return true;
	}
	if (o->page_fault) {
		if (!faulted_once(g, VECTOR_PF) || (g->error & ~PF_PRESENT) != o->page_fault_error)
			return differs(f, "no #PF %#lx: state %u, vector %u, error %#lx, %u times",
				       o->page_fault_error, g->state, g->vector, g->error,
				       g->faults);
		return true;
	}
	if (!o->fault && op->step->kind == STEP_ACCESS && op->step->what == ACCESS_STACK &&
	    op->step->class == EVENT_EXCEPTION) {
		if (!faulted_once(g, VECTOR_UD))
			return differs(f, "no #UD: state %u, vector %u, error %#lx, %u times",
				       g->state, g->vector, g->error, g->faults);
		return true;
	}
	if (o->fault) {
		if (!faulted_once(g, VECTOR_VC) || g->error != VC_PAGE_NOT_VALIDATED)
			return differs(f, "no #VC 0x404: state %u, vector %u, error %#lx, %u times",
				       g->state, g->vector, g->error, g->faults);
		return true;
	}
	if (g->state != RESULT_OK || g->faults)
		return differs(f, "state %u, vector %u, error %#lx, %u faults: should have worked",
			       g->state, g->vector, g->error, g->faults);
	if (op->step->kind == STEP_VALIDATE_2M || op->step->what == ACCESS_VALIDATE ||
	    op->step->what == ACCESS_RESCIND) {
		if (g->code != o->eax || (!o->eax && g->carry != o->carry))
			return differs(f, "PVALIDATE gave EAX %lu, CF %u; should be %u, %u",
				       g->code, g->carry, o->eax, o->carry);
	} else if (op->step->what == ACCESS_READ && g->value != o->value) {
		return differs(f, "read %#lx, should be %#lx", g->value, o->value);
	}
	return true;
}

static bool verify_psc(const struct finding *f, const struct plan_op *op,
		       const volatile struct guest_result *g)
{
	bool refused;

	if (g->state != RESULT_OK)
		return differs(f, "PSC: state %u", g->state);
	refused = op->step->what == PATH_MSR ? g->code != PSC_RESP_OK : g->code != 0;
	if (refused != op->refused)
		return differs(f, "PSC: the guest was told %#lx", g->code);
	if (op->step->what == PATH_NAE && !refused &&
	    (g->value & 0xffff) != op->entries)
		return differs(f, "PSC: %lu of %u entries done", g->value & 0xffff, op->entries);
	return true;
}

static bool verify_ranges(const struct finding *f, const struct plan_op *op,
			  const volatile struct guest_result *g, const struct vcpu_run *run)
{
	uint64_t wanted = (uint64_t)op->step->pages * PSC_MAX_ENTRIES;

	if (g->state != RESULT_OK || g->code || run->ranges != wanted)
		return differs(f, "%lu PSCs of %lu came, state %u, the guest was told %#lx",
			       run->ranges, wanted, g->state, g->code);
	return true;
}

static bool verify_out(const struct finding *f, const struct plan_op *op,
		       const volatile struct guest_result *g, const struct out_mark *mark)
{
	if (g->state != RESULT_OK || mark->n != op->step->pages)
		return differs(f, "state %u, %u bytes of %u came", g->state, mark->n,
			       op->step->pages);
	return true;
}

static bool verify_nmi(const struct finding *f, const volatile struct guest_result *g)
{
	if (g->state != RESULT_OK)
		return differs(f, "state %u: should have worked", g->state);
	return true;
}

/* --- records --- */

static void say_where(const struct finding *f, const struct plan_record *planned,
		      unsigned int vcpu)
{
	char step[256] = "";
	size_t n = strlen(f->why);
	FILE *text;

	if (planned->step) {
		text = fmemopen(step, sizeof(step), "w");
		step_print(text, planned->step);
		fclose(text);
		step[strcspn(step, "\n")] = '\0';
	}
	snprintf(f->why + n, f->size - n, "\n#   of vCPU %u, gfn %#lx: %s", vcpu,
		 planned->told.gfn, *step ? step : "its PSC was refused");
}

/* A vCPU that did not come to the end of its script: why not? */
static void say_end(const struct finding *f, const struct run *run, unsigned int vcpu)
{
	const struct kvm_run *kvm_run = run->vm->vcpu[vcpu].run;
	size_t n = strlen(f->why);

	if (run->vcpu[vcpu].result != 1)
		snprintf(f->why + n, f->size - n, "\n#   KVM_RUN ended with %s",
			 exit_name(kvm_run->exit_reason));
}

/* It is the same one once more, and no record. */
static bool is_sure(enum again kind)
{
	return kind == AGAIN_NEAR || kind == AGAIN_SOON;
}

static bool verify_record(const struct finding *f, const struct observer *observer,
			  const struct told *t, enum again kind, struct records *r,
			  unsigned int *spare, struct extras *extras)
{
	const char *wrong = r->next < r->n ?
			    evidence_wrong(observer, &r->record[r->next], t) : "all";

	if (t->perhaps && (is_sure(kind) ||
			   (kind == AGAIN_PERHAPS && (wrong || !*spare)))) {
		extras->repeated += t->action != ACTION_NONE;
		return true;
	}
	if (r->next == r->n)
		return differs(f, "no record of class %s%s", class_names[t->verdict.class],
			       kind == AGAIN_NOT ? ", though the last one is long ago" : "");
	if (wrong)
		return differs(f, "class %s, expected %s, action %s, n at most %u: %s is wrong in: %s\n#   %s",
			       class_names[t->verdict.class], expected_names[t->verdict.expected],
			       action_names[t->action], t->most, wrong,
			       r->record[r->next].event, r->record[r->next].text);
	r->next++;
	if (t->perhaps) {
		*spare -= kind == AGAIN_PERHAPS;
		extras->class[t->verdict.class]++;
		extras->enforced += t->action != ACTION_NONE;
	}
	return true;
}

static bool verify_records(const struct vcpu_plan *v, const struct vcpu_run *run,
			   struct observer *o, unsigned int vcpu, struct extras *extras,
			   const struct finding *f)
{
	struct records *r = &o->of_vcpu[vcpu];
	enum again again[PLAN_RECORDS];
	unsigned int certain = 0, spare;

	for (unsigned int i = 0; i < v->nrecords; i++) {
		const struct told *t = &v->record[i].told;

		again[i] = t->perhaps && t->action == ACTION_VC ?
			   again_of(v, run, &v->record[i]) : AGAIN_PERHAPS;
		extras->again[again[i]] += t->perhaps;
		certain += !t->perhaps || again[i] == AGAIN_NOT;
	}
	spare = r->n > certain ? r->n - certain : 0;
	for (unsigned int i = 0; i < v->nrecords; i++) {
		if (verify_record(f, o, &v->record[i].told, again[i], r, &spare, extras))
			continue;
		say_where(f, &v->record[i], vcpu);
		return false;
	}
	if (r->next != r->n)
		return differs(f, "vCPU %u: a record too many: %s\n#   %s", vcpu,
			       r->record[r->next].event, r->record[r->next].text);
	return true;
}

/* --- what the guest saw, and the VMM --- */

static bool verify_vcpu(const struct plan *plan, struct run *run, unsigned int vcpu,
			const struct finding *f)
{
	const struct vcpu_plan *v = &plan->vcpu[vcpu];
	const volatile struct guest_status *status = vm_status(run->vm, vcpu);

	for (unsigned int i = 0; i < v->nops; i++) {
		const struct plan_op *op = &v->op[i];
		struct plan_record where = { .step = op->step, .op = i };
		bool ok;

		/* A right for VMPL 1. */
		if (!op->step)
			continue;
		where.told.gfn = op->step->gfn;
		if (op->step->kind == STEP_RANGES)
			ok = verify_ranges(f, op, &status->result[i], &run->vcpu[vcpu]);
		else if (op->step->kind == STEP_PSC)
			ok = verify_psc(f, op, &status->result[i]);
		else if (op->step->kind == STEP_NMI)
			ok = verify_nmi(f, &status->result[i]);
		else if (op->step->kind == STEP_OUT)
			ok = verify_out(f, op, &status->result[i], &run->vcpu[vcpu].mark[i]);
		else
			ok = verify_access(f, op, &status->result[i],
					   v->ends && i == v->nops - 1);
		if (ok)
			continue;
		say_where(f, &where, vcpu);
		say_end(f, run, vcpu);
		return false;
	}
	if (!v->ends && (status->nmis != v->nmis || status->irqs != v->irqs))
		return differs(f, "vCPU %u had %lu NMIs and %lu interrupts, not %lu and %lu", vcpu,
			       status->nmis, status->irqs, v->nmis, v->irqs);
	if (*run->vcpu[vcpu].complaint)
		return differs(f, "vCPU %u: %s", vcpu, run->vcpu[vcpu].complaint);
	if (run->vcpu[vcpu].next_range != v->nranges)
		return differs(f, "vCPU %u: %u PSCs of %u came", vcpu,
			       run->vcpu[vcpu].next_range, v->nranges);
	if (run->vcpu[vcpu].conversions != v->conversions)
		return differs(f, "vCPU %u: KVM asked for %u conversions, not %u", vcpu,
			       run->vcpu[vcpu].conversions, v->conversions);
	if (v->nops && run->vcpu[vcpu].result != (v->ends ? -1 : 1))
		return differs(f, "vCPU %u: KVM_RUN ended with %s", vcpu,
			       exit_name(run->vm->vcpu[vcpu].run->exit_reason));
	return true;
}

/* --- PSCs, as the tracepoint has them --- */

static bool verify_pscs(const struct plan *plan, struct observer *o, const struct finding *f)
{
	unsigned int next[MODEL_VCPUS] = { 0 };

	for (size_t i = o->round_psc; i < o->npscs; i++) {
		struct answered *a = &o->psc[i];
		const struct vcpu_plan *v = &plan->vcpu[a->vcpu % MODEL_VCPUS];
		unsigned int n = next[a->vcpu % MODEL_VCPUS]++;
		const struct range *r = &v->range[n];

		if (n >= v->nranges || a->gfn != r->gfn || a->pages != r->pages ||
		    a->to_private != r->to_private || a->ret != (r->done ? 0 : plan_refusal(r)))
			return differs(f, "vCPU %d: PSC %zu is another one: gfn %#lx, %lu pages, ret %lu",
				       a->vcpu, i + 1, a->gfn, a->pages, a->ret);
		a->redundant = r->redundant;
	}
	for (unsigned int i = 0; i < plan->nvcpus; i++) {
		if (next[i] != plan->vcpu[i].nranges)
			return differs(f, "vCPU %u: %u PSCs of %u were answered", i, next[i],
				       plan->vcpu[i].nranges);
	}
	return true;
}

bool verify_round(const struct plan *plan, struct run *run, struct observer *o,
		  struct extras *extras, char *why, size_t size)
{
	struct finding f = { why, size };
	const char *wrong = observe_records(o);

	if (wrong)
		return differs(&f, "%s", wrong);
	for (unsigned int i = 0; i < plan->nvcpus; i++) {
		if (!verify_records(&plan->vcpu[i], &run->vcpu[i], o, i, extras, &f) ||
		    !verify_vcpu(plan, run, i, &f))
			return false;
	}
	return verify_pscs(plan, o, &f);
}

bool verify_guests(const struct plan *plan, struct run *run, char *why, size_t size)
{
	struct finding f = { why, size };

	for (unsigned int i = 0; i < plan->nvcpus; i++) {
		if (!verify_vcpu(plan, run, i, &f))
			return false;
	}
	return true;
}
