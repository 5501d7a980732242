// SPDX-License-Identifier: GPL-2.0-only
/*
 * BTF that is cut off, contradicts itself or is not BTF: refused, or read
 * without leaving it.  Each piece lies in memory of exactly its size.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>

#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>

#include "btf_blob.h"
#include "btf_reader.h"
#include "random.h"

static struct btf_blob blob;

static int set_up(void **state)
{
	unit_reset();
	blob_init(&blob, NULL);
	return 0;
}

static int tear_down(void **state)
{
	return unit_live_objects() != 0;
}

/* Some of everything that the reader looks at. */
static void fill(struct btf_blob *b)
{
	u32 id = blob_int(b, "int", 32, BTF_INT_SIGNED), kvm, to, inner, proto;

	inner = blob_struct(b, "inner", 2, 8);
	blob_member(b, "a", id, 0);
	blob_member(b, "b", id, 32);
	kvm = blob_struct(b, "kvm", 2, 64);
	blob_member(b, "users", id, 64);
	blob_member(b, "inner", inner, 128);
	kvm = blob_type(b, "kvm_t", BTF_KIND_TYPEDEF, 0, kvm);
	to = blob_type(b, "", BTF_KIND_PTR, 0, kvm);
	blob_type(b, "e", BTF_KIND_ENUM, 1, 4);
	blob_word(b, 0);
	blob_word(b, 1);
	proto = blob_proto(b, id, 2);
	blob_param(b, "kvm", to);
	blob_param(b, "n", id);
	blob_type(b, "f", BTF_KIND_FUNC, 0, proto);
	blob_type(b, "g", BTF_KIND_FUNC, 0, proto);
}

/* Every question there is; the answers do not matter, the sanitizers do. */
static void ask(const struct rmpe_btf *btf)
{
	static const char *const names[] = { "f", "g", "kvm", "inner", "" };
	static const char *const paths[] = { "", "users", "inner.b", "inner.a.x" };
	const struct btf_type *t;
	char buf[64];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		rmpe_btf_prototype(btf, names[i], buf, sizeof(buf));
		t = rmpe_btf_struct(btf, names[i]);
		for (j = 0; t && j < ARRAY_SIZE(paths); j++)
			rmpe_btf_offset(btf, t, paths[j]);
	}
}

/* Open a copy of exactly @size bytes. */
static int try(const void *data, size_t size, const struct rmpe_btf *base)
{
	struct rmpe_btf btf;
	void *copy = malloc(size ?: 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, data, size);
	r = rmpe_btf_open(&btf, copy, size, base);
	if (!r)
		ask(&btf);
	rmpe_btf_close(&btf);
	free(copy);
	return r;
}

static void cut_off_anywhere(void **state)
{
	size_t size, len;
	void *data;

	fill(&blob);
	data = blob_finish(&blob, &size);
	assert_int_equal(try(data, size, NULL), 0);
	for (len = 0; len < size; len++)
		assert_int_equal(try(data, len, NULL), -EINVAL);
	free(data);
}

/* The type section is the last: what is cut from it is not there. */
static void type_section_cut_off(void **state)
{
	struct btf_header *h;
	unsigned int opened = 0;
	size_t size, cut;
	u32 len;
	int r;

	fill(&blob);
	h = blob_finish(&blob, &size);
	len = h->type_len;
	for (cut = 1; cut <= len; cut++) {
		h->type_len = len - cut;
		r = try(h, size - cut, NULL);
		/* Between two types it is merely shorter. */
		assert_true(!r || r == -EINVAL);
		opened += !r;
		if (h->type_len % 4)
			assert_int_equal(r, -EINVAL);
	}
	/* In front of each of its nine types. */
	assert_int_equal(opened, 9);
	free(h);
}

