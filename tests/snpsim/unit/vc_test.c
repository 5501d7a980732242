// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery of #VC and #DF through the guest's IDT: stacks, privilege levels,
 * modes, and what happens if it can't be delivered.
 */
#include "guestmem.h"

#define GPA		(GPA_BASE + 0x5000)	/* IDT, GDT, TSS; then the stacks */
#define STACK_GPA	(GPA + PAGE_SIZE)
#define VA		GVA_BASE
#define STACK_VA	(VA + PAGE_SIZE)
#define GDT_OFFSET	0x800
#define TSS_OFFSET	0x900
#define HANDLER		0xffffffff81234567ul
#define KERNEL_CS	0x10
#define USER_CS		0x33
#define USER_SS		0x2b
#define RIP		0x401000ul
#define ERR		0x72
#define DESC_CODE64	0x00af9b000000fffful
#define DESC_CODE32	0x00cf9b000000fffful
#define GATE_P		0x8000ul
#define STACK_TOP	(STACK_VA + 0x808)	/* not aligned, as any RSP */

static u8 *mem(u64 offset)
{
	return pa_to_ptr(SPA(GPA) + offset);
}

static void put64(u64 offset, u64 val)
{
	memcpy(mem(offset), &val, sizeof(val));
}

static void set_gate(u8 vec, u64 handler, u64 bits)
{
	u64 *g = (u64 *)mem(vec * 16);

	g[0] = (handler & 0xffff) | KERNEL_CS << 16 | bits << 32 | (handler >> 16 & 0xffff) << 48;
	g[1] = handler >> 32;
}

static void setup(void)
{
	struct vmsa *save;

	guest_setup();
	map_private(GPA);
	map_private(STACK_GPA);
	*gpte(VA, 0) = GPA | RWX | CBIT;
	*gpte(STACK_VA, 0) = STACK_GPA | RWX | CBIT;
	save = &s.v->save;
	save->idtr.base = VA;
	save->idtr.limit = 0x1ff;
	save->gdtr.base = VA + GDT_OFFSET;
	save->gdtr.limit = 0x3f;
	save->tr.base = VA + TSS_OFFSET;
	save->tr.limit = 0x67;
	*(u64 *)mem(GDT_OFFSET + KERNEL_CS) = DESC_CODE64;
	set_gate(EXC_VC, HANDLER, 0x8e00);
	save->cs.selector = 0x10;
	save->ss.selector = 0x18;
	save->ss.attrib = 0xc93;
	save->rip = RIP;
	save->rsp = STACK_TOP;
	save->rflags = RFLAGS_IF | RFLAGS_TF | 2;
	s.v->control.int_state = INT_STATE_SHADOW;
}

static enum snp_action raise(void)
{
	return raise_exception(&s, EXC_VC, true, ERR);
}

static u64 pushed(unsigned int n)
{
	u64 gpa = STACK_GPA + (s.v->save.rsp - STACK_VA) + 8 * n;

	return *(u64 *)pa_to_ptr(SPA(gpa));
}

static void same_privilege(void)
{
	setup();
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rip, HANDLER);
	expect(s.v->save.rsp, (STACK_TOP & ~15ul) - 48);
	expect(pushed(0), ERR);
	expect(pushed(1), RIP);
	expect(pushed(2), 0x10);
	expect(pushed(3), RFLAGS_IF | RFLAGS_TF | RFLAGS_RF | 2);
	expect(pushed(4), STACK_TOP);
	expect(pushed(5), 0x18);
	expect(s.v->save.rflags, 2);
	expect(s.v->control.int_state, 0);
	expect(s.v->save.cs.attrib & SEG_L, SEG_L);
	expect(s.v->control.event_inj, 0);
	expect(s.v->save.ss.selector, 0x18);
}

static void trap_gate(void)
{
	setup();
	set_gate(EXC_VC, HANDLER, 0x8f00);
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rflags, RFLAGS_IF | 2);
}

static void ist(void)
{
	setup();
	set_gate(EXC_VC, HANDLER, 0x8e03);
	put64(TSS_OFFSET + 0x24 + 16, STACK_VA + 0x400);
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rsp, STACK_VA + 0x400 - 48);
	expect(pushed(4), STACK_TOP);
	expect(s.v->save.ss.selector, 0x18);	/* same level: SS stays */
}

static void from_user(void)
{
	setup();
	s.v->save.cs.selector = USER_CS;
	s.v->save.ss.selector = USER_SS;
	s.v->save.ss.attrib = 0xcf3;
	s.v->save.cpl = 3;
	put64(TSS_OFFSET + 4, STACK_VA + 0xc08);
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rsp, STACK_VA + 0xc00 - 48);
	expect(pushed(2), USER_CS);
	expect(pushed(5), USER_SS);
	expect(s.v->save.cpl, 0);
	expect(s.v->save.cs.selector, KERNEL_CS);
	expect(s.v->save.ss.selector, 0);
	expect(seg_dpl(&s.v->save.ss), 0);
	/* A page that only the kernel may write to is no obstacle. */
	setup();
	*gpte(STACK_VA, 0) &= ~PTE_U;
	s.v->save.ss.attrib = 0xcf3;
	put64(TSS_OFFSET + 4, STACK_VA + 0xc08);
	expect(raise(), SNP_RESUME);
}

