/* SPDX-License-Identifier: GPL-2.0-only */
/* Nothing to generate: linux/tracepoint.h has declared the events. */