static void wrong_headers(void **state)
{
	struct btf_header *h, good;
	size_t size;

	fill(&blob);
	h = blob_finish(&blob, &size);
	good = *h;

#define refused(member, value, error) do {				\
	*h = good;							\
	h->member = (value);						\
	assert_int_equal(try(h, size, NULL), (error));			\
} while (0)
	refused(magic, 0, -EINVAL);
	refused(magic, 0x9feb, -EINVAL);	/* the other byte order */
	refused(version, 0, -EOPNOTSUPP);
	refused(version, 2, -EOPNOTSUPP);
	refused(hdr_len, size + 1, -EINVAL);
	refused(hdr_len, ~0u, -EINVAL);
	refused(hdr_len, size, -EINVAL);
	refused(hdr_len, 0, -EINVAL);
	refused(hdr_len, sizeof(*h) - 1, -EINVAL);
	refused(hdr_len, sizeof(*h) + 1, -EINVAL);
	refused(type_off, size, -EINVAL);
	refused(type_off, ~0u, -EINVAL);
	refused(type_off, good.type_off + 1, -EINVAL);
	refused(type_len, good.type_len + 1, -EINVAL);
	refused(type_len, ~0u, -EINVAL);
	refused(type_len, ~0u - good.type_off + 1, -EINVAL);
	refused(str_off, size, -EINVAL);
	refused(str_off, ~0u, -EINVAL);
	refused(str_len, size, -EINVAL);
	refused(str_len, ~0u, -EINVAL);
	refused(str_len, 0, -EINVAL);
	/* Strings that do not end. */
	refused(str_len, good.str_len - 1, -EINVAL);
#undef refused
	free(h);
}

/* A section that is not 4-aligned can't hold types. */
static void unaligned_types(void **state)
{
	struct btf_header *h;
	size_t size;
	u32 shift;

	fill(&blob);
	h = blob_finish(&blob, &size);
	for (shift = 1; shift < 4; shift++) {
		h->type_off--;
		assert_int_equal(try(h, size, NULL), -EINVAL);
	}
	free(h);
}

static void unknown_kinds(void **state)
{
	size_t size;
	void *data;
	u32 kind;

	for (kind = 0; kind < 32; kind++) {
		if (kind && kind < NR_BTF_KINDS)
			continue;
		blob_init(&blob, NULL);
		fill(&blob);
		blob_type(&blob, "new", kind, 0, 0);
		fill(&blob);
		data = blob_finish(&blob, &size);
		assert_int_equal(try(data, size, NULL), -EOPNOTSUPP);
		free(data);
	}
}

/* The longest lists there can be, with nothing after them. */
static void lists_without_entries(void **state)
{
	static const u32 kinds[] = {
		BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_ENUM, BTF_KIND_ENUM64,
		BTF_KIND_FUNC_PROTO, BTF_KIND_DATASEC,
	};
	unsigned int i;
	size_t size;
	void *data;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		blob_init(&blob, NULL);
		blob_type(&blob, "kvm", kinds[i], BTF_MAX_VLEN, 0);
		data = blob_finish(&blob, &size);
		assert_int_equal(try(data, size, NULL), -EINVAL);
		free(data);
	}
}

static void check_prototype(const struct btf_blob *b, const char *should)
{
	struct rmpe_btf btf;
	size_t size;
	void *data = blob_finish(b, &size);
	char buf[64];

	assert_int_equal(rmpe_btf_open(&btf, data, size, NULL), 0);
	assert_int_equal(rmpe_btf_prototype(&btf, "f", buf, sizeof(buf)), 0);
	assert_string_equal(buf, should);
	rmpe_btf_close(&btf);
	free(data);
}

static void loops_of_types(void **state)
{
	u32 self, one, to, proto;

	/* A typedef of itself, and a ring of two. */
	self = blob_type(&blob, "self", BTF_KIND_TYPEDEF, 0, blob.next_id);
	one = blob_type(&blob, "one", BTF_KIND_CONST, 0, blob.next_id + 1);
	blob_type(&blob, "two", BTF_KIND_VOLATILE, 0, one);
	to = blob_type(&blob, "", BTF_KIND_PTR, 0, blob.next_id);
	proto = blob_proto(&blob, self, 3);
	blob_param(&blob, "x", one);
	blob_param(&blob, "y", to);
	blob_param(&blob, "z", blob.next_id);
	blob_type(&blob, "", BTF_KIND_PTR, 0, self);
	blob_type(&blob, "f", BTF_KIND_FUNC, 0, proto);
	check_prototype(&blob, "?(?, ? *, ? *)");
}

