// SPDX-License-Identifier: GPL-2.0-only
#include "fake_btf.h"

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kconfig.h>
#include <linux/minmax.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "btf_blob.h"

struct fake_btf fake_btf;

static const char *const paths[] = {
	[FAKE_VMLINUX]	= "/sys/kernel/btf/vmlinux",
	[FAKE_KVM_KO]	= "/sys/kernel/btf/kvm",
	[FAKE_KVM_AMD]	= "/sys/kernel/btf/kvm_amd",
};

static struct {
	struct file file;
	struct inode inode;
	char *data;
	bool open;
} files[FAKE_NR_FILES];

static bool is(const char *name, const char *other)
{
	return other && !strcmp(name, other);
}

static int offset_of(const struct fake_member *m)
{
	return m->offset + (m == fake_btf.moved ? fake_btf.by : 0);
}

static size_t first_part(const char *path)
{
	return strcspn(path, ".");
}

/* The first of those with the same beginning. */
static bool is_first(const struct fake_member *members, const struct fake_member *m,
		     size_t skip, size_t len)
{
	for (; members < m; members++)
		if (members != fake_btf.missing &&
		    !strncmp(members->path, m->path, skip + len) &&
		    (!members->path[skip + len] || members->path[skip + len] == '.'))
			return false;
	return true;
}

/*
 * A struct of those members whose path begins with the first @skip characters of @first's.
 * Structs within are unnamed, and begin where all begins.
 */
static u32 add_struct(struct btf_blob *b, const char *name, u32 size,
		      const struct fake_member *members, const struct fake_member *first,
		      size_t skip, u32 leaf)
{
	struct { char name[32]; u32 type; u32 offset; } part[32];
	const struct fake_member *m;
	unsigned int nr = 0, i;
	u32 id;

	for (m = members; m->path; m++) {
		size_t len;

		if (m == fake_btf.missing || (skip && strncmp(m->path, first->path, skip)))
			continue;
		len = first_part(m->path + skip);
		if (!is_first(members, m, skip, len))
			continue;
		assert(nr < ARRAY_SIZE(part) && len < sizeof(part->name));
		memcpy(part[nr].name, m->path + skip, len);
		part[nr].name[len] = 0;
		if (m->path[skip + len]) {
			part[nr].type = add_struct(b, "", size, members, m,
						   skip + len + 1, leaf);
			part[nr].offset = 0;
		} else {
			part[nr].type = leaf;
			part[nr].offset = offset_of(m);
		}
		nr++;
	}
	id = blob_struct(b, name, nr, size);
	for (i = 0; i < nr; i++)
		blob_member(b, part[i].name, part[i].type, part[i].offset * 8);
	return id;
}

static void add_structs(struct btf_blob *b, unsigned int from, unsigned int end, u32 leaf)
{
	unsigned int i;

	for (i = from; i < end; i++) {
		const struct fake_struct *s = &fake_btf.structs[i];

		if (!is(s->name, fake_btf.missing_struct))
			add_struct(b, s->name, s->size + 8 * is(s->name, fake_btf.resized),
				   s->members, NULL, 0, leaf);
	}
}

static void add_functions(struct btf_blob *b, const u32 *type)
{
	unsigned int i, arg;

	for (i = 0; i < fake_btf.nr_functions; i++) {
		const struct fake_function *f = &fake_btf.functions[i];
		unsigned int nr = 0;
		u32 proto;

		if (is(f->name, fake_btf.missing_function))
			continue;
		while (f->args[nr])
			nr++;
		proto = blob_proto(b, type[f->type], nr);
		for (arg = 0; arg < nr; arg++)
			blob_param(b, "x", type[f->args[arg]]);
		blob_type(b, f->name, BTF_KIND_FUNC, BTF_FUNC_GLOBAL, proto);
	}
}

