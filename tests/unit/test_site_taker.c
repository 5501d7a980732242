// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who asks the firmware, when, and how long anybody waits for it.  The firmware is one of
 * the test's: it takes as long as the test says, by a clock that only moves so.
 */
#include "test.h"

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <asm/cpuid.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <unit/alloc.h>
#include <unit/rcu.h>
#include <unit/wait.h>

#include "firmware.h"
#include "gmem.h"
#include "random.h"
#include "site.h"
#include "site_taker.h"
#include "vm.h"

#define MS		1000000ULL
#define WAIT		(500 * MS)	/* what a vCPU waits */
#define VM_BURST	(1000 * MS)
#define HOST_BURST	(2000 * MS)
#define MAX_PENDING	16
#define MAX_COMMANDS	20		/* for a site, without its registers */

#define C_BIT		BIT_ULL(51)
#define PRESENT		BIT_ULL(0)
#define LARGE		BIT_ULL(7)
#define CONTEXT		0xc0de000ULL
#define VMSA		0xa5a000ULL
#define BASE		0xffffffff80000000ULL
#define RIP		(BASE + 0x5010)
#define RSP		(BASE + 0xbf00)
#define PFN(gfn)	(0x10000 + (gfn))
#define NR_GFNS		64

/* What it takes: registers, two tables, the instruction's page and the stack's. */
#define COMMANDS	5

static struct {
	bool usable;
	const char *why;
	enum rmpe_debuggable policy;
	bool known_meanwhile;
	int error;		/* of any command */
	u64 ns;			/* what a command takes */
	unsigned int hold;	/* at which command it stops, from 1; 0: at none */
	bool random;		/* for several threads: it takes now this long, now that */

	unsigned int commands;
	u64 used_ns;
	bool held;
	unsigned int exits;
	u64 vmsa_pa;
	struct sev_es_save_area vmsa;
	u64 memory[NR_GFNS][PAGE_SIZE / 8];

	unsigned int printed;
	char log[256];
} psp;

struct machine {
	struct rmpe_vm vm;
	struct kvm kvm;
	struct kvm_vcpu vcpu[MAX_PENDING + 1];
};

static struct machine machines[4];
static const struct kvm_memory_slot slot = { .npages = NR_GFNS, .flags = KVM_MEM_GUEST_MEMFD };
static struct rmpe_vm *const vm = &machines[0].vm;
static struct kvm_vcpu *const vcpu = machines[0].vcpu;
static pthread_t vcpu_thread;

u64 ktime_get_ns(void)
{
	return unit_clock();
}

int printk(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(psp.log, sizeof(psp.log), fmt, args);
	va_end(args);
	psp.printed++;
	return n;
}

unsigned int cpuid_ebx(unsigned int op)
{
	assert_int_equal(op, 0x8000001f);
	return 0x16f40 | 51;
}

const char *rmpe_firmware_init(void)
{
	return psp.why;
}

void rmpe_firmware_exit(void)
{
	psp.exits++;
}

bool rmpe_firmware_usable(void)
{
	return __atomic_load_n(&psp.usable, __ATOMIC_RELAXED);
}

enum rmpe_debuggable rmpe_firmware_policy(const struct kvm *kvm)
{
	/* Another vCPU has had the same answer. */
	if (psp.known_meanwhile)
		machines[0].vm.taker.debuggable = psp.policy;
	return psp.policy;
}

u64 rmpe_firmware_context(const struct kvm *kvm)
{
	return CONTEXT;
}

u64 rmpe_firmware_vmsa(const struct kvm_vcpu *v)
{
	return psp.vmsa_pa;
}

/* Of some VM's memslots. */
static bool looking(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(machines); i++)
		if (srcu_read_lock_held(&machines[i].kvm.srcu))
			return true;
	return false;
}

bool rmpe_gmem_pfn(const struct kvm_memory_slot *s, gfn_t gfn, u64 *pfn)
{
	assert(looking());
	*pfn = PFN(gfn);
	return s;
}

