/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KPROBES_H
#define UNIT_LINUX_KPROBES_H

#include <linux/types.h>

#define KSYM_NAME_LEN		512
#define KPROBE_FLAG_DISABLED	0x2u
#define KPROBE_FLAG_FTRACE	0x8u

struct kprobe {
	const char *symbol_name;
	u8 *addr;
	u32 flags;
};

int register_kprobe(struct kprobe *p);
void unregister_kprobe(struct kprobe *p);

static inline bool kprobe_ftrace(const struct kprobe *p)
{
	return p->flags & KPROBE_FLAG_FTRACE;
}

#endif
