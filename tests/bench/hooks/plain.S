/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ordinary guest: 32-bit, no paging, flat segments. EBX points at a block:
 * what to do, how often, where, and where to write the time (32 bits) after each.
 */
	.section .rodata
	.globl plain_guest, plain_guest_end
plain_guest:
	.code32
	mov	4(%ebx), %ecx
	mov	8(%ebx), %edi
	mov	12(%ebx), %esi
1:	cmpl	$0, (%ebx)		/* 0: touch pages, 1: port I/O */
	jnz	2f
	movb	$1, (%edi)
	add	$4096, %edi
	jmp	3f
2:	xor	%eax, %eax
	mov	$0x1000, %edx
	out	%al, %dx
3:	lfence
	rdtsc
	mov	%eax, (%esi)
	add	$4, %esi
	dec	%ecx
	jnz	1b
	hlt
plain_guest_end:
	.code64
	.section .note.GNU-stack, "", @progbits
