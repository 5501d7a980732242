/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KCONFIG_H
#define UNIT_LINUX_KCONFIG_H

#include <stdbool.h>

/* All that the module asks for. */
#define IS_ENABLED(CONFIG_option)	1

/* What is a module here is up to the test: CONFIG_KVM, and CONFIG_KVM_AMD. */
extern bool unit_kvm_is_module, unit_kvm_amd_is_module;
bool unit_is_module(const char *option);

#define IS_MODULE(CONFIG_option)	unit_is_module(#CONFIG_option)

#endif
