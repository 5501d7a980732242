// SPDX-License-Identifier: GPL-2.0-only
/* The interpreter of a vCPU's script: one function per kind of operation. */
#include "guest.h"

#define SPINS_BEFORE_HLT	200

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

static volatile uint64_t *flag(uint64_t n)
{
	return (volatile uint64_t *)shared_va(GUEST_FLAGS_GPA) + n % GUEST_NFLAGS;
}

/* Of OP_LOOP; flag 0 ends none. */
static int stop_flag(const struct guest_op *op)
{
	return op->arg[2] && *flag(op->arg[2]);
}

static uint64_t view_va(const struct guest_op *op, uint64_t gpa)
{
	return op->view == VIEW_SHARED ? GUEST_SHARED_VA + gpa : gpa;
}

/* --- functions for guarded(): they may fault at their one memory access --- */

static uint64_t do_read(uint64_t va, uint64_t unused)
{
	(void)unused;
	return *(volatile uint64_t *)va;
}

static uint64_t do_write(uint64_t va, uint64_t value)
{
	*(volatile uint64_t *)va = value;
	return 0;
}

static uint64_t do_pvalidate(uint64_t va, uint64_t how)
{
	uint64_t rax = va;
	uint8_t carry;

	asm volatile(".byte 0xf2, 0x0f, 0x01, 0xff\n\tsetc %1"
		     : "+a"(rax), "=q"(carry)
		     : "c"(how >> 1 & 1), "d"(how & 1) : "memory", "cc");
	return (uint32_t)rax | (uint64_t)carry << 32;
}

static uint64_t do_rmpadjust(uint64_t va, uint64_t how)
{
	return rmpadjust(va, how & ~(1ul << 63), how >> 63);
}

/*
 * The frame of #UD is pushed below the end of the page; guarded() has the way back. Or
 * the frame of what the VMM injects when it sees a byte at @port.
 */
static uint64_t do_fault_on_stack(uint64_t va, uint64_t port)
{
	if (port) {
		port_out_on_stack(this_cpu(), port, va + GUEST_PAGE);
		return 0;
	}
	asm volatile("mov %0, %%rsp\n\tud2" : : "r"(va + GUEST_PAGE) : "memory");
	return 0;
}

/* Makes @gpa the page table of this vCPU's 2M window and reads through it. */
static uint64_t do_walk(uint64_t gpa, uint64_t entry)
{
	struct cpu *c = this_cpu();
	volatile uint64_t *pd = (volatile uint64_t *)(GUEST_TABLES_GPA + 4 * GUEST_PAGE);
	uint64_t va = GUEST_WALK_VA + (c->info.index << 21) + entry * GUEST_PAGE;

	pd[c->info.index] = gpa | c->info.cbit | 3;
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
	return *(volatile uint64_t *)va;
}

/* --- waiting --- */

/*
 * A vCPU that waits must not keep the host's CPU from the one it waits for:
 * after some spinning it halts, and the VMM, which sees CPU_WAITING, enters
 * it again after a moment.
 */
static void wait_for(struct cpu *c, volatile uint64_t *word, uint64_t value)
{
	c->status->state = CPU_WAITING;
	for (unsigned int spins = 0; *word < value; spins++) {
		if (spins % SPINS_BEFORE_HLT == SPINS_BEFORE_HLT - 1)
			asm volatile("hlt" : : : "memory");
		cpu_relax();
	}
	c->status->state = CPU_RUNNING;
}

static uint64_t do_wait_word(uint64_t va, uint64_t value)
{
	wait_for(this_cpu(), (volatile uint64_t *)va, value);
	return *(volatile uint64_t *)va;
}

/* --- the interpreter --- */

static void access_op(const struct guest_op *op, uint64_t gpa, volatile struct guest_result *r)
{
	uint64_t va = view_va(op, gpa), v;

	switch (op->code) {
	case OP_READ:
		r->value = guarded(do_read, va, 0);
		break;
	case OP_WRITE:
		guarded(do_write, va, op->arg[0]);
		break;
	case OP_EXEC:
		guarded((guarded_fn)va, 0, 0);
		break;
	case OP_WALK:
		r->value = guarded(do_walk, gpa, op->arg[0]);
		break;
	case OP_WAIT_WORD:
		r->value = guarded(do_wait_word, va, op->arg[0]);
		break;
	case OP_FAULT_ON_STACK:
		guarded(do_fault_on_stack, va, op->arg[0]);
		break;
	case OP_PVALIDATE:
		v = guarded(do_pvalidate, va, (op->arg[0] & 1) | (op->arg[1] & 1) << 1);
		r->code = (uint32_t)v;
		r->carry = v >> 32 & 1;
		break;
	case OP_RMPADJUST:
		r->code = guarded(do_rmpadjust, va,
				  (op->arg[0] & ~(1ul << 63)) | (op->arg[1] & 1) << 63);
		break;
	}
}

