// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's allocator, with books that tests can read and a failure that
 * they can order.
 */
#include <linux/overflow.h>
#include <linux/slab.h>

#include <assert.h>
#include <pthread.h>
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

static pthread_mutex_t books_lock = PTHREAD_MUTEX_INITIALIZER;

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

static bool is_to_fail(void)
{
	bool fail;

	pthread_mutex_lock(&books_lock);
	fail = books.countdown && --books.countdown == 0;
	books.failed |= fail;
	pthread_mutex_unlock(&books_lock);
	return fail;
}

static void enter(const struct header *h, int objects)
{
	pthread_mutex_lock(&books_lock);
	books.objects += objects;
	books.bytes += objects * h->size;
	if (h->flags != GFP_KERNEL_ACCOUNT)
		books.uncharged += objects * h->size;
	pthread_mutex_unlock(&books_lock);
}

void *unit_alloc(size_t n, size_t size, bool zero, gfp_t flags)
{
	size_t total = unit_struct_size(sizeof(struct header), size, n);
	struct header *h;

	unit_may_sleep();
	if (is_to_fail())
		return NULL;
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
	enter(h, 1);
	return h + 1;
}

char *kstrdup(const char *s, gfp_t flags)
{
	size_t size = strlen(s) + 1;
	char *copy = unit_alloc(1, size, false, flags);

	return copy ? memcpy(copy, s, size) : NULL;
}

void unit_free(const void *p)
{
	struct header *h;

	if (!p)
		return;
	h = (struct header *)p - 1;
	assert(h->magic == MAGIC);
	h->magic = 0;
	enter(h, -1);
	free(h);
}
