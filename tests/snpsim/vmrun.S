/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * void vmrun_asm(u64 vmcb_pa, u64 *gprs, bool host_if)
 *
 * Loads the guest's registers (in the order of enum gpr), runs the guest, and
 * stores them.  From the first #VMEXIT on this program runs with GIF = 0, so
 * STI right before VMRUN decides only whether interrupts end the guest.
 */
	.text
	.globl	vmrun_asm
vmrun_asm:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rsi			/* swapped with the guest's R15 at exit */
	mov	%rdi, %rax
	push	%rdx
	mov	%rsi, %r15
	mov	0(%r15), %rbx
	mov	8(%r15), %rcx
	mov	16(%r15), %rdx
	mov	24(%r15), %rsi
	mov	32(%r15), %rdi
	mov	40(%r15), %rbp
	mov	48(%r15), %r8
	mov	56(%r15), %r9
	mov	64(%r15), %r10
	mov	72(%r15), %r11
	mov	80(%r15), %r12
	mov	88(%r15), %r13
	mov	96(%r15), %r14
	mov	104(%r15), %r15
	vmload	%rax
	testb	$1, (%rsp)
	jz	1f
	sti
1:	vmrun	%rax
	cli
	vmsave	%rax
	add	$8, %rsp
	xchg	%r15, (%rsp)
	mov	%rbx, 0(%r15)
	mov	%rcx, 8(%r15)
	mov	%rdx, 16(%r15)
	mov	%rsi, 24(%r15)
	mov	%rdi, 32(%r15)
	mov	%rbp, 40(%r15)
	mov	%r8, 48(%r15)
	mov	%r9, 56(%r15)
	mov	%r10, 64(%r15)
	mov	%r11, 72(%r15)
	mov	%r12, 80(%r15)
	mov	%r13, 88(%r15)
	mov	%r14, 96(%r15)
	pop	%rax
	mov	%rax, 104(%r15)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
