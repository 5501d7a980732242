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
#include "firmware.h"
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
	MEMBER(kvm_vcpu, ____srcu_idx),
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

/* kvm_amd's own structs: without them a guest's registers can't be had, and that is all. */
static void find_firmware_shape(const struct rmpe_btf *btf)
{
	const struct btf_type *vcpu = rmpe_btf_struct(btf, "vcpu_svm");
	const struct btf_type *kvm = rmpe_btf_struct(btf, "kvm_svm");
	struct rmpe_firmware_shape *shape = &rmpe_firmware_shape;

	if (!vcpu || !kvm || rmpe_btf_offset(btf, vcpu, "vcpu") ||
	    rmpe_btf_offset(btf, kvm, "kvm"))
		return;
	shape->vmcb = rmpe_btf_offset(btf, vcpu, "vmcb");
	shape->context = rmpe_btf_offset(btf, kvm, "sev_info.snp_context");
	shape->policy = rmpe_btf_offset(btf, kvm, "sev_info.policy");
	shape->known = shape->vmcb >= 0 && shape->context >= 0;
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
 * struct module_btf - the BTF of a module, or of the kernel if it is built in
 * @btf: the BTF
 * @data: what it was read into
 */
struct module_btf {
	struct rmpe_btf btf;
	void *data;
};

static int open_btf(struct module_btf *m, const char *path, const struct rmpe_btf *base)
{
	size_t size = 0;
	int r = read_btf(path, &m->data, &size);

	return r ?: rmpe_btf_open(&m->btf, m->data, size, base);
}

static void close_btf(struct module_btf *m)
{
	rmpe_btf_close(&m->btf);
	vfree(m->data);
}

static void look_at_kvm_amd(const struct module_btf *kernel)
{
	struct module_btf amd = { };

	if (!IS_MODULE(CONFIG_KVM_AMD))
		find_firmware_shape(&kernel->btf);
	else if (!open_btf(&amd, "/sys/kernel/btf/kvm_amd", &kernel->btf))
		find_firmware_shape(&amd.btf);
	close_btf(&amd);
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
	struct module_btf kernel = { }, kvm = { };
	const struct rmpe_btf *btf = &kernel.btf;
	int i, r;

	r = open_btf(&kernel, "/sys/kernel/btf/vmlinux", NULL);
	if (!r && IS_MODULE(CONFIG_KVM)) {
		r = open_btf(&kvm, "/sys/kernel/btf/kvm", &kernel.btf);
		btf = &kvm.btf;
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
		if (!r)
			look_at_kvm_amd(&kernel);
	}
	close_btf(&kvm);
	close_btf(&kernel);
	return r;
}
