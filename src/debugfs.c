// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/rmp_enforce/<id>: for people who look into one VM.
 *
 * The page-state map is written a run a line, and a reader may stop and go on:
 * the position is the gfn.
 */
#include "debugfs.h"

#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "report.h"
#include "vm.h"

static struct dentry *root;

/**
 * struct page_run - gfns of which the same is known
 * @end: behind the last
 * @state: of all
 * @by_use: how it came about
 */
struct page_run {
	gfn_t end;
	enum rmpe_page_state state;
	bool by_use;
};

static struct page_run run(const struct rmpe_vm *vm, gfn_t gfn)
{
	enum rmpe_page_state by_use;
	struct page_run r;

	r.end = rmpe_tracker_run(&vm->tracker, gfn, RMPE_MAX_GFNS, &r.state);
	r.end = rmpe_tracker_run(&vm->by_use, gfn, r.end, &by_use);
	r.by_use = by_use != RMPE_PAGE_NONE;
	return r;
}

static const char *run_source(const struct page_run *r)
{
	if (r->by_use)
		return "use";
	return r->state == RMPE_PAGE_LAUNCHED ? "launch" : "psc";
}

static void *map_start(struct seq_file *m, loff_t *pos)
{
	struct rmpe_vm *vm = m->private;

	mutex_lock(&vm->lock);
	return *pos < RMPE_MAX_GFNS ? pos : NULL;
}

static void *map_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct rmpe_vm *vm = m->private;

	*pos = run(vm, *pos).end;
	return *pos < RMPE_MAX_GFNS ? pos : NULL;
}

static void map_stop(struct seq_file *m, void *v)
{
	struct rmpe_vm *vm = m->private;

	mutex_unlock(&vm->lock);
}

static int map_show(struct seq_file *m, void *v)
{
	static const char *const names[] = {
		[RMPE_PAGE_LAUNCHED]	= "launched",
		[RMPE_PAGE_PRIVATE]	= "private",
		[RMPE_PAGE_SHARED]	= "shared",
	};
	struct rmpe_vm *vm = m->private;
	gfn_t gfn = *(loff_t *)v;
	struct page_run r = run(vm, gfn);

	if (r.state == RMPE_PAGE_NONE)
		return SEQ_SKIP;
	seq_printf(m, "gfn=0x%llx last=0x%llx state=%s source=%s\n", gfn,
		   r.end - 1, names[r.state], run_source(&r));
	return 0;
}

static const struct seq_operations page_state_sops = {
	.start	= map_start,
	.next	= map_next,
	.stop	= map_stop,
	.show	= map_show,
};
DEFINE_SEQ_ATTRIBUTE(page_state);

static void *history_start(struct seq_file *m, loff_t *pos)
{
	struct rmpe_vm *vm = m->private;

	mutex_lock(&vm->lock);
	/* The position is an event's number; older ones may be gone by now. */
	*pos = max_t(u64, *pos, rmpe_history_oldest(&vm->history));
	return (void *)rmpe_history_get(&vm->history, *pos);
}

static void *history_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct rmpe_vm *vm = m->private;

	return (void *)rmpe_history_get(&vm->history, ++*pos);
}

static int history_show(struct seq_file *m, void *v)
{
	const struct rmpe_psc_event *ev = v;

	seq_printf(m, "seq=%llu age_us=%llu vcpu=%d gfn=0x%llx pages=%llu to=%s result=%s\n",
		   ev->seq, div_u64(ktime_get_ns() - ev->when_ns, NSEC_PER_USEC),
		   ev->vcpu, ev->gfn, ev->npages,
		   ev->to_private ? "private" : "shared",
		   ev->completed ? "completed" : "refused");
	return 0;
}

static const struct seq_operations psc_history_sops = {
	.start	= history_start,
	.next	= history_next,
	.stop	= map_stop,
	.show	= history_show,
};
DEFINE_SEQ_ATTRIBUTE(psc_history);

static int memory_show(struct seq_file *m, void *v)
{
	struct rmpe_vm *vm = m->private;
	unsigned int i;

	mutex_lock(&vm->lock);
	for (i = 0; i < vm->backings.nr; i++) {
		const struct rmpe_backing *b = &vm->backings.entry[i];

		seq_printf(m, "gfn=0x%llx last=0x%llx\n", b->first, b->end - 1);
	}
	mutex_unlock(&vm->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(memory);

static int violations_show(struct seq_file *m, void *v)
{
	struct rmpe_vm *vm = m->private;
	char *buf = kmalloc(RMPE_RECORD_LEN, GFP_KERNEL);
	u64 i;

	if (!buf)
		return -ENOMEM;
	mutex_lock(&vm->lock);
	i = vm->nr_records > RMPE_NR_RECORDS ? vm->nr_records - RMPE_NR_RECORDS : 0;
	for (; i < vm->nr_records; i++) {
		const struct rmpe_record *rec = &vm->records[i % RMPE_NR_RECORDS];

		rmpe_record_format(buf, RMPE_RECORD_LEN, rec);
		seq_printf(m, "seq=%llu psc_seq=%llu age_us=%llu %s\n", i + 1,
			   rec->psc_seq,
			   div_u64(ktime_get_ns() - rec->when_ns, NSEC_PER_USEC),
			   buf);
	}
	mutex_unlock(&vm->lock);
	kfree(buf);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(violations);

/**
 * rmpe_debugfs_add_vm() - make a VM's directory
 * @vm: the VM
 *
 * Context: process context, may sleep.  debugfs is a convenience: nothing
 * depends on success.
 */
void rmpe_debugfs_add_vm(struct rmpe_vm *vm)
{
	char name[24];

	snprintf(name, sizeof(name), "%llu", vm->id);
	vm->dentry = debugfs_create_dir(name, root);
	debugfs_create_file("page_state", 0400, vm->dentry, vm, &page_state_fops);
	debugfs_create_file("memory", 0400, vm->dentry, vm, &memory_fops);
	debugfs_create_file("psc_history", 0400, vm->dentry, vm, &psc_history_fops);
	debugfs_create_file("violations", 0400, vm->dentry, vm, &violations_fops);
}

/**
 * rmpe_debugfs_remove_vm() - remove a VM's directory
 * @vm: the VM
 *
 * Context: process context, may sleep: waits for readers to leave.
 */
void rmpe_debugfs_remove_vm(struct rmpe_vm *vm)
{
	debugfs_remove(vm->dentry);
}

/**
 * rmpe_debugfs_init() - make the top directory
 */
void rmpe_debugfs_init(void)
{
	root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

/**
 * rmpe_debugfs_exit() - remove the top directory
 */
void rmpe_debugfs_exit(void)
{
	debugfs_remove(root);
}
