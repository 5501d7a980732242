// SPDX-License-Identifier: GPL-2.0-only
/* Memory slots backed by guest_memfd, and the private/shared state of their pages. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "vmm.h"

static int set_region(struct vm *vm, unsigned int id, const struct vm_slot *s, uint64_t size)
{
	struct kvm_userspace_memory_region2 r = {
		.slot = id,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = s->gpa,
		.memory_size = size,
		.userspace_addr = (uint64_t)s->mem,
		.guest_memfd = s->gmem,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION2, &r);
}

/* Like QEMU: all of a slot is private from the start. */
void vm_slot_add(struct vm *vm, unsigned int id, uint64_t gpa, uint64_t size)
{
	struct kvm_create_guest_memfd g = { .size = size };
	struct vm_slot *s = &vm->slot[id];

	s->gpa = gpa;
	s->size = size;
	s->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->mem == MAP_FAILED)
		vmm_die("no memory for a slot of %#lx bytes", size);
	s->gmem = ioctl(vm->fd, KVM_CREATE_GUEST_MEMFD, &g);
	if (s->gmem < 0)
		vmm_die("KVM_CREATE_GUEST_MEMFD: %s", strerror(errno));
	if (set_region(vm, id, s, size))
		vmm_die("KVM_SET_USER_MEMORY_REGION2: %s", strerror(errno));
	s->used = true;
	if (vm_set_attr(vm, gpa, size, true))
		vmm_die("KVM_SET_MEMORY_ATTRIBUTES: %s", strerror(errno));
}

/* Memory without guest_memfd, as for a ROM: shared, and nothing else. */
void vm_slot_add_plain(struct vm *vm, unsigned int id, uint64_t gpa, uint64_t size)
{
	struct kvm_userspace_memory_region r = {
		.slot = id,
		.guest_phys_addr = gpa,
		.memory_size = size,
	};
	struct vm_slot *s = &vm->slot[id];

	s->gpa = gpa;
	s->size = size;
	s->gmem = -1;
	s->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->mem == MAP_FAILED)
		vmm_die("no memory for a slot of %#lx bytes", size);
	r.userspace_addr = (uint64_t)s->mem;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r))
		vmm_die("KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));
	s->used = true;
}

void vm_slot_delete(struct vm *vm, unsigned int id)
{
	struct vm_slot *s = &vm->slot[id];

	if (set_region(vm, id, s, 0))
		vmm_die("deleting slot %u: %s", id, strerror(errno));
	s->used = false;
}

void vm_slot_restore(struct vm *vm, unsigned int id, bool new_memory)
{
	struct vm_slot *s = &vm->slot[id];

	if (new_memory) {
		close(s->gmem);
		munmap(s->mem, s->size);
		vm_slot_add(vm, id, s->gpa, s->size);
		return;
	}
	if (set_region(vm, id, s, s->size))
		vmm_die("restoring slot %u: %s", id, strerror(errno));
	s->used = true;
	if (vm_set_attr(vm, s->gpa, s->size, true))
		vmm_die("KVM_SET_MEMORY_ATTRIBUTES: %s", strerror(errno));
}

struct vm_slot *vm_slot_of(struct vm *vm, uint64_t gpa)
{
	for (unsigned int i = 0; i < VM_MAX_SLOTS; i++) {
		struct vm_slot *s = &vm->slot[i];

		if (s->used && gpa >= s->gpa && gpa < s->gpa + s->size)
			return s;
	}
	return NULL;
}

void *vm_hva(struct vm *vm, uint64_t gpa)
{
	struct vm_slot *s = vm_slot_of(vm, gpa);

	if (!s)
		vmm_die("gpa %#lx is in no slot", gpa);
	return s->mem + (gpa - s->gpa);
}

int vm_set_attr(struct vm *vm, uint64_t gpa, uint64_t size, bool to_private)
{
	struct kvm_memory_attributes a = {
		.address = gpa,
		.size = size,
		.attributes = to_private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0,
	};

	return ioctl(vm->fd, KVM_SET_MEMORY_ATTRIBUTES, &a);
}

int vm_punch(struct vm *vm, uint64_t gpa, uint64_t size)
{
	struct vm_slot *s = vm_slot_of(vm, gpa);

	if (!s) {
		errno = EINVAL;
		return -1;
	}
	return fallocate(s->gmem, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, gpa - s->gpa, size);
}

int vm_unmap(struct vm *vm, uint64_t gpa, uint64_t size, bool private)
{
	return vm_set_attr(vm, gpa, size, !private) ?: vm_set_attr(vm, gpa, size, private);
}

int vm_convert(struct vm *vm, uint64_t gpa, uint64_t size, bool to_private)
{
	struct vm_slot *s = vm_slot_of(vm, gpa);

	/* A range that is not RAM can't become private; shared it is already. */
	if (!s || s->gmem < 0 || gpa + size > s->gpa + s->size) {
		errno = EINVAL;
		return to_private ? -1 : 0;
	}
	if (vm_set_attr(vm, gpa, size, to_private))
		return -1;
	if (to_private)
		return madvise(s->mem + (gpa - s->gpa), size, MADV_REMOVE);
	return vm_punch(vm, gpa, size);
}
