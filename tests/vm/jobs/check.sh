#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest job: loads the modules, runs the test program, unloads them, and judges what is left behind. Where the profile
# has the mock IOMMU, that is there from before the modules until after them, proves itself first (T=mock, or
# mock/NAME, runs only that), and says at the end what it saw.
# Standard output is TAP for the host; whatever is for people goes to standard error, the console.

count=0

result()
{
	count=$((count + 1))
	echo "$1 $count - $2"
}

# What must not appear in the log of a kernel that was only used as intended.
splats='WARNING:|BUG:|Oops|general protection|Call Trace|Kernel panic|Unable to handle|possible recursive|circular lock'
splats="$splats|KASAN|KFENCE|UBSAN|use-after-free|refcount_t|leaked|corruption|[Bb]ad page|scheduling while atomic"
splats="$splats|inconsistent lock|Invalid wait context|non-static key|lock inversion|unlock balance|lock freed|lock held"
splats="$splats|ODEBUG|workqueue lockup|sleeping function|blocked for more than|soft lockup|detected( expedited)? stall|suspicious RCU|DMAR: ERROR|page_pinner"

# Folds the per-CPU parts of the counters, which the kernel otherwise does about once a second.
pins()
{
	echo 1 >/proc/sys/vm/stat_refresh
	awk '$1 == "nr_foll_pin_acquired" { a = $2 } $1 == "nr_foll_pin_released" { r = $2 }
		END { print a - r }' /proc/vmstat
}

loaded()
{
	grep -q "^$1 " /proc/modules
}

has_mock()
{
	case " $IOASID_FEATURES " in *" mock "*) ;; *) return 1 ;; esac
}

