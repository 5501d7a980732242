/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_SVM_H
#define UNIT_ASM_SVM_H

#include <linux/types.h>

struct vmcb_seg {
	u16 selector;
	u16 attrib;
	u32 limit;
	u64 base;
} __attribute__((packed));

/* APM volume 2, table B-4, of which the module reads the named ones. */
struct sev_es_save_area {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 skip_0xa0[0xca - 0xa0];
	u8 vmpl;
	u8 cpl;
	u8 skip_0xcc[4];
	u64 efer;
	u8 skip_0xd8[0x148 - 0xd8];
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8 skip_0x180[0x1d8 - 0x180];
	u64 rsp;
	u64 s_cet;
	u64 ssp;
	u64 isst_addr;
	u64 rax;
	u64 star;
	u64 lstar;
	u8 skip_0x210[0x308 - 0x210];
	u64 rcx;
	u64 rdx;
	u64 rbx;
	u64 reserved_0x320;
	u64 rbp;
	u64 rsi;
	u64 rdi;
	u64 r8;
	u64 r9;
	u64 r10;
	u64 r11;
	u64 r12;
	u64 r13;
	u64 r14;
	u64 r15;
	u8 skip_0x380[0x670 - 0x380];
} __attribute__((packed));

_Static_assert(sizeof(struct sev_es_save_area) == 1648, "as the kernel's");

struct vmcb {
	struct {
		u8 skip_0[0x108];
		u64 vmsa_pa;
		u8 skip_0x110[0x400 - 0x110];
	} __attribute__((packed)) control;
};

#endif
