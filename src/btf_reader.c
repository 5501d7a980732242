// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading BTF.  The data is the kernel's own, but nothing is taken on trust:
 * every offset and number is checked before it is used.
 */
#include "btf_reader.h"

#include <linux/btf.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

/* Chains of modifiers and typedefs are short; a longer one is a loop. */
#define MAX_CHAIN 32

/* Headers of newer kernels declare more, but need not be written with it. */
#define BTF_HEADER_MIN (offsetof(struct btf_header, str_len) + sizeof(u32))

static u32 kind_of(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info);
}

static u32 vlen_of(const struct btf_type *t)
{
	return BTF_INFO_VLEN(t->info);
}

/* How much follows struct btf_type; -1 for a kind that we don't know. */
static int trailer_size(const struct btf_type *t)
{
	switch (kind_of(t)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	case BTF_KIND_INT:
		return sizeof(u32);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return vlen_of(t) * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return vlen_of(t) * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return vlen_of(t) * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return vlen_of(t) * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return vlen_of(t) * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(struct btf_decl_tag);
	default:
		return -1;
	}
}

/* Go through all types: without @offset only count them. */
static int walk_types(const struct rmpe_btf *btf, u32 *offset)
{
	u32 at = 0, nr = 0;

	while (at < btf->types_len) {
		const struct btf_type *t = btf->types + at;
		int extra;

		if (btf->types_len - at < sizeof(*t))
			return -EINVAL;
		extra = trailer_size(t);
		if (extra < 0)
			return -EOPNOTSUPP;
		if (btf->types_len - at - sizeof(*t) < extra)
			return -EINVAL;
		if (offset)
			offset[nr] = at;
		nr++;
		at += sizeof(*t) + extra;
	}
	return nr;
}

/**
 * rmpe_btf_open() - get at the types in a piece of BTF
 * @btf: filled in
 * @data: the BTF, which must stay
 * @size: its length in bytes
 * @base: the kernel's BTF if this is a module's, else NULL
 *
 * Context: process context, may sleep.
 * Return: 0; -EINVAL if it is not BTF; -EOPNOTSUPP if it is of a newer form
 * than we know; -ENOMEM.
 */
int rmpe_btf_open(struct rmpe_btf *btf, const void *data, size_t size,
		  const struct rmpe_btf *base)
{
	const struct btf_header *h = data;
	u32 room;
	int nr;

	*btf = (struct rmpe_btf){ .base = base };
	if (size < BTF_HEADER_MIN || h->magic != BTF_MAGIC ||
	    h->hdr_len < BTF_HEADER_MIN || h->hdr_len > size ||
	    (h->hdr_len | h->type_off) % sizeof(u32))
		return -EINVAL;
	if (h->version != BTF_VERSION)
		return -EOPNOTSUPP;
	room = size - h->hdr_len;
	if (h->type_off > room || h->type_len > room - h->type_off ||
	    h->str_off > room || h->str_len > room - h->str_off || !h->str_len)
		return -EINVAL;

	btf->types = data + h->hdr_len + h->type_off;
	btf->types_len = h->type_len;
	btf->strings = data + h->hdr_len + h->str_off;
	btf->strings_len = h->str_len;
	if (btf->strings[btf->strings_len - 1])
		return -EINVAL;

	/* Type 0 is void, and has no entry. */
	btf->first = base ? base->first + base->nr : 1;
	btf->first_string = base ? base->first_string + base->strings_len : 0;

	nr = walk_types(btf, NULL);
	if (nr < 0)
		return nr;
	btf->nr = nr;
	btf->offset = kvcalloc(nr, sizeof(*btf->offset), GFP_KERNEL);
	if (!btf->offset)
		return -ENOMEM;
	walk_types(btf, btf->offset);
	return 0;
}

/**
 * rmpe_btf_close() - free what rmpe_btf_open() made
 * @btf: the BTF
 */
void rmpe_btf_close(struct rmpe_btf *btf)
{
	kvfree(btf->offset);
	btf->offset = NULL;
}

static const struct btf_type *type_by_id(const struct rmpe_btf *btf, u32 id)
{
	for (; btf; btf = btf->base)
		if (id >= btf->first)
			return id - btf->first < btf->nr ?
				btf->types + btf->offset[id - btf->first] : NULL;
	return NULL;	/* void */
}

static const char *string_at(const struct rmpe_btf *btf, u32 offset)
{
	for (; btf; btf = btf->base)
		if (offset >= btf->first_string)
			return offset - btf->first_string < btf->strings_len ?
				btf->strings + (offset - btf->first_string) : "";
	return "";
}

static const struct btf_type *find(const struct rmpe_btf *btf, const char *name,
				   u32 kind)
{
	const struct rmpe_btf *b;
	u32 i;

	for (b = btf; b; b = b->base) {
		for (i = 0; i < b->nr; i++) {
			const struct btf_type *t = b->types + b->offset[i];

			if (kind_of(t) == kind &&
			    !strcmp(string_at(btf, t->name_off), name))
				return t;
		}
	}
	return NULL;
}

