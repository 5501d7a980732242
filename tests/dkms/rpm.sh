# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# The RPM packages, on Debian's rpm and dkms. Sourced by inside. Debian's packages
# are not in rpm's database, so dependencies are not what is tested here.

rpm_builds() {
	make -C /tmp/this rpm
	mv /tmp/this/build/rpm "$out/rpm"
	# The same module, packaged again.
	/tmp/this/packaging/build-rpm "$out/rpm-2" --define 'dist .again'
	/tmp/this/packaging/build-rpm "$out/rpm-suse" --define 'suse_version 1600'
	make -C /tmp/next rpm
	mv /tmp/next/build/rpm "$out/rpm-next"
}

# rpm_lints DISTRIBUTION FOLDER: with what it tells rpmlint. Each of the two leaves out
# some of what the rpmlintrc does.
rpm_lints() {
	local said

	heed rpmlint --ignore-unused-rpmlintrc -c "$out/rpmlint/$1" \
		-r /source/packaging/rmp-enforce.rpmlintrc "$2"/*.rpm \
		/source/packaging/rmp-enforce.spec
	has "^ *5 packages and 1 specfiles checked; 0 errors, 0 warnings" "$said"
}

# rpm_do ARGUMENT...: rpm itself takes the failure of most scriptlets lightly.
rpm_do() {
	local said

	heed rpm --nodeps "$@" || return
	lacks 'scriptlet failed' "$said"
}

rpm_installs() {
	local said

	heed rpm_do -iv "$out"/rpm/rmp-enforce-dkms-*.noarch.rpm
	skip_is_explained "$said" "$old"
	installed_or_skipped "$old"
	installed_or_skipped "$kver"
	test -s /etc/modprobe.d/rmp_enforce.conf
	rpm -V --nodeps rmp-enforce-dkms
}

rpm_upgrades() {
	rpm_do -Uv "$out"/rpm-2/rmp-enforce-dkms-*.noarch.rpm
	has 'again$' "$(rpm -q --qf '%{release}\n' rmp-enforce-dkms)"
	installed_or_skipped "$old"
	installed_or_skipped "$kver"
}

rpm_next() {
	rpm_do -Uv "$out"/rpm-next/rmp-enforce-dkms-*.noarch.rpm
	installed_or_skipped "$kver" "$next"
	lacks "rmp_enforce/$version," "$(status)"
	is "/usr/src/rmp_enforce-$next" "$(echo /usr/src/rmp_enforce-*)"
}

# rpm_leftovers: but for folders that RPM systems have anyway. libvirt's is libvirt's.
rpm_leftovers() {
	leftovers | grep -vE '^/usr/share/(licenses|man/man4)$|^/var/lib/rpm|^/etc/libvirt$'
}

rpm_erased() {
	rpm_do -ev rmp-enforce-dkms
	is "" "$(status)"
	is "" "$(module_of "$kver")"
	is "" "$(find /usr/src /etc/modprobe.d -name 'rmp_enforce*')"
	is "" "$(rpm_leftovers || true)"
}

# rpm_tools FOLDER: the tools of a build, on their own.
rpm_tools() {
	local tools=(rmp-enforce-tools rmp-enforce-libvirt rmp-enforce-bpftrace)

	rpm_do -iv "$1"/rmp-enforce-{tools,libvirt,bpftrace}-*.noarch.rpm
	rpm -V --nodeps "${tools[@]}"
	has "preset rmp-enforce-metrics.timer" "$(rpm -q --scripts rmp-enforce-tools)"
	# The interpreter finds its bytecode there: it writes none, which rpm would not know.
	/source/packaging/debian/tests/tools "$version"
	is 700 "$(stat -c %a /etc/libvirt/hooks/qemu.d)"
	# Upgraded, to another release and to the next version, where there are such.
	if [ "$1" = "$out/rpm" ]; then
		rpm_do -Uv "$out"/rpm-2/rmp-enforce-{tools,libvirt,bpftrace}-*.noarch.rpm
		rpm_do -Uv "$out"/rpm-next/rmp-enforce-{tools,libvirt,bpftrace}-*.noarch.rpm
		is "rmpctl $next" "$(rmpctl --version)"
	fi
	rpm_do -ev "${tools[@]}"
	is "" "$(rpm_leftovers || true)"
}
