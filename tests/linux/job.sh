# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What demo and run share: folders, signals, guests, and the job for the host. Sourced,
# never run.

: "${here:?}" "${tests:?}" "${top:?}" "${build:?}"	# of who sources this

fail() {
	printf 'error: %s\n' "$*" >&2
	exit 2
}

children=()
# shellcheck disable=SC2317 # called by trap
cleanup() {
	local child

	trap '' INT TERM HUP	# a second one must not leave a host running
	for child in "${children[@]}"; do
		kill "$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	done
	rm -rf "$work"
}

# run COMMAND...: in the background, since a shell that waits for a command in the
# foreground heeds no signal.
run() {
	local status=0

	"$@" &
	children=($!)
	wait "${children[0]}" || status=$?
	children=()
	return "$status"
}

# set_up NAME: what guests and host need, from the cache; makes work, which is removed at
# exit, and logs, in whose name NAME is; those of a week stay.
set_up() {
	[ "$(id -u)" = 0 ] ||
		fail "run as root: the host's disk is made from a Debian system in a folder."
	mkdir -p "$build/logs" 2>/dev/null ||
		fail "cannot write in $build: set RMP_BUILD to a folder of yours."
	build=$(readlink -f "$build")
	find "$build/logs" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
	logs=$(mktemp -d "$build/logs/$(date +%Y%m%d-%H%M%S)-$1-XXXX")
	chmod 755 "$logs"
	work=$(mktemp -d "${TMPDIR:-/tmp}/rmp_enforce.XXXXXX")
	mkdir "$work/job"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP

	run "$tests/setup/packages"
	run "$here/image/root" >"$work/where"
	# The scripts that build want these, and ROOT.
	export KVER VMLINUZ MODROOT KDIR KROOT ROOT
	eval "$(cat "$work/where")"
}

# guest NAME [FILE...]: FILEs (all, if none is named) of a guest with the kernel that is
# set, in the job's folder of that name.
guest() {
	local name=$1 files

	shift
	run "$here/guest/build" "$work/$name" || {
		tail -n 15 "$work/$name/log" >&2
		fail "building the guest failed."
	}
	mkdir -p "$work/job/$name"
	files=("$@")
	[ "$#" -gt 0 ] || files=(vmlinuz initrd.gz second.tar)
	cp "${files[@]/#/$work/$name/}" "$work/job/$name"
}

# job SCRIPT: what the host is to run, of scenarios/; its arguments may be put into the
# job's file "arguments".
job() {
	cp -r "$here/scenarios" "$top/docs/examples/snp-domain.xml" "$work/job"
	: >"$work/job/arguments"
	cat >"$work/job/run" <<-END
		#!/bin/sh
		export PYTHONDONTWRITEBYTECODE=y
		exec python3 -u /job/scenarios/$1 \$(cat /job/arguments)
	END
	chmod +x "$work/job/run"
}
