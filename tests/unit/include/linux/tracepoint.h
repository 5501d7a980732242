/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_TRACEPOINT_H
#define UNIT_LINUX_TRACEPOINT_H

/* An event becomes a function that the test defines, if anything calls it. */
#define TP_PROTO(args...)	args
#define TRACE_EVENT(name, proto, args, entry, assign, print) \
	void trace_##name(proto)
#define DECLARE_EVENT_CLASS(name, proto, args, entry, assign, print) \
	struct trace_class_##name
#define DEFINE_EVENT(class, name, proto, args) \
	void trace_##name(proto)
#define DEFINE_EVENT_PRINT(class, name, proto, args, print) \
	void trace_##name(proto)
#define TRACE_DEFINE_ENUM(a) \
	_Static_assert((a) >= 0, #a)

#endif
