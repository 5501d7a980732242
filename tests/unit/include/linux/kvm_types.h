/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KVM_TYPES_H
#define UNIT_LINUX_KVM_TYPES_H

#include <linux/types.h>

struct kvm;
struct kvm_vcpu;

typedef u64 gfn_t;
typedef u64 gpa_t;

#endif
