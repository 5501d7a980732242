// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the kernel the one that the module was compiled for?  The kernel's BTF is the test's:
 * as the headers say, or one thing in it is different.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>

#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>

#include "fake_btf.h"
#include "fake_host.h"
#include "firmware.h"
#include "hook.h"
#include "shape.h"

/* In place of firmware.c's. */
struct rmpe_firmware_shape rmpe_firmware_shape;

static struct rmpe_hook run_hook = {
	.name = "kvm_run", .prototype = "s32(struct kvm_vcpu *)",
};

static struct rmpe_hook create_hook = {
	.name = "kvm_create", .prototype = "s32(struct kvm *, u64)",
};

static struct rmpe_hook extra_hook = {
	.name = "kvm_extra", .prototype = "void(struct kvm *)", .without = "a pity",
};

static struct rmpe_hook *const hooks[] = { &run_hook, &create_hook, &extra_hook, NULL };

static const struct fake_function functions[] = {
	{ "kvm_run", FAKE_S32, { FAKE_VCPU } },
	{ "kvm_create", FAKE_S32, { FAKE_KVM, FAKE_U64 } },
	{ "kvm_extra", FAKE_VOID, { FAKE_KVM } },
};

#define MEMBER(type, path)	{ #path, offsetof(struct type, path) }

/* What wrappers and verdicts read of KVM: if it is elsewhere they read something else. */
static const struct fake_member kvm_members[] = {
	MEMBER(kvm, memslots),
	MEMBER(kvm, vcpu_array),
	MEMBER(kvm, online_vcpus),
	MEMBER(kvm, srcu),
	MEMBER(kvm, mem_attr_array),
	MEMBER(kvm, arch.vm_type),
	MEMBER(kvm, arch.pre_fault_allowed),
	{ }
};

static const struct fake_member vcpu_members[] = {
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
	{ }
};

static const struct fake_member slot_members[] = {
	MEMBER(kvm_memory_slot, gfn_node),
	MEMBER(kvm_memory_slot, base_gfn),
	MEMBER(kvm_memory_slot, npages),
	MEMBER(kvm_memory_slot, flags),
	MEMBER(kvm_memory_slot, gmem.file),
	MEMBER(kvm_memory_slot, gmem.pgoff),
	{ }
};

static const struct fake_member memslots_members[] = {
	MEMBER(kvm_memslots, gfn_tree),
	MEMBER(kvm_memslots, node_idx),
	{ }
};

static const struct fake_member gmem_members[] = { { "kvm", 0 }, { "entry", 16 }, { } };

/* kvm_amd's. */
static const struct fake_member vcpu_svm_members[] = {
	{ "vcpu", 0 }, { "vmcb", 7000 }, { }
};

static const struct fake_member kvm_svm_members[] = {
	{ "kvm", 0 }, { "sev_info.policy", 40960 }, { "sev_info.snp_context", 40976 }, { }
};

enum { KVM, VCPU, SLOT, MEMSLOTS, GMEM, VCPU_SVM, KVM_SVM };

static const struct fake_struct structs[] = {
	[KVM]		= { "kvm", sizeof(struct kvm), kvm_members },
	[VCPU]		= { "kvm_vcpu", sizeof(struct kvm_vcpu), vcpu_members },
	[SLOT]		= { "kvm_memory_slot", sizeof(struct kvm_memory_slot), slot_members },
	[MEMSLOTS]	= { "kvm_memslots", sizeof(struct kvm_memslots), memslots_members },
	[GMEM]		= { "gmem_file", 32, gmem_members },
	[VCPU_SVM]	= { "vcpu_svm", 8000, vcpu_svm_members },
	[KVM_SVM]	= { "kvm_svm", 50000, kvm_svm_members },
};

#define NR_COMPARED	4	/* of these, with the headers */

static int set_up(void **state)
{
	unsigned int i;

	unit_reset();
	host = (struct fake_host){ };
	unit_kvm_is_module = true;
	unit_kvm_amd_is_module = true;
	rmpe_firmware_shape = (struct rmpe_firmware_shape){ .policy = -1 };
	for (i = 0; hooks[i]; i++)
		hooks[i]->skip = false;
	fake_btf_begin();
	fake_btf = (struct fake_btf){
		.structs = structs,
		.nr_structs = ARRAY_SIZE(structs),
		.functions = functions,
		.nr_functions = ARRAY_SIZE(functions),
		.svm_from = VCPU_SVM,
	};
	return 0;
}

/* Whatever happened: nothing stays open, or in memory. */
static int tear_down(void **state)
{
	unit_fail_alloc(UNIT_NEVER);
	return fake_btf_end() || unit_live_objects();
}

