// SPDX-License-Identifier: GPL-2.0-only
/* Comparing what happened with what was to happen. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "evidence.h"
#include "verify.h"

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

static bool verify_access(const struct finding *f, const struct plan_op *op,
			  const volatile struct guest_result *g, bool ends)
{
	const struct outcome *o = &op->outcome;

	if (ends) {
		if (g->state != RESULT_STARTED)
			return differs(f, "the guest went on after its end");
		return true;
	}
	if (o->fault) {
		if (g->state != RESULT_FAULT || g->vector != VECTOR_VC ||
		    g->error != VC_PAGE_NOT_VALIDATED || g->faults != 1)
			return differs(f, "no #VC 0x404: state %u, vector %u, error %#lx, %u times",
				       g->state, g->vector, g->error, g->faults);
		return true;
	}
	if (g->state != RESULT_OK || g->faults)
		return differs(f, "state %u, vector %u, error %#lx, %u faults: should have worked",
			       g->state, g->vector, g->error, g->faults);
	if (op->step->kind == STEP_VALIDATE_2M || op->step->what >= ACCESS_VALIDATE) {
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

static bool verify_record(const struct finding *f, const struct observer *observer,
			  const struct plan_op *op, struct records *r, unsigned int *spare,
			  struct extras *extras)
{
	const struct outcome *o = &op->outcome;
	const char *wrong;

	if (r->next == r->n) {
		if (o->perhaps)
			return true;
		return differs(f, "no record of class %s", class_names[o->verdict.class]);
	}
	wrong = evidence_wrong(observer, &r->record[r->next], op);
	if (o->perhaps && (wrong || !*spare))
		return true;
	if (wrong)
		return differs(f, "class %s, expected %s, action %s, n at most %u: %s is wrong in: %s\n#   %s",
			       class_names[o->verdict.class], expected_names[o->verdict.expected],
			       action_names[o->action], o->most, wrong,
			       r->record[r->next].event, r->record[r->next].text);
	r->next++;
	if (o->perhaps) {
		--*spare;
		extras->class[o->verdict.class]++;
		extras->enforced += o->action != ACTION_NONE;
	}
	return true;
}

static bool verify_vcpu(const struct plan *plan, struct run *run, struct observer *o,
			unsigned int vcpu, struct extras *extras, const struct finding *f)
{
	const struct vcpu_plan *v = &plan->vcpu[vcpu];
	struct records *r = &o->of_vcpu[vcpu];
	const volatile struct guest_status *status = vm_status(run->vm, vcpu);
	unsigned int certain = 0, spare;
	char where[256];
	FILE *text;
	bool ok = true;

	for (unsigned int i = 0; i < v->nops; i++)
		certain += v->op[i].outcome.record && !v->op[i].outcome.perhaps;
	spare = r->n > certain ? r->n - certain : 0;
	for (unsigned int i = 0; ok && i < v->nops; i++) {
		const struct plan_op *op = &v->op[i];

		if (op->outcome.record)
			ok = verify_record(f, o, op, r, &spare, extras);
		if (!ok)
			;
		else if (op->step->kind == STEP_PSC)
			ok = verify_psc(f, op, &status->result[i]);
		else
			ok = verify_access(f, op, &status->result[i],
					   v->ends && i == v->nops - 1);
		if (!ok) {
			text = fmemopen(where, sizeof(where), "w");
			step_print(text, op->step);
			fclose(text);
			where[strcspn(where, "\n")] = '\0';
			snprintf(f->why + strlen(f->why), f->size - strlen(f->why),
				 "\n#   at operation %u of vCPU %u: %s", i, vcpu, where);
			return false;
		}
	}
	if (*run->vcpu[vcpu].complaint)
		return differs(f, "vCPU %u: %s", vcpu, run->vcpu[vcpu].complaint);
	if (r->next != r->n)
		return differs(f, "vCPU %u: a record too many: %s", vcpu, r->record[r->next].event);
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

bool verify_round(const struct plan *plan, struct run *run, struct observer *o,
		  struct extras *extras, char *why, size_t size)
{
	struct finding f = { why, size };
	const char *wrong = observe_records(o);

	if (wrong)
		return differs(&f, "%s", wrong);
	for (unsigned int i = 0; i < plan->nvcpus; i++) {
		if (!verify_vcpu(plan, run, o, i, extras, &f))
			return false;
	}
	return true;
}