/* Requests to the hypervisor. */
static void request_op(struct cpu *c, const struct guest_op *op, uint64_t gpa,
		       const void *script, volatile struct guest_result *r)
{
	uint64_t hdr = 0;

	switch (op->code) {
	case OP_PSC_MSR:
		r->code = psc_msr(gpa, op->arg[0]);
		break;
	case OP_PSC_NAE:
		r->code = psc_nae(c, (const char *)script + op->arg[0], op->arg[1], gpa, &hdr);
		r->value = hdr;
		break;
	case OP_PSC_HYPERCALL:
		r->code = psc_hypercall(c, gpa, op->arg[0], op->arg[1]);
		break;
	case OP_OUT:
		port_out(c, op->arg[0]);
		break;
	case OP_AP_CREATE:
		r->code = ap_create(c, gpa, op->arg[0], op->arg[1]);
		break;
	}
}

static uint64_t tsc(void)
{
	uint32_t lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (uint64_t)hi << 32;
}

static void stamp(const struct guest_op *op)
{
	volatile struct guest_stamps *s = shared_va((uint64_t)op->stamps * GUEST_PAGE);

	if (s->n < GUEST_MAX_STAMPS)
		s->tsc[s->n++] = tsc();
}

static void sync_op(struct cpu *c, const struct guest_op *op, volatile struct guest_result *r)
{
	switch (op->code) {
	case OP_TSC:
		r->value = tsc();
		break;
	case OP_SET_FLAG:
		*flag(op->arg[0]) = op->arg[1];
		break;
	case OP_WAIT_FLAG:
		wait_for(c, flag(op->arg[0]), op->arg[1]);
		break;
	case OP_COUNT:
		while (!*flag(op->arg[1]))
			++*flag(op->arg[0]);
		break;
	case OP_DELAY:
		for (uint64_t i = 0; i < op->arg[0]; i++)
			cpu_relax();
		break;
	case OP_NMI_HOLD:
		c->nmi_hold = op->arg[0];
		nmi_complete(c);
		break;
	case OP_IDT:
		if (op->arg[0])
			idt_install(c);
		else
			idt_remove();
		break;
	case OP_TERMINATE:
		terminate(op->arg[0], op->arg[1]);
	}
}

static void run_op(struct cpu *c, const struct guest_op *op, const void *script,
		   volatile struct guest_result *r)
{
	uint64_t gpa = op->gpa;

	r->state = RESULT_STARTED;
	for (uint32_t i = 0; i < (op->repeat ?: 1); i++, gpa += op->stride) {
		c->on_fault = op->on_fault;
		c->limit = op->limit;
		c->outs = op->outs;
		c->faults = 0;
		c->vector = 0;
		switch (op->code) {
		case OP_PSC_MSR:
		case OP_PSC_NAE:
		case OP_PSC_HYPERCALL:
		case OP_AP_CREATE:
		case OP_OUT:
			request_op(c, op, gpa, script, r);
			break;
		case OP_PVALIDATE:
		case OP_RMPADJUST:
		case OP_READ:
		case OP_WRITE:
		case OP_EXEC:
		case OP_WALK:
		case OP_WAIT_WORD:
		case OP_FAULT_ON_STACK:
			access_op(op, gpa, r);
			break;
		default:
			sync_op(c, op, r);
		}
		if (c->faults) {
			r->vector = c->vector;
			r->error = c->error;
			r->cr2 = c->cr2;
			r->rip = c->rip;
			r->faults += c->faults;
		}
		r->runs++;
		if (op->stamps)
			stamp(op);
	}
}

/* The end of guarded() tells a fault that was skipped from one that a retry got over. */
static int skipped(const struct cpu *c, const struct guest_op *op)
{
	if (!c->faults)
		return 0;
	if (op->on_fault == ON_FAULT_RETRY && c->vector == 29)
		return c->faults > op->limit;
	return 1;
}

uint64_t run_script(struct cpu *c, const struct guest_op *script)
{
	uint32_t i = 0;

	c->status->state = CPU_RUNNING;
	while (i < GUEST_MAX_OPS && script[i].code != OP_END) {
		const struct guest_op *op = &script[i];
		volatile struct guest_result *r = &c->status->result[i];

		c->status->op = i;
		if (op->code == OP_LOOP) {
			r->state = RESULT_OK;
			r->runs++;
			if (++c->loops[i] < op->arg[1] && !stop_flag(op)) {
				i = op->arg[0];
			} else {
				c->loops[i] = 0;
				i++;
			}
			continue;
		}
		run_op(c, op, script, r);
		r->state = skipped(c, op) ? RESULT_FAULT : RESULT_OK;
		i++;
	}
	c->status->state = CPU_DONE;
	return i < GUEST_MAX_OPS ? script[i].arg[0] : 0;
}