static void assert_fits(void)
{
	host.printed = 0;
	assert_int_equal(rmpe_shape_check(hooks), 0);
	assert_int_equal(host.printed, 0);
	assert_int_equal(fake_btf_end(), 0);
	assert_int_equal(unit_live_objects(), 0);
}

__attribute__((format(printf, 2, 3)))
static void assert_refused(int error, const char *fmt, ...)
{
	char line[512] = "3 rmp_enforce: refusing to load: ";
	const size_t n = strlen(line);
	va_list args;

	va_start(args, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, args);
	va_end(args);
	host.printed = 0;
	host.log[0] = 0;
	assert_int_equal(rmpe_shape_check(hooks), error);
	assert_string_equal(host.log, line);
	assert_int_equal(host.printed, 1);
	assert_int_equal(fake_btf_end(), 0);
	assert_int_equal(unit_live_objects(), 0);
	/* Of what does not fit nothing is used. */
	assert_false(rmpe_firmware_shape.known);
}

static void kernel_as_its_headers_say(void **state)
{
	assert_fits();
	assert_false(extra_hook.skip);
	assert_false(run_hook.skip || create_hook.skip);
}

static void kvm_is_built_in(void **state)
{
	unit_kvm_is_module = false;
	unit_kvm_amd_is_module = false;
	assert_fits();
	assert_false(extra_hook.skip);
	assert_true(rmpe_firmware_shape.known);
}

/* Each of them, by a byte up and by eight down. */
static void every_member_is_compared(void **state)
{
	static const int by[] = { 1, -8, 64 };
	const struct fake_member *m;
	unsigned int s, i;

	for (s = 0; s < NR_COMPARED; s++)
		for (m = structs[s].members; m->path; m++)
			for (i = 0; i < ARRAY_SIZE(by); i++) {
				if (m->offset + by[i] < 0)
					continue;
				fake_btf.moved = m;
				fake_btf.by = by[i];
				assert_refused(-EINVAL, "struct %s, %s is at %d in this kernel, and was at %d in the one we were built for\n",
					       structs[s].name, m->path,
					       m->offset + by[i], m->offset);
			}
	fake_btf.moved = NULL;
	assert_fits();
}

static void every_member_is_there(void **state)
{
	const struct fake_member *m;
	unsigned int s;

	for (s = 0; s < NR_COMPARED; s++)
		for (m = structs[s].members; m->path; m++) {
			fake_btf.missing = m;
			assert_refused(-EINVAL, "struct %s, %s is at -2 in this kernel, and was at %d in the one we were built for\n",
				       structs[s].name, m->path, m->offset);
		}
}

static void every_struct_is_there(void **state)
{
	unsigned int s;

	for (s = 0; s < NR_COMPARED; s++) {
		fake_btf.missing_struct = structs[s].name;
		assert_refused(-EINVAL, "struct %s, %s is at -2 in this kernel, and was at %d in the one we were built for\n",
			       structs[s].name, structs[s].members->path,
			       structs[s].members->offset);
	}
}

/* kvm_amd's part comes after it: a vCPU of another size is another vCPU. */
static void size_of_a_vcpu(void **state)
{
	fake_btf.resized = "kvm_vcpu";
	assert_refused(-EINVAL, "struct kvm_vcpu, its end is at %zu in this kernel, and was at %zu in the one we were built for\n",
		       sizeof(struct kvm_vcpu) + 8, sizeof(struct kvm_vcpu));
	/* Nobody relies on the others'. */
	fake_btf.resized = "kvm";
	assert_fits();
	fake_btf.resized = "kvm_memory_slot";
	assert_fits();
}

/* --- functions --- */

static void function_is_missing(void **state)
{
	fake_btf.missing_function = "kvm_run";
	assert_refused(-ENOENT, "the BTF of kvm does not know kvm_run\n");
	fake_btf.missing_function = "kvm_create";
	assert_refused(-ENOENT, "the BTF of kvm does not know kvm_create\n");
}

/* A function of the kernel itself with that name is another one. */
static void function_of_another_type(void **state)
{
	static const struct fake_function others[] = {
		{ "kvm_run", FAKE_S32, { FAKE_VCPU } },
		{ "kvm_create", FAKE_S32, { FAKE_KVM, FAKE_S32 } },
		{ "kvm_extra", FAKE_VOID, { FAKE_KVM } },
	};
	static const struct fake_function more[] = {
		{ "kvm_run", FAKE_S32, { FAKE_VCPU, FAKE_U64 } },
		{ "kvm_create", FAKE_S32, { FAKE_KVM, FAKE_U64 } },
		{ "kvm_extra", FAKE_VOID, { FAKE_KVM } },
	};

	fake_btf.functions = others;
	assert_refused(-EINVAL, "kvm_create is s32(struct kvm *, s32) in this kernel, and was s32(struct kvm *, u64) in the one we were built for\n");
	fake_btf.functions = more;
	assert_refused(-EINVAL, "kvm_run is s32(struct kvm_vcpu *, u64) in this kernel, and was s32(struct kvm_vcpu *) in the one we were built for\n");
}

