// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which new memslots bring back pages that the guest knows.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>

#include <string.h>

#include "backing.h"
#include "random.h"

/* Two guest_memfds. */
static struct inode ram_inode = { .i_ino = 1 }, rom_inode = { .i_ino = 2 };
static struct file ram = { .f_inode = &ram_inode };
static struct file rom = { .f_inode = &rom_inode };

static struct rmpe_backings backings;

static int set_up(void **state)
{
	backings = (struct rmpe_backings){ };
	ram_inode.i_ino = 1;
	return 0;
}

/* A slot that shows @npages of a file from @page on, at @gfn. */
static bool map_at(struct file *file, gfn_t gfn, u64 npages, u64 page)
{
	const struct kvm_memory_slot slot = {
		.base_gfn = gfn,
		.npages = npages,
		.gmem = { .file = file, .pgoff = page },
	};

	return rmpe_backing_returns(&backings, &slot);
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
	/* Its second half is new. */
	assert_false(map_ram(0, 200));
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
	assert_false(map_ram(0, 300));
	assert_true(map_ram(0, 300));
}

/* A device that comes and goes all the time must not push out the RAM. */
static void rom_moves_about(void **state)
{
	unsigned int i;

	map_ram(0, 100);
	for (i = 0; i < 10 * RMPE_NR_BACKINGS; i++)
		map_rom(100 + i % 3, 10);
	assert_true(map_ram(0, 100));
}

/* RAM in many pieces is still one RAM. */
static void many_slots_side_by_side(void **state)
{
	const unsigned int n = 4 * RMPE_NR_BACKINGS;
	unsigned int i;

	for (i = 0; i < n; i++)
		assert_false(map_ram(10 * i, 10));
	for (i = 0; i < n; i++)
		assert_true(map_ram(10 * i, 10));
	assert_true(map_ram(0, 10 * n));
}

/* What has no room is forgotten; nothing else becomes known by it. */
static void more_ranges_than_there_is_room_for(void **state)
{
	const unsigned int n = 2 * RMPE_NR_BACKINGS + 1;
	unsigned int i;

	for (i = 0; i < n; i++)
		assert_false(map_ram(20 * i, 10));
	assert_true(map_ram(20 * (n - 1), 10));
	for (i = 0; i < n; i++)
		assert_false(map_ram(20 * i + 10, 10));
}

/* What was shown last at each gfn, without any limit. */
#define MODEL_GFNS 64

static struct {
	const struct file *file;
	u64 page;
} model[MODEL_GFNS];

static bool model_map(const struct file *file, gfn_t gfn, u64 npages, u64 page)
{
	bool known = true;
	u64 i;

	for (i = 0; i < npages; i++) {
		known &= model[gfn + i].file == file &&
			 model[gfn + i].page == page + i;
		model[gfn + i].file = file;
		model[gfn + i].page = page + i;
	}
	return known;
}

/*
 * A few files and fixed cuts, as VMMs have them: exact.  Wherever a slot may
 * begin: never a "known" for pages that are not.
 */
static void random_slots(bool anywhere)
{
	struct inode inodes[3] = { { 1 }, { 2 }, { 3 } };
	struct file files[3] = { { NULL, &inodes[0] }, { NULL, &inodes[1] },
				 { NULL, &inodes[2] } };
	const u64 unit = anywhere ? 1 : MODEL_GFNS / 4;
	unsigned int i, known = 0;

	memset(model, 0, sizeof(model));
	for (i = 0; i < 20000; i++) {
		struct file *file = &files[random_below(ARRAY_SIZE(files))];
		u64 first = random_below(MODEL_GFNS / unit) * unit;
		u64 n = (1 + random_below((MODEL_GFNS - first) / unit)) * unit;
		u64 page = first + (random_below(4) ? 0 : 1000);
		bool should = model_map(file, first, n, page);
		bool is = map_at(file, first, n, page);

		if (is && !should)
			fail_msg("slot %u: gfns 0x%llx-0x%llx are taken for known",
				 i, first, first + n - 1);
		if (should && !is && !anywhere)
			fail_msg("slot %u: gfns 0x%llx-0x%llx are taken for new",
				 i, first, first + n - 1);
		known += is;
	}
	assert_true(known);
}

static void random_slots_at_a_few_places(void **state)
{
	random_slots(false);
}

static void random_slots_anywhere(void **state)
{
	random_slots(true);
}

#define backing_test(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	static const struct CMUnitTest tests[] = {
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
		backing_test(more_ranges_than_there_is_room_for),
		backing_test(random_slots_at_a_few_places),
		backing_test(random_slots_anywhere),
	};

	random_seed();
	return cmocka_run_group_tests_name("backing", tests, NULL, NULL);
}
