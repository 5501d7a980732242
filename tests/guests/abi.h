/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VMM and the guest agree on: where things lie in guest memory, the
 * operations that the VMM can put into a vCPU's script, and the shape of the
 * results that the guest leaves.
 *
 * All addresses are gpas unless named va.  The guest maps the same gpa twice:
 * at va == gpa with C=1 (private view) and at GUEST_SHARED_VA + gpa with C=0.
 */
#ifndef GUESTS_ABI_H
#define GUESTS_ABI_H

#define GUEST_PAGE		0x1000ul
#define GUEST_MAX_VCPUS		4

/* Launch pages. */
#define GUEST_REALMODE_GPA	0x1000ul	/* code and control block of a real-mode AP */
#define GUEST_IMAGE_GPA		0x10000ul	/* 64-bit code and data */
#define GUEST_IMAGE_MAX		0x8000ul
#define GUEST_TABLES_GPA	0x20000ul	/* PML4, PDPT, private PD, shared PD, walk PD */
#define GUEST_TABLES_PAGES	5
#define GUEST_GDT_GPA		0x25000ul
#define GUEST_CPU_GPA(n)	(0x30000ul + (n) * 0x8000ul)
#define GUEST_CPU_PAGES		3		/* struct cpu and IDT, two pages of stack */
#define GUEST_STACK_TOP(n)	(GUEST_CPU_GPA(n) + GUEST_CPU_PAGES * GUEST_PAGE)
#define GUEST_SCRIPT_GPA(n)	GUEST_STACK_TOP(n)
#define GUEST_SCRIPT_PAGES	4

/* Not launched: the guest asks for these to be shared before it uses them. */
#define GUEST_FLAGS_GPA		0x70000ul
#define GUEST_GHCB_GPA(n)	(0x80000ul + (n) * 0x4000ul)
#define GUEST_STATUS_GPA(n)	(GUEST_GHCB_GPA(n) + GUEST_PAGE)
#define GUEST_STATUS_PAGES	3

/* PSCs that a vCPU issues before its script starts. */
#define GUEST_BOOT_PSCS(n)	(1 + GUEST_STATUS_PAGES + ((n) == 0))

/* Free for scenarios: below 1M (a real-mode AP reaches it), and from 1M up. */
#define GUEST_LOW_GPA		0xc0000ul
#define GUEST_FREE_GPA		0x100000ul
#define GUEST_MEM_SIZE		0x800000ul

#define GUEST_SHARED_VA		0x40000000ul	/* 1G: gpa seen with C=0 */
#define GUEST_WALK_VA		0x80000000ul	/* 2G: 2M per vCPU, page table anywhere */

#define GUEST_NFLAGS		64
#define GUEST_IRQ_VECTOR	31	/* the only one that the guest takes for an interrupt */

/* Control block of a real-mode AP, at GUEST_REALMODE_GPA + GUEST_RM_CONTROL. */
#define GUEST_RM_CONTROL	0x800
#define GUEST_RM_DONE		0x808
#define GUEST_RM_READ		0
#define GUEST_RM_WRITE		1

/* How a #VC in one operation is handled; other exceptions always skip. */
#define ON_FAULT_SKIP		0	/* note it and go on with the next operation */
#define ON_FAULT_RETRY		1	/* run the same instruction again, at most .limit times */
#define ON_FAULT_TERMINATE	2	/* GHCB termination request, as Linux does */

#define GUEST_TERM_SET		4	/* reason codes of the guest's own TERM_REQs */
#define GUEST_TERM_VC		4
#define GUEST_TERM_UNEXPECTED	5	/* fault outside of an operation that may fault */
#define GUEST_TERM_SETUP	6	/* PSC or GHCB registration refused at the start */

#define VIEW_PRIVATE		0	/* C=1 */
#define VIEW_SHARED		1	/* C=0 */

#define PSC_PRIVATE		1	/* GHCB page operation codes */
#define PSC_SHARED		2

#ifndef __ASSEMBLER__
#include <assert.h>
#include <stdint.h>

