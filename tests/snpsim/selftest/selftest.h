/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test cases that run in the host's kernel and provoke the simulated hardware.
 */
#ifndef SNPSIM_SELFTEST_H
#define SNPSIM_SELFTEST_H

#include <linux/types.h>

/**
 * struct selftest - one test case
 * @name: as printed
 * @run: calls the EXPECT_* macros; whatever it changed is as before at the end
 */
struct selftest {
	const char *name;
	void (*run)(void);
};

extern const struct selftest rmp_tests[], fault_tests[], flush_tests[], gif_tests[],
	nmi_tests[], psp_tests[], dbg_tests[], control_tests[];

/* main.c: one value was not what it should be; the running test fails. */
void expect_eq(u64 got, u64 want, const char *what, const char *file, int line);

#define EXPECT_EQ(got, want) expect_eq((u64)(got), (u64)(want), #got, __FILE__, __LINE__)
#define EXPECT_TRUE(cond) expect_eq(!!(cond), 1, #cond, __FILE__, __LINE__)

/* --- insn.c: the instructions, without what the kernel does around them --- */

/* Results of RMPUPDATE and PSMASH in EAX */
enum {
	RMP_OK			= 0,
	RMP_FAIL_INPUT		= 1,
	RMP_FAIL_PERMISSION	= 2,
	RMP_FAIL_INUSE		= 3,
	RMP_FAIL_OVERLAP	= 4,
};

/* The operand of RMPUPDATE */
struct rmp_operand {
	u64 gpa;
	u8 assigned;
	u8 pagesize;
	u8 immutable;
	u8 reserved;
	u32 asid;
} __packed;

int insn_rmpupdate(u64 pa, const struct rmp_operand *op);
int insn_psmash(u64 pa);

/** rmp_assign() - RMPUPDATE: a page becomes a guest's, 4K or 2M */
int rmp_assign(u64 pa, u64 gpa, u32 asid, bool big);

/** rmp_share() - RMPUPDATE: a page becomes the hypervisor's, 4K or 2M */
int rmp_share(u64 pa, bool big);

/** rmp_read() - the low word of a page's RMP entry, straight from the table */
u64 rmp_read(u64 pa);

/**
 * try_write() - write to kernel memory that may be forbidden
 *
 * Return: 0, or -EFAULT if a page fault stopped it.
 */
int try_write(void *dst, unsigned long val);

int rmp_table_map(void);
void rmp_table_unmap(void);
u64 rmp_table_base(void);
u64 rmp_table_pages(void);

#define RMP_ENTRY_ASSIGNED	BIT_ULL(0)
#define RMP_ENTRY_2M		BIT_ULL(1)
#define RMP_ENTRY_IMMUTABLE	BIT_ULL(2)
#define RMP_ENTRY_VMSA		BIT_ULL(61)
#define RMP_ENTRY_VALIDATED	BIT_ULL(62)

/* Any that KVM does not use during the test: it hands out the lowest first. */
#define TEST_ASID	49
#define TEST_GPA	0x40000000ull

#endif /* SNPSIM_SELFTEST_H */
