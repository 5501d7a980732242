/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry of every 64-bit vCPU, exception stubs, and the guarded call. */
#include "guest.h"

	.code64
	.section .text.entry, "ax"
	.globl _start
_start:				/* RDI: struct cpu, as the VMM set it in the VMSA */
	call	guest_main
1:	hlt
	jmp	1b

	.text
/*
 * Vectors 8, 10-14, 17, 21, 29 and 30 (the bits of the mask) push an error
 * code; the others get a zero in its place.
 */
	.altmacro
	.macro	stub n
stub_\n:
	.if	(1 & (0x60227d00 >> \n)) == 0
	push	$0
	.endif
	push	$\n
	jmp	exception_common
	.endm
	.macro	stub_addr n
	.quad	stub_\n
	.endm

	.set	i, 0
	.rept	IDT_VECTORS
	stub	%i
	.set	i, i + 1
	.endr

exception_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	call	exception
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

/* uint64_t guarded(fn, a, b) */
	.globl	guarded, guarded_abort
guarded:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %gs:CPU_RECOVER
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	call	*%rax
2:	movq	$0, %gs:CPU_RECOVER
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
guarded_abort:
	mov	%gs:CPU_RECOVER, %rsp
	mov	$-1, %rax
	jmp	2b

	.section .rodata
	.balign	8
	.globl	exception_stubs
exception_stubs:
	.set	i, 0
	.rept	IDT_VECTORS
	stub_addr %i
	.set	i, i + 1
	.endr

	.section .note.GNU-stack, "", @progbits
