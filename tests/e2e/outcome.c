// SPDX-License-Identifier: GPL-2.0-only
/* Expectations on what the guest noted and on what the VMM saw. */
#include <unistd.h>
#include "guard.h"
#include "module.h"

static const char *const state_name[] = {
	"not reached", "not finished", "completed", "given up after an exception",
};

static const char *const vcpu_state_name[] = {
	[VCPU_IDLE] = "was not started",
	[VCPU_RUNNING] = "still runs",
	[VCPU_HALTED] = "halted",
	[VCPU_ENDED] = "ended with the last",
	[VCPU_STUCK] = "was stopped",
};

#define SHOWN_EXITS	12u	/* of the first, and of the last */

void run(struct vm *vm)
{
	vm_start(vm);
	if (!vm_wait(vm, PATIENCE_MS)) {
		for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
			if (vm->vcpu[i].state != VCPU_STUCK)
				continue;
			fail("vCPU %u did not stop in %u ms (operation %u, state %u)", i,
			     PATIENCE_MS, vm_status(vm, i)->op, vm_status(vm, i)->state);
		}
	}
}

struct vm *strict_vm(const struct vm_config *cfg, const char *action)
{
	knob_write("mode", "strict");
	knob_write("action", action);
	return vm_create(cfg);
}

void clean_run(struct vm *vm)
{
	guard_launch(vm);
	run(vm);
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++)
		expect_halted(vm, i);
}

struct vm *converting_vm(unsigned int nvcpus)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = nvcpus });

	for (unsigned int i = 0; i < nvcpus; i++) {
		uint64_t gpa = GUEST_FREE_GPA + i * GUEST_PAGE;
		unsigned int start = op_make_private(vm, i, gpa) - 1;

		op_write(vm, i, VIEW_PRIVATE, gpa, 1);
		op_make_shared(vm, i, gpa);
		op_write(vm, i, VIEW_SHARED, gpa, 1);
		op_set_flag(vm, i, i, 1);
		op_loop(vm, i, start, ~0u);
	}
	vm_start(vm);
	for (unsigned int i = 0; i < nvcpus; i++)
		vm_wait_flag(vm, i, 1, PATIENCE_MS);
	return vm;
}

void expect_converting(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];
		unsigned int before = v->nexits;

		for (unsigned int ms = 0; ms < PATIENCE_MS && v->nexits < before + 10; ms++)
			usleep(1000);
		check(v->nexits >= before + 10 && v->state == VCPU_RUNNING,
		      "vCPU %u does not convert any more", i);
	}
}

static uint64_t boot_pscs(const struct vm *vm)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++)
		n += GUEST_BOOT_PSCS(i);
	return n;
}

void expect_pscs(struct vm *vm, uint64_t completed, uint64_t refused, uint64_t pages)
{
	expect_counter(vm, "psc_requests", boot_pscs(vm) + completed + refused);
	expect_counter(vm, "psc_completed", boot_pscs(vm) + completed);
	expect_counter(vm, "psc_refused", refused);
	expect_counter(vm, "psc_pages", boot_pscs(vm) + pages);
}

static void show_result(struct vm *vm, unsigned int vcpu, unsigned int op)
{
	const volatile struct guest_result *r = vm_result(vm, vcpu, op);

	diag("  guest: vCPU %u operation %u %s, faults=%u vector=%u error=%#lx cr2=%#lx code=%#lx value=%#lx",
	     vcpu, op, state_name[r->state & 3], r->faults, r->vector, r->error, r->cr2, r->code,
	     r->value);
	show_exits(vm, vcpu);
}

void expect_ok(struct vm *vm, unsigned int vcpu, unsigned int op)
{
	const volatile struct guest_result *r = vm_result(vm, vcpu, op);

	if (!check(r->state == RESULT_OK && !r->faults, "operation %u did not just complete", op))
		show_result(vm, vcpu, op);
}

void expect_value(struct vm *vm, unsigned int vcpu, unsigned int op, uint64_t value)
{
	const volatile struct guest_result *r = vm_result(vm, vcpu, op);

	if (!check(r->state == RESULT_OK && r->value == value, "operation %u did not give %#lx", op,
		   value))
		show_result(vm, vcpu, op);
}

