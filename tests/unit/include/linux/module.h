/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_MODULE_H
#define UNIT_LINUX_MODULE_H

#include <linux/types.h>

enum module_state { MODULE_STATE_LIVE, MODULE_STATE_COMING, MODULE_STATE_GOING };

/**
 * struct module - the module itself
 * @version: what sysfs says
 * @state: live, or being unloaded
 * @refs: who holds it
 */
struct module {
	const char *version;
	enum module_state state;
	int refs;
};

extern struct module unit_module;

#define THIS_MODULE	(&unit_module)

/* Set: called once, before the next change of the references. */
extern void (*unit_module_refs_change)(void);

bool try_module_get(struct module *m);
void module_put(struct module *m);

/* The test says which there are. */
void *unit_symbol_get(const char *name);
void unit_symbol_put(const char *name);

#define symbol_get(symbol)	((typeof(symbol) *)unit_symbol_get(#symbol))
#define symbol_put(symbol)	unit_symbol_put(#symbol)

#endif
