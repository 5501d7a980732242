// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs: their initial state, their threads, and what is done at each exit. */
#include <errno.h>
#include <linux/kvm_para.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "clock.h"
#include "patience.h"
#include "vmm.h"

#define KICK_SIGNAL	SIGUSR1

static void set_cpuid(struct vm *vm, int fd)
{
	struct {
		struct kvm_cpuid2 h;
		struct kvm_cpuid_entry2 e[256];
	} *c = calloc(1, sizeof(*c));

	c->h.nent = 256;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, c) || ioctl(fd, KVM_SET_CPUID2, c))
		vmm_die("KVM_SET_CPUID2: %s", strerror(errno));
	free(c);
}

static void longmode_state(struct vm *vm, unsigned int n, struct kvm_sregs *s,
			   struct kvm_regs *r)
{
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};

	s->gdt.base = GUEST_GDT_GPA;
	s->gdt.limit = 23;
	s->idt.base = 0;
	s->idt.limit = 0;
	s->cr3 = GUEST_TABLES_GPA | vm->cbit;
	s->cr4 = 0x20;			/* PAE */
	s->cr0 = 0x80010033;		/* PG WP NE ET MP PE */
	s->efer = 0x500;		/* LMA LME */
	s->cs = (struct kvm_segment){
		.limit = 0xffffffff, .selector = 8, .type = 11,
		.present = 1, .s = 1, .l = 1, .g = 1,
	};
	s->ds = data;
	s->es = data;
	s->ss = data;
	s->fs = data;
	s->gs = data;
	s->gs.base = GUEST_CPU_GPA(n);
	r->rip = GUEST_IMAGE_GPA;
	r->rsp = GUEST_STACK_TOP(n);
	r->rdi = GUEST_CPU_GPA(n);
}

static void realmode_state(struct kvm_sregs *s, struct kvm_regs *r)
{
	s->cr0 = 0x10;			/* ET */
	s->cr3 = 0;
	s->cr4 = 0;
	s->efer = 0;
	s->cs.base = GUEST_REALMODE_GPA;
	s->cs.selector = GUEST_REALMODE_GPA >> 4;
	s->ds.base = GUEST_REALMODE_GPA;
	s->ds.selector = GUEST_REALMODE_GPA >> 4;
	r->rip = 0;
	r->rsp = GUEST_PAGE - 16;
}

void vcpu_create(struct vm *vm, unsigned int index)
{
	struct vcpu *v = &vm->vcpu[index];
	struct kvm_regs r = { .rflags = 2 };
	struct kvm_sregs s;

	v->vm = vm;
	v->index = index;
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);
	if (v->fd < 0)
		vmm_die("KVM_CREATE_VCPU %u: %s", index, strerror(errno));
	v->run = mmap(NULL, ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		      MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		vmm_die("mapping of vCPU %u: %s", index, strerror(errno));
	set_cpuid(vm, v->fd);
	if (ioctl(v->fd, KVM_GET_SREGS, &s))
		vmm_die("KVM_GET_SREGS: %s", strerror(errno));
	/* The code of a real-mode AP waits for a word that never comes. */
	if ((vm->cfg.realmode | vm->cfg.parked) >> index & 1)
		realmode_state(&s, &r);
	else
		longmode_state(vm, index, &s, &r);
	if (ioctl(v->fd, KVM_SET_SREGS, &s) || ioctl(v->fd, KVM_SET_REGS, &r))
		vmm_die("initial state of vCPU %u: %s", index, strerror(errno));
}

/* --- exits --- */

static struct vm_exit *note_exit(struct vcpu *v, int error)
{
	static __thread struct vm_exit overflow;
	struct vm_exit *x = v->nexits < VCPU_MAX_EXITS ? &v->exits[v->nexits] : &overflow;
	const struct kvm_run *run = v->run;

	memset(x, 0, sizeof(*x));
	x->reason = run->exit_reason;
	x->error = error;
	switch (run->exit_reason) {
	case KVM_EXIT_HYPERCALL:
		x->gpa = run->hypercall.args[0];
		x->size = run->hypercall.args[1] * GUEST_PAGE;
		x->flags = run->hypercall.args[2];
		break;
	case KVM_EXIT_MEMORY_FAULT:
		x->gpa = run->memory_fault.gpa;
		x->size = run->memory_fault.size;
		x->flags = run->memory_fault.flags;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		x->type = run->system_event.type;
		x->ndata = run->system_event.ndata;
		for (unsigned int i = 0; i < 4 && i < x->ndata; i++)
			x->data[i] = run->system_event.data[i];
		break;
	case KVM_EXIT_FAIL_ENTRY:
		x->data[0] = run->fail_entry.hardware_entry_failure_reason;
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		x->data[0] = run->internal.suberror;
		break;
	}
	__atomic_store_n(&v->nexits, v->nexits + 1, __ATOMIC_RELEASE);
	return x;
}

