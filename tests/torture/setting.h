/* SPDX-License-Identifier: GPL-2.0-only */
/* Mode, action and policies, of all VMs and of one, changed and looked at. */
#ifndef SETTING_H
#define SETTING_H

#include "observe.h"
#include "step.h"

/* NULL, or the file that does not say what it should. */
const char *setting_change(struct model *m, const struct observer *o, const struct step *s);

#endif
