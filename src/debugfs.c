// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/rmp_enforce: for people who look into one VM, or for one that
 * has ended.
 *
 * The page-state map is written a run a line, and a reader may stop and go on:
 * the position is the gfn.
 */
#include "debugfs.h"

#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/string_choices.h>

#include "ended.h"
#include "psc_unused.h"
#include "record.h"
#include "site.h"
#include "slots.h"
#include "vm.h"

static struct dentry *root;

/**
 * struct page_run - gfns of which the same is known
 * @end: the end, exclusive
 * @asked: what was asked for
 * @used: how they were used in spite of that, or RMPE_PAGE_NONE
 */
struct page_run {
	gfn_t end;
	enum rmpe_page_state asked;
	enum rmpe_page_state used;
};

static struct page_run run(const struct rmpe_vm *vm, gfn_t gfn)
{
	struct page_run r;

	r.end = rmpe_tracker_run(&vm->asked, gfn, RMPE_MAX_GFNS, &r.asked);
	r.end = rmpe_tracker_run(&vm->used, gfn, r.end, &r.used);
	return r;
}

static const char *run_source(const struct page_run *r)
{
	if (r->used != RMPE_PAGE_NONE)
		return "use";
	return r->asked == RMPE_PAGE_LAUNCHED ? "launch" : "psc";
}

/* A slot may have come since anything looked. */
static void lock_settled(struct rmpe_vm *vm)
{
	int idx = srcu_read_lock(&vm->kvm->srcu);

	mutex_lock(&vm->lock);
	rmpe_slots_settle(vm, vm->kvm);
	srcu_read_unlock(&vm->kvm->srcu, idx);
}

static void *map_start(struct seq_file *m, loff_t *pos)
{
	struct rmpe_vm *vm = m->private;

	lock_settled(vm);
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
		[RMPE_PAGE_NONE]	= "none",
		[RMPE_PAGE_LAUNCHED]	= "launched",
		[RMPE_PAGE_PRIVATE]	= "private",
		[RMPE_PAGE_SHARED]	= "shared",
	};
	struct rmpe_vm *vm = m->private;
	gfn_t gfn = *(loff_t *)v;
	struct page_run r = run(vm, gfn);

	if (r.asked == RMPE_PAGE_NONE && r.used == RMPE_PAGE_NONE)
		return SEQ_SKIP;
	seq_printf(m, "gfn=0x%llx last=0x%llx state=%s source=%s asked=%s\n", gfn,
		   r.end - 1, names[r.used ?: r.asked], run_source(&r),
		   names[r.asked]);
	return 0;
}

static const struct seq_operations page_state_sops = {
	.start	= map_start,
	.next	= map_next,
	.stop	= map_stop,
	.show	= map_show,
};
DEFINE_SEQ_ATTRIBUTE(page_state);

/* The position is an event's number; older ones may be gone by now. */
static void *history_start(struct seq_file *m, loff_t *pos)
{
	struct rmpe_vm *vm = m->private;

	mutex_lock(&vm->lock);
	*pos = max_t(u64, *pos, rmpe_history_oldest(&vm->history));
	return *pos <= vm->history.seq ? pos : NULL;
}

static void *history_next(struct seq_file *m, void *v, loff_t *pos)
{
	const struct rmpe_vm *vm = m->private;

	return ++*pos <= vm->history.seq ? pos : NULL;
}

