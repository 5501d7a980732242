/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_PERCPU_H
#define UNIT_LINUX_PERCPU_H

#include <linux/slab.h>
#include <linux/types.h>

#include <unit/cpu.h>

/* A static one is an array; what is allocated is a pointer to the first CPU's. */
#define DECLARE_PER_CPU(type, name)	extern type name[UNIT_NR_CPUS]
#define DEFINE_PER_CPU(type, name)	type name[UNIT_NR_CPUS]
#define per_cpu(name, cpu)		((name)[cpu])

#define alloc_percpu_gfp(type, gfp) \
	((type *)unit_alloc(UNIT_NR_CPUS, sizeof(type), true, gfp))
#define free_percpu(p)			unit_free(p)
#define per_cpu_ptr(p, cpu)		((p) + (cpu))

#define for_each_possible_cpu(cpu) \
	for ((cpu) = 0; (cpu) < UNIT_NR_CPUS; (cpu)++)

/* All static ones that there are count in long. */
#define UNIT_FIRST_CPU(pcp)						\
	__builtin_choose_expr(						\
		__builtin_types_compatible_p(typeof(pcp), long [UNIT_NR_CPUS]), \
		(pcp), &(pcp))
#define this_cpu_inc(pcp) \
	((void)__atomic_fetch_add(UNIT_FIRST_CPU(pcp) + unit_cpu, 1, __ATOMIC_RELAXED))
#define this_cpu_dec(pcp) \
	((void)__atomic_fetch_sub(UNIT_FIRST_CPU(pcp) + unit_cpu, 1, __ATOMIC_RELAXED))

#endif
