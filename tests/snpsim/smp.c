// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several CPUs: the lock, VMRUN, and getting other CPUs out of their guests.
 *
 * A cross-CPU flush works on three fields.  A CPU about to enter a guest sets
 * in_guest, then looks at the flush generation and, if it has changed, has this
 * VMRUN flush the TLB.  A CPU that changed a page table raises the generation,
 * then looks at in_guest.  Whichever came first, either the one sees the new
 * generation or the other sees in_guest; then it sends an NMI, which both kinds
 * of guests are intercepted for, and waits.  An NMI sent too early is no loss:
 * this program runs with GIF = 0, so it stays pending and ends the guest at
 * once.
 */
#include "apic.h"
#include "entry.h"
#include "lib.h"
#include "rflags.h"
#include "smp.h"

#define AP_WAIT_CYCLES	4000000000ul	/* some seconds */

struct cpu cpus[MAX_CPUS + 1];
unsigned int nr_cpus;

/* for entry.S */
const u64 sizeof_cpu = sizeof(struct cpu);
const u64 stack_size = CPU_STACK_SIZE;

static u32 lock;
static u64 flush_generation = 1;

static_assert(offsetof(struct cpu, stack) == 0, "this_cpu()");
static_assert(sizeof(struct cpu) % CPU_STACK_SIZE == 0, "this_cpu()");

void sim_lock(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) {
		while (READ_ONCE(lock))
			cpu_relax();
	}
}

void sim_unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/*
 * Once it runs anything else it has seen the new generation on its way there.
 * One that is halted has nothing but the HLT in its TLB.
 */
static bool must_leave(const struct cpu *c, unsigned int whom, u64 gen)
{
	return c != this_cpu() && READ_ONCE(c->in_guest) && READ_ONCE(c->flushed) != gen &&
	       !READ_ONCE(c->halted) &&
	       whom & (READ_ONCE(c->runs_host) ? FLUSH_HOST : FLUSH_GUESTS);
}

void cpus_flush(unsigned int whom)
{
	u64 gen = READ_ONCE(flush_generation) + 1;
	unsigned int i;

	if (!whom)
		return;
	WRITE_ONCE(flush_generation, gen);
	smp_mb();		/* pairs with the one in vmrun() */
	for (i = 0; i < nr_cpus; i++) {
		struct cpu *c = &cpus[i];

		if (!must_leave(c, whom, gen))
			continue;
		/* One that is on its way does for both; two could not be told apart. */
		if (!__atomic_exchange_n(&c->kick, 1, __ATOMIC_SEQ_CST))
			apic_send(c->apic_id, ICR_DM_NMI | ICR_ASSERT);
	}
	for (i = 0; i < nr_cpus; i++) {
		struct cpu *c = &cpus[i];

		while (must_leave(c, whom, gen))
			cpu_relax();
	}
}

/*
 * #VMEXIT for an NMI leaves it pending.  Open GIF for a moment so that it comes
 * through our IDT, and find out whose it was.  (Two that were pending at the
 * same time are one to the CPU: then Linux loses its own.)
 */
static void take_nmi(struct cpu *c)
{
	c->nmi_taken = 0;
	asm volatile("stgi\n\t"
		     "nop\n\t"
		     "clgi" ::: "memory");
	if (READ_ONCE(c->nmi_taken) && !__atomic_exchange_n(&c->kick, 0, __ATOMIC_SEQ_CST))
		c->nmi_for_host = true;
}

void vmrun(struct cpu *c, struct vmcb *v, bool host_if)
{
	u64 rflags = v->save.rflags;

	WRITE_ONCE(c->runs_host, v == &c->vmcb01);
	WRITE_ONCE(c->in_guest, true);
	smp_mb();		/* pairs with the one in cpus_flush() */
	/*
	 * Not by TLB_CONTROL, which would be one flush more: TCG empties its TLB
	 * at every VMRUN and #VMEXIT, since they load CR3, or change CR0.PG.
	 */
	WRITE_ONCE(c->flushed, READ_ONCE(flush_generation));
	v->control.tlb_control = TLB_CONTROL_NONE;
	v->control.clean = 0;

	vmrun_asm((u64)v, c->gpr, host_if);

	__atomic_store_n(&c->in_guest, false, __ATOMIC_RELEASE);
	v->save.rflags = rflags_after_exit(v->save.rflags, rflags);
	if (v->control.exit_code == VMEXIT_NMI)
		take_nmi(c);
}

void smp_start_aps(unsigned int nr)
{
	u64 deadline = rdtsc() + AP_WAIT_CYCLES;

	if (nr > MAX_CPUS)
		die("%u CPUs, but only %u are supported", nr, MAX_CPUS);
	memcpy(pa_to_ptr(AP_BASE), ap_trampoline, ap_trampoline_end - ap_trampoline);
	apic_send(0, ICR_DM_INIT | ICR_ASSERT | ICR_ALL_BUT_SELF);
	apic_send(0, ICR_DM_STARTUP | ICR_ASSERT | ICR_ALL_BUT_SELF | AP_BASE >> PAGE_SHIFT);
	while (READ_ONCE(nr_cpus) < nr) {
		if (rdtsc() > deadline)
			die("only %u of %u CPUs came up", nr_cpus, nr);
		cpu_relax();
	}
}
