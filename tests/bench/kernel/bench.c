// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's tracker beside the kernel's xarray as KVM uses it, inside a
 * kernel.  It measures while it is loaded, and prints lines of JSON to the log.
 * Ticks are those of the time stamp counter: instructions under QEMU's icount.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/timex.h>
#include <linux/xarray.h>

#include "psc_tracker.h"

#define GIB		(1ULL << 18)	/* in gfns */
#define LARGE		512ULL		/* 2M, in gfns */
#define WORST_PSC	(253 * LARGE)
#define GUEST		(4 * GIB)
#define LOOKUPS		20000
#define ATTRIBUTE_PRIVATE	BIT(3)

static DEFINE_MUTEX(lock);
static struct rmpe_tracker tracker;
static DEFINE_XARRAY(attributes);

static int set_tracker(gfn_t gfn, u64 npages, bool private)
{
	int r;

	mutex_lock(&lock);
	r = rmpe_tracker_set(&tracker, gfn, npages,
			     private ? RMPE_PAGE_PRIVATE : RMPE_PAGE_SHARED);
	mutex_unlock(&lock);
	return r;
}

/* As kvm_vm_set_mem_attributes() (virt/kvm/kvm_main.c). */
static int set_xarray(gfn_t gfn, u64 npages, bool private)
{
	void *entry = private ? xa_mk_value(ATTRIBUTE_PRIVATE) : NULL;
	unsigned long i;
	int r = 0;

	mutex_lock(&lock);
	for (i = gfn; !r && i < gfn + npages; i++) {
		r = xa_reserve(&attributes, i, GFP_KERNEL_ACCOUNT);
		cond_resched();
	}
	for (i = gfn; !r && i < gfn + npages; i++) {
		r = xa_err(xa_store(&attributes, i, entry, GFP_KERNEL_ACCOUNT));
		cond_resched();
	}
	mutex_unlock(&lock);
	return r;
}

static bool get_tracker(gfn_t gfn)
{
	return rmpe_tracker_state(&tracker, gfn) == RMPE_PAGE_PRIVATE;
}

static bool get_xarray(gfn_t gfn)
{
	return xa_to_value(xa_load(&attributes, gfn)) & ATTRIBUTE_PRIVATE;
}

static void clear_tracker(void)
{
	rmpe_tracker_free(&tracker);
}

static void clear_xarray(void)
{
	xa_destroy(&attributes);
}

static const struct store {
	const char *name;
	int (*set)(gfn_t gfn, u64 npages, bool private);
	bool (*get)(gfn_t gfn);
	void (*clear)(void);
} stores[] = {
	{ "tracker", set_tracker, get_tracker, clear_tracker },
	{ "xarray", set_xarray, get_xarray, clear_xarray },
};

static const struct range_op {
	const char *name;
	u64 npages;
	unsigned int n;
} range_ops[] = {
	{ "1 page", 1, 2000 },
	{ "2M", LARGE, 20 },
	{ "253 x 2M", WORST_PSC, 1 },
};

static void result(const char *group, const char *op, const char *store, u64 ticks)
{
	pr_info("{\"group\": \"%s\", \"op\": \"%s\", \"store\": \"%s\", \"unit\": \"ticks\", \"value\": %llu}\n",
		group, op, store, ticks);
}

static int measure_ranges(const struct store *s, const struct range_op *op)
{
	struct rnd_state rnd;
	u64 ticks = 0;
	unsigned int round, i;
	int r = 0;

	/* There and back; the first round only warms up. */
	for (round = 0; !r && round < 4; round++) {
		u64 start = get_cycles();

		prandom_seed_state(&rnd, round / 2);
		for (i = 0; !r && i < op->n; i++) {
			u32 slot = prandom_u32_state(&rnd) %
				   (u32)(GUEST / op->npages);

			r = s->set(slot * op->npages, op->npages, !(round & 1));
		}
		if (round >= 2)
			ticks += get_cycles() - start;
	}
	s->clear();
	result("range", op->name, s->name, ticks / (2 * op->n));
	return r;
}

static unsigned long found;

/* What the loops around look-ups cost by themselves. */
static bool get_nothing(gfn_t gfn)
{
	return gfn & 1;
}

static u64 ticks_random(bool (*get)(gfn_t gfn))
{
	struct rnd_state rnd;
	unsigned int i;
	u64 start;

	prandom_seed_state(&rnd, 1);
	start = get_cycles();
	for (i = 0; i < LOOKUPS; i++)
		found += get(prandom_u32_state(&rnd) & (GIB - 1));
	return get_cycles() - start;
}

static u64 ticks_sequential(bool (*get)(gfn_t gfn))
{
	u64 start = get_cycles();
	unsigned int i;

	for (i = 0; i < LOOKUPS; i++)
		found += get(i);
	return get_cycles() - start;
}

static int measure_lookups(const struct store *s)
{
	gfn_t gfn;
	int r;

	/* All private but for a page in each 2M. */
	r = s->set(0, GIB, true);
	for (gfn = 7; !r && gfn < GIB; gfn += LARGE)
		r = s->set(gfn, 1, false);

	result("lookup", "random, sparse", s->name,
	       (ticks_random(s->get) - ticks_random(get_nothing)) / LOOKUPS);
	result("lookup", "sequential, sparse", s->name,
	       (ticks_sequential(s->get) - ticks_sequential(get_nothing)) / LOOKUPS);
	s->clear();
	return r;
}

static int __init bench_init(void)
{
	unsigned int i, k;
	int r = 0;

	for (k = 0; !r && k < ARRAY_SIZE(stores); k++) {
		for (i = 0; !r && i < ARRAY_SIZE(range_ops); i++)
			r = measure_ranges(&stores[k], &range_ops[i]);
		if (!r)
			r = measure_lookups(&stores[k]);
	}
	if (r)
		pr_err("failed with error %d\n", r);
	pr_info("# %lu private\n", found);
	return r;
}

static void __exit bench_exit(void)
{
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("rmp_enforce: tracker and xarray compared inside a kernel");
