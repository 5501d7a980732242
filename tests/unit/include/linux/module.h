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

/**
 * struct unit_param - a module parameter
 * @value: where it is kept
 * @mode: of its file
 */
struct unit_param {
	char **value;
	unsigned short mode;
};

/* What modinfo says, and what insmod and rmmod call, by names that a test knows. */
#define charp			char *
#define module_param(name, type, perm) \
	_Static_assert(__builtin_types_compatible_p(typeof(name), type), #name); \
	extern const struct unit_param unit_param_##name;		\
	const struct unit_param unit_param_##name = { &name, perm }
#define MODULE_PARM_DESC(name, desc) \
	extern const char unit_param_desc_##name[];			\
	const char unit_param_desc_##name[] = desc
#define module_init(f) \
	extern int (*const unit_module_init)(void);			\
	int (*const unit_module_init)(void) = f
#define module_exit(f) \
	extern void (*const unit_module_exit)(void);			\
	void (*const unit_module_exit)(void) = f
#define UNIT_MODINFO(name, text) \
	extern const char unit_module_##name[];				\
	const char unit_module_##name[] = text
#define MODULE_LICENSE(text)		UNIT_MODINFO(license, text)
#define MODULE_DESCRIPTION(text)	UNIT_MODINFO(description, text)
#define MODULE_VERSION(text)		UNIT_MODINFO(version, text)
#define MODULE_SOFTDEP(text)		UNIT_MODINFO(softdep, text)

#endif
