# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of ioasidctl for bash.

_ioasidctl_devices()
{
	local path

	for path in /sys/bus/pci/devices/* /sys/bus/platform/drivers/ioasidfd_stub_platform/*/; do
		[ -e "$path" ] || continue
		path=${path%/}
		case $1 in
		unbind)
			case $(readlink "$path/driver") in
			*/ioasidfd_stub_*) echo "${path##*/}" ;;
			esac
			;;
		*) echo "${path##*/}" ;;
		esac
	done
}

# Processes that have /dev/ioasid open, as far as they can be seen.
_ioasidctl_processes()
{
	local file

	for file in /proc/[0-9]*/fd/*; do
		[ "$(readlink "$file")" = /dev/ioasid ] || continue
		file=${file#/proc/}
		echo "${file%%/*}"
	done 2>/dev/null | sort -un
}

_ioasidctl()
{
	local commands="status list tree bind unbind watch explain map-dump"
	local options="--json --sysroot --help --version"
	local current=${COMP_WORDS[COMP_CWORD]} command='' words='' i

	# readline splits words at colons, which device names have two of.
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : -c current
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case " $commands " in
		*" ${COMP_WORDS[i]} "*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
	if [ "${COMP_WORDS[COMP_CWORD - 1]}" = --sysroot ]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
	fi
	case $command in
	'') words="$commands $options" ;;
	bind | unbind) words="--force --json $(_ioasidctl_devices "$command")" ;;
	explain) words="--json $(_ioasidctl_devices explain)" ;;
	watch) words="--count --interval --json" ;;
	map-dump) words="--ioasid --json $(_ioasidctl_processes)" ;;
	*) words=--json ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$current"
	fi
}

complete -F _ioasidctl ioasidctl
