// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/rmp_enforce: which files there are, who may read them, and what those
 * of a VM's pages say (docs/ABI/debugfs-rmp_enforce).
 */
#include "debugfs_reader.h"

static struct inode inode = { .i_ino = 7 };

static int set_up(void **state)
{
	begin_kvm();
	fake_gmem.f_inode = &inode;
	begin_debugfs();
	return 0;
}

static int tear_down(void **state)
{
	unit_debugfs_fail(0, 0);
	end_debugfs();
	xa_destroy(&fake_gmem.f_mapping->i_pages);
	return end_kvm() || host.file_refs || unit_mutexes();
}

/* --- which files --- */

#define FILES(id)					\
	"dir rmp_enforce/" id "\n"			\
	"0400 rmp_enforce/" id "/page_state\n"		\
	"0400 rmp_enforce/" id "/memory\n"		\
	"0400 rmp_enforce/" id "/psc_history\n"		\
	"0400 rmp_enforce/" id "/holes\n"		\
	"0400 rmp_enforce/" id "/psc_unused\n"		\
	"0400 rmp_enforce/" id "/violations\n"		\
	"0400 rmp_enforce/" id "/sites\n"

#define TOP_FILES	"dir rmp_enforce\n0400 rmp_enforce/ended\n"

static void assert_files(const char *files)
{
	char list[2048];

	unit_debugfs_list(list, sizeof(list));
	assert_string_equal(list, files);
}

/* Only root may read them. */
static void files(void **state)
{
	assert_files(TOP_FILES FILES("7"));
	rmpe_debugfs_remove_vm(vm);
	assert_files(TOP_FILES);
	rmpe_debugfs_add_vm(vm);
	rmpe_debugfs_exit();
	assert_files("");
	vm->dentry = NULL;
	rmpe_debugfs_init();
}

/* Each of the largest number that there may be, and each its own. */
static void several_vms(void **state)
{
	struct rmpe_vm *other = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);

	assert_non_null(other);
	other->id = ~0ULL;
	rmpe_debugfs_add_vm(other);
	assert_files(TOP_FILES FILES("7") FILES("18446744073709551615"));
	ask(0x10, 1, RMPE_PAGE_SHARED);
	assert_reads("7/page_state",
		     "gfn=0x10 last=0x10 state=shared source=psc asked=shared\n");
	assert_reads("18446744073709551615/page_state", "");
	rmpe_debugfs_remove_vm(other);
	rmpe_vm_release(other);
	assert_files(TOP_FILES FILES("7"));
}

/* Nothing depends on them: neither if debugfs is off, nor without memory half way. */
static void what_can_not_be_made(void **state)
{
	unsigned int nth;

	rmpe_debugfs_remove_vm(vm);
	for (nth = 1; nth <= 8; nth++) {
		unit_debugfs_fail(nth, nth % 2 ? -ENODEV : -ENOMEM);
		rmpe_debugfs_add_vm(vm);
		unit_debugfs_fail(0, 0);
		rmpe_debugfs_remove_vm(vm);
		assert_files(TOP_FILES);
	}
	rmpe_debugfs_exit();
	unit_debugfs_fail(1, -ENODEV);
	rmpe_debugfs_init();
	unit_debugfs_fail(0, 0);
	rmpe_debugfs_add_vm(vm);
	assert_files("");
	rmpe_debugfs_remove_vm(vm);
	rmpe_debugfs_exit();
	vm->dentry = NULL;
	rmpe_debugfs_init();
}

/* Who has a file open of a VM that ends reads no more. */
static void ends_while_open(void **state)
{
	struct unit_debugfs_file *f = unit_debugfs_open("rmp_enforce/7/page_state");
	char buf[16];

	assert_non_null(f);
	ask(0x10, 1, RMPE_PAGE_SHARED);
	assert_int_equal(unit_debugfs_read(f, buf, 8), 8);
	assert_memory_equal(buf, "gfn=0x10", 8);
	rmpe_debugfs_remove_vm(vm);
	assert_int_equal(unit_debugfs_read(f, buf, 8), -EIO);
	unit_debugfs_close(f);
	assert_null(unit_debugfs_open("rmp_enforce/7/page_state"));
	vm->dentry = NULL;
}

/* --- page_state --- */

static void use(gfn_t gfn, enum rmpe_page_state state)
{
	mutex_lock(&vm->lock);
	rmpe_vm_set_used(vm, gfn, state);
	mutex_unlock(&vm->lock);
}

