// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kconfig.h>

#include <string.h>

bool unit_kvm_is_module = true, unit_kvm_amd_is_module = true;

bool unit_is_module(const char *option)
{
	return strcmp(option, "CONFIG_KVM") ? unit_kvm_amd_is_module : unit_kvm_is_module;
}