static void compatibility_mode(void)
{
	setup();
	s.v->save.cs.attrib = SEG_DB | 0x9b;
	expect(raise(), SNP_RESUME);
	expect(s.v->save.cs.attrib & SEG_L, SEG_L);
	expect(s.v->save.rip, HANDLER);
}

static void stack_not_mapped(void)
{
	setup();
	*npt_entry(STACK_GPA) = 0;
	expect(raise(), SNP_EXIT);
	expect(s.code, VMEXIT_NPF);
	expect(s.info1, NPF_USER | NPF_FINAL | NPF_WRITE | NPF_ENC);
	expect(s.info2 & PAGE_MASK, STACK_GPA);
	expect(s.v->save.rip, RIP);
	expect(s.v->save.rsp, STACK_TOP);
	expect(s.v->control.event_inj, EXC_VC | 3 << 8 | EVENT_HAS_ERROR | EVENT_VALID |
				       (u64)ERR << 32);
}

static void no_gate(void)
{
	setup();
	set_gate(EXC_VC, HANDLER, 0);
	set_gate(8, HANDLER + 8, 0x8e00);
	expect(raise(), SNP_RESUME);			/* #DF */
	expect(s.v->save.rip, HANDLER + 8);
	expect(pushed(0), 0);
	expect(pushed(1), RIP);

	setup();
	set_gate(EXC_VC, HANDLER, 0);
	expect(raise(), SNP_EXIT);
	expect(s.code, VMEXIT_SHUTDOWN);
	expect(s.v->control.event_inj, 0);

	setup();
	s.v->save.idtr.limit = 0;
	expect(raise(), SNP_EXIT);
	expect(s.code, VMEXIT_SHUTDOWN);
}

static void stack_not_valid(void)
{
	setup();
	set_gate(8, HANDLER + 8, 0x8e01);
	put64(TSS_OFFSET + 0x24, VA + 0xff0);
	rmp_of(STACK_GPA)->lo &= ~RMP_VALIDATED;
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rip, HANDLER + 8);
	expect(s.v->save.rsp, VA + 0xff0 - 48);
}

static void bad_descriptors(void)
{
	static const u64 desc[] = {
		0, DESC_CODE64 & ~BIT(47), 0x00cf93000000fffful, DESC_CODE32,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(desc); i++) {
		setup();
		*(u64 *)mem(GDT_OFFSET + KERNEL_CS) = desc[i];
		expect(raise(), SNP_EXIT);
		expect(s.code, VMEXIT_SHUTDOWN);
	}
	setup();
	s.v->save.gdtr.limit = KERNEL_CS + 6;
	expect(raise(), SNP_EXIT);
	setup();
	set_gate(EXC_VC, HANDLER, 0x8500);		/* a task gate */
	expect(raise(), SNP_EXIT);
	setup();
	set_gate(EXC_VC, HANDLER, 0x8e01);
	put64(TSS_OFFSET + 0x24, 0x800000000000ul);	/* not canonical */
	expect(raise(), SNP_EXIT);
	setup();
	set_gate(EXC_VC, HANDLER, 0x8e07);
	s.v->save.tr.limit = 0x53;			/* no IST7 */
	expect(raise(), SNP_EXIT);
}

static u64 exception(u8 vec)
{
	return vec | EVENT_TYPE_EXCEPTION << EVENT_TYPE_SHIFT | EVENT_VALID;
}

static void while_delivering(void)
{
	setup();
	set_gate(8, HANDLER + 8, 0x8e00);
	s.v->control.event_inj = exception(EXC_GP);
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rip, HANDLER + 8);		/* two contributory ones */

	setup();
	s.v->control.event_inj = exception(8);
	expect(raise(), SNP_EXIT);
	expect(s.code, VMEXIT_SHUTDOWN);

	setup();
	s.v->control.event_inj = exception(EXC_UD);	/* benign */
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rip, HANDLER);

	setup();
	s.v->control.event_inj = exception(EXC_PF);
	expect(raise_exception(&s, EXC_UD, false, 0), SNP_RESUME);
	expect(s.v->control.event_inj, exception(EXC_UD));
}