/* Until the test lets it go on. */
static void stop(void)
{
	unit_wait_begin();
	psp.held = true;
	psp.hold = 0;
	unit_wait_end();
	unit_wake();
	unit_wait_begin();
	while (psp.held)
		unit_wait();
	unit_wait_end();
}

static void wait_until_held(void)
{
	unit_wait_begin();
	while (!psp.held)
		unit_wait();
	unit_wait_end();
}

static void let_go(void)
{
	unit_wait_begin();
	psp.held = false;
	unit_wait_end();
	unit_wake();
}

/* The worker asks, nobody else, and with nothing that others may want. */
int rmpe_firmware_decrypt(u64 context, u64 pa, void **page)
{
	const u64 ns = psp.random ? random_below(60 * MS) : psp.ns;
	const u64 *from;
	u64 *to;

	unit_may_sleep();
	assert(!pthread_equal(pthread_self(), vcpu_thread));
	assert(!looking());
	assert(context == CONTEXT);
	psp.commands++;
	psp.used_ns += ns;
	unit_clock_pass(ns);
	if (psp.commands == psp.hold)
		stop();
	if (psp.error || !pa)
		return psp.error ?: -EIO;
	to = unit_alloc(1, PAGE_SIZE, true, GFP_KERNEL);
	if (!to)
		return -ENOMEM;
	if (pa == VMSA) {
		memcpy(to, &psp.vmsa, sizeof(psp.vmsa));
	} else {
		assert(pa % PAGE_SIZE == 0 && pa / PAGE_SIZE - PFN(0) < NR_GFNS);
		from = psp.memory[pa / PAGE_SIZE - PFN(0)];
		memcpy(to, from, PAGE_SIZE);
	}
	*page = to;
	return 0;
}

void rmpe_firmware_free(void *page)
{
	unit_free(page);
}

/* The last 2 GiB of the address space are the first GiB of memory. */
static void make_guest(void)
{
	psp.vmsa_pa = VMSA;
	psp.vmsa.rip = RIP;
	psp.vmsa.rsp = RSP;
	psp.vmsa.cr0 = X86_CR0_PG | 1;
	psp.vmsa.cr3 = 0x1000 | C_BIT;
	psp.vmsa.efer = EFER_LMA;
	psp.memory[1][511] = 0x2000 | C_BIT | PRESENT;
	psp.memory[2][510] = C_BIT | PRESENT | LARGE;
	memcpy(&psp.memory[5][2], "0123456789abcdef", 16);
	memset(psp.memory[0xb], 0x40, PAGE_SIZE);
	psp.memory[0xb][0xf10 / 8] = RIP + 0x20;
}

static int set_up(void **state)
{
	unsigned int i, v;

	unit_reset();
	/* Long enough that nothing is left of earlier tests. */
	unit_clock_pass(1000 * NSEC_PER_SEC);
	jiffies += 6 * HZ;
	memset(&psp, 0, sizeof(psp));
	psp.usable = true;
	make_guest();
	memset(machines, 0, sizeof(machines));
	for (i = 0; i < ARRAY_SIZE(machines); i++) {
		struct machine *m = &machines[i];

		m->kvm.memslots = (struct kvm_memslots){ .slot = &slot, .nr = 1 };
		m->vm.kvm = &m->kvm;
		m->vm.id = 3 + i;
		m->vm.pid = 410;
		for (v = 0; v < ARRAY_SIZE(m->vcpu); v++) {
			m->vcpu[v].kvm = &m->kvm;
			m->vcpu[v].vcpu_id = 10 + v;
		}
	}
	vcpu_thread = pthread_self();
	return rmpe_taker_init();
}

static int tear_down(void **state)
{
	unsigned int i;

	unit_fail_alloc(UNIT_NEVER);
	let_go();
	for (i = 0; i < ARRAY_SIZE(machines); i++)
		rmpe_site_wait_all(&machines[i].vm);
	rmpe_taker_exit();
	return unit_live_objects() || psp.exits != 1;
}

