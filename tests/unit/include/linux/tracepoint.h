/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_TRACEPOINT_H
#define UNIT_LINUX_TRACEPOINT_H

/* An event becomes a function that the test defines. */
#define TP_PROTO(args...) args
#define TRACE_EVENT(name, proto, args, entry, assign, print) \
		void trace_##name(proto)

#endif
