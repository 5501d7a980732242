// SPDX-License-Identifier: GPL-2.0-only
#include "btf_blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void blob_init(struct btf_blob *b, const struct btf_blob *base)
{
	memset(b, 0, sizeof(*b));
	b->next_id = base ? base->next_id : 1;
	b->first_string = base ? base->first_string + base->strings_len : 0;
	/* The first string of the kernel is the empty one; modules use that. */
	if (!base)
		b->strings_len = 1;
}

static u32 add_string(struct btf_blob *b, const char *s)
{
	u32 at = b->strings_len, len = strlen(s) + 1;

	if (len == 1)
		return 0;
	assert(at + len <= sizeof(b->string));
	memcpy(b->string + at, s, len);
	b->strings_len += len;
	return b->first_string + at;
}

void blob_word(struct btf_blob *b, u32 word)
{
	assert(b->nr_words < BLOB_MAX_WORDS);
	b->word[b->nr_words++] = word;
}

u32 blob_type(struct btf_blob *b, const char *name, u32 kind, u32 vlen,
	      u32 size_or_type)
{
	blob_word(b, add_string(b, name));
	blob_word(b, kind << 24 | vlen);
	blob_word(b, size_or_type);
	return b->next_id++;
}

u32 blob_int(struct btf_blob *b, const char *name, u32 bits, u32 encoding)
{
	u32 id = blob_type(b, name, BTF_KIND_INT, 0, bits / 8);

	blob_word(b, encoding << 24 | bits);
	return id;
}

u32 blob_struct(struct btf_blob *b, const char *name, u32 nr, u32 size)
{
	return blob_type(b, name, BTF_KIND_STRUCT, nr, size);
}

void blob_member(struct btf_blob *b, const char *name, u32 type, u32 bit_offset)
{
	blob_word(b, add_string(b, name));
	blob_word(b, type);
	blob_word(b, bit_offset);
}

u32 blob_proto(struct btf_blob *b, u32 ret, u32 nr)
{
	return blob_type(b, "", BTF_KIND_FUNC_PROTO, nr, ret);
}

void blob_param(struct btf_blob *b, const char *name, u32 type)
{
	blob_word(b, add_string(b, name));
	blob_word(b, type);
}

/* Types last: a sanitizer sees reads past them. */
void *blob_finish(const struct btf_blob *b, size_t *size)
{
	const u32 strings = (b->strings_len + 3) & ~3u, types = b->nr_words * 4;
	const struct btf_header h = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(h),
		.type_off = strings,
		.type_len = types,
		.str_off = 0,
		.str_len = b->strings_len,
	};
	char *data;

	*size = sizeof(h) + strings + types;
	data = calloc(1, *size);
	assert(data);
	memcpy(data, &h, sizeof(h));
	memcpy(data + sizeof(h), b->string, b->strings_len);
	memcpy(data + sizeof(h) + strings, b->word, types);
	return data;
}
