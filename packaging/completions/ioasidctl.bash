# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of ioasidctl for bash. Devices and processes are those below --sysroot, if that is given.

_ioasidctl_devices()
{
	local path

	for path in "$1"/sys/bus/pci/devices/* "$1"/sys/bus/platform/drivers/ioasidfd_stub_platform/*.*; do
		[ -e "$path" ] && echo "${path##*/}"
	done
}

# Those that the stub drivers have.
_ioasidctl_bound()
{
	local path

	for path in "$1"/sys/bus/pci/drivers/ioasidfd_stub_pci/*:*:*.* \
		"$1"/sys/bus/platform/drivers/ioasidfd_stub_platform/*.*; do
		[ -e "$path" ] && echo "${path##*/}"
	done
}

# Processes that have /dev/ioasid open, as far as they can be seen.
_ioasidctl_processes()
{
	local file

	for file in "$1"/proc/[0-9]*/fd/*; do
		[ "$(readlink "$file")" = /dev/ioasid ] || continue
		file=${file#"$1"/proc/}
		echo "${file%%/*}"
	done 2>/dev/null | sort -un
}

_ioasidctl()
{
	local commands="status list tree bind unbind watch explain map-dump" common="--json --sysroot"
	local line=${COMP_LINE:0:COMP_POINT} current previous='' command='' root='' words before i

	# readline takes colons for the ends of words, which device names have two of.
	read -ra before <<<"${line% *}"
	current=${line##*[[:space:]]}
	for ((i = 1; i < ${#before[@]}; i++)); do
		previous=${before[i]}
		case ${before[i - 1]} in
		--sysroot) root=$previous && continue ;;
		esac
		case " $commands " in
		*" $previous "*) [ -n "$command" ] || command=$previous ;;
		esac
	done
	if [ "$previous" = --sysroot ]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
	fi
	case $command in
	'') words="$commands $common --help --version" ;;
	bind) words="--force $common $(_ioasidctl_devices "$root")" ;;
	unbind) words="--force $common $(_ioasidctl_bound "$root")" ;;
	explain) words="$common $(_ioasidctl_devices "$root")" ;;
	watch) words="--count --interval $common" ;;
	map-dump) words="--ioasid $common $(_ioasidctl_processes "$root")" ;;
	*) words=$common ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	case $COMP_WORDBREAKS in
	*:*) COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*:}"}"}") ;;
	esac
}

complete -F _ioasidctl ioasidctl
