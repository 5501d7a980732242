/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VM has of the security processor.
 */
#ifndef RMPE_PSP_SHARE_H
#define RMPE_PSP_SHARE_H

#include <linux/atomic.h>
#include <linux/types.h>

/**
 * struct rmpe_share - how much of the security processor's time may be used
 * @left_ns: of now; less than nothing if the last one took long
 * @when_ns: when that was, CLOCK_MONOTONIC
 */
struct rmpe_share {
	s64 left_ns;
	u64 when_ns;
};

/**
 * struct rmpe_taker - a VM's part in it
 * @debuggable: enum rmpe_debuggable
 * @pending: requests that the worker has, or will have
 * @share: of the VM, under the taker's lock
 */
struct rmpe_taker {
	u8 debuggable;
	atomic_t pending;
	struct rmpe_share share;
};

#endif
