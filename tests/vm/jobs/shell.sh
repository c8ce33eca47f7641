#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest job: a shell on the console with both modules loaded, for looking around by hand (make vm).
# shellcheck disable=SC2086  # module arguments are words
case " $IOASID_FEATURES " in *" mock "*) insmod /lib/ioasidfd/ioasidfd_mock.ko ;; esac
insmod /lib/ioasidfd/ioasidfd.ko $IOASID_MODULE_ARGS
insmod /lib/ioasidfd/ioasidfd_stub.ko
echo
echo "Kernel $IOASID_KERNEL, profile $IOASID_PROFILE ($IOASID_FEATURES). Programs are in /bin; 'exit' ends the VM."
sh
