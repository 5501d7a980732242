/* SPDX-License-Identifier: GPL-2.0-only */
/* The loops that are timed, for a file that has store_get(gfn). */
static uint64_t get_random(uint64_t gfns, uint64_t n, uint64_t seed)
{
	uint64_t found = 0;

	while (n--)
		found += store_get(store_random(&seed) & (gfns - 1));
	return found;
}

static uint64_t get_sequential(uint64_t gfns, uint64_t n)
{
	uint64_t found = 0, gfn;

	for (gfn = 0; n--; gfn = (gfn + 1) & (gfns - 1))
		found += store_get(gfn);
	return found;
}
