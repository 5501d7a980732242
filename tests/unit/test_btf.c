// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the BTF reader says of BTF that is in order.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>

#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>

#include "btf_blob.h"
#include "btf_reader.h"

static struct btf_blob kernel, module;
static struct rmpe_btf kernel_btf, module_btf;
static void *kernel_data, *module_data;

static int set_up(void **state)
{
	unit_reset();
	blob_init(&kernel, NULL);
	memset(&kernel_btf, 0, sizeof(kernel_btf));
	memset(&module_btf, 0, sizeof(module_btf));
	kernel_data = NULL;
	module_data = NULL;
	return 0;
}

static int tear_down(void **state)
{
	rmpe_btf_close(&module_btf);
	rmpe_btf_close(&kernel_btf);
	free(kernel_data);
	free(module_data);
	return unit_live_objects() != 0;
}

static void open_kernel(void)
{
	size_t size;

	kernel_data = blob_finish(&kernel, &size);
	assert_int_equal(rmpe_btf_open(&kernel_btf, kernel_data, size, NULL), 0);
}

static void open_module(void)
{
	size_t size;

	module_data = blob_finish(&module, &size);
	assert_int_equal(rmpe_btf_open(&module_btf, module_data, size, &kernel_btf), 0);
}

static void check_prototype(const struct rmpe_btf *btf, const char *function,
			    const char *should)
{
	char buf[256];

	assert_int_equal(rmpe_btf_prototype(btf, function, buf, sizeof(buf)), 0);
	assert_string_equal(buf, should);
}

static int offset_in(const struct rmpe_btf *btf, const char *name, const char *path)
{
	const struct btf_type *t = rmpe_btf_struct(btf, name);

	assert_non_null(t);
	return rmpe_btf_offset(btf, t, path);
}

/* A function of one argument. */
static void function(struct btf_blob *b, const char *name, u32 ret, u32 arg)
{
	u32 proto = blob_proto(b, ret, 1);

	blob_param(b, "x", arg);
	blob_type(b, name, BTF_KIND_FUNC, BTF_FUNC_GLOBAL, proto);
}

static void integers(void **state)
{
	u32 s32_id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED);
	u32 u64_id = blob_int(&kernel, "long unsigned int", 64, 0);
	u32 s8_id = blob_int(&kernel, "char", 8, BTF_INT_SIGNED | BTF_INT_CHAR);
	u32 bool_id = blob_int(&kernel, "_Bool", 8, BTF_INT_BOOL);
	u32 u16_id = blob_int(&kernel, "short unsigned int", 16, 0);

	function(&kernel, "f", s32_id, u64_id);
	function(&kernel, "g", bool_id, s8_id);
	function(&kernel, "h", 0, u16_id);
	open_kernel();
	check_prototype(&kernel_btf, "f", "s32(u64)");
	check_prototype(&kernel_btf, "g", "bool(s8)");
	check_prototype(&kernel_btf, "h", "void(u16)");
}

static void numbers_of_arguments(void **state)
{
	u32 id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED), proto;

	proto = blob_proto(&kernel, 0, 0);
	blob_type(&kernel, "none", BTF_KIND_FUNC, 0, proto);
	proto = blob_proto(&kernel, id, 3);
	blob_param(&kernel, "a", id);
	blob_param(&kernel, "b", id);
	blob_param(&kernel, "c", id);
	blob_type(&kernel, "three", BTF_KIND_FUNC, 0, proto);
	open_kernel();
	check_prototype(&kernel_btf, "none", "void()");
	check_prototype(&kernel_btf, "three", "s32(s32, s32, s32)");
}

