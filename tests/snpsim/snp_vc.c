// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions of an SNP guest.
 *
 * #VC is delivered here, through the guest's own IDT: TCG's EVENTINJ of vector
 * 29 pushes no error code.  #DF too, because TCG counts an injected #DF as an
 * ordinary first exception, so that the fault on its delivery would not be a
 * shutdown.
 */
#include "snp_vcpu.h"

#include "lib.h"
#include "stats.h"

#define EXC_DF		8

#define GATE_INTR_32	0xe
#define GATE_TRAP_32	0xf
#define DESC_CONFORMING	BIT(42)
#define DESC_CODE_S	(BIT(43) | BIT(44))	/* executable, not a system segment */
#define DESC_P		BIT(47)
#define DESC_L		BIT(53)
#define DESC_G		BIT(55)
#define SEL_TI		4
#define ERR_IDT		2		/* error code: the selector is an index into the IDT */
#define TSS64_RSP0	4
#define TSS64_IST1	0x24

/* Flags that an interrupt or trap gate clears; IF only an interrupt gate. */
#define RFLAGS_CLEARED	(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM)

struct event {
	u8 vec;
	bool has_err;
	u32 err;
	bool soft;		/* INT3, INT n: RIP is past it, the gate's DPL counts */
};

struct gate {
	u16 sel;
	u8 ist;
	u8 type;
	u64 offset;
};

static enum snp_action shutdown(struct snp_vcpu *s)
{
	s->v->control.event_inj = 0;
	s->code = VMEXIT_SHUTDOWN;
	s->info1 = 0;
	s->info2 = 0;
	return SNP_EXIT;
}

static u64 event_word(const struct event *e)
{
	return e->vec | EVENT_TYPE_EXCEPTION << EVENT_TYPE_SHIFT | EVENT_VALID |
	       (e->has_err ? EVENT_HAS_ERROR | (u64)e->err << EVENT_ERROR_SHIFT : 0);
}

static void load_segment(struct seg *seg, u16 sel, u64 desc)
{
	u32 limit = (desc & 0xffff) | (desc >> 32 & 0xf0000);

	seg->selector = sel;
	seg->attrib = (desc >> 40 & 0xff) | (desc >> 44 & 0xf00);
	seg->limit = desc & DESC_G ? limit << 12 | 0xfff : limit;
	seg->base = (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000);
}

static enum access_result read_gate(struct snp_vcpu *s, const struct event *e,
				    unsigned int size, struct gate *g)
{
	const struct seg *idt = &s->v->save.idtr;
	u64 raw[2] = { 0 };
	enum access_result r;

	if (e->vec * size + size - 1 > idt->limit)
		return ACC_UNMODELLED;
	r = guest_read(s, idt->base + e->vec * size, raw, size);
	if (r)
		return r;
	g->sel = raw[0] >> 16;
	g->ist = raw[0] >> 32 & 7;
	g->type = raw[0] >> 40 & 0xf;
	g->offset = (raw[0] & 0xffff) | (raw[0] >> 32 & 0xffff0000) | raw[1] << 32;
	/* Present, a system descriptor, an interrupt or trap gate: no task gates. */
	if (!(raw[0] & DESC_P) || raw[0] & BIT(44) ||
	    (g->type != GATE_INTR_32 && g->type != GATE_TRAP_32))
		return ACC_UNMODELLED;
	if (e->soft && (raw[0] >> 45 & 3) < seg_dpl(&s->v->save.ss))
		return ACC_UNMODELLED;
	return ACC_OK;
}

static enum access_result read_code_segment(struct snp_vcpu *s, u16 sel, u64 *desc)
{
	const struct seg *table = sel & SEL_TI ? &s->v->save.ldtr : &s->v->save.gdtr;
	enum access_result r;

	if (!(sel & ~7) || (sel | 7) > table->limit)
		return ACC_UNMODELLED;
	r = guest_read(s, table->base + (sel & ~7), desc, sizeof(*desc));
	if (r)
		return r;
	if ((*desc & DESC_CODE_S) != DESC_CODE_S || !(*desc & DESC_P))
		return ACC_UNMODELLED;
	return ACC_OK;
}

static void enter_handler(struct snp_vcpu *s, u64 offset, u64 rsp, bool clear_if)
{
	struct vmsa *save = &s->v->save;

	save->rip = offset;
	save->rsp = rsp;
	save->rflags &= ~(RFLAGS_CLEARED | (clear_if ? RFLAGS_IF : 0));
	s->v->control.int_state &= ~INT_STATE_SHADOW;
}