/* Both are wrong: the function is what is said, and no line comes after it. */
static void functions_come_first(void **state)
{
	fake_btf.missing_function = "kvm_create";
	fake_btf.moved = &vcpu_members[3];
	fake_btf.by = 8;
	assert_refused(-ENOENT, "the BTF of kvm does not know kvm_create\n");
}

/* What no verdict depends on is left out, and the rest is hooked. */
static void assert_left_out(void)
{
	extra_hook.skip = false;
	assert_fits();
	assert_true(extra_hook.skip);
	assert_false(run_hook.skip || create_hook.skip);
}

static void function_that_can_be_done_without(void **state)
{
	static const struct fake_function others[] = {
		{ "kvm_run", FAKE_S32, { FAKE_VCPU } },
		{ "kvm_create", FAKE_S32, { FAKE_KVM, FAKE_U64 } },
		{ "kvm_extra", FAKE_VOID, { FAKE_VCPU } },
	};

	fake_btf.missing_function = "kvm_extra";
	assert_left_out();
	fake_btf.missing_function = NULL;
	fake_btf.functions = others;
	assert_left_out();
	/* What was found out the last time does not stay. */
	fake_btf.functions = functions;
	extra_hook.skip = true;
	assert_fits();
	assert_false(extra_hook.skip);
}

/* Whose guest_memfd it is can only be had if that is in front. */
static void guest_memfds_of_all_names(void **state)
{
	static const struct fake_member behind[] = { { "entry", 0 }, { "kvm", 16 }, { } };
	static const struct fake_member without[] = { { "entry", 0 }, { } };
	struct fake_struct other[ARRAY_SIZE(structs)];

	memcpy(other, structs, sizeof(other));
	fake_btf.structs = other;
	other[GMEM].name = "kvm_gmem";
	assert_fits();
	assert_false(extra_hook.skip);
	other[GMEM].name = "kvm_gmem_file";
	assert_left_out();
	other[GMEM].name = "kvm_gmem";
	other[GMEM].members = behind;
	assert_left_out();
	other[GMEM].members = without;
	assert_left_out();
	other[GMEM].name = "gmem_file";
	assert_left_out();
}

/* --- kvm_amd --- */

static void firmware_can_be_asked(void **state)
{
	assert_fits();
	assert_true(rmpe_firmware_shape.known);
	assert_int_equal(rmpe_firmware_shape.vmcb, 7000);
	assert_int_equal(rmpe_firmware_shape.context, 40976);
	assert_int_equal(rmpe_firmware_shape.policy, 40960);
}

static void assert_firmware_unknown(void)
{
	rmpe_firmware_shape = (struct rmpe_firmware_shape){ .policy = -1 };
	assert_fits();
	assert_false(rmpe_firmware_shape.known);
	assert_true(rmpe_firmware_shape.policy < 0);
}

/* Without it records have no registers, and that is all. */
static void firmware_cannot_be_asked(void **state)
{
	static const struct fake_member vcpu_behind[] = {
		{ "vmcb", 0 }, { "vcpu", 64 }, { }
	};
	static const struct fake_member kvm_behind[] = {
		{ "sev_info.snp_context", 0 }, { "sev_info.policy", 8 }, { "kvm", 64 }, { }
	};
	struct fake_struct other[ARRAY_SIZE(structs)];

	memcpy(other, structs, sizeof(other));
	fake_btf.structs = other;
	fake_btf.missing_struct = "vcpu_svm";
	assert_firmware_unknown();
	fake_btf.missing_struct = "kvm_svm";
	assert_firmware_unknown();
	fake_btf.missing_struct = NULL;
	other[VCPU_SVM].members = vcpu_behind;
	assert_firmware_unknown();
	other[VCPU_SVM].members = vcpu_svm_members;
	other[KVM_SVM].members = kvm_behind;
	assert_firmware_unknown();
	other[KVM_SVM].members = kvm_svm_members;
	fake_btf.missing = &vcpu_svm_members[0];
	assert_firmware_unknown();
	fake_btf.missing = &kvm_svm_members[0];
	assert_firmware_unknown();
}

