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
#include "hook.h"

#define PROTOTYPE_LEN 160

/* What a guest_memfd's file has, before and after it was renamed. */
static const char *const gmem_structs[] = { "kvm_gmem", "gmem_file" };

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
#ifdef RMPE_HAS_VCPU_PID_LOCK
	MEMBER(kvm_vcpu, pid_lock),
#endif
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
	MEMBER(kvm_memory_slot, gmem.file),
	MEMBER(kvm_memory_slot, gmem.pgoff),
	{ }
};

static const struct member memslots_members[] = {
	MEMBER(kvm_memslots, gfn_tree),
	MEMBER(kvm_memslots, node_idx),
	{ }
};

static const struct {
	const char *name;
	const struct member *members;
} structs[] = {
	{ "kvm", kvm_members },
	{ "kvm_vcpu", vcpu_members },
	{ "kvm_memory_slot", slot_members },
	{ "kvm_memslots", memslots_members },
};

/* No header has it, so without BTF nothing is known of it. */
static bool knows_gmem_file(const struct rmpe_btf *btf)
{
	const struct btf_type *t;
	int i;

	for (i = 0; i < ARRAY_SIZE(gmem_structs); i++) {
		t = rmpe_btf_struct(btf, gmem_structs[i]);
		if (t && !rmpe_btf_offset(btf, t, "kvm"))
			return true;
	}
	return false;
}

static int check_function(const struct rmpe_btf *btf, struct rmpe_hook *hook)
{
	char found[PROTOTYPE_LEN];
	int r = rmpe_btf_prototype(btf, hook->name, found, sizeof(found));

	if (hook->without) {
		hook->skip = r || strcmp(found, hook->prototype) || !knows_gmem_file(btf);
		return 0;
	}
	if (r) {
		pr_err("refusing to load: the BTF of kvm does not know %s\n", hook->name);
		return -ENOENT;
	}
	if (strcmp(found, hook->prototype)) {
		pr_err("refusing to load: %s is %s in this kernel, and was %s in the one we were built for\n",
		       hook->name, found, hook->prototype);
		return -EINVAL;
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
 * @hooks: what we mean to hook; NULL is the last.  Of some it is found out whether they
 *	can be had
 *
 * Says what differs.  A kernel without BTF is taken to be as its headers say,
 * and that is said, too.
 *
 * Context: module init, kvm.ko is loaded.
 * Return: 0 or an error.
 */
int rmpe_shape_check(struct rmpe_hook *const *hooks)
{
	struct rmpe_btf kernel = { }, kvm = { };
	void *kernel_data = NULL, *kvm_data = NULL;
	const struct rmpe_btf *btf = &kernel;
	size_t size = 0;
	int i, r;

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
		for (i = 0; hooks[i]; i++)
			hooks[i]->skip = hooks[i]->without;
	} else if (r) {
		pr_err("refusing to load: can't read the kernel's BTF (error %d)\n", r);
	} else {
		for (i = 0; !r && hooks[i]; i++)
			r = check_function(btf, hooks[i]);
		if (!r)
			r = check_structs(btf);
	}
	rmpe_btf_close(&kvm);
	rmpe_btf_close(&kernel);
	vfree(kvm_data);
	vfree(kernel_data);
	return r;
}
