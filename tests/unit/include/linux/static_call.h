/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_STATIC_CALL_H
#define UNIT_LINUX_STATIC_CALL_H

#include <linux/container_of.h>

/**
 * struct static_call_key - a call whose target may be set
 * @trampoline: what the compiled code jumps through
 * @func: where that jumps to
 */
struct static_call_key {
	char trampoline;
	void *func;
};

#define STATIC_CALL_KEY(name)		unit_static_call_##name
#define STATIC_CALL_TRAMP_ADDR(name)	((void *)&STATIC_CALL_KEY(name).trampoline)

/* The type goes with the name, for the call below. */
#define DEFINE_STATIC_CALL_NULL(name, function)				\
	typedef typeof(function) *unit_type_of_##name;			\
	struct static_call_key STATIC_CALL_KEY(name)

#define static_call(name) \
	((unit_type_of_##name)unit_static_call(&STATIC_CALL_KEY(name)))

void __static_call_update(struct static_call_key *key, void *trampoline, void *func);
void *unit_static_call(const struct static_call_key *key);

#endif
