#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest job: loads the modules, runs the test program, unloads them, and judges what is left behind.
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
splats="$splats|sleeping function|blocked for more than|soft lockup|detected( expedited)? stall|suspicious RCU|DMAR: ERROR|page_pinner"

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

load()
{
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
			--features "$IOASID_FEATURES" ${IOASID_ONLY:+--only "$IOASID_ONLY"}
		echo "ioasidfd-tests-ended $?"
	} | relay
	read -r results status plan </tmp/relay
	count=$results
	[ "$status" -le 1 ] || {
		result "not ok" harness/exit
		echo "# the test program ended with status $status"
	}
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
	dmesg | grep -v 'ioasidfd-check:' | grep -E "$splats" >/tmp/splats
	if [ ! -s /tmp/splats ] && [ $taint -eq 0 ]; then
		result ok harness/log
	else
		result "not ok" harness/log
		echo "# taint beyond out-of-tree and unsigned: $taint"
		sed 's/^/# /' /tmp/splats
	fi
}

pins_before=$(pins)
plan=
if load; then
	run_tests
	result ok harness/load
else
	result "not ok" harness/load
	plan=0 results=0
fi
check_unload
check_pins
check_log

# Our own results are certain to be there; those of the program are as many as it planned, or the host must know.
[ -z "$plan" ] || echo "1..$((plan + count - results))"
