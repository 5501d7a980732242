// SPDX-License-Identifier: GPL-2.0-only
/* Machine code in a page of the guest's. */
#include <string.h>
#include "vcputest.h"

void put_code(struct vm *vm, unsigned int vcpu, uint64_t gpa, const void *code, unsigned int len)
{
	op_make_private(vm, vcpu, gpa);
	for (unsigned int i = 0; i < len; i += sizeof(uint64_t)) {
		unsigned int part = len - i < sizeof(uint64_t) ? len - i : sizeof(uint64_t);
		uint64_t word = 0;

		memcpy(&word, (const uint8_t *)code + i, part);
		op_write(vm, vcpu, VIEW_PRIVATE, gpa + i, word);
	}
}