/* All that there is to know. */
static bool is_whole(const struct rmpe_site *site)
{
	return site->reg[RMPE_REG_RIP] == RIP && site->reg[RMPE_REG_RSP] == RSP &&
	       site->stack.insn_len == 16 &&
	       !memcmp(site->stack.insn, "0123456789abcdef", 16) &&
	       site->stack.stack_read && site->stack.nr == 1 &&
	       site->stack.offset[0] == 0x10 && site->stack.word[0] == RIP + 0x20;
}

static bool is_without_stack(const struct rmpe_site *site)
{
	return site->reg[RMPE_REG_RIP] == RIP && site->reg[RMPE_REG_RSP] == RSP &&
	       !site->stack.insn_len && !site->stack.stack_read && !site->stack.nr;
}

static void assert_taken(void)
{
	struct rmpe_site *site = rmpe_site_take(vm, vcpu);

	assert_non_null(site);
	assert_true(is_whole(site));
	rmpe_site_put(site);
	rmpe_site_wait_all(vm);
}

/* And the firmware was not troubled. */
static void assert_not_asked(void)
{
	const unsigned int before = psp.commands;

	assert_null(rmpe_site_take(vm, vcpu));
	rmpe_site_wait_all(vm);
	assert_int_equal(psp.commands, before);
}

/* A vCPU in a thread of its own. */
struct taking {
	pthread_t thread;
	struct rmpe_vm *vm;
	struct kvm_vcpu *vcpu;
	struct rmpe_site *site;
};

static void *take(void *arg)
{
	struct taking *t = arg;

	t->site = rmpe_site_take(t->vm, t->vcpu);
	return NULL;
}

static struct taking begin(struct kvm_vcpu *v)
{
	return (struct taking){ .vm = vm, .vcpu = v };
}

/* It waits when we come back, so the firmware must stop before it has an answer. */
static void start(struct taking *t)
{
	const unsigned int before = unit_waiting();

	assert_int_equal(pthread_create(&t->thread, NULL, take, t), 0);
	while (unit_waiting() == before)
		sched_yield();
}

static struct rmpe_site *end(struct taking *t)
{
	assert_int_equal(pthread_join(t->thread, NULL), 0);
	return t->site;
}

static void site_is_taken(void **state)
{
	struct rmpe_site *site;
	u64 begun = unit_clock();

	psp.ns = 7 * MS;
	site = rmpe_site_take(vm, &vcpu[2]);
	assert_non_null(site);
	assert_true(is_whole(site));
	assert_int_equal(site->vcpu, 12);
	assert_int_equal(site->when_ns, begun);
	assert_int_equal(site->cpl, 0);
	/* Each page once, though the tables serve two addresses. */
	assert_int_equal(psp.commands, COMMANDS);
	assert_string_equal(rmpe_debuggable_name(vm), "yes");
	rmpe_site_wait_all(vm);
	assert_int_equal(unit_live_objects(), 2);	/* it, and the worker */
	assert_int_equal(site->users.refs, 1);
	rmpe_site_put(site);
	assert_int_equal(psp.printed, 0);
}

static void process_costs_one_command(void **state)
{
	struct rmpe_site *site;

	psp.vmsa.cpl = 3;
	site = rmpe_site_take(vm, vcpu);
	assert_int_equal(site->cpl, 3);
	assert_int_equal(site->reg[RMPE_REG_RIP], RIP);
	assert_int_equal(psp.commands, 1);
	rmpe_site_put(site);
}