static void pointers(void **state)
{
	u32 id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED);
	u32 kvm = blob_struct(&kernel, "kvm", 0, 8);
	u32 fwd = blob_type(&kernel, "file", BTF_KIND_FWD, 0, 0);
	u32 proto = blob_proto(&kernel, 0, 0);
	u32 to_kvm = blob_type(&kernel, "", BTF_KIND_PTR, 0, kvm);

	function(&kernel, "to_struct", 0, to_kvm);
	function(&kernel, "to_fwd", 0, blob_type(&kernel, "", BTF_KIND_PTR, 0, fwd));
	function(&kernel, "to_void", 0, blob_type(&kernel, "", BTF_KIND_PTR, 0, 0));
	function(&kernel, "to_function", 0,
		 blob_type(&kernel, "", BTF_KIND_PTR, 0, proto));
	function(&kernel, "to_int", 0, blob_type(&kernel, "", BTF_KIND_PTR, 0, id));
	function(&kernel, "to_pointer", 0,
		 blob_type(&kernel, "", BTF_KIND_PTR, 0, to_kvm));
	open_kernel();
	check_prototype(&kernel_btf, "to_struct", "void(struct kvm *)");
	check_prototype(&kernel_btf, "to_fwd", "void(struct file *)");
	check_prototype(&kernel_btf, "to_void", "void(void *)");
	check_prototype(&kernel_btf, "to_function", "void(fn *)");
	check_prototype(&kernel_btf, "to_int", "void(? *)");
	check_prototype(&kernel_btf, "to_pointer", "void(? *)");
}

static void enums(void **state)
{
	u32 small = blob_type(&kernel, "kvm_mr_change", BTF_KIND_ENUM, 1, 4), large;

	blob_word(&kernel, 0);
	blob_word(&kernel, 5);
	large = blob_type(&kernel, "bits", BTF_KIND_ENUM64, 1, 8);
	blob_word(&kernel, 0);
	blob_word(&kernel, 5);
	blob_word(&kernel, 6);
	function(&kernel, "f", large, small);
	open_kernel();
	check_prototype(&kernel_btf, "f", "enum bits(enum kvm_mr_change)");
}

/* Struct by value, array: nothing that our functions have. */
static void other_arguments(void **state)
{
	u32 s = blob_struct(&kernel, "pair", 0, 8);

	function(&kernel, "f", 0, s);
	function(&kernel, "g", 0, blob_type(&kernel, "float", BTF_KIND_FLOAT, 0, 4));
	open_kernel();
	check_prototype(&kernel_btf, "f", "void(?)");
	check_prototype(&kernel_btf, "g", "void(?)");
}

static void qualifiers_and_typedefs_are_left_out(void **state)
{
	static const u32 kinds[] = {
		BTF_KIND_CONST, BTF_KIND_VOLATILE, BTF_KIND_RESTRICT,
		BTF_KIND_TYPE_TAG, BTF_KIND_TYPEDEF,
	};
	u32 id = blob_int(&kernel, "long long unsigned int", 64, 0), to;
	unsigned int i;

	to = blob_struct(&kernel, "kvm", 0, 8);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		id = blob_type(&kernel, "gpa_t", kinds[i], 0, id);
		to = blob_type(&kernel, "kvm_t", kinds[i], 0, to);
	}
	function(&kernel, "f", id, blob_type(&kernel, "", BTF_KIND_PTR, 0, to));
	open_kernel();
	check_prototype(&kernel_btf, "f", "u64(struct kvm *)");
}

/* So many are followed, and no more: there may be no end. */
static void long_chain_of_typedefs(void **state)
{
	u32 id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED), arg = 0;
	unsigned int i;

	for (i = 1; i <= 33; i++) {
		id = blob_type(&kernel, "t", BTF_KIND_TYPEDEF, 0, id);
		if (i == 32)
			arg = id;
	}
	function(&kernel, "f", arg, arg);
	function(&kernel, "g", id, id);
	open_kernel();
	check_prototype(&kernel_btf, "f", "s32(s32)");
	check_prototype(&kernel_btf, "g", "?(?)");
}

