/* SPDX-License-Identifier: GPL-2.0-only */
/* An ordinary guest, to run beside SNP guests. */
#ifndef ORDINARY_H
#define ORDINARY_H

#include "vcputest.h"

/* ordinary_code.S */
extern const uint8_t ordinary_code[], ordinary_code_end[];

struct ordinary {
	int kvm, vm, vcpu;
	uint8_t *mem;
	struct kvm_run *run;
	pthread_t thread;
};

void ordinary_start(struct ordinary *o);
/* How far it has counted. */
uint32_t ordinary_count(const struct ordinary *o);
/* Ends it; the reason of its last exit, KVM_EXIT_HLT if all is well. */
uint32_t ordinary_stop(struct ordinary *o);

#endif
