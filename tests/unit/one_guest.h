/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An SNP guest, as KVM and the module have it, for tests of what happens in its ioctls.
 */
#ifndef UNIT_ONE_GUEST_H
#define UNIT_ONE_GUEST_H

#include "test.h"

#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/pid.h>
#include <linux/sched.h>

#include "fake_host.h"
#include "fake_kvm.h"
#include "vm.h"

#define MEMORY		0x100ULL	/* gfns of the first slot */
#define MEMORY_END	0x200ULL
#define DEVICE		0x200ULL	/* of the one without guest_memfd */
#define DEVICE_END	0x300ULL
#define HIGH		0x300000000ULL	/* of the third, beyond 32 bits */
#define HIGH_END	(HIGH + 0x1000)

#define GUEST_SLOTS	4

#define VCPU	(&guest.vcpu[1])	/* neither the first nor the last */
#define A	(MEMORY + 0x10)

/**
 * struct one_guest - the guest, then what the module has told of it
 * @slot: as above; further ones are the test's
 * @vm: the module's
 * @site: where it is, when it is looked; may be NULL
 * @site_looks: how often that was
 * @site_vcpu: at which vCPU the last time
 * @psc_requests: trace events of PSCs
 * @psc_completes: likewise
 * @psc_id: VM in the last of these
 * @psc_pid: likewise
 * @psc_vcpu: likewise
 * @psc: likewise, a copy
 * @psc_ret: likewise
 */
struct one_guest {
	struct kvm kvm;
	struct kvm_vcpu vcpu[UNIT_MAX_VCPUS];
	struct kvm_run run[UNIT_MAX_VCPUS];
	struct pid pid[UNIT_MAX_VCPUS];
	struct task_struct task[UNIT_MAX_VCPUS];
	struct kvm_memory_slot slot[GUEST_SLOTS];
	struct inode inode;
	struct rmpe_vm *vm;

	struct rmpe_site *site;
	unsigned int site_looks;
	struct kvm_vcpu *site_vcpu;
	unsigned int psc_requests, psc_completes;
	u64 psc_id;
	pid_t psc_pid;
	int psc_vcpu;
	struct rmpe_psc psc;
	u64 psc_ret;
};

extern struct one_guest guest;

/* The guest's settings: mode strict, and all that can be enforced is. */
int guest_set_up(void **state);
/* The same, of a VM that is not known to the module yet. */
int guest_set_up_older(void **state);
/* Fails if anything is left. */
int guest_tear_down(void **state);

#define GUEST_TEST(f) cmocka_unit_test_setup_teardown(f, guest_set_up, guest_tear_down)
#define OLDER_TEST(f) \
	cmocka_unit_test_setup_teardown(f, guest_set_up_older, guest_tear_down)

/* KVM calls the module; @vcpu holds kvm->srcu then, as it does in KVM_RUN. */
int guest_run(struct kvm_vcpu *vcpu);
int guest_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code);
long guest_pre_fault(struct kvm_vcpu *vcpu, gpa_t gpa);

/* The guest asks for a range; then the VMM answers. */
void guest_asks(struct kvm_vcpu *vcpu, gfn_t gfn, u64 npages, bool private);
int vmm_answers(struct kvm_vcpu *vcpu, u64 ret);
/* Both, with success. */
void guest_psc(struct kvm_vcpu *vcpu, gfn_t gfn, u64 npages, bool private);

/* The module ends the guest, in the KVM_RUN of @vcpu. */
void guest_terminate(struct kvm_vcpu *vcpu, const struct rmpe_exit *why);
/* As unit_before_lock: nothing on the way takes a lock. */
void guest_fail_at_lock(void);

enum rmpe_page_state guest_asked(gfn_t gfn);
enum rmpe_page_state guest_used(gfn_t gfn);
/* As if it had used it so. */
static inline void set_used(gfn_t gfn, enum rmpe_page_state state)
{
	mutex_lock(&guest.vm->lock);
	rmpe_vm_set_used(guest.vm, gfn, state);
	mutex_unlock(&guest.vm->lock);
}

/* The last record; and how many there were. */
struct rmpe_record guest_record(void);
u64 guest_records(void);

#endif
