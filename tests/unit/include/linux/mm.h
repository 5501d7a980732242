/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_MM_H
#define UNIT_LINUX_MM_H

#include <linux/limits.h>
#include <linux/slab.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))

#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)
#define lower_32_bits(n)	((u32)(n))
#define PFN_PHYS(pfn)		((u64)(pfn) << PAGE_SHIFT)

struct page;

unsigned long page_to_pfn(const struct page *page);
struct page *virt_to_page(const void *p);
void free_page(unsigned long p);

#endif
