/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_TRACEPOINT_H
#define UNIT_LINUX_TRACEPOINT_H

#include <stddef.h>

/*
 * An event becomes a function that the test defines, if anything calls it.  Its text, and
 * its fields, are made by trace/define_trace.h.
 */
#define TP_PROTO(args...)	args
#define TP_ARGS(args...)	args
#define TP_STRUCT__entry(args...)	args
#define TP_fast_assign(args...)	args
#define TP_printk(args...)	args
#define UNIT_EVENT(name, proto...) \
	void trace_##name(proto);						\
	void unit_trace_##name(char *buf, size_t size, proto);			\
	const char *unit_trace_fields_##name(void)

#define TRACE_EVENT(name, proto, args, entry, assign, print) \
	UNIT_EVENT(name, proto)
#define DECLARE_EVENT_CLASS(name, proto, args, entry, assign, print) \
	struct trace_class_##name
#define DEFINE_EVENT(class, name, proto, args) \
	UNIT_EVENT(name, proto)
#define DEFINE_EVENT_PRINT(class, name, proto, args, print) \
	UNIT_EVENT(name, proto)
#define TRACE_DEFINE_ENUM(a) \
	_Static_assert((a) >= 0, #a)

/* The last entry, as it is in the ring; and whose events they are. */
extern unsigned char unit_trace_entry[256];
extern const char unit_trace_system[];

/* Of a number that has no name the kernel prints the number. */
struct unit_symbol {
	unsigned long long value;
	const char *name;
};

const char *unit_symbolic(unsigned long long value, const struct unit_symbol *symbols);

#endif
