/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's flat images, built by the Makefile, as data of the VMM. */
	.section .rodata
	.globl	guest_image, guest_image_end, guest_realmode, guest_realmode_end
guest_image:
	.incbin	"guest.bin"
guest_image_end:
guest_realmode:
	.incbin	"realmode.bin"
guest_realmode_end:

	.section .note.GNU-stack, "", @progbits
