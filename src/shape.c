// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the compiler can't see: that the functions and structs of the kernel that
 * runs are those of the headers we were built with.  The kernel's own BTF knows.
 *
 * Many kernels are built without MODVERSIONS, and newer headers do not declare
 * all that we hook: then nothing else would notice a difference.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "shape.h"

#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/vmalloc.h>

#include "btf_reader.h"
#include "compat.h"

#define PROTOTYPE_LEN 160
#define SLOT "struct kvm_memory_slot *"

/* The types of compat.h's declarations, as rmpe_btf_prototype() writes them. */
static const struct {
	const char *name;
	const char *prototype;
} functions[] = {
	{ "kvm_arch_init_vm", "s32(struct kvm *, u64)" },
	{ "kvm_arch_destroy_vm", "void(struct kvm *)" },
	{ "kvm_arch_vcpu_ioctl_run", "s32(struct kvm_vcpu *)" },
	{ "kvm_mmu_page_fault", "s32(struct kvm_vcpu *, u64, u64, void *, s32)" },
	{ "kvm_arch_prepare_memory_region",
	  "s32(struct kvm *, " SLOT ", " SLOT ", enum kvm_mr_change)" },
	{ "kvm_gmem_populate",
	  "s64(struct kvm *, u64, void *, s64, " RMPE_POPULATE_BTF "fn *, void *)" },
	{ "kvm_arch_vcpu_pre_fault_memory",
	  "s64(struct kvm_vcpu *, struct kvm_pre_fault_memory *)" },
};

/* What a guest_memfd's file has, before and after it was renamed. */
static const char *const gmem_structs[] = { "kvm_gmem", "gmem_file" };

static bool gmem_known;

struct member {
	const char *path;
	int offset;
};

#define MEMBER(_struct, _path) { #_path, offsetof(struct _struct, _path) }
#define SIZE(_struct) { "", sizeof(struct _struct) }

static const struct member kvm_members[] = {
	MEMBER(kvm, memslots),
	MEMBER(kvm, vcpu_array),
	MEMBER(kvm, online_vcpus),
	MEMBER(kvm, srcu),
	MEMBER(kvm, mem_attr_array),
	MEMBER(kvm, arch.vm_type),
	MEMBER(kvm, arch.pre_fault_allowed),
	{ }
};

static const struct member vcpu_members[] = {
	MEMBER(kvm_vcpu, kvm),
	MEMBER(kvm_vcpu, vcpu_id),
	MEMBER(kvm_vcpu, vcpu_idx),
	MEMBER(kvm_vcpu, requests),
	MEMBER(kvm_vcpu, run),
	MEMBER(kvm_vcpu, pid),
	MEMBER(kvm_vcpu, sigset_active),
	MEMBER(kvm_vcpu, sigset),
	MEMBER(kvm_vcpu, wants_to_run),
	MEMBER(kvm_vcpu, stat.exits),
	MEMBER(kvm_vcpu, arch.cr0),
	MEMBER(kvm_vcpu, arch.exception.pending),
	MEMBER(kvm_vcpu, arch.exception.injected),
	MEMBER(kvm_vcpu, arch.exception.has_error_code),
	MEMBER(kvm_vcpu, arch.exception.vector),
	MEMBER(kvm_vcpu, arch.exception.error_code),
	MEMBER(kvm_vcpu, arch.exception.payload),
	MEMBER(kvm_vcpu, arch.interrupt.injected),
	MEMBER(kvm_vcpu, arch.nmi_injected),
	MEMBER(kvm_vcpu, arch.complete_userspace_io),
	SIZE(kvm_vcpu),
	{ }
};

static const struct member slot_members[] = {
	MEMBER(kvm_memory_slot, gfn_node),
	MEMBER(kvm_memory_slot, base_gfn),
	MEMBER(kvm_memory_slot, npages),
	MEMBER(kvm_memory_slot, flags),
	MEMBER(kvm_memory_slot, gmem),
	{ }
};

static const struct {
	const char *name;
	const struct member *members;
} structs[] = {
	{ "kvm", kvm_members },
	{ "kvm_vcpu", vcpu_members },
	{ "kvm_memory_slot", slot_members },
};

