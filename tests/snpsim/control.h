/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What no hardware has: registers by which a test on the host makes the security
 * processor slow, silent or contrary, and reads what there was.
 *
 * Port I/O, of any size and from user space too (iopl(), /dev/port); each register
 * has 32 bits.  For this program, kernel modules and user space, so macros only.
 */
#ifndef SNPSIM_CONTROL_H
#define SNPSIM_CONTROL_H

#define SNPSIM_PORTS		0x580
#define SNPSIM_PORT(reg)	(SNPSIM_PORTS + 4 * (reg))

#define SNPSIM_ID		0	/* SNPSIM_ID_VALUE: this is a simulated host */
#define SNPSIM_PSP_SLOW		1	/* kinds of commands that take time ... */
#define SNPSIM_PSP_SLOW_US	2	/* ... in microseconds; 0: none */
#define SNPSIM_PSP_SILENT	3	/* kinds that are never answered, nor executed */
#define SNPSIM_PSP_REFUSE	4	/* SNPSIM_REFUSE(): what is left of it; 0: none */
/* Read only: since start ... */
#define SNPSIM_PSP_COMMANDS	5	/* commands that have come, of all kinds */
#define SNPSIM_PSP_DBG		6	/* of these SNP_DBG_DECRYPT and SNP_DBG_ENCRYPT */
#define SNPSIM_PSP_DBG_FAILED	7	/* of these answered, but not with success */
#define SNPSIM_PSP_RECLAIM	8	/* SNP_PAGE_RECLAIM */
/* ... and now, in pages of 4K */
#define SNPSIM_RMP_FIRMWARE	9	/* in the Firmware state */
#define SNPSIM_RMP_RECLAIM	10	/* in the Reclaim state */
#define SNPSIM_NR_REGS		11

#define SNPSIM_ID_VALUE		0x4d49534e

/* Kinds of commands */
#define SNPSIM_DBG		1	/* SNP_DBG_DECRYPT, SNP_DBG_ENCRYPT */
#define SNPSIM_RECLAIM		2	/* SNP_PAGE_RECLAIM */
#define SNPSIM_OTHERS		4

/*
 * The nth command of these kinds from now on, 1 to 65535, is not executed, and gets
 * this status, 1 to 255.  Those after it are as usual.
 */
#define SNPSIM_REFUSE(nth, kinds, status) \
	((nth) | (unsigned int)(kinds) << 16 | (unsigned int)(status) << 24)
#define SNPSIM_REFUSE_NTH(r)	((r) & 0xffff)
#define SNPSIM_REFUSE_KINDS(r)	((r) >> 16 & 0xff)
#define SNPSIM_REFUSE_STATUS(r)	((r) >> 24)

#endif /* SNPSIM_CONTROL_H */
