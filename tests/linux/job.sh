# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What demo and run share: folders, guests, and the job for the host. Sourced,
# never run.

: "${here:?}" "${tests:?}" "${top:?}" "${build:?}"	# set by the script that sources this

# shellcheck source=../runner.sh
. "$tests/runner.sh"

# set_up NAME: what guests and host need, from the cache; makes work, which is removed at
# exit, and logs, in whose name NAME is; those of a week stay.
set_up() {
	[ "$(id -u)" = 0 ] ||
		fail "run as root: the host's disk is made from a Debian system in a folder."
	build_folder
	log_folder "$1"
	make_work
	mkdir "$work/job"

	in_background "$tests/setup/packages"
	in_background "$here/image/root" >"$work/where"
	# The scripts that build want these, and ROOT.
	export KVER VMLINUZ MODROOT KDIR KROOT ROOT
	eval "$(cat "$work/where")"
}

# guest NAME [FILE...]: FILEs (all, if none is named) of a guest with the kernel that is
# set, in the job's folder of that name.
guest() {
	local name=$1 files

	shift
	in_background "$here/guest/build" "$work/$name" || {
		tail -n 15 "$work/$name/log" >&2
		fail "building the guest failed."
	}
	mkdir -p "$work/job/$name"
	files=("$@")
	[ "$#" -gt 0 ] || files=(vmlinuz initrd.gz second.tar violate.ko violate.c)
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
