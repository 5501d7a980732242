// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the firmware is asked, and whose a page is meanwhile: here a page that is not the
 * host's can't be touched.
 */
#include "test.h"

#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/psp.h>
#include <linux/psp-sev.h>
#include <asm/pgtable_types.h>
#include <asm/sev.h>
#include <asm/svm.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware.h"

#define CONTEXT		0x8000000012345000ULL
#define SOURCE		0x123456000ULL

/* RECLAIMED: the firmware has done its part, and the RMP still says that it is not ours. */
enum owner { NOBODY, HOST, FIRMWARE, RECLAIMED };

static struct {
	bool has_do_cmd, has_alloc;
	int held_do_cmd, held_alloc;

	bool no_memory;
	int decrypt_error, decrypt_status;
	int reclaim_error, shared_error;
	u8 content;

	void *page;		/* the one that there is */
	enum owner owner;
	unsigned int allocated, freed;
	unsigned int decrypts, reclaims;
	unsigned int printed;
	char log[256];
} psp;

/* In place of KVM's own structs. */
struct svm_vcpu {
	u64 skip;
	struct kvm_vcpu vcpu;
	struct vmcb *vmcb;
};

struct svm_vm {
	struct kvm kvm;
	u64 policy;
	void *context;
};

static void own(enum owner owner)
{
	psp.owner = owner;
	mprotect(psp.page, PAGE_SIZE, owner == HOST ? PROT_READ | PROT_WRITE : PROT_NONE);
}

int printk(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(psp.log, sizeof(psp.log), fmt, args);
	va_end(args);
	psp.printed++;
	return n;
}

void *unit_symbol_get(const char *name)
{
	if (!strcmp(name, "sev_do_cmd") && psp.has_do_cmd) {
		psp.held_do_cmd++;
		return sev_do_cmd;
	}
	if (!strcmp(name, "snp_alloc_firmware_page") && psp.has_alloc) {
		psp.held_alloc++;
		return snp_alloc_firmware_page;
	}
	return NULL;
}

void unit_symbol_put(const char *name)
{
	int *held = !strcmp(name, "sev_do_cmd") ? &psp.held_do_cmd : &psp.held_alloc;

	assert_int_equal(*held, 1);
	--*held;
}

void *snp_alloc_firmware_page(gfp_t gfp)
{
	if (psp.no_memory)
		return NULL;
	assert_int_equal(psp.owner, NOBODY);
	psp.page = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(psp.page, MAP_FAILED);
	psp.allocated++;
	own(FIRMWARE);
	return psp.page;
}

static void decrypt(const struct sev_data_snp_dbg *dbg)
{
	psp.decrypts++;
	assert_int_equal(dbg->gctx_paddr, CONTEXT);
	assert_int_equal(dbg->src_addr, SOURCE);
	assert_int_equal(dbg->dst_addr, __psp_pa(psp.page));
	assert_int_equal(psp.owner, FIRMWARE);
	if (psp.decrypt_error)
		return;
	own(HOST);
	memset(psp.page, psp.content, PAGE_SIZE);
	own(FIRMWARE);
}

int sev_do_cmd(int cmd, void *data, int *status)
{
	const struct sev_data_snp_page_reclaim *reclaim = data;

	assert_int_equal(psp.held_do_cmd, 1);
	if (cmd == SEV_CMD_SNP_DBG_DECRYPT) {
		decrypt(data);
		*status = psp.decrypt_status;
		return psp.decrypt_error;
	}
	assert_int_equal(cmd, SEV_CMD_SNP_PAGE_RECLAIM);
	psp.reclaims++;
	assert_int_equal(reclaim->paddr, __psp_pa(psp.page));
	assert_int_equal(psp.owner, FIRMWARE);
	if (!psp.reclaim_error)
		own(RECLAIMED);
	*status = psp.reclaim_error ? 0x1f : 0;
	return psp.reclaim_error;
}

struct page *virt_to_page(const void *p)
{
	return (struct page *)p;
}

unsigned long page_to_pfn(const struct page *page)
{
	return (unsigned long)page >> PAGE_SHIFT;
}

int rmp_make_shared(u64 pfn, enum pg_level level)
{
	assert_int_equal(pfn, (unsigned long)psp.page >> PAGE_SHIFT);
	assert_int_equal(level, PG_LEVEL_4K);
	assert_int_equal(psp.owner, RECLAIMED);
	if (!psp.shared_error)
		own(HOST);
	return psp.shared_error;
}

/* Nothing of a guest's is left in it. */
void free_page(unsigned long p)
{
	unsigned int i;

	assert_ptr_equal((void *)p, psp.page);
	assert_int_equal(psp.owner, HOST);
	for (i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((u8 *)p)[i], 0);
	munmap(psp.page, PAGE_SIZE);
	psp.owner = NOBODY;
	psp.freed++;
}

