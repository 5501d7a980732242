// SPDX-License-Identifier: GPL-2.0-only
/*
 * BPF programs at the functions that the module hooks, as bpftrace has them: they come and
 * go as they like, before the module and after it, and neither notices the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "btf_edit.h"
#include "guard.h"
#include "module.h"

static const char *const functions[] = {
	"kvm_arch_init_vm", "kvm_arch_destroy_vm", "kvm_arch_vcpu_ioctl_run",
	"kvm_mmu_page_fault", "kvm_gmem_populate", "kvm_arch_prepare_memory_region",
	"kvm_arch_vcpu_pre_fault_memory", "kvm_gmem_fallocate",
};

#define NR_FUNCTIONS	(sizeof(functions) / sizeof(*functions))
#define NR_PROGRAMS	(2 * NR_FUNCTIONS)	/* at the start and at the end of each */

static int program[NR_PROGRAMS], attached[NR_PROGRAMS];

static int bpf(int cmd, union bpf_attr *a)
{
	return syscall(__NR_bpf, cmd, a, sizeof(*a));
}

/* --- BTF --- */

/* What comes after a type, in bytes (Documentation/bpf/btf.rst). */
static size_t rest_of(const struct btf_type *t)
{
	size_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return 12 * n;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return 8 * n;
	}
	return 0;
}

static void *read_whole(const char *path)
{
	struct stat st;
	uint8_t *buf;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0, r;

	if (fd < 0 || fstat(fd, &st))
		give_up("%s: %s", path, strerror(errno));
	buf = malloc(st.st_size);
	while (n < st.st_size && (r = read(fd, buf + n, st.st_size - n)) > 0)
		n += r;
	close(fd);
	return buf;
}

/*
 * The number of a function in a BTF whose first type is number @first, and whose strings
 * come after @strings bytes of another one's; without @name, how many types there are.
 */
static uint32_t find_type(const void *btf, const char *name, uint32_t first, uint32_t strings)
{
	const struct btf_header *h = btf;
	const char *p = (const char *)btf + h->hdr_len + h->type_off, *end = p + h->type_len;
	const char *text = (const char *)btf + h->hdr_len + h->str_off;
	uint32_t id = first;

	for (; p < end; id++) {
		const struct btf_type *t = (const void *)p;

		if (name && BTF_INFO_KIND(t->info) == BTF_KIND_FUNC && t->name_off >= strings &&
		    !strcmp(text + t->name_off - strings, name))
			return id;
		p += sizeof(*t) + rest_of(t);
	}
	return name ? 0 : id;
}

/* The kernel's own object for the BTF of kvm. */
static int open_btf_of_kvm(void)
{
	union bpf_attr a = { };

	while (!bpf(BPF_BTF_GET_NEXT_ID, &a)) {
		uint32_t id = a.next_id;
		char name[64] = "";
		struct bpf_btf_info info = { .name = (uint64_t)name, .name_len = sizeof(name) };
		int fd;

		a = (union bpf_attr){ .btf_id = id };
		fd = bpf(BPF_BTF_GET_FD_BY_ID, &a);
		a = (union bpf_attr){ };
		a.info.bpf_fd = fd;
		a.info.info_len = sizeof(info);
		a.info.info = (uint64_t)&info;
		if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &a) && !strcmp(name, "kvm"))
			return fd;
		close(fd);
		a = (union bpf_attr){ .start_id = id };
	}
	give_up("the kernel has no BTF object of kvm");
}

/* --- programs --- */

/* A program that does nothing, at the start or at the end of a function. */
static int load_program(int btf, uint32_t function, bool at_end)
{
	static const struct bpf_insn do_nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr a = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.expected_attach_type = at_end ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY,
		.insns = (uint64_t)do_nothing,
		.insn_cnt = 2,
		.license = (uint64_t)"GPL",
		.attach_btf_obj_fd = btf,
		.attach_btf_id = function,
	};

	return bpf(BPF_PROG_LOAD, &a);
}

static void attach(void)
{
	void *kernel = read_whole(BTF_OF_KERNEL), *kvm = read_whole(BTF_OF_KVM);
	uint32_t first = find_type(kernel, NULL, 1, 0);
	uint32_t strings = ((struct btf_header *)kernel)->str_len;
	int btf = open_btf_of_kvm();

	check(!file_write("/proc/sys/kernel/bpf_stats_enabled", "1"), "bpf_stats_enabled");
	for (unsigned int i = 0; i < NR_PROGRAMS; i++) {
		const char *name = functions[i / 2], *where = i % 2 ? "end" : "start";
		union bpf_attr a = { };

		program[i] = load_program(btf, find_type(kvm, name, first, strings), i % 2);
		check(program[i] >= 0, "a program at the %s of %s: %s", where, name,
		      strerror(errno));
		a.raw_tracepoint.prog_fd = program[i];
		attached[i] = bpf(BPF_RAW_TRACEPOINT_OPEN, &a);
		check(attached[i] >= 0, "attaching at the %s of %s: %s", where, name,
		      strerror(errno));
	}
	close(btf);
	free(kernel);
	free(kvm);
}

static void detach(void)
{
	for (unsigned int i = 0; i < NR_PROGRAMS; i++) {
		close(attached[i]);
		close(program[i]);
	}
}

static struct bpf_prog_info info_of(unsigned int i)
{
	struct bpf_prog_info info = { };
	union bpf_attr a = { };

	a.info.bpf_fd = program[i];
	a.info.info_len = sizeof(info);
	a.info.info = (uint64_t)&info;
	check(!bpf(BPF_OBJ_GET_INFO_BY_FD, &a), "BPF_OBJ_GET_INFO_BY_FD: %s", strerror(errno));
	return info;
}

/* A guest is guarded, and the programs at what it goes through see it. */
static void guards_and_is_seen(void)
{
	uint64_t before[NR_PROGRAMS];

	for (unsigned int i = 0; i < NR_PROGRAMS; i++)
		before[i] = info_of(i).run_cnt;
	guards_a_guest();
	/* A VM has no need of the last two. */
	for (unsigned int i = 0; i < NR_PROGRAMS - 4; i++) {
		struct bpf_prog_info info = info_of(i);

		check(info.run_cnt > before[i],
		      "the program at the %s of %s saw nothing (%llu runs, %llu ns, %llu missed)",
		      i % 2 ? "end" : "start", functions[i / 2], info.run_cnt,
		      info.run_time_ns, info.recursion_misses);
	}
}

static void after(const void *arg)
{
	(void)arg;
	attach();
	guards_and_is_seen();
	detach();
	guards_a_guest();
}

static void before(const void *arg)
{
	(void)arg;
	attach();
	check(!module_load(""), "insmod among BPF programs");
	guards_and_is_seen();
	check(!module_unload(MODULE_NAME), "rmmod among BPF programs");
	check(!module_load(""), "insmod again");
	guards_and_is_seen();
	detach();
	guards_a_guest();
	check(!module_unload(MODULE_NAME), "rmmod");
}

static const struct scenario scenarios[] = {
	{ "lifecycle.bpf_after", after, NULL, SC_SLOW | SC_BPF },
	{ "lifecycle.bpf_before", before, NULL, SC_UNLOADED | SC_SLOW | SC_BPF },
};

GROUP(bpf_group, scenarios);
