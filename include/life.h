/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a VM comes and goes.
 */
#ifndef RMPE_LIFE_H
#define RMPE_LIFE_H

#include "vm_table.h"

struct kvm;
struct rmpe_hook;

extern struct rmpe_hook rmpe_hook_init_vm;
extern struct rmpe_hook rmpe_hook_destroy_vm;

struct rmpe_vm *rmpe_vm_adopt(struct kvm *kvm);

/**
 * rmpe_vm_find_or_adopt() - the state of a VM that may be older than the module
 * @kvm: the VM
 *
 * Context: process context, may sleep; in an ioctl of @kvm or of its vCPUs.
 * Return: the state, or NULL without memory or while the module is unloaded.
 */
static inline struct rmpe_vm *rmpe_vm_find_or_adopt(struct kvm *kvm)
{
	return rmpe_vm_find(kvm) ?: rmpe_vm_adopt(kvm);
}

#endif