static int history_show(struct seq_file *m, void *v)
{
	const struct rmpe_vm *vm = m->private;
	struct rmpe_psc_event ev;

	if (!rmpe_history_get(&vm->history, *(loff_t *)v, &ev))
		return SEQ_SKIP;
	seq_printf(m, "seq=%llu age_us=%llu vcpu=%d gfn=0x%llx pages=%llu to=%s result=%s ret=%u redundant=%s\n",
		   ev.seq, div_u64(ktime_get_ns() - ev.when_ns, NSEC_PER_USEC),
		   ev.vcpu, ev.gfn, ev.npages, ev.to_private ? "private" : "shared",
		   ev.completed ? "completed" : "refused", ev.ret,
		   str_yes_no(ev.redundant));
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

	lock_settled(vm);
	for (i = 0; i < vm->backings.nr; i++) {
		const struct rmpe_backing *b = &vm->backings.entry[i];

		seq_printf(m, "gfn=0x%llx last=0x%llx\n", b->first, b->end - 1);
	}
	mutex_unlock(&vm->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(memory);

/* Here and below the position is a gfn, and what is shown is the next from there. */
static void *holes_start(struct seq_file *m, loff_t *pos)
{
	struct rmpe_vm *vm = m->private;
	struct rmpe_map_event hole;

	mutex_lock(&vm->lock);
	if (!rmpe_map_next(&vm->holes, *pos, &hole))
		return NULL;
	*pos = hole.gfn;
	return pos;
}

static void *holes_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct rmpe_vm *vm = m->private;
	struct rmpe_map_event hole;

	/* It may be gone by now. */
	*pos = rmpe_map_last(&vm->holes, *pos, &hole) ? hole.gfn + hole.npages : *pos + 1;
	if (!rmpe_map_next(&vm->holes, *pos, &hole))
		return NULL;
	*pos = hole.gfn;
	return pos;
}

static int holes_show(struct seq_file *m, void *v)
{
	struct rmpe_vm *vm = m->private;
	struct rmpe_map_event hole;

	if (!rmpe_map_last(&vm->holes, *(loff_t *)v, &hole))
		return SEQ_SKIP;
	seq_printf(m, "gfn=0x%llx last=0x%llx age_us=%llu\n", hole.gfn,
		   hole.gfn + hole.npages - 1,
		   div_u64(ktime_get_ns() - hole.when_ns, NSEC_PER_USEC));
	return 0;
}

static const struct seq_operations holes_sops = {
	.start	= holes_start,
	.next	= holes_next,
	.stop	= map_stop,
	.show	= holes_show,
};
DEFINE_SEQ_ATTRIBUTE(holes);

static void *unused_start(struct seq_file *m, loff_t *pos)
{
	gfn_t first, end;

	if (!rmpe_unused_next(m->private, *pos, &first, &end))
		return NULL;
	*pos = first;
	return pos;
}

static void *unused_next(struct seq_file *m, void *v, loff_t *pos)
{
	gfn_t first, end;

	if (rmpe_unused_next(m->private, *pos, &first, &end) &&
	    rmpe_unused_next(m->private, end, &first, &end)) {
		*pos = first;
		return pos;
	}
	*pos = RMPE_MAX_GFNS;
	return NULL;
}

static void unused_stop(struct seq_file *m, void *v)
{
}

static int unused_show(struct seq_file *m, void *v)
{
	gfn_t first, end;

	if (!rmpe_unused_next(m->private, *(loff_t *)v, &first, &end))
		return SEQ_SKIP;
	seq_printf(m, "gfn=0x%llx last=0x%llx\n", first, end - 1);
	return 0;
}

static const struct seq_operations psc_unused_sops = {
	.start	= unused_start,
	.next	= unused_next,
	.stop	= unused_stop,
	.show	= unused_show,
};
DEFINE_SEQ_ATTRIBUTE(psc_unused);

static int violations_show(struct seq_file *m, void *v)
{
	struct rmpe_vm *vm = m->private;
	char *buf = kmalloc(RMPE_RECORD_LEN, GFP_KERNEL);
	struct rmpe_record rec = { };

	if (!buf)
		return -ENOMEM;
	while (rmpe_vm_record(vm, rec.seq, &rec)) {
		rmpe_record_format(buf, RMPE_RECORD_LEN, &rec);
		seq_printf(m, "seq=%llu psc_seq=%llu age_us=%llu %s\n", rec.seq,
			   rec.psc_seq,
			   div_u64(ktime_get_ns() - rec.when_ns, NSEC_PER_USEC), buf);
	}
	kfree(buf);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(violations);

static void show_site(struct seq_file *m, u64 seq, const char *at,
		      const struct rmpe_site *site, const struct rmpe_record *rec)
{
	if (!site)
		return;
	seq_printf(m, "seq=%llu at=%s vcpu=%d age_us=%llu", seq, at, site->vcpu,
		   div_u64(ktime_get_ns() - site->when_ns, NSEC_PER_USEC));
	if (rec)
		seq_printf(m, " psc_gfn=0x%llx psc_pages=%llu", rec->psc.gfn,
			   rec->psc.npages);
	rmpe_site_show(m, site);
	seq_putc(m, '\n');
}

static int sites_show(struct seq_file *m, void *v)
{
	struct rmpe_vm *vm = m->private;
	struct rmpe_record rec = { };

	while (rmpe_vm_record(vm, rec.seq, &rec)) {
		struct rmpe_sites sites = rmpe_vm_sites(vm, rec.seq);

		show_site(m, rec.seq, "access", sites.access, NULL);
		show_site(m, rec.seq, "request", sites.request, &rec);
		rmpe_site_put(sites.access);
		rmpe_site_put(sites.request);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sites);

static int ended_show(struct seq_file *m, void *v)
{
	struct rmpe_ended vm = { };
	int i;

	while (rmpe_ended_next(vm.nr, &vm)) {
		const struct rmpe_counters *c = &vm.counters;

		seq_printf(m, "vm=%llu pid=%d comm=%s state=%s history=%s age_us=%llu",
			   vm.id, vm.pid, vm.comm, vm.terminated ? "terminated" : "ended",
			   rmpe_history_names[vm.history],
			   div_u64(ktime_get_ns() - vm.when_ns, NSEC_PER_USEC));
		seq_printf(m, " launch_pages=%llu psc_requests=%llu psc_completed=%llu psc_refused=%llu psc_pages=%llu psc_redundant=%llu",
			   c->launch_pages, vm.psc_requests, c->psc_completed,
			   c->psc_refused, c->psc_pages, c->psc_redundant);
		seq_printf(m, " pages_discarded=%llu prefaults_skipped=%llu npf_judged=%llu vc_injected=%llu log_suppressed=%llu enforced=%llu repeated=%llu",
			   c->pages_discarded, c->prefaults_skipped, vm.npf_judged,
			   c->vc_injected, c->log_suppressed, c->enforced, c->repeated);
		for (i = RMPE_CLASS_NONE + 1; i < RMPE_NR_CLASSES; i++)
			seq_printf(m, " %s=%llu", rmpe_class_names[i], c->class[i]);
		seq_putc(m, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ended);

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
	debugfs_create_file("holes", 0400, vm->dentry, vm, &holes_fops);
	debugfs_create_file("psc_unused", 0400, vm->dentry, vm, &psc_unused_fops);
	debugfs_create_file("violations", 0400, vm->dentry, vm, &violations_fops);
	debugfs_create_file("sites", 0400, vm->dentry, vm, &sites_fops);
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
 *
 * Context: module init; process context.
 */
void rmpe_debugfs_init(void)
{
	root = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("ended", 0400, root, NULL, &ended_fops);
}

/**
 * rmpe_debugfs_exit() - remove the top directory
 *
 * Context: module exit; process context.
 */
void rmpe_debugfs_exit(void)
{
	debugfs_remove(root);
}
