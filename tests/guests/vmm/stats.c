// SPDX-License-Identifier: GPL-2.0-only
/* KVM's own counters of a vCPU (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vmm.h"

/* Where the counter is in the file; 0 if there is none of that name. */
static uint64_t find(int fd, const char *name)
{
	struct kvm_stats_header h;
	uint64_t at = 0;
	size_t size;
	char *all;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h))
		return 0;
	size = sizeof(struct kvm_stats_desc) + h.name_size;
	all = calloc(h.num_desc, size);
	if (all && pread(fd, all, h.num_desc * size, h.desc_offset) ==
		   (ssize_t)(h.num_desc * size)) {
		for (uint32_t i = 0; i < h.num_desc; i++) {
			const struct kvm_stats_desc *d = (void *)(all + i * size);

			if (!strcmp(d->name, name))
				at = h.data_offset + d->offset;
		}
	}
	free(all);
	return at;
}

uint64_t vcpu_all_exits(struct vcpu *v)
{
	uint64_t n;

	if (!v->exits_at) {
		v->stats = ioctl(v->fd, KVM_GET_STATS_FD, NULL);
		if (v->stats < 0)
			vmm_die("KVM_GET_STATS_FD: %s", strerror(errno));
		v->exits_at = find(v->stats, "exits");
	}
	if (!v->exits_at || pread(v->stats, &n, sizeof(n), v->exits_at) != sizeof(n))
		vmm_die("KVM does not count the exits of vCPU %u", v->index);
	return n;
}
