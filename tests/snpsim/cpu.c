// SPDX-License-Identifier: GPL-2.0-only
/*
 * What any code that handles an exit needs: registers by number, events.
 */
#include "apic.h"
#include "cpu.h"
#include "host.h"
#include "idt.h"
#include "snp.h"

#define EXC_BP	3
#define EXC_OF	4

u64 *gpr_ptr(struct cpu *c, struct vmcb *v, unsigned int n)
{
	static const u8 index[16] = {
		[1] = GPR_RCX, [2] = GPR_RDX, [3] = GPR_RBX, [5] = GPR_RBP,
		[6] = GPR_RSI, [7] = GPR_RDI, [8] = GPR_R8, [9] = GPR_R9,
		[10] = GPR_R10, [11] = GPR_R11, [12] = GPR_R12, [13] = GPR_R13,
		[14] = GPR_R14, [15] = GPR_R15,
	};

	if (n == 0)
		return &v->save.rax;
	if (n == 4)
		return &v->save.rsp;
	return &c->gpr[index[n & 15]];
}

void inject_exception(struct vmcb *v, unsigned int vec, bool has_err, u32 err)
{
	v->control.event_inj = vec | EVENT_TYPE_EXCEPTION << EVENT_TYPE_SHIFT | EVENT_VALID |
			       (has_err ? EVENT_HAS_ERROR | (u64)err << EVENT_ERROR_SHIFT : 0);
}

bool event_is_software(u64 event)
{
	unsigned int vec = event & EVENT_VECTOR;

	return EVENT_TYPE(event) == EVENT_TYPE_SOFT ||
	       (EVENT_TYPE(event) == EVENT_TYPE_EXCEPTION && (vec == EXC_BP || vec == EXC_OF));
}

u64 event_to_repeat(u64 exit_int_info)
{
	if (!(exit_int_info & EVENT_VALID) || event_is_software(exit_int_info))
		return 0;
	return exit_int_info;
}

void cpu_init(struct cpu *c)
{
	c->id = c - cpus;
	c->apic_id = apic_id();
	c->syscfg = SYSCFG_INITIAL;
	wrmsr(MSR_VM_HSAVE_PA, (u64)c->hsave);
	idt_load();
	snp_cpu_init(c);
}
