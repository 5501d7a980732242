// SPDX-License-Identifier: GPL-2.0-only
/*
 * RMPUPDATE on one CPU takes effect on all others before it completes: another
 * CPU writes to a page all the time, while this one assigns it and takes it
 * back.  On one CPU, both are done by turns.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "selftest.h"

#define ROUNDS		100
#define TIMEOUT		(60 * HZ)

static struct {
	unsigned long *word;
	unsigned long attempts;		/* writes begun and ended */
	unsigned long landed;
} writer;

static void write_once(void)
{
	unsigned long val = writer.attempts + 1;

	if (!try_write(writer.word, val))
		WRITE_ONCE(writer.landed, writer.landed + 1);
	smp_store_release(&writer.attempts, val);	/* pairs with wait_for_writes() */
}

static int write_loop(void *data)
{
	while (!kthread_should_stop()) {
		write_once();
		cond_resched();
	}
	return 0;
}

/* Until a write has been done that began after this call. */
static bool wait_for_writes(bool own, unsigned long timeout)
{
	unsigned long seen = smp_load_acquire(&writer.attempts);	/* see write_once() */

	while (smp_load_acquire(&writer.attempts) < seen + 2) {		/* likewise */
		if (own)
			write_once();
		if (time_after(jiffies, timeout))
			return false;
		cpu_relax();
		cond_resched();
	}
	return true;
}

static void one_round(u64 pa, bool own, unsigned long timeout)
{
	unsigned long val, landed;

	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, false), RMP_OK);
	val = READ_ONCE(*writer.word);
	EXPECT_TRUE(wait_for_writes(own, timeout));
	EXPECT_EQ(READ_ONCE(*writer.word), val);

	/* The write that was under way when the page was assigned has ended by now. */
	landed = READ_ONCE(writer.landed);
	EXPECT_TRUE(wait_for_writes(own, timeout));
	EXPECT_EQ(READ_ONCE(writer.landed), landed);

	EXPECT_EQ(rmp_share(pa, false), RMP_OK);
	EXPECT_TRUE(wait_for_writes(own, timeout));
	EXPECT_TRUE(READ_ONCE(writer.landed) > landed);
	EXPECT_TRUE(READ_ONCE(*writer.word) != val);
}

static void flush(void)
{
	unsigned long timeout = jiffies + TIMEOUT;
	unsigned int this_cpu = get_cpu(), other;
	struct task_struct *t = NULL;
	struct page *page;
	int i;

	put_cpu();
	set_cpus_allowed_ptr(current, cpumask_of(this_cpu));
	page = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NOFAIL);
	memset(&writer, 0, sizeof(writer));
	writer.word = page_address(page);
	other = cpumask_any_but(cpu_online_mask, this_cpu);
	if (other < nr_cpu_ids) {
		t = kthread_create(write_loop, NULL, "snpsim_flush/%u", other);
		EXPECT_TRUE(!IS_ERR(t));
		if (IS_ERR(t))
			return;
		kthread_bind(t, other);
		wake_up_process(t);
	}
	for (i = 0; i < ROUNDS && time_before(jiffies, timeout); i++)
		one_round(page_to_phys(page), !t, timeout);
	EXPECT_EQ(i, ROUNDS);
	if (t)
		kthread_stop(t);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	__free_page(page);
}

const struct selftest flush_tests[] = {
	{ "rmpupdate_flushes_all_cpus", flush },
	{ }
};
