/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readers of the module's files in debugfs: in one go, and in pieces.
 */
#ifndef UNIT_DEBUGFS_READER_H
#define UNIT_DEBUGFS_READER_H

#include "one_vm.h"

#include <linux/errno.h>
#include <linux/mm.h>

#include <unit/debugfs.h>
#include <unit/mutex.h>

#include "debugfs.h"

/* A multiple of a hole's clock. */
#define NOW	(5000ULL << 20)

/* After begin_kvm(): a VM whose folder is rmp_enforce/7. */
static inline void begin_debugfs(void)
{
	host.now_ns = NOW;
	rmpe_debugfs_init();
	add_one_vm();
	vm->id = 7;
	rmpe_debugfs_add_vm(vm);
}

static inline void end_debugfs(void)
{
	unit_fail_alloc(UNIT_NEVER);
	rmpe_debugfs_remove_vm(vm);
	rmpe_debugfs_exit();
	remove_one_vm();
}

static inline void read_in_pieces(const char *path, const char *text, size_t piece)
{
	static char buf[0x40000];
	struct unit_debugfs_file *f = unit_debugfs_open(path);
	size_t n = 0;
	ssize_t r;

	if (!f)
		fail_msg("no %s", path);
	while ((r = unit_debugfs_read(f, buf + n, piece)) > 0) {
		n += r;
		/* Who has room and reads once misses nothing of a short file. */
		if (piece > strlen(text) && strlen(text) < PAGE_SIZE)
			assert_int_equal(n, strlen(text));
		assert_true(n + piece < sizeof(buf));
		assert_int_equal(unit_mutexes(), 0);
		assert_false(srcu_read_lock_held(&kvm.srcu));
	}
	assert_int_equal(r, 0);
	/* It stays at the end. */
	assert_int_equal(unit_debugfs_read(f, buf + n, piece), 0);
	unit_debugfs_close(f);
	buf[n] = 0;
	if (strcmp(buf, text))
		fail_msg("%s, by %zu: \"%s\", should be \"%s\"", path, piece, buf, text);
}

/* Whatever a reader asks for at a time, he reads the same.  @file: below rmp_enforce/. */
static inline void assert_reads(const char *file, const char *text)
{
	static const size_t piece[] = { 0x10000, 1, 7, 100, 4096 };
	char path[96];
	int i;

	snprintf(path, sizeof(path), "rmp_enforce/%s", file);
	for (i = 0; i < ARRAY_SIZE(piece); i++)
		read_in_pieces(path, text, piece[i]);
}

#endif
