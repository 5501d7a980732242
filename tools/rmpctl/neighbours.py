# SPDX-License-Identifier: GPL-2.0-only
"""PSCs that end or begin at a page: what tells an off-by-one."""


def _reach(pscs, page, access, step):
    """How far pages from this one on, in steps of 1 or -1, were last asked to be so.

    pscs are (first, end, state), the last one first.  What is returned is (the last page,
    the number of requests), or None if the first page is not so.
    """
    found, used = None, set()
    while True:
        for i, (first, end, state) in enumerate(pscs):
            if first <= page < end:
                break
        else:
            return found
        if state != access:
            return found
        used.add(i)
        # As far as this request goes, or to what was asked for later.
        later = pscs[:i]
        if step > 0:
            edge = min([first for first, _, _ in later if first > page] + [end]) - 1
        else:
            edge = max([end for _, end, _ in later if end <= page] + [first])
        found, page = (edge, len(used)), edge + step


def adjacent(pscs, gfn, access, until=None):
    """What was last asked to be as the access, and ends or begins at a page.

    pscs are those of psc_history; the completed ones count, up to number until.  Each
    side is (first, end, requests), or None.  Requests that meet are taken together: a
    guest that uses the MSR protocol asks for a buffer page by page.
    """
    pscs = [(p.first, p.end, p.to) for p in pscs
            if p.pairs.get("result") == "completed" and (until is None or p.seq <= until)][::-1]
    before, after = _reach(pscs, gfn - 1, access, -1), _reach(pscs, gfn + 1, access, 1)
    return (before and (before[0], gfn, before[1]),
            after and (gfn + 1, after[0] + 1, after[1]))
