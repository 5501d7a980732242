// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host writes to pages that are not its own: #PF with the RMP bit.
 *
 * The exception table entry of try_write() catches the fault; error code and
 * address come from the tracepoint of page faults in kernel mode.
 */
#include <linux/completion.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/tracepoint.h>

#include "selftest.h"

#define PF_RMP_WRITE	(BIT_ULL(31) | 3)	/* RMP, write, present */
#define PER_CPU_WRITES	200

struct writer {
	struct completion done;
	unsigned long *word;
	/* what the tracepoint saw */
	unsigned int faults;
	unsigned long address, error_code;	/* of the last one that was not as it should be */
	unsigned int landed;
};

static struct tracepoint *page_fault;
static struct writer *writers[NR_CPUS];

/*
 * Runs on the CPU of the fault; only its own writer, which is bound to it,
 * matters.  Of the error code only 32 bits do: TCG extends the sign.
 */
static void on_page_fault(void *data, unsigned long address, struct pt_regs *regs,
			  unsigned long error_code)
{
	struct writer *w = READ_ONCE(writers[raw_smp_processor_id()]);

	if (!w || (address & PAGE_MASK) != ((unsigned long)w->word & PAGE_MASK))
		return;
	w->faults++;
	if ((u32)error_code != PF_RMP_WRITE || address != (unsigned long)w->word) {
		w->error_code = (u32)error_code;
		w->address = address;
	}
}

static void find_tracepoint(struct tracepoint *tp, void *priv)
{
	if (!strcmp(tp->name, "page_fault_kernel"))
		page_fault = tp;
}

static int write_loop(void *data)
{
	struct writer *w = data;
	int i;

	WRITE_ONCE(writers[raw_smp_processor_id()], w);
	for (i = 0; i < PER_CPU_WRITES; i++) {
		if (!try_write(w->word, 0x5a5a))
			w->landed++;
		cond_resched();
	}
	WRITE_ONCE(writers[raw_smp_processor_id()], NULL);
	complete(&w->done);
	return 0;
}

static bool start_trace(void)
{
	for_each_kernel_tracepoint(find_tracepoint, NULL);
	EXPECT_TRUE(page_fault);
	if (!page_fault)
		return false;
	EXPECT_EQ(tracepoint_probe_register(page_fault, on_page_fault, NULL), 0);
	return true;
}

static void stop_trace(void)
{
	tracepoint_probe_unregister(page_fault, on_page_fault, NULL);
	tracepoint_synchronize_unregister();
}

static void start_writer(struct writer *w, int cpu, unsigned long *word)
{
	struct task_struct *t;

	*w = (struct writer){
		.word = word,
		.address = (unsigned long)word,
		.error_code = PF_RMP_WRITE,
	};
	init_completion(&w->done);
	t = kthread_create(write_loop, w, "snpsim_write/%d", cpu);
	EXPECT_TRUE(!IS_ERR(t));
	if (IS_ERR(t)) {
		complete(&w->done);
		return;
	}
	kthread_bind(t, cpu);
	wake_up_process(t);
}

/* All CPUs write at the same time, to one page or to one page each. */
static void all_cpus_write(bool same_page)
{
	static struct writer w[NR_CPUS];
	unsigned int n = num_online_cpus(), i = 0;
	struct page *pages[8];
	int cpu;

	if (n > ARRAY_SIZE(pages))
		n = ARRAY_SIZE(pages);
	if (!start_trace())
		return;
	for (i = 0; i < n; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NOFAIL);
		EXPECT_EQ(rmp_assign(page_to_phys(pages[i]), TEST_GPA + i * PAGE_SIZE, TEST_ASID,
				     false), RMP_OK);
	}
	i = 0;
	for_each_online_cpu(cpu) {
		if (i < n)
			start_writer(&w[i], cpu, page_address(pages[same_page ? 0 : i]) + 0x128);
		i++;
	}
	for (i = 0; i < n; i++)
		wait_for_completion(&w[i].done);
	stop_trace();
	for (i = 0; i < n; i++) {
		unsigned long *word = page_address(pages[i]) + 0x128;

		EXPECT_EQ(w[i].faults, PER_CPU_WRITES);
		EXPECT_EQ(w[i].error_code, PF_RMP_WRITE);
		EXPECT_EQ(w[i].address, w[i].word);
		EXPECT_EQ(w[i].landed, 0);
		EXPECT_EQ(READ_ONCE(*word), 0);		/* reading is allowed */
		EXPECT_EQ(rmp_share(page_to_phys(pages[i]), false), RMP_OK);
		EXPECT_EQ(try_write(word, 1), 0);
		__free_page(pages[i]);
	}
}

static void write_own_page(void)
{
	all_cpus_write(false);
}

static void write_same_page(void)
{
	all_cpus_write(true);
}

/* Every page of a 2M entry is protected, and the neighbours are not. */
static void write_2m(void)
{
	struct page *block = alloc_pages(GFP_KERNEL, 10);
	u64 pa;
	u8 *va;

	EXPECT_TRUE(block);
	if (!block)
		return;
	va = page_address(block);
	pa = page_to_phys(block);
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, true), RMP_OK);
	EXPECT_EQ(try_write(va, 1), -EFAULT);
	EXPECT_EQ(try_write(va + SZ_1M, 1), -EFAULT);
	EXPECT_EQ(try_write(va + SZ_2M - 8, 1), -EFAULT);
	EXPECT_EQ(try_write(va + SZ_2M, 1), 0);
	EXPECT_EQ(rmp_share(pa, true), RMP_OK);
	EXPECT_EQ(try_write(va + SZ_1M, 1), 0);
	__free_pages(block, 10);
}

/* The table can be read, but after SNP_INIT not be written to. */
static void write_table(void)
{
	u64 *p = memremap(rmp_table_base() + PAGE_SIZE * 8, PAGE_SIZE, MEMREMAP_WB);

	EXPECT_TRUE(p);
	if (!p)
		return;
	EXPECT_EQ(try_write(p, READ_ONCE(*p)), -EFAULT);
	memunmap(p);
}

const struct selftest fault_tests[] = {
	{ "host_write_all_cpus", write_own_page },
	{ "host_write_all_cpus_same_page", write_same_page },
	{ "host_write_2m", write_2m },
	{ "host_write_rmp_table", write_table },
	{ }
};