static void function_that_is_its_own_type(void **state)
{
	struct rmpe_btf btf;
	char buf[16];
	size_t size;
	void *data;

	blob_type(&blob, "f", BTF_KIND_FUNC, 0, blob.next_id);
	data = blob_finish(&blob, &size);
	assert_int_equal(rmpe_btf_open(&btf, data, size, NULL), 0);
	assert_int_equal(rmpe_btf_prototype(&btf, "f", buf, sizeof(buf)), -ENOENT);
	rmpe_btf_close(&btf);
	free(data);
}

static void struct_in_itself(void **state)
{
	const struct btf_type *t;
	struct rmpe_btf btf;
	size_t size;
	void *data;

	blob_struct(&blob, "kvm", 1, 8);
	blob_member(&blob, "a", 1, 64);
	data = blob_finish(&blob, &size);
	assert_int_equal(rmpe_btf_open(&btf, data, size, NULL), 0);
	t = rmpe_btf_struct(&btf, "kvm");
	assert_non_null(t);
	assert_int_equal(rmpe_btf_offset(&btf, t, "a.a.a"), 24);
	assert_int_equal(rmpe_btf_offset(&btf, t, "a.a.b"), -ENOENT);
	rmpe_btf_close(&btf);
	free(data);
}

static void numbers_out_of_range(void **state)
{
	u32 to = blob_type(&blob, "", BTF_KIND_PTR, 0, ~0u), proto;

	blob_struct(&blob, "kvm", 1, 8);
	blob_member(&blob, "users", ~0u, 64);
	blob_type(&blob, "t", BTF_KIND_TYPEDEF, 0, 0x7fffffff);
	proto = blob_proto(&blob, 1000, 2);
	blob_param(&blob, "x", to);
	blob_param(&blob, "y", to + 2);
	blob_type(&blob, "f", BTF_KIND_FUNC, 0, proto);
	/* A name past the strings. */
	blob_type(&blob, "", BTF_KIND_FUNC, 0, proto);
	blob.word[blob.nr_words - 3] = ~0u;
	check_prototype(&blob, "void(void *, void)");
}

/* Any of it wrong in any way, with and without the kernel's below it. */
static void random_damage(void **state)
{
	struct btf_blob module;
	struct rmpe_btf base;
	size_t base_size, size;
	void *base_data, *data;
	unsigned int i, opened = 0;
	u8 *copy;

	fill(&blob);
	base_data = blob_finish(&blob, &base_size);
	assert_int_equal(rmpe_btf_open(&base, base_data, base_size, NULL), 0);
	blob_init(&module, &blob);
	fill(&module);
	data = blob_finish(&module, &size);
	copy = malloc(size);
	assert_non_null(copy);

	for (i = 0; i < 50000; i++) {
		u64 n = 1 + random_below(4);

		memcpy(copy, data, size);
		while (n--) {
			u64 at = random_below(size);

			/* Small numbers are the ones that look right. */
			copy[at] = random_below(2) ? random_below(32) : random_u64();
		}
		opened += !try(copy, size, random_below(2) ? &base : NULL);
	}
	/* Most damage is to a number that only asking finds. */
	assert_in_range(opened, 1000, 49000);
	rmpe_btf_close(&base);
	free(copy);
	free(data);
	free(base_data);
}

#define broken_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		broken_test(cut_off_anywhere),
		broken_test(type_section_cut_off),
		broken_test(wrong_headers),
		broken_test(unaligned_types),
		broken_test(unknown_kinds),
		broken_test(lists_without_entries),
		broken_test(loops_of_types),
		broken_test(function_that_is_its_own_type),
		broken_test(struct_in_itself),
		broken_test(numbers_out_of_range),
		broken_test(random_damage),
	};

	random_seed();
	return cmocka_run_group_tests_name("btf_broken", tests, NULL, NULL);
}
