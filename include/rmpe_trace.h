/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints.  They are not rate-limited.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM rmp_enforce

#if !defined(RMPE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RMPE_TRACE_H

#include <linux/tracepoint.h>

#include "policy.h"
#include "record.h"
#include "site.h"
#include "vm.h"

DECLARE_EVENT_CLASS(psc,
	TP_PROTO(u64 vm, pid_t pid, int vcpu, const struct rmpe_psc *psc, u64 ret),
	TP_ARGS(vm, pid, vcpu, psc, ret),
	TP_STRUCT__entry(
		__field(u64, vm)
		__field(pid_t, pid)
		__field(int, vcpu)
		__field(u64, gfn)
		__field(u64, pages)
		__field(bool, to_private)
		__field(u64, ret)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->pid = pid;
		__entry->vcpu = vcpu;
		__entry->gfn = psc->gfn;
		__entry->pages = psc->npages;
		__entry->to_private = psc->to_private;
		__entry->ret = ret;
	),
	TP_printk("vm=%llu pid=%d vcpu=%d gfn=0x%llx pages=%llu to=%s ret=%lld",
		  __entry->vm, __entry->pid, __entry->vcpu, __entry->gfn,
		  __entry->pages, __entry->to_private ? "private" : "shared",
		  (s64)__entry->ret)
);

/* There is no answer yet: @ret means nothing. */
DEFINE_EVENT_PRINT(psc, psc_request,
	TP_PROTO(u64 vm, pid_t pid, int vcpu, const struct rmpe_psc *psc, u64 ret),
	TP_ARGS(vm, pid, vcpu, psc, ret),
	TP_printk("vm=%llu pid=%d vcpu=%d gfn=0x%llx pages=%llu to=%s",
		  __entry->vm, __entry->pid, __entry->vcpu, __entry->gfn,
		  __entry->pages, __entry->to_private ? "private" : "shared")
);

DEFINE_EVENT(psc, psc_complete,
	TP_PROTO(u64 vm, pid_t pid, int vcpu, const struct rmpe_psc *psc, u64 ret),
	TP_ARGS(vm, pid, vcpu, psc, ret)
);

/* perf and others get numbers for these in the event's format, and print names. */
TRACE_DEFINE_ENUM(RMPE_CLASS_IMPLICIT_PRIVATE);
TRACE_DEFINE_ENUM(RMPE_CLASS_IMPLICIT_SHARED);
TRACE_DEFINE_ENUM(RMPE_CLASS_FIRST_TOUCH);
TRACE_DEFINE_ENUM(RMPE_CLASS_INITIAL_SHARED);
TRACE_DEFINE_ENUM(RMPE_CLASS_IN_FLIGHT);
TRACE_DEFINE_ENUM(RMPE_CLASS_VMPL);
TRACE_DEFINE_ENUM(RMPE_CLASS_HOST);
TRACE_DEFINE_ENUM(RMPE_CLASS_UNBACKED);
TRACE_DEFINE_ENUM(RMPE_CLASS_NO_PROGRESS);
TRACE_DEFINE_ENUM(RMPE_EXPECT_INITIAL);
TRACE_DEFINE_ENUM(RMPE_EXPECT_PRIVATE);
TRACE_DEFINE_ENUM(RMPE_EXPECT_SHARED);
TRACE_DEFINE_ENUM(RMPE_OUTCOME_NONE);
TRACE_DEFINE_ENUM(RMPE_OUTCOME_VC);
TRACE_DEFINE_ENUM(RMPE_OUTCOME_TERMINATE);