static void half_of_what_it_takes(void **state)
{
	fake_btf.missing = &vcpu_svm_members[1];
	assert_fits();
	assert_false(rmpe_firmware_shape.known);
	fake_btf.missing = &kvm_svm_members[2];
	assert_fits();
	assert_false(rmpe_firmware_shape.known);
	/* The policy the firmware knows as well. */
	fake_btf.missing = &kvm_svm_members[1];
	assert_fits();
	assert_true(rmpe_firmware_shape.known);
	assert_true(rmpe_firmware_shape.policy < 0);
}

static void no_btf_of_kvm_amd(void **state)
{
	static const int errors[] = { -ENOENT, -EACCES, -ENOMEM };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		fake_btf.file[FAKE_KVM_AMD].error = errors[i];
		assert_firmware_unknown();
	}
	fake_btf.file[FAKE_KVM_AMD].error = 0;
	fake_btf.file[FAKE_KVM_AMD].garbage = true;
	assert_firmware_unknown();
}

/* --- files --- */

/* Debian's small kernels, and those without modules' BTF. */
static void no_btf(void **state)
{
	unsigned int f;

	for (f = FAKE_VMLINUX; f <= FAKE_KVM_KO; f++) {
		fake_btf.file[f].error = -ENOENT;
		host.printed = 0;
		assert_int_equal(rmpe_shape_check(hooks), 0);
		assert_int_equal(host.printed, 1);
		assert_string_equal(host.log, "4 rmp_enforce: no BTF in /sys/kernel/btf: taking this kernel to be as its headers say\n");
		/* No header has what this one takes. */
		assert_true(extra_hook.skip);
		assert_false(run_hook.skip || create_hook.skip);
		assert_false(rmpe_firmware_shape.known);
		assert_int_equal(fake_btf_end(), 0);
		fake_btf.file[f].error = 0;
		extra_hook.skip = false;
	}
}

static void btf_that_cannot_be_read(void **state)
{
	unsigned int f;

	for (f = FAKE_VMLINUX; f <= FAKE_KVM_KO; f++) {
		struct fake_file *file = &fake_btf.file[f];

		file->error = -EACCES;
		assert_refused(-EACCES, "can't read the kernel's BTF (error -13)\n");
		*file = (struct fake_file){ .read_error = -EINTR };
		assert_refused(-EINTR, "can't read the kernel's BTF (error -4)\n");
		/* It has ended before its end. */
		*file = (struct fake_file){ .cut = 1 };
		assert_refused(-EIO, "can't read the kernel's BTF (error -5)\n");
		*file = (struct fake_file){ .garbage = true };
		assert_refused(-EINVAL, "can't read the kernel's BTF (error -22)\n");
		*file = (struct fake_file){ };
	}
	assert_fits();
}

static void btf_that_comes_in_pieces(void **state)
{
	unsigned int f;

	for (f = 0; f < FAKE_NR_FILES; f++)
		fake_btf.file[f].piece = 100 + f;
	assert_fits();
	assert_true(rmpe_firmware_shape.known);
}

static void no_memory(void **state)
{
	unsigned int nth;

	for (nth = 1;; nth++) {
		int r;

		host.printed = 0;
		rmpe_firmware_shape.known = false;
		unit_fail_alloc(nth);
		r = rmpe_shape_check(hooks);
		if (!unit_alloc_failed())
			break;
		assert_int_equal(fake_btf_end(), 0);
		assert_int_equal(unit_live_objects(), 0);
		/* Two for each file; kvm_amd's can be done without. */
		assert_int_equal(r, nth <= 4 ? -ENOMEM : 0);
		assert_int_equal(host.printed, nth <= 4);
		assert_false(rmpe_firmware_shape.known);
	}
	assert_int_equal(nth, 7);
}

#define shape_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		shape_test(kernel_as_its_headers_say),
		shape_test(kvm_is_built_in),
		shape_test(every_member_is_compared),
		shape_test(every_member_is_there),
		shape_test(every_struct_is_there),
		shape_test(size_of_a_vcpu),
		shape_test(function_is_missing),
		shape_test(function_of_another_type),
		shape_test(functions_come_first),
		shape_test(function_that_can_be_done_without),
		shape_test(guest_memfds_of_all_names),
		shape_test(firmware_can_be_asked),
		shape_test(firmware_cannot_be_asked),
		shape_test(half_of_what_it_takes),
		shape_test(no_btf_of_kvm_amd),
		shape_test(no_btf),
		shape_test(btf_that_cannot_be_read),
		shape_test(btf_that_comes_in_pieces),
		shape_test(no_memory),
	};

	return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
