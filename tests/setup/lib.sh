# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the set-up scripts share: messages, slow commands with a sign of life,
# one sentence for what commonly goes wrong, and cleaning up. Sourced, never run.

scratch=()	# removed at exit
jobs=()		# process groups, ended at exit

say() {
	printf 'setup: %s\n' "$*" >&2
}

die() {
	printf 'setup: error: %s\n' "$*" >&2
	exit 1
}

cleanup() {
	local j

	for j in "${jobs[@]}"; do
		kill -- "-$j" 2>/dev/null || true
		wait "$j" 2>/dev/null || true
	done
	[ "${#scratch[@]}" = 0 ] || rm -rf "${scratch[@]}"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ticks WHAT [DIR]: a line every 10 s, with the size that DIR has grown to.
ticks() {
	local start=$SECONDS size

	while sleep 10 && kill -0 $$ 2>/dev/null; do
		size=
		if [ -n "${2-}" ]; then
			size=", $(du -sm "$2" 2>/dev/null | cut -f1) MB so far"
		fi
		say "$1: $((SECONDS - start)) s$size"
	done
}

# slow WHAT LOG DIR COMMAND...: runs COMMAND with its output in LOG, and ticks.
# Both get process groups of their own, so that an interrupt ends them whole.
# COMMAND inherits the cache's lock (file descriptor 9) and keeps it should this
# script be killed; the ticks don't.
slow() {
	local what=$1 log=$2 dir=$3 status=0

	shift 3
	set -m
	ticks "$what" "$dir" 9>&- </dev/null &
	jobs=($!)
	"$@" >"$log" 2>&1 </dev/null &
	jobs+=($!)
	set +m
	wait "${jobs[1]}" || status=$?
	kill -- "-${jobs[0]}" 2>/dev/null || true
	wait "${jobs[0]}" 2>/dev/null || true
	jobs=()
	return "$status"
}

# lock FILE: until this script ends, others that ask for it wait. It is file descriptor 9.
lock() {
	exec 9>>"$1"
	flock -n 9 || {
		say "waiting for another set-up to end (it holds $1)"
		flock 9
	}
}

# free_mb DIR: what an ordinary write may still use.
free_mb() {
	df -Pm "$1" | awk 'NR == 2 { print $4 }'
}

# explain LOG WHAT [DIR]: ends with the one sentence that fits what LOG says
# about writing to DIR.
explain() {
	local log=$1 what=$2 dir=${3:-/} line

	line=$(grep -m1 -E '^(E|W|Err):' "$log" || true)
	if grep -qiE "No space left|enough free space|Disk quota" "$log" ||
		[ "$(free_mb "$dir")" -lt 2 ]; then
		die "$what failed: the disk is full."
	fi
	if grep -qiE "dpkg was interrupted" "$log"; then
		die "$what failed: dpkg was interrupted earlier; run 'dpkg --configure -a'."
	fi
	if grep -qiE "could not get lock|unable to acquire" "$log"; then
		die "$what failed: another package manager is running."
	fi
	if grep -qiE "not signed|NO_PUBKEY|BADSIG|EXPKEYSIG|invalid signature|Hash Sum mismatch|did NOT match" "$log"; then
		die "$what failed: a signature or checksum did not verify ($line)."
	fi
	if grep -qiE "could not resolve|failure resolving|could not connect|unable to connect|cannot initiate|connection (failed|timed out|refused)|network is unreachable|could not handshake" "$log"; then
		die "$what failed: no network, or the mirror does not answer ($line)."
	fi
	if grep -qiE "have a Release file|404 +Not Found|Unable to locate package|no installation candidate|No packages found" "$log"; then
		die "$what failed: the mirror has no such suite or package ($line)."
	fi
	tail -n 15 "$log" >&2
	die "$what failed; above is the end of its output."
}

# need_free DIR MB WHAT: a full disk is better found before than half-way.
need_free() {
	local free

	free=$(free_mb "$1")
	[ "$free" -ge "$2" ] ||
		die "$3 needs about $2 MB in $1, which has $free MB free."
}
