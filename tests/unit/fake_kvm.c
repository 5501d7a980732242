// SPDX-License-Identifier: GPL-2.0-only
#include "fake_kvm.h"

#include <linux/bits.h>

#include <assert.h>

#include <unit/mutex.h>
#include <unit/rcu.h>

#include "hook_users.h"

struct fake_kvm fake_kvm;

/* In place of hook.c: nobody is redirected here. */
DEFINE_PER_CPU(long, rmpe_hook_users);

unsigned long rmpe_hook_type_of_kvm(struct ftrace_regs *fregs)
{
	return KVM_X86_SNP_VM;
}

void kvm_make_request(int req, struct kvm_vcpu *vcpu)
{
	vcpu->requests |= BIT(req & KVM_REQUEST_MASK);
	if (fake_kvm.nr_requests < FAKE_REQUESTS)
		fake_kvm.request[fake_kvm.nr_requests] = (struct fake_request){
			.vcpu = vcpu,
			.req = req,
			.fences = unit_fences,
		};
	fake_kvm.nr_requests++;
	if (fake_kvm.on_request)
		fake_kvm.on_request(vcpu);
}

static gfn_t *find_private(gfn_t gfn)
{
	unsigned int i;

	for (i = 0; i < FAKE_PRIVATE; i++)
		if (fake_kvm.is_private[i] == gfn)
			return &fake_kvm.is_private[i];
	return NULL;
}

void fake_set_private(gfn_t gfn, bool private)
{
	gfn_t *place = find_private(gfn);

	assert(gfn);
	if (private && !place) {
		place = find_private(0);
		assert(place);
		*place = gfn;
	} else if (!private && place) {
		*place = 0;
	}
}

bool kvm_mem_is_private(struct kvm *kvm, gfn_t gfn)
{
	if (fake_kvm.on_attribute)
		fake_kvm.on_attribute(gfn);
	return gfn && find_private(gfn);
}

/* No lock of the module's is held while KVM's code runs, and the wrapper is counted. */
static void call(struct kvm_vcpu *vcpu)
{
	assert(!unit_mutexes());
	unit_may_sleep();
	assert(hook_users() > 0);
	fake_kvm.calls++;
	fake_kvm.vcpu = vcpu;
	/* It may have slept, and be on another CPU now. */
	unit_cpu = (unit_cpu + 1) % UNIT_NR_CPUS;
	if (fake_kvm.meanwhile)
		fake_kvm.meanwhile(vcpu);
}

int fake_init_vm(struct kvm *kvm, unsigned long type)
{
	call(NULL);
	return fake_kvm.answer;
}

void fake_destroy_vm(struct kvm *kvm)
{
	call(NULL);
}

int fake_vcpu_run(struct kvm_vcpu *vcpu)
{
	assert(!srcu_read_lock_held(&vcpu->kvm->srcu));
	call(vcpu);
	return fake_kvm.answer;
}

int fake_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
		    int insn_len)
{
	assert(srcu_read_lock_held(&vcpu->kvm->srcu));
	fake_kvm.gpa = gpa;
	fake_kvm.error_code = error_code;
	fake_kvm.insn = insn;
	fake_kvm.insn_len = insn_len;
	call(vcpu);
	return fake_kvm.answer;
}

long fake_pre_fault(struct kvm_vcpu *vcpu, struct kvm_pre_fault_memory *range)
{
	assert(srcu_read_lock_held(&vcpu->kvm->srcu));
	fake_kvm.range = range;
	call(vcpu);
	return fake_kvm.answer;
}

/* What tells the guest how its PSC was answered; not a hook. */
int fake_complete(struct kvm_vcpu *vcpu)
{
	assert(srcu_read_lock_held(&vcpu->kvm->srcu));
	assert(!unit_mutexes());
	unit_may_sleep();
	fake_kvm.calls++;
	fake_kvm.vcpu = vcpu;
	if (fake_kvm.meanwhile)
		fake_kvm.meanwhile(vcpu);
	return fake_kvm.answer;
}
