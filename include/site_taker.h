/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking a site: the firmware is asked by a worker, and nobody waits long for it.
 */
#ifndef RMPE_SITE_TAKER_H
#define RMPE_SITE_TAKER_H

#include <linux/atomic.h>
#include <linux/types.h>

struct kvm_vcpu;
struct rmpe_site;
struct rmpe_vm;

/**
 * struct rmpe_share - how much of the security processor's time may be used
 * @left_ns: of now; less than nothing if the last one took long
 * @when_ns: when that was, CLOCK_MONOTONIC
 */
struct rmpe_share {
	s64 left_ns;
	u64 when_ns;
};

/**
 * struct rmpe_taker - a VM's part in it
 * @debuggable: enum rmpe_debuggable
 * @pending: requests that the worker has, or will have
 * @share: of the VM, under the taker's lock
 */
struct rmpe_taker {
	u8 debuggable;
	atomic_t pending;
	struct rmpe_share share;
};

int rmpe_taker_init(void);
void rmpe_taker_exit(void);

struct rmpe_site *rmpe_site_take(struct rmpe_vm *vm, struct kvm_vcpu *vcpu);
void rmpe_site_wait_all(struct rmpe_vm *vm);
const char *rmpe_debuggable_name(const struct rmpe_vm *vm);

#endif
