# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts that run tests share: how they fail, programs and a scratch folder
# that do not outlive them, how results count. Sourced, never run.

# What make was called with is not for the builds of these scripts.
unset MAKEFLAGS MFLAGS MAKELEVEL KBUILD_OUTPUT KERNELRELEASE CC CFLAGS LDFLAGS DESTDIR

work=''		# a folder, from make_work
children=()	# programs in the background, ended at exit

# fail TEXT...: the tests could not be run. Those that failed end with status 1.
fail() {
	printf 'error: %s\n' "$*" >&2
	exit 2
}

# shellcheck disable=SC2317 # called by trap
finish() {
	local child

	trap '' INT TERM HUP	# a second one must not leave a host running
	for child in "${children[@]}"; do
		kill "$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	done
	[ "$BASHPID" != $$ ] || [ -z "$work" ] || rm -rf "$work"
}

# guarded: what the shell runs in the background ends with it. A subshell has to ask for it.
guarded() {
	children=()
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}
guarded

make_work() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/rmp_enforce.XXXXXX")
}

# build_folder: makes $build, where what is built and logs go, and its path absolute.
build_folder() {
	if ! mkdir -p "$build/logs" 2>/dev/null || ! [ -w "$build" ]; then
		fail "cannot write in $build: run as the owner of this source tree, or set RMP_BUILD to a folder of yours."
	fi
	build=$(readlink -f "$build")
}

# log_folder NAME: sets logs to a new folder in $build/logs, in whose name the time and NAME
# are. The logs of a week stay.
log_folder() {
	find "$build/logs" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
	logs=$(mktemp -d "$build/logs/$(date +%Y%m%d-%H%M%S)${1:+-$1}-XXXX")
	chmod 755 "$logs"
}

# compiler_cache TOP: what was compiled before, in this or in another copy of the sources, is
# not compiled again.
compiler_cache() {
	local dir

	[ -d /usr/lib/ccache ] || return 0
	dir=$("${BASH_SOURCE%/*}/setup/cache" 2>/dev/null) || return 0
	export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=$dir/ccache CCACHE_MAXSIZE=1G
	export CCACHE_BASEDIR=$1 CCACHE_NOHASHDIR=y
}

# job_status JOB RESULTS: the status that the job has ended with on a simulated host;
# nothing if it has not.
job_status() {
	tr -d '\r' <"$2" | sed -n "s/^# job $1 ended: status=\([0-9]*\) .*/\1/p"
}

# await CHILD: its status.
await() {
	local status=0 child others=()

	children+=("$1")
	wait "$1" || status=$?
	for child in "${children[@]}"; do
		[ "$child" = "$1" ] || others+=("$child")
	done
	children=("${others[@]}")
	return "$status"
}

# in_background COMMAND...: a shell that waits for a command in the foreground acts on
# no signal.
in_background() {
	"$@" &
	await $!
}

# followed LOG FILTER COMMAND...: COMMAND in the background, its output in LOG and, as it
# comes, through FILTER.
followed() {
	local log=$1 filter=$2 status=0 child shown

	shift 2
	: >"$log"
	"$@" >"$log" 2>&1 </dev/null &
	child=$!
	tail -n +1 -s 0.5 -f --pid="$child" "$log" | "$filter" &
	shown=$!
	await "$child" || status=$?
	wait "$shown" || true
	return "$status"
}

# add_script INITRD FILE: steps for torture, where its job looks for them. The kernel
# takes one archive after the other.
add_script() {
	local dir

	dir=$(mktemp -d "$work/script.XXXXXX")
	cp "$2" "$dir/script"
	(cd "$dir" && echo script | cpio -o -H newc --quiet -R 0:0 | gzip -1) >>"$1"
	rm -r "$dir"
}

passed=0
failed=0

# tally NAME RESULTS STATUS: adds the results (KTAP) of a command to passed and failed,
# and says what is wrong with them. A command that failed although all its results
# passed has failed. Sets tallied to both numbers.
tally() {
	local counts p f

	counts=$(awk -f "${BASH_SOURCE%/*}/host/ktap.awk" "$2")
	[ "$counts" = "${counts##*$'\n'}" ] || printf '%s\n' "${counts%$'\n'*}"
	read -r p f <<<"${counts##*$'\n'}"
	if [ "$3" != 0 ] && [ "$f" = 0 ]; then
		echo "# $1 ended with status $3"
		f=1
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	# shellcheck disable=SC2034 # for the caller
	tallied=("$p" "$f")
	echo "# $1: $p passed, $f failed"
	[ "$f" = 0 ] || echo "# $1: see $2"
}
