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

# Those that `make check` needs; the others are in a tree of their own.
kernel_names()
{
	awk '!/^#/ && NF == 2 { print $1 }' "$vm_dir/kernels"
}

# Where the tree of a Debian is, once debian-tree has made it. Other packages are another tree.
debian_tree_of()
{
	if [ "$1" = trixie ]; then
		{ awk '!/^#/ && $3 == "trixie" { print $2 }' "$vm_dir/kernels"
			grep -E '^(packages|backports)=' "$vm_dir/debian-tree"; }
	else
		{ awk '!/^#/ && NF == 2 { print $2 }' "$vm_dir/kernels"
			grep -E "^	packages=" "$vm_dir/debian-tree"; }
	fi | sha256sum | awk -v d="$cache/debian/$1-" '{ print d substr($1, 1, 12) }'
}

# in_tree TREE USER COMMAND...: runs it in a tree of another Debian, where this checkout has the same path as here.
# The mounts are seen by nobody else, and gone with it.
in_tree()
{
	# shellcheck disable=SC2016  # another shell's
	as_root unshare --mount --propagation private sh -euc '
		tree=$1 top=$2 user=$3
		shift 3
		mkdir -p "$tree$top"
		mount --bind "$top" "$tree$top"
		mount --rbind /dev "$tree/dev"
		mount -t proc proc "$tree/proc"
		exec chroot --userspec="$user" "$tree" "$@"' sh "$1" "$top" "${@:2}"
}

all_kernel_names()
{
	awk '!/^#/ && NF { print $1 }' "$vm_dir/kernels"
}

# "PACKAGE FROM", the latter empty for a kernel of this machine's Debian.
kernel_entry()
{
	awk -v k="$1" '!/^#/ && $1 == k { print $2, $3; found = 1 } END { exit !found }' "$vm_dir/kernels" ||
		die "unknown kernel K=$1 (have: $(all_kernel_names | xargs))"
}

# The kind of sanitizer kernel, for one that is built here; otherwise nothing.
kernel_kind()
{
	local entry

	entry=$(kernel_entry "$1")
	case $entry in *" source:"*) echo "${entry##*:}" ;; esac
}

# The tree that has the kernel and its compiler, made if need be; nothing for a kernel of this machine's Debian.
kernel_tree()
{
	local entry

	entry=$(kernel_entry "$1")
	[ "${entry#* }" != trixie ] || "$vm_dir/debian-tree"
}

# Its sources' version, and a name for what it is made of.
built_release()
{
	local version hash

	version=$(dpkg-query -W -f '${Version}' "$2" 2>/dev/null) || version=
	[ -n "$version" ] || die "$2 is not installed: run packaging/install-deps --debug"
	hash=$({ cat "$vm_dir/kernel-base.config" "$vm_dir/kernel-$(kernel_kind "$1").config"; echo "$version"; } | sha256sum)
	echo "${version%%-*}-${1#*-}-${hash:0:8}"
}

# 6.12 -> the kernel release that Debian's meta package of that series points at, or the newest one in the tree.
kernel_release()
{
	local entry tree release

	entry=$(kernel_entry "$1")
	if [ -n "$(kernel_kind "$1")" ]; then
		built_release "$1" "${entry% *}"
		return
	fi
	tree=$(kernel_tree "$1")
	# shellcheck disable=SC2016  # dpkg's own variables
	if [ -n "$tree" ]; then
		release=$(dpkg-query --admindir="$tree/var/lib/dpkg" -W -f '${Package}\n' "${entry% *}" |
			sed 's/^linux-headers-//' | sort -V | tail -n 1)
	else
		release=$(dpkg-query -W -f '${Depends}\n' "${entry% *}" 2>/dev/null |
			sed -n 's/.*linux-headers-\([0-9][^ ,]*-amd64\).*/\1/p')
	fi
	[ -n "$release" ] || die "${entry% *} is not installed: run packaging/install-deps"
	echo "$release"
}

# What modules for the kernel K are built in; of one that is built here, that is made if need be.
kernel_build_dir()
{
	if [ -n "$(kernel_kind "$1")" ]; then
		echo "$("$vm_dir/fetch-kernel" "$1")/build"
	else
		echo "/lib/modules/$(kernel_release "$1")/build"
	fi
}

# The version of the Debian package that the kernel K came in.
kernel_package_version()
{
	local tree

	tree=$(kernel_tree "$1")
	# shellcheck disable=SC2016
	dpkg-query ${tree:+"--admindir=$tree/var/lib/dpkg"} -W -f '${Version}' "linux-headers-$(kernel_release "$1")"
}

profile_names()
{
	find "$vm_dir/profiles" -maxdepth 1 -type f -printf '%f\n' | LC_ALL=C sort
}

# Sets KERNELS MATRIX_KERNELS DEBUG_KERNELS QEMU_TREE QEMU_ARGS KERNEL_ARGS FEATURES FIRST_MODULE MODULE_ARGS from profile
# $1: KERNELS are those that `make check` runs it on, MATRIX_KERNELS those that `make check-matrix` adds, DEBUG_KERNELS
# those of `make check-debug`. Where its features depend on the kernel, KERNEL, which is $2, tells it. On a kernel with
# sanitizers, their name and "slow" are features. What is done over and over is done to the full on mock, and on vtd-sm of
# the newest kernel that `make check` has, and is "brief" elsewhere, unless FULL is set.
load_profile()
{
	local KERNEL=${2-} is_brief

	[ -f "$vm_dir/profiles/$1" ] || die "unknown profile P=$1 (have: $(profile_names | xargs))"
	KERNELS='' MATRIX_KERNELS='' DEBUG_KERNELS='' QEMU_TREE='' QEMU_ARGS='' KERNEL_ARGS='' FEATURES='' FIRST_MODULE='' MODULE_ARGS=''
	# shellcheck source=/dev/null
	. "$vm_dir/profiles/$1"
	[ -z "$KERNEL" ] || [ -z "$(kernel_kind "$KERNEL")" ] || FEATURES="$FEATURES slow $(kernel_kind "$KERNEL")"
	is_brief=yes
	case $1/$KERNEL in
	*/*-debug | */*-kcsan) ;;
	mock/* | vtd-sm/6.12) is_brief= ;;
	esac
	[ -z "$is_brief" ] || [ -n "${FULL-}" ] || FEATURES="$FEATURES brief"
}

# One line per VM to boot: "KERNEL PROFILE", narrowed by K and P. With MATRIX those that are additional, with DEBUG those
# with sanitizers; a kernel that is named is run in any case.
matrix()
{
	local k p kernels

	for k in ${K:-$(all_kernel_names)}; do
		for p in ${P:-$(profile_names)}; do
			load_profile "$p"
			kernels=$KERNELS
			[ -z "${MATRIX-}" ] || kernels=$MATRIX_KERNELS
			[ -z "${DEBUG-}" ] || kernels=$DEBUG_KERNELS
			[ -z "${K-}" ] || kernels="$KERNELS $MATRIX_KERNELS $DEBUG_KERNELS"
			case " $kernels " in
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
