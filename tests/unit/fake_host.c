// SPDX-License-Identifier: GPL-2.0-only
#include "fake_host.h"

#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <asm/sev.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rmpe_trace.h"
#include "site.h"

struct page {
	unsigned long index;
};

struct folio {
	struct page page;
};

static struct address_space mapping;
static struct folio folio;

struct fake_host host;
struct file fake_gmem = { .f_mapping = &mapping };

u64 ktime_get_ns(void)
{
	return host.now_ns;
}

struct file *get_file_active(struct file **f)
{
	if (host.file_gone)
		return NULL;
	host.file_refs++;
	return *f;
}

void fput(struct file *file)
{
	assert(file == &fake_gmem);
	host.file_refs--;
}

struct folio *filemap_get_folio(struct address_space *m, pgoff_t index)
{
	assert(m == &mapping);
	assert(host.file_refs > 0);
	host.index = index;
	if (!host.has_folio)
		return (struct folio *)(long)-ENOENT;
	host.folio_refs++;
	return &folio;
}

struct page *folio_file_page(struct folio *f, pgoff_t index)
{
	assert(host.folio_refs > 0);
	f->page.index = index;
	return &f->page;
}

unsigned long page_to_pfn(const struct page *page)
{
	return FAKE_PFN(page->index);
}

void folio_put(struct folio *f)
{
	assert(f == &folio);
	host.folio_refs--;
}

int snp_lookup_rmpentry(u64 pfn, bool *assigned, int *level)
{
	if (host.rmp_error)
		return host.rmp_error;
	*assigned = host.rmp_assigned;
	*level = host.rmp_level;
	return 0;
}

int printk(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(host.log, sizeof(host.log), fmt, args);
	va_end(args);
	host.printed++;
	return n;
}

void trace_violation(const struct rmpe_record *rec)
{
	host.traced++;
	host.traced_psc_seq = rec->psc.seq;
	host.traced_rec = *rec;
}

void trace_violation_site(const struct rmpe_record *rec, const struct rmpe_sites *sites)
{
	assert(sites->access || sites->request);
	assert(rec->has_site == !!sites->access && rec->has_psc_site == !!sites->request);
	host.traced_sites++;
	host.traced_rip = sites->access ? sites->access->reg[RMPE_REG_RIP] : 0;
}

int kobject_uevent_env(struct kobject *kobj, enum kobject_action action, char *envp[])
{
	int i;

	host.events++;
	host.event_of = kobj;
	host.event_action = action;
	host.event[0] = 0;
	for (i = 0; envp[i]; i++) {
		strcat(host.event, envp[i]);
		strcat(host.event, "\n");
	}
	return 0;
}
