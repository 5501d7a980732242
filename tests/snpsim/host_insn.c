// SPDX-License-Identifier: GPL-2.0-only
/*
 * RMPUPDATE and PSMASH, which are undefined to TCG and so arrive as #UD.
 */
#include "decode.h"
#include "host.h"
#include "hostmem.h"
#include "lib.h"
#include "rmp.h"
#include "smp.h"

#define INSN_LEN	4

static const u8 insn_rmpupdate[INSN_LEN] = { 0xf2, 0x0f, 0x01, 0xfe };
static const u8 insn_psmash[INSN_LEN] = { 0xf3, 0x0f, 0x01, 0xff };

/* Both leave their result in EAX and the flags as if it had been computed. */
static void finish(struct vmcb *v, int ret)
{
	v->save.rax = ret;
	v->save.rflags = (v->save.rflags & ~RFLAGS_STATUS) | (ret ? 0 : RFLAGS_ZF);
	v->save.rip += INSN_LEN;
}

static void rmpupdate(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;
	u64 addr = c->gpr[GPR_RCX];
	struct rmp_state state;
	int ret;

	if (host_copy_from(v, addr, &state, sizeof(state))) {
		v->save.cr2 = addr;
		inject_exception(v, EXC_PF, true, 0);
		return;
	}
	sim_lock();
	ret = rmp_update(v->save.rax, &state, SEV_MAX_ASID);
	sim_unlock();
	finish(v, ret);
}

static void psmash(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;
	int ret;

	sim_lock();
	ret = rmp_psmash(v->save.rax);
	sim_unlock();
	finish(v, ret);
}

void host_ud(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;
	bool is_rmpupdate, is_psmash;
	u8 insn[INSN_LEN];

	if (!code_is_64bit(v) || !(c->syscfg & SYSCFG_SNP_EN) ||
	    host_copy_from(v, v->save.rip, insn, INSN_LEN))
		goto ud;
	is_rmpupdate = !memcmp(insn, insn_rmpupdate, INSN_LEN);
	is_psmash = !memcmp(insn, insn_psmash, INSN_LEN);
	if (!is_rmpupdate && !is_psmash)
		goto ud;
	if (!host_cpl0(v))
		return;
	if (is_rmpupdate)
		rmpupdate(c);
	else
		psmash(c);
	return;
ud:
	inject_exception(v, EXC_UD, false, 0);
}
