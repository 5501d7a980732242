/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Forced in front of each source of a copy of the module: the calls by which it
 * registers itself and takes hold of others, one of which can be made to fail. By
 * macros, since the prototypes differ between kernels. The errors are such as the
 * call can give.
 */
#ifndef CALLS_H
#define CALLS_H

/* As the sources have it, which come too late for these headers. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/kobject.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

/* Is this the call that is to fail?  Only while the module is being loaded. */
bool call_fails(const char *name);

/* What symbol_get() is made of. */
#define __symbol_get(...)						\
	(call_fails("__symbol_get") ? NULL : __symbol_get(__VA_ARGS__))
#define filp_open(...)							\
	(call_fails("filp_open") ? ERR_PTR(-ENFILE) : filp_open(__VA_ARGS__))
#define kobject_create_and_add(...)					\
	(call_fails("kobject_create_and_add") ? NULL : kobject_create_and_add(__VA_ARGS__))
#define sysfs_create_groups(...)					\
	(call_fails("sysfs_create_groups") ? -EINVAL : sysfs_create_groups(__VA_ARGS__))
#define kset_create_and_add(...)					\
	(call_fails("kset_create_and_add") ? NULL : kset_create_and_add(__VA_ARGS__))
#define debugfs_create_dir(...)						\
	(call_fails("debugfs_create_dir") ? ERR_PTR(-ENOMEM) : debugfs_create_dir(__VA_ARGS__))
#define register_kprobe(...)						\
	(call_fails("register_kprobe") ? -EINVAL : register_kprobe(__VA_ARGS__))
#define ftrace_set_filter_ip(...)					\
	(call_fails("ftrace_set_filter_ip") ? -ENOMEM : ftrace_set_filter_ip(__VA_ARGS__))
#define register_ftrace_function(...)					\
	(call_fails("register_ftrace_function") ? -ENODEV : register_ftrace_function(__VA_ARGS__))

/* That one is a macro already. */
static inline struct workqueue_struct *call_alloc_ordered(const char *name)
{
	return call_fails("alloc_ordered_workqueue") ? NULL :
						       alloc_ordered_workqueue("%s", 0, name);
}

#undef alloc_ordered_workqueue
#define alloc_ordered_workqueue(name, flags)	call_alloc_ordered(name)

#endif
