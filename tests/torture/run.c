// SPDX-License-Identifier: GPL-2.0-only
/* Leading a VM through its rounds. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "e2e/ap.h"
#include "run.h"
#include "vmm/clock.h"

#define VMSA_GPA	GUEST_FREE_GPA
#define PATIENCE_S	120	/* on a machine that others use, too */
#define LOOK_EVERY_US	1000
#define LOOKS_AT_REPEATS	50

static void complain(struct vcpu_run *v, const char *what, const struct psc *psc)
{
	if (!*v->complaint)
		snprintf(v->complaint, sizeof(v->complaint), "%s: gfn %#lx, %lu pages, to %s",
			 what, psc->gpa / GUEST_PAGE, psc->pages,
			 psc->to_private ? "private" : "shared");
}

static bool carry_out(struct vcpu *vcpu, const struct range *r)
{
	uint64_t gpa = r->gfn * GUEST_PAGE, size = r->pages * GUEST_PAGE;
	struct vm *vm = vcpu->vm;
	struct vm_slot *slot;

	switch (r->answer) {
	case ANSWER_DONE:
		return !vm_convert(vm, gpa, size, r->to_private);
	case ANSWER_PREFAULT:
		if (vm_convert(vm, gpa, size, r->to_private))
			return false;
		slot = vm_slot_of(vm, gpa);
		return !slot || gpa + size > slot->gpa + slot->size ||
		       !vcpu_prefault(vcpu, gpa, size);
	case ANSWER_PARTLY:
		if (r->part)
			vm_convert(vm, gpa, r->part * GUEST_PAGE, r->to_private);
		return false;
	case ANSWER_CONVERT_REFUSE:
		vm_convert(vm, gpa, size, r->to_private);
		return false;
	case ANSWER_PART_DONE:
		if (r->part)
			vm_convert(vm, gpa, r->part * GUEST_PAGE, r->to_private);
		return true;
	case ANSWER_REST:
		gpa += r->part * GUEST_PAGE;
		vm_convert(vm, gpa, size - r->part * GUEST_PAGE, r->to_private);
		return false;
	case ANSWER_ATTRIBUTE:
		slot = vm_slot_of(vm, gpa);
		if (slot && gpa + size <= slot->gpa + slot->size)
			vm_set_attr(vm, gpa, size, r->to_private);
		return true;
	case ANSWER_CLAIM:
		return true;
	default:
		return false;
	}
}

/* Of STEP_RANGES: there is nothing to do. */
static uint64_t on_range(struct vcpu_run *v, const struct psc *psc)
{
	if (psc->gpa != PLAN_RANGES_GPA + v->ranges++ * PLAN_RANGES_STRIDE || psc->pages != 1 ||
	    psc->to_private)
		complain(v, "another PSC than planned", psc);
	return 0;
}

static uint64_t on_psc(struct vcpu *vcpu, const struct psc *psc)
{
	struct run *run = vcpu->vm->cfg.priv;
	struct vcpu_run *v = &run->vcpu[vcpu->index];
	const struct vcpu_plan *plan;
	const struct range *r;
	bool done;

	if (!run->plan)		/* the guest's start */
		return vm_psc(vcpu, psc);
	if (run->plan->ranges)
		return on_range(v, psc);
	plan = &run->plan->vcpu[vcpu->index];
	if (v->next_range == plan->nranges) {
		complain(v, "a PSC too many", psc);
		return vm_psc(vcpu, psc);
	}
	r = &plan->range[v->next_range++];
	if (psc->gpa != r->gfn * GUEST_PAGE || psc->pages != r->pages ||
	    psc->to_private != r->to_private)
		complain(v, "another PSC than planned", psc);
	if (!r->hold)
		return carry_out(vcpu, r) ? 0 : plan_refusal(r);

	done = r->early && carry_out(vcpu, r);
	sem_post(&run->held);
	sem_wait(&run->release);
	if (!r->early)
		done = carry_out(vcpu, r);
	return done ? 0 : plan_refusal(r);
}