static void page_states(void **state)
{
	assert_reads("7/page_state", "");
	ask(0, 2, RMPE_PAGE_LAUNCHED);
	ask(0x100, 0x100, RMPE_PAGE_PRIVATE);
	ask(0x200, 1, RMPE_PAGE_SHARED);
	ask(0x300000000, 0x2000, RMPE_PAGE_PRIVATE);
	use(0x1, RMPE_PAGE_SHARED);
	use(0x110, RMPE_PAGE_SHARED);
	use(0x200, RMPE_PAGE_PRIVATE);
	use(0x300, RMPE_PAGE_PRIVATE);
	ask(RMPE_MAX_GFNS - 1, 1, RMPE_PAGE_SHARED);
	assert_reads("7/page_state",
		     "gfn=0x0 last=0x0 state=launched source=launch asked=launched\n"
		     "gfn=0x1 last=0x1 state=shared source=use asked=launched\n"
		     "gfn=0x100 last=0x10f state=private source=psc asked=private\n"
		     "gfn=0x110 last=0x110 state=shared source=use asked=private\n"
		     "gfn=0x111 last=0x1ff state=private source=psc asked=private\n"
		     "gfn=0x200 last=0x200 state=private source=use asked=shared\n"
		     "gfn=0x300 last=0x300 state=private source=use asked=none\n"
		     "gfn=0x300000000 last=0x300001fff state=private source=psc asked=private\n"
		     "gfn=0xffffffffff last=0xffffffffff state=shared source=psc asked=shared\n");
}

/* More than a reader's buffer holds. */
static void many_runs(void **state)
{
	static char text[0x8000];
	size_t n = 0;
	gfn_t gfn;

	for (gfn = 0x1000; gfn < 0x1200; gfn += 2) {
		ask(gfn, 1, RMPE_PAGE_SHARED);
		n += sprintf(text + n, "gfn=0x%llx last=0x%llx state=shared source=psc asked=shared\n",
			     gfn, gfn);
	}
	assert_true(n > 2 * PAGE_SIZE);
	assert_reads("7/page_state", text);
}

/* --- memory --- */

static void memory(void **state)
{
	assert_reads("7/memory", "");
	show_slot(&(struct kvm_memory_slot){
		.base_gfn = 0x100,
		.npages = 0x100,
		.flags = KVM_MEM_GUEST_MEMFD,
		.gmem = { .file = &fake_gmem, .pgoff = 5 },
	});
	vm->coming = rmpe_backing_of(&slots[0]);
	/* It has come: this looks. */
	assert_reads("7/memory", "gfn=0x100 last=0x1ff\n");
	vm->coming = (struct rmpe_backing){ };
	slots[0].base_gfn = 0x500000000;
	slots[0].npages = 1;
	slots[0].gmem.pgoff = 0x1000;
	vm->coming = rmpe_backing_of(&slots[0]);
	assert_reads("7/memory",
		     "gfn=0x100 last=0x1ff\ngfn=0x500000000 last=0x500000000\n");
}

/* It settles what page_state shows, too: a page of new memory is not what it was. */
static void settles_first(void **state)
{
	struct unit_debugfs_file *f = unit_debugfs_open("rmp_enforce/7/page_state");
	char buf[8];

	assert_non_null(f);
	show_slot(&(struct kvm_memory_slot){
		.base_gfn = 0x100,
		.npages = 0x100,
		.flags = KVM_MEM_GUEST_MEMFD,
		.gmem = { .file = &fake_gmem },
	});
	vm->coming = rmpe_backing_of(&slots[0]);
	assert_int_equal(unit_debugfs_read(f, buf, sizeof(buf)), 0);
	unit_debugfs_close(f);
	assert_int_equal(vm->backings.nr, 1);
	assert_int_equal(vm->coming.end, 0);
}

/* --- psc_unused --- */

static void unused(void **state)
{
	static char page;

	show_slot(&(struct kvm_memory_slot){
		.base_gfn = 0x300000000,
		.npages = 0x100000,
		.flags = KVM_MEM_GUEST_MEMFD,
		.gmem = { .file = &fake_gmem },
	});
	assert_reads("7/psc_unused", "");
	ask(0x300000010, 0x10, RMPE_PAGE_PRIVATE);
	ask(0x300000100, 1, RMPE_PAGE_PRIVATE);
	ask(0x300001000, 0x41000, RMPE_PAGE_PRIVATE);
	unit_xa_store(&fake_gmem.f_mapping->i_pages, 0x14, 0, &page);
	assert_reads("7/psc_unused",
		     "gfn=0x300000010 last=0x300000013\n"
		     "gfn=0x300000015 last=0x30000001f\n"
		     "gfn=0x300000100 last=0x300000100\n"
		     "gfn=0x300001000 last=0x300040fff\n"
		     "gfn=0x300041000 last=0x300041fff\n");
}

