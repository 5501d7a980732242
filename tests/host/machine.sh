# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the launchers of simulated hosts (host/boot, linux/boot) share: to switch such a
# machine off, and to tell whether its kernel is content.

# in_session SESSION: everything that a launcher has started, whatever process groups it
# makes, is in the session that it was started as the leader of. Others end meanwhile:
# one file that has vanished must not hide the rest, as it does from awk.
in_session() {
	local stat line state session

	for stat in /proc/[0-9]*/stat; do
		line=''
		read -r -d '' line 2>/dev/null <"$stat" || true
		# A name may have anything in it, also brackets and newlines.
		read -r state _ _ session _ <<<"${line##*) }"
		[ "$session" != "$1" ] || [ "$state" = Z ] || basename "${stat%/stat}"
	done
}

# switch_off SESSION: ends all of it.
switch_off() {
	local signal pids

	for signal in TERM TERM KILL; do
		mapfile -t pids < <(in_session "$1")
		[ "${#pids[@]}" -gt 0 ] || return 0
		kill -s "$signal" "${pids[@]}" 2>/dev/null || true
		sleep 0.3
	done
}

# shellcheck disable=SC2034 # for the scripts that source this
wrong=0	# whether there was a complaint
complain() {
	printf '# host: %s\n' "$*"
	# shellcheck disable=SC2034 # as above
	wrong=1
}

# show_end NAME FILE LINES: the end of a log, if there is one.
show_end() {
	[ ! -s "$2" ] || tail -n "$3" "$2" | tr -d '\r' | sed "s/^/# $1: /"
}

# judge END TOOK LIMIT STATUS DIR: complains of what went wrong with the machine whose
# launcher ended with STATUS after TOOK s; END is the line that its init has ended with
# (# job ... tainted=N), empty if it did not come to that; DIR has console, hardware and
# launcher.
judge() {
	local end=$1 took=$2 limit=$3 status=$4 dir=$5 taint splats

	if [ -z "$end" ]; then
		if [ "$took" -ge "$limit" ]; then
			complain "switched off after $limit s: the job had not ended"
		else
			complain "ended before its job, after $took s (exit status $status)"
		fi
		show_end console "$dir/console" 5
		show_end hardware "$dir/hardware" 3
		show_end launcher "$dir/launcher" 3
	else
		# 4 machine check, 32 bad page, 128 died before, 512 warned, 16384 lockup
		taint=${end##*tainted=}
		[ "$((taint & (4 | 32 | 128 | 512 | 16384)))" = 0 ] ||
			complain "the kernel is tainted: $taint"
	fi
	if splats=$(tr -d '\r' <"$dir/console" |
		grep -m 10 -E -f "$(dirname "${BASH_SOURCE[0]}")/splat.regex"); then
		complain "the kernel complained:"
		printf '# console: %s\n' "${splats//$'\n'/$'\n'# console: }"
	fi
}
