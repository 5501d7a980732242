// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instruction decoder: length, operand address, size and immediate.
 */
#include "../decode.h"
#include "ktap.h"

#define RIP	0x1000ul
#define FS_BASE	0x7000000ul
#define SS_BASE	0x200000ul

static struct cpu cpu;
static struct vmcb vmcb;
static u64 regs[16];

u64 *gpr_ptr(struct cpu *c, struct vmcb *v, unsigned int n)
{
	(void)c;
	(void)v;
	return &regs[n];
}

/* Registers hold 0x10000 * (number + 1), so sums tell which were used. */
static void setup(bool wide, bool big)
{
	unsigned int i;

	vmcb.save.efer = wide ? EFER_LMA : 0;
	vmcb.save.cs.attrib = wide ? SEG_L : big ? SEG_DB : 0;
	vmcb.save.fs.base = FS_BASE;
	vmcb.save.ss.base = SS_BASE;
	vmcb.save.rip = RIP;
	for (i = 0; i < 16; i++)
		regs[i] = 0x10000ul * (i + 1);
}

#define DECODE(...) ({							\
	static const u8 b_[MAX_INSN_LEN] = { __VA_ARGS__ };		\
									\
	op = (struct operand){ 0 };					\
	decode_mem(&cpu, &vmcb, b_, &op);				\
})

static struct operand op;

static void moves_64bit(void)
{
	setup(true, false);
	expect(DECODE(0x89, 0x08), 0);				/* mov %ecx,(%rax) */
	expect(op.len, 2);
	expect(op.linear, 0x10000);
	expect(op.size, 4);
	expect(op.reg, 1);
	expect(DECODE(0x4c, 0x8b, 0x4c, 0xcb, 0xf8), 0);	/* mov -8(%rbx,%rcx,8),%r9 */
	expect(op.len, 5);
	expect(op.linear, 0x40000 + 8 * 0x20000 - 8);
	expect(op.size, 8);
	expect(op.reg, 9);
	expect(DECODE(0x48, 0xc7, 0x05, 0x10, 0, 0, 0, 0x66, 0, 0, 0x80), 0);
	expect(op.len, 11);					/* movq $imm,16(%rip) */
	expect(op.linear, RIP + 11 + 16);
	expect(op.imm, 0xffffffff80000066ul);
	expect(DECODE(0xc6, 0x04, 0x25, 0, 0, 2, 0, 0x55), 0);	/* movb $0x55,0x20000 */
	expect(op.len, 8);
	expect(op.linear, 0x20000);
	expect(op.size, 1);
	expect(op.imm, 0x55);
	expect(DECODE(0x64, 0x66, 0x89, 0x50, 0x10), 0);	/* mov %dx,%fs:16(%rax) */
	expect(op.linear, FS_BASE + 0x10010);
	expect(op.size, 2);
	expect(DECODE(0x36, 0x89, 0x50, 0x10), 0);		/* SS has no base here */
	expect(op.linear, 0x10010);
	expect(DECODE(0x48, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8), 0);	/* movabs %rax,0x... */
	expect(op.len, 10);
	expect(op.linear, 0x0807060504030201ul);
	expect(DECODE(0x67, 0x89, 0x48, 0x80), 0);		/* mov %ecx,-128(%eax) */
	expect(op.linear, 0x10000 - 128);
	expect(DECODE(0x49, 0x89, 0x45, 0), 0);			/* mov %rax,0(%r13) */
	expect(op.linear, 14 * 0x10000);
	expect(DECODE(0x49, 0x89, 0x04, 0x24), 0);		/* mov %rax,(%r12) */
	expect(op.linear, 13 * 0x10000);
}

static void strings_64bit(void)
{
	setup(true, false);
	expect(DECODE(0xf3, 0x48, 0xa5), 0);			/* rep movsq */
	expect(op.len, 3);
	expect(op.rep, 0xf3);
	expect(op.string, true);
	expect(op.linear, 8 * 0x10000);
	expect(op.source, 7 * 0x10000);
	expect(op.size, 8);
	expect(DECODE(0xf3, 0xaa), 0);				/* rep stosb */
	expect(op.linear, 8 * 0x10000);
	expect(op.size, 1);
	expect(DECODE(0xac), 0);				/* lodsb */
	expect(op.linear, 7 * 0x10000);
}

static void no_memory(void)
{
	setup(true, false);
	expect(DECODE(0xf2, 0x0f, 0x01, 0xff), 0);		/* pvalidate */
	expect(op.len, 4);
	expect(op.has_mem, false);
	expect(op.map, MAP_0F);
	expect(op.modrm, 0xff);
	expect(DECODE(0x0f, 0x22, 0x07), 0);			/* mov %rdi,%cr0, mod ignored */
	expect(op.len, 3);
	expect(op.has_mem, false);
	expect(DECODE(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8), 0);
	expect(op.len, 10);
	expect(op.imm, 0x0807060504030201ul);
}

static void vex(void)
{
	setup(true, false);
	expect(DECODE(0xc5, 0xfd, 0x7f, 0x43, 0x20), 0);	/* vmovdqa %ymm0,32(%rbx) */
	expect(op.len, 5);
	expect(op.linear, 0x40020);
	expect(DECODE(0xc4, 0xc1, 0x7d, 0x7f, 0x06), 0);	/* vmovdqa %ymm0,(%r14) */
	expect(op.len, 5);
	expect(op.linear, 15 * 0x10000);
}

static void legacy_modes(void)
{
	setup(false, true);
	expect(DECODE(0x89, 0x08), 0);				/* mov %ecx,(%eax) */
	expect(op.linear, 0x10000);
	expect(DECODE(0x89, 0x4d, 0xfc), 0);			/* mov %ecx,-4(%ebp) */
	expect(op.linear, SS_BASE + 0x60000 - 4);
	expect(DECODE(0x67, 0x89, 0x0e, 0x34, 0x12), 0);	/* mov %ecx,0x1234 */
	expect(op.linear, 0x1234);
	expect(DECODE(0xc5, 0x06), 0);				/* lds (%esi),%eax */
	expect(op.len, 2);
	setup(false, false);
	regs[3] = 0x1000;
	regs[6] = 0x0234;
	expect(DECODE(0x89, 0x00), 0);				/* mov %ax,(%bx,%si) */
	expect(op.linear, 0x1234);
	expect(op.size, 2);
	expect(DECODE(0x66, 0xc7, 0x06, 0x00, 0x10, 1, 0, 0, 0), 0);
	expect(op.len, 9);					/* movl $1,0x1000 */
	expect(op.size, 4);
}

static void refused(void)
{
	setup(true, false);
	expect(DECODE(0x62, 0xf1, 0x7c, 0x48, 0x28, 0xc0), -1);	/* EVEX */
	expect(DECODE(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		      0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66), -1);
	expect(DECODE(0xc4, 0xff, 0x7d, 0x7f, 0x06), -1);	/* VEX map 31 */
}

int main(void)
{
	KTAP_START();
	RUN(moves_64bit);
	RUN(strings_64bit);
	RUN(no_memory);
	RUN(vex);
	RUN(legacy_modes);
	RUN(refused);
	return ktap_end();
}