void expect_code(struct vm *vm, unsigned int vcpu, unsigned int op, uint64_t code)
{
	const volatile struct guest_result *r = vm_result(vm, vcpu, op);

	if (!check(r->state == RESULT_OK && r->code == code, "operation %u did not return %#lx", op,
		   code))
		show_result(vm, vcpu, op);
}

void expect_fault(struct vm *vm, unsigned int vcpu, unsigned int op, unsigned int vector,
		  uint64_t error, unsigned int faults)
{
	const volatile struct guest_result *r = vm_result(vm, vcpu, op);

	if (!check(r->state == RESULT_FAULT && r->vector == vector && r->error == error &&
		   r->faults == faults,
		   "operation %u did not end after %u exception(s) %u with error %#lx", op, faults,
		   vector, error))
		show_result(vm, vcpu, op);
}

void expect_never_finished(struct vm *vm, unsigned int vcpu, unsigned int op)
{
	const volatile struct guest_result *r = vm_result(vm, vcpu, op);

	if (!check(r->state == RESULT_STARTED && !r->faults &&
		   vm_result(vm, vcpu, op + 1)->state == RESULT_NONE,
		   "the guest went on after operation %u", op))
		show_result(vm, vcpu, op);
}

void expect_halted(struct vm *vm, unsigned int vcpu)
{
	const volatile struct guest_status *s = vm_status(vm, vcpu);

	/* What a script does last is seen before its vCPU has halted. */
	if (!check(vm_wait_halted(vm, vcpu, PATIENCE_MS),
		   "vCPU %u did not reach the end of its script", vcpu)) {
		diag("  guest: operation %u, state %u, vector=%lu error=%#lx cr2=%#lx rip=%#lx",
		     s->op, s->state, s->vector, s->error, s->cr2, s->rip);
		show_exits(vm, vcpu);
	}
}

void expect_exits(struct vm *vm, unsigned int vcpu, uint32_t reason, unsigned int n)
{
	unsigned int is = vcpu_count_exits(&vm->vcpu[vcpu], reason);

	if (!check(is == n, "%u exits %s on vCPU %u, not %u", is, exit_name(reason), vcpu, n))
		show_exits(vm, vcpu);
}

void expect_crash(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int class)
{
	const struct vm_exit *x = vcpu_exit(&vm->vcpu[vcpu], KVM_EXIT_SYSTEM_EVENT, 0);

	if (!check(x && !x->error && x->type == KVM_SYSTEM_EVENT_CRASH && x->ndata == 3 &&
		   x->data[0] / GUEST_PAGE == gpa / GUEST_PAGE && x->data[2] == class,
		   "no SYSTEM_EVENT of type CRASH for gpa %#lx, class %u on vCPU %u", gpa, class,
		   vcpu))
		show_exits(vm, vcpu);
}

void expect_term(struct vm *vm, unsigned int vcpu, unsigned int code)
{
	const struct vm_exit *x = vcpu_exit(&vm->vcpu[vcpu], KVM_EXIT_SYSTEM_EVENT, 0);
	uint64_t msr = 0x100 | GUEST_TERM_SET << 12 | (uint64_t)code << 16;

	if (!check(x && x->type == KVM_SYSTEM_EVENT_SEV_TERM && x->data[0] == msr,
		   "no termination request with code %u by vCPU %u", code, vcpu))
		show_exits(vm, vcpu);
}

/* The first and the last: how it began, and what it ended with. */
void show_exits(struct vm *vm, unsigned int vcpu)
{
	const struct vcpu *v = &vm->vcpu[vcpu];

	diag("  VMM: vCPU %u made %u exits, %s", vcpu, v->nexits, vcpu_state_name[v->state]);
	for (unsigned int i = 0; i < v->nexits && i < VCPU_MAX_EXITS; i++) {
		const struct vm_exit *x = &v->exits[i];

		if (i >= SHOWN_EXITS && i + SHOWN_EXITS < v->nexits)
			continue;
		diag("    %s(%u) errno=%d gpa=%#lx size=%#lx flags=%#lx type=%u data=%#lx,%#lx,%#lx",
		     exit_name(x->reason), x->reason, x->error, x->gpa, x->size, x->flags, x->type,
		     x->data[0], x->data[1], x->data[2]);
	}
}

void guards_a_guest(void)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w = op_write(vm, 0, VIEW_PRIVATE, GUEST_FREE_GPA, 1);

	clean_run(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch action=vc");
	expect_file(vm, "history", "complete");
	expect_quiet(vm);
	vm_destroy(vm);
}
