/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking a site: the firmware is asked by a worker, and nobody waits long for it.
 */
#ifndef RMPE_SITE_TAKER_H
#define RMPE_SITE_TAKER_H

struct kvm_vcpu;
struct rmpe_site;
struct rmpe_vm;

int rmpe_taker_init(void);
void rmpe_taker_exit(void);

struct rmpe_site *rmpe_site_take(struct rmpe_vm *vm, struct kvm_vcpu *vcpu);
void rmpe_site_wait_all(struct rmpe_vm *vm);
const char *rmpe_debuggable_name(const struct rmpe_vm *vm);

#endif