/* Tables, code and stack as far apart as can be: each page is read, and none twice. */
static void most_pages_that_can_be_needed(void **state)
{
	const u64 border = 0xff80000000000000 | BIT_ULL(48);
	struct rmpe_site *site;
	unsigned int i;

	memset(psp.memory, 0, sizeof(psp.memory));
	psp.vmsa.cr4 = X86_CR4_LA57;
	psp.vmsa.rip = border - 8;
	psp.vmsa.rsp = 0xff00000000000000;
	/* Three chains of tables: before the border, after it, and the stack's. */
	psp.memory[1][(border - 8) >> 48 & 511] = 0x10000 | PRESENT;
	psp.memory[1][border >> 48 & 511] = 0x14000 | PRESENT;
	psp.memory[1][psp.vmsa.rsp >> 48 & 511] = 0x18000 | PRESENT;
	for (i = 0; i < 3; i++) {
		psp.memory[0x10 + i][511] = (0x11000 + (i << PAGE_SHIFT)) | PRESENT;
		psp.memory[0x14 + i][0] = (0x15000 + (i << PAGE_SHIFT)) | PRESENT;
		psp.memory[0x18 + i][0] = (0x19000 + (i << PAGE_SHIFT)) | PRESENT;
	}
	psp.memory[0x13][511] = 0x20000 | PRESENT;
	psp.memory[0x17][0] = 0x21000 | PRESENT;
	for (i = 0; i < 4; i++) {
		psp.memory[0x1b][i] = (0x22000 + (i << PAGE_SHIFT)) | PRESENT;
		psp.memory[0x22 + i][511] = border + i;
	}
	site = rmpe_site_take(vm, vcpu);
	assert_non_null(site);
	assert_int_equal(site->stack.insn_len, 16);
	assert_int_equal(site->stack.nr, 4);
	assert_int_equal(site->stack.offset[3], 0x3ff8);
	assert_int_equal(psp.commands, 1 + 1 + 3 * 4 + 2 + 4);
	assert_in_range(psp.commands, 1, 1 + MAX_COMMANDS);
	rmpe_site_put(site);
}

/* Pages that the guest does not have, and that the firmware does not decrypt. */
static void memory_that_cannot_be_read(void **state)
{
	struct rmpe_site *site;

	psp.memory[2][510] = 0x40000000 | PRESENT | LARGE;
	site = rmpe_site_take(vm, vcpu);
	assert_non_null(site);
	assert_true(is_without_stack(site));
	assert_int_equal(psp.commands, 3);
	rmpe_site_put(site);
}

static void firmware_that_cannot_be_asked(void **state)
{
	psp.usable = false;
	assert_not_asked();
	assert_string_equal(rmpe_debuggable_name(vm), "n/a");
	psp.usable = true;
	assert_string_equal(rmpe_debuggable_name(vm), "unknown");
	assert_taken();
}

/* Between two save areas, or none at all: there is nothing to be asked about. */
static void vcpu_without_a_save_area(void **state)
{
	psp.vmsa_pa = 0;
	assert_not_asked();
	psp.vmsa_pa = VMSA;
	assert_taken();
}

static void assert_told_once(void)
{
	assert_int_equal(psp.printed, 1);
	assert_string_equal(psp.log, "6 rmp_enforce: vm=3 pid=410: records have no rip: the guest's policy does not allow debugging\n");
	assert_string_equal(rmpe_debuggable_name(vm), "no");
}

static void policy_that_kvm_knows(void **state)
{
	unsigned int i;

	psp.policy = RMPE_DEBUGGABLE_NO;
	for (i = 0; i < 5; i++)
		assert_not_asked();
	assert_int_equal(psp.commands, 0);
	assert_told_once();
}

static void policy_that_two_ask_for(void **state)
{
	psp.policy = RMPE_DEBUGGABLE_NO;
	psp.known_meanwhile = true;
	assert_not_asked();
	assert_int_equal(psp.printed, 0);
	assert_string_equal(rmpe_debuggable_name(vm), "no");
}

static void policy_that_allows_it(void **state)
{
	psp.policy = RMPE_DEBUGGABLE_YES;
	assert_string_equal(rmpe_debuggable_name(vm), "unknown");
	assert_taken();
	assert_string_equal(rmpe_debuggable_name(vm), "yes");
	assert_int_equal(psp.printed, 0);
}

/* Where KVM does not know it the firmware says it: once. */
static void first_refusal_is_the_last(void **state)
{
	unsigned int i;

	psp.error = -EPERM;
	assert_null(rmpe_site_take(vm, vcpu));
	rmpe_site_wait_all(vm);
	assert_int_equal(psp.commands, 1);
	for (i = 0; i < 5; i++)
		assert_not_asked();
	assert_told_once();
}

