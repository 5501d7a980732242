// SPDX-License-Identifier: GPL-2.0-only
#include "fake_psp.h"

#include <linux/module.h>
#include <linux/psp-sev.h>
#include <linux/mm.h>
#include <asm/cpuid.h>
#include <asm/sev.h>

#include <assert.h>
#include <stdlib.h>

bool fake_has_psp;
static int held;

/* Its address is all that is wanted. */
void *unit_symbol_get(const char *name)
{
	held += fake_has_psp;
	return fake_has_psp ? &held : NULL;
}

void unit_symbol_put(const char *name)
{
	assert(held-- > 0);
}

unsigned int cpuid_ebx(unsigned int op)
{
	abort();
}

int rmp_make_shared(u64 pfn, enum pg_level level)
{
	abort();
}

struct page *virt_to_page(const void *p)
{
	abort();
}

void free_page(unsigned long p)
{
	abort();
}
