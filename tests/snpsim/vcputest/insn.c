// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that exit, registers that are the guest's own. */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vcputest.h"

#define SPAN(code)	code, code##_end
#define MAX_RESULTS	8

/* Code in GPA(0) that leaves results: the operations that run it and read them. */
struct results {
	unsigned int run, n, read[MAX_RESULTS];
};

#define RESULT(n)	(GPA(0) + RESULT_OFFSET + 8 * (n))

/* RDI is where results go: the page that the code is in. */
#define GET_RESULTS	"lea 1f(%rip), %rdi\n1:\tand $-4096, %rdi\n\tadd $0x800, %rdi\n\t"

CODE(code_cpuid, "cpuid");
CODE(code_in, "mov $0x80, %edx\n\tin (%dx), %al");
CODE(code_out, "mov $0x80, %edx\n\tout %al, (%dx)");
CODE(code_vmmcall, "vmmcall");
CODE(code_wbinvd, "wbinvd");
CODE(code_invd, "invd");
CODE(code_dr7, "mov %rax, %dr7");
CODE(code_rdpmc, "xor %ecx, %ecx\n\trdpmc");
CODE(code_msr, "mov $0xc0010015, %ecx\n\trdmsr");		/* HWCR */
CODE(code_vmrun, "vmrun %rax");
CODE(code_ud, "ud2");
CODE(code_int3, "int3");
CODE(code_int_n, "int $0x10");
CODE(code_int_none, "int $0x80");				/* beyond the IDT */

static struct results run_for_results(struct vm *vm, unsigned int n)
{
	struct results r = { .run = op_exec(vm, 0, VIEW_PRIVATE, GPA(0)), .n = n };

	for (unsigned int i = 0; i < n; i++)
		r.read[i] = op_read(vm, 0, VIEW_PRIVATE, RESULT(i));
	return r;
}

static void expect_results(struct vm *vm, const struct results *r, const uint64_t *want)
{
	expect_no_fault(vm, 0, r->run);
	for (unsigned int i = 0; i < r->n; i++)
		expect_value(vm, 0, r->read[i], want[i]);
}

static void exceptions(void)
{
	static const struct {
		const uint8_t *start, *end;
		unsigned int vector;
		uint64_t error;
	} t[] = {
		{ SPAN(code_cpuid), VECTOR_VC, 0x72 },
		{ SPAN(code_in), VECTOR_VC, 0x7b },
		{ SPAN(code_out), VECTOR_VC, 0x7b },
		{ SPAN(code_vmmcall), VECTOR_VC, 0x81 },
		{ SPAN(code_wbinvd), VECTOR_VC, 0x89 },
		{ SPAN(code_invd), VECTOR_VC, 0x76 },
		{ SPAN(code_dr7), VECTOR_VC, 0x37 },
		{ SPAN(code_rdpmc), VECTOR_VC, 0x6f },
		{ SPAN(code_msr), VECTOR_VC, 0x7c },
		{ SPAN(code_vmrun), VECTOR_VC, 0x80 },
		{ SPAN(code_ud), VECTOR_UD, 0 },
		{ SPAN(code_int3), 3, 0 },
		{ SPAN(code_int_n), 16, 0 },
		{ SPAN(code_int_none), 13, 0x80 << 3 | 2 },
	};
	unsigned int op[sizeof(t) / sizeof(*t)];
	struct vm *vm = new_vm(1);

	for (unsigned int i = 0; i < sizeof(t) / sizeof(*t); i++) {
		put_code(vm, 0, GPA(i), t[i].start, t[i].end - t[i].start);
		op[i] = op_exec(vm, 0, VIEW_PRIVATE, GPA(i));
	}
	run_to_end(vm);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(*t); i++)
		expect_fault(vm, 0, op[i], t[i].vector, t[i].error, 0);
	vm_destroy(vm);
}

