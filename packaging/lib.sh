# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What build-deb and build-rpm share. Sourced, with nothing set.

packaging=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
top=$(dirname "$packaging")

fail() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

# dkms_version: the module's version, as DKMS has it.
dkms_version() {
	sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$top/dkms.conf"
}

# source_to DIR: what goes into a source package: the modules, tools and documents, not
# the tests, which need a whole machine.
source_to() {
	mkdir -p "$1/packaging"
	cp -r "$top"/{Kbuild,LICENSE,Makefile,dkms.conf,docs,tools} "$1"
	cp "$top"/{CHANGELOG,CONTRIBUTING,README,SECURITY}.md "$1"
	find "$1/tools" -name __pycache__ -prune -exec rm -rf {} +
	mkdir "$1"/{compat,guest,include,src}
	cp "$top"/compat/*.c "$1/compat"
	cp "$top"/guest/{Kbuild,README.md,dkms.conf,rmp_enforce_guest.c} "$1/guest"
	cp "$top"/include/*.h "$1/include"
	cp "$top"/src/*.c "$1/src"
	cp "$packaging/rmp_enforce.conf" "$packaging/doc-links" "$1/packaging"
}

# source_archive FILE: that in one archive. It is the same whoever makes it, and whenever.
source_archive() {
	local name staging
	name=rmp-enforce-$(dkms_version)
	staging=$(mktemp -d)

	source_to "$staging/$name"
	# The modes of files are those of a package, whatever this user's umask is.
	chmod -R u=rwX,go=rX "$staging/$name"
	tar -C "$staging" --sort=name --owner=0 --group=0 --numeric-owner \
		--mtime="$(changelog_date)" -cf - "$name" | gzip -9n >"$1"
	rm -rf "$staging"
}

# changelog_date: of the newest version.
changelog_date() {
	sed -n 's/^ -- .*>  //p' "$packaging/debian/changelog" | sed -n 1p
}
