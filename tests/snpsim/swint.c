// SPDX-License-Identifier: GPL-2.0-only
/*
 * INT3 and INT n.
 */
#include "swint.h"

#include "decode.h"
#include "hostmem.h"
#include "lib.h"

#define OPCODE_INT3	0xcc
#define EXC_BP		3

bool swint_is_stale(u8 *insn)
{
	static unsigned int count;		/* for the log only, so without a lock */
	u8 opcode = READ_ONCE(*insn);

	if (opcode == OPCODE_INT3 || opcode == OPCODE_INT_N)
		return false;
	count++;
	if (!(count & (count - 1)))
		log("TCG executed an INT3 that is gone: %lx holds %x (%u times so far)",
		    (u64)insn, opcode, count);
	/* Writes what is there: any write drops the translation. */
	__atomic_fetch_or(insn, 0, __ATOMIC_SEQ_CST);
	return true;
}

/*
 * The event is delivered by VMRUN, with the RIP after the instruction.  All the
 * host's memory is mapped, so no exit can interrupt that.
 */
void host_swint(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;
	u64 va = code_is_64bit(v) ? v->save.rip : (u32)(v->save.rip + v->save.cs.base);
	u64 pa = host_walk(v->save.cr3, va, NULL), vec = EXC_BP;
	u8 insn[2] = { OPCODE_INT3 };

	if (pa != ~0ul && swint_is_stale(pa_to_ptr(pa)))
		return;
	if (!host_copy_from(v, va, insn, sizeof(insn)) && insn[0] == OPCODE_INT_N) {
		vec = insn[1];
		v->save.rip++;
	}
	v->save.rip++;
	v->control.event_inj = vec | EVENT_TYPE_SOFT << EVENT_TYPE_SHIFT | EVENT_VALID;
}