static int check_functions(const struct rmpe_btf *btf)
{
	char found[PROTOTYPE_LEN];
	int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		if (rmpe_btf_prototype(btf, functions[i].name, found, sizeof(found))) {
			pr_err("refusing to load: the BTF of kvm does not know %s\n",
			       functions[i].name);
			return -ENOENT;
		}
		if (strcmp(found, functions[i].prototype)) {
			pr_err("refusing to load: %s is %s in this kernel, and was %s in the one we were built for\n",
			       functions[i].name, found, functions[i].prototype);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_structs(const struct rmpe_btf *btf)
{
	const struct member *m;
	int i;

	for (i = 0; i < ARRAY_SIZE(structs); i++) {
		const struct btf_type *t = rmpe_btf_struct(btf, structs[i].name);

		for (m = structs[i].members; m->path; m++) {
			int offset = t ? rmpe_btf_offset(btf, t, m->path) : -ENOENT;

			if (offset == m->offset)
				continue;
			pr_err("refusing to load: struct %s, %s is at %d in this kernel, and was at %d in the one we were built for\n",
			       structs[i].name, *m->path ? m->path : "its end",
			       offset, m->offset);
			return -EINVAL;
		}
	}
	return 0;
}

/* No header has it, so without BTF nothing is known of it. */
static void look_at_gmem(const struct rmpe_btf *btf)
{
	char found[PROTOTYPE_LEN];
	int i;

	gmem_known = false;
	if (rmpe_btf_prototype(btf, "kvm_gmem_fallocate", found, sizeof(found)) ||
	    strcmp(found, "s64(struct file *, s32, s64, s64)"))
		return;
	for (i = 0; i < ARRAY_SIZE(gmem_structs); i++) {
		const struct btf_type *t = rmpe_btf_struct(btf, gmem_structs[i]);

		if (t && !rmpe_btf_offset(btf, t, "kvm"))
			gmem_known = true;
	}
}

/**
 * rmpe_shape_knows_gmem() - is kvm_gmem_fallocate() what we take it to be?
 *
 * Context: module init, after rmpe_shape_check().
 * Return: true if the kernel's BTF says so.
 */
bool rmpe_shape_knows_gmem(void)
{
	return gmem_known;
}

/*
 * Not kernel_read_file(): security modules want to know what kind of policy or
 * firmware such a file is, and one warns of kinds that it does not know.
 */
static int read_btf(const char *path, void **data, size_t *size)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	loff_t pos = 0;
	int r = 0;

	if (IS_ERR(file))
		return PTR_ERR(file);
	*size = i_size_read(file_inode(file));
	*data = vmalloc(*size);
	if (!*data)
		r = -ENOMEM;
	while (!r && pos < *size) {
		ssize_t n = kernel_read(file, *data + pos, *size - pos, &pos);

		if (n <= 0)
			r = n ?: -EIO;
	}
	filp_close(file, NULL);
	return r;
}

/**
 * rmpe_shape_check() - compare the running kernel with the one we know
 *
 * Says what differs.  A kernel without BTF is taken to be as its headers say,
 * and that is said, too.
 *
 * Context: module init, kvm.ko is loaded.
 * Return: 0 or an error.
 */
int rmpe_shape_check(void)
{
	struct rmpe_btf kernel = { }, kvm = { };
	void *kernel_data = NULL, *kvm_data = NULL;
	const struct rmpe_btf *btf = &kernel;
	size_t size = 0;
	int r;

	r = read_btf("/sys/kernel/btf/vmlinux", &kernel_data, &size);
	if (!r)
		r = rmpe_btf_open(&kernel, kernel_data, size, NULL);
	if (!r && IS_MODULE(CONFIG_KVM)) {
		r = read_btf("/sys/kernel/btf/kvm", &kvm_data, &size);
		if (!r)
			r = rmpe_btf_open(&kvm, kvm_data, size, &kernel);
		btf = &kvm;
	}
	if (r == -ENOENT) {
		pr_warn("no BTF in /sys/kernel/btf: taking this kernel to be as its headers say\n");
		r = 0;
	} else if (r) {
		pr_err("refusing to load: can't read the kernel's BTF (error %d)\n", r);
	} else {
		r = check_functions(btf);
		if (!r)
			r = check_structs(btf);
		if (!r)
			look_at_gmem(btf);
	}
	rmpe_btf_close(&kvm);
	rmpe_btf_close(&kernel);
	vfree(kvm_data);
	vfree(kernel_data);
	return r;
}
