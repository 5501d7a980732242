// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notes which blocks of rmp_enforce run, if it is built with -fsanitize-coverage=trace-pc.
 * A module of its own: it stays when rmp_enforce goes, and what ran adds up over all loads,
 * whose layout is the same each time. Read /sys/kernel/debug/rmp_cover.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/instruction_pointer.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/string.h>

#define MAX_TEXT	SZ_512K

/**
 * struct region - executable memory of rmp_enforce that is allocated together
 * @name: as it is printed
 * @type: as the kernel calls it
 * @base: where it begins in this load
 * @size: how long it is
 * @ran: for each offset, whether a call returned there; never cleared
 */
static struct region {
	const char *name;
	enum mod_mem_type type;
	unsigned long base;
	unsigned long size;
	u8 ran[MAX_TEXT];
} regions[] = {
	{ .name = "text", .type = MOD_TEXT },
	{ .name = "init", .type = MOD_INIT_TEXT },
};

/* Called at the start of each block, ftrace callbacks included: no locks, and no calls. */
void notrace __sanitizer_cov_trace_pc(void)
{
	unsigned long pc = _RET_IP_, offset;
	struct region *r;

	for (r = regions; r < regions + ARRAY_SIZE(regions); r++) {
		offset = pc - READ_ONCE(r->base);
		if (offset < READ_ONCE(r->size)) {
			/* Most have run before: their cache lines stay shared. */
			if (!READ_ONCE(r->ran[offset]))
				WRITE_ONCE(r->ran[offset], 1);
			return;
		}
	}
}
EXPORT_SYMBOL_GPL(__sanitizer_cov_trace_pc);

/* Before any of its code runs. The copy that e2e has fail (failcalls) makes no calls. */
static int coming(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct module *mod = data;
	struct region *r;

	if (state != MODULE_STATE_COMING || strcmp(mod->name, "rmp_enforce"))
		return NOTIFY_DONE;
	for (r = regions; r < regions + ARRAY_SIZE(regions); r++) {
		if (mod->mem[r->type].size > MAX_TEXT) {
			pr_err("%s is too long\n", r->name);
			return notifier_from_errno(-EFBIG);
		}
		WRITE_ONCE(r->base, (unsigned long)mod->mem[r->type].base);
		WRITE_ONCE(r->size, mod->mem[r->type].size);
	}
	return NOTIFY_OK;
}

static struct notifier_block modules = { .notifier_call = coming };

static int ran_show(struct seq_file *m, void *unused)
{
	const struct region *r;
	unsigned int i;

	for (r = regions; r < regions + ARRAY_SIZE(regions); r++)
		for (i = 0; i < MAX_TEXT; i++)
			if (READ_ONCE(r->ran[i]))
				seq_printf(m, "%s %x\n", r->name, i);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ran);

static struct dentry *file;

static int __init cover_init(void)
{
	int r = register_module_notifier(&modules);

	if (!r)
		file = debugfs_create_file("rmp_cover", 0400, NULL, NULL, &ran_fops);
	return r;
}

static void __exit cover_exit(void)
{
	debugfs_remove(file);
	unregister_module_notifier(&modules);
}

module_init(cover_init);
module_exit(cover_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Which blocks of rmp_enforce run");