static void protected_mode(void)
{
	u32 *stack;

	setup();
	s.v->save.efer = EFER_SVME;
	s.v->save.cr0 = CR0_PE;
	s.v->save.cs.attrib = SEG_DB | 0x9b;
	s.v->save.ss.attrib = 0xc93;
	s.v->save.idtr.base = GPA;
	s.v->save.gdtr.base = GPA + GDT_OFFSET;
	s.v->save.rsp = STACK_GPA + 0x808;
	*(u64 *)mem(GDT_OFFSET + KERNEL_CS) = DESC_CODE32;
	*(u64 *)mem(EXC_VC * 8) = 0x5678 | KERNEL_CS << 16 | 0x8e00ul << 32 | 0x1234ul << 48;
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rip, 0x12345678);
	expect(s.v->save.rsp, STACK_GPA + 0x808 - 16);
	stack = pa_to_ptr(SPA(STACK_GPA) + 0x808 - 16);
	expect(stack[0], ERR);
	expect(stack[1], RIP);
	expect(stack[2], 0x10);
	expect(stack[3], RFLAGS_IF | RFLAGS_TF | RFLAGS_RF | 2);
	expect(s.v->save.rflags, 2);
	/* A change of privilege is refused: shutdown. */
	s.v->save.ss.attrib = 0xcf3;
	expect(raise(), SNP_EXIT);
	expect(s.code, VMEXIT_SHUTDOWN);
}

static void real_mode(void)
{
	u16 *stack;

	setup();
	s.v->save.efer = EFER_SVME;
	s.v->save.cr0 = 0;
	s.v->save.cs.attrib = 0x9b;
	s.v->save.ss.attrib = 0x93;
	s.v->save.ss.base = STACK_GPA;
	s.v->save.idtr.base = GPA;
	s.v->save.idtr.limit = 0x3ff;
	s.v->save.rip = 0x1111;
	s.v->save.rsp = 0x100;
	*(u32 *)mem(EXC_VC * 4) = 0xf0005678;
	expect(raise(), SNP_RESUME);
	expect(s.v->save.rip, 0x5678);
	expect(s.v->save.cs.selector, 0xf000);
	expect(s.v->save.cs.base, 0xf0000);
	expect(s.v->save.rsp, 0xfa);
	stack = pa_to_ptr(SPA(STACK_GPA) + 0xfa);
	expect(stack[0], 0x1111);
	expect(stack[1], 0x10);
	s.v->save.idtr.limit = 8 * 4 + 2;		/* not even #DF */
	expect(raise(), SNP_EXIT);
}

static void software_interrupts(void)
{
	setup();
	set_gate(3, HANDLER, 0xee00);			/* DPL 3 */
	s.v->save.ss.attrib = 0xcf3;
	put64(TSS_OFFSET + 4, STACK_VA + 0xc00);
	expect(raise_soft_interrupt(&s, 3, 1), SNP_RESUME);
	expect(s.v->save.rip, HANDLER);
	expect(s.v->save.rsp, STACK_VA + 0xc00 - 40);	/* no error code */
	expect(pushed(0), RIP + 1);
	expect(pushed(2), RFLAGS_IF | RFLAGS_TF | 2);
	/* A gate that user mode may not use: #GP with its number. */
	setup();
	set_gate(3, HANDLER, 0x8e00);
	s.v->save.ss.attrib = 0xcf3;
	expect(raise_soft_interrupt(&s, 3, 1), SNP_RESUME);
	expect(s.v->save.rip, RIP);
	expect(s.v->control.event_inj, exception(EXC_GP) | EVENT_HAS_ERROR | 0x1aul << 32);
	setup();
	set_gate(3, HANDLER, 0x8e00);
	*npt_entry(STACK_GPA) = 0;
	expect(raise_soft_interrupt(&s, 3, 1), SNP_EXIT);
	expect(s.v->save.rip, RIP);
	expect(s.v->control.event_inj, 0);
}

static void failed_accesses(void)
{
	setup();
	s.pf_addr = 0x1234;
	s.pf_err = PTE_W;
	expect(raise_access(&s, ACC_PF), SNP_RESUME);
	expect(s.v->save.cr2, 0x1234);
	expect(s.v->control.event_inj, exception(EXC_PF) | EVENT_HAS_ERROR | PTE_W << 32);
	setup();
	s.pf_addr = 0x1234;
	s.code = VMEXIT_PAGE_NOT_VALIDATED;
	expect(raise_access(&s, ACC_VC), SNP_RESUME);
	expect(s.v->save.cr2, 0x1234);
	expect(pushed(0), VMEXIT_PAGE_NOT_VALIDATED);
	setup();
	expect(raise_access(&s, ACC_NPF), SNP_EXIT);
	expect(raise_access(&s, ACC_UNMODELLED), SNP_EXIT);
	expect(s.code, VMEXIT_SHUTDOWN);
}

void inject_exception(struct vmcb *v, unsigned int vec, bool has_err, u32 err)
{
	v->control.event_inj = exception(vec) | (has_err ? EVENT_HAS_ERROR | (u64)err << 32 : 0);
}

int main(void)
{
	guest_mem_init();
	KTAP_START();
	RUN(same_privilege);
	RUN(trap_gate);
	RUN(ist);
	RUN(from_user);
	RUN(compatibility_mode);
	RUN(stack_not_mapped);
	RUN(no_gate);
	RUN(stack_not_valid);
	RUN(bad_descriptors);
	RUN(while_delivering);
	RUN(protected_mode);
	RUN(real_mode);
	RUN(software_interrupts);
	RUN(failed_accesses);
	return ktap_end();
}
