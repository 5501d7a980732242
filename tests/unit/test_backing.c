// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which new memslots bring back pages that the guest knows.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>

#include <string.h>

#include <unit/alloc.h>

#include "backing.h"
#include "random.h"

/* Two guest_memfds. */
static struct inode ram_inode = { .i_ino = 1 }, rom_inode = { .i_ino = 2 };
static struct file ram = { .f_inode = &ram_inode };
static struct file rom = { .f_inode = &rom_inode };

static struct rmpe_backings backings;

static int set_up(void **state)
{
	unit_reset();
	ram_inode.i_ino = 1;
	return 0;
}

static int tear_down(void **state)
{
	rmpe_backing_free(&backings);
	return unit_live_objects() != 0;
}

/* The parts of the last slot that were new. */
static struct {
	gfn_t first, end;
} parts[64];
static unsigned int nr_parts;

/*
 * A slot that shows @npages of a file from @page on, at @gfn: true if it brings back
 * what was there.
 */
static bool map_at(struct file *file, gfn_t gfn, u64 npages, u64 page)
{
	const struct kvm_memory_slot slot = {
		.base_gfn = gfn,
		.npages = npages,
		.gmem = { .file = file, .pgoff = page },
	};
	const struct rmpe_backing shown = rmpe_backing_of(&slot);
	gfn_t first, end = gfn;

	nr_parts = 0;
	while (rmpe_backing_next_new(&backings, &shown, &first, &end)) {
		assert_in_range(nr_parts, 0, ARRAY_SIZE(parts) - 1);
		/* In order, each as long as can be, all within the slot. */
		assert_true(first < end && end <= gfn + npages && first >= gfn);
		assert_true(!nr_parts || parts[nr_parts - 1].end < first);
		parts[nr_parts].first = first;
		parts[nr_parts++].end = end;
	}
	assert_int_equal(rmpe_backing_add(&backings, &shown), 0);
	return !nr_parts;
}

static void assert_parts(unsigned int n, gfn_t first, gfn_t end)
{
	assert_int_equal(nr_parts, n);
	assert_int_equal(parts[n - 1].first, first);
	assert_int_equal(parts[n - 1].end, end);
}

/* RAM as it mostly is: page n of the file is gfn n. */
static bool map_ram(gfn_t gfn, u64 npages)
{
	return map_at(&ram, gfn, npages, gfn);
}

static bool map_rom(gfn_t gfn, u64 npages)
{
	return map_at(&rom, gfn, npages, 0);
}

static struct rmpe_backing ram_at(gfn_t gfn, u64 npages)
{
	const struct kvm_memory_slot slot = {
		.base_gfn = gfn, .npages = npages,
		.gmem = { .file = &ram, .pgoff = gfn },
	};

	return rmpe_backing_of(&slot);
}

static void what_a_slot_shows(void **state)
{
	const struct kvm_memory_slot slot = {
		.base_gfn = 0x1000, .npages = 0x20,
		.gmem = { .file = &rom, .pgoff = 0x300 },
	};
	struct rmpe_backing b = rmpe_backing_of(&slot);

	assert_ptr_equal(b.inode, &rom_inode);
	assert_int_equal(b.ino, 2);
	assert_int_equal(b.first, 0x1000);
	assert_int_equal(b.end, 0x1020);
	assert_int_equal(b.offset, 0xd00);
}

/* What a slot shows is told from a copy that was made when it was prepared. */
static void slot_is_gone_meanwhile(void **state)
{
	struct rmpe_backing shown = ram_at(0, 100);
	gfn_t first, end = 0;

	ram_inode.i_ino = 77;
	assert_true(rmpe_backing_next_new(&backings, &shown, &first, &end));
	assert_int_equal(rmpe_backing_add(&backings, &shown), 0);
	end = 0;
	assert_false(rmpe_backing_next_new(&backings, &shown, &first, &end));
	assert_int_equal(backings.entry[0].ino, 1);
}

static void new_pages(void **state)
{
	assert_false(map_ram(0, 100));
	assert_false(map_ram(200, 100));
	assert_false(map_rom(1000, 100));
}

static void same_slot_again(void **state)
{
	map_ram(0, 100);
	assert_true(map_ram(0, 100));
	assert_true(map_ram(0, 100));
}

