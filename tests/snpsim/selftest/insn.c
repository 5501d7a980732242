// SPDX-License-Identifier: GPL-2.0-only
/*
 * RMPUPDATE and PSMASH as they are: the kernel's own functions retry, print,
 * and mind the direct map.
 */
#include <linux/io.h>
#include <linux/uaccess.h>
#include <asm/msr.h>

#include "selftest.h"

#define MSR_RMP_BASE_	0xc0010132
#define MSR_RMP_END_	0xc0010133
#define BOOKKEEPING	0x4000

struct rmp_entry {
	u64 lo;
	u64 hi;
};

static void *table;
static u64 table_base, table_size;

int insn_rmpupdate(u64 pa, const struct rmp_operand *op)
{
	u64 ret;

	asm volatile(".byte 0xf2, 0x0f, 0x01, 0xfe"
		     : "=a"(ret) : "a"(pa), "c"(op) : "memory", "cc");
	return ret;
}

int insn_psmash(u64 pa)
{
	u64 ret;

	asm volatile(".byte 0xf3, 0x0f, 0x01, 0xff"
		     : "=a"(ret) : "a"(pa) : "memory", "cc");
	return ret;
}

int rmp_assign(u64 pa, u64 gpa, u32 asid, bool big)
{
	struct rmp_operand op = { .gpa = gpa, .assigned = 1, .pagesize = big, .asid = asid };

	return insn_rmpupdate(pa, &op);
}

int rmp_share(u64 pa, bool big)
{
	struct rmp_operand op = { .pagesize = big };

	return insn_rmpupdate(pa, &op);
}

int try_write(void *dst, unsigned long val)
{
	pagefault_disable();
	__put_kernel_nofault(dst, &val, unsigned long, fault);
	pagefault_enable();
	return 0;
fault:
	pagefault_enable();
	return -EFAULT;
}

/* By the one function for this that kernels old and new have. */
static int read_msr(u32 msr, u64 *value)
{
	u32 low, high;
	int r = rdmsr_safe(msr, &low, &high);

	*value = (u64)high << 32 | low;
	return r;
}

int rmp_table_map(void)
{
	u64 end;

	if (read_msr(MSR_RMP_BASE_, &table_base) || read_msr(MSR_RMP_END_, &end) || !table_base)
		return -ENODEV;
	table_size = end - table_base + 1;
	table = memremap(table_base, table_size, MEMREMAP_WB);
	return table ? 0 : -ENOMEM;
}

void rmp_table_unmap(void)
{
	memunmap(table);
}

u64 rmp_table_base(void)
{
	return table_base;
}

u64 rmp_table_pages(void)
{
	return (table_size - BOOKKEEPING) / sizeof(struct rmp_entry);
}

u64 rmp_read(u64 pa)
{
	struct rmp_entry *entries = table + BOOKKEEPING;

	return READ_ONCE(entries[pa >> PAGE_SHIFT].lo);
}
