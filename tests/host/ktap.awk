# SPDX-License-Identifier: GPL-2.0-only
#
# Counts the results of a KTAP or TAP log: awk -f ktap.awk LOG prints what is
# wrong with the log itself as "# ..." lines, then "PASSED FAILED".
#
# A result with subtests is their sum and not counted again. Counted as failed:
# "not ok", a planned result that never came, a log without a plan, results out
# of order, "Bail out!", and SKIP or TODO, since here nothing may be left out.

function problem(text)
{
	print "# " text
	failed++
}

# The results indented by at are complete: subtests, or the whole log.
function close_level(at)
{
	if (!(at in plan))
		problem("no plan for " seen[at] " result(s)")
	else if (plan[at] == 0)
		problem("nothing was planned")
	else if (seen[at] < plan[at]) {
		print "# " plan[at] - seen[at] " of " plan[at] " planned result(s) never came"
		failed += plan[at] - seen[at]
	} else if (seen[at] > plan[at])
		problem(seen[at] " results where " plan[at] " were planned")
	delete plan[at]
	delete seen[at]
	delete mark[at]
}

# Closes every level that is deeper than at. True if there was one.
function close_deeper(at,    i, any)
{
	for (i = deepest; i > at; i--)
		if (i in seen) {
			close_level(i)
			any = 1
		}
	deepest = at
	return any
}

function open_level(at)
{
	if (!(at in seen)) {
		seen[at] = 0
		mark[at] = failed	# as of this level's last result
	}
	if (at > deepest)
		deepest = at
}

BEGIN {
	passed = failed = 0
	deepest = -1
}

{
	sub(/\r$/, "")
	match($0, /^ */)
	at = RLENGTH
	line = substr($0, at + 1)
}

line ~ /^1\.\.[0-9]+/ {
	# Several programs one after the other, like cmocka's.
	if (at == 0 && (at in plan))
		close_deeper(-1)
	if (at in plan)
		problem("a second plan: " line)
	open_level(at)
	plan[at] = substr(line, 4) + 0
}

at == 0 && line ~ /^K?TAP version/ {
	close_deeper(-1)
}

line ~ /^not ok/ && line !~ /^not ok [0-9]/ {
	problem("no number: " line)
}

line ~ /^Bail out!/ {
	problem(line)
}

line ~ /^(not )?ok [0-9]+/ {
	parent = close_deeper(at)
	open_level(at)
	seen[at]++
	n = line
	sub(/^(not )?ok /, "", n)
	if (n + 0 != seen[at])
		problem("result " (n + 0) " where " seen[at] " was due: " line)
	if (parent) {
		if (line ~ /^not/ && failed == mark[at])
			problem("failed, and none of its subtests: " line)
	} else if (line ~ /^not/) {
		failed++
	} else if (toupper(line) ~ /# *(SKIP|TODO)/) {
		problem("not tested: " line)
	} else {
		passed++
	}
	mark[at] = failed
}

END {
	close_deeper(-1)
	if (passed + failed == 0)
		problem("no results")
	print passed, failed
}