static void slot_is_split_and_joined(void **state)
{
	map_ram(0, 300);
	assert_true(map_ram(0, 100));
	assert_true(map_ram(200, 100));
	assert_true(map_ram(100, 100));
	assert_true(map_ram(0, 300));
}

static void slots_are_joined(void **state)
{
	map_ram(100, 100);
	map_ram(0, 100);
	assert_true(map_ram(0, 200));
	assert_true(map_ram(50, 100));
}

static void slot_grows(void **state)
{
	map_ram(0, 100);
	assert_false(map_ram(0, 200));
	assert_parts(1, 100, 200);
	assert_true(map_ram(0, 200));
}

static void file_position_moves(void **state)
{
	map_at(&ram, 0, 100, 0);
	assert_false(map_at(&ram, 0, 100, 1));
	assert_false(map_at(&ram, 100, 100, 0));
	assert_true(map_at(&ram, 100, 100, 0));
}

/* RAM above 4G: the same file, further up than its pages. */
static void file_at_two_places(void **state)
{
	map_at(&ram, 0, 100, 0);
	map_at(&ram, 1000, 100, 100);
	assert_true(map_at(&ram, 0, 100, 0));
	assert_true(map_at(&ram, 1000, 100, 100));
	assert_false(map_at(&ram, 1000, 100, 0));
}

static void other_file_at_the_same_place(void **state)
{
	map_ram(0, 100);
	assert_false(map_rom(0, 100));
	assert_true(map_rom(0, 100));
	/* What the guest says of the ROM does not hold for the RAM. */
	assert_false(map_ram(0, 100));
}

static void later_file_with_the_same_inode_address(void **state)
{
	map_ram(0, 100);
	ram_inode.i_ino = 77;
	assert_false(map_ram(0, 100));
	assert_true(map_ram(0, 100));
}

/* A PC: RAM around a hole in which there is a ROM. */
static void rom_in_a_hole_of_the_ram(void **state)
{
	map_ram(0, 100);
	map_ram(200, 100);
	map_rom(100, 100);
	assert_true(map_ram(0, 100));
	assert_true(map_ram(200, 100));
	assert_true(map_rom(100, 100));
}

static void ram_around_a_rom(void **state)
{
	map_rom(100, 100);
	map_ram(0, 100);
	map_ram(200, 100);
	assert_true(map_rom(100, 100));
	assert_true(map_ram(0, 100));
	assert_true(map_ram(200, 100));
}

static void hole_has_never_been_mapped(void **state)
{
	map_rom(100, 100);
	map_ram(0, 100);
	map_ram(200, 100);
	assert_false(map_ram(100, 100));
}

/* A ROM over the middle of the RAM, and away again. */
static void part_is_covered(void **state)
{
	map_ram(0, 300);
	assert_false(map_rom(100, 100));
	assert_true(map_ram(0, 100));
	assert_true(map_ram(200, 100));
	assert_false(map_ram(100, 100));
}

static void whole_with_a_part_that_was_covered(void **state)
{
	map_ram(0, 300);
	map_rom(100, 100);
	map_rom(250, 10);
	assert_false(map_ram(0, 300));
	assert_parts(2, 250, 260);
	assert_int_equal(parts[0].first, 100);
	assert_int_equal(parts[0].end, 200);
	assert_true(map_ram(0, 300));
}

static void rom_moves_about(void **state)
{
	unsigned int i;

	map_ram(0, 100);
	for (i = 0; i < 1000; i++)
		map_rom(100 + i % 3, 10);
	assert_true(map_ram(0, 100));
	assert_in_range(backings.nr, 2, 5);
}

/* RAM in many pieces is still one RAM. */
static void many_slots_side_by_side(void **state)
{
	const unsigned int n = 1000;
	unsigned int i;

	for (i = 0; i < n; i++)
		assert_false(map_ram(10 * i, 10));
	for (i = 0; i < n; i++)
		assert_true(map_ram(10 * i, 10));
	assert_true(map_ram(0, 10 * n));
	assert_int_equal(backings.nr, 1);
}

