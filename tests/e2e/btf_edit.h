/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel that is not the one that the module was built for, as its BTF tells it. */
#ifndef BTF_EDIT_H
#define BTF_EDIT_H

#include <stdbool.h>

#define BTF_OF_KERNEL	"/sys/kernel/btf/vmlinux"
#define BTF_OF_KVM	"/sys/kernel/btf/kvm"

/*
 * Writes the BTF of kvm.ko to @path, but with the prototype of @like for its
 * function @func.
 */
bool btf_with_prototype(const char *path, const char *func, const char *like);
/*
 * Writes the BTF @file, one of the two, to @path, but with the member @member of
 * struct @tag @bytes after its place.  False if it does not describe that struct.
 */
bool btf_with_member_moved(const char *path, const char *file, const char *tag,
			   const char *member, unsigned int bytes);

#endif
