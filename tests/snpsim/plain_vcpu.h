/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMRUN of an ordinary guest, i.e. one without SEV.
 */
#ifndef SNPSIM_PLAIN_VCPU_H
#define SNPSIM_PLAIN_VCPU_H

#include "cpu.h"

/**
 * plain_vmrun() - the host executed VMRUN on a VMCB without SEV-ES
 * @c: this CPU
 * @v12: the host's VMCB
 *
 * Returns at the first exit that the host is to see, which is then in @v12.
 * Call it without the lock.
 */
void plain_vmrun(struct cpu *c, struct vmcb *v12);

/**
 * plain_fetch() - the bytes at an ordinary guest's RIP
 * @v: its VMCB, with KVM's nested CR3
 * @buf: MAX_INSN_LEN bytes; zeros where nothing could be read
 */
void plain_fetch(const struct vmcb *v, u8 *buf);

#endif /* SNPSIM_PLAIN_VCPU_H */