/* The type under qualifiers, tags and typedefs; NULL is void. */
static const struct btf_type *strip(const struct rmpe_btf *btf, u32 id)
{
	const struct btf_type *t = type_by_id(btf, id);
	int i;

	for (i = 0; t && i < MAX_CHAIN; i++) {
		switch (kind_of(t)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_CONST:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			t = type_by_id(btf, t->type);
			continue;
		default:
			return t;
		}
	}
	return t;
}

static int print_int(const struct btf_type *t, char *buf, size_t size)
{
	u32 info = *(const u32 *)(t + 1);

	if (BTF_INT_ENCODING(info) & BTF_INT_BOOL)
		return scnprintf(buf, size, "bool");
	return scnprintf(buf, size, "%c%u",
			 BTF_INT_ENCODING(info) & BTF_INT_SIGNED ? 's' : 'u',
			 BTF_INT_BITS(info));
}

/* A type as it goes through a register: kind and width, and what it points to. */
static int print_type(const struct rmpe_btf *btf, u32 id, char *buf, size_t size)
{
	const struct btf_type *t = strip(btf, id), *to;
	const char *name;

	if (!t)
		return scnprintf(buf, size, "void");
	name = string_at(btf, t->name_off);
	switch (kind_of(t)) {
	case BTF_KIND_INT:
		return print_int(t, buf, size);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return scnprintf(buf, size, "enum %s", name);
	case BTF_KIND_PTR:
		break;
	default:
		return scnprintf(buf, size, "?");
	}

	to = strip(btf, t->type);
	if (!to)
		return scnprintf(buf, size, "void *");
	name = string_at(btf, to->name_off);
	switch (kind_of(to)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_FWD:
		return scnprintf(buf, size, "struct %s *", name);
	case BTF_KIND_FUNC_PROTO:
		return scnprintf(buf, size, "fn *");
	default:
		return scnprintf(buf, size, "? *");
	}
}

/**
 * rmpe_btf_prototype() - how a function is called
 * @btf: where to look
 * @function: its name
 * @buf: filled with "RETURN(ARGUMENT, ...)", in which integers are s32, u64 and
 *	so on, and typedefs and qualifiers are left out
 * @size: of @buf
 *
 * Return: 0, or -ENOENT if the function is not known.
 */
int rmpe_btf_prototype(const struct rmpe_btf *btf, const char *function,
		       char *buf, size_t size)
{
	const struct btf_type *func = find(btf, function, BTF_KIND_FUNC), *proto;
	const struct btf_param *param;
	u32 i;
	int n;

	proto = func ? type_by_id(btf, func->type) : NULL;
	if (!proto || kind_of(proto) != BTF_KIND_FUNC_PROTO)
		return -ENOENT;
	param = (const struct btf_param *)(proto + 1);
	n = print_type(btf, proto->type, buf, size);
	n += scnprintf(buf + n, size - n, "(");
	for (i = 0; i < vlen_of(proto); i++) {
		n += scnprintf(buf + n, size - n, i ? ", " : "");
		n += print_type(btf, param[i].type, buf + n, size - n);
	}
	scnprintf(buf + n, size - n, ")");
	return 0;
}

static const struct btf_member *find_member(const struct rmpe_btf *btf,
					    const struct btf_type *t,
					    const char *name, size_t len)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);
	u32 i;

	for (i = 0; i < vlen_of(t); i++) {
		const char *s = string_at(btf, m[i].name_off);

		if (strlen(s) == len && !memcmp(s, name, len))
			return &m[i];
	}
	return NULL;
}

/**
 * rmpe_btf_struct() - a struct by its name
 * @btf: where to look
 * @name: the name
 *
 * Return: the struct, or NULL.
 */
const struct btf_type *rmpe_btf_struct(const struct rmpe_btf *btf, const char *name)
{
	return find(btf, name, BTF_KIND_STRUCT);
}

/**
 * rmpe_btf_offset() - where a member of a struct is
 * @btf: where to look
 * @type: the struct
 * @path: the member; "a.b" is member b of member a.  Members of anonymous
 *	structs are not found.  "" asks for the size of the struct.
 *
 * Return: the offset or the size in bytes; -ENOENT if there is no such member.
 */
int rmpe_btf_offset(const struct rmpe_btf *btf, const struct btf_type *type,
		    const char *path)
{
	const struct btf_type *t = type;
	u32 bits = 0;

	if (!*path)
		return t->size;
	while (t && *path) {
		const char *end = strchrnul(path, '.');
		const struct btf_member *m;

		if (kind_of(t) != BTF_KIND_STRUCT && kind_of(t) != BTF_KIND_UNION)
			return -ENOENT;
		m = find_member(btf, t, path, end - path);
		if (!m)
			return -ENOENT;
		bits += BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BIT_OFFSET(m->offset) :
						  m->offset;
		if (!*end)
			return bits / 8;
		t = strip(btf, m->type);
		path = end + 1;
	}
	return -ENOENT;
}
