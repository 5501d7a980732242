// SPDX-License-Identifier: GPL-2.0-only
/* A VM from creation to destruction, and the image that is launched in it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm_para.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "vmm.h"

#define PTE_PRESENT_RW	0x003ull
#define PDE_LARGE	0x080ull
#define SIZE_2M		0x200000ull

void vmm_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("# vmm: ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	fflush(stdout);
	_exit(2);
}

/* Position of the C-bit: CPUID 8000001F EBX[5:0] as KVM offers it. */
static uint64_t find_cbit(int kvm)
{
	struct {
		struct kvm_cpuid2 h;
		struct kvm_cpuid_entry2 e[256];
	} *c = calloc(1, sizeof(*c));
	uint64_t mask = 0;

	c->h.nent = 256;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c))
		vmm_die("KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	for (unsigned int i = 0; i < c->h.nent; i++) {
		if (c->e[i].function == 0x8000001f)
			mask = 1ull << (c->e[i].ebx & 0x3f);
	}
	free(c);
	if (!mask)
		vmm_die("KVM offers no memory encryption to guests");
	return mask;
}

struct vm *vm_create(const struct vm_config *cfg)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_HYPERCALL,
		.args[0] = 1 << KVM_HC_MAP_GPA_RANGE,
	};
	struct kvm_sev_init init = { 0 };

	if (cfg)
		vm->cfg = *cfg;
	if (!vm->cfg.nvcpus)
		vm->cfg.nvcpus = 1;
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		vmm_die("/dev/kvm: %s", strerror(errno));
	vm->sev = open("/dev/sev", O_RDWR | O_CLOEXEC);
	if (vm->sev < 0)
		vmm_die("/dev/sev: %s", strerror(errno));
	vm->cbit = find_cbit(vm->kvm);
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, KVM_X86_SNP_VM);
	if (vm->fd < 0)
		vmm_die("KVM_CREATE_VM of an SNP VM: %s", strerror(errno));
	if (!vm->cfg.no_map_gpa_range && ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		vmm_die("KVM_CAP_EXIT_HYPERCALL: %s", strerror(errno));
	if (vm_sev_cmd(vm, KVM_SEV_INIT2, &init))
		vmm_die("KVM_SEV_INIT2: %s", strerror(errno));
	vm_slot_add(vm, 0, 0, GUEST_MEM_SIZE);
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		vm->script[i] = calloc(1, sizeof(struct script));
		if (!(vm->cfg.late >> i & 1))
			vcpu_create(vm, i);
	}
	return vm;
}

void vm_add_launch_page(struct vm *vm, uint64_t gpa, uint64_t pages, unsigned int type,
			uint8_t fill)
{
	struct launch_page *p = calloc(1, sizeof(*p));

	*p = (struct launch_page){ vm->launch, gpa, pages, type, fill, false };
	vm->launch = p;
}

void vm_add_launched(struct vm *vm, uint64_t gpa, uint64_t pages, uint8_t fill)
{
	vm_add_launch_page(vm, gpa, pages, KVM_SEV_SNP_PAGE_TYPE_NORMAL, fill);
}

void vm_add_launch_partly(struct vm *vm, uint64_t gpa, uint64_t pages, uint8_t fill)
{
	vm_add_launched(vm, gpa, pages, fill);
	vm->launch->partly = true;
}

/* Pages from GUEST_IMAGE_GPA that are launched. */
uint64_t vm_image_pages(void)
{
	return (guest_image_end - guest_image + GUEST_PAGE - 1) / GUEST_PAGE;
}

static void *page_alloc(uint64_t pages)
{
	void *p = aligned_alloc(GUEST_PAGE, pages * GUEST_PAGE);

	if (!p)
		vmm_die("no memory");
	return memset(p, 0, pages * GUEST_PAGE);
}

static void launch_copy(struct vm *vm, uint64_t gpa, const void *src, size_t len)
{
	uint64_t pages = (len + GUEST_PAGE - 1) / GUEST_PAGE;
	void *buf = page_alloc(pages);

	memcpy(buf, src, len);
	vm_launch_update(vm, gpa, buf, pages, KVM_SEV_SNP_PAGE_TYPE_NORMAL);
	free(buf);
}