/* Nothing is locked between finding it and showing it. */
static unsigned int locks;
static void use_it_at_the_third(void)
{
	static char page;

	if (++locks == 3)
		unit_xa_store(&fake_gmem.f_mapping->i_pages, 0x10, 0, &page);
	unit_before_lock = use_it_at_the_third;
}

static void used_while_read(void **state)
{
	struct unit_debugfs_file *f = unit_debugfs_open("rmp_enforce/7/psc_unused");
	char buf[64];

	show_slot(&(struct kvm_memory_slot){
		.npages = 0x100,
		.flags = KVM_MEM_GUEST_MEMFD,
		.gmem = { .file = &fake_gmem },
	});
	ask(0x10, 1, RMPE_PAGE_PRIVATE);
	locks = 0;
	unit_before_lock = use_it_at_the_third;
	assert_int_equal(unit_debugfs_read(f, buf, sizeof(buf)), 0);
	unit_before_lock = NULL;
	assert_true(locks > 3);
	unit_debugfs_close(f);
}

/* --- holes --- */

static void hole(gfn_t gfn, u64 npages, u64 when_ns)
{
	const struct rmpe_map_event ev = { .gfn = gfn, .npages = npages, .when_ns = when_ns };

	mutex_lock(&vm->lock);
	rmpe_map_add(&vm->holes, &ev);
	rmpe_vm_update_watch(vm);
	mutex_unlock(&vm->lock);
}

#define TICK	(1ULL << 20)	/* how exact the time of a hole is, in ns */

static void holes(void **state)
{
	assert_reads("7/holes", "");
	hole(0, 1, NOW - 1000 * TICK);
	hole(0x100, 4, NOW);
	hole(0x104, 1, NOW - 1000 * TICK);
	hole(0x300000000, 0x200, NOW - 1000 * TICK);
	assert_reads("7/holes",
		     "gfn=0x0 last=0x0 age_us=1048576\n"
		     "gfn=0x100 last=0x103 age_us=0\n"
		     "gfn=0x104 last=0x104 age_us=1048576\n"
		     "gfn=0x300000000 last=0x3000001ff age_us=1048576\n");
	ask(0x101, 1, RMPE_PAGE_PRIVATE);
	ask(0x300000000, 0x200, RMPE_PAGE_SHARED);
	assert_reads("7/holes",
		     "gfn=0x0 last=0x0 age_us=1048576\n"
		     "gfn=0x100 last=0x100 age_us=0\n"
		     "gfn=0x102 last=0x103 age_us=0\n"
		     "gfn=0x104 last=0x104 age_us=1048576\n");
}

/* The line that was to come next has gone: it goes on with the one after. */
static void a_hole_goes_while_read(void **state)
{
	struct unit_debugfs_file *f = unit_debugfs_open("rmp_enforce/7/holes");
	char buf[64];
	ssize_t n;

	hole(0x10, 1, NOW);
	hole(0x20, 4, NOW);
	hole(0x30, 1, NOW);
	assert_int_equal(unit_debugfs_read(f, buf, 8), 8);
	ask(0x20, 2, RMPE_PAGE_PRIVATE);
	assert_int_equal(unit_debugfs_read(f, buf, 20), 20);
	n = unit_debugfs_read(f, buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = 0;
	assert_string_equal(buf, "gfn=0x22 last=0x23 age_us=0\ngfn=0x30 last=0x30 age_us=0\n");
	unit_debugfs_close(f);
}

#define DEBUGFS_TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEBUGFS_TEST(files),
		DEBUGFS_TEST(several_vms),
		DEBUGFS_TEST(what_can_not_be_made),
		DEBUGFS_TEST(ends_while_open),
		DEBUGFS_TEST(page_states),
		DEBUGFS_TEST(many_runs),
		DEBUGFS_TEST(memory),
		DEBUGFS_TEST(settles_first),
		DEBUGFS_TEST(unused),
		DEBUGFS_TEST(used_while_read),
		DEBUGFS_TEST(holes),
		DEBUGFS_TEST(a_hole_goes_while_read),
	};

	return cmocka_run_group_tests_name("debugfs", tests, NULL, NULL);
}
