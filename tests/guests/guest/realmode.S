/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU whose VMSA starts in real mode.  Without paging every access is
 * private.  It waits for a word in its control block, touches one segment and
 * halts; it can't reach shared memory, so another vCPU publishes the outcome.
 *
 * Control block: u16 go, segment, operation, value; then u16 done, u16 read.
 */
#include "../abi.h"

	.code16
	.section .text.realmode, "ax"
	.globl	realmode_start, realmode_end
realmode_start:			/* CS and DS base = GUEST_REALMODE_GPA, IP = 0 */
1:	pause
	cmpw	$0, GUEST_RM_CONTROL
	je	1b
	mov	GUEST_RM_CONTROL + 2, %ax
	mov	%ax, %es
	mov	GUEST_RM_CONTROL + 6, %bx
	cmpw	$GUEST_RM_WRITE, GUEST_RM_CONTROL + 4
	jne	2f
	mov	%bx, %es:0
	jmp	3f
2:	mov	%es:0, %bx
3:	shl	$16, %ebx		/* in one store: a reader gets both */
	or	$1, %ebx
	mov	%ebx, GUEST_RM_DONE
4:	cli
	hlt
	jmp	4b
realmode_end:

	.section .note.GNU-stack, "", @progbits
