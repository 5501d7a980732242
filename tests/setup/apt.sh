# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Debian packages of any suite, without installing them and without touching this
# machine's apt: lists, cache and sources of our own. They come from the mirror
# that this machine uses for Debian (or RMP_MIRROR), and apt verifies them against
# Debian's archive keyring.
#
# Sourced, after lib.sh, with $suite, $apt (a folder) and $log (a file) set; and $kind, if it
# is deb-src and not deb:
#	open_suite
#	fetch PACKAGE[=VERSION]...

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# own_mirror [APT-OPTION...]: Debian's archive in this machine's sources, not its
# security branch, which has no backports.
own_mirror() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get "$@" indextargets --format \
		'$(CREATED_BY) $(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)' 2>/dev/null |
		awk '$1 == "Packages" && $2 == "Debian" && $3 == "main" &&
		     $4 !~ /security/ && !n++ { print $5 }'
}

# mirror: where to fetch from.
mirror() {
	local uri

	if [ -n "${RMP_MIRROR-}" ]; then
		printf '%s\n' "$RMP_MIRROR"
		return
	fi
	uri=$(own_mirror)
	if [ -z "$uri" ]; then
		# apt doesn't name a source whose lists it has never fetched.
		# Fetch them, but not into the machine's own state.
		mkdir -p "$apt/own/partial"
		slow "reading this machine's apt sources" "$log" "" \
			apt-get -q -o Dir::State::lists="$apt/own" update || true
		uri=$(own_mirror -o Dir::State::lists="$apt/own")
		[ -n "$uri" ] || ! grep -q '^Err' "$log" ||
			explain "$log" "reading this machine's apt sources" "$apt"
	fi
	[ -n "$uri" ] ||
		die "no source of Debian main in this machine's apt configuration; set RMP_MIRROR to a mirror's address."
	printf '%s\n' "$uri"
}

# acquire_settings: what this machine has set for getting things (proxies, certificates),
# without what would change what is got, or allow unsigned packages.
acquire_settings() {
	apt-config dump | grep '^Acquire::' |
		grep -viE '^Acquire::(IndexTargets|Allow|Languages)' || true
}

# private_apt URI: an apt configuration of our own, in the file $APT_CONFIG.
# Hooks, pinning and whatever would allow unsigned packages is not kept.
private_apt() {
	mkdir -p "$apt"/{lists,cache/archives}/partial "$apt"/{debs,empty}
	: >"$apt/status"
	printf '%s [arch=amd64 signed-by=%s] %s %s main\n' "${kind:-deb}" "$keyring" "$1" \
		"$suite" >"$apt/sources.list"
	{
		acquire_settings
		cat <<-END
		Acquire::AllowInsecureRepositories "false";
		Acquire::AllowDowngradeToInsecureRepositories "false";
		Acquire::AllowWeakRepositories "false";
		Acquire::Languages "none";
		APT::Get::AllowUnauthenticated "false";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Update::Error-Mode "any";
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "$apt/empty";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "$apt/empty";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "$apt/empty";
		END
	} >"$apt/conf"
	export APT_CONFIG=$apt/conf

	# As root, apt fetches as user _apt, where that user can write.
	if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then
		chown _apt "$apt/debs" "$apt/lists/partial" "$apt/cache/archives/partial"
		runuser -u _apt -- test -w "$apt/debs" 2>/dev/null ||
			echo 'APT::Sandbox::User "root";' >>"$apt/conf"
	fi
}

# open_suite: has the suite's list of packages.
open_suite() {
	local uri

	[ -r "$keyring" ] || die "$keyring is missing (package debian-archive-keyring)."
	mkdir -p "$apt"
	need_free "$apt" 50 "the list of packages"
	uri=$(mirror)
	private_apt "$uri"
	slow "updating the list of $suite" "$log" "" apt-get -q update ||
		explain "$log" "updating the list of $suite" "$apt"
}

# field NAME PACKAGE[=VERSION]: of the package as the suite has it.
field() {
	apt-cache show --no-all-versions "$2" | awk -v name="$1:" '$1 == name { print $2 }'
}

# fetch PACKAGE[=VERSION]...: as the suite has them, into $apt/debs, which has
# nothing else then. apt verifies what it gets, but takes a file that is there
# already by its size (an interrupted fetch goes on where it was), hence the sums.
fetch() {
	local package version file wanted=() keep=()

	: >"$apt/sums"
	for package in "$@"; do
		version=$(field Version "$package")
		package=${package%%=*}
		wanted+=("$package=$version")
		file=${package}_${version//:/%3a}_$(field Architecture "$package=$version").deb
		keep+=(! -name "$file")
		printf '%s  %s\n' "$(field SHA256 "$package=$version")" "$file" >>"$apt/sums"
	done
	find "$apt/debs" -type f "${keep[@]}" -delete
	say "fetching ${wanted[*]}"
	slow "fetching" "$log" "$apt/debs" get "${wanted[@]}" ||
		explain "$log" "fetching ${wanted[*]}" "$apt"
}

# get PACKAGE=VERSION...: run under ||, where set -e means nothing.
get() {
	cd "$apt/debs" || return
	apt-get -q download "$@" || return
	sha256sum -c --quiet "$apt/sums" && return
	sha256sum -c "$apt/sums" 2>/dev/null | sed -n 's/: FAILED.*//p' |
		xargs -d '\n' rm -f
	apt-get -q download "$@" && sha256sum -c --quiet "$apt/sums"
}
