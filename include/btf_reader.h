/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough BTF: prototypes of functions and offsets of members, read from
 * the type information that a kernel carries of itself
 * (Documentation/bpf/btf.rst).
 */
#ifndef RMPE_BTF_READER_H
#define RMPE_BTF_READER_H

#include <linux/types.h>

struct btf_type;

/**
 * struct rmpe_btf - type information of the kernel or of a module
 * @base: what its type and string numbers continue, NULL for the kernel
 * @types: the type section
 * @types_len: its length in bytes
 * @strings: the string section
 * @strings_len: its length in bytes; the last is 0
 * @first: number of its first type
 * @nr: how many types it has
 * @first_string: offset of its first string
 * @offset: of each type in @types
 */
struct rmpe_btf {
	const struct rmpe_btf *base;
	const void *types;
	u32 types_len;
	const char *strings;
	u32 strings_len;
	u32 first;
	u32 nr;
	u32 first_string;
	u32 *offset;
};

int rmpe_btf_open(struct rmpe_btf *btf, const void *data, size_t size,
		  const struct rmpe_btf *base);
void rmpe_btf_close(struct rmpe_btf *btf);
int rmpe_btf_prototype(const struct rmpe_btf *btf, const char *function,
		       char *buf, size_t size);
const struct btf_type *rmpe_btf_struct(const struct rmpe_btf *btf,
				       const char *name);
int rmpe_btf_offset(const struct rmpe_btf *btf, const struct btf_type *type,
		    const char *path);

#endif
