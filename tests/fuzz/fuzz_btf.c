// SPDX-License-Identifier: GPL-2.0-only
/*
 * Type information that is none: whatever the reader makes of it, it stays within
 * it and gives back its memory. The first bytes split the input in two, the
 * kernel's own and a module's, and say for which of them it is all (else it is the
 * type section only, between a header and strings that are right).
 */
#include <stdlib.h>
#include <string.h>

#include <linux/btf.h>

#include <unit/alloc.h>

#include "btf_reader.h"

#include "input.h"

static void look_up(const struct rmpe_btf *btf)
{
	static const char *const paths[] = { "", "a", "a.b", "a.b.c", "memslots", "." };
	const struct btf_type *type;
	char text[80];

	rmpe_btf_prototype(btf, "f", text, sizeof(text));
	rmpe_btf_prototype(btf, "kvm_arch_init_vm", text, sizeof(text));
	type = rmpe_btf_struct(btf, "s");
	for (size_t i = 0; type && i < sizeof(paths) / sizeof(*paths); i++)
		rmpe_btf_offset(btf, type, paths[i]);
}

static const char strings[] = "\0f\0s\0a\0b\0c\0kvm_arch_init_vm\0memslots";

struct blob {
	uint8_t *data;
	size_t size;
};

/* In memory of exactly this size, aligned, so that a step beyond is seen. */
static struct blob make_blob(const uint8_t *data, size_t size, bool complete)
{
	struct btf_header h = {
		.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(h),
		.type_len = size & ~3ul, .str_off = size & ~3ul, .str_len = sizeof(strings),
	};
	struct blob b = { .size = size };

	if (!complete)
		b.size = sizeof(h) + h.type_len + h.str_len;
	b.data = malloc(b.size + !b.size);
	if (complete) {
		memcpy(b.data, data, size);
		return b;
	}
	memcpy(b.data, &h, sizeof(h));
	memcpy(b.data + sizeof(h), data, h.type_len);
	memcpy(b.data + sizeof(h) + h.type_len, strings, sizeof(strings));
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rmpe_btf base = { }, split = { };
	struct input in = { data, size };
	unsigned int complete = input_number(&in, 1);
	size_t n = input_number(&in, 2);
	struct blob first, second;

	unit_reset();
	if (n > in.left)
		n = in.left;
	first = make_blob(in.data, n, complete & 1);
	second = make_blob(in.data + n, in.left - n, complete & 2);
	if (!rmpe_btf_open(&base, first.data, first.size, NULL)) {
		look_up(&base);
		if (!rmpe_btf_open(&split, second.data, second.size, &base))
			look_up(&split);
	}
	rmpe_btf_close(&split);
	rmpe_btf_close(&base);
	free(first.data);
	free(second.data);
	if (unit_live_objects())
		abort();
	return 0;
}
