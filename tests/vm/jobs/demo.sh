#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest job: loads both modules, runs the demo, and unloads them. What it prints is for a person.
# shellcheck disable=SC2086  # module arguments are words

# The kernel's messages would come in between; the demo shows those that matter.
dmesg -n 1
exec 2>&1

echo "ioasidfd: a program takes an NVMe controller from the kernel and drives it by DMA through an"
echo "I/O address space of its own. This is a VM with an IOMMU (kernel $IOASID_KERNEL, profile $IOASID_PROFILE)."

if ! insmod /lib/ioasidfd/ioasidfd.ko $IOASID_MODULE_ARGS ||
	! insmod /lib/ioasidfd/ioasidfd_stub.ko; then
	echo "demo: the modules cannot be loaded"
	dmesg | tail -n 5
	exit 1
fi

/bin/demo || exit 1

if ! rmmod ioasidfd_stub || ! rmmod ioasidfd; then
	echo "demo: the modules cannot be unloaded"
	exit 1
fi