/* The stack that the handler starts on (APM volume 2, 8.9.3). */
static enum access_result long_stack(struct snp_vcpu *s, unsigned int ist, unsigned int dpl,
				     bool switch_stack, u64 *rsp)
{
	u64 offset = ist ? TSS64_IST1 + 8 * (ist - 1) : TSS64_RSP0 + 8 * dpl;
	const struct seg *tr = &s->v->save.tr;
	enum access_result r;

	*rsp = s->v->save.rsp;
	if (!switch_stack)
		return ACC_OK;
	if (offset + 7 > tr->limit)
		return ACC_UNMODELLED;
	r = guest_read(s, tr->base + offset, rsp, sizeof(*rsp));
	if (!r && (s64)(*rsp << 16) >> 16 != (s64)*rsp)
		r = ACC_UNMODELLED;		/* not canonical: #SS */
	return r;
}

/* RF is pushed as 1 for faults (APM volume 2, 8.2). */
static u64 pushed_rflags(const struct vmsa *save, const struct event *e)
{
	return e->soft ? save->rflags : save->rflags | RFLAGS_RF;
}

static enum access_result deliver_long(struct snp_vcpu *s, const struct event *e)
{
	struct vmsa *save = &s->v->save;
	unsigned int cpl = seg_dpl(&save->ss), dpl, words = e->has_err ? 6 : 5;
	struct gate g;
	u64 desc, rsp, frame[6] = { e->err, save->rip, save->cs.selector,
				    pushed_rflags(save, e), save->rsp, save->ss.selector };
	bool switch_stack;
	enum access_result r;

	r = read_gate(s, e, 16, &g);
	if (!r)
		r = read_code_segment(s, g.sel, &desc);
	if (r)
		return r;
	dpl = desc & DESC_CONFORMING ? cpl : desc >> 45 & 3;
	if (dpl > cpl || !(desc & DESC_L))
		return ACC_UNMODELLED;
	switch_stack = g.ist || dpl < cpl;
	r = long_stack(s, g.ist, dpl, switch_stack, &rsp);
	if (r)
		return r;
	rsp = (rsp & ~15ul) - words * 8;
	r = guest_write(s, rsp, &frame[6 - words], words * 8);
	if (r)
		return r;

	/* From here on nothing can fail. */
	if (dpl < cpl) {
		save->ss.selector = dpl;
		/* A NULL SS; TCG takes the privilege level from its DPL. */
		save->ss.attrib = dpl << SEG_DPL_SHIFT;
		save->ss.limit = 0;
		save->ss.base = 0;
	}
	save->cpl = dpl;
	load_segment(&save->cs, (g.sel & ~3) | dpl, desc);
	enter_handler(s, g.offset, rsp, g.type == GATE_INTR_32);
	return ACC_OK;
}

/* 32-bit protected mode.  A change of privilege is not modelled. */
static enum access_result deliver_legacy(struct snp_vcpu *s, const struct event *e)
{
	struct vmsa *save = &s->v->save;
	unsigned int cpl = seg_dpl(&save->ss), words = e->has_err ? 4 : 3;
	u32 frame[4] = { e->err, save->rip, save->cs.selector, pushed_rflags(save, e) };
	u32 esp = save->rsp - words * 4;
	struct gate g;
	u64 desc;
	enum access_result r;

	if (save->rflags & RFLAGS_VM) {
		log("guest: exception %u in virtual-8086 mode is not modelled", e->vec);
		return ACC_UNMODELLED;
	}
	r = read_gate(s, e, 8, &g);
	if (!r)
		r = read_code_segment(s, g.sel, &desc);
	if (r)
		return r;
	if (!(desc & DESC_CONFORMING) && (desc >> 45 & 3) != cpl) {
		log("guest: exception %u with a privilege change in 32-bit mode is not modelled",
		    e->vec);
		return ACC_UNMODELLED;
	}
	if (!(save->ss.attrib & SEG_DB))
		esp = (u16)esp;
	r = guest_write(s, (u32)(save->ss.base + esp), &frame[4 - words], words * 4);
	if (r)
		return r;
	load_segment(&save->cs, (g.sel & ~3) | cpl, desc);
	if (!(save->ss.attrib & SEG_DB))
		esp |= save->rsp & 0xffff0000;
	enter_handler(s, (u32)g.offset, esp, g.type == GATE_INTR_32);
	return ACC_OK;
}

