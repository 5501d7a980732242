// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracker over all of its address space, with memory that runs out, against
 * one byte for each gfn of a few windows.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/errno.h>
#include <linux/minmax.h>

#include <unit/alloc.h>

#include "psc_tracker.h"

#include "input.h"

#define OPS	300
#define WINDOW	1536ull
#define NR(a)	(sizeof(a) / sizeof(*(a)))

/*
 * Where 2M, GiB and the root's size change. Not the end of the address space: a
 * root that large takes most of the time (tests/unit goes there).
 */
static const gfn_t windows[] = {
	0, (1ull << 18) - 700, 37ull << 18, (1ull << 26) - 513, (1ull << 31) - WINDOW,
};

static uint8_t state[NR(windows)][WINDOW];
static struct rmpe_tracker t;

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* [gfn, gfn + n) in every window that it touches. */
static void expect(gfn_t gfn, u64 n, uint8_t s)
{
	for (size_t w = 0; w < NR(windows); w++) {
		gfn_t first = max(gfn, windows[w]), end = min(gfn + n, windows[w] + WINDOW);

		if (first < end)
			memset(&state[w][first - windows[w]], s, end - first);
	}
}

static void compare(void)
{
	for (size_t w = 0; w < NR(windows); w++) {
		for (u64 i = 0; i < WINDOW; i++)
			must(rmpe_tracker_state(&t, windows[w] + i) == state[w][i]);
	}
}

/* The runs say the same, and leave nothing out. */
static void compare_runs(void)
{
	gfn_t gfn = 0;

	while (gfn < RMPE_MAX_GFNS) {
		enum rmpe_page_state s;
		gfn_t end = rmpe_tracker_run(&t, gfn, RMPE_MAX_GFNS, &s);

		must(end > gfn && end <= RMPE_MAX_GFNS);
		for (size_t w = 0; w < NR(windows); w++) {
			gfn_t a = max(gfn, windows[w]), b = min(end, windows[w] + WINDOW);

			for (; a < b; a++)
				must(state[w][a - windows[w]] == s);
		}
		gfn = end;
	}
}

static void set(struct input *in)
{
	gfn_t gfn = windows[input_below(in, NR(windows))] + input_below(in, WINDOW);
	enum rmpe_page_state s = input_below(in, 4);
	u64 n;
	int r;

	switch (input_below(in, 4)) {
	case 0:
		n = 1;
		break;
	case 1:
		n = 1 + input_below(in, WINDOW);
		break;
	case 2:	/* what no guest has that much of: whole GiBs */
		n = 1 + input_below(in, 3ull << 18);
		break;
	default:
		n = input_number(in, 6);
	}
	/* Of the huge, only what must be refused: the tree is as large as the range. */
	if (n > 4ull << 18 && n <= RMPE_MAX_GFNS && gfn <= RMPE_MAX_GFNS - n)
		n = 512;
	r = rmpe_tracker_set(&t, gfn, n, s);
	must(!r || r == (unit_alloc_failed() ? -ENOMEM : -EINVAL));
	must(n && n <= RMPE_MAX_GFNS && gfn <= RMPE_MAX_GFNS - n ? r != -EINVAL : r == -EINVAL);
	if (!r)
		expect(gfn, n, s);
	must(t.bytes == unit_live_bytes());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	unit_reset();
	memset(state, RMPE_PAGE_NONE, sizeof(state));
	for (unsigned int i = 0; in.left && i < OPS; i++) {
		unsigned int n = input_below(&in, 8);

		unit_fail_alloc(n < 4 ? n : UNIT_NEVER);
		set(&in);
	}
	unit_fail_alloc(UNIT_NEVER);
	compare();
	compare_runs();
	rmpe_tracker_free(&t);
	must(!unit_live_objects() && !t.bytes);
	return 0;
}
