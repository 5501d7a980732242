// SPDX-License-Identifier: GPL-2.0-only
#include "ap.h"

#define VMPL1_ALL	(1 | 0xf << 8)	/* RDX of RMPADJUST */

void grant_vmpl1(struct vm *vm, uint64_t gpa, uint64_t pages)
{
	op_add(vm, 0, &(struct guest_op){
			.code = OP_RMPADJUST, .gpa = gpa, .arg = { VMPL1_ALL },
			.repeat = pages, .stride = GUEST_PAGE });
}

unsigned int add_ap(struct vm *vm, unsigned int vcpu, uint64_t vmsa, unsigned int vmpl)
{
	op_make_private(vm, 0, vmsa);
	if (vmpl) {
		grant_vmpl1(vm, GUEST_IMAGE_GPA, vm_image_pages());
		grant_vmpl1(vm, GUEST_TABLES_GPA, GUEST_TABLES_PAGES);
		grant_vmpl1(vm, GUEST_GDT_GPA, 1);
		grant_vmpl1(vm, GUEST_CPU_GPA(vcpu), GUEST_CPU_PAGES + GUEST_SCRIPT_PAGES);
	}
	return op_add(vm, 0, &(struct guest_op){ .code = OP_AP_CREATE, .gpa = vmsa,
						 .arg = { vcpu, vmpl } });
}
