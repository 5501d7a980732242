// SPDX-License-Identifier: GPL-2.0-only
#include <linux/static_call.h>

#include <assert.h>

void __static_call_update(struct static_call_key *key, void *trampoline, void *func)
{
	assert(trampoline == &key->trampoline);
	key->func = func;
}

void *unit_static_call(const struct static_call_key *key)
{
	assert(key->func);
	return key->func;
}