/*
 * Identity map of the private view, the same with C=0 at GUEST_SHARED_VA, all
 * in 2M entries, and an empty PD for OP_WALK.
 */
static void launch_tables(struct vm *vm)
{
	uint64_t *t = page_alloc(GUEST_TABLES_PAGES), c = vm->cbit;
	uint64_t *pml4 = t, *pdpt = t + 512, *pd_private = t + 1024, *pd_shared = t + 1536;

	pml4[0] = (GUEST_TABLES_GPA + GUEST_PAGE) | c | PTE_PRESENT_RW;
	for (unsigned int i = 0; i < 3; i++)
		pdpt[i] = (GUEST_TABLES_GPA + (2 + i) * GUEST_PAGE) | c | PTE_PRESENT_RW;
	for (uint64_t i = 0; i < 512; i++) {
		pd_private[i] = i * SIZE_2M | c | PDE_LARGE | PTE_PRESENT_RW;
		pd_shared[i] = i * SIZE_2M | PDE_LARGE | PTE_PRESENT_RW;
	}
	launch_copy(vm, GUEST_TABLES_GPA, t, GUEST_TABLES_PAGES * GUEST_PAGE);
	free(t);
}

static void launch_gdt(struct vm *vm)
{
	const uint64_t gdt[] = { 0, 0x00af9b000000ffffull, 0x00cf93000000ffffull };

	launch_copy(vm, GUEST_GDT_GPA, gdt, sizeof(gdt));
}

static void launch_vcpu(struct vm *vm, unsigned int n)
{
	struct guest_cpu_info info = { .index = n, .cbit = vm->cbit, .cold = vm->cfg.cold };
	uint64_t pages = GUEST_CPU_PAGES + GUEST_SCRIPT_PAGES;
	uint8_t *buf = page_alloc(pages), *s = buf + GUEST_CPU_PAGES * GUEST_PAGE;

	memcpy(buf, &info, sizeof(info));
	memcpy(s, vm->script[n]->op, sizeof(vm->script[n]->op));
	memcpy(s + sizeof(vm->script[n]->op), vm->script[n]->data, sizeof(vm->script[n]->data));
	vm_launch_update(vm, GUEST_CPU_GPA(n), buf, pages, KVM_SEV_SNP_PAGE_TYPE_NORMAL);
	free(buf);
}

void vm_launch(struct vm *vm)
{
	vm_launch_start(vm);
	launch_copy(vm, GUEST_REALMODE_GPA, guest_realmode, guest_realmode_end - guest_realmode);
	launch_copy(vm, GUEST_IMAGE_GPA, guest_image, guest_image_end - guest_image);
	launch_tables(vm);
	launch_gdt(vm);
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++)
		launch_vcpu(vm, i);
	for (struct launch_page *p = vm->launch; p; p = p->next) {
		void *buf = page_alloc(p->pages);

		memset(buf, p->fill, p->pages * GUEST_PAGE);
		if (p->partly)
			vm_launch_try(vm, p->gpa, buf, p->pages, p->type);
		else
			vm_launch_update(vm, p->gpa, buf, p->pages, p->type);
		free(buf);
	}
	vm_launch_finish(vm);
}

void vm_destroy(struct vm *vm)
{
	struct launch_page *p;

	vm_stop(vm);
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		free(vm->script[i]);
		if (!vm->vcpu[i].run)
			continue;
		munmap(vm->vcpu[i].run, ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
		close(vm->vcpu[i].fd);
		if (vm->vcpu[i].exits_at)
			close(vm->vcpu[i].stats);
	}
	close(vm->fd);
	for (unsigned int i = 0; i < VM_MAX_SLOTS; i++) {
		if (vm->slot[i].mem) {
			close(vm->slot[i].gmem);
			munmap(vm->slot[i].mem, vm->slot[i].size);
		}
	}
	close(vm->sev);
	close(vm->kvm);
	while ((p = vm->launch)) {
		vm->launch = p->next;
		free(p);
	}
	free(vm);
}
