// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies of the kernel's BTF with one thing changed.  The format is described in
 * Documentation/bpf/btf.rst.
 */
#include <fcntl.h>
#include <linux/btf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "btf_edit.h"

struct blob {
	char *data;
	size_t size;
	const struct blob *base;	/* has the strings before ours, or NULL */
};

static bool blob_read(struct blob *b, const char *path, const struct blob *base)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t len = 0;
	ssize_t n;

	*b = (struct blob){ .base = base };
	if (fd < 0)
		return false;
	if (!fstat(fd, &st))
		b->data = malloc(st.st_size);
	while (b->data && len < (size_t)st.st_size &&
	       (n = read(fd, b->data + len, st.st_size - len)) > 0)
		len += n;
	close(fd);
	b->size = len;
	return len > sizeof(struct btf_header) && len == (size_t)st.st_size;
}

static bool blob_write(const struct blob *b, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, b->data, b->size) == (ssize_t)b->size;

	if (fd >= 0)
		close(fd);
	return ok;
}

static const struct btf_header *header(const struct blob *b)
{
	return (const struct btf_header *)b->data;
}

/* The strings of a module's BTF go on where the kernel's end. */
static const char *string(const struct blob *b, uint32_t offset)
{
	uint32_t before = b->base ? header(b->base)->str_len : 0;

	if (offset < before)
		return string(b->base, offset);
	return b->data + header(b)->hdr_len + header(b)->str_off + offset - before;
}

static size_t type_size(const struct btf_type *t)
{
	unsigned int n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
		return sizeof(*t) + sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(*t) + sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return sizeof(*t) + n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return sizeof(*t) + n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return sizeof(*t) + n * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return sizeof(*t) + n * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(*t) + sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return sizeof(*t) + n * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(*t) + sizeof(struct btf_decl_tag);
	default:
		return sizeof(*t);
	}
}

static struct btf_type *find(const struct blob *b, unsigned int kind, const char *name)
{
	char *at = b->data + header(b)->hdr_len + header(b)->type_off;
	char *end = at + header(b)->type_len;

	while (at < end) {
		struct btf_type *t = (struct btf_type *)at;

		if (BTF_INFO_KIND(t->info) == kind && !strcmp(string(b, t->name_off), name))
			return t;
		at += type_size(t);
	}
	return NULL;
}

bool btf_with_prototype(const char *path, const char *func, const char *like)
{
	struct btf_type *changed, *model;
	struct blob kernel, kvm = { };
	bool ok = false;

	if (blob_read(&kernel, BTF_OF_KERNEL, NULL) && blob_read(&kvm, BTF_OF_KVM, &kernel)) {
		changed = find(&kvm, BTF_KIND_FUNC, func);
		model = find(&kvm, BTF_KIND_FUNC, like);
		if (changed && model) {
			changed->type = model->type;
			ok = blob_write(&kvm, path);
		}
	}
	free(kvm.data);
	free(kernel.data);
	return ok;
}

/* The low 24 bits are the offset in bits, also where the member is a bit field. */
static bool move_member(const struct blob *b, struct btf_type *t, const char *name,
			unsigned int bytes)
{
	struct btf_member *m = (struct btf_member *)(t + 1);

	for (unsigned int i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		if (!strcmp(string(b, m[i].name_off), name)) {
			m[i].offset += 8 * bytes;
			return true;
		}
	}
	return false;
}

bool btf_with_member_moved(const char *path, const char *file, const char *tag,
			   const char *member, unsigned int bytes)
{
	struct blob kernel, kvm = { };
	bool module = !strcmp(file, BTF_OF_KVM);
	struct blob *b = module ? &kvm : &kernel;
	struct btf_type *t = NULL;
	bool ok;

	if (blob_read(&kernel, BTF_OF_KERNEL, NULL) &&
	    (!module || blob_read(&kvm, BTF_OF_KVM, &kernel)))
		t = find(b, BTF_KIND_STRUCT, tag);
	ok = t && move_member(b, t, member, bytes) && blob_write(b, path);
	free(kvm.data);
	free(kernel.data);
	return ok;
}
