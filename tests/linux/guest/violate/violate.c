// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the SNP guest: pages that are touched in a state that nobody asked for, by the
 * kernel or, mapped, by a process.  On purpose, and only to see what comes of it.
 */
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/set_memory.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/sev.h>
#include "violate.h"

static const char *const names[] = { VIOLATE_CASES(VIOLATE_NAME) };

static unsigned long gfn;
module_param(gfn, ulong, 0644);
MODULE_PARM_DESC(gfn, "a page frame of the guest's memory that nobody has asked for yet");

/* One page at a time, of whoever has the device open. */
struct victim {
	int what;
	struct page *page;	/* NULL: gfn */
};

static unsigned long victim_pfn(const struct victim *v)
{
	return v->page ? page_to_pfn(v->page) : gfn;
}

static bool touched_as_shared(int what)
{
	return what == VIOLATE_stale || what == VIOLATE_never_shared ||
	       what == VIOLATE_initial_shared;
}

/* Whether the guest has left the page shared. */
static bool left_shared(int what)
{
	return what == VIOLATE_forgotten || what == VIOLATE_pvalidate;
}

static int make_victim(struct victim *v, int what)
{
	unsigned long va;
	int r = 0;

	if (v->what >= 0)
		return -EBUSY;
	if (what == VIOLATE_first_touch || what == VIOLATE_initial_shared) {
		if (!gfn)
			return -ENXIO;
		v->what = what;
		return 0;
	}

	v->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!v->page)
		return -ENOMEM;
	va = (unsigned long)page_address(v->page);
	if (what != VIOLATE_never_shared)
		r = set_memory_decrypted(va, 1);
	if (!r && what == VIOLATE_stale)
		r = set_memory_encrypted(va, 1);
	if (r) {
		/* In which state it is now nobody knows: it is lost. */
		v->page = NULL;
		return r;
	}
	v->what = what;
	return 0;
}

static void free_victim(struct victim *v)
{
	if (!v->page)
		return;
	if (!left_shared(v->what) ||
	    !set_memory_encrypted((unsigned long)page_address(v->page), 1))
		__free_page(v->page);
	v->page = NULL;
}

/* A mapping of its own, since the kernel's usual one may have the other state. */
static void *map_victim(struct victim *v)
{
	bool shared = touched_as_shared(v->what);
	pgprot_t prot = shared ? pgprot_decrypted(PAGE_KERNEL) : PAGE_KERNEL;

	if (v->page)
		return vmap(&v->page, 1, VM_MAP, prot);
	/* For what is not RAM to the kernel, memremap() ignores MEMREMAP_ENC. */
	if (shared)
		return (__force void *)ioremap_cache(gfn << PAGE_SHIFT, PAGE_SIZE);
	return (__force void *)ioremap_encrypted(gfn << PAGE_SHIFT, PAGE_SIZE);
}

static void unmap_victim(struct victim *v, void *p)
{
	if (v->page)
		vunmap(p);
	else
		iounmap((void __iomem *)p);
}

/* Returns only if nobody objects; its name is to be seen in the guest's report. */
static noinline int touch_in_kernel(struct victim *v)
{
	unsigned long *p = map_victim(v);
	unsigned long pfn = victim_pfn(v);

	if (!p)
		return -ENOMEM;
	pr_info("%s: touching gfn 0x%lx\n", names[v->what], pfn);
	if (v->what == VIOLATE_pvalidate)
		pr_info("%s: PVALIDATE returned %d\n", names[v->what],
			pvalidate((unsigned long)p, RMP_PG_SIZE_4K, true));
	else
		WRITE_ONCE(*p, 1);
	pr_info("%s: went through\n", names[v->what]);
	unmap_victim(v, p);
	return 0;
}

static int violate_open(struct inode *inode, struct file *file)
{
	struct victim *v = kzalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return -ENOMEM;
	v->what = -1;
	file->private_data = v;
	return 0;
}

static int violate_release(struct inode *inode, struct file *file)
{
	free_victim(file->private_data);
	kfree(file->private_data);
	return 0;
}

static int violate_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct victim *v = file->private_data;
	int r;

	if (vma->vm_end - vma->vm_start != PAGE_SIZE || vma->vm_pgoff >= VIOLATE_NR ||
	    vma->vm_pgoff == VIOLATE_pvalidate)
		return -EINVAL;
	r = make_victim(v, vma->vm_pgoff);
	if (r)
		return r;
	if (touched_as_shared(v->what))
		vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
	pr_info("%s: mapping gfn 0x%lx to %s\n", names[v->what], victim_pfn(v), current->comm);
	return remap_pfn_range(vma, vma->vm_start, victim_pfn(v), PAGE_SIZE, vma->vm_page_prot);
}

static ssize_t violate_write(struct file *file, const char __user *text, size_t n, loff_t *pos)
{
	char name[32];
	int what, r;

	if (n >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, text, n))
		return -EFAULT;
	name[n] = '\0';
	what = match_string(names, VIOLATE_NR, strim(name));
	if (what < 0)
		return -EINVAL;
	r = make_victim(file->private_data, what) ?: touch_in_kernel(file->private_data);
	return r ?: n;
}

static const struct file_operations violate_fops = {
	.owner = THIS_MODULE,
	.open = violate_open,
	.release = violate_release,
	.mmap = violate_mmap,
	.write = violate_write,
};

static struct miscdevice violate_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "violate",
	.fops = &violate_fops,
};

module_misc_device(violate_device);

MODULE_DESCRIPTION("Touches pages of an SEV-SNP guest without a page-state change");
MODULE_LICENSE("GPL");
