// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

#include <assert.h>
#include <stddef.h>

struct module unit_module = { .version = "9.8.7" };

void (*unit_module_refs_change)(void);

static void about_to_change(void)
{
	void (*f)(void) = unit_module_refs_change;

	unit_module_refs_change = NULL;
	if (f)
		f();
}

bool try_module_get(struct module *m)
{
	assert(m == &unit_module && m->refs >= 0);
	about_to_change();
	if (m->state == MODULE_STATE_GOING)
		return false;
	m->refs++;
	return true;
}

void module_put(struct module *m)
{
	assert(m == &unit_module && m->refs > 0);
	about_to_change();
	m->refs--;
}
