#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest job: the fuzzer, with the arguments in FUZZ_ARGS; then the modules are unloaded, and what they covered is told.
# shellcheck disable=SC2086,SC2154  # arguments are words; FUZZ_ARGS comes from the kernel's command line

cover=/sys/kernel/debug/ioasidfd-cover
[ ! -f /lib/ioasidfd/ioasidfd_cover.ko ] || insmod /lib/ioasidfd/ioasidfd_cover.ko
case " $IOASID_FEATURES " in *" mock "*) insmod /lib/ioasidfd/ioasidfd_mock.ko ;; esac
insmod /lib/ioasidfd/ioasidfd.ko $IOASID_MODULE_ARGS
insmod /lib/ioasidfd/ioasidfd_stub.ko

# What was there before is not ours.
[ ! -e /sys/kernel/debug/kmemleak ] || echo clear >/sys/kernel/debug/kmemleak
/bin/ioasid-fuzz $FUZZ_ARGS
status=$?

if [ -e /sys/kernel/debug/kmemleak ]; then
	# The second scan tells what the first one only suspected.
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	if grep -q unreferenced /sys/kernel/debug/kmemleak; then
		echo "crash memory leaked"
		head -n 60 /sys/kernel/debug/kmemleak >&2
		status=1
	fi
fi
[ ! -e $cover ] || sh /jobs/sections.sh
rmmod ioasidfd_stub
rmmod ioasidfd
[ ! -e $cover ] || sed 's/^/block /' $cover/blocks
exit $status
