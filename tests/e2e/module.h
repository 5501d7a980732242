/* SPDX-License-Identifier: GPL-2.0-only */
/* The module under test: loading, unloading, and its files in sysfs. */
#ifndef MODULE_H
#define MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MODULE_NAME	"rmp_enforce"
#define SYSFS		"/sys/kernel/rmp_enforce"
#define DEBUGFS		"/sys/kernel/debug/rmp_enforce"
#define TRACEFS		"/sys/kernel/tracing"

/* Folder with rmp_enforce.ko, busyhook.ko and failcalls.ko; set by main.c. */
extern const char *module_dir;

/* Name without .ko, as in /proc/modules (- and _ are told apart in the file name). */
int module_load_file(const char *file, const char *args);	/* 0 or errno */
int module_load(const char *args);				/* 0 or errno */
int module_unload(const char *name);				/* 0 or errno */
bool module_loaded(const char *name);
/* Loaded, lenient, with default action and policies. */
bool module_reset(void);

/* Reads a file without its last newline; false if it can't be read. */
bool file_read(const char *path, char *buf, size_t size);
int file_write(const char *path, const char *value);		/* 0 or errno */
bool file_exists(const char *path);

/* No function of kvm's is hooked by anybody. */
bool kvm_is_unhooked(void);

/* The number (vms/<id>) of the newest VM of this process, 0 if it has none. */
unsigned int module_newest_vm(pid_t pid);
/* The value of a key in a line of key=value pairs; false, and empty, if it has no such key. */
bool field_read(const char *line, const char *key, char *value, size_t size);

/* Below SYSFS */
bool knob_read(const char *name, char *buf, size_t size);
int knob_write(const char *name, const char *value);		/* 0 or errno */

#endif
