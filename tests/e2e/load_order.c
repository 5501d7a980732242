// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module, kvm and kvm_amd come and go in every order; and a kernel that is
 * not the one that the module was built for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include "btf_edit.h"
#include "guard.h"
#include "module.h"

#define REFUSED	MODULE_NAME ": refusing to load: "

static void loads(const char *file)
{
	int r = module_load_file(file, "");

	check(!r, "insmod %s: %s", file, strerror(r));
}

static void unloads(const char *name)
{
	int r = module_unload(name);

	check(!r, "rmmod %s: %s", name, strerror(r));
}

static void is_held(const char *name)
{
	int r = module_unload(name);

	check(r == EWOULDBLOCK || r == EBUSY, "rmmod %s: errno %d, not busy", name, r);
}

/* Before kvm: refused, and nothing of it is left in the way. */
static void before_kvm(const void *arg)
{
	int r;

	(void)arg;
	unloads("kvm_amd");
	unloads("kvm");
	r = module_load("");
	check(r == ENODEV, "insmod without kvm: errno %d, not ENODEV", r);
	expect_log(REFUSED, "kvm is not loaded");
	check(!file_exists(SYSFS), "a refused load leaves " SYSFS " behind");
	if (!r)
		module_unload(MODULE_NAME);
	loads("kvm.ko");
	loads("kvm-amd.ko");
	loads(MODULE_NAME ".ko");
	guards_a_guest();
	unloads(MODULE_NAME);
}

/* Between the two: all that we hook is in kvm. */
static void before_kvm_amd(const void *arg)
{
	(void)arg;
	unloads("kvm_amd");
	unloads("kvm");
	loads("kvm.ko");
	loads(MODULE_NAME ".ko");
	loads("kvm-amd.ko");
	guards_a_guest();
	unloads(MODULE_NAME);
}

/* kvm_amd may go and come again under us, kvm may not; settings stay. */
static void kvm_amd_comes_again(const void *arg)
{
	char mode[32] = "";

	(void)arg;
	guards_a_guest();
	unloads("kvm_amd");
	is_held("kvm");
	loads("kvm-amd.ko");
	check(knob_read("mode", mode, sizeof(mode)) && !strcmp(mode, "strict"),
	      "mode is '%s' after kvm_amd has come again", mode);
	guards_a_guest();
	is_held("kvm");
}

/*
 * Loads while another BTF is in the place of the kernel's, then without it. What
 * this process mounts, no other sees: it need not be taken away if we fail.
 */
static void is_refused(const char *btf, const char *copy, const char *reason)
{
	int r;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(copy, btf, NULL, MS_BIND, NULL))
		give_up("%s can't be mounted on %s: %s", copy, btf, strerror(errno));
	r = module_load("");
	check(r == EINVAL, "insmod in a kernel of another shape: errno %d, not EINVAL", r);
	expect_log(REFUSED, reason);
	check(!file_exists(SYSFS), "a refused load leaves " SYSFS " behind");
	if (!r)
		module_unload(MODULE_NAME);
	check(!umount(btf), "umount %s: %s", btf, strerror(errno));
	unlink(copy);
	loads(MODULE_NAME ".ko");
	guards_a_guest();
	unloads(MODULE_NAME);
}

static void other_prototype(const void *arg)
{
	static const char copy[] = "/tmp/btf.prototype";

	(void)arg;
	if (!btf_with_prototype(copy, "kvm_mmu_page_fault", "kvm_arch_destroy_vm"))
		give_up("no BTF with another prototype");
	is_refused(BTF_OF_KVM, copy,
		   "kvm_mmu_page_fault is void(struct kvm *) in this kernel, and was s32(struct kvm_vcpu *, u64, u64, void *, s32) in the one we were built for");
}

struct moved {
	const char *of, *member;
};

static const struct moved run_page = { "kvm_vcpu", "run" };
static const struct moved memslots = { "kvm_memslots", "node_idx" };

static void other_layout(const void *arg)
{
	static const char copy[] = "/tmp/btf.layout";
	const struct moved *m = arg;
	const char *file = BTF_OF_KVM;
	char text[64];

	/* A kernel that uses the struct outside of kvm.ko, too, describes it itself. */
	if (!btf_with_member_moved(copy, file, m->of, m->member, 8)) {
		file = BTF_OF_KERNEL;
		if (!btf_with_member_moved(copy, file, m->of, m->member, 8))
			give_up("no BTF with another layout");
	}
	snprintf(text, sizeof(text), "struct %s, %s is at ", m->of, m->member);
	is_refused(file, copy, text);
}

static const struct scenario scenarios[] = {
	{ "load_order.before_kvm", before_kvm, NULL, SC_UNLOADED | SC_NO_IDLE_VM },
	{ "load_order.before_kvm_amd", before_kvm_amd, NULL, SC_UNLOADED | SC_NO_IDLE_VM },
	{ "load_order.kvm_amd_comes_again", kvm_amd_comes_again, NULL, SC_NO_IDLE_VM },
	{ "load_order.other_prototype", other_prototype, NULL, SC_UNLOADED },
	{ "load_order.other_layout", other_layout, &run_page, SC_UNLOADED },
	{ "load_order.other_memslots", other_layout, &memslots, SC_UNLOADED },
};

GROUP(load_order_group, scenarios);