static void unknown_functions(void **state)
{
	u32 id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED);
	char buf[64];

	function(&kernel, "kvm_mmu_page_fault", id, id);
	blob_struct(&kernel, "kvm", 0, 8);
	/* A function whose type is no prototype. */
	blob_type(&kernel, "odd", BTF_KIND_FUNC, 0, id);
	blob_type(&kernel, "lost", BTF_KIND_FUNC, 0, 9999);
	blob_type(&kernel, "empty", BTF_KIND_FUNC, 0, 0);
	open_kernel();
	assert_int_equal(rmpe_btf_prototype(&kernel_btf, "kvm_mmu_page", buf,
					    sizeof(buf)), -ENOENT);
	assert_int_equal(rmpe_btf_prototype(&kernel_btf, "kvm_mmu_page_fault2", buf,
					    sizeof(buf)), -ENOENT);
	assert_int_equal(rmpe_btf_prototype(&kernel_btf, "kvm", buf, sizeof(buf)),
			 -ENOENT);
	assert_int_equal(rmpe_btf_prototype(&kernel_btf, "odd", buf, sizeof(buf)),
			 -ENOENT);
	assert_int_equal(rmpe_btf_prototype(&kernel_btf, "lost", buf, sizeof(buf)),
			 -ENOENT);
	assert_int_equal(rmpe_btf_prototype(&kernel_btf, "empty", buf, sizeof(buf)),
			 -ENOENT);
}

/* A buffer of its own for each size: the sanitizer sees one byte too many. */
static void prototype_in_a_small_buffer(void **state)
{
	static const char whole[] = "s32(s32, struct kvm *)";
	u32 id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED);
	u32 kvm = blob_struct(&kernel, "kvm", 0, 8);
	u32 to = blob_type(&kernel, "", BTF_KIND_PTR, 0, kvm);
	u32 proto = blob_proto(&kernel, id, 2);
	size_t size;

	blob_param(&kernel, "a", id);
	blob_param(&kernel, "b", to);
	blob_type(&kernel, "f", BTF_KIND_FUNC, 0, proto);
	open_kernel();
	for (size = 1; size < sizeof(whole) + 2; size++) {
		char *buf = malloc(size);

		assert_non_null(buf);
		assert_int_equal(rmpe_btf_prototype(&kernel_btf, "f", buf, size), 0);
		assert_int_equal(strlen(buf), size < sizeof(whole) ?
				 size - 1 : sizeof(whole) - 1);
		assert_memory_equal(buf, whole, strlen(buf));
		free(buf);
	}
}

/* Each kind is stepped over by its right length. */
static void all_kinds(void **state)
{
	static const struct {
		u32 kind, vlen, words;
	} kinds[] = {
		{ BTF_KIND_INT, 0, 1 },		{ BTF_KIND_PTR, 0, 0 },
		{ BTF_KIND_ARRAY, 0, 3 },	{ BTF_KIND_STRUCT, 0, 0 },
		{ BTF_KIND_STRUCT, 3, 9 },	{ BTF_KIND_UNION, 2, 6 },
		{ BTF_KIND_ENUM, 0, 0 },	{ BTF_KIND_ENUM, 3, 6 },
		{ BTF_KIND_FWD, 0, 0 },		{ BTF_KIND_TYPEDEF, 0, 0 },
		{ BTF_KIND_VOLATILE, 0, 0 },	{ BTF_KIND_CONST, 0, 0 },
		{ BTF_KIND_RESTRICT, 0, 0 },	{ BTF_KIND_FUNC, 1, 0 },
		{ BTF_KIND_FUNC_PROTO, 0, 0 },	{ BTF_KIND_FUNC_PROTO, 3, 6 },
		{ BTF_KIND_VAR, 0, 1 },		{ BTF_KIND_DATASEC, 2, 6 },
		{ BTF_KIND_FLOAT, 0, 0 },	{ BTF_KIND_DECL_TAG, 0, 1 },
		{ BTF_KIND_TYPE_TAG, 0, 0 },	{ BTF_KIND_ENUM64, 2, 6 },
	};
	char name[32];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		blob_type(&kernel, "", kinds[i].kind, kinds[i].vlen, 0);
		for (j = 0; j < kinds[i].words; j++)
			blob_word(&kernel, 0);
		snprintf(name, sizeof(name), "after%u", i);
		blob_struct(&kernel, name, 0, 1000 + i);
	}
	open_kernel();
	assert_int_equal(kernel_btf.nr, 2 * ARRAY_SIZE(kinds));
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(name, sizeof(name), "after%u", i);
		assert_int_equal(offset_in(&kernel_btf, name, ""), 1000 + i);
	}
}

