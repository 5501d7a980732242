# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# The RPM package, on Debian's rpm and dkms. Sourced by inside. Debian's packages
# are not in rpm's database, so dependencies are not what is tested here.

rpm_builds() {
	local said

	make -C /tmp/this rpm
	mv /tmp/this/build/rpm "$out/rpm"
	# The same module, packaged again.
	/tmp/this/packaging/build-rpm "$out/rpm-2" --define 'dist .again'
	make -C /tmp/next rpm
	mv /tmp/next/build/rpm "$out/rpm-next"
	heed rpmlint -r /source/packaging/rmp-enforce-dkms.rpmlintrc "$out"/rpm/*.rpm
	has ' 0 errors, 0 warnings' "$said"
}

rpm_do() {
	rpm --nodeps "$@"
}

rpm_installs() {
	local said

	heed rpm_do -iv "$out"/rpm/*.noarch.rpm
	skip_is_explained "$said" "$old"
	installed_or_skipped "$old"
	installed_or_skipped "$kver"
	test -s /etc/modprobe.d/rmp_enforce.conf
	rpm -V --nodeps rmp-enforce-dkms
}

rpm_upgrades() {
	rpm_do -Uv "$out"/rpm-2/*.noarch.rpm
	has 'again$' "$(rpm -q --qf '%{release}\n' rmp-enforce-dkms)"
	installed_or_skipped "$old"
	installed_or_skipped "$kver"
}

rpm_next() {
	rpm_do -Uv "$out"/rpm-next/*.noarch.rpm
	installed_or_skipped "$kver" "$next"
	lacks "rmp_enforce/$version," "$(status)"
	is "/usr/src/rmp_enforce-$next" "$(echo /usr/src/rmp_enforce-*)"
}

rpm_erased() {
	rpm_do -ev rmp-enforce-dkms
	is "" "$(status)"
	is "" "$(module_of "$kver")"
	is "" "$(find /usr/src /etc/modprobe.d -name 'rmp_enforce*')"
	# Folders that RPM systems have anyway.
	is "" "$(leftovers | grep -vE '^/usr/share/(licenses|man/man4)$|^/var/lib/rpm' || true)"
}
