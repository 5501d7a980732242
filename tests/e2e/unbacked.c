// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private accesses to what can't be private memory: device registers, ROMs. KVM leaves it
 * to the VMM, which can do nothing about it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "guard.h"
#include "module.h"

#define NO_SLOT		0x30000000ul

/* What the guest touches, and KVM's attribute of it. */
struct place {
	uint64_t gpa;
	bool rom, attr_private;
};

static const struct place nowhere = { NO_SLOT, false, false };
static const struct place rom = { VM_SLOT1_GPA, true, false };
static const struct place rom_private = { VM_SLOT1_GPA, true, true };

static struct vm *vm_with(const struct place *p, const struct vm_config *cfg)
{
	struct vm *vm = vm_create(cfg);

	if (p->rom)
		vm_slot_add_plain(vm, 1, VM_SLOT1_GPA, 4 * GUEST_PAGE);
	if (p->attr_private)
		vm_set_attr(vm, p->gpa, GUEST_PAGE, true);
	return vm;
}

/* The VMM gives up, as QEMU does; that was all, but for the record. */
static void private_read(const void *arg)
{
	static const char *const mode[] = { "lenient", "strict" };
	const struct place *p = arg;

	for (unsigned int i = 0; i < 2; i++) {
		struct vm *vm = vm_with(p, NULL);
		const struct vm_exit *x;
		unsigned int r;

		knob_write("mode", mode[i]);
		knob_write("action", "terminate");
		r = op_read(vm, 0, VIEW_PRIVATE, p->gpa);
		guard_launch(vm);
		run(vm);
		expect_never_finished(vm, 0, r);
		x = vcpu_exit(&vm->vcpu[0], KVM_EXIT_MEMORY_FAULT, 0);
		check(x && x->error == EFAULT && x->gpa == p->gpa && x->size == GUEST_PAGE &&
		      x->flags == KVM_MEMORY_EXIT_FLAG_PRIVATE,
		      "no MEMORY_FAULT for gpa %#lx", p->gpa);
		expect_exits(vm, 0, KVM_EXIT_SYSTEM_EVENT, 0);
		expect_record(vm,
			      "class=unbacked vcpu=0 gfn=0x%lx access=private op=read attr=%s psc=none launch=no pfn=none n=1 mode=%s action=none escalated=no",
			      p->gpa / GUEST_PAGE, p->attr_private ? "private" : "shared", mode[i]);
		expect_quiet(vm);
		expect_counter(vm, "violations/unbacked", 1);
		expect_counter(vm, "violations/enforced", 0);
		expect_file(vm, "state", "running");
		guard_forget(vm);
		vm_destroy(vm);
	}
}

/* A VMM that tries again and again: the same fault, and one record of it. */
#define TRIES	20u

static unsigned int tries;

static int try_again(struct vcpu *v, uint64_t gpa, uint64_t size, bool to_private)
{
	if (gpa != NO_SLOT)
		return vm_convert(v->vm, gpa, size, to_private);
	return ++tries < TRIES ? 0 : -1;
}

static void tried_again(const void *arg)
{
	struct vm *vm = vm_with(&nowhere, &(struct vm_config){ .on_memory_fault = try_again });

	(void)arg;
	knob_write("mode", "strict");
	op_read(vm, 0, VIEW_PRIVATE, NO_SLOT);
	guard_launch(vm);
	run(vm);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, TRIES);
	expect_record(vm, "class=unbacked gfn=0x%lx n=1 action=none", NO_SLOT / GUEST_PAGE);
	expect_quiet(vm);
	expect_counter(vm, "violations/unbacked", 1);
	check(guard_counter(vm, "violations/repeated") >= TRIES / 2 - 1,
	      "%lu of %u faults are counted", guard_counter(vm, "violations/repeated"), TRIES);
	vm_destroy(vm);
}

static void off(const void *arg)
{
	struct vm *vm = vm_with(&nowhere, NULL);

	(void)arg;
	knob_write("mode", "off");
	op_read(vm, 0, VIEW_PRIVATE, NO_SLOT);
	guard_launch(vm);
	run(vm);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 1);
	expect_counter(vm, "violations/unbacked", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* It is no class that somebody may have enforced. */
static void no_policy(const void *arg)
{
	static const char *const class[] = { "unbacked", "no_progress", "host" };
	char path[64];
	int r;

	(void)arg;
	for (size_t i = 0; i < sizeof(class) / sizeof(*class); i++) {
		snprintf(path, sizeof(path), "policy/%s", class[i]);
		r = knob_write(path, "enforce");
		check(r == ENOENT || r == EACCES, "writing %s: %s", path, strerror(r));
	}
}

static const struct scenario scenarios[] = {
	{ "unbacked.no_slot", private_read, &nowhere, 0 },
	{ "unbacked.no_guest_memfd", private_read, &rom, 0 },
	{ "unbacked.no_guest_memfd_private", private_read, &rom_private, 0 },
	{ "unbacked.tried_again", tried_again, NULL, 0 },
	{ "unbacked.off", off, NULL, 0 },
	{ "unbacked.no_policy", no_policy, NULL, 0 },
};

GROUP(unbacked_group, scenarios);