static void members(void **state)
{
	u32 id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED);
	u32 inner, arch;

	inner = blob_struct(&kernel, "queued", 2, 8);
	blob_member(&kernel, "pending", id, 0);
	blob_member(&kernel, "vector", id, 32);
	inner = blob_type(&kernel, "queued_t", BTF_KIND_TYPEDEF, 0, inner);
	arch = blob_type(&kernel, "kvm_arch", BTF_KIND_UNION, 2, 24);
	blob_member(&kernel, "raw", id, 0);
	blob_member(&kernel, "exception", inner, 128);
	blob_struct(&kernel, "kvm", 4, 4000);
	blob_member(&kernel, "memslots", id, 64);
	blob_member(&kernel, "mem", id, 96);
	blob_member(&kernel, "arch", arch, 8000);
	blob_member(&kernel, "", inner, 16000);
	open_kernel();

	assert_int_equal(offset_in(&kernel_btf, "kvm", ""), 4000);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "memslots"), 8);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "mem"), 12);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "arch"), 1000);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "arch.raw"), 1000);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "arch.exception"), 1016);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "arch.exception.vector"), 1020);

	/* No such member, or none that can have members. */
	assert_int_equal(offset_in(&kernel_btf, "kvm", "memslot"), -ENOENT);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "memslots2"), -ENOENT);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "arch.pending"), -ENOENT);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "arch.exception.x"), -ENOENT);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "mem.x"), -ENOENT);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "arch."), -ENOENT);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "."), -ENOENT);
	assert_int_equal(offset_in(&kernel_btf, "kvm", "pending"), -ENOENT);

	/* A union is no struct. */
	assert_null(rmpe_btf_struct(&kernel_btf, "kvm_arch"));
	assert_null(rmpe_btf_struct(&kernel_btf, "queued_t"));
	assert_null(rmpe_btf_struct(&kernel_btf, "kv"));
	assert_null(rmpe_btf_struct(&kernel_btf, "vm"));
}

/* With the kind flag an offset has the width of a bit field in its top byte. */
static void bit_fields(void **state)
{
	u32 id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED);

	blob_type(&kernel, "flags", BTF_KIND_STRUCT | 0x80, 2, 8);
	blob_member(&kernel, "plain", id, 32);
	blob_member(&kernel, "field", id, 3 << 24 | 48);
	open_kernel();
	assert_int_equal(offset_in(&kernel_btf, "flags", "plain"), 4);
	assert_int_equal(offset_in(&kernel_btf, "flags", "field"), 6);
}

static void forward_declaration_is_not_the_struct(void **state)
{
	blob_type(&kernel, "kvm", BTF_KIND_FWD, 0, 0);
	blob_struct(&kernel, "kvm", 0, 77);
	open_kernel();
	assert_int_equal(offset_in(&kernel_btf, "kvm", ""), 77);
}