/* Others that wait already when it comes are not asked for, either. */
static void refusal_while_others_wait(void **state)
{
	struct taking t[4];
	unsigned int i;

	psp.error = -EPERM;
	psp.hold = 1;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = begin(&vcpu[i]);
		start(&t[i]);
	}
	wait_until_held();
	let_go();
	for (i = 0; i < ARRAY_SIZE(t); i++)
		assert_null(end(&t[i]));
	rmpe_site_wait_all(vm);
	assert_int_equal(psp.commands, 1);
	assert_told_once();
}

/* Nor does it wait in the queue to hear it again: the clock does not move here. */
static void refused_vm_does_not_wait(void **state)
{
	struct taking t = begin(vcpu);
	struct rmpe_site *site;

	machines[1].vm.taker.debuggable = RMPE_DEBUGGABLE_NO;
	psp.hold = 1;
	start(&t);
	wait_until_held();
	assert_null(rmpe_site_take(&machines[1].vm, machines[1].vcpu));
	let_go();
	site = end(&t);
	assert_non_null(site);
	rmpe_site_put(site);
}

/* Twenty VMs in a row are enough to be told of. */
static void refusals_do_not_flood_the_log(void **state)
{
	unsigned int i;

	psp.policy = RMPE_DEBUGGABLE_NO;
	for (i = 0; i < 50; i++) {
		vm->taker.debuggable = RMPE_DEBUGGABLE_UNKNOWN;
		assert_not_asked();
	}
	assert_int_equal(psp.printed, 20);
}

/* It was busy, or the page was just not there: the next time it may go. */
static void other_errors_are_no_refusal(void **state)
{
	psp.error = -EIO;
	assert_null(rmpe_site_take(vm, vcpu));
	assert_string_equal(rmpe_debuggable_name(vm), "unknown");
	psp.error = -ENOMEM;
	assert_null(rmpe_site_take(vm, vcpu));
	rmpe_site_wait_all(vm);
	assert_int_equal(psp.commands, 2);
	assert_int_equal(psp.printed, 0);
	psp.error = 0;
	assert_taken();
}

/* Half a second, and not a moment longer. */
static void vcpu_does_not_wait_for_long(void **state)
{
	struct taking t = begin(vcpu);

	psp.hold = 1;
	start(&t);
	wait_until_held();
	unit_clock_pass(WAIT - 1);
	sched_yield();
	assert_int_equal(atomic_read(&vm->taker.pending), 1);
	unit_clock_pass(1);
	assert_null(end(&t));
	assert_int_equal(atomic_read(&vm->taker.pending), 1);
	/* Nobody waits for what is stuck. */
	assert_null(rmpe_site_take(vm, vcpu));
	assert_null(rmpe_site_take(&machines[1].vm, machines[1].vcpu));
	assert_int_equal(psp.commands, 1);
	/* What nobody waits for is not read to the end. */
	let_go();
	rmpe_site_wait_all(vm);
	assert_int_equal(psp.commands, 1);
	assert_string_equal(rmpe_debuggable_name(vm), "yes");
	/* And then it is as before. */
	unit_clock_pass(10 * NSEC_PER_SEC);
	assert_taken();
}

/* In time is in time, if only just. */
static void answer_at_the_last_moment(void **state)
{
	struct taking t = begin(vcpu);
	struct rmpe_site *site;

	psp.hold = 1;
	start(&t);
	wait_until_held();
	unit_clock_pass(WAIT - 1);
	let_go();
	site = end(&t);
	assert_non_null(site);
	assert_true(is_whole(site));
	rmpe_site_put(site);
}

/* Registers are better than nothing; what of the stack was read is not whole. */
static void time_is_up_at_the_stack(void **state)
{
	unsigned int at;

	for (at = 2; at <= COMMANDS; at++) {
		struct taking t = begin(vcpu);
		struct rmpe_site *site;

		psp.commands = 0;
		psp.hold = at;
		start(&t);
		wait_until_held();
		unit_clock_pass(WAIT);
		site = end(&t);
		assert_non_null(site);
		assert_true(is_without_stack(site));
		let_go();
		rmpe_site_wait_all(vm);
		assert_int_equal(psp.commands, at);
		assert_true(is_without_stack(site));
		assert_int_equal(site->users.refs, 1);
		rmpe_site_put(site);
		unit_clock_pass(100 * NSEC_PER_SEC);
	}
	assert_taken();
}

