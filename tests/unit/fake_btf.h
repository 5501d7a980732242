/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /sys/kernel/btf: the BTF of a kernel, of kvm and of kvm_amd, made of what the test says
 * that they have.
 */
#ifndef UNIT_FAKE_BTF_H
#define UNIT_FAKE_BTF_H

#include <linux/types.h>

enum fake_btf_file { FAKE_VMLINUX, FAKE_KVM_KO, FAKE_KVM_AMD, FAKE_NR_FILES };

enum fake_type { FAKE_VOID, FAKE_S32, FAKE_U64, FAKE_KVM, FAKE_VCPU, FAKE_NR_TYPES };

struct fake_member {
	const char *path;
	int offset;
};

struct fake_struct {
	const char *name;
	u32 size;
	const struct fake_member *members;
};

/* Arguments end with FAKE_VOID. */
struct fake_function {
	const char *name;
	enum fake_type type;
	enum fake_type args[4];
};

/**
 * struct fake_file - what happens to who reads a file
 * @error: it can't be opened
 * @read_error: it can't be read to the end
 * @cut: it ends so many bytes before its end
 * @piece: no more than so many bytes come at once; 0: all
 * @garbage: it is no BTF
 */
struct fake_file {
	int error;
	int read_error;
	unsigned int cut;
	size_t piece;
	bool garbage;
};

/**
 * struct fake_btf - what there is, and what is different
 * @structs: all structs
 * @nr_structs: how many
 * @svm_from: the first of those that kvm_amd has; the others are kvm's
 * @functions: all functions, kvm's
 * @nr_functions: how many
 * @moved: this member is elsewhere
 * @by: so many bytes
 * @missing: this member is not there
 * @missing_struct: a struct of this name is not there
 * @missing_function: a function likewise
 * @resized: a struct of this name is 8 bytes longer
 * @file: the files
 */
extern struct fake_btf {
	const struct fake_struct *structs;
	unsigned int nr_structs;
	unsigned int svm_from;
	const struct fake_function *functions;
	unsigned int nr_functions;
	const struct fake_member *moved;
	int by;
	const struct fake_member *missing;
	const char *missing_struct;
	const char *missing_function;
	const char *resized;
	struct fake_file file[FAKE_NR_FILES];
} fake_btf;

void fake_btf_begin(void);
/* How many files are open. */
int fake_btf_end(void);

#endif
