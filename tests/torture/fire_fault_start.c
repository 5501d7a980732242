// SPDX-License-Identifier: GPL-2.0-only
/* No memory while a VM is launched, is given a slot, or is met for the first time. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "fault.h"

/*
 * An allocation has not the same number each time: where a slab is empty there is one more.
 * So not each round meets those of the module.
 */
#define ROUNDS	5

/* Of a call whose allocations fail in turn: what it came to. */
struct tally {
	unsigned int failed, refused, lost;
};

static void show(const char *call, const struct tally *t)
{
	diag("%u allocations of %s failed in turn: refused %u times, history lost %u times",
	     t->failed, call, t->refused, t->lost);
}

/* A history that is not complete is said to be lost; then nothing is enforced. */
static bool is_lost(struct vm *vm)
{
	char history[32] = "";

	guard_read(vm, "history", history, sizeof(history));
	if (!strcmp(history, "complete"))
		return false;
	expect_file(vm, "history", "lost");
	expect_file(vm, "effective_mode", "lenient");
	return true;
}

/* One page of the launched image; 0 or errno. */
static int launch_page(struct vm *vm, const void *src)
{
	struct kvm_sev_snp_launch_update u = {
		.gfn_start = GFN(0),
		.uaddr = (uint64_t)src,
		.len = GUEST_PAGE,
		.type = KVM_SEV_SNP_PAGE_TYPE_NORMAL,
	};

	return vm_sev_cmd(vm, KVM_SEV_SNP_LAUNCH_UPDATE, &u) ? errno : 0;
}

static int launch_end(struct vm *vm, const void *unused)
{
	struct kvm_sev_snp_launch_finish f = { };

	(void)unused;
	return vm_sev_cmd(vm, KVM_SEV_SNP_LAUNCH_FINISH, &f) ? errno : 0;
}

/* The @n-th allocation of @call fails; false if it has not as many. */
static bool fail_launch(int (*call)(struct vm *vm, const void *src), unsigned int n,
			const void *src, struct tally *tally)
{
	bool page = call == launch_page, failed;
	struct vm *vm = vm_create(NULL);
	int r;

	vm_launch_start(vm);
	if (!page)
		check(!launch_page(vm, src), "SNP_LAUNCH_UPDATE without a failure");
	guard_find(vm);
	fault_arm(n);
	r = call(vm, src);
	failed = fault_struck();
	tally->failed += failed;
	tally->refused += r != 0;
	if (page && r) {
		check(failed, "SNP_LAUNCH_UPDATE: %s", strerror(r));
		expect_counter(vm, "launch_pages", 0);
		expect_page_state(vm, GPA(0), "none");
	} else if (is_lost(vm)) {
		tally->lost++;
		check(failed, "the history is lost, and no allocation failed");
	} else {
		check(!r || failed, "SNP_LAUNCH_FINISH: %s", strerror(r));
		expect_counter(vm, "launch_pages", 1);
		expect_page_state(vm, GPA(0), "launched");
	}
	guard_forget(vm);
	vm_destroy(vm);
	return failed;
}

/* The guest's own pages, too, which injection leaves alone by itself. */
static void allow_guest_pages(bool allow)
{
	check(!file_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem",
			  allow ? "N" : "Y"),
	      "ignore-gfp-highmem can't be written");
}

static void launch(const void *arg)
{
	void *src = aligned_alloc(GUEST_PAGE, GUEST_PAGE);
	struct tally update = { }, finish = { };
	unsigned int n;

	(void)arg;
	memset(src, 0x5a, GUEST_PAGE);
	fault_allow_all();
	allow_guest_pages(true);
	for (unsigned int round = 0; round < ROUNDS && !(update.lost && update.refused); round++) {
		for (n = 1; n < FAULT_MOST && !scenario_failures; n++)
			if (!fail_launch(launch_page, n, src, &update))
				break;
	}
	for (n = 1; n < FAULT_MOST && !scenario_failures; n++)
		if (!fail_launch(launch_end, n, src, &finish))
			break;
	allow_guest_pages(false);
	show("SNP_LAUNCH_UPDATE", &update);
	show("SNP_LAUNCH_FINISH", &finish);
	check(update.refused, "KVM's allocations were not among them");
	check(update.lost, "the module's own allocations were not among them");
	check(finish.failed && !finish.lost, "SNP_LAUNCH_FINISH makes no allocation, or one of ours");
	check(!fire_vms(), "a folder is left");
	fire_unload(UNLOAD_S);
	free(src);
}

#define FAR		(5ull << 30)
#define FAR_SIZE	(16ull << 20)

/* A whole block of the tracker, which has no word for each of its gfns. */
static void add_block(struct vm *vm)
{
	uint64_t e[FAR_SIZE >> 21];

	vm_slot_add(vm, 1, FAR, FAR_SIZE);
	for (unsigned int i = 0; i < FAR_SIZE >> 21; i++)
		e[i] = PSC_ENTRY(FAR + ((uint64_t)i << 21), PSC_SHARED, 1, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, (FAR_SIZE >> 21) - 1), e, FAR_SIZE >> 21);
}

/*
 * A slot with new memory comes where a part of the block was: what was asked for these
 * gfns is void, and to tell them from the others takes memory. The @n-th allocation fails;
 * false if there are not as many.
 */