static void let_go_and_wait(void)
{
	unit_time_is_up = NULL;
	let_go();
	rmpe_site_wait_all(vm);
}

/* Then it is late, and nobody must wait for it for ever. */
static void answer_a_moment_too_late(void **state)
{
	struct taking t = begin(vcpu);
	struct rmpe_site *site;

	psp.hold = 1;
	start(&t);
	wait_until_held();
	unit_time_is_up = let_go_and_wait;
	unit_clock_pass(WAIT);
	site = end(&t);
	assert_non_null(site);
	assert_true(is_without_stack(site));
	rmpe_site_put(site);
	assert_int_equal(psp.commands, COMMANDS);
	assert_taken();
}

/* Whoever comes after it has the same time, and nothing is asked for him afterwards. */
static void time_is_up_in_the_queue(void **state)
{
	struct taking first = begin(vcpu), second = begin(&vcpu[1]);

	psp.hold = 1;
	start(&first);
	wait_until_held();
	unit_clock_pass(WAIT / 2);
	start(&second);
	unit_clock_pass(WAIT / 2);
	assert_null(end(&first));
	unit_clock_pass(WAIT / 2);
	assert_null(end(&second));
	assert_null(rmpe_site_take(vm, vcpu));
	let_go();
	rmpe_site_wait_all(vm);
	assert_int_equal(psp.commands, 1);
	unit_clock_pass(100 * NSEC_PER_SEC);
	assert_taken();
}

/* Of all VMs together. */
static void queue_has_an_end(void **state)
{
	struct taking t[MAX_PENDING];
	struct machine *other = &machines[1];
	unsigned int i;
	u64 begun;

	psp.hold = 1;
	for (i = 0; i < MAX_PENDING; i++) {
		t[i] = begin(&vcpu[i]);
		start(&t[i]);
	}
	wait_until_held();
	begun = unit_clock();
	for (i = 0; i < 3; i++) {
		assert_null(rmpe_site_take(vm, &vcpu[MAX_PENDING]));
		assert_null(rmpe_site_take(&other->vm, other->vcpu));
	}
	assert_int_equal(unit_clock(), begun);
	assert_int_equal(atomic_read(&vm->taker.pending), MAX_PENDING);
	assert_int_equal(atomic_read(&other->vm.taker.pending), 0);
	let_go();
	for (i = 0; i < MAX_PENDING; i++) {
		struct rmpe_site *site = end(&t[i]);

		assert_non_null(site);
		assert_true(is_whole(site));
		assert_int_equal(site->vcpu, 10 + i);
		rmpe_site_put(site);
	}
	assert_taken();
}

/* A VM's: a second at once, and then a quarter of the time. */
static void share_of_a_vm(void **state)
{
	const u64 one = COMMANDS * 20 * MS, time = 100 * NSEC_PER_SEC;
	u64 begun = unit_clock();
	unsigned int n = 0;

	psp.ns = 20 * MS;
	while (unit_clock() - begun < VM_BURST)
		assert_taken();
	while (unit_clock() - begun < time) {
		struct rmpe_site *site = rmpe_site_take(vm, vcpu);

		n += !site;
		if (!site)
			unit_clock_pass(10 * MS);
		rmpe_site_put(site);
		rmpe_site_wait_all(vm);
	}
	assert_true(n);
	assert_in_range(psp.used_ns, time / 4 - one, time / 4 + VM_BURST + 2 * one);

	/* What is saved up is a second's worth and no more. */
	unit_clock_pass(1000 * NSEC_PER_SEC);
	psp.used_ns = 0;
	for (n = 0; n < 100; n++) {
		rmpe_site_put(rmpe_site_take(vm, vcpu));
		rmpe_site_wait_all(vm);
	}
	assert_in_range(psp.used_ns, VM_BURST, VM_BURST * 4 / 3 + 2 * one);
}

