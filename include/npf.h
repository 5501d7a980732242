/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A #NPF of an SNP guest, before KVM resolves it.
 */
#ifndef RMPE_NPF_H
#define RMPE_NPF_H

struct rmpe_hook;

extern struct rmpe_hook rmpe_hook_page_fault;

#endif
