/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry: by multiboot on the boot CPU (32-bit protected mode), by SIPI on the
 * others (real mode).  Both go to 64-bit mode with the first 512 GiB mapped 1:1.
 */
#define MB_MAGIC	0x1BADB002
#define MB_FLAGS	0x00010003	/* page-aligned modules, memory map, addresses below */

#define CR0_PG_PE	0x80000001
#define CR0_CLEAR	0x6000000c	/* CD NW TS EM */
#define CR4_SET		0x40620		/* PAE OSFXSR OSXMMEXCPT OSXSAVE */
#define MSR_EFER	0xc0000080
#define EFER_SET	0x1900		/* LME NXE SVME */

#define SEL_CODE64	0x10		/* what Linux expects too: __BOOT_CS, __BOOT_DS */
#define SEL_DATA	0x18
#define SEL_CODE32	0x20

#define AP_BASE		0x8000		/* as in entry.h */
#define BOOT_CPU	8		/* its place in cpus[], as in cpu.h */

	.section .text.boot, "ax"
	.code32
mb_header:
	.long	MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
	.long	mb_header, sim_start, sim_load_end, sim_end, _start

	.globl	_start
_start:
	cli
	mov	%ebx, mb_info
	mov	$pdpt + 7, %eax		/* P W U */
	mov	%eax, pml4
	mov	$pdpt, %edi
	mov	$0x83, %eax		/* P W PS; not U: Linux's SMEP and SMAP are on later */
	xor	%edx, %edx
	mov	$512, %ecx
1:	mov	%eax, (%edi)
	mov	%edx, 4(%edi)
	add	$0x40000000, %eax
	adc	$0, %edx
	add	$8, %edi
	loop	1b
	mov	$BOOT_CPU, %ebp

	/* EBP = CPU number */
enter_long_mode:
	mov	%cr4, %eax
	or	$CR4_SET, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_SET, %eax
	wrmsr
	mov	%cr0, %eax
	and	$~CR0_CLEAR, %eax
	or	$CR0_PG_PE, %eax
	mov	%eax, %cr0
	lgdt	gdt_ptr
	ljmp	$SEL_CODE64, $1f

	.code64
1:	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	/* The stack is the first thing in struct cpu. */
	mov	%ebp, %edi
	mov	sizeof_cpu(%rip), %rax
	imul	%rdi, %rax
	lea	cpus(%rip), %rcx
	add	%rcx, %rax
	add	stack_size(%rip), %rax
	mov	%rax, %rsp
	cmp	$BOOT_CPU, %edi
	jne	2f
	mov	mb_info(%rip), %edi
	call	bsp_main
2:	call	ap_main
	ud2

	/*
	 * Runs at AP_BASE: position-independent apart from that.  Goes the way of
	 * the boot CPU, which has APIC id 0; the others count from 1.
	 */
	.globl	ap_trampoline, ap_trampoline_end
	.code16
ap_trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	AP_BASE + ap_gdt_ptr - ap_trampoline
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $AP_BASE + 1f - ap_trampoline
	.code32
1:	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	lea	-1(%ebx), %ebp
	mov	$enter_long_mode, %eax
	jmp	*%eax
ap_gdt_ptr:
	.word	gdt_end - gdt - 1
	.long	gdt
ap_trampoline_end:

	.balign	8
	.globl	gdt
gdt:	.quad	0, 0
	.quad	0x00af9a000000ffff	/* 64-bit code */
	.quad	0x00cf92000000ffff	/* data */
	.quad	0x00cf9a000000ffff	/* 32-bit code */
gdt_end:
gdt_ptr:
	.word	gdt_end - gdt - 1
	.quad	gdt

	.data
	.balign	4
mb_info:
	.long	0

	.bss
	.balign	4096
	.globl	pml4
pml4:	.skip	4096
pdpt:	.skip	4096

	.section .note.GNU-stack, "", @progbits