static int set_up(void **state)
{
	memset(&psp, 0, sizeof(psp));
	psp.has_do_cmd = true;
	psp.has_alloc = true;
	psp.content = 0x77;
	rmpe_firmware_shape = (struct rmpe_firmware_shape){
		.known = true,
		.vmcb = offsetof(struct svm_vcpu, vmcb) - offsetof(struct svm_vcpu, vcpu),
		.context = offsetof(struct svm_vm, context),
		.policy = offsetof(struct svm_vm, policy),
	};
	return rmpe_firmware_init() ? -1 : 0;
}

/* All pages have come back, and the driver may be unloaded. */
static int tear_down(void **state)
{
	rmpe_firmware_exit();
	return psp.held_do_cmd || psp.held_alloc || psp.allocated != psp.freed;
}

static void driver_is_held(void **state)
{
	assert_int_equal(psp.held_do_cmd, 1);
	assert_int_equal(psp.held_alloc, 1);
	assert_true(rmpe_firmware_usable());
	rmpe_firmware_exit();
	assert_int_equal(psp.held_do_cmd, 0);
	assert_int_equal(psp.held_alloc, 0);
	assert_false(rmpe_firmware_usable());
	/* Twice does not hurt: it may not have been found at all. */
	rmpe_firmware_exit();
}

/* Each costs the records their rip, and no more; the reason is for people. */
static void cannot_be_asked(const char *part)
{
	const char *why = rmpe_firmware_init();
	void *page;

	assert_non_null(why);
	assert_non_null(strstr(why, part));
	assert_false(rmpe_firmware_usable());
	assert_int_equal(rmpe_firmware_decrypt(CONTEXT, SOURCE, &page), -EIO);
	assert_int_equal(psp.held_do_cmd, 0);
	assert_int_equal(psp.held_alloc, 0);
	assert_int_equal(psp.allocated, 0);
}

static void without_what_it_takes(void **state)
{
	rmpe_firmware_exit();
	rmpe_firmware_shape.known = false;
	cannot_be_asked("BTF");
	rmpe_firmware_shape.known = true;
	psp.has_do_cmd = false;
	cannot_be_asked("sev_do_cmd()");
	psp.has_do_cmd = true;
	psp.has_alloc = false;
	cannot_be_asked("snp_alloc_firmware_page()");
}

static void page_is_read(void **state)
{
	void *page = NULL;
	unsigned int i;

	assert_int_equal(rmpe_firmware_decrypt(CONTEXT, SOURCE, &page), 0);
	assert_ptr_equal(page, psp.page);
	assert_int_equal(psp.owner, HOST);
	for (i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((u8 *)page)[i], 0x77);
	assert_int_equal(psp.freed, 0);
	rmpe_firmware_free(page);
	assert_int_equal(psp.freed, 1);
	assert_int_equal(psp.decrypts, 1);
	assert_int_equal(psp.reclaims, 1);
	assert_int_equal(psp.printed, 0);
}

static void cannot_be_read(int error, int status, int should)
{
	const unsigned int before = psp.freed;
	void *page = &page;

	psp.decrypt_error = error;
	psp.decrypt_status = status;
	assert_int_equal(rmpe_firmware_decrypt(CONTEXT, SOURCE, &page), should);
	assert_ptr_equal(page, &page);
	assert_int_equal(psp.owner, NOBODY);
	assert_int_equal(psp.freed, before + 1);
	assert_int_equal(psp.reclaims, psp.decrypts);
	assert_true(rmpe_firmware_usable());
	assert_int_equal(psp.printed, 0);
}

/* A refusal for ever is told apart from one of this page. */
static void page_is_refused(void **state)
{
	void *page;

	cannot_be_read(-EIO, SEV_RET_POLICY_FAILURE, -EPERM);
	cannot_be_read(-EIO, 0x16, -EIO);		/* invalid address */
	cannot_be_read(-EBUSY, 0, -EIO);
	cannot_be_read(-ETIMEDOUT, 0, -EIO);
	psp.decrypt_error = 0;
	assert_int_equal(rmpe_firmware_decrypt(CONTEXT, SOURCE, &page), 0);
	rmpe_firmware_free(page);
}

static void no_memory(void **state)
{
	void *page;

	psp.no_memory = true;
	assert_int_equal(rmpe_firmware_decrypt(CONTEXT, SOURCE, &page), -ENOMEM);
	assert_int_equal(psp.decrypts, 0);
	assert_int_equal(psp.reclaims, 0);
	assert_true(rmpe_firmware_usable());
}

