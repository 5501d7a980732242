/* SPDX-License-Identifier: GPL-2.0-only */
/* Real mode: counts in the word at 0x2000, and halts when the next one is set. */
	.section .rodata
	.globl	ordinary_code, ordinary_code_end
	.code16
ordinary_code:
1:	incl	0x2000
	cmpl	$0, 0x2004
	je	1b
	hlt
ordinary_code_end:

	.section .note.GNU-stack, "", @progbits