static int on_memory_fault(struct vcpu *vcpu, uint64_t gpa, uint64_t size, bool to_private)
{
	struct run *run = vcpu->vm->cfg.priv;

	run->vcpu[vcpu->index].conversions++;
	return vm_convert(vcpu->vm, gpa, size, to_private);
}

static void on_out(struct vcpu *vcpu, unsigned int port)
{
	struct run *run = vcpu->vm->cfg.priv;
	unsigned int op = vm_status(vcpu->vm, vcpu->index)->op;
	struct out_mark *mark = &run->vcpu[vcpu->index].mark[op % PLAN_OPS];
	const struct plan_op *planned = &run->plan->vcpu[vcpu->index].op[op % PLAN_OPS];

	(void)port;
	mark->last_exits = vcpu_all_exits(vcpu);
	if (!mark->n++) {
		mark->first_exits = mark->last_exits;
		mark->first_us = now_us();
		usleep(planned->delay * 1000);
	}
	for (unsigned int n = 0; n < planned->nmis; n++)
		vcpu_nmi(vcpu);
	if (planned->irqs)
		vcpu_interrupt(vcpu);
	mark->last_us = now_us();
}

static void *vcpu_thread(void *arg)
{
	struct vcpu_run *v = arg;
	struct vcpu *vcpu = &v->run->vm->vcpu[v - v->run->vcpu];

	for (;;) {
		while (sem_wait(&v->go))
			;
		if (v->quit)
			return NULL;
		do {
			v->result = vcpu_run_once(vcpu);
		} while (!v->result && !v->quit);
		sem_post(&v->done);
	}
}

struct run *run_create(unsigned int nvcpus, unsigned int vmpl1, uint64_t policy,
		       const struct step *const *launched, unsigned int nlaunched)
{
	struct run *r = calloc(1, sizeof(*r));
	struct vm *vm = vm_create(&(struct vm_config){
		.nvcpus = nvcpus, .policy = policy, .parked = vmpl1 ? 1 << vmpl1 : 0, .priv = r,
		.on_psc = on_psc, .on_memory_fault = on_memory_fault, .on_out = on_out,
	});

	r->vm = vm;
	vm_slot_add(vm, 1, ARENA_GFN * GUEST_PAGE, SLOT_A_PAGES * GUEST_PAGE);
	vm_slot_add(vm, 2, (ARENA_GFN + SLOT_B_FIRST) * GUEST_PAGE, SLOT_B_PAGES * GUEST_PAGE);
	/* The last one that is added is launched first. */
	while (nlaunched--)
		vm_add_launch_partly(vm, launched[nlaunched]->gfn * GUEST_PAGE,
				     launched[nlaunched]->pages, 0xc3);
	for (unsigned int i = 0; i < nvcpus; i++) {
		for (unsigned int n = 0; n < GUEST_SCRIPT_PAGES; n++)
			op_psc(vm, i, STREAM_GPA(i) + n * GUEST_PAGE, PSC_SHARED);
		if (!i && vmpl1)
			add_ap(vm, vmpl1, VMSA_GPA, 1);
		op_then(vm, i, STREAM_GPA(i));
	}
	return r;
}

static bool wait_for(struct run *r, sem_t *sem, unsigned int vcpu)
{
	struct timespec t;
	int e;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += PATIENCE_S;
	while ((e = sem_timedwait(sem, &t)) && errno == EINTR)
		;
	if (e)
		snprintf(r->vcpu[vcpu].complaint, sizeof(r->vcpu[vcpu].complaint),
			 "stuck in operation %u", vm_status(r->vm, vcpu)->op);
	return !e;
}

bool run_boot(struct run *r)
{
	vm_launch(r->vm);
	for (unsigned int i = 0; i < r->vm->cfg.nvcpus; i++) {
		struct vcpu_run *v = &r->vcpu[i];

		v->run = r;
		sem_init(&v->go, 0, 0);
		sem_init(&v->done, 0, 0);
		if (pthread_create(&v->thread, NULL, vcpu_thread, v))
			vmm_die("no thread for vCPU %u", i);
		/* The first vCPU shares the flags that the others wait for. */
		sem_post(&v->go);
		if (!wait_for(r, &v->done, i) || v->result != 1)
			return false;
	}
	sem_init(&r->held, 0, 0);
	sem_init(&r->release, 0, 0);
	return true;
}

