// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's allocator, with books that tests can read and a failure that
 * they can order.  Not for several threads at once.
 */
#include <linux/overflow.h>
#include <linux/slab.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>
#include <unit/rcu.h>

/* In front of each object; the size keeps the object aligned as malloc() does. */
struct header {
	size_t size;
	gfp_t flags;
	unsigned int magic;
};

#define MAGIC 0x726d7065u

static_assert(sizeof(struct header) % _Alignof(max_align_t) == 0, "alignment");

static struct {
	size_t bytes, objects, uncharged;
	unsigned int countdown;
	bool failed;
} books;

void unit_fail_alloc(unsigned int nth)
{
	books.countdown = nth;
	books.failed = false;
}

bool unit_alloc_failed(void)
{
	return books.failed;
}

void unit_reset(void)
{
	books = (typeof(books)){ };
}

size_t unit_live_bytes(void)
{
	return books.bytes;
}

size_t unit_live_objects(void)
{
	return books.objects;
}

size_t unit_uncharged_bytes(void)
{
	return books.uncharged;
}

void *unit_alloc(size_t n, size_t size, bool zero, gfp_t flags)
{
	size_t total = unit_struct_size(sizeof(struct header), size, n);
	struct header *h;

	unit_may_sleep();
	if (books.countdown && --books.countdown == 0) {
		books.failed = true;
		return NULL;
	}
	h = zero ? calloc(1, total) : malloc(total);
	if (!h)
		return NULL;
	/* What is not zeroed must not look as if it were. */
	if (!zero)
		memset(h, 0xa5, total);
	*h = (struct header){
		.size = n * size,
		.flags = flags,
		.magic = MAGIC,
	};
	books.objects++;
	books.bytes += h->size;
	if (flags != GFP_KERNEL_ACCOUNT)
		books.uncharged += h->size;
	return h + 1;
}

void unit_free(const void *p)
{
	struct header *h;

	if (!p)
		return;
	h = (struct header *)p - 1;
	assert(h->magic == MAGIC);
	h->magic = 0;
	books.objects--;
	books.bytes -= h->size;
	if (h->flags != GFP_KERNEL_ACCOUNT)
		books.uncharged -= h->size;
	free(h);
}
