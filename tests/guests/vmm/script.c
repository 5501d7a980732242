// SPDX-License-Identifier: GPL-2.0-only
/* Writing a vCPU's script. */
#include <string.h>
#include "vmm.h"

unsigned int op_add(struct vm *vm, unsigned int vcpu, const struct guest_op *op)
{
	struct script *s = vm->script[vcpu];

	/* The last one stays OP_END. */
	if (s->nops == GUEST_MAX_OPS - 1)
		vmm_die("script of vCPU %u is too long", vcpu);
	s->op[s->nops] = *op;
	return s->nops++;
}

struct guest_op *op_last(struct vm *vm, unsigned int vcpu)
{
	return &vm->script[vcpu]->op[vm->script[vcpu]->nops - 1];
}

void op_repeat(struct vm *vm, unsigned int vcpu, unsigned int n, uint64_t stride)
{
	op_last(vm, vcpu)->repeat = n;
	op_last(vm, vcpu)->stride = stride;
}

void op_each_page(struct vm *vm, unsigned int vcpu, unsigned int n)
{
	op_repeat(vm, vcpu, n, GUEST_PAGE);
}

unsigned int op_psc(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int page_op)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_PSC_MSR, .gpa = gpa,
						    .arg = { page_op } });
}

unsigned int op_psc_nae(struct vm *vm, unsigned int vcpu, uint64_t hdr,
			const uint64_t *entries, unsigned int n)
{
	struct script *s = vm->script[vcpu];
	unsigned int len = (n + 1) * sizeof(uint64_t), at = s->ndata;

	if (at + len > sizeof(s->data))
		vmm_die("no room for a PSC buffer in the script of vCPU %u", vcpu);
	memcpy(s->data + at, &hdr, sizeof(hdr));
	memcpy(s->data + at + sizeof(hdr), entries, n * sizeof(uint64_t));
	s->ndata += len;
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_PSC_NAE,
						    .arg = { sizeof(s->op) + at, len } });
}

unsigned int op_pvalidate(struct vm *vm, unsigned int vcpu, uint64_t gpa, bool validate,
			  bool size_2m)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_PVALIDATE, .gpa = gpa,
						    .arg = { validate, size_2m } });
}

unsigned int op_read(struct vm *vm, unsigned int vcpu, unsigned int view, uint64_t gpa)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_READ, .view = view, .gpa = gpa });
}

unsigned int op_write(struct vm *vm, unsigned int vcpu, unsigned int view, uint64_t gpa,
		      uint64_t value)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_WRITE, .view = view, .gpa = gpa,
						    .arg = { value } });
}

unsigned int op_exec(struct vm *vm, unsigned int vcpu, unsigned int view, uint64_t gpa)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_EXEC, .view = view, .gpa = gpa });
}

unsigned int op_walk(struct vm *vm, unsigned int vcpu, uint64_t gpa)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_WALK, .gpa = gpa });
}

unsigned int op_out(struct vm *vm, unsigned int vcpu, unsigned int port, unsigned int n)
{
	unsigned int i = op_add(vm, vcpu, &(struct guest_op){ .code = OP_OUT, .arg = { port } });

	op_repeat(vm, vcpu, n, 0);
	return i;
}

unsigned int op_set_flag(struct vm *vm, unsigned int vcpu, unsigned int flag, uint64_t value)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_SET_FLAG, .arg = { flag, value } });
}

unsigned int op_wait_flag(struct vm *vm, unsigned int vcpu, unsigned int flag, uint64_t value)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_WAIT_FLAG, .arg = { flag, value } });
}

unsigned int op_count(struct vm *vm, unsigned int vcpu, unsigned int flag, unsigned int until)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_COUNT, .arg = { flag, until } });
}

unsigned int op_loop(struct vm *vm, unsigned int vcpu, unsigned int to, unsigned int times)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_LOOP, .arg = { to, times } });
}

unsigned int op_loop_until(struct vm *vm, unsigned int vcpu, unsigned int to, unsigned int flag)
{
	return op_add(vm, vcpu, &(struct guest_op){ .code = OP_LOOP, .arg = { to, ~0u, flag } });
}

void op_then(struct vm *vm, unsigned int vcpu, uint64_t gpa)
{
	struct script *s = vm->script[vcpu];

	s->op[s->nops] = (struct guest_op){ .code = OP_END, .arg = { gpa } };
}

unsigned int op_make_private(struct vm *vm, unsigned int vcpu, uint64_t gpa)
{
	op_psc(vm, vcpu, gpa, PSC_PRIVATE);
	return op_pvalidate(vm, vcpu, gpa, true, false);
}

unsigned int op_make_shared(struct vm *vm, unsigned int vcpu, uint64_t gpa)
{
	op_pvalidate(vm, vcpu, gpa, false, false);
	return op_psc(vm, vcpu, gpa, PSC_SHARED);
}
