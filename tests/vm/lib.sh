# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the host-side scripts of the VM harness share: where things are, the table of kernels, the profiles.
# Sourced, by bash.
# shellcheck disable=SC2034  # most of these are for those who source it
set -euo pipefail

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$vm_dir/../.." && pwd)
build=$top/build
bin_dir=$build/tests/bin
log_dir=$build/log
cache=${IOASIDFD_CACHE:-${XDG_CACHE_HOME:-${HOME:-$build}/.cache}/ioasidfd}
jobs=$(nproc)

# A job server that our caller's make did not hand down makes every make below complain.
unset MAKEFLAGS MFLAGS MAKELEVEL
# Some of the tools read these as options of their own.
unset KBUILD_OUTPUT KCFLAGS

mkdir -p "$log_dir"

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Runs a command with its output in log NAME, and shows that log only if it fails (or always, with V=1).
logged()
{
	local log=$log_dir/$1 rc=0

	shift
	if [ -n "${V-}" ]; then
		"$@" 2>&1 | tee "$log"
		return
	fi
	"$@" >"$log" 2>&1 || rc=$?
	[ "$rc" -eq 0 ] || cat "$log" >&2
	return "$rc"
}

kernel_names()
{
	awk '!/^#/ && NF { print $1 }' "$vm_dir/kernels"
}

# 6.12 -> the kernel release that Debian's meta package of that series points at.
kernel_release()
{
	local meta release

	meta=$(awk -v k="$1" '!/^#/ && $1 == k { print $2 }' "$vm_dir/kernels")
	[ -n "$meta" ] || die "unknown kernel K=$1 (have: $(kernel_names | xargs))"
	# shellcheck disable=SC2016  # dpkg's own variables
	release=$(dpkg-query -W -f '${Depends}\n' "$meta" 2>/dev/null |
		sed -n 's/.*linux-headers-\([0-9][^ ,]*-amd64\).*/\1/p')
	[ -n "$release" ] || die "$meta is not installed: run packaging/install-deps"
	echo "$release"
}

# The version of the Debian package that a kernel release came in.
kernel_package_version()
{
	# shellcheck disable=SC2016
	dpkg-query -W -f '${Version}' "linux-headers-$1"
}

profile_names()
{
	find "$vm_dir/profiles" -maxdepth 1 -type f -printf '%f\n' | LC_ALL=C sort
}

# Sets KERNELS QEMU_ARGS KERNEL_ARGS FEATURES FIRST_MODULE MODULE_ARGS from profile $1. Where its features depend on the
# kernel, KERNEL, which is $2, tells it.
load_profile()
{
	local KERNEL=${2-}

	[ -f "$vm_dir/profiles/$1" ] || die "unknown profile P=$1 (have: $(profile_names | xargs))"
	KERNELS='' QEMU_ARGS='' KERNEL_ARGS='' FEATURES='' FIRST_MODULE='' MODULE_ARGS=''
	# shellcheck source=/dev/null
	. "$vm_dir/profiles/$1"
}

# One line per VM to boot: "KERNEL PROFILE", narrowed by K and P.
matrix()
{
	local k p

	for k in ${K:-$(kernel_names)}; do
		for p in ${P:-$(profile_names)}; do
			load_profile "$p"
			case " $KERNELS " in
			*" $k "*) echo "$k $p" ;;
			esac
		done
	done
}

run_dir()
{
	echo "$build/vm/run/$1-$2-$3"
}

# Holds a lock on NAME until the calling (sub)shell ends: several people may build in one checkout.
hold_lock()
{
	mkdir -p "$build/lock"
	exec 9>"$build/lock/$1"
	flock -n 9 && return
	echo "waiting for someone else's $1 in this checkout" >&2
	flock 9
}