/* A module's BTF goes on where the kernel's ends. */
static void module_on_top_of_the_kernel(void **state)
{
	u32 id = blob_int(&kernel, "int", 32, BTF_INT_SIGNED);
	u32 file = blob_struct(&kernel, "file", 1, 200);
	u32 kvm, to_file, to_kvm, proto;

	blob_member(&kernel, "f_mode", id, 320);
	to_file = blob_type(&kernel, "", BTF_KIND_PTR, 0, file);
	function(&kernel, "fput", 0, to_file);

	blob_init(&module, &kernel);
	kvm = blob_struct(&module, "kvm", 2, 500);
	blob_member(&module, "users", id, 64);
	blob_member(&module, "file", file, 640);
	to_kvm = blob_type(&module, "", BTF_KIND_PTR, 0, kvm);
	proto = blob_proto(&module, id, 2);
	blob_param(&module, "kvm", to_kvm);
	blob_param(&module, "file", to_file);
	blob_type(&module, "kvm_open", BTF_KIND_FUNC, 0, proto);

	open_kernel();
	open_module();
	check_prototype(&module_btf, "kvm_open", "s32(struct kvm *, struct file *)");
	check_prototype(&module_btf, "fput", "void(struct file *)");
	check_prototype(&kernel_btf, "fput", "void(struct file *)");
	assert_int_equal(offset_in(&module_btf, "kvm", ""), 500);
	assert_int_equal(offset_in(&module_btf, "kvm", "users"), 8);
	assert_int_equal(offset_in(&module_btf, "kvm", "file.f_mode"), 80 + 40);
	assert_int_equal(offset_in(&module_btf, "file", "f_mode"), 40);

	/* The kernel knows nothing of its modules. */
	assert_null(rmpe_btf_struct(&kernel_btf, "kvm"));
}

/* What the module has takes precedence: it is what its functions use. */
static void module_has_a_struct_of_its_own(void **state)
{
	blob_struct(&kernel, "kvm", 0, 1);
	blob_init(&module, &kernel);
	blob_struct(&module, "kvm", 0, 2);
	open_kernel();
	open_module();
	assert_int_equal(offset_in(&kernel_btf, "kvm", ""), 1);
	assert_int_equal(offset_in(&module_btf, "kvm", ""), 2);
}

static void memory(void **state)
{
	struct rmpe_btf btf;
	size_t size;

	blob_struct(&kernel, "kvm", 0, 1);
	kernel_data = blob_finish(&kernel, &size);
	unit_fail_alloc(1);
	assert_int_equal(rmpe_btf_open(&btf, kernel_data, size, NULL), -ENOMEM);
	assert_int_equal(unit_live_objects(), 0);
	rmpe_btf_close(&btf);

	assert_int_equal(rmpe_btf_open(&btf, kernel_data, size, NULL), 0);
	assert_int_equal(unit_live_objects(), 1);
	rmpe_btf_close(&btf);
	rmpe_btf_close(&btf);
	assert_int_equal(unit_live_objects(), 0);
}

static void no_types_at_all(void **state)
{
	char buf[16];

	open_kernel();
	assert_int_equal(kernel_btf.nr, 0);
	assert_null(rmpe_btf_struct(&kernel_btf, "kvm"));
	assert_int_equal(rmpe_btf_prototype(&kernel_btf, "f", buf, sizeof(buf)),
			 -ENOENT);
}

#define btf_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		btf_test(integers),
		btf_test(numbers_of_arguments),
		btf_test(pointers),
		btf_test(enums),
		btf_test(other_arguments),
		btf_test(qualifiers_and_typedefs_are_left_out),
		btf_test(long_chain_of_typedefs),
		btf_test(unknown_functions),
		btf_test(prototype_in_a_small_buffer),
		btf_test(all_kinds),
		btf_test(members),
		btf_test(bit_fields),
		btf_test(forward_declaration_is_not_the_struct),
		btf_test(module_on_top_of_the_kernel),
		btf_test(module_has_a_struct_of_its_own),
		btf_test(memory),
		btf_test(no_types_at_all),
	};

	return cmocka_run_group_tests_name("btf", tests, NULL, NULL);
}