CODE(code_registers,
	GET_RESULTS
	"mov $0xc0010131, %ecx\n\trdmsr\n\tmov %rax, (%rdi)\n\t"		/* SEV_STATUS */
	"mov $0xc0010130, %ecx\n\trdmsr\n\tmov %eax, 8(%rdi)\n\t"		/* GHCB */
	"mov $0xc0000080, %ecx\n\trdmsr\n\tmov %eax, 16(%rdi)\n\t"		/* EFER */
	"or $1, %eax\n\twrmsr\n\t"
	"rdmsr\n\tmov %eax, 24(%rdi)\n\t"
	"mov %cr4, %rax\n\tor $0x600, %eax\n\tmov %rax, %cr4\n\t"		/* OSFXSR, OSXMMEXCPT */
	"mov %cr4, %rax\n\tmov %rax, 32(%rdi)\n\t"
	"mov %cr0, %rax\n\tmov %rax, %rsi\n\tand $~0x20, %eax\n\tmov %rax, %cr0\n\t"	/* NE off */
	"mov %cr0, %rax\n\tmov %rax, 40(%rdi)\n\tmov %rsi, %cr0\n\t"
	"mov $5, %eax\n\tmov %rax, %cr8\n\tmov %cr8, %rsi\n\tmov %rsi, 48(%rdi)\n\t"
	"xor %eax, %eax\n\tmov %rax, %cr8\n\tmov %cr8, %rsi\n\tmov %rsi, 56(%rdi)");

static void registers(void)
{
	static const uint64_t want[] = {
		7,			/* SEV, SEV-ES, SNP */
		PSC_RESP_OK,		/* KVM's answer to the last request */
		0x1500,			/* SVME is set in a VMSA */
		0x1501,
		0x660,			/* KVM sets MCE */
		0x80010013, 5, 0,
	};
	struct vm *vm = new_vm(1);
	struct results r;

	PUT_CODE(vm, 0, GPA(0), code_registers);
	r = run_for_results(vm, 8);
	run_to_end(vm);
	expect_results(vm, &r, want);
	vm_destroy(vm);
}

/* All of x87, XMM and YMM; between the two calls the host uses these registers too. */
CODE(code_fpu_load,
	"mov %cr4, %rax\n\tor $0x40600, %eax\n\tmov %rax, %cr4\n\t"		/* OSXSAVE too */
	"xor %ecx, %ecx\n\txor %edx, %edx\n\tmov $7, %eax\n\txsetbv\n\t"
	"fninit\n\tfldpi\n\t"
	"mov $0x1111222233334444, %rax\n\tmovq %rax, %xmm0\n\t"
	"mov $0x5555666677778888, %rax\n\tmovq %rax, %xmm15\n\t"
	"vinsertf128 $1, %xmm0, %ymm15, %ymm15");
CODE(code_fpu_store,
	GET_RESULTS
	"movq %xmm0, (%rdi)\n\tmovq %xmm15, 8(%rdi)\n\t"
	"vextractf128 $1, %ymm15, %xmm1\n\tmovq %xmm1, 16(%rdi)\n\t"
	"movq $0, 24(%rdi)\n\tfistpl 24(%rdi)\n\t"
	"xor %ecx, %ecx\n\txgetbv\n\tmov %eax, 32(%rdi)\n\tmovl $0, 36(%rdi)");

static double burn(unsigned int n)
{
	volatile double x = 1.5;

	while (n--)
		x = x * 1.000001 + 0.25;
	return x;
}

static int convert_with_fpu(struct vcpu *v, uint64_t gpa, uint64_t size, bool to_private)
{
	return burn(1000) > 0 ? vm_convert(v->vm, gpa, size, to_private) : -1;
}

static void fpu(void)
{
	static const uint64_t want[] = {
		0x1111222233334444, 0x5555666677778888, 0x1111222233334444, 3, 7,
	};
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 1,
						       .on_memory_fault = convert_with_fpu });
	double before = burn(100000);
	struct results store;
	unsigned int load;

	PUT_CODE(vm, 0, GPA(1), code_fpu_load);
	PUT_CODE(vm, 0, GPA(0), code_fpu_store);
	load = op_exec(vm, 0, VIEW_PRIVATE, GPA(1));
	/* Exits to the VMM, which computes. */
	for (unsigned int i = 2; i < 12; i++)
		op_write(vm, 0, VIEW_SHARED, GPA(i), i);
	store = run_for_results(vm, 5);
	run_to_end(vm);
	expect_no_fault(vm, 0, load);
	expect_results(vm, &store, want);
	expect_memory_faults(vm, 0, 10);
	expect(burn(100000) == before, "the host computes something else now");
	vm_destroy(vm);
}

