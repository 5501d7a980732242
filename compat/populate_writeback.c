// SPDX-License-Identifier: GPL-2.0-only
/* Has kvm_gmem_populate() the argument may_writeback_src? */
#include <linux/kvm_host.h>

long kvm_gmem_populate(struct kvm *kvm, gfn_t gfn, void __user *src, long npages,
		       bool may_writeback_src, kvm_gmem_populate_cb post_populate,
		       void *opaque);
