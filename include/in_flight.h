/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PSCs that are not answered yet, and the accesses that did not wait for them.
 */
#ifndef RMPE_IN_FLIGHT_H
#define RMPE_IN_FLIGHT_H

#include <linux/kvm_types.h>

struct rmpe_early;
struct rmpe_psc;
struct rmpe_vm;

struct rmpe_psc *rmpe_in_flight(struct rmpe_vm *vm, gfn_t gfn, bool to_private, u64 since);
void rmpe_in_flight_remember(struct rmpe_psc *psc, const struct rmpe_early *e);
void rmpe_in_flight_settle(struct rmpe_vm *vm, struct kvm *kvm, const struct rmpe_early *e,
			   bool private);
void rmpe_in_flight_refused(struct rmpe_vm *vm, struct kvm *kvm,
			    const struct rmpe_psc *psc);

#endif
