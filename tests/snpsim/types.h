/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Basic types, and the privileged instructions as inline functions.
 */
#ifndef SNPSIM_TYPES_H
#define SNPSIM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdarg.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long s64;

#define BIT(n)		(1ul << (n))
#define PAGE_SHIFT	12
#define PAGE_SIZE	BIT(PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PAGE_ADDR	0x000ffffffffff000ul	/* address bits of a PTE */
#define SZ_1M		BIT(20)
#define SZ_2M		BIT(21)
#define SZ_1G		BIT(30)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define ALIGN_DOWN(x, a) ((x) & ~((a) - 1))
#define ALIGN_UP(x, a)	ALIGN_DOWN((x) + (a) - 1, a)

#define __aligned(n)	__attribute__((aligned(n)))
#define __packed	__attribute__((packed))
#define __noreturn	__attribute__((noreturn))
#define __printf(f, a)	__attribute__((format(printf, f, a)))
#define static_assert	_Static_assert

#define barrier()	asm volatile("" ::: "memory")
#define smp_mb()	asm volatile("mfence" ::: "memory")
#define cpu_relax()	asm volatile("pause" ::: "memory")
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/*
 * The C-bit of SNP guests: bit 47, as first-generation EPYC had it.  With
 * phys-bits=48 an address that has it set is an ordinary index into a nested
 * page table, so the private and the shared view of a page are two different
 * nested addresses and TCG needs to know nothing about encryption.
 */
#define CBIT_POS	47
#define CBIT		BIT(CBIT_POS)

/* The machine is identity-mapped: a host physical address is a pointer. */
static inline void *pa_to_ptr(u64 pa)
{
	return (void *)pa;
}

static inline void cpuid(u32 leaf, u32 subleaf, u32 regs[4])
{
	asm volatile("cpuid"
		     : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
		     : "a"(leaf), "c"(subleaf));
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 val)
{
	asm volatile("wrmsr" :: "c"(msr), "a"((u32)val), "d"((u32)(val >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static inline u64 xgetbv(void)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (u64)hi << 32 | lo;
}

static inline void xsetbv(u64 val)
{
	asm volatile("xsetbv" :: "c"(0), "a"((u32)val), "d"((u32)(val >> 32)));
}

static inline u64 read_cr0(void)
{
	u64 val;

	asm volatile("mov %%cr0, %0" : "=r"(val));
	return val;
}

static inline void write_cr0(u64 val)
{
	asm volatile("mov %0, %%cr0" :: "r"(val) : "memory");
}

static inline u64 read_cr4(void)
{
	u64 val;

	asm volatile("mov %%cr4, %0" : "=r"(val));
	return val;
}

static inline void write_cr4(u64 val)
{
	asm volatile("mov %0, %%cr4" :: "r"(val) : "memory");
}

static inline u8 inb(u16 port)
{
	u8 val;

	asm volatile("inb %1, %0" : "=a"(val) : "Nd"(port));
	return val;
}

static inline u16 inw(u16 port)
{
	u16 val;

	asm volatile("inw %1, %0" : "=a"(val) : "Nd"(port));
	return val;
}

static inline u32 inl(u16 port)
{
	u32 val;

	asm volatile("inl %1, %0" : "=a"(val) : "Nd"(port));
	return val;
}

static inline void outb(u16 port, u8 val)
{
	asm volatile("outb %0, %1" :: "a"(val), "Nd"(port));
}

static inline void outw(u16 port, u16 val)
{
	asm volatile("outw %0, %1" :: "a"(val), "Nd"(port));
}

static inline void outl(u16 port, u32 val)
{
	asm volatile("outl %0, %1" :: "a"(val), "Nd"(port));
}

#endif /* SNPSIM_TYPES_H */