TRACE_EVENT(violation,
	TP_PROTO(const struct rmpe_record *rec),
	TP_ARGS(rec),
	TP_STRUCT__entry(
		__field(u64, vm)
		__field(pid_t, pid)
		__field(int, vcpu)
		__field(u64, gpa)
		__field(u64, error_code)
		__field(u64, pfn)
		__field(u64, psc_seq)
		__field(u8, class)
		__field(u8, expected)
		__field(u8, outcome)
	),
	TP_fast_assign(
		__entry->vm = rec->vm_id;
		__entry->pid = rec->pid;
		__entry->vcpu = rec->vcpu;
		__entry->gpa = rec->gpa;
		__entry->error_code = rec->error_code;
		__entry->pfn = rec->has_pfn ? rec->pfn : ~0ULL;
		__entry->psc_seq = rec->psc.seq;
		__entry->class = rec->verdict.class;
		__entry->expected = rec->verdict.expected;
		__entry->outcome = rec->outcome;
	),
	TP_printk("vm=%llu pid=%d vcpu=%d gfn=0x%llx gpa=0x%llx class=%s expected=%s err=0x%llx psc_seq=%llu action=%s",
		  __entry->vm, __entry->pid, __entry->vcpu,
		  __entry->gpa >> PAGE_SHIFT, __entry->gpa,
		  __print_symbolic(__entry->class,
				   { RMPE_CLASS_IMPLICIT_PRIVATE, "implicit_private" },
				   { RMPE_CLASS_IMPLICIT_SHARED, "implicit_shared" },
				   { RMPE_CLASS_FIRST_TOUCH, "first_touch" },
				   { RMPE_CLASS_INITIAL_SHARED, "initial_shared" },
				   { RMPE_CLASS_IN_FLIGHT, "in_flight" },
				   { RMPE_CLASS_VMPL, "vmpl" },
				   { RMPE_CLASS_HOST, "host" },
				   { RMPE_CLASS_UNBACKED, "unbacked" },
				   { RMPE_CLASS_NO_PROGRESS, "no_progress" }),
		  __print_symbolic(__entry->expected,
				   { RMPE_EXPECT_INITIAL, "initial" },
				   { RMPE_EXPECT_PRIVATE, "private" },
				   { RMPE_EXPECT_SHARED, "shared" }),
		  __entry->error_code, __entry->psc_seq,
		  __print_symbolic(__entry->outcome,
				   { RMPE_OUTCOME_NONE, "none" },
				   { RMPE_OUTCOME_VC, "vc" },
				   { RMPE_OUTCOME_TERMINATE, "terminate" }))
);

/*
 * Where a violation was, and the request before it.  The firmware has to be asked first,
 * so it comes after the violation, and others may be in between.
 */
TRACE_EVENT(violation_site,
	TP_PROTO(const struct rmpe_record *rec, const struct rmpe_sites *sites),
	TP_ARGS(rec, sites),
	TP_STRUCT__entry(
		__field(u64, vm)
		__field(pid_t, pid)
		__field(int, vcpu)
		__field(u64, gpa)
		__field(u64, rip)
		__field(u64, rsp)
		__field(u64, cr3)
		__field(u64, lstar)
		__field(u64, psc_rip)
		__field(s8, cpl)
		__field(s8, psc_cpl)
	),
	TP_fast_assign(
		const struct rmpe_site *at = sites->access;

		__entry->vm = rec->vm_id;
		__entry->pid = rec->pid;
		__entry->vcpu = rec->vcpu;
		__entry->gpa = rec->gpa;
		__entry->rip = at ? at->reg[RMPE_REG_RIP] : 0;
		__entry->rsp = at ? at->reg[RMPE_REG_RSP] : 0;
		__entry->cr3 = at ? at->reg[RMPE_REG_CR3] : 0;
		__entry->lstar = at ? at->reg[RMPE_REG_LSTAR] : 0;
		__entry->cpl = at ? at->cpl : -1;
		__entry->psc_rip = rec->psc_rip;
		__entry->psc_cpl = rec->has_psc_site ? rec->psc_cpl : -1;
	),
	TP_printk("vm=%llu pid=%d vcpu=%d gfn=0x%llx gpa=0x%llx rip=0x%llx cpl=%d rsp=0x%llx cr3=0x%llx lstar=0x%llx psc_rip=0x%llx psc_cpl=%d",
		  __entry->vm, __entry->pid, __entry->vcpu,
		  __entry->gpa >> PAGE_SHIFT, __entry->gpa, __entry->rip, __entry->cpl,
		  __entry->rsp, __entry->cr3, __entry->lstar, __entry->psc_rip,
		  __entry->psc_cpl)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE rmpe_trace
#include <trace/define_trace.h>