#define must(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);	\
		_exit(1);						\
	}								\
} while (0)

/* It is for ever, so each has a process of its own. */
static void in_another_process(void (*f)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		f();
		exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void page_does_not_come_back(void)
{
	void *page = &page;

	must(rmpe_firmware_decrypt(CONTEXT, SOURCE, &page) == -EIO);
	must(page == &page);
	/* Neither freed nor looked at, nor given to anybody else. */
	must(psp.owner != HOST && psp.owner != NOBODY && !psp.freed);
	must(psp.allocated == 1 && psp.decrypts == 1 && psp.reclaims == 1);
	must(psp.printed == 1 && !strncmp(psp.log, "4 rmp_enforce: ", 15));
	must(strstr(psp.log, "lost"));

	/* And no more are risked. */
	must(!rmpe_firmware_usable());
	psp.reclaim_error = 0;
	psp.shared_error = 0;
	must(rmpe_firmware_decrypt(CONTEXT, SOURCE, &page) == -EIO);
	must(psp.allocated == 1 && psp.decrypts == 1 && psp.reclaims == 1);
	must(psp.printed == 1);
	rmpe_firmware_exit();
	must(!psp.held_do_cmd && !psp.held_alloc);
	must(!rmpe_firmware_init() && !rmpe_firmware_usable());
	rmpe_firmware_exit();
}

static void firmware_keeps_the_page(void **state)
{
	psp.reclaim_error = -EIO;
	in_another_process(page_does_not_come_back);
}

static void rmp_keeps_the_page(void **state)
{
	psp.shared_error = -EFAULT;
	in_another_process(page_does_not_come_back);
}

/* A refusal does not make it ours either. */
static void firmware_keeps_the_page_of_a_refusal(void **state)
{
	psp.decrypt_error = -EIO;
	psp.decrypt_status = SEV_RET_POLICY_FAILURE;
	psp.reclaim_error = -EBUSY;
	in_another_process(page_does_not_come_back);
}

static void policy_as_kvm_knows_it(void **state)
{
	struct svm_vm vm = { .policy = 0xb0000 };

	assert_int_equal(rmpe_firmware_policy(&vm.kvm), RMPE_DEBUGGABLE_YES);
	vm.policy = ~BIT_ULL(19);
	assert_int_equal(rmpe_firmware_policy(&vm.kvm), RMPE_DEBUGGABLE_NO);
	vm.policy = 0;
	assert_int_equal(rmpe_firmware_policy(&vm.kvm), RMPE_DEBUGGABLE_NO);
	rmpe_firmware_shape.policy = -1;
	assert_int_equal(rmpe_firmware_policy(&vm.kvm), RMPE_DEBUGGABLE_UNKNOWN);
}

static void addresses_as_kvm_keeps_them(void **state)
{
	struct vmcb vmcb = { .control.vmsa_pa = 0x123456000 };
	struct svm_vcpu vcpu = { .vmcb = &vmcb };
	struct svm_vm vm = { .context = &vmcb };

	assert_int_equal(rmpe_firmware_context(&vm.kvm), __psp_pa(&vmcb));
	vm.context = NULL;
	assert_int_equal(rmpe_firmware_context(&vm.kvm), 0);

	assert_int_equal(rmpe_firmware_vmsa(&vcpu.vcpu), 0x123456000);
	/* Between two save areas: another vCPU has taken this one's away. */
	vmcb.control.vmsa_pa = INVALID_PAGE;
	assert_int_equal(rmpe_firmware_vmsa(&vcpu.vcpu), 0);
	vcpu.vmcb = NULL;
	assert_int_equal(rmpe_firmware_vmsa(&vcpu.vcpu), 0);
}

#define firmware_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* As long as nobody has looked where KVM keeps it. */
static void policy_before_anything_is_known(void **state)
{
	struct kvm kvm = { };

	assert_true(rmpe_firmware_shape.policy == -1);
	assert_int_equal(rmpe_firmware_policy(&kvm), RMPE_DEBUGGABLE_UNKNOWN);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_before_anything_is_known),
		firmware_test(driver_is_held),
		firmware_test(without_what_it_takes),
		firmware_test(page_is_read),
		firmware_test(page_is_refused),
		firmware_test(no_memory),
		firmware_test(firmware_keeps_the_page),
		firmware_test(rmp_keeps_the_page),
		firmware_test(firmware_keeps_the_page_of_a_refusal),
		firmware_test(policy_as_kvm_knows_it),
		firmware_test(addresses_as_kvm_keeps_them),
	};

	return cmocka_run_group_tests_name("firmware", tests, NULL, NULL);
}