/* All ten bytes of the first and the last register. */
CODE(code_x87_store,
	GET_RESULTS
	"movq $0, 8(%rdi)\n\tmovq $0, 24(%rdi)\n\t"
	"fstpt (%rdi)\n\t"
	"fstp %st(0)\n\tfstp %st(0)\n\tfstp %st(0)\n\t"
	"fstp %st(0)\n\tfstp %st(0)\n\tfstp %st(0)\n\t"
	"fstpt 16(%rdi)");

/* KVM writes them into the VMSA at launch. */
static void x87_at_launch(void)
{
	static const uint64_t want[] = {
		0x1122334455667788, 0x4001, 0x99aabbccddeeff00, 0x4008,
	};
	struct kvm_fpu fpu = { .fcw = 0x37f, .ftwx = 0xff, .mxcsr = 0x1f80 };
	struct vm *vm = new_vm(1);
	struct results r;

	for (unsigned int i = 0; i < 8; i++) {
		memcpy(fpu.fpr[i], &want[i == 7 ? 2 : 0], 8);
		fpu.fpr[i][8] = i + 1;
		fpu.fpr[i][9] = 0x40;
	}
	expect(ioctl(vm->vcpu[0].fd, KVM_SET_FPU, &fpu) == 0, "KVM_SET_FPU: %s", strerror(errno));
	PUT_CODE(vm, 0, GPA(0), code_x87_store);
	r = run_for_results(vm, 4);
	run_to_end(vm);
	expect_results(vm, &r, want);
	vm_destroy(vm);
}

/* PVALIDATE looks at one bit of EDX: here 0, then 1.  0x180000 is GPA(128). */
CODE(code_pvalidate,
	GET_RESULTS
	"mov $0x180000, %eax\n\txor %ecx, %ecx\n\tmov $0xabcdef00, %edx\n\t"
	".byte 0xf2, 0x0f, 0x01, 0xff\n\tsetc 8(%rdi)\n\tmov %rax, (%rdi)\n\t"
	"mov $0x180000, %eax\n\tmov $0xabcdef01, %edx\n\t"
	".byte 0xf2, 0x0f, 0x01, 0xff\n\tsetc 24(%rdi)\n\tmov %rax, 16(%rdi)");

static void pvalidate_edx(void)
{
	/* EAX and CF of each: it was not valid before the first either. */
	static const uint64_t want[] = { 0, 1, 0, 0 };
	struct vm *vm = new_vm(1);
	struct results r;

	PUT_CODE(vm, 0, GPA(0), code_pvalidate);
	op_psc(vm, 0, GPA(128), PSC_PRIVATE);
	r = run_for_results(vm, 4);
	run_to_end(vm);
	expect_results(vm, &r, want);
	vm_destroy(vm);
}

/*
 * A guest request (to the firmware), with the pages GPA(16) and GPA(17): exit code
 * and both words of exit information are valid.  VMGEXIT once right after the WRMSR,
 * and once not.
 */
#define GHCB_FIELDS							\
	"mov $0x40080000, %esi\n\t"		/* GUEST_SHARED_VA + GUEST_GHCB_GPA(0) */ \
	"movq $0, 0x3f0(%rsi)\n\t"						\
	"mov $0x001c000000000000, %rax\n\tmov %rax, 0x3f8(%rsi)\n\t"	\
	"mov $0x80000011, %eax\n\tmov %rax, 0x390(%rsi)\n\t"		\
	"movq $0x110000, 0x398(%rsi)\n\tmovq $0x111000, 0x3a0(%rsi)\n\t"	\
	"movl $0, 0xffc(%rsi)\n\t"
#define SET_GHCB	"mov $0xc0010130, %ecx\n\tmov $0x80000, %eax\n\txor %edx, %edx\n\twrmsr\n\t"
#define VMGEXIT		".byte 0xf3, 0x0f, 0x01, 0xd9\n\t"