/* All of them: two seconds, and then half of the time. */
static void share_of_all_vms(void **state)
{
	const u64 one = COMMANDS * 20 * MS, time = 200 * NSEC_PER_SEC;
	u64 begun = unit_clock(), used[4] = { };
	unsigned int i, n = 0;

	psp.ns = 20 * MS;
	while (unit_clock() - begun < time) {
		bool any = false;

		for (i = 0; i < 4; i++, n++) {
			struct machine *m = &machines[(i + n / 4) % 4];
			const u64 before = psp.used_ns;
			struct rmpe_site *site = rmpe_site_take(&m->vm, m->vcpu);

			rmpe_site_wait_all(&m->vm);
			used[m - machines] += psp.used_ns - before;
			any |= !!site;
			rmpe_site_put(site);
		}
		if (!any)
			unit_clock_pass(10 * MS);
	}
	assert_in_range(psp.used_ns, time / 2 - one, time / 2 + HOST_BURST + 4 * one);
	/* And none takes it all. */
	for (i = 0; i < 4; i++)
		assert_in_range(used[i], time / 16, time / 4 + VM_BURST + 2 * one);
}

/* A command that has taken two minutes is not for ever. */
static void long_debt_is_paid_by_time(void **state)
{
	const u64 debt = 120 * NSEC_PER_SEC;
	struct taking t = begin(vcpu);

	psp.hold = 1;
	start(&t);
	wait_until_held();
	unit_clock_pass(debt);
	assert_null(end(&t));
	let_go();
	rmpe_site_wait_all(vm);
	unit_clock_pass(NSEC_PER_SEC);
	assert_not_asked();
	/* A quarter of the time since is more than that. */
	unit_clock_pass(4 * debt + NSEC_PER_SEC);
	assert_taken();
}

static void out_of_memory(void **state)
{
	const unsigned int pages = COMMANDS;
	unsigned int nth;

	for (nth = 1; nth <= 3 + pages; nth++) {
		struct rmpe_site *site;

		unit_fail_alloc(nth);
		site = rmpe_site_take(vm, vcpu);
		rmpe_site_wait_all(vm);
		assert_true(unit_alloc_failed());
		unit_fail_alloc(UNIT_NEVER);
		/* The request, its site, the page of registers; then the rest. */
		assert_int_equal(!site, nth <= 3);
		assert_false(site && is_whole(site));
		assert_true(!site || site->reg[RMPE_REG_RIP] == RIP);
		assert_int_equal(atomic_read(&vm->taker.pending), 0);
		assert_int_equal(unit_live_objects(), 1 + !!site);
		rmpe_site_put(site);
	}
	/* Nothing is left that would count as pending. */
	for (nth = 0; nth < 3 * MAX_PENDING; nth++) {
		unit_fail_alloc(1 + nth % 2);
		assert_null(rmpe_site_take(vm, vcpu));
	}
	unit_fail_alloc(UNIT_NEVER);
	assert_taken();
}

static void *wait_all(void *arg)
{
	rmpe_site_wait_all(vm);
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELEASE);
	return NULL;
}

/* The VM must not go away under the worker. */
static void vm_waits_for_the_worker(void **state)
{
	struct taking t = begin(vcpu);
	pthread_t thread;
	bool ended = false;
	unsigned int i;

	psp.hold = 2;
	start(&t);
	wait_until_held();
	unit_clock_pass(WAIT);
	rmpe_site_put(end(&t));
	assert_int_equal(pthread_create(&thread, NULL, wait_all, &ended), 0);
	for (i = 0; i < 100; i++) {
		sched_yield();
		assert_false(__atomic_load_n(&ended, __ATOMIC_ACQUIRE));
	}
	/* Another has nothing to wait for. */
	rmpe_site_wait_all(&machines[1].vm);
	let_go();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(ended);
	/* The worker has nothing of it any more, also where a sanitizer looks. */
	memset(vm, 0, sizeof(*vm));
}

/* Whatever the firmware does, and whoever comes when. */
#define NR_THREADS	5
#define ROUNDS		1000

