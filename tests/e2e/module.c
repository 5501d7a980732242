// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "module.h"

const char *module_dir = "/mod";

int module_load_file(const char *file, const char *args)
{
	char path[512];
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", module_dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	r = syscall(SYS_finit_module, fd, args, 0) ? errno : 0;
	close(fd);
	return r;
}

int module_load(const char *args)
{
	return module_load_file(MODULE_NAME ".ko", args);
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

bool module_loaded(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	return file_exists(path);
}

bool file_exists(const char *path)
{
	return !access(path, F_OK);
}

bool file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return true;
}

int file_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), r = 0;

	if (fd < 0)
		return errno;
	if (write(fd, value, strlen(value)) < 0)
		r = errno;
	close(fd);
	return r;
}

bool kvm_is_unhooked(void)
{
	static char list[65536];

	return file_read(TRACEFS "/enabled_functions", list, sizeof(list)) &&
	       !strstr(list, "kvm_");
}

static void knob_path(const char *name, char *path, size_t size)
{
	snprintf(path, size, SYSFS "/%s", name);
}

bool knob_read(const char *name, char *buf, size_t size)
{
	char path[256];

	knob_path(name, path, sizeof(path));
	return file_read(path, buf, size);
}

int knob_write(const char *name, const char *value)
{
	char path[256];

	knob_path(name, path, sizeof(path));
	return file_write(path, value);
}

unsigned int module_newest_vm(pid_t pid)
{
	char path[32], buf[32];
	unsigned int id, best = 0;
	struct dirent *e;
	DIR *d = opendir(SYSFS "/vms");

	if (!d)
		return 0;
	while ((e = readdir(d))) {
		id = atoi(e->d_name);
		snprintf(path, sizeof(path), "vms/%u/pid", id);
		if (id > best && knob_read(path, buf, sizeof(buf)) && atoi(buf) == pid)
			best = id;
	}
	closedir(d);
	return best;
}

bool field_read(const char *line, const char *key, char *value, size_t size)
{
	size_t n = strlen(key);

	*value = '\0';
	for (const char *p = line; p; p = strchr(p, ' ')) {
		while (*p == ' ')
			p++;
		if (!strncmp(p, key, n) && p[n] == '=') {
			snprintf(value, size, "%.*s", (int)strcspn(p + n + 1, "\n "), p + n + 1);
			return true;
		}
	}
	return false;
}

bool module_reset(void)
{
	static const char *const defaults[][2] = {
		{ "mode", "lenient" }, { "action", "vc" },
		{ "policy/implicit_private", "enforce" },
		{ "policy/implicit_shared", "enforce" },
		{ "policy/first_touch", "enforce" },
		{ "policy/initial_shared", "report" },
		{ "policy/in_flight", "report" },
		{ "policy/vmpl", "report" },
		{ "sites", "on" }, { "request_sites", "off" },
	};
	int r;

	if (!module_loaded(MODULE_NAME)) {
		r = module_load("");
		if (r) {
			printf("# loading %s/%s.ko: %s\n", module_dir, MODULE_NAME, strerror(r));
			return false;
		}
	}
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		r = knob_write(defaults[i][0], defaults[i][1]);
		if (r) {
			printf("# writing %s to %s: %s\n", defaults[i][1], defaults[i][0],
			       strerror(r));
			return false;
		}
	}
	return true;
}