/* Types of the kernel, and then what a module has, there or in a file of its own. */
static void make(enum fake_btf_file wanted)
{
	static struct btf_blob blob[FAKE_NR_FILES];
	struct btf_blob *const kernel = &blob[FAKE_VMLINUX];
	struct btf_blob *kvm = kernel, *amd = kernel;
	u32 type[FAKE_NR_TYPES] = { };
	size_t size;

	blob_init(kernel, NULL);
	type[FAKE_S32] = blob_int(kernel, "int", 32, BTF_INT_SIGNED);
	type[FAKE_U64] = blob_int(kernel, "long unsigned int", 64, 0);
	type[FAKE_KVM] = blob_type(kernel, "", BTF_KIND_PTR, 0,
				   blob_type(kernel, "kvm", BTF_KIND_FWD, 0, 0));
	type[FAKE_VCPU] = blob_type(kernel, "", BTF_KIND_PTR, 0,
				    blob_type(kernel, "kvm_vcpu", BTF_KIND_FWD, 0, 0));
	if (unit_kvm_is_module) {
		kvm = &blob[FAKE_KVM_KO];
		blob_init(kvm, kernel);
	}
	add_structs(kvm, 0, fake_btf.svm_from, type[FAKE_S32]);
	add_functions(kvm, type);
	if (unit_kvm_amd_is_module) {
		amd = &blob[FAKE_KVM_AMD];
		blob_init(amd, kernel);
	}
	add_structs(amd, fake_btf.svm_from, fake_btf.nr_structs, type[FAKE_S32]);

	free(files[wanted].data);
	files[wanted].data = blob_finish(&blob[wanted], &size);
	files[wanted].inode.i_size = size;
	if (fake_btf.file[wanted].garbage)
		files[wanted].data[0] ^= 1;
}

/* What is no module has no file of its own. */
static bool is_there(enum fake_btf_file f)
{
	return f == FAKE_VMLINUX || (f == FAKE_KVM_KO ? unit_kvm_is_module :
							unit_kvm_amd_is_module);
}

struct file *filp_open(const char *path, int flags, unsigned short mode)
{
	enum fake_btf_file f = 0;

	assert(flags == O_RDONLY);
	while (strcmp(path, paths[f]))
		assert(++f < FAKE_NR_FILES);
	if (!is_there(f))
		return ERR_PTR(-ENOENT);
	if (fake_btf.file[f].error)
		return ERR_PTR(fake_btf.file[f].error);
	assert(!files[f].open);
	make(f);
	files[f].open = true;
	files[f].file.f_inode = &files[f].inode;
	files[f].file.private_data = &files[f];
	return &files[f].file;
}

static enum fake_btf_file which(const struct file *file)
{
	enum fake_btf_file f = 0;

	while (file != &files[f].file)
		assert(++f < FAKE_NR_FILES);
	assert(files[f].open);
	return f;
}

ssize_t kernel_read(struct file *file, void *buf, size_t count, loff_t *pos)
{
	const enum fake_btf_file f = which(file);
	const struct fake_file *how = &fake_btf.file[f];
	const loff_t end = files[f].inode.i_size - how->cut;

	assert(count && *pos + (loff_t)count <= files[f].inode.i_size);
	if (how->read_error && *pos)
		return how->read_error;
	if (how->read_error)
		count = 1;
	if (how->piece)
		count = min(count, how->piece);
	count = min(count, (size_t)(end - *pos));
	memcpy(buf, files[f].data + *pos, count);
	*pos += count;
	return count;
}

int filp_close(struct file *file, void *id)
{
	files[which(file)].open = false;
	return 0;
}

void fake_btf_begin(void)
{
	memset(&fake_btf, 0, sizeof(fake_btf));
}

int fake_btf_end(void)
{
	unsigned int f;
	int open = 0;

	for (f = 0; f < FAKE_NR_FILES; f++) {
		open += files[f].open;
		free(files[f].data);
		files[f].data = NULL;
	}
	return open;
}
