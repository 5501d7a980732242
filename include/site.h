/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where in the guest a vCPU was: its registers, the instruction, and what of its kernel
 * stack may be return addresses.  All of it is the guest's secret.
 */
#ifndef RMPE_SITE_H
#define RMPE_SITE_H

#include <linux/kvm_types.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct seq_file;
struct sev_es_save_area;

enum rmpe_site_reg {
	RMPE_REG_RIP,
	RMPE_REG_RFLAGS,
	RMPE_REG_RSP,
	RMPE_REG_RBP,
	RMPE_REG_RAX,
	RMPE_REG_RBX,
	RMPE_REG_RCX,
	RMPE_REG_RDX,
	RMPE_REG_RSI,
	RMPE_REG_RDI,
	RMPE_REG_R8,
	RMPE_REG_R9,
	RMPE_REG_R10,
	RMPE_REG_R11,
	RMPE_REG_R12,
	RMPE_REG_R13,
	RMPE_REG_R14,
	RMPE_REG_R15,
	RMPE_REG_CR0,
	RMPE_REG_CR3,
	RMPE_REG_CR4,
	RMPE_REG_EFER,
	RMPE_REG_CS_BASE,
	RMPE_REG_GS_BASE,
	RMPE_REG_LSTAR,
	RMPE_NR_SITE_REGS,
};

#define RMPE_SITE_INSN		16	/* bytes: any instruction fits */
#define RMPE_SITE_WORDS		64
#define RMPE_SITE_STACK_PAGES	4

/**
 * struct rmpe_site_stack - what was read of the guest's memory
 * @insn_len: valid bytes of @insn; 0: it could not be read
 * @stack_read: @nr is valid
 * @nr: words that may be return addresses
 * @insn: from rip on
 * @offset: of each word, from rsp
 * @word: the words
 */
struct rmpe_site_stack {
	u8 insn_len;
	bool stack_read;
	u8 nr;
	u8 insn[RMPE_SITE_INSN];
	u16 offset[RMPE_SITE_WORDS];
	u64 word[RMPE_SITE_WORDS];
};

/**
 * struct rmpe_site - where a vCPU was
 * @users: who holds it
 * @when_ns: CLOCK_MONOTONIC
 * @vcpu: vcpu_id
 * @cpl: privilege level; at 3 only what is not the process's is kept
 * @reg: by enum rmpe_site_reg
 * @stack: what was read of its memory
 */
struct rmpe_site {
	refcount_t users;
	int vcpu;
	u64 when_ns;
	u8 cpl;
	u64 reg[RMPE_NR_SITE_REGS];
	struct rmpe_site_stack stack;
};

/**
 * struct rmpe_site_reader - how guest memory is read
 * @page: a private page as the guest sees it, at a 4K-aligned address; NULL if it can't
 *	be read.  It stays until the site is done.
 * @c_bit: the guest's encryption bit in page tables
 */
struct rmpe_site_reader {
	const void *(*page)(struct rmpe_site_reader *reader, gpa_t gpa);
	u64 c_bit;
};

void rmpe_site_set_regs(struct rmpe_site *site, const struct sev_es_save_area *vmsa);
void rmpe_site_read_stack(const struct rmpe_site *site, struct rmpe_site_stack *stack,
			  struct rmpe_site_reader *reader);
void rmpe_site_show(struct seq_file *m, const struct rmpe_site *site);

struct rmpe_site *rmpe_site_alloc(void);
struct rmpe_site *rmpe_site_get(struct rmpe_site *site);
void rmpe_site_put(struct rmpe_site *site);

#endif