CODE(code_guest_request,
	GET_RESULTS
	GHCB_FIELDS SET_GHCB VMGEXIT
	"mov 0x3a0(%rsi), %rax\n\tmov %rax, (%rdi)\n\t"
	GHCB_FIELDS SET_GHCB "nop\n\t" VMGEXIT
	"mov 0x3a0(%rsi), %rax\n\tmov %rax, 8(%rdi)");

static void guest_request(void)
{
	static const uint64_t want[] = { 0x15, 0x15 };	/* the firmware's UNSUPPORTED */
	struct vm *vm = new_vm(1);
	struct results r;

	PUT_CODE(vm, 0, GPA(0), code_guest_request);
	op_psc(vm, 0, GPA(16), PSC_SHARED);
	op_psc(vm, 0, GPA(17), PSC_SHARED);
	r = run_for_results(vm, 2);
	run_to_end(vm);
	expect_results(vm, &r, want);
	vm_destroy(vm);
}

/* CR2 of a #VC 0x404 for operands of all kinds: the code page's RDI points there. */
CODE(code_push, "mov $0x101ff8, %eax\n\tmov %rsp, %rcx\n\tmov %rax, %rsp\n\tpush %rax\n\tmov %rcx, %rsp");
CODE(code_stos, "mov $0x101010, %edi\n\tmov $4, %ecx\n\trep stosq");
CODE(code_movs, "mov $0x101020, %esi\n\tmov $0x110000, %edi\n\tmovsq");
CODE(code_sib, "mov $0x101000, %eax\n\tmov $6, %ecx\n\tmov %rdx, -8(%rax,%rcx,8)");
CODE(code_cross, "mov $0x100ffc, %eax\n\tmov (%rax), %rdx");
CODE(code_rmw, "mov $0x101040, %eax\n\tlock incq (%rax)");

static void linear_address_of_vc(void)
{
	/* GPA(0), valid, then GPA(1), not valid; code from GPA(16) on */
	static const struct {
		const uint8_t *start, *end;
		uint64_t cr2;
	} t[] = {
		{ SPAN(code_stos), 0x101010 },
		{ SPAN(code_movs), 0x101020 },
		{ SPAN(code_sib), 0x101028 },
		{ SPAN(code_cross), 0x101000 },
		{ SPAN(code_rmw), 0x101040 },
	};
	unsigned int op[sizeof(t) / sizeof(*t)];
	struct vm *vm = new_vm(1);

	op_make_private(vm, 0, GPA(0));
	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(*t); i++) {
		put_code(vm, 0, GPA(17 + i), t[i].start, t[i].end - t[i].start);
		op[i] = op_exec(vm, 0, VIEW_PRIVATE, GPA(17 + i));
	}
	run_to_end(vm);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(*t); i++)
		expect_fault(vm, 0, op[i], VECTOR_VC, VC_PAGE_NOT_VALIDATED, t[i].cr2);
	vm_destroy(vm);
}

static void run_to_shutdown(struct vm *vm)
{
	vm_start(vm);
	expect(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	expect_eq(vcpu_count_exits(&vm->vcpu[0], KVM_EXIT_SHUTDOWN), 1);
}

/* The stack itself is not valid: #VC can't be delivered, nor #DF. */
static void vc_without_stack(void)
{
	struct vm *vm = new_vm(1);

	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	PUT_CODE(vm, 0, GPA(0), code_push);
	op_exec(vm, 0, VIEW_PRIVATE, GPA(0));
	run_to_shutdown(vm);
	vm_destroy(vm);
}

static void vc_without_idt(void)
{
	struct vm *vm = new_vm(1);

	op_add(vm, 0, &(struct guest_op){ .code = OP_IDT });
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	run_to_shutdown(vm);
	expect_eq(vm->vcpu[0].state, VCPU_ENDED);
	vm_destroy(vm);
}

const struct test insn_tests[] = {
	{ "insn.exceptions", exceptions },
	{ "insn.registers", registers },
	{ "insn.fpu", fpu },
	{ "insn.x87_at_launch", x87_at_launch },
	{ "insn.pvalidate_edx", pvalidate_edx },
	{ "insn.guest_request", guest_request },
	{ "insn.linear_address_of_vc", linear_address_of_vc },
	{ "insn.vc_without_stack", vc_without_stack },
	{ "insn.vc_without_idt", vc_without_idt },
	{ 0 }
};
