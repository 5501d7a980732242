/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules for SNP vCPUs, tried out by guests.  Each test runs in a process of its
 * own; expect_*() note a failure and go on.
 */
#ifndef VCPUTEST_H
#define VCPUTEST_H

#include <stdbool.h>
#include <stdint.h>
#include "vmm/vmm.h"

struct test {
	const char *name;
	void (*fn)(void);
};

extern const struct test page_tests[], insn_tests[], parallel_tests[], lifecycle_tests[];

#define PATIENCE_MS	60000u	/* the machine may be busy with other things */

#define PAGE_PRIVATE_FLAG	8ul	/* KVM_MEMORY_EXIT_FLAG_PRIVATE */

void note(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define expect(cond, ...) do {					\
	if (!(cond))						\
		note(__FILE__, __LINE__, __VA_ARGS__);		\
} while (0)

#define expect_eq(actual, wanted) do {				\
	unsigned long a_ = (actual), w_ = (wanted);		\
								\
	if (a_ != w_)						\
		note(__FILE__, __LINE__, "%s is %#lx, expected %#lx",	\
		     #actual, a_, w_);				\
} while (0)

/* main.c: what tests have in common; op is an index that op_*() returned */
struct vm *new_vm(unsigned int nvcpus);
void run_to_end(struct vm *vm);	/* start, and wait until all scripts are done */
void expect_end(struct vm *vm);
void expect_fault(struct vm *vm, unsigned int vcpu, unsigned int op, unsigned int vector,
		  uint64_t error, uint64_t cr2);
void expect_no_fault(struct vm *vm, unsigned int vcpu, unsigned int op);
void expect_value(struct vm *vm, unsigned int vcpu, unsigned int op, uint64_t value);
void expect_code(struct vm *vm, unsigned int vcpu, unsigned int op, uint64_t code);
void expect_memory_faults(struct vm *vm, unsigned int vcpu, unsigned int n);

/* code.c: machine code in a page of the guest's */

/**
 * put_code() - make a page private and write code to it
 *
 * The code may leave results in the page, from RESULT_OFFSET on.
 */
void put_code(struct vm *vm, unsigned int vcpu, uint64_t gpa, const void *code, unsigned int len);

/* A function in assembly, between two labels, position-independent; RDI, RSI free. */
#define CODE(name, body)						\
	extern const uint8_t name[], name##_end[];			\
	asm(".pushsection .rodata\n" #name ":\n" body "\n\tret\n"	\
	    #name "_end:\n.popsection")
#define PUT_CODE(vm, vcpu, gpa, name) put_code(vm, vcpu, gpa, name, name##_end - name)

#define RESULT_OFFSET	0x800ul		/* in a page of code */

#endif
