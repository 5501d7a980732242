// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that exit, registers that are the guest's own. */
#include "vcputest.h"

#define RESULT(n)	(GPA(0) + RESULT_OFFSET + 8 * (n))

/* RAX is where results go: the page that the code is in. */
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

static void exceptions(void)
{
	static const struct {
		const uint8_t *start, *end;
		unsigned int vector;
		uint64_t error;
	} t[] = {
		{ code_cpuid, code_cpuid_end, VECTOR_VC, 0x72 },
		{ code_in, code_in_end, VECTOR_VC, 0x7b },
		{ code_out, code_out_end, VECTOR_VC, 0x7b },
		{ code_vmmcall, code_vmmcall_end, VECTOR_VC, 0x81 },
		{ code_wbinvd, code_wbinvd_end, VECTOR_VC, 0x89 },
		{ code_invd, code_invd_end, VECTOR_VC, 0x76 },
		{ code_dr7, code_dr7_end, VECTOR_VC, 0x37 },
		{ code_rdpmc, code_rdpmc_end, VECTOR_VC, 0x6f },
		{ code_msr, code_msr_end, VECTOR_VC, 0x7c },
		{ code_vmrun, code_vmrun_end, VECTOR_VC, 0x80 },
		{ code_ud, code_ud_end, VECTOR_UD, 0 },
		{ code_int3, code_int3_end, 3, 0 },
		{ code_int_n, code_int_n_end, 16, 0 },
		{ code_int_none, code_int_none_end, 13, 0x80 << 3 | 2 },
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
	struct vm *vm = new_vm(1);
	unsigned int run, r[8];

	PUT_CODE(vm, 0, GPA(0), code_registers);
	run = op_exec(vm, 0, VIEW_PRIVATE, GPA(0));
	for (unsigned int i = 0; i < 8; i++)
		r[i] = op_read(vm, 0, VIEW_PRIVATE, RESULT(i));
	run_to_end(vm);
	expect_no_fault(vm, 0, run);
	expect_value(vm, 0, r[0], 7);			/* SEV, SEV-ES, SNP */
	expect_value(vm, 0, r[1], PSC_RESP_OK);		/* KVM's answer to the last request */
	expect_value(vm, 0, r[2], 0x1500);		/* SVME is set in a VMSA */
	expect_value(vm, 0, r[3], 0x1501);
	expect_value(vm, 0, r[4], 0x660);		/* KVM sets MCE */
	expect_value(vm, 0, r[5], 0x80010013);
	expect_value(vm, 0, r[6], 5);
	expect_value(vm, 0, r[7], 0);
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
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 1,
						       .on_memory_fault = convert_with_fpu });
	double before = burn(100000);
	unsigned int load, store, r[5];

	PUT_CODE(vm, 0, GPA(1), code_fpu_load);
	PUT_CODE(vm, 0, GPA(0), code_fpu_store);
	load = op_exec(vm, 0, VIEW_PRIVATE, GPA(1));
	/* Exits to the VMM, which computes. */
	for (unsigned int i = 2; i < 12; i++)
		op_write(vm, 0, VIEW_SHARED, GPA(i), i);
	store = op_exec(vm, 0, VIEW_PRIVATE, GPA(0));
	for (unsigned int i = 0; i < 5; i++)
		r[i] = op_read(vm, 0, VIEW_PRIVATE, RESULT(i));
	run_to_end(vm);
	expect_no_fault(vm, 0, load);
	expect_no_fault(vm, 0, store);
	expect_value(vm, 0, r[0], 0x1111222233334444);
	expect_value(vm, 0, r[1], 0x5555666677778888);
	expect_value(vm, 0, r[2], 0x1111222233334444);
	expect_value(vm, 0, r[3], 3);
	expect_value(vm, 0, r[4], 7);
	expect_memory_faults(vm, 0, 10);
	expect(burn(100000) == before, "the host computes something else now");
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
	struct vm *vm = new_vm(1);
	unsigned int run, r[4];

	PUT_CODE(vm, 0, GPA(0), code_pvalidate);
	op_psc(vm, 0, GPA(128), PSC_PRIVATE);
	run = op_exec(vm, 0, VIEW_PRIVATE, GPA(0));
	for (unsigned int i = 0; i < 4; i++)
		r[i] = op_read(vm, 0, VIEW_PRIVATE, RESULT(i));
	run_to_end(vm);
	expect_no_fault(vm, 0, run);
	expect_value(vm, 0, r[0], 0);
	expect_value(vm, 0, r[1], 1);		/* was not valid before either */
	expect_value(vm, 0, r[2], 0);
	expect_value(vm, 0, r[3], 0);
	vm_destroy(vm);
}

/*
 * A guest request (to the firmware), with the pages GPA(16) and GPA(17): exit code
 * and both words of exit information are valid.  VMGEXIT once right behind the WRMSR,
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
	struct vm *vm = new_vm(1);
	unsigned int run, r[2];

	PUT_CODE(vm, 0, GPA(0), code_guest_request);
	op_psc(vm, 0, GPA(16), PSC_SHARED);
	op_psc(vm, 0, GPA(17), PSC_SHARED);
	run = op_exec(vm, 0, VIEW_PRIVATE, GPA(0));
	for (unsigned int i = 0; i < 2; i++)
		r[i] = op_read(vm, 0, VIEW_PRIVATE, RESULT(i));
	run_to_end(vm);
	expect_no_fault(vm, 0, run);
	for (unsigned int i = 0; i < 2; i++)
		expect_value(vm, 0, r[i], 0x15);	/* the firmware's UNSUPPORTED */
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
		{ code_stos, code_stos_end, 0x101010 },
		{ code_movs, code_movs_end, 0x101020 },
		{ code_sib, code_sib_end, 0x101028 },
		{ code_cross, code_cross_end, 0x101000 },
		{ code_rmw, code_rmw_end, 0x101040 },
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
		expect_fault(vm, 0, op[i], VECTOR_VC, VC_NOT_VALIDATED, t[i].cr2);
	vm_destroy(vm);
}

/* The stack itself is not valid: #VC can't be delivered, nor #DF. */
static void vc_without_stack(void)
{
	struct vm *vm = new_vm(1);

	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	PUT_CODE(vm, 0, GPA(0), code_push);
	op_exec(vm, 0, VIEW_PRIVATE, GPA(0));
	vm_start(vm);
	expect(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	expect_eq(vcpu_count_exits(&vm->vcpu[0], KVM_EXIT_SHUTDOWN), 1);
	vm_destroy(vm);
}

static void vc_without_idt(void)
{
	struct vm *vm = new_vm(1);

	op_add(vm, 0, &(struct guest_op){ .code = OP_IDT });
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	vm_start(vm);
	expect(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	expect_eq(vcpu_count_exits(&vm->vcpu[0], KVM_EXIT_SHUTDOWN), 1);
	expect_eq(vm->vcpu[0].state, VCPU_ENDED);
	vm_destroy(vm);
}

const struct test insn_tests[] = {
	{ "insn.exceptions", exceptions },
	{ "insn.registers", registers },
	{ "insn.fpu", fpu },
	{ "insn.pvalidate_edx", pvalidate_edx },
	{ "insn.guest_request", guest_request },
	{ "insn.linear_address_of_vc", linear_address_of_vc },
	{ "insn.vc_without_stack", vc_without_stack },
	{ "insn.vc_without_idt", vc_without_idt },
	{ 0 }
};
