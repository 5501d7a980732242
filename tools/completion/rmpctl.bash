# SPDX-License-Identifier: GPL-2.0-only
# Completion of rmpctl for bash. Words come from rmpctl's own help, so that there is one
# place only that knows them.

_rmpctl_options() {
	rmpctl "$@" --help 2>/dev/null | grep -oE '(^|[[:space:],])--?[a-z][a-z-]*' | tr -d ' ,'
}

# A VMM chooses its name, and compgen expands words as the shell does: only names in which
# there is nothing to expand. The others have numbers.
_rmpctl_vms() {
	rmpctl list --json 2>/dev/null | sed -nE \
		-e 's/^    "vm": ([0-9]+),?$/\1/p' \
		-e 's/^    "domain": "([A-Za-z0-9_][A-Za-z0-9_.:+@-]*)",?$/\1/p'
}

_rmpctl_settings() {
	local class

	printf '%s\n' mode=off mode=lenient mode=strict action=vc action=terminate \
		sites=on sites=off request_sites=on request_sites=off
	for class in implicit_private implicit_shared first_touch initial_shared in_flight vmpl; do
		printf '%s\n' "$class=enforce" "$class=report"
	done
}

_rmpctl() {
	# shellcheck disable=SC2034 # the helpers set them
	local cur prev words cword comp_args command i
	# "=" must not end a word: mode=strict is one.
	if declare -F _comp_initialize >/dev/null; then
		_comp_initialize -n = -- "$@" || return
	else
		_init_completion -n = || return	# before bash-completion 2.12
	fi

	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--root) i=$((i + 1)) ;;
		-*) ;;
		*) command=${words[i]}; break ;;
		esac
	done

	case $prev in
	--root) compopt -o dirnames; return ;;
	--png | --html | --output | -o | --file | -f | --vmlinux | --system-map) compopt -o default; return ;;
	--color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return ;;
	--vm) mapfile -t COMPREPLY < <(compgen -W "$(_rmpctl_vms)" -- "$cur"); return ;;
	esac

	if [ -z "${command-}" ]; then
		mapfile -t COMPREPLY < <(compgen -W "check list show watch set map history explain
			where triage bundle metrics journal --root --version --help" -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_rmpctl_options "$command")" -- "$cur")
	else
		case $command in
		show | map | history | explain | where)
			mapfile -t COMPREPLY < <(compgen -W "$(_rmpctl_vms)" -- "$cur") ;;
		triage) compopt -o default ;;
		set)
			mapfile -t COMPREPLY < <(compgen -W "$(_rmpctl_settings)" -- "$cur") ;;
		esac
	fi
} &&
	complete -F _rmpctl rmpctl