uint64_t vm_psc_partly(struct vcpu *v, const struct psc *psc, uint64_t limit)
{
	uint64_t pages = limit && limit < psc->pages ? limit : psc->pages;

	if (vm_convert(v->vm, psc->gpa, pages * GUEST_PAGE, psc->to_private))
		return EINVAL;
	return pages < psc->pages ? EINVAL : 0;
}

uint64_t vm_psc(struct vcpu *v, const struct psc *psc)
{
	return vm_psc_partly(v, psc, 0);
}

uint64_t vm_psc_claim(struct vcpu *v, const struct psc *psc)
{
	return psc->gpa >= GUEST_FREE_GPA ? 0 : vm_psc(v, psc);
}

static int handle_hypercall(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint64_t (*answer)(struct vcpu *v, const struct psc *psc) = v->vm->cfg.on_psc ?: vm_psc;
	struct psc psc = {
		.gpa = run->hypercall.args[0],
		.pages = run->hypercall.args[1],
		.to_private = run->hypercall.args[2] & KVM_MAP_GPA_RANGE_ENCRYPTED,
		.size_2m = run->hypercall.args[2] & KVM_MAP_GPA_RANGE_PAGE_SZ_2M,
	};

	if (run->hypercall.nr != KVM_HC_MAP_GPA_RANGE)
		return -1;
	run->hypercall.ret = answer(v, &psc);
	return 0;
}

static int handle_memory_fault(struct vcpu *v)
{
	const struct kvm_run *run = v->run;
	bool to_private = run->memory_fault.flags & KVM_MEMORY_EXIT_FLAG_PRIVATE;
	uint64_t gpa = run->memory_fault.gpa, size = run->memory_fault.size;

	if (v->vm->cfg.on_memory_fault)
		return v->vm->cfg.on_memory_fault(v, gpa, size, to_private);
	return vm_convert(v->vm, gpa, size, to_private);
}

/* A HLT of a waiting guest is no exit worth a record. */
static bool guest_waits(struct vcpu *v)
{
	if (v->vm->cfg.realmode >> v->index & 1)
		return false;
	return vm_status(v->vm, v->index)->state == CPU_WAITING;
}

/* 0: enter the guest again; 1: the script is done; -1: the VM has ended */
static int handle_exit(struct vcpu *v, int error)
{
	uint32_t reason = v->run->exit_reason;

	if (error == EINTR || error == EAGAIN)
		return 0;
	if (!error && reason == KVM_EXIT_HLT && guest_waits(v)) {
		pause_between_looks(v->looks++);
		return 0;
	}
	v->looks = 0;
	/* Nor is what a guest writes to its console: there is no device. */
	if (!error && reason == KVM_EXIT_IO) {
		if (v->vm->cfg.on_out)
			v->vm->cfg.on_out(v, v->run->io.port);
		return 0;
	}
	note_exit(v, error);
	if (error == EFAULT && reason == KVM_EXIT_MEMORY_FAULT)
		return handle_memory_fault(v);
	if (error)
		return -1;
	switch (reason) {
	case KVM_EXIT_HYPERCALL:
		return handle_hypercall(v);
	case KVM_EXIT_HLT:
		return 1;
	default:
		return -1;
	}
}

int vcpu_run_once(struct vcpu *v)
{
	int error = ioctl(v->fd, KVM_RUN, 0) ? errno : 0;

	return handle_exit(v, error);
}

void vcpu_nmi(struct vcpu *v)
{
	if (ioctl(v->fd, KVM_NMI))
		vmm_die("KVM_NMI: %s", strerror(errno));
}

void vcpu_interrupt(struct vcpu *v)
{
	struct kvm_interrupt i = { GUEST_IRQ_VECTOR };

	if (ioctl(v->fd, KVM_INTERRUPT, &i))
		vmm_die("KVM_INTERRUPT: %s", strerror(errno));
}