/* Real mode: interrupt vector table, no error code. */
static enum access_result deliver_real(struct snp_vcpu *s, const struct event *e)
{
	struct vmsa *save = &s->v->save;
	u16 frame[3] = { save->rip, save->cs.selector, save->rflags }, sp = save->rsp - 6;
	u16 vector[2];
	enum access_result r;

	if (e->vec * 4 + 3 > (int)save->idtr.limit)
		return ACC_UNMODELLED;
	r = guest_read(s, save->idtr.base + e->vec * 4, vector, sizeof(vector));
	if (!r)
		r = guest_write(s, (u32)(save->ss.base + sp), frame, sizeof(frame));
	if (r)
		return r;
	save->cs.selector = vector[1];
	save->cs.base = (u64)vector[1] << 4;
	enter_handler(s, vector[0], (save->rsp & ~0xfffful) | sp, true);
	return ACC_OK;
}

static enum access_result deliver(struct snp_vcpu *s, const struct event *e)
{
	if (!(s->v->save.cr0 & CR0_PE))
		return deliver_real(s, e);
	if (!guest_long_mode(s->v))
		return deliver_legacy(s, e);
	return deliver_long(s, e);
}

/* Classes of APM volume 2, 8.2.9; #VC counted as contributory. */
static bool contributory(u8 vec)
{
	return vec == 0 || (vec >= 10 && vec <= 13) || vec == EXC_VC;
}

static bool is_double_fault(u8 first, u8 second)
{
	if (first == EXC_PF)
		return second == EXC_PF || contributory(second);
	return contributory(first) && contributory(second);
}

enum snp_action raise_exception(struct snp_vcpu *s, u8 vec, bool has_err, u32 err)
{
	struct vmcb_control *ctl = &s->v->control;
	struct event e = { .vec = vec, .has_err = has_err, .err = err };
	u64 pending = ctl->event_inj;
	enum access_result r;

	if (pending & EVENT_VALID && EVENT_TYPE(pending) == EVENT_TYPE_EXCEPTION) {
		u8 first = pending & EVENT_VECTOR;

		if (first == EXC_DF)
			return shutdown(s);
		if (is_double_fault(first, vec))
			e = (struct event){ .vec = EXC_DF, .has_err = true };
	}
	ctl->event_inj = 0;
	if (e.vec != EXC_VC && e.vec != EXC_DF) {
		inject_exception(s->v, e.vec, e.has_err, e.err);
		return SNP_RESUME;
	}
	for (;;) {
		u64 code = s->code;

		r = deliver(s, &e);
		if (r == ACC_OK) {
			if (e.vec == EXC_VC) {
				snp_stats.vcs++;
				stats_count(STATS_VC, e.err);
			}
			return SNP_RESUME;
		}
		if (r == ACC_NPF) {
			/*
			 * KVM never injects a #VC again, but it need not: RIP is
			 * still on the instruction.
			 */
			ctl->event_inj = event_word(&e);
			return SNP_EXIT;
		}
		log("guest: exception %u, error code %x, at %lx (exit %lx): no handler (%u)",
		    e.vec, e.err, s->v->save.rip, code, r);
		if (e.vec == EXC_DF)
			return shutdown(s);
		e = (struct event){ .vec = EXC_DF, .has_err = true };
	}
}

enum snp_action raise_soft_interrupt(struct snp_vcpu *s, u8 vec, unsigned int len)
{
	struct event e = { .vec = vec, .soft = true };
	u64 rip = s->v->save.rip;
	enum access_result r;

	s->v->save.rip += len;
	r = deliver(s, &e);
	if (r == ACC_OK)
		return SNP_RESUME;
	/* As with any fault of an instruction, it is executed again afterwards. */
	s->v->save.rip = rip;
	if (r == ACC_UNMODELLED)
		return raise_exception(s, EXC_GP, true, vec << 3 | ERR_IDT);
	return raise_access(s, r);
}

enum snp_action raise_access(struct snp_vcpu *s, enum access_result r)
{
	switch (r) {
	case ACC_NPF:
		return SNP_EXIT;
	case ACC_VC:
		if (s->code == VMEXIT_PAGE_NOT_VALIDATED)
			s->v->save.cr2 = s->pf_addr;
		return raise_exception(s, EXC_VC, true, s->code);
	case ACC_PF:
		s->v->save.cr2 = s->pf_addr;
		return raise_exception(s, EXC_PF, true, s->pf_err);
	default:
		return shutdown(s);
	}
}