enum guest_op_code {
	OP_END,			/* halt; arg0: a script in shared memory to run when entered again */
	OP_PSC_MSR,		/* gpa, arg0: GHCB page operation */
	OP_PSC_NAE,		/* arg0: offset in script, arg1: bytes; PSC buffer, entries from gpa on */
	OP_PSC_HYPERCALL,	/* gpa, arg0: pages, arg1: attributes; plain VMMCALL event */
	OP_PVALIDATE,		/* gpa, arg0: validate, arg1: 1 = 2M */
	OP_RMPADJUST,		/* gpa, arg0: RDX (VMPL, permissions), arg1: 1 = 2M */
	OP_READ,		/* gpa, view */
	OP_WRITE,		/* gpa, view, arg0: value */
	OP_EXEC,		/* gpa, view: call it */
	OP_WALK,		/* gpa: use it as a page table, arg0: by which of its entries */
	OP_SET_FLAG,		/* arg0: index, arg1: value */
	OP_WAIT_FLAG,		/* arg0: index, arg1: wait until flag >= value */
	OP_COUNT,		/* arg0: increment this flag until flag arg1 is not zero */
	OP_WAIT_WORD,		/* gpa, view, arg0: wait until the word >= value */
	OP_DELAY,		/* arg0: PAUSEs */
	OP_LOOP,		/* arg0: operation to go back to, arg1: times, arg2: or until this flag is set */
	OP_IDT,			/* arg0: 0 = no handlers at all, 1 = the usual ones */
	OP_TERMINATE,		/* arg0: reason set, arg1: reason code */
	OP_AP_CREATE,		/* gpa: page for the VMSA, arg0: vCPU, arg1: its VMPL */
	/*
	 * gpa, view: an exception whose frame goes to this page. Or, if arg0 is a port, a byte
	 * to it, and the event that the VMM makes of that.
	 */
	OP_FAULT_ON_STACK,
	OP_OUT,			/* arg0: port; a byte to it, through the GHCB */
	OP_NMI_HOLD,		/* arg0: put the end of NMI handlers off, so that no other NMI comes */
	OP_TSC,			/* the result's value is the time stamp counter */
	OP_NR,
};

struct guest_op {
	uint16_t code;
	uint8_t view;
	uint8_t on_fault;
	uint32_t limit;
	uint64_t gpa;
	uint64_t arg[3];
	uint64_t outs;		/* bytes that its #VC handler writes to a port each time */
	uint32_t repeat;	/* run it that often, moving gpa by stride */
	uint32_t stamps;	/* not 0: gfn of a struct guest_stamps in shared memory */
	uint64_t stride;
};

/* After each run of an operation with .stamps its time is appended, while there is room. */
#define GUEST_STAMPS_PAGES	20
#define GUEST_MAX_STAMPS	(GUEST_STAMPS_PAGES * GUEST_PAGE / 8 - 1)

struct guest_stamps {
	uint64_t n;
	uint64_t tsc[GUEST_MAX_STAMPS];
};

enum guest_result_state {
	RESULT_NONE,		/* not reached */
	RESULT_STARTED,		/* begun and not finished */
	RESULT_OK,
	RESULT_FAULT,		/* the last run ended in an exception */
};

struct guest_result {
	uint32_t state;
	uint32_t vector;	/* last exception, also one that a retry got over */
	uint64_t error;
	uint64_t cr2;
	uint64_t value;		/* read: the word; PSC by NAE: the buffer's header afterwards */
	uint64_t code;		/* PSC: response; PVALIDATE, RMPADJUST: EAX */
	uint32_t carry;		/* PVALIDATE: CF */
	uint32_t faults;	/* exceptions in this operation, all runs */
	uint32_t runs;		/* completed runs */
	uint32_t pad;
	uint64_t rip;		/* of the last exception */
};

enum guest_cpu_state {
	CPU_OFF,
	CPU_RUNNING,
	CPU_WAITING,		/* in OP_WAIT_*: a HLT only yields */
	CPU_DONE,
	CPU_PANIC,		/* unexpected exception, see the fields below */
};

#define GUEST_MAX_OPS	128

struct guest_status {
	uint32_t state;
	uint32_t op;		/* index of the current operation */
	uint64_t vector, error, cr2, rip;
	uint64_t nmis, irqs;	/* that its handlers have had */
	uint64_t pad;
	struct guest_result result[GUEST_MAX_OPS];
};

static_assert(sizeof(struct guest_op) == 64, "");
static_assert(sizeof(struct guest_result) == 64, "");
static_assert(sizeof(struct guest_status) <= GUEST_STATUS_PAGES * GUEST_PAGE, "");

/* First cache line of a vCPU's private page, filled in by the VMM. */
struct guest_cpu_info {
	uint64_t index;
	uint64_t cbit;		/* mask */
	uint64_t cold;		/* start without touching what exception delivery needs */
};
#endif /* __ASSEMBLER__ */
#endif