int vcpu_prefault(struct vcpu *v, uint64_t gpa, uint64_t size)
{
	struct kvm_pre_fault_memory r = { .gpa = gpa, .size = size };

	/* It tells what is left when a signal has come, or an error after the first page. */
	while (r.size) {
		if (ioctl(v->fd, KVM_PRE_FAULT_MEMORY, &r) && errno != EINTR && errno != EAGAIN)
			return errno;
	}
	return 0;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	int r = 0;

	while (!r && !v->stop)
		r = vcpu_run_once(v);
	if (r < 0) {
		for (unsigned int i = 0; i < v->vm->cfg.keep_running && !v->stop; i++) {
			vcpu_run_once(v);
			v->runs_after_end++;
		}
	}
	v->state = !r ? VCPU_STUCK : r > 0 ? VCPU_HALTED : VCPU_ENDED;
	return NULL;
}

/* --- threads --- */

static void on_kick(int sig)
{
	(void)sig;
}

void vm_start_vcpu(struct vm *vm, unsigned int index)
{
	struct sigaction sa = { .sa_handler = on_kick };
	struct vcpu *v = &vm->vcpu[index];

	sigaction(KICK_SIGNAL, &sa, NULL);
	v->state = VCPU_RUNNING;
	v->stop = false;
	if (pthread_create(&v->thread, NULL, vcpu_thread, v))
		vmm_die("no thread for vCPU %u", index);
	v->started = true;
}

void vm_start(struct vm *vm)
{
	if (!vm->launched)
		vm_launch(vm);
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		if (vm->vcpu[i].run)
			vm_start_vcpu(vm, i);
	}
}

void vm_add_vcpu(struct vm *vm, unsigned int index)
{
	vcpu_create(vm, index);
}

static bool running(const struct vcpu *v)
{
	return v->started && v->state == VCPU_RUNNING;
}

static bool any_running(const struct vm *vm)
{
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		if (running(&vm->vcpu[i]))
			return true;
	}
	return false;
}

void vm_stop(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		if (!v->started)
			continue;
		v->stop = true;
		v->run->immediate_exit = 1;
		/* The signal may come before KVM_RUN; immediate_exit closes that gap. */
		pthread_kill(v->thread, KICK_SIGNAL);
		pthread_join(v->thread, NULL);
		v->run->immediate_exit = 0;
		v->started = false;
	}
}

bool vm_wait(struct vm *vm, unsigned int timeout_ms)
{
	uint64_t end = now_us() + timeout_ms * 1000ull;
	bool done;

	for (unsigned int looks = 0; any_running(vm) && now_us() < end; looks++)
		pause_between_looks(looks);
	done = !any_running(vm);
	vm_stop(vm);
	return done;
}

bool vm_wait_halted(const struct vm *vm, unsigned int index, unsigned int timeout_ms)
{
	const struct vcpu *v = &vm->vcpu[index];
	uint64_t end = now_us() + timeout_ms * 1000ull;

	for (unsigned int looks = 0; running(v) && now_us() < end; looks++)
		pause_between_looks(looks);
	return v->state == VCPU_HALTED;
}

/* --- what happened --- */

unsigned int vcpu_count_exits(const struct vcpu *v, uint32_t reason)
{
	unsigned int n = 0, all = __atomic_load_n(&v->nexits, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < all && i < VCPU_MAX_EXITS; i++)
		n += v->exits[i].reason == reason;
	return n;
}

const struct vm_exit *vcpu_exit(const struct vcpu *v, uint32_t reason, unsigned int n)
{
	unsigned int all = __atomic_load_n(&v->nexits, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < all && i < VCPU_MAX_EXITS; i++) {
		if (v->exits[i].reason == reason && !n--)
			return &v->exits[i];
	}
	return NULL;
}

const char *exit_name(uint32_t reason)
{
	switch (reason) {
	case KVM_EXIT_UNKNOWN:
		return "UNKNOWN";
	case KVM_EXIT_HYPERCALL:
		return "HYPERCALL";
	case KVM_EXIT_HLT:
		return "HLT";
	case KVM_EXIT_SHUTDOWN:
		return "SHUTDOWN";
	case KVM_EXIT_FAIL_ENTRY:
		return "FAIL_ENTRY";
	case KVM_EXIT_INTERNAL_ERROR:
		return "INTERNAL_ERROR";
	case KVM_EXIT_SYSTEM_EVENT:
		return "SYSTEM_EVENT";
	case KVM_EXIT_MEMORY_FAULT:
		return "MEMORY_FAULT";
	default:
		return "other";
	}
}