static bool fail_slot(unsigned int n, struct tally *tally)
{
	struct vm *vm = fault_stopped_at(add_block, 0);
	struct kvm_create_guest_memfd g = { .size = 4 * GUEST_PAGE };
	struct kvm_userspace_memory_region2 region = {
		.slot = 1,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = FAR + FAR_SIZE / 2,
		.memory_size = g.size,
		.userspace_addr = (uint64_t)vm->slot[1].mem,
		.guest_memfd = ioctl(vm->fd, KVM_CREATE_GUEST_MEMFD, &g),
	};
	char first[256];
	bool failed;
	int r;

	while (!vcpu_run_once(&vm->vcpu[0]))
		;
	expect_page_state(vm, FAR, "shared");
	vm_slot_delete(vm, 1);
	fault_arm(n);
	r = ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION2, &region) ? errno : 0;
	/* The module needs memory when it sees the slot; its reader does, too. */
	guard_debug(vm, "page_state", first, sizeof(first));
	failed = fault_struck();
	tally->failed += failed;
	tally->refused += r != 0;
	if (is_lost(vm)) {
		tally->lost++;
		check(failed && !r, "the history is lost for no reason (%s)", strerror(r));
		expect_page_state(vm, FAR, "none");
	} else {
		check(!r || failed, "no slot without a failure: %s", strerror(r));
		expect_page_state(vm, FAR, "shared");
		expect_page_state(vm, region.guest_phys_addr, r ? "shared" : "none");
		expect_page_state(vm, region.guest_phys_addr + g.size, "shared");
	}
	close(region.guest_memfd);
	guard_forget(vm);
	vm_destroy(vm);
	return failed;
}

static void slot(const void *arg)
{
	struct tally tally = { };

	(void)arg;
	fault_allow_all();
	for (unsigned int round = 0; round < ROUNDS && !tally.lost; round++) {
		unsigned int n = 1;

		while (n < FAULT_MOST && !scenario_failures && fail_slot(n, &tally))
			n++;
	}
	show("a new slot", &tally);
	check(tally.lost, "the module's own allocations were not among them");
	check(!fire_vms(), "a folder is left");
	fire_unload(UNLOAD_S);
}

enum { FLAG_COUNT, FLAG_END };

struct unmet {
	struct vm *vm;
	bool failed;
	int end;
};

static void *run_unmet(void *arg)
{
	struct unmet *u = arg;

	fault_arm(1);
	u->end = vcpu_run_once(&u->vm->vcpu[0]);
	u->failed = fault_struck();
	return NULL;
}

struct removal {
	int error;
	volatile bool done;
};

static void *remove_module(void *arg)
{
	struct removal *r = arg;

	r->error = module_unload(MODULE_NAME);
	__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * A VM that is older than the module can't be tracked without memory, so nothing of it
 * holds the module; but its vCPU is in our wrapper, and stays there, as the guest counts and
 * needs no page that it has not touched before. Unloading waits for it alone.
 */
static void adopt(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	struct unmet unmet = { .vm = vm };
	struct removal removal = { };
	pthread_t runner, remover;
	uint64_t n;

	(void)arg;
	fault_allow_all();
	op_count(vm, 0, FLAG_COUNT, FLAG_END);
	vm_start(vm);
	vm_wait_flag(vm, FLAG_COUNT, 1000, PATIENCE_MS);
	vm_stop(vm);
	if (!fire_load(""))
		return;
	n = vm_get_flag(vm, FLAG_COUNT);
	pthread_create(&runner, NULL, run_unmet, &unmet);
	check(vm_wait_flag(vm, FLAG_COUNT, n + 1000, PATIENCE_MS), "the guest does not go on");
	expect_log(MODULE_NAME ": out of memory: the VM of pid ", "is not guarded");
	check(!fire_vms(), "the VM is tracked after all");

	pthread_create(&remover, NULL, remove_module, &removal);
	for (unsigned int ms = 0; ms < PATIENCE_MS && !kvm_is_unhooked(); ms += 10)
		usleep(10000);
	check(kvm_is_unhooked(), "unloading does not begin");
	sleep(2);
	check(!removal.done && module_loaded(MODULE_NAME), "rmmod did not wait for the vCPU");
	n = vm_get_flag(vm, FLAG_COUNT);
	check(vm_wait_flag(vm, FLAG_COUNT, n + 1000, PATIENCE_MS), "the guest stopped");

	vm_set_flag(vm, FLAG_END, 1);
	pthread_join(runner, NULL);
	pthread_join(remover, NULL);
	check(unmet.failed, "no allocation of KVM_RUN's failed");
	check(unmet.end == 1, "the guest did not halt");
	check(!removal.error, "rmmod: %s", strerror(removal.error));
	check(!module_loaded(MODULE_NAME) && !file_exists(SYSFS), "the module is still there");
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "fault.launch", launch, NULL, SC_FAULTS | SC_LONG },
	{ "fault.slot", slot, NULL, SC_FAULTS | SC_LONG },
	{ "fault.adopt", adopt, NULL, SC_UNLOADED | SC_FAULTS | SC_LONG },
};

GROUP(fault_start_group, scenarios);