static void hand_over_script(struct run *r, unsigned int i)
{
	struct script *s = r->vm->script[i];
	uint8_t *stream = vm_hva(r->vm, STREAM_GPA(i));
	struct guest_status *status = (void *)vm_status(r->vm, i);

	memcpy(stream, s->op, (s->nops + 1) * sizeof(*s->op));
	memcpy(stream + sizeof(s->op), s->data, s->ndata);
	memset(status->result, 0, s->nops * sizeof(*status->result));
}

/* It has left KVM_RUN for good, which it should not have: the round will tell. */
static bool is_over(struct run *r, unsigned int i)
{
	int n;

	return !sem_getvalue(&r->vcpu[i].done, &n) && n > 0;
}

/*
 * Until it is at its last operation, and the module has seen that; or, if that may be
 * a repeat, of which nothing is told, for some time.
 */
static void await_waiting(struct run *r, unsigned int i, run_seen_fn seen, void *arg)
{
	const struct vcpu_plan *v = &r->plan->vcpu[i];
	const struct told *told = &v->record[v->wait_record].told;
	const volatile struct guest_result *g = &vm_status(r->vm, i)->result[v->nops - 1];
	unsigned int looks = PATIENCE_S * (1000000 / LOOK_EVERY_US);

	while (looks && g->state == RESULT_NONE && !is_over(r, i)) {
		usleep(LOOK_EVERY_US);
		looks--;
	}
	if (told->perhaps && looks > LOOKS_AT_REPEATS)
		looks = LOOKS_AT_REPEATS;
	/* If it does not wait, the round will tell. */
	while (looks && g->state == RESULT_STARTED && !is_over(r, i) && !seen(arg, i, told)) {
		usleep(LOOK_EVERY_US);
		looks--;
	}
}

static bool all_done(struct run *r, bool waiting)
{
	bool ok = true;

	for (unsigned int i = 0; ok && i < r->plan->nvcpus; i++) {
		const struct vcpu_plan *v = &r->plan->vcpu[i];

		if (v->nops && (int)i != r->plan->holder &&
		    (v->waits || (!i && r->plan->grantee >= 0)) == waiting)
			ok = wait_for(r, &r->vcpu[i].done, i);
	}
	return ok;
}

bool run_round(struct run *r, const struct plan *plan, run_seen_fn seen, void *arg)
{
	bool ok = true;

	r->plan = plan;
	for (unsigned int i = 0; i < plan->nvcpus; i++) {
		r->vcpu[i].next_range = 0;
		r->vcpu[i].conversions = 0;
		r->vcpu[i].ranges = 0;
		memset(r->vcpu[i].mark, 0, sizeof(r->vcpu[i].mark));
		if (plan->vcpu[i].nops)
			hand_over_script(r, i);
	}
	if (plan->holder >= 0) {
		sem_post(&r->vcpu[plan->holder].go);
		ok = wait_for(r, &r->held, plan->holder);
	}
	for (unsigned int i = 0; i < plan->nvcpus; i++) {
		if (plan->vcpu[i].nops && (int)i != plan->holder)
			sem_post(&r->vcpu[i].go);
	}
	ok = ok && all_done(r, false);
	for (unsigned int i = 0; ok && i < plan->nvcpus; i++) {
		if (plan->vcpu[i].waits)
			await_waiting(r, i, seen, arg);
	}
	if (plan->grantee >= 0)
		vm_set_flag(r->vm, PLAN_FLAG, vm_get_flag(r->vm, PLAN_FLAG) + 1);
	if (ok && plan->holder >= 0) {
		sem_post(&r->release);
		ok = wait_for(r, &r->vcpu[plan->holder].done, plan->holder);
	}
	return ok && all_done(r, true);
}

void run_destroy(struct run *r)
{
	for (unsigned int i = 0; i < r->vm->cfg.nvcpus; i++) {
		struct vcpu_run *v = &r->vcpu[i];

		v->quit = true;
		sem_post(&v->go);
		pthread_join(v->thread, NULL);
	}
	vm_destroy(r->vm);
	free(r);
}