# Tests that are asked for by name, split into those of the mock and the others.
split_names()
{
	mock_tests=yes other_tests=yes others=
	[ -n "$IOASID_ONLY" ] || return
	mock_tests='' other_tests=''
	for name in $(echo "$IOASID_ONLY" | tr , ' '); do
		case $name in
		mock | mock/*) mock_tests=yes ;;
		*) other_tests=yes others="$others $name" ;;
		esac
	done
}

load()
{
	[ ! -f /lib/ioasidfd/ioasidfd_cover.ko ] || insmod /lib/ioasidfd/ioasidfd_cover.ko
	if has_mock; then
		insmod /lib/ioasidfd/ioasidfd_mock.ko || return 1
	fi
	# shellcheck disable=SC2086  # module arguments are words
	insmod /lib/ioasidfd/ioasidfd.ko $IOASID_MODULE_ARGS && insmod /lib/ioasidfd/ioasidfd_stub.ko
}

# Passes the results of the test program on, and leaves a mark in the kernel log after each, which lets the host cut
# out what the kernel said during a test. The plan is held back: results of our own follow. The end is a line rather
# than the end of the file, which a process that a test left behind would put off for ever.
relay()
{
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			results=$((results + 1))
			echo "$line"
			echo "ioasidfd-check: $line" >/dev/kmsg
			;;
		1..*)
			plan=${line#1..}
			plan=${plan%% *}
			;;
		"ioasidfd-tests-ended "*)
			echo "$results ${line##* } $plan" >/tmp/relay
			return
			;;
		*)
			echo "$line"
			;;
		esac
	done
}

# 0 and 1 say that all went well and that a test failed; anything else is a crash of the program itself.
run_tests()
{
	results=0 plan=
	echo "0 255" >/tmp/relay
	{
		/bin/ioasid-tests --kernel "$IOASID_KERNEL" --profile "$IOASID_PROFILE" \
			--features "$IOASID_FEATURES" ${others:+--only "$others"}
		echo "ioasidfd-tests-ended $?"
	} | relay
	read -r results status plan </tmp/relay
	count=$((count + results))
	[ "$status" -le 1 ] || {
		result "not ok" harness/exit
		echo "# the test program ended with status $status"
	}
}

# Takes what the mock's own tests say, which is their diagnostics first and then "ok - NAME", to the results.
relay_mock()
{
	awk '
		/^(not )?ok - / { sub(/- /, "- mock/"); print $0 said; said = ""; next }
		{ sub(/^# /, ""); said = said "\n# " $0 }
		END { if (said != "") print substr(said, 2) }' >/tmp/mock
	cat /tmp/mock
	count=$((count + $(grep -cE '^(not )?ok ' /tmp/mock)))
}

# Before anything relies on it.
prove_mock()
{
	unsafe=/sys/module/ioasidfd/parameters/allow_unsafe_interrupts

	insmod /lib/ioasidfd/ioasidfd_mock_selftest.ko && status=ok || status="not ok"
	dmesg | sed -n 's/.*ioasidfd_mock_selftest: //p' >/tmp/selftest
	relay_mock </tmp/selftest
	result "$status" mock/selftest
	rmmod ioasidfd_mock_selftest

	was=$(cat $unsafe)
	echo Y >$unsafe
	mock-abi 0000:00:05.0 >/tmp/abi || echo "not ok - abi-exit" >>/tmp/abi
	relay_mock </tmp/abi
	echo "$was" >$unsafe
}

# Nothing that the mock's IOMMU held is left, and it was used as the kernel uses IOMMUs.
check_mock()
{
	cat /dev/ioasid-mock/control >/tmp/control
	grep -E '^(violation|live_domains|live_leaves|live_pasids|unmapped_unsynced) ' /tmp/control >/tmp/asserted
	rmmod ioasidfd_mock
	if [ "$(grep -c ' 0$' /tmp/asserted)" -eq 5 ] && ! loaded ioasidfd_mock; then
		result ok harness/mock
	else
		result "not ok" harness/mock
		loaded ioasidfd_mock && echo "# still there: ioasidfd_mock"
		sed 's/^/# /' /tmp/asserted
		sed -n 's/^violation:/# &/p' /tmp/control
	fi
}

check_unload()
{
	left=
	rmmod ioasidfd_stub
	rmmod ioasidfd
	for m in ioasidfd_stub ioasidfd; do
		loaded $m && left="$left $m"
	done
	[ -e /dev/ioasid ] && left="$left /dev/ioasid"
	[ -e /dev/ioasid-dev ] && left="$left /dev/ioasid-dev"
	if [ -z "$left" ]; then
		result ok harness/unload
	else
		result "not ok" harness/unload
		echo "# still there:$left"
	fi
}

check_pins()
{
	i=0
	while [ "$(pins)" -ne "$pins_before" ] && [ $i -lt 50 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	pins_after=$(pins)
	if [ "$pins_after" -eq "$pins_before" ]; then
		result ok harness/pins
	else
		result "not ok" harness/pins
		echo "# pages pinned and not released: $((pins_after - pins_before))"
	fi
}

# Bits 12 and 13 say "out of tree" and "unsigned", which we are.
check_log()
{
	taint=$(($(cat /proc/sys/kernel/tainted) & ~0x3000))
	dmesg | grep -vE 'ioasidfd-check:|BUG: KCSAN|debug is enabled' | grep -E "$splats" >/tmp/splats
	if [ ! -s /tmp/splats ] && [ $taint -eq 0 ]; then
		result ok harness/log
	else
		result "not ok" harness/log
		echo "# taint beyond out-of-tree and unsigned: $taint"
		sed 's/^/# /' /tmp/splats
	fi
}

# The first report of the lock validator is its last.
check_lockdep()
{
	if grep -q 'debug_locks: *1' /proc/lockdep_stats; then
		result ok harness/lockdep
	else
		result "not ok" harness/lockdep
		echo "# it was switched off by what it found, see harness/log"
	fi
}

# Memory counts as leaked when it is older than five seconds, and the same in two scans. While the modules are there,
# their functions have names; what only their data points at is leaked once they are gone.
find_leaks()
{
	[ -e $kmemleak ] || return
	sleep 6
	for _ in $1; do
		echo scan >$kmemleak
	done
	cat $kmemleak >>/tmp/leaks
	echo clear >$kmemleak
}

check_leaks()
{
	if [ ! -s /tmp/leaks ]; then
		result ok harness/leaks
	else
		result "not ok" harness/leaks
		sed 's/^/# /' /tmp/leaks | head -n 200
	fi
}

# Those that the kernel has without us are not ours.
check_races()
{
	dmesg | grep 'BUG: KCSAN' >/tmp/all-races
	grep -F '[ioasidfd' /tmp/all-races >/tmp/races
	if [ ! -s /tmp/races ]; then
		result ok harness/races
	else
		result "not ok" harness/races
		sed 's/^/# /' /tmp/races
	fi
}

check_sanitizers()
{
	[ ! -e /proc/lockdep_stats ] || check_lockdep
	[ ! -e $kmemleak ] || check_leaks
	[ ! -e /sys/kernel/debug/kcsan ] || check_races
}

kmemleak=/sys/kernel/debug/kmemleak
[ ! -e $kmemleak ] || echo clear >$kmemleak
pins_before=$(pins)
plan=0 results=0
split_names
if load; then
	result ok harness/load
	[ -z "$mock_tests" ] || ! has_mock || prove_mock
	[ -z "$other_tests" ] || run_tests
else
	result "not ok" harness/load
fi
find_leaks "first second"
cover=/sys/kernel/debug/ioasidfd-cover/blocks
[ ! -e $cover ] || sh /jobs/sections.sh
check_unload
[ ! -e $cover ] || sed 's/^/block /' $cover
! has_mock || check_mock
find_leaks "again"
check_pins
check_log
check_sanitizers

# Our own results are certain to be there; those of the program are as many as it planned, or the host must know.
[ -z "$plan" ] || echo "1..$((plan + count - results))"