/* More than that is refused, and nothing that was known is forgotten. */
static void as_many_ranges_as_can_be(void **state)
{
	const struct rmpe_backing one_more = ram_at(1, 1);
	const unsigned int n = RMPE_MAX_BACKINGS - 1;
	unsigned int i;

	for (i = 0; i < n; i++)
		assert_false(map_ram(20 * i, 1));
	assert_int_equal(rmpe_backing_add(&backings, &one_more), -ENOSPC);
	assert_int_equal(backings.nr, n);
	/* Each has survived that the array grew. */
	for (i = 0; i < n; i++) {
		const struct rmpe_backing again = ram_at(20 * i, 2);
		gfn_t first, end = 20 * i;

		assert_true(rmpe_backing_next_new(&backings, &again, &first, &end));
		assert_int_equal(first, 20 * i + 1);
		assert_int_equal(end, 20 * i + 2);
		assert_false(rmpe_backing_next_new(&backings, &again, &first, &end));
	}
}

static void no_memory(void **state)
{
	const struct rmpe_backing shown = ram_at(0, 1);

	unit_fail_alloc(1);
	assert_int_equal(rmpe_backing_add(&backings, &shown), -ENOMEM);
	assert_int_equal(backings.nr, 0);
	assert_false(map_ram(0, 1));
	assert_true(map_ram(0, 1));
}

/* What was shown last at each gfn, without any limit. */
#define MODEL_GFNS 64

static struct {
	const struct file *file;
	u64 page;
} model[MODEL_GFNS];

/* How many of the pages are new. */
static u64 model_map(const struct file *file, gfn_t gfn, u64 npages, u64 page)
{
	u64 i, new = 0;

	for (i = gfn; i < gfn + npages; i++) {
		bool known = model[i].file == file && model[i].page == page + i - gfn;

		new += !known;
		model[i].file = file;
		model[i].page = page + i - gfn;
	}
	return new;
}

static bool in_parts(gfn_t gfn)
{
	unsigned int i;

	for (i = 0; i < nr_parts; i++)
		if (gfn >= parts[i].first && gfn < parts[i].end)
			return true;
	return false;
}

static void random_slots(void **state)
{
	struct inode inodes[3] = { { .i_ino = 1 }, { .i_ino = 2 }, { .i_ino = 3 } };
	struct file files[3] = { { .f_inode = &inodes[0] }, { .f_inode = &inodes[1] },
				 { .f_inode = &inodes[2] } };
	unsigned int i, partly = 0;

	memset(model, 0, sizeof(model));
	for (i = 0; i < 20000; i++) {
		struct file *file = &files[random_below(ARRAY_SIZE(files))];
		u64 first = random_below(MODEL_GFNS);
		u64 n = 1 + random_below(MODEL_GFNS - first);
		u64 page = first + (random_below(4) ? 0 : 1000);
		bool known[MODEL_GFNS];
		u64 gfn, new;

		for (gfn = first; gfn < first + n; gfn++)
			known[gfn] = model[gfn].file == file &&
				     model[gfn].page == page + gfn - first;
		new = model_map(file, first, n, page);
		map_at(file, first, n, page);
		for (gfn = first; gfn < first + n; gfn++)
			if (in_parts(gfn) == known[gfn])
				fail_msg("slot %u, 0x%llx-0x%llx: gfn 0x%llx is taken for %s",
					 i, first, first + n - 1, gfn,
					 known[gfn] ? "new" : "known");
		partly += new && new < n;
	}
	assert_true(partly);
}

#define backing_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		backing_test(what_a_slot_shows),
		backing_test(slot_is_gone_meanwhile),
		backing_test(new_pages),
		backing_test(same_slot_again),
		backing_test(slot_is_split_and_joined),
		backing_test(slots_are_joined),
		backing_test(slot_grows),
		backing_test(file_position_moves),
		backing_test(file_at_two_places),
		backing_test(other_file_at_the_same_place),
		backing_test(later_file_with_the_same_inode_address),
		backing_test(rom_in_a_hole_of_the_ram),
		backing_test(ram_around_a_rom),
		backing_test(hole_has_never_been_mapped),
		backing_test(part_is_covered),
		backing_test(whole_with_a_part_that_was_covered),
		backing_test(rom_moves_about),
		backing_test(many_slots_side_by_side),
		backing_test(as_many_ranges_as_can_be),
		backing_test(no_memory),
		backing_test(random_slots),
	};

	random_seed();
	return cmocka_run_group_tests_name("backing", tests, NULL, NULL);
}
