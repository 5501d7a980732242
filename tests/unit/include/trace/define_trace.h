/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * linux/tracepoint.h has declared the events.  Where they are created, each becomes
 * unit_trace_NAME(), which fills the event's fields and prints them.
 */
#ifdef CREATE_TRACE_POINTS
#undef CREATE_TRACE_POINTS
#define TRACE_HEADER_MULTI_READ

#include <stdio.h>
#include <string.h>

#undef TRACE_EVENT
#undef DECLARE_EVENT_CLASS
#undef DEFINE_EVENT
#undef DEFINE_EVENT_PRINT
#undef TRACE_DEFINE_ENUM

#define UNIT_STR_(args...)	#args
#define UNIT_STR(args...)	UNIT_STR_(args)

#define __field(type, item)	type item;
#define __print_symbolic(value, symbols...) \
	unit_symbolic(value, (const struct unit_symbol[]){ symbols, { } })

#define UNIT_PRINT(class, name, print...) \
static void unit_print_##name(const struct unit_entry_##class *__entry, char *buf,	\
			      size_t size)						\
{											\
	snprintf(buf, size, print);							\
}

#define DECLARE_EVENT_CLASS(name, proto, args, entry, assign, print) \
struct unit_entry_##name { entry };							\
static const char unit_fields_##name[] = UNIT_STR(entry);				\
static void unit_assign_##name(struct unit_entry_##name *__entry, proto)		\
{											\
	assign										\
}											\
UNIT_PRINT(name, name, print)								\
struct unit_entry_##name

#define UNIT_TRACE(class, name, printer, proto, args...) \
const char *unit_trace_fields_##name(void)						\
{											\
	return unit_fields_##class;							\
}											\
void unit_trace_##name(char *buf, size_t size, proto)					\
{											\
	struct unit_entry_##class e;							\
											\
	memset(&e, 0xa5, sizeof(e));							\
	unit_assign_##class(&e, args);							\
	memcpy(unit_trace_entry, &e, sizeof(e));					\
	unit_print_##printer(&e, buf, size);						\
}											\
struct unit_entry_##class

#define DEFINE_EVENT(class, name, proto, args) \
	UNIT_TRACE(class, name, class, TP_PROTO(proto), args)
#define DEFINE_EVENT_PRINT(class, name, proto, args, print) \
	UNIT_PRINT(class, name, print)							\
	UNIT_TRACE(class, name, name, TP_PROTO(proto), args)
#define TRACE_EVENT(name, proto, args, entry, assign, print) \
	DECLARE_EVENT_CLASS(name, TP_PROTO(proto), TP_ARGS(args), UNIT_KEEP(entry),	\
			    UNIT_KEEP(assign), UNIT_KEEP(print));			\
	UNIT_TRACE(name, name, name, TP_PROTO(proto), args)
#define UNIT_KEEP(args...)	args

/* What perf is told of the numbers. */
#define TRACE_DEFINE_ENUM(a) \
	const int unit_trace_enum_##a = a

#include UNIT_STR(TRACE_INCLUDE_FILE.h)

const char unit_trace_system[] = UNIT_STR(TRACE_SYSTEM);

#endif
