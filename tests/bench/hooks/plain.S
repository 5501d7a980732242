/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ordinary guest: 32-bit, no paging, flat segments. EBX points at a block:
 * what to do, how often, where, and room for two time stamps.
 */
	.section .rodata
	.globl plain_guest, plain_guest_end
plain_guest:
	.code32
	mov	(%ebx), %eax		/* 0: touch pages, 1: port I/O */
	mov	4(%ebx), %ecx
	mov	8(%ebx), %edi
	mov	%eax, %esi
	lfence
	rdtsc
	mov	%eax, 12(%ebx)
	mov	%edx, 16(%ebx)
	test	%esi, %esi
	jnz	2f
1:	movb	$1, (%edi)
	add	$4096, %edi
	dec	%ecx
	jnz	1b
	jmp	3f
2:	xor	%eax, %eax
	mov	$0x1000, %edx
	out	%al, %dx
	dec	%ecx
	jnz	2b
3:	lfence
	rdtsc
	mov	%eax, 20(%ebx)
	mov	%edx, 24(%ebx)
	hlt
plain_guest_end:
	.code64
	.section .note.GNU-stack, "", @progbits