struct crowd {
	pthread_t thread;
	struct machine *machine;
	struct kvm_vcpu *vcpu;
	unsigned int taken, whole;
};

static void *take_many(void *arg)
{
	struct crowd *c = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		struct rmpe_site *site = rmpe_site_take(&c->machine->vm, c->vcpu);

		if (!site) {
			unit_clock_pass(3 * MS);
			sched_yield();
			continue;
		}
		assert(is_whole(site) || is_without_stack(site));
		assert(site->vcpu == c->vcpu->vcpu_id);
		c->taken++;
		c->whole += is_whole(site);
		rmpe_site_put(site);
	}
	return NULL;
}

static void many_at_once(void **state)
{
	struct crowd c[NR_THREADS] = { };
	unsigned int i, taken = 0, whole = 0;

	psp.random = true;
	for (i = 0; i < NR_THREADS; i++) {
		c[i].machine = &machines[i % 2];
		c[i].vcpu = &c[i].machine->vcpu[i];
		assert_int_equal(pthread_create(&c[i].thread, NULL, take_many, &c[i]), 0);
	}
	for (i = 0; i < NR_THREADS; i++) {
		assert_int_equal(pthread_join(c[i].thread, NULL), 0);
		taken += c[i].taken;
		whole += c[i].whole;
	}
	print_message("# %u taken, %u of them whole, of %u\n", taken, whole,
		      NR_THREADS * ROUNDS);
	assert_in_range(whole, 1, taken);
	for (i = 0; i < 2; i++) {
		rmpe_site_wait_all(&machines[i].vm);
		memset(&machines[i].vm, 0, sizeof(machines[i].vm));
	}
}

/* Loading and unloading. */
static int clean_books(void **state)
{
	unit_reset();
	memset(&psp, 0, sizeof(psp));
	return 0;
}

static void without_firmware(void **state)
{
	psp.why = "it is Sunday";
	assert_int_equal(rmpe_taker_init(), 0);
	assert_string_equal(psp.log, "6 rmp_enforce: records will have no rip: it is Sunday\n");
	assert_int_equal(psp.exits, 0);
	/* No worker, which would have nothing to do. */
	assert_int_equal(unit_live_objects(), 0);
	rmpe_taker_exit();
	assert_int_equal(unit_live_objects(), 0);
}

static void without_memory_for_the_worker(void **state)
{
	unit_fail_alloc(1);
	assert_int_equal(rmpe_taker_init(), -ENOMEM);
	assert_true(unit_alloc_failed());
	assert_int_equal(psp.exits, 1);
	assert_int_equal(unit_live_objects(), 0);
}

#define taker_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		/* First: nothing has been started yet. */
		cmocka_unit_test_setup(without_firmware, clean_books),
		cmocka_unit_test_setup(without_memory_for_the_worker, clean_books),
		taker_test(site_is_taken),
		taker_test(process_costs_one_command),
		taker_test(most_pages_that_can_be_needed),
		taker_test(memory_that_cannot_be_read),
		taker_test(firmware_that_cannot_be_asked),
		taker_test(vcpu_without_a_save_area),
		taker_test(policy_that_kvm_knows),
		taker_test(policy_that_two_ask_for),
		taker_test(policy_that_allows_it),
		taker_test(first_refusal_is_the_last),
		taker_test(refusal_while_others_wait),
		taker_test(refused_vm_does_not_wait),
		taker_test(refusals_do_not_flood_the_log),
		taker_test(other_errors_are_no_refusal),
		taker_test(vcpu_does_not_wait_for_long),
		taker_test(answer_at_the_last_moment),
		taker_test(answer_a_moment_too_late),
		taker_test(time_is_up_at_the_stack),
		taker_test(time_is_up_in_the_queue),
		taker_test(queue_has_an_end),
		taker_test(share_of_a_vm),
		taker_test(share_of_all_vms),
		taker_test(long_debt_is_paid_by_time),
		taker_test(out_of_memory),
		taker_test(vm_waits_for_the_worker),
		taker_test(many_at_once),
	};

	random_seed();
	return cmocka_run_group_tests_name("site_taker", tests, NULL, NULL);
}
