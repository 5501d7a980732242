/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BTF made by hand (Documentation/bpf/btf.rst).
 */
#ifndef UNIT_BTF_BLOB_H
#define UNIT_BTF_BLOB_H

#include <linux/btf.h>
#include <linux/types.h>

#define BLOB_MAX_WORDS		512
#define BLOB_MAX_STRINGS	2048

/**
 * struct btf_blob - BTF in the making
 * @word: the type section
 * @nr_words: its length in u32
 * @string: the string section
 * @strings_len: its length
 * @next_id: number of the next type
 * @first_string: offset of the first string
 */
struct btf_blob {
	u32 word[BLOB_MAX_WORDS];
	u32 nr_words;
	char string[BLOB_MAX_STRINGS];
	u32 strings_len;
	u32 next_id;
	u32 first_string;
};

/* Begin; @base is the kernel's if this is a module's, else NULL. */
void blob_init(struct btf_blob *b, const struct btf_blob *base);

/* One type; its number is returned.  What follows it is up to the caller. */
u32 blob_type(struct btf_blob *b, const char *name, u32 kind, u32 vlen,
	      u32 size_or_type);
void blob_word(struct btf_blob *b, u32 word);

u32 blob_int(struct btf_blob *b, const char *name, u32 bits, u32 encoding);
u32 blob_struct(struct btf_blob *b, const char *name, u32 nr, u32 size);
void blob_member(struct btf_blob *b, const char *name, u32 type, u32 bit_offset);
u32 blob_proto(struct btf_blob *b, u32 ret, u32 nr);
void blob_param(struct btf_blob *b, const char *name, u32 type);

/* The whole, in memory of exactly its size, for free(). */
void *blob_finish(const struct btf_blob *b, size_t *size);

#endif
